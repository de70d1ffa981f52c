/* Low rank plus symmetry as files: the same bits come back, and files that are none are refused. */
#include <stdio.h>
#include <stdlib.h>

#include "core/linalg.h"
#include "io/safetensors.h"
#include "tests/support/world.h"

#include <symo/io.h>

enum { P = 15 };

static symo_lowrank *make(symo_world *w, symo_dtype dtype, size_t k) {
  symo_plan *plan = symo_world_plan(w, dtype, SYMO_COUPLED, false);
  symo_hessian *rest = symo_world_indefinite(w, plan);
  symo_lowrank *h = NULL;
  double values[2] = {3, -0.1}, u[2 * P] = {0}, packed[2 * P];
  u[1] = 0.6;
  u[7] = 0.8;
  u[P + 2] = 1;
  symo_test_pack(dtype, u, packed, 2 * P);
  cr_ok(w->context, symo_lowrank_create(rest, k, values, packed, &h));
  symo_hessian_destroy(rest);
  symo_plan_destroy(plan);
  return h;
}

Test(lowrank_file, the_same_bits_come_back) {
  symo_world w;
  symo_world_open(&w, 81);
  symo_world_parse(&w, "i: identity 2; h: signed-permutation 5; w[h,i] b[h]");
  for (int dtype = SYMO_F32; dtype <= SYMO_F64; dtype++)
    for (size_t k = 0; k <= 2; k++) {
      const char *path = symo_test_path("lowrank.safetensors");
      double a[P * P], b[P * P];
      bool lowrank = false;
      symo_lowrank *h = make(&w, (symo_dtype)dtype, k), *back = NULL;
      symo_hessian *plain = NULL;
      cr_ok(w.context, symo_lowrank_write(h, path));
      cr_ok(w.context, symo_hessian_file_is_lowrank(w.context, path, &lowrank));
      cr_assert(lowrank);
      cr_ok(w.context, symo_lowrank_read(w.context, path, &back));
      cr_assert(symo_lowrank_rank(back) == k);
      cr_assert(k == 0 || memcmp(symo_lowrank_values(h), symo_lowrank_values(back), 8 * k) == 0);
      cr_assert(k == 0 || memcmp(symo_lowrank_vectors(h), symo_lowrank_vectors(back),
                                 k * P * symo_dtype_size((symo_dtype)dtype)) == 0);
      cr_ok(w.context, symo_lowrank_dense(h, a));
      cr_ok(w.context, symo_lowrank_dense(back, b));
      cr_assert(memcmp(a, b, sizeof a) == 0);
      cr_fails(w.context, SYMO_E_FORMAT, "not a structured Hessian",
               symo_hessian_read(w.context, path, &plain));
      cr_ok(w.context, symo_hessian_write(symo_lowrank_rest(h), path));
      cr_ok(w.context, symo_hessian_file_is_lowrank(w.context, path, &lowrank));
      cr_assert(!lowrank);
      symo_lowrank_destroy(back);
      cr_fails(w.context, SYMO_E_FORMAT, "not low rank plus symmetry",
               symo_lowrank_read(w.context, path, &back));
      symo_lowrank_destroy(h);
    }
  symo_world_close(&w);
}

/* A file with the metadata and the blocks of a sound one, and other eigenpairs. */
static void forge(symo_world *w, const char *path, size_t count,
                  const symo_safetensors_item *pairs) {
  static const char *const keys[] = {"format",   "version",  "name",  "dtype",
                                     "coupling", "centered", "layout"};
  const char *sound = symo_test_path("sound.safetensors");
  symo_lowrank *h = make(w, SYMO_F64, 2);
  symo_safetensors *file;
  symo_safetensors_text texts[7];
  symo_safetensors_item items[8];
  double *data[8];
  size_t used = 0, blocks;
  cr_ok(w->context, symo_lowrank_write(h, sound));
  cr_ok(w->context, symo_safetensors_open(w->context, sound, &file));
  for (size_t i = 0; i < 7; i++)
    texts[i] = (symo_safetensors_text){keys[i], symo_safetensors_metadata(file, keys[i])};
  for (size_t i = 0; i < symo_safetensors_count(file); i++) {
    const symo_safetensors_entry *e = symo_safetensors_at(file, i);
    if (e->name[0] == '#') continue;
    data[used] = malloc(e->count * sizeof(double) + 1);
    cr_ok(w->context, symo_safetensors_read_raw(file, e, data[used]));
    items[used] = (symo_safetensors_item){e->name, e->type, e->order, {0}, data[used]};
    memcpy(items[used].shape, e->shape, sizeof e->shape);
    used++;
  }
  blocks = used;
  for (size_t i = 0; i < count; i++) items[used++] = pairs[i];
  cr_ok(w->context, symo_safetensors_write(w->context, path, 7, texts, used, items));
  for (size_t i = 0; i < blocks; i++) free(data[i]);
  symo_safetensors_close(file);
  symo_lowrank_destroy(h);
}

Test(lowrank_file, forged_eigenpairs_are_refused) {
  symo_world w;
  symo_world_open(&w, 82);
  symo_world_parse(&w, "i: identity 2; h: signed-permutation 5; w[h,i] b[h]");
  double values[2] = {1, 2}, u[2 * P] = {0}, twice[2 * P] = {1};
  float narrow[2 * P] = {0};
  u[0] = u[P + 1] = 1;
  twice[P] = 1;
  const symo_scalar f64 = symo_scalar_of(SYMO_F64), f32 = symo_scalar_of(SYMO_F32);
  const symo_safetensors_item v = {"#values", f64, 1, {2}, values},
                              m = {"#vectors", f64, 2, {2, P}, u};
  const struct {
    const char *word;
    size_t count;
    symo_safetensors_item items[2];
  } rows[] = {
      {"no entry #vectors", 2, {v, {"#other", f64, 2, {2, P}, u}}},
      {"entries", 1, {v}},
      {"#values: order 2", 2, {{"#values", f64, 2, {1, 2}, values}, m}},
      {"[2, 14]", 2, {v, {"#vectors", f64, 2, {2, P - 1}, u}}},
      {"[1, 15]", 2, {v, {"#vectors", f64, 2, {1, P}, u}}},
      {"types", 2, {v, {"#vectors", f32, 2, {2, P}, narrow}}},
      {"orthonormal", 2, {v, {"#vectors", f64, 2, {2, P}, twice}}},
  };
  char path[256]; /* that of symo_test_path lasts for seven calls more */
  (void)snprintf(path, sizeof path, "%s", symo_test_path("forged.safetensors"));
  symo_lowrank *h = NULL;
  const symo_safetensors_item sound[] = {v, m};
  forge(&w, path, 2, sound);
  cr_ok(w.context, symo_lowrank_read(w.context, path, &h));
  symo_lowrank_destroy(h);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    forge(&w, path, rows[i].count, rows[i].items);
    symo_status status = symo_lowrank_read(w.context, path, &h);
    const char *detail = symo_context_detail(w.context);
    cr_assert(status == SYMO_E_FORMAT || status == SYMO_E_SHAPE, "row %zu: %s", i,
              symo_status_name(status));
    cr_assert(strstr(detail, rows[i].word) != NULL && strstr(detail, "forged") != NULL,
              "row %zu: no \"%s\" in \"%s\"", i, rows[i].word, detail);
  }
  symo_world_close(&w);
}
