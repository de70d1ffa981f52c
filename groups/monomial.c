/* Matrices with one entry of +-1 in every row and column: y[image(i)] = sign(i) x[i]. */
#include "groups/group.h"

size_t symo_monomial_size(size_t dim) { return 2 * dim; }

void symo_monomial_identity(size_t dim, double *g) {
  for (size_t i = 0; i < dim; i++) {
    g[i] = (double)i;
    g[dim + i] = 1;
  }
}

/* Fisher and Yates' shuffle, then independent signs. */
void symo_monomial_sample(size_t dim, symo_rng *rng, bool permute, bool flip, double *g) {
  symo_monomial_identity(dim, g);
  for (size_t i = dim; permute && i > 1; i--) {
    size_t j = (size_t)symo_rng_below(rng, i);
    double swapped = g[i - 1];
    g[i - 1] = g[j];
    g[j] = swapped;
  }
  for (size_t i = 0; flip && i < dim; i++) g[dim + i] = symo_rng_below(rng, 2) ? 1 : -1;
}

void symo_monomial_act(size_t dim, const double *g, bool inverse, symo_nd x, symo_nd out,
                       void *work) {
  (void)work;
  for (size_t i = 0; i < dim; i++) {
    size_t image = (size_t)g[i];
    symo_nd from = symo_nd_pick(x, 0, inverse ? image : i);
    symo_nd to = symo_nd_pick(out, 0, inverse ? i : image);
    symo_nd_copy(g[dim + i], from, to);
  }
}
