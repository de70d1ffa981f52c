#include "tests/support/oracle.h"

#include <gsl/gsl_eigen.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DIM = 8, MAX_SPACES = 4 };

typedef struct one { /* an element on one space */
  size_t image[MAX_DIM];
  double sign[MAX_DIM];
} one;

static bool named(const symo_layout *layout, size_t space, const char *name) {
  return strcmp(symo_group_name(symo_layout_space_group(layout, space)), name) == 0;
}

static size_t factorial(size_t n) { return n < 2 ? 1 : n * factorial(n - 1); }

/* Permutations and sign patterns of a space. */
static void counts(const symo_layout *layout, size_t space, size_t *permutations, size_t *signs) {
  size_t d = symo_layout_space_dim(layout, space);
  bool permute = named(layout, space, "permutation") || named(layout, space, "signed-permutation");
  bool flip = named(layout, space, "sign-flip") || named(layout, space, "signed-permutation");
  *permutations = permute ? (d <= MAX_DIM ? factorial(d) : 0) : 1;
  *signs = flip ? (d <= MAX_DIM ? (size_t)1 << d : 0) : 1;
  if (named(layout, space, "orthogonal")) *permutations = 0;
}

size_t oracle_order(const symo_layout *layout, size_t limit) {
  size_t order = 1;
  for (size_t s = 0; s < symo_layout_num_spaces(layout); s++) {
    size_t p, f;
    counts(layout, s, &p, &f);
    if (p == 0 || f == 0) return 0;
    order *= p * f;
    if (order > limit) return 0;
  }
  return order;
}

/* The index-th element: a permutation in factorial base, signs in binary. */
static one element(const symo_layout *layout, size_t space, size_t index) {
  size_t permutations, signs, d = symo_layout_space_dim(layout, space), left[MAX_DIM];
  one e;
  counts(layout, space, &permutations, &signs);
  size_t p = index % permutations, f = index / permutations;
  for (size_t i = 0; i < d && i < MAX_DIM; i++) {
    left[i] = i;
    e.sign[i] = signs > 1 && (f >> i & 1) ? -1 : 1;
  }
  for (size_t i = 0; i < d && i < MAX_DIM; i++) {
    if (permutations == 1) {
      e.image[i] = i;
      continue;
    }
    size_t base = factorial(d - 1 - i), k = p / base;
    p %= base;
    e.image[i] = left[k];
    memmove(left + k, left + k + 1, (d - 1 - i - k) * sizeof *left);
  }
  return e;
}

/* rho(g) from the elements on the spaces. */
static void representation(const symo_layout *layout, const one *g, double *rho) {
  size_t n = symo_layout_num_parameters(layout);
  memset(rho, 0, n * n * sizeof *rho);
  for (size_t t = 0; t < symo_layout_num_tensors(layout); t++) {
    size_t order = symo_layout_tensor_order(layout, t),
           offset = symo_layout_tensor_offset(layout, t);
    for (size_t k = 0; k < symo_layout_tensor_size(layout, t); k++) {
      size_t rest = k, image = 0, stride = 1;
      double sign = 1;
      for (size_t a = order; a-- > 0;) {
        size_t space = symo_layout_axis_space(layout, t, a), d = symo_layout_axis_dim(layout, t, a);
        size_t i = rest % d;
        bool moved = !named(layout, space, "identity");
        rest /= d;
        image += stride * (moved ? g[space].image[i] : i);
        sign *= moved ? g[space].sign[i] : 1;
        stride *= d;
      }
      rho[(offset + image) * n + offset + k] = sign;
    }
  }
}

void oracle_for_each(const symo_layout *layout, oracle_visitor visit, void *self) {
  size_t n = symo_layout_num_parameters(layout), spaces = symo_layout_num_spaces(layout);
  size_t order = oracle_order(layout, SIZE_MAX / 2);
  double *rho = malloc(n * n * sizeof *rho);
  for (size_t k = 0; k < order; k++) {
    one g[MAX_SPACES];
    size_t rest = k;
    for (size_t s = 0; s < spaces; s++) {
      size_t p, f;
      counts(layout, s, &p, &f);
      g[s] = element(layout, s, rest % (p * f));
      rest /= p * f;
    }
    representation(layout, g, rho);
    visit(self, rho, n);
  }
  free(rho);
}

/* In a wider type: thousands of elements would leave an error of as many roundings. */
typedef struct sum {
  const double *in;
  long double *out;
  double count;
} sum;

/* rho has one entry in each row and column, so the product is an index walk. */
static void add_conjugate(void *self, const double *rho, size_t n) {
  sum *s = self;
  size_t *column = malloc(n * sizeof *column);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      if (rho[i * n + j] != 0) column[i] = j;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      s->out[i * n + j] +=
          rho[i * n + column[i]] * rho[j * n + column[j]] * s->in[column[i] * n + column[j]];
  s->count += 1;
  free(column);
}

static void add_image(void *self, const double *rho, size_t n) {
  sum *s = self;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) s->out[i] += rho[i * n + j] * s->in[j];
  s->count += 1;
}

static void average(const symo_layout *layout, oracle_visitor visit, const double *in, size_t size,
                    double *out) {
  sum s = {in, calloc(size, sizeof *s.out), 0};
  oracle_for_each(layout, visit, &s);
  for (size_t i = 0; i < size; i++) out[i] = (double)(s.out[i] / s.count);
  free(s.out);
}

void oracle_average(const symo_layout *layout, const double *a, double *out) {
  size_t n = symo_layout_num_parameters(layout);
  average(layout, add_conjugate, a, n * n, out);
}

void oracle_mean(const symo_layout *layout, const double *x, double *out) {
  average(layout, add_image, x, symo_layout_num_parameters(layout), out);
}

void oracle_multiply(size_t n, const double *a, const double *b, double *out) {
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      double total = 0;
      for (size_t k = 0; k < n; k++) total += a[i * n + k] * b[k * n + j];
      out[i * n + j] = total;
    }
}

void oracle_spectral(size_t n, const double *a, double (*f)(double value, double largest),
                     double *out) {
  gsl_matrix *m = gsl_matrix_alloc(n, n), *v = gsl_matrix_alloc(n, n);
  gsl_vector *w = gsl_vector_alloc(n);
  gsl_eigen_symmv_workspace *work = gsl_eigen_symmv_alloc(n);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) gsl_matrix_set(m, i, j, 0.5 * (a[i * n + j] + a[j * n + i]));
  gsl_eigen_symmv(m, w, v, work);
  double largest = 0;
  for (size_t k = 0; k < n; k++) largest = fmax(largest, fabs(gsl_vector_get(w, k)));
  memset(out, 0, n * n * sizeof *out);
  for (size_t k = 0; k < n; k++) {
    double value = f(gsl_vector_get(w, k), largest);
    for (size_t i = 0; value != 0 && i < n; i++)
      for (size_t j = 0; j < n; j++)
        out[i * n + j] += value * gsl_matrix_get(v, i, k) * gsl_matrix_get(v, j, k);
  }
  gsl_eigen_symmv_free(work);
  gsl_vector_free(w);
  gsl_matrix_free(v);
  gsl_matrix_free(m);
}

static symo_layout *draw_layout(symo_context *context, symo_rng *rng, unsigned groups) {
  symo_layout *layout;
  const char *axes[3];
  char name[24];
  if (symo_layout_create(context, &layout) != SYMO_OK) abort();
  size_t spaces = 2 + (size_t)symo_rng_below(rng, 2), tensors = 2 + (size_t)symo_rng_below(rng, 3);
  for (size_t s = 0; s < spaces; s++) {
    size_t k;
    do k = (size_t)symo_rng_below(rng, symo_group_count());
    while (!(groups >> k & 1));
    snprintf(name, sizeof name, "s%zu", s);
    symo_layout_add_space(layout, name, 1 + (size_t)symo_rng_below(rng, 5), symo_group_at(k));
  }
  static const char *const names[] = {"s0", "s1", "s2"};
  for (size_t t = 0; t < tensors; t++) {
    size_t order = (size_t)symo_rng_below(rng, 4);
    for (size_t a = 0; a < order; a++) axes[a] = names[symo_rng_below(rng, spaces)];
    snprintf(name, sizeof name, "t%zu", t);
    if (symo_layout_add_tensor(layout, name, order, axes) != SYMO_OK) t--; /* three times a space */
  }
  return layout;
}

symo_layout *oracle_random_layout(symo_context *context, symo_rng *rng, unsigned groups,
                                  size_t elements, size_t parameters) {
  for (;;) {
    symo_layout *layout = draw_layout(context, rng, groups);
    size_t order = oracle_order(layout, elements);
    bool finite = elements == 0 || order > 0;
    if (finite && symo_layout_num_parameters(layout) <= parameters) return layout;
    symo_layout_destroy(layout);
  }
}
