/* Low rank plus symmetry from products.  A Lanczos iteration gives Ritz pairs (u, theta), V in all, of
 * which the leading ones are kept, U.  The others say what A does on their span, and random
 * probes z orthogonal to V what it does on the rest of the space, so that with Q = I - U'U
 *     |Q A Q - S|^2  =  sum over the other u of |theta u - S u|^2  +  E |A z - S z|^2 ,
 * but for the blocks between the two, and for S, least squares: split so that the part that random
 * vectors have to find is small (as Meyer, Musco, Musco and Woodruff 2021 do for traces).
 *
 * The probes' covariance on a label of multiplicity m is that of about as many rows, and its least
 * eigenvalue next to nothing where they are m: a prior worth a tenth of a probe bounds what noise gets. */
#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "hessian/lowrank.h"
#include "hessian/operator.h"
#include "hessian/probes.h"

symo_lowrank_spec symo_lowrank_spec_default(void) {
  return (symo_lowrank_spec){.products = 60, .absolute = true, .strength = 0.1};
}

/* ---- what it takes ---- */

/* Probes that make the least squares of every label overdetermined by two. */
static size_t enough_probes(const symo_plan *plan) {
  size_t most = 1;
  for (size_t i = 0; i < plan->num_labels; i++) {
    const plan_label *l = &plan->labels[i];
    size_t rows = l->ambient > 0 ? l->ambient : 1, need = (2 * l->m + rows - 1) / rows;
    if (!l->dropped && need > most) most = need;
  }
  return most;
}

symo_status symo_lowrank_plan(const symo_plan *plan, const symo_lowrank_spec *spec,
                              symo_lowrank_cost *cost) {
  if (plan == NULL) return SYMO_E_ARGUMENT;
  if (cost == NULL) return symo_fail_null(plan->context, "lowrank_plan", "cost");
  const symo_lowrank_spec s = spec == NULL ? symo_lowrank_spec_default() : *spec;
  const size_t p = plan->layout->parameters;
  size_t quarter = s.products / 4 > 0 ? s.products / 4 : 1, enough = enough_probes(plan);
  symo_lowrank_cost c = {.probes = s.probes};
  if (c.probes == 0) c.probes = enough < quarter ? enough : quarter;
  c.iteration = s.products > c.probes ? s.products - c.probes : 0;
  if (!(s.strength >= 0) || !isfinite(s.strength))
    return symo_fail(plan->context, SYMO_E_ARGUMENT,
                     "lowrank: strength %g of the prior (it must be finite and not negative)",
                     s.strength);
  if (s.prior != NULL && !symo_plan_equal(s.prior->plan, plan))
    return symo_fail(plan->context, SYMO_E_SHAPE,
                     "lowrank: the prior is of another plan (make both from the same layout, dtype "
                     "and coupling)");
  if (s.prior != NULL && s.strength == 0)
    return symo_fail(plan->context, SYMO_E_ARGUMENT,
                     "lowrank: a prior of strength 0 says nothing (leave it out)");
  c.rank = s.rank > 0 ? s.rank : c.iteration > 0 ? c.iteration : 1;
  if (c.rank > p) c.rank = p;
  if (c.iteration < c.rank)
    return symo_fail(plan->context, SYMO_E_ARGUMENT,
                     "lowrank: %zu %s for %zu %s and %zu %s (raise the products to %zu, or lower "
                     "the others)",
                     s.products, s.products == 1 ? "product" : "products", c.rank,
                     c.rank == 1 ? "eigenpair" : "eigenpairs", c.probes,
                     c.probes == 1 ? "probe" : "probes", c.rank + c.probes);
  if (c.iteration >= p) {
    c.iteration = p;
    c.products = p; /* the probes find nothing, and cost nothing */
  } else {
    c.products = c.iteration + c.probes;
  }
  c.stored_numbers = symo_plan_cost_of(plan).stored_numbers + (double)c.rank * ((double)p + 1);
  c.work_numbers = (double)p * (2.0 * (double)c.iteration + 2 + 3.0 * (double)c.probes);
  *cost = c;
  return SYMO_OK;
}

/* ---- making it ---- */

typedef struct job {
  const symo_plan *plan;
  const symo_operator *a;
  symo_eigenpairs pairs;      /* all Ritz pairs of the iteration */
  size_t rank, probes, count; /* count: pairs of the least squares */
  double strength;            /* in units of the probes' covariance, which is of size 1 */
  double scale;               /* of the prior */
  char *v, *av;               /* [count, P]: Ritz vectors behind the first `rank`, then probes */
  const void **data;          /* [2 count][tensors] */
  symo_const_vector *vectors; /* [2 count]: v, then A v */
} job;

static void drop(job *j) {
  symo_eigenpairs_free(&j->pairs);
  symo_free(j->v);
  symo_free(j->av);
  symo_free(j->data);
  symo_free(j->vectors);
}

static symo_status allocate(job *j) {
  const symo_layout *layout = j->plan->layout;
  const size_t item = symo_dtype_size(j->plan->dtype);
  const size_t count = j->pairs.count - j->rank + j->probes;
  size_t bytes = 0;
  j->count = count;
  if (symo_mul_size(count * item, layout->parameters, &bytes)) {
    j->v = symo_malloc(bytes + 1);
    j->av = symo_malloc(bytes + 1);
  }
  j->data = symo_calloc(2 * count * layout->num_tensors + 1, sizeof *j->data);
  j->vectors = symo_calloc(2 * count + 1, sizeof *j->vectors);
  if (j->v == NULL || j->av == NULL || j->data == NULL || j->vectors == NULL)
    return symo_fail_memory(j->plan->context, "lowrank_estimate");
  for (size_t i = 0; i < count; i++)
    for (size_t half = 0; half < 2; half++) {
      const size_t at = half * count + i;
      const char *row = (half == 0 ? j->v : j->av) + i * layout->parameters * item;
      symo_layout_split_const(layout, j->plan->dtype, row, j->data + at * layout->num_tensors);
      j->vectors[at] = symo_const_vector_of(j->plan->dtype, j->data + at * layout->num_tensors);
    }
  return SYMO_OK;
}

/* The Ritz vectors that are no eigenpairs of the result, and their products but for residuals, which
 * are orthogonal to all of them. */
static void take_ritz(job *j) {
  const symo_dtype t = j->plan->dtype;
  const size_t p = j->plan->layout->parameters, rest = j->pairs.count - j->rank;
  memcpy(j->v, symo_at(t, j->pairs.vectors, (ptrdiff_t)(j->rank * p)),
         rest * p * symo_dtype_size(t));
  memcpy(j->av, j->v, rest * p * symo_dtype_size(t));
  for (size_t i = 0; i < rest; i++)
    symo_scal(t, p, j->pairs.values[j->rank + i], symo_at(t, j->av, (ptrdiff_t)(i * p)));
}

/* z: random and orthogonal to all Ritz vectors V, times 1 / sqrt(probes); and (I - V'V) A z. */
static symo_status probe(job *j, symo_rng *rng) {
  const symo_dtype t = j->plan->dtype;
  const size_t p = j->plan->layout->parameters, item = symo_dtype_size(t), k = j->pairs.count;
  const size_t first = (k - j->rank) * p * item;
  char *c = symo_malloc(2 * k * item + 1), *z = j->v + first, *az = j->av + first;
  if (c == NULL) return symo_fail_memory(j->plan->context, "lowrank_estimate");
  symo_random_normal(t, j->probes * p, rng, z);
  symo_scal(t, j->probes * p, 1 / sqrt((double)j->probes), z);
  for (size_t i = 0; i < j->probes; i++)
    symo_project_out(t, p, k, j->pairs.vectors, z + i * p * item, c, c + k * item);
  symo_status status = SYMO_OK;
  if (k < p) /* else nothing is left */
    status = symo_operator_apply(j->plan->context, "lowrank_estimate", j->a, j->probes, z, az);
  else
    memset(az, 0, j->probes * p * item);
  for (size_t i = 0; status == SYMO_OK && i < j->probes; i++)
    symo_project_out(t, p, k, j->pairs.vectors, az + i * p * item, c, c + k * item);
  symo_free(c);
  return status;
}

/* A v := A v - scale Q P v for all pairs. */
static symo_status subtract_prior(job *j, const symo_hessian *prior) {
  const symo_dtype t = j->plan->dtype;
  const symo_layout *layout = j->plan->layout;
  const size_t p = layout->parameters, item = symo_dtype_size(t);
  symo_status status = SYMO_OK;
  char *known = symo_malloc(j->count * p * item + 1), *c = symo_malloc(2 * j->rank * item + 1);
  void **data = symo_malloc((layout->num_tensors + 1) * sizeof *data);
  if (known == NULL || c == NULL || data == NULL)
    SYMO_TRY(symo_fail_memory(j->plan->context, "lowrank_estimate"));
  for (size_t i = 0; i < j->count; i++) {
    symo_layout_split(layout, t, known + i * p * item, data);
    SYMO_TRY(symo_hessian_matvec(prior, j->vectors[i], symo_vector_of(t, data)));
    symo_project_out(t, p, j->rank, j->pairs.vectors, known + i * p * item, c, c + j->rank * item);
  }
  j->scale = symo_probes_scale(t, j->count * p, j->av, known);
  symo_axpy(t, j->count * p, -j->scale, known, j->av);
fail:
  symo_free(known);
  symo_free(c);
  symo_free(data);
  return status;
}

/* S, from the pairs alone or drawn to the prior. */
static symo_status fit_rest(job *j, const symo_hessian *prior, symo_hessian **out) {
  if (j->strength == 0)
    return symo_estimate_probes(j->plan, SYMO_LEAST_SQUARES, j->count, j->vectors,
                                j->vectors + j->count, out);
  symo_hessian *zero = NULL;
  symo_status status = SYMO_OK;
  if (prior == NULL)
    SYMO_TRY(symo_hessian_identity(j->plan, 0, &zero));
  else
    SYMO_TRY(subtract_prior(j, prior));
  status = symo_probes_fit(prior != NULL ? prior : zero, j->strength, j->scale, j->count,
                           j->vectors, j->vectors + j->count, out);
fail:
  symo_hessian_destroy(zero);
  return status;
}

static symo_status assemble(job *j, const symo_hessian *prior, bool absolute, symo_lowrank **out) {
  symo_hessian *rest = NULL;
  symo_lowrank *h = NULL;
  symo_status status = fit_rest(j, prior, &rest);
  if (status == SYMO_OK)
    status = symo_lowrank_create(rest, j->rank, j->pairs.values, j->pairs.vectors, &h);
  symo_hessian_destroy(rest);
  if (status != SYMO_OK || !absolute) {
    if (status == SYMO_OK) *out = h;
    return status;
  }
  status = symo_lowrank_abs(h, out);
  symo_lowrank_destroy(h);
  return status;
}

symo_status symo_lowrank_check_operator(const symo_plan *plan, const char *where,
                                        const symo_operator *a) {
  symo_status status = symo_operator_check(plan->context, where, a);
  if (status != SYMO_OK) return status;
  if (a->size != plan->layout->parameters)
    return symo_fail(plan->context, SYMO_E_SHAPE,
                     "%s: the operator acts on %zu numbers and the layout has %zu", where, a->size,
                     plan->layout->parameters);
  if (a->dtype != plan->dtype)
    return symo_fail(plan->context, SYMO_E_DTYPE, "%s: the operator is %s and the plan %s", where,
                     symo_dtype_name(a->dtype), symo_dtype_name(plan->dtype));
  return SYMO_OK;
}

symo_status symo_lowrank_estimate(const symo_plan *plan, const symo_operator *a,
                                  const symo_lowrank_spec *spec, symo_rng *rng, symo_lowrank **out,
                                  symo_lowrank_cost *cost) {
  if (plan == NULL) return SYMO_E_ARGUMENT;
  if (rng == NULL || out == NULL)
    return symo_fail_null(plan->context, "lowrank_estimate", rng == NULL ? "rng" : "out");
  const symo_lowrank_spec s = spec == NULL ? symo_lowrank_spec_default() : *spec;
  symo_lowrank_cost c;
  symo_status status = symo_lowrank_check_operator(plan, "lowrank_estimate", a);
  if (status == SYMO_OK) status = symo_lowrank_plan(plan, &s, &c);
  if (status != SYMO_OK) return status;
  job j = {.plan = plan,
           .a = a,
           .rank = c.rank,
           .probes = c.probes,
           .strength = c.iteration < plan->layout->parameters ? s.strength / (double)c.probes : 0};
  const symo_lanczos_spec lanczos = {.count = c.iteration, .products = c.iteration};
  SYMO_TRY(symo_lanczos(plan->context, a, &lanczos, rng, &j.pairs));
  SYMO_TRY(allocate(&j));
  take_ritz(&j);
  SYMO_TRY(probe(&j, rng));
  SYMO_TRY(assemble(&j, s.prior, s.absolute, out));
  c.prior_scale = j.scale;
  if (cost != NULL) *cost = c;
fail:
  drop(&j);
  return status;
}
