/* Priors of structured estimates.  K-FAC's projection on the structure takes the place of an average of
 * a dense matrix: least squares of its products with random vectors, which no pass through the network
 * is needed for. */
#include "experiments/models/curvature_prior.h"

#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"

enum { KFAC_VECTORS = 64 };

static const char *const names[] = {"zero", "identity", "gradient", "kfac", "none"};

const char *curvature_prior_name(curvature_prior prior) { return names[prior]; }

int curvature_prior_read(cli *c, curvature_prior *prior, double *strength) {
  const char *name = cli_str(c, "prior");
  for (int i = 0; i < 5; i++)
    if (strcmp(name, names[i]) == 0) *prior = (curvature_prior)i;
  *strength = *prior == PRIOR_NONE ? 0 : cli_double(c, "prior-strength");
  if (*prior == PRIOR_NONE && cli_given(c, "prior-strength"))
    return cli_fail(c, CLI_USAGE,
                    "--prior-strength: means nothing with --prior none (leave it out)");
  return CLI_DONE;
}

int products_read(cli *c, size_t *products, size_t *rank, size_t *probes) {
  *products = (size_t)cli_int(c, "products");
  *rank = (size_t)cli_int(c, "rank");
  *probes = (size_t)cli_int(c, "probes");
  const size_t least = (*rank > 0 ? *rank : 1) + (*probes > 0 ? *probes : 1);
  if (least <= *products) return CLI_DONE;
  return cli_fail(c, CLI_USAGE,
                  "--products: %zu do not suffice for %zu of --rank and %zu of --probes (give at "
                  "least %zu)",
                  *products, *rank, *probes, least);
}

/* Vectors over the parameters, flat and as the library takes them. */
typedef struct batch {
  char *flat;
  const void **data;
  symo_const_vector *vectors;
} batch;

static void drop(batch *b) {
  symo_free(b->flat);
  symo_free(b->data);
  symo_free(b->vectors);
}

static symo_status allocate(symo_context *context, const symo_plan *plan, size_t count, batch *b) {
  const symo_layout *layout = symo_plan_layout(plan);
  const symo_dtype t = symo_plan_dtype(plan);
  const size_t n = symo_layout_num_parameters(layout), item = symo_dtype_size(t),
               tensors = symo_layout_num_tensors(layout);
  b->flat = symo_calloc(count * n, item);
  b->data = symo_calloc(count * tensors + 1, sizeof *b->data);
  b->vectors = symo_calloc(count, sizeof *b->vectors);
  if (b->flat == NULL || b->data == NULL || b->vectors == NULL)
    return symo_fail_memory(context, "prior");
  for (size_t i = 0; i < count; i++) {
    symo_layout_split_const(layout, t, b->flat + i * n * item, b->data + i * tensors);
    b->vectors[i] = symo_const_vector_of(t, b->data + i * tensors);
  }
  return SYMO_OK;
}

static symo_status of_gradient(const curvature_prior_input *in, const symo_plan *plan,
                               symo_hessian **out) {
  const symo_dtype t = symo_plan_dtype(plan);
  symo_estimate_spec spec = symo_estimate_spec_default();
  batch b = {0};
  symo_status status = SYMO_OK;
  spec.estimator = symo_estimator_find("h-g");
  SYMO_TRY(allocate(in->context, plan, 1, &b));
  if (in->grad != NULL) {
    const size_t n = symo_layout_num_parameters(symo_plan_layout(plan));
    for (size_t i = 0; i < n; i++) symo_put(t, b.flat, i, in->grad[i]);
  } else {
    double loss;
    SYMO_TRY(in->problem->gradient(in->problem->self, in->theta, &loss, b.flat));
  }
  status = symo_estimate(plan, &spec, 1, b.vectors, NULL, out);
fail:
  drop(&b);
  return status;
}

/* Random vectors and K-FAC's products with them, behind each other. */
static symo_status kfac_pairs(const curvature_prior_input *in, const symo_kfac *kfac, symo_dtype t,
                              size_t n, char *flat) {
  symo_rng *rng = NULL;
  symo_status status = symo_rng_create(in->context, in->seed, &rng);
  double *x = symo_malloc(2 * n * sizeof *x);
  if (status == SYMO_OK && x == NULL) status = symo_fail_memory(in->context, "prior");
  for (size_t k = 0; k < KFAC_VECTORS && status == SYMO_OK; k++) {
    for (size_t i = 0; i < n; i++) x[i] = symo_rng_normal(rng);
    status = symo_kfac_matvec(kfac, x, x + n);
    for (size_t i = 0; i < n && status == SYMO_OK; i++) {
      symo_put(t, flat, k * n + i, x[i]);
      symo_put(t, flat, (KFAC_VECTORS + k) * n + i, x[n + i]);
    }
  }
  symo_free(x);
  symo_rng_destroy(rng);
  return status;
}

static symo_status of_kfac(const curvature_prior_input *in, const symo_plan *plan,
                           symo_hessian **out) {
  const size_t n = symo_layout_num_parameters(symo_plan_layout(plan));
  symo_kfac_spec spec = symo_kfac_spec_default();
  symo_kfac *kfac = NULL;
  symo_hessian *identity = NULL;
  batch b = {0};
  symo_status status = SYMO_OK;
  spec.seed = in->seed;
  if (in->problem == NULL)
    return symo_fail(in->context, SYMO_E_UNSUPPORTED,
                     "--prior: kfac needs a network (give zero, identity, gradient or none)");
  SYMO_TRY(symo_kfac_of_problem(in->context, in->problem, in->theta, &spec, &kfac));
  SYMO_TRY(allocate(in->context, plan, 2 * (size_t)KFAC_VECTORS, &b));
  SYMO_TRY(kfac_pairs(in, kfac, symo_plan_dtype(plan), n, b.flat));
  SYMO_TRY(symo_hessian_identity(plan, 1, &identity));
  status = symo_estimate_probes_near(identity, 0.1, KFAC_VECTORS, b.vectors,
                                     b.vectors + KFAC_VECTORS, NULL, out);
fail:
  symo_hessian_destroy(identity);
  symo_kfac_destroy(kfac);
  drop(&b);
  return status;
}

symo_status curvature_prior_make(const curvature_prior_input *in, curvature_prior prior,
                                 const symo_plan *plan, symo_hessian **out) {
  *out = NULL;
  switch (prior) {
  case PRIOR_ZERO: return symo_hessian_identity(plan, 0, out);
  case PRIOR_IDENTITY: return symo_hessian_identity(plan, 1, out);
  case PRIOR_GRADIENT: return of_gradient(in, plan, out);
  case PRIOR_KFAC: return of_kfac(in, plan, out);
  case PRIOR_NONE: break;
  }
  return SYMO_OK;
}
