/* The K-FAC operator: what it holds, and how it is made of statistics (Martens, Grosse 2015, arXiv
 * 1503.05671; shared weights: Grosse, Martens 2016, arXiv 1602.01407, and Eschenhagen et al. 2023,
 * arXiv 2311.00636; second moments: George et al. 2018, arXiv 1806.03884).
 *
 * For a deep linear network and squared error G (x) A is the block of the Gauss-Newton matrix: d
 * does not depend on a.  So it is for a single example. */
#include "hessian/kfac.h"
#include "hessian/problem.h"

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"

/* ---- memory ---- */

static void factor_free(kfac_factor *f) {
  symo_free(f->v);
  symo_free(f->values);
  f->v = f->values = NULL;
}

symo_status symo_kfac_take_factor(symo_kfac *kfac, kfac_factor *f, size_t n, size_t k,
                                  bool identity) {
  kfac_factor made = {.n = n, .k = k};
  made.values = symo_calloc(k, sizeof *made.values);
  if (!identity) made.v = symo_calloc(k * n, sizeof *made.v);
  if (made.values == NULL || (made.v == NULL && !identity)) {
    factor_free(&made);
    return symo_fail_memory(kfac->context, "kfac");
  }
  factor_free(f);
  *f = made;
  return SYMO_OK;
}

void symo_kfac_destroy(symo_kfac *kfac) {
  if (kfac == NULL) return;
  for (size_t s = 0; s < kfac->num_sites && kfac->sites != NULL; s++) {
    factor_free(&kfac->sites[s].a);
    factor_free(&kfac->sites[s].g);
    symo_free(kfac->sites[s].moments);
  }
  symo_free(kfac->sites);
  symo_free(kfac->held);
  symo_free(kfac->diagonal);
  symo_free(kfac);
}

size_t symo_kfac_width(const kfac_site *site) {
  return site->where.inputs + (site->where.bias != SYMO_NONE ? 1 : 0);
}

bool symo_kfac_is_set(const kfac_site *site) { return site->a.values != NULL; }

static factor_basis basis_of(const kfac_factor *f) {
  return (factor_basis){f->n, f->k, f->v, f->values, f->tail};
}

factor_pair symo_kfac_pair(const kfac_site *site) {
  return (factor_pair){SYMO_F64, basis_of(&site->g), basis_of(&site->a), site->moments};
}

/* ---- sites ---- */

/* Marks [first, first + count); false if it leaves the vector or meets what is marked. */
static bool mark(symo_kfac *kfac, size_t first, size_t count) {
  if (first > kfac->parameters || count > kfac->parameters - first) return false;
  for (size_t i = first; i < first + count; i++) {
    if (kfac->held[i]) return false;
    kfac->held[i] = true;
  }
  return true;
}

static symo_status check_sites(symo_kfac *kfac) {
  for (size_t s = 0; s < kfac->num_sites; s++) {
    const symo_factor_site *site = &kfac->sites[s].where;
    size_t count;
    if (site->outputs == 0 || site->inputs == 0 ||
        !symo_mul_size(site->outputs, site->inputs, &count) || !mark(kfac, site->weight, count) ||
        (site->bias != SYMO_NONE && !mark(kfac, site->bias, site->outputs)))
      return symo_fail(kfac->context, SYMO_E_ARGUMENT,
                       "kfac: site %zu is empty, leaves the %zu parameters or overlaps another "
                       "(check offsets and sizes)",
                       s, kfac->parameters);
  }
  return SYMO_OK;
}

symo_status symo_kfac_create(symo_context *context, size_t parameters, size_t num_sites,
                             const symo_factor_site *sites, symo_kfac **out) {
  symo_status status = SYMO_OK;
  if (out == NULL || (sites == NULL && num_sites > 0))
    return symo_fail_null(context, "kfac_create", out == NULL ? "out" : "sites");
  symo_kfac *kfac = symo_calloc(1, sizeof *kfac);
  if (kfac == NULL) return symo_fail_memory(context, "kfac");
  kfac->context = context;
  kfac->parameters = parameters;
  kfac->num_sites = num_sites;
  kfac->sites = symo_calloc(num_sites, sizeof *kfac->sites);
  kfac->held = symo_calloc(parameters, sizeof *kfac->held);
  kfac->diagonal = symo_calloc(parameters, sizeof *kfac->diagonal);
  if (kfac->sites == NULL || kfac->held == NULL || kfac->diagonal == NULL)
    SYMO_TRY(symo_fail_memory(context, "kfac"));
  for (size_t s = 0; s < num_sites; s++) kfac->sites[s].where = sites[s];
  SYMO_TRY(check_sites(kfac));
  *out = kfac;
  return SYMO_OK;
fail:
  symo_kfac_destroy(kfac);
  return status;
}

/* ---- factors ---- */

static symo_status check_site(const symo_kfac *kfac, const char *where, size_t site,
                              const symo_factor_sums *sums) {
  if (kfac == NULL) return SYMO_E_ARGUMENT;
  if (sums == NULL) return symo_fail_null(kfac->context, where, "sums");
  if (site >= kfac->num_sites)
    return symo_fail_index(kfac->context, where, "site", site, "operator", kfac->num_sites);
  if (symo_dtype_size(sums->dtype) == 0)
    return symo_fail(kfac->context, SYMO_E_DTYPE, "%s: the sums have no dtype (f32 or f64)", where);
  if (sums->bias != (kfac->sites[site].where.bias != SYMO_NONE))
    return symo_fail(kfac->context, SYMO_E_ARGUMENT,
                     "%s: sums of site %zu are %s bias (see symo_factor_sums)", where, site,
                     sums->bias ? "with a" : "without its");
  if (!(sums->output_count > 0))
    return symo_fail(kfac->context, SYMO_E_ARGUMENT, "%s: site %zu has no examples (add some)",
                     where, site);
  return SYMO_OK;
}

static symo_status refuse(const symo_kfac *kfac, const char *where, size_t site) {
  return symo_fail(kfac->context, SYMO_E_NONFINITE,
                   "%s: statistics of site %zu hold NaN or infinity (look at the parameters)",
                   where, site);
}

/* The eigendecomposition of a sum over count. */
static symo_status set_factor(symo_kfac *kfac, size_t site, kfac_factor *f, size_t n,
                              const symo_factor_sums *sums, const void *sum, double count) {
  symo_status status = symo_kfac_take_factor(kfac, f, n, n, false);
  void *work = NULL;
  if (status != SYMO_OK) return status;
  if (n > SYMO_EIGH_MAX)
    SYMO_TRY(symo_fail(kfac->context, SYMO_E_SIZE, "kfac: site %zu has a side of %zu (at most %d)",
                       site, n, SYMO_EIGH_MAX));
  work = symo_malloc(symo_eigh_work(SYMO_F64, n));
  if (work == NULL) SYMO_TRY(symo_fail_memory(kfac->context, "kfac"));
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) f->v[i * n + j] = symo_get(sums->dtype, sum, i * n + j) / count;
  if (!symo_all_finite(SYMO_F64, n * n, f->v)) SYMO_TRY(refuse(kfac, "kfac_set", site));
  status = symo_eigh(SYMO_F64, n, f->v, f->values, work);
  if (status != SYMO_OK)
    SYMO_TRY(symo_fail(kfac->context, status,
                       "kfac: the eigendecomposition of a factor of site %zu failed (look for "
                       "enormous gradients)",
                       site));
  for (size_t i = 0; i < n; i++) f->values[i] = fmax(f->values[i], 0);
  symo_free(work);
  return SYMO_OK;
fail:
  symo_free(work);
  factor_free(f);
  return status;
}

/* Of a table: the share of each entry. */
static symo_status set_table(symo_kfac *kfac, size_t site, kfac_factor *f, size_t n,
                             const symo_factor_sums *sums) {
  symo_status status = symo_kfac_take_factor(kfac, f, n, n, true);
  if (status != SYMO_OK) return status;
  for (size_t i = 0; i < n; i++)
    f->values[i] = symo_get(sums->dtype, sums->inputs, i) / sums->input_count;
  return symo_all_finite(SYMO_F64, n, f->values) ? SYMO_OK : refuse(kfac, "kfac_set", site);
}

symo_status symo_kfac_set(symo_kfac *kfac, size_t site, const symo_factor_sums *sums) {
  symo_status status = check_site(kfac, "kfac_set", site, sums);
  if (status != SYMO_OK) return status;
  kfac_site *s = &kfac->sites[site];
  if (sums->inputs == NULL || sums->outputs == NULL || sums->input_columns > 0 ||
      sums->output_columns > 0 || !(sums->input_count > 0))
    return symo_fail(kfac->context, SYMO_E_ARGUMENT,
                     "kfac_set: site %zu: takes whole matrices of inputs and outputs (without test "
                     "matrices)",
                     site);
  kfac_factor a = {0}, g = {0};
  const size_t m = symo_kfac_width(s);
  SYMO_TRY(s->where.table ? set_table(kfac, site, &a, m, sums)
                          : set_factor(kfac, site, &a, m, sums, sums->inputs, sums->input_count));
  SYMO_TRY(set_factor(kfac, site, &g, s->where.outputs, sums, sums->outputs, sums->output_count));
  factor_free(&s->a);
  factor_free(&s->g);
  symo_free(s->moments);
  s->moments = NULL;
  s->a = a, s->g = g;
  return SYMO_OK;
fail:
  factor_free(&a);
  factor_free(&g);
  return status;
}

static symo_status check_whole(const symo_kfac *kfac, const char *where, size_t site) {
  const kfac_site *s = &kfac->sites[site];
  if (symo_kfac_is_set(s) && s->a.k == s->a.n && s->g.k == s->g.n) return SYMO_OK;
  return symo_fail(kfac->context, SYMO_E_ARGUMENT,
                   "%s: site %zu has no whole eigenbasis (call kfac_set first)", where, site);
}

symo_status symo_kfac_basis(const symo_kfac *kfac, size_t site, const double **inputs,
                            const double **outputs) {
  if (kfac == NULL) return SYMO_E_ARGUMENT;
  if (site >= kfac->num_sites)
    return symo_fail_index(kfac->context, "kfac_basis", "site", site, "operator", kfac->num_sites);
  symo_status status = check_whole(kfac, "kfac_basis", site);
  if (status != SYMO_OK) return status;
  if (inputs != NULL) *inputs = kfac->sites[site].a.v;
  if (outputs != NULL) *outputs = kfac->sites[site].g.v;
  return SYMO_OK;
}

symo_status symo_kfac_set_moments(symo_kfac *kfac, size_t site, const symo_factor_sums *sums) {
  symo_status status = check_site(kfac, "kfac_set_moments", site, sums);
  if (status == SYMO_OK) status = check_whole(kfac, "kfac_set_moments", site);
  if (status != SYMO_OK) return status;
  if (sums->moments == NULL) return symo_fail_null(kfac->context, "kfac_set_moments", "moments");
  kfac_site *s = &kfac->sites[site];
  const size_t count = s->where.outputs * symo_kfac_width(s);
  double *moments = symo_calloc(count, sizeof *moments);
  if (moments == NULL) return symo_fail_memory(kfac->context, "kfac");
  for (size_t i = 0; i < count; i++)
    moments[i] = symo_get(sums->dtype, sums->moments, i) / sums->output_count;
  if (!symo_all_finite(SYMO_F64, count, moments)) {
    symo_free(moments);
    return refuse(kfac, "kfac_set_moments", site);
  }
  symo_free(s->moments);
  s->moments = moments;
  return SYMO_OK;
}

symo_status symo_kfac_set_diagonal(symo_kfac *kfac, const double *diagonal) {
  if (kfac == NULL) return SYMO_E_ARGUMENT;
  if (diagonal == NULL) return symo_fail_null(kfac->context, "kfac_set_diagonal", "diagonal");
  if (!symo_all_finite(SYMO_F64, kfac->parameters, diagonal))
    return symo_fail(kfac->context, SYMO_E_NONFINITE,
                     "kfac_set_diagonal: the diagonal holds NaN or infinity");
  for (size_t i = 0; i < kfac->parameters; i++)
    kfac->diagonal[i] = kfac->held[i] ? 0 : fmax(diagonal[i], 0);
  return SYMO_OK;
}

/* ---- low rank ---- */

static symo_status truncate_factor(symo_kfac *kfac, kfac_factor *f, double rank, double share) {
  const size_t n = f->n;
  const double wanted = rank < 1 ? ceil(rank * (double)n) : rank;
  const size_t most = wanted < (double)n ? (size_t)fmax(wanted, 1) : n;
  double all = 0, kept = 0;
  size_t k = 0;
  kfac_factor low = {0};
  if (f->v == NULL || f->k < n) return SYMO_OK; /* a table, or low already */
  for (size_t i = 0; i < n; i++) all += f->values[i];
  while (k < most && !(k > 0 && kept >= share * all)) kept += f->values[n - ++k];
  symo_status status = symo_kfac_take_factor(kfac, &low, n, k, false);
  if (status != SYMO_OK) return status;
  for (size_t i = 0; i < k; i++) { /* largest first */
    low.values[i] = f->values[n - 1 - i];
    memcpy(low.v + i * n, f->v + (n - 1 - i) * n, n * sizeof *low.v);
  }
  if (k < n) low.tail = fmax(all - kept, 0) / (double)(n - k);
  factor_free(f);
  *f = low;
  return SYMO_OK;
}

symo_status symo_kfac_truncate(symo_kfac *kfac, double rank, double share) {
  symo_status status = SYMO_OK;
  if (kfac == NULL) return SYMO_E_ARGUMENT;
  if (!(rank > 0) || !(share > 0 && share <= 1))
    return symo_fail(kfac->context, SYMO_E_ARGUMENT,
                     "kfac_truncate: rank %g, share %g (rank above 0, share in (0, 1])", rank,
                     share);
  for (size_t s = 0; s < kfac->num_sites; s++)
    if (kfac->sites[s].moments != NULL)
      return symo_fail(kfac->context, SYMO_E_UNSUPPORTED,
                       "kfac_truncate: site %zu has moments, which are of whole bases (truncate "
                       "without them)",
                       s);
  for (size_t s = 0; s < kfac->num_sites; s++) {
    SYMO_TRY(truncate_factor(kfac, &kfac->sites[s].a, rank, share));
    SYMO_TRY(truncate_factor(kfac, &kfac->sites[s].g, rank, share));
  }
fail:
  return status;
}

/* ---- of a problem ---- */

symo_kfac_spec symo_kfac_spec_default(void) {
  return (symo_kfac_spec){.fisher = SYMO_FISHER_SAMPLED, .draws = 1, .seed = 1};
}

static void sums_free(size_t count, symo_factor_sums *sums) {
  for (size_t s = 0; s < count && sums != NULL; s++) {
    symo_free(sums[s].inputs);
    symo_free(sums[s].outputs);
    symo_free(sums[s].moments);
    symo_free((void *)(uintptr_t)sums[s].input_basis);
    symo_free((void *)(uintptr_t)sums[s].output_basis);
  }
  symo_free(sums);
}

/* A basis in the problem's numbers; NULL stays. */
static symo_status copy_basis(symo_kfac *kfac, symo_dtype dtype, size_t n, const double *from,
                              const void **out) {
  if (from == NULL) return SYMO_OK;
  void *to = symo_calloc(n * n, symo_dtype_size(dtype));
  if (to == NULL) return symo_fail_memory(kfac->context, "kfac");
  for (size_t i = 0; i < n * n; i++) symo_put(dtype, to, i, from[i]);
  *out = to;
  return SYMO_OK;
}

/* Room for whole matrices, or for moments in the bases there are. */
static symo_status take_sums(symo_kfac *kfac, symo_dtype dtype, symo_sharing sharing, bool moments,
                             symo_factor_sums *sums) {
  const size_t size = symo_dtype_size(dtype);
  symo_status status = SYMO_OK;
  for (size_t i = 0; i < kfac->num_sites; i++) {
    const kfac_site *site = &kfac->sites[i];
    const size_t m = symo_kfac_width(site), n = site->where.outputs;
    symo_factor_sums *s = &sums[i];
    *s = (symo_factor_sums){
        .dtype = dtype, .sharing = sharing, .bias = site->where.bias != SYMO_NONE};
    if (moments) {
      SYMO_TRY(copy_basis(kfac, dtype, m, site->a.v, &s->input_basis));
      SYMO_TRY(copy_basis(kfac, dtype, n, site->g.v, &s->output_basis));
      s->moments = symo_calloc(n * m, size);
    } else {
      s->inputs = symo_calloc(site->where.table ? m : m * m, size);
      s->outputs = symo_calloc(n * n, size);
    }
    if (moments ? s->moments == NULL : s->inputs == NULL || s->outputs == NULL)
      SYMO_TRY(symo_fail_memory(kfac->context, "kfac"));
  }
fail:
  return status;
}

static size_t draws_of(const symo_kfac_spec *spec) {
  return spec->fisher == SYMO_FISHER_SAMPLED || spec->labels != NULL ? spec->draws : 1;
}

static symo_status gather(symo_kfac *kfac, const symo_problem *problem, const void *theta,
                          const symo_kfac_spec *spec, bool moments) {
  symo_status status = SYMO_OK;
  double loss;
  symo_factor_sums *sums = symo_calloc(kfac->num_sites, sizeof *sums);
  symo_factor_request request = {
      .fisher = spec->fisher, .seed = spec->seed, .num_sites = kfac->num_sites, .sums = sums};
  const size_t draws = draws_of(spec);
  const problem_call call = {kfac->context, "kfac", problem, theta};
  if (sums == NULL) SYMO_TRY(symo_fail_memory(kfac->context, "kfac"));
  SYMO_TRY(take_sums(kfac, problem->dtype, spec->sharing, moments, sums));
  for (size_t d = 0; d < draws; d++, request.seed++) {
    request.known = d > 0;
    if (spec->labels != NULL) request.labels = spec->labels[d];
    SYMO_TRY(symo_problem_call_factors(&call, &loss, NULL, &request));
  }
  for (size_t s = 0; s < kfac->num_sites; s++)
    SYMO_TRY(moments ? symo_kfac_set_moments(kfac, s, &sums[s]) : symo_kfac_set(kfac, s, &sums[s]));
fail:
  sums_free(kfac->num_sites, sums);
  return status;
}

symo_status symo_kfac_of_problem(symo_context *context, const symo_problem *problem,
                                 const void *theta, const symo_kfac_spec *spec, symo_kfac **out) {
  symo_kfac *kfac = NULL;
  symo_status status = SYMO_OK;
  if (problem == NULL || theta == NULL || spec == NULL || out == NULL)
    return symo_fail_null(context, "kfac_of_problem",
                          problem == NULL ? "problem"
                          : theta == NULL ? "theta"
                          : spec == NULL  ? "spec"
                                          : "out");
  if (problem->factors == NULL)
    return symo_fail(context, SYMO_E_UNSUPPORTED,
                     "kfac: the problem %s has no layer statistics (fill factors and sites)",
                     problem->name != NULL ? problem->name : "");
  if (spec->labels != NULL && spec->fisher != SYMO_FISHER_EMPIRICAL)
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "kfac: labels are for the empirical Fisher (set fisher)");
  if (draws_of(spec) == 0)
    return symo_fail(context, SYMO_E_ARGUMENT, "kfac: 0 draws of labels (one at least)");
  SYMO_TRY(symo_kfac_create(context, problem->size, problem->num_sites, problem->sites, &kfac));
  SYMO_TRY(gather(kfac, problem, theta, spec, false));
  if (spec->corrected) SYMO_TRY(gather(kfac, problem, theta, spec, true));
  *out = kfac;
  kfac = NULL;
fail:
  symo_kfac_destroy(kfac);
  return status;
}
