/* K-FAC operators as safetensors files: for site s the entries
 *     s.site      [6] weight, bias (-1: none), outputs, inputs, 1 for a table, whether it is set
 *     s.inputs.values [k]  s.inputs.vectors [k, n]  s.outputs.values  s.outputs.vectors
 *     s.tails [2]  s.moments [outputs, n]
 * without vectors where these are the identity, and moments where there are none; and the diagonal
 * [parameters]. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "hessian/kfac.h"
#include "io/safetensors.h"

#include <symo/io.h>

static const char *const format = "symo-kfac", *const version = "1";

enum { PER_SITE = 7, SITE_NUMBERS = 6, NAME = 48 };

/* ---- writing ---- */

typedef struct writer {
  size_t count;
  symo_safetensors_item *items;
  char (*names)[NAME];
} writer;

static void add(writer *w, size_t site, const char *what, size_t order, size_t n0, size_t n1,
                const double *data) {
  if (data == NULL) return;
  char *name = w->names[w->count];
  (void)snprintf(name, NAME, "%zu.%s", site, what);
  w->items[w->count++] = (symo_safetensors_item){.name = name,
                                                 .type = symo_scalar_of(SYMO_F64),
                                                 .order = order,
                                                 .shape = {n0, n1},
                                                 .data = data};
}

static void add_site(writer *w, size_t s, const kfac_site *site, double *numbers) {
  const symo_factor_site *where = &site->where;
  const double values[SITE_NUMBERS] = {
      (double)where->weight,  where->bias == SYMO_NONE ? -1 : (double)where->bias,
      (double)where->outputs, (double)where->inputs,
      where->table ? 1 : 0,   symo_kfac_is_set(site) ? 1 : 0};
  memcpy(numbers, values, sizeof values);
  numbers[SITE_NUMBERS] = site->a.tail, numbers[SITE_NUMBERS + 1] = site->g.tail;
  add(w, s, "site", 1, SITE_NUMBERS, 0, numbers);
  if (!symo_kfac_is_set(site)) return;
  add(w, s, "inputs.values", 1, site->a.k, 0, site->a.values);
  add(w, s, "inputs.vectors", 2, site->a.k, site->a.n, site->a.v);
  add(w, s, "outputs.values", 1, site->g.k, 0, site->g.values);
  add(w, s, "outputs.vectors", 2, site->g.k, site->g.n, site->g.v);
  add(w, s, "tails", 1, 2, 0, numbers + SITE_NUMBERS);
  add(w, s, "moments", 2, site->g.n, site->a.n, site->moments);
}

symo_status symo_kfac_write(const symo_kfac *kfac, const char *path) {
  if (kfac == NULL) return SYMO_E_ARGUMENT;
  if (path == NULL) return symo_fail_null(kfac->context, "kfac_write", "path");
  const size_t most = PER_SITE * kfac->num_sites + 1;
  char sites[32];
  symo_status status = SYMO_OK;
  writer w = {.items = symo_calloc(most, sizeof *w.items), .names = symo_calloc(most, NAME)};
  double *numbers = symo_calloc((SITE_NUMBERS + 2) * kfac->num_sites + 1, sizeof *numbers);
  if (w.items == NULL || w.names == NULL || numbers == NULL)
    SYMO_TRY(symo_fail_memory(kfac->context, path));
  for (size_t s = 0; s < kfac->num_sites; s++)
    add_site(&w, s, &kfac->sites[s], numbers + (SITE_NUMBERS + 2) * s);
  w.items[w.count++] = (symo_safetensors_item){.name = "diagonal",
                                               .type = symo_scalar_of(SYMO_F64),
                                               .order = 1,
                                               .shape = {kfac->parameters},
                                               .data = kfac->diagonal};
  (void)snprintf(sites, sizeof sites, "%zu", kfac->num_sites);
  const symo_safetensors_text texts[] = {
      {"format", format}, {"version", version}, {"sites", sites}};
  status = symo_safetensors_write(kfac->context, path, sizeof texts / sizeof *texts, texts, w.count,
                                  w.items);
fail:
  symo_free(w.items);
  symo_free(w.names);
  symo_free(numbers);
  return status;
}

/* ---- reading ---- */

typedef struct reader {
  symo_context *context;
  const char *path;
  symo_safetensors *file;
} reader;

static const symo_safetensors_entry *find(const reader *r, size_t site, const char *what) {
  char name[NAME];
  (void)snprintf(name, sizeof name, "%zu.%s", site, what);
  return symo_safetensors_find(r->file, name);
}

/* Numbers of an entry that must be there, finite; data: room for count numbers. */
static symo_status read(const reader *r, size_t site, const char *what, size_t order, size_t n0,
                        size_t n1, double *data) {
  const symo_safetensors_entry *entry = find(r, site, what);
  const size_t shape[] = {n0, n1};
  symo_status status;
  if (entry == NULL)
    return symo_fail(r->context, SYMO_E_FORMAT, "%s: no entry %zu.%s (make it again)", r->path,
                     site, what);
  SYMO_TRY(symo_safetensors_expect_shape(r->file, entry, order, shape, NULL));
  SYMO_TRY(symo_safetensors_read(r->file, entry, SYMO_F64, data));
  if (!symo_all_finite(SYMO_F64, entry->count, data))
    return symo_fail(r->context, SYMO_E_NONFINITE,
                     "%s: entry %zu.%s holds NaN or infinity (make it again)", r->path, site, what);
fail:
  return status;
}

static bool is_size(double x) { return x >= 0 && x <= 9e15 && x == floor(x); }

static symo_status read_site(const reader *r, size_t s, symo_factor_site *out, bool *set) {
  double x[SITE_NUMBERS];
  symo_status status = read(r, s, "site", 1, SITE_NUMBERS, 0, x);
  if (status != SYMO_OK) return status;
  if (!is_size(x[0]) || !(x[1] == -1 || is_size(x[1])) || !is_size(x[2]) || !is_size(x[3]))
    return symo_fail(r->context, SYMO_E_FORMAT, "%s: entry %zu.site: no sizes (make it again)",
                     r->path, s);
  *out = (symo_factor_site){.weight = (size_t)x[0],
                            .bias = x[1] == -1 ? SYMO_NONE : (size_t)x[1],
                            .outputs = (size_t)x[2],
                            .inputs = (size_t)x[3],
                            .table = x[4] != 0};
  *set = x[5] != 0;
  return SYMO_OK;
}

static symo_status read_factor(const reader *r, symo_kfac *kfac, size_t s, bool inputs, size_t n,
                               double tail) {
  kfac_factor *f = inputs ? &kfac->sites[s].a : &kfac->sites[s].g;
  const char *values = inputs ? "inputs.values" : "outputs.values";
  const char *vectors = inputs ? "inputs.vectors" : "outputs.vectors";
  const bool identity = inputs && kfac->sites[s].where.table;
  const symo_safetensors_entry *entry = find(r, s, values);
  symo_status status = SYMO_OK;
  const size_t k = entry != NULL ? entry->count : 0;
  if (k == 0 || k > n || (identity && k != n))
    return symo_fail(r->context, SYMO_E_FORMAT, "%s: entry %zu.%s: from 1 to %zu numbers", r->path,
                     s, values, n);
  SYMO_TRY(symo_kfac_take_factor(kfac, f, n, k, identity));
  SYMO_TRY(read(r, s, values, 1, k, 0, f->values));
  if (!identity) SYMO_TRY(read(r, s, vectors, 2, k, n, f->v));
  f->tail = tail;
  for (size_t i = 0; i < k; i++)
    if (!(f->values[i] >= 0) || !(tail >= 0))
      return symo_fail(r->context, SYMO_E_FORMAT, "%s: entry %zu.%s: below zero", r->path, s,
                       values);
fail:
  return status;
}

static symo_status read_pair(const reader *r, symo_kfac *kfac, size_t s) {
  kfac_site *site = &kfac->sites[s];
  const size_t m = symo_kfac_width(site), n = site->where.outputs;
  double tails[2];
  symo_status status;
  SYMO_TRY(read(r, s, "tails", 1, 2, 0, tails));
  SYMO_TRY(read_factor(r, kfac, s, true, m, tails[0]));
  SYMO_TRY(read_factor(r, kfac, s, false, n, tails[1]));
  if (find(r, s, "moments") == NULL) return SYMO_OK;
  site->moments = symo_calloc(n * m, sizeof *site->moments);
  if (site->moments == NULL) return symo_fail_memory(r->context, r->path);
  SYMO_TRY(read(r, s, "moments", 2, n, m, site->moments));
  if (site->a.k < m || site->g.k < n)
    return symo_fail(r->context, SYMO_E_FORMAT, "%s: entry %zu.moments: bases are not whole",
                     r->path, s);
fail:
  return status;
}

static symo_status count_sites(const reader *r, size_t *sites, size_t *parameters) {
  const char *kind = symo_safetensors_metadata(r->file, "format");
  const char *number = symo_safetensors_metadata(r->file, "version");
  const symo_safetensors_entry *diagonal = symo_safetensors_find(r->file, "diagonal");
  if (kind == NULL || strcmp(kind, format) != 0 || number == NULL || strcmp(number, version) != 0)
    return symo_fail(r->context, SYMO_E_FORMAT,
                     "%s: not a K-FAC operator (symo_kfac_write makes them)", r->path);
  if (diagonal == NULL || diagonal->order != 1)
    return symo_fail(r->context, SYMO_E_FORMAT, "%s: no entry diagonal [parameters]", r->path);
  *sites = 0;
  while (find(r, *sites, "site") != NULL) ++*sites;
  *parameters = diagonal->count;
  return SYMO_OK;
}

static symo_status read_all(const reader *r, symo_kfac **out) {
  size_t count = 0, parameters = 0;
  symo_factor_site *sites = NULL;
  bool *set = NULL;
  symo_status status;
  SYMO_TRY(count_sites(r, &count, &parameters));
  sites = symo_calloc(count, sizeof *sites);
  set = symo_calloc(count, sizeof *set);
  if (sites == NULL || set == NULL) SYMO_TRY(symo_fail_memory(r->context, r->path));
  for (size_t s = 0; s < count; s++) SYMO_TRY(read_site(r, s, &sites[s], &set[s]));
  status = symo_kfac_create(r->context, parameters, count, sites, out);
  if (status == SYMO_E_ARGUMENT)
    status = symo_fail_within(r->context, SYMO_E_FORMAT, "%s", r->path);
  for (size_t s = 0; s < count && status == SYMO_OK; s++)
    if (set[s]) status = read_pair(r, *out, s);
  if (status == SYMO_OK)
    status = symo_safetensors_read(r->file, symo_safetensors_find(r->file, "diagonal"), SYMO_F64,
                                   (*out)->diagonal);
  if (status == SYMO_OK && !symo_all_finite(SYMO_F64, parameters, (*out)->diagonal))
    status = symo_fail(r->context, SYMO_E_NONFINITE,
                       "%s: entry diagonal holds NaN or infinity (make it again)", r->path);
fail:
  symo_free(sites);
  symo_free(set);
  return status;
}

symo_status symo_kfac_read(symo_context *context, const char *path, symo_kfac **out) {
  if (path == NULL || out == NULL)
    return symo_fail_null(context, "kfac_read", path == NULL ? "path" : "out");
  reader r = {.context = context, .path = path};
  symo_kfac *kfac = NULL;
  symo_status status = symo_safetensors_open(context, path, &r.file);
  if (status == SYMO_OK) status = read_all(&r, &kfac);
  symo_safetensors_close(r.file);
  if (status == SYMO_OK)
    *out = kfac;
  else
    symo_kfac_destroy(kfac);
  return status;
}
