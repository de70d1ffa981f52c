/* Matrices with one entry of +-1 in every row and column: y[image(i)] = sign(i) x[i]. */
#include "core/alloc.h"
#include "core/error.h"
#include "groups/generators.h"
#include "groups/group.h"

size_t symo_monomial_size(const symo_group *self, size_t dim) { return 2 * dim; }

void symo_monomial_identity(const symo_group *self, size_t dim, double *g) {
  for (size_t i = 0; i < dim; i++) {
    g[i] = (double)i;
    g[dim + i] = 1;
  }
}

/* Fisher and Yates' shuffle, then independent signs. */
void symo_monomial_sample(size_t dim, symo_rng *rng, bool permute, bool flip, double *g) {
  symo_monomial_identity(NULL, dim, g);
  for (size_t i = dim; permute && i > 1; i--) {
    size_t j = (size_t)symo_rng_below(rng, i);
    double swapped = g[i - 1];
    g[i - 1] = g[j];
    g[j] = swapped;
  }
  for (size_t i = 0; flip && i < dim; i++) g[dim + i] = symo_rng_below(rng, 2) ? 1 : -1;
}

void symo_monomial_act(const symo_group *self, size_t dim, const double *g, bool inverse, bool dual,
                       symo_nd x, symo_nd out, void *work) {
  for (size_t i = 0; i < dim; i++) {
    size_t image = (size_t)g[i];
    symo_nd from = symo_nd_pick(x, 0, inverse ? image : i);
    symo_nd to = symo_nd_pick(out, 0, inverse ? i : image);
    symo_nd_copy(g[dim + i], from, to);
  }
}

symo_status symo_monomial_add_symmetric(size_t dim, generator_set *out) {
  if (dim < 2) return SYMO_OK;
  size_t *image = symo_malloc(dim * sizeof *image);
  if (image == NULL) return symo_fail_memory(out->context, "generators");
  for (size_t i = 0; i < dim; i++) image[i] = i < 2 ? 1 - i : i;
  symo_status status = symo_generator_set_add_monomial(out, image, NULL);
  for (size_t i = 0; i < dim; i++) image[i] = (i + 1) % dim;
  if (status == SYMO_OK && dim > 2) status = symo_generator_set_add_monomial(out, image, NULL);
  symo_free(image);
  return status;
}

symo_status symo_monomial_add_flip(size_t dim, size_t i, generator_set *out) {
  size_t *image = symo_malloc(dim * sizeof *image);
  signed char *sign = symo_malloc(dim);
  symo_status status = SYMO_E_MEMORY;
  for (size_t k = 0; image != NULL && sign != NULL && k < dim; k++) {
    image[k] = k;
    sign[k] = k == i ? -1 : 1;
  }
  if (image != NULL && sign != NULL)
    status = symo_generator_set_add_monomial(out, image, sign);
  else
    symo_fail_memory(out->context, "generators");
  symo_free(image);
  symo_free(sign);
  return status;
}
