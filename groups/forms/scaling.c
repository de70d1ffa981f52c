/* Scalings of the coordinates, y_k = c_k x_k: hidden units of ReLU, whose incoming weights and bias
 * may be multiplied by c > 0 if the outgoing ones (a dual axis) are divided by it.
 *
 * The group is not compact, so there is no uniform average.  The measure taken here is a window:
 * log c_k uniform on [-a, a], independent for the d coordinates; with `signs` of either sign with
 * equal chance; with `permute` the coordinates are permuted at random as well.  The measure is the
 * same for c and 1/c, and
 *
 *     E c^e = sinh(e a) / (e a) =: kappa(e) ;   0 for odd e with signs;   kappa(0) = 1 .
 *
 * Signs and permutations alone form a finite group, the `structure`: the measure is the product of
 * that group's and of one of positive scales that it leaves unchanged.  Averages therefore have the
 * labels of the structure, and the scales multiply them by moments (groups/plan/moments.c).
 *
 * Check: a = 1 gives kappa(1) = 1.1752012, kappa(2) = 1.8134302. */
#include "groups/forms/scaling.h"

#include <assert.h>
#include <math.h>

#include "core/error.h"

/* kappa(8), four axes on each side, stays in range in float64 by a wide margin. */
static const double widest = 20;

const symo_group_spec *symo_scaling_spec(const symo_group *group) {
  return group->create == symo_group_scaling.create ? symo_group_get_spec(group) : NULL;
}

double symo_scaling_moment(const symo_group_spec *spec, int e) {
  double x = fabs((double)e) * spec->window;
  if (e == 0) return 1;
  if (spec->signs && e % 2 != 0) return 0;
  return sinh(x) / x;
}

void symo_scaling_set(size_t dim, const double *c, double *g) {
  symo_monomial_identity(NULL, dim, g);
  for (size_t i = 0; i < dim; i++) g[dim + i] = c[i];
}

static const symo_group *structure(const symo_group *self) {
  const symo_group_spec *spec = symo_scaling_spec(self);
  if (spec == NULL) return &symo_group_identity;
  if (spec->permute) return spec->signs ? &symo_group_signed_permutation : &symo_group_permutation;
  return spec->signs ? &symo_group_sign_flip : &symo_group_identity;
}

/* g = [d] images, then [d] scales with their signs. */
static symo_status element_sample(const symo_group *self, size_t dim, symo_rng *rng, double *g,
                                  void *work) {
  const symo_group_spec *spec = symo_scaling_spec(self);
  assert(spec != NULL); /* layouts take no group whose parameters are missing */
  symo_monomial_sample(dim, rng, spec->permute, spec->signs, g);
  for (size_t i = 0; i < dim; i++)
    g[dim + i] *= exp(spec->window * (2 * symo_rng_uniform(rng) - 1));
  return SYMO_OK;
}

/* rho: y[image(i)] = c_i x[i];  rho^-T has 1 / c_i in place of c_i. */
static void act(const symo_group *self, size_t dim, const double *g, bool inverse, bool dual,
                symo_nd x, symo_nd out, void *work) {
  for (size_t i = 0; i < dim; i++) {
    size_t image = (size_t)g[i];
    double c = inverse != dual ? 1 / g[dim + i] : g[dim + i];
    symo_nd from = symo_nd_pick(x, 0, inverse ? image : i);
    symo_nd to = symo_nd_pick(out, 0, inverse ? i : image);
    symo_nd_copy(c, from, to);
  }
}

static symo_status create(symo_context *context, const symo_group *row, const symo_group_spec *spec,
                          symo_group **out) {
  if (!(spec->window > 0) || !(spec->window <= widest))
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "group scaling: window %g (must be above 0 and at most %g: scales from e^-a "
                     "to e^a)",
                     spec->window, widest);
  if (spec->num_parts > 0 || spec->copies > 0 || spec->num_keep > 0)
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "group scaling: it has no parts, copies or generators to keep (window, signs "
                     "and permute only)");
  group_instance *g;
  symo_group_spec own = symo_group_spec_default(row->name);
  own.window = spec->window;
  own.signs = spec->signs;
  own.permute = spec->permute;
  /* It acts on every dimension, so that groups with equal parameters are equal. */
  symo_status status = symo_group_instance_from_spec(context, row, &own, sizeof *g, 0, &g);
  if (status == SYMO_OK) *out = &g->group;
  return status;
}

static const group_parameter parameters[] = {{"window", GROUP_REAL,
                                              offsetof(symo_group_spec, window), true, 0, 1,
                                              "window", "the half width of log c, for example 1.5"},
                                             {.name = "signs",
                                              .kind = GROUP_FLAG,
                                              .offset = offsetof(symo_group_spec, signs),
                                              .optional = true},
                                             {.name = "permute",
                                              .kind = GROUP_FLAG,
                                              .offset = offsetof(symo_group_spec, permute),
                                              .optional = true},
                                             {.name = NULL}};

const symo_group symo_group_scaling = {
    .name = "scaling",
    .summary = "scales the d coordinates, log c uniform on [-a, a]; dual axes by 1/c",
    .irreps_text = "not compact; those of its signs and permutations, averages times moments",
    .average = "moments of a log-uniform scale: sinh(e a) / (e a) for c^e",
    .exact = "hidden units of ReLU, biases included: incoming weights times c, outgoing over c",
    .max_axes = 2,
    .structure = structure,
    .element_size = symo_monomial_size,
    .element_identity = symo_monomial_identity,
    .element_sample = element_sample,
    .act = act,
    .create = create,
    .parameters = parameters,
    .example = "scaling(1.5, signs, permute) 64",
};
