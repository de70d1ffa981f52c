/* Brute force for groups given as matrices. */
#include "tests/support/claim.h"

#include <math.h>
#include <stdlib.h>

#include "tests/support/dense.h"
#include "tests/support/testing.h"

static void append(symo_claim *c, const double *q) {
  size_t n = c->dim * c->dim;
  if (c->count == c->room) {
    c->room = c->room == 0 ? 16 : 2 * c->room;
    c->elements = realloc(c->elements, c->room * n * sizeof(double));
    cr_assert(c->elements != NULL);
  }
  memcpy(c->elements + c->count++ * n, q, n * sizeof(double));
}

static bool known(const symo_claim *c, const double *q) {
  size_t n = c->dim * c->dim;
  for (size_t k = 0; k < c->count; k++) {
    double most = 0;
    for (size_t i = 0; i < n; i++) most = fmax(most, fabs(c->elements[k * n + i] - q[i]));
    if (most < 1e-7) return true;
  }
  return false;
}

symo_claim symo_claim_closure(size_t dim, size_t num, const double *generators) {
  symo_claim c = {.dim = dim};
  size_t n = dim * dim;
  double *one = symo_dense_identity(dim, 1);
  append(&c, one);
  free(one);
  for (size_t k = 0; k < c.count; k++)
    for (size_t g = 0; g < num; g++) {
      double *product = symo_dense_product(dim, generators + g * n, c.elements + k * n);
      if (!known(&c, product)) append(&c, product);
      free(product);
      cr_assert(c.count <= 20000);
    }
  return c;
}

symo_claim symo_claim_circle(size_t count) {
  symo_claim c = {.dim = 2};
  for (size_t k = 0; k < count; k++) {
    double t = 2 * acos(-1) * ((double)k + 0.3) / (double)count;
    append(&c, (double[]){cos(t), -sin(t), sin(t), cos(t)});
  }
  return c;
}

/* Euler angles z, y, z: trapezoids of 10 points, and Gauss-Legendre of 5 in cos(beta). */
symo_claim symo_claim_rotations(void) {
  static const double node[5] = {-0.906179845938664, -0.538469310105683, 0, 0.538469310105683,
                                 0.906179845938664};
  static const double weight[5] = {0.236926885056189, 0.478628670499366, 0.568888888888889,
                                   0.478628670499366, 0.236926885056189};
  enum { ANGLES = 10 };
  symo_claim c = {.dim = 3};
  c.weights = malloc(5 * ANGLES * ANGLES * sizeof(double));
  for (int b = 0; b < 5; b++)
    for (int i = 0; i < ANGLES; i++)
      for (int j = 0; j < ANGLES; j++) {
        double a = 2 * acos(-1) * i / ANGLES, g = 2 * acos(-1) * j / ANGLES, u = node[b];
        double v = sqrt(1 - u * u);
        c.weights[c.count] = weight[b] / 2 / (ANGLES * ANGLES);
        append(&c, (double[]){cos(a) * u * cos(g) - sin(a) * sin(g),
                              -cos(a) * u * sin(g) - sin(a) * cos(g), cos(a) * v,
                              sin(a) * u * cos(g) + cos(a) * sin(g),
                              -sin(a) * u * sin(g) + cos(a) * cos(g), sin(a) * v, -v * cos(g),
                              v * sin(g), u});
      }
  return c;
}

void symo_claim_free(symo_claim *c) {
  free(c->elements);
  free(c->weights);
}

double *symo_claim_generators(symo_context *context, const symo_group *group, size_t dim,
                              size_t *num) {
  symo_generators *g;
  cr_ok(context, symo_group_generators(context, group, dim, &g));
  cr_assert(g->num_lie == 0);
  *num = g->num_permutations + g->num_matrices;
  double *out = calloc(*num * dim * dim + 1, sizeof *out);
  for (size_t k = 0; k < g->num_permutations; k++)
    for (size_t i = 0; i < dim; i++) out[(k * dim + g->permutations[k * dim + i]) * dim + i] = 1;
  for (size_t i = 0; i < g->num_matrices * dim * dim; i++)
    out[g->num_permutations * dim * dim + i] = g->matrices[i];
  symo_free(g);
  return out;
}

/* One entry of rho: the product over the axes of q or of the identity. */
static double entry(const symo_layout *layout, size_t tensor, size_t space, const double *q,
                    size_t row, size_t column) {
  double value = 1;
  for (size_t a = symo_layout_tensor_order(layout, tensor); a-- > 0;) {
    size_t d = symo_layout_axis_dim(layout, tensor, a), i = row % d, j = column % d;
    if (symo_layout_axis_space(layout, tensor, a) == space)
      value *= q[i * d + j];
    else if (i != j)
      return 0;
    row /= d;
    column /= d;
  }
  return value;
}

void symo_claim_rho(const symo_layout *layout, size_t space, const double *q, double *rho) {
  size_t p = symo_layout_num_parameters(layout);
  memset(rho, 0, p * p * sizeof *rho);
  for (size_t t = 0; t < symo_layout_num_tensors(layout); t++) {
    size_t first = symo_layout_tensor_offset(layout, t), n = symo_layout_tensor_size(layout, t);
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++)
        rho[(first + i) * p + first + j] = entry(layout, t, space, q, i, j);
  }
}

double *symo_claim_average(const symo_claim *c, const symo_layout *layout, size_t space,
                           const double *a) {
  size_t p = symo_layout_num_parameters(layout), n = c->dim * c->dim;
  double *out = calloc(p * p, sizeof *out), *rho = calloc(p * p, sizeof *rho);
  double *transposed = calloc(p * p, sizeof *rho);
  for (size_t k = 0; k < c->count; k++) {
    double w = c->weights == NULL ? 1 / (double)c->count : c->weights[k];
    symo_claim_rho(layout, space, c->elements + k * n, rho);
    for (size_t i = 0; i < p; i++)
      for (size_t j = 0; j < p; j++) transposed[i * p + j] = rho[j * p + i];
    double *half = symo_dense_product(p, rho, a), *whole = symo_dense_product(p, half, transposed);
    for (size_t i = 0; i < p * p; i++) out[i] += w * whole[i];
    free(half);
    free(whole);
  }
  free(rho);
  free(transposed);
  return out;
}
