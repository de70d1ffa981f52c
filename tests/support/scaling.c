/* Brute force for scaling spaces; see scaling.h. */
#include "tests/support/scaling.h"

#include <gsl/gsl_integration.h>
#include <math.h>
#include <stdlib.h>

enum { SPACES = 5, DIM = 6, NODES = 40 };

typedef struct traits {
  bool permute, signs;
  double window; /* 0: no scales */
} traits;

typedef struct entry { /* a parameter */
  size_t tensor, index[SYMO_MAX_ORDER];
  int e[SPACES][DIM];
} entry;

static traits traits_of(const symo_layout *layout, size_t space) {
  const symo_group *g = symo_layout_space_group(layout, space);
  const symo_group_spec *spec = symo_group_get_spec(g);
  const char *name = symo_group_name(g);
  if (strcmp(name, "scaling") == 0) return (traits){spec->permute, spec->signs, spec->window};
  return (traits){strcmp(name, "permutation") == 0 || strcmp(name, "signed-permutation") == 0,
                  strcmp(name, "sign-flip") == 0 || strcmp(name, "signed-permutation") == 0, 0};
}

double scaling_moment(double a, int e) {
  double sum = 0;
  gsl_integration_glfixed_table *rule = gsl_integration_glfixed_table_alloc(NODES);
  for (size_t i = 0; i < NODES; i++) {
    double x, w;
    gsl_integration_glfixed_point(-a, a, i, &x, &w, rule);
    sum += w * exp(e * x) / (2 * a);
  }
  gsl_integration_glfixed_table_free(rule);
  return sum;
}

static entry *list_entries(const symo_layout *layout) {
  size_t n = symo_layout_num_parameters(layout);
  entry *out = calloc(n, sizeof *out);
  for (size_t t = 0; t < symo_layout_num_tensors(layout); t++)
    for (size_t k = 0; k < symo_layout_tensor_size(layout, t); k++) {
      entry *x = &out[symo_layout_tensor_offset(layout, t) + k];
      size_t rest = k;
      x->tensor = t;
      for (size_t a = symo_layout_tensor_order(layout, t); a-- > 0;) {
        size_t d = symo_layout_axis_dim(layout, t, a);
        x->index[a] = rest % d;
        rest /= d;
        cr_assert(d <= DIM);
        x->e[symo_layout_axis_space(layout, t, a)][x->index[a]] +=
            symo_layout_axis_dual(layout, t, a) ? -1 : 1;
      }
    }
  return out;
}

/* E of the scales and signs on a pair of entries; y NULL: on one. */
static double moment(const symo_layout *layout, const entry *x, const entry *y, int sign) {
  static double known[SPACES][2 * SYMO_MAX_ORDER + 1], window[SPACES];
  double out = 1;
  for (size_t s = 0; s < symo_layout_num_spaces(layout); s++) {
    traits t = traits_of(layout, s);
    if (t.window > window[s] || t.window < window[s])
      for (int e = 0; e <= 2 * SYMO_MAX_ORDER; e++)
        known[s][e] = t.window > 0 ? scaling_moment(t.window, e) : 1;
    window[s] = t.window;
    for (size_t u = 0; u < symo_layout_space_dim(layout, s); u++) {
      int e = x->e[s][u] + (y == NULL ? 0 : sign * y->e[s][u]);
      if (t.signs && e % 2 != 0) return 0;
      if (t.window > 0) out *= known[s][abs(e)];
    }
  }
  return out;
}

/* The next permutation in lexicographic order; false after the last. */
static bool next(size_t n, size_t *p) {
  size_t i = n, j = n;
  while (i > 1 && p[i - 2] > p[i - 1]) i--;
  if (i <= 1) {
    for (size_t k = 0; k < n; k++) p[k] = k;
    return false;
  }
  while (p[j - 1] < p[i - 2]) j--;
  size_t kept = p[i - 2];
  p[i - 2] = p[j - 1];
  p[j - 1] = kept;
  for (size_t a = i - 1, b = n - 1; a < b; a++, b--) {
    kept = p[a];
    p[a] = p[b];
    p[b] = kept;
  }
  return true;
}

static bool next_of_all(const symo_layout *layout, size_t p[SPACES][DIM]) {
  for (size_t s = 0; s < symo_layout_num_spaces(layout); s++)
    if (traits_of(layout, s).permute && next(symo_layout_space_dim(layout, s), p[s])) return true;
  return false;
}

static void begin(const symo_layout *layout, size_t p[SPACES][DIM]) {
  cr_assert(symo_layout_num_spaces(layout) <= SPACES);
  for (size_t s = 0; s < SPACES; s++)
    for (size_t u = 0; u < DIM; u++) p[s][u] = u;
}

static void images(const symo_layout *layout, const entry *all, size_t p[SPACES][DIM],
                   size_t *out) {
  for (size_t i = 0; i < symo_layout_num_parameters(layout); i++) {
    size_t t = all[i].tensor, at = 0;
    for (size_t a = 0; a < symo_layout_tensor_order(layout, t); a++)
      at = at * symo_layout_axis_dim(layout, t, a) +
           p[symo_layout_axis_space(layout, t, a)][all[i].index[a]];
    out[i] = symo_layout_tensor_offset(layout, t) + at;
  }
}

double *scaling_average(const symo_layout *layout, const double *a, bool cross) {
  size_t n = symo_layout_num_parameters(layout), p[SPACES][DIM], count = 0;
  double *masked = symo_dense_new(n, n), *out = symo_dense_new(n, n);
  size_t *image = calloc(n, sizeof *image);
  entry *all = list_entries(layout);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      masked[i * n + j] = a[i * n + j] * moment(layout, &all[i], &all[j], cross ? -1 : 1);
  begin(layout, p);
  do {
    images(layout, all, p, image);
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++) out[image[i] * n + image[j]] += masked[i * n + j];
    count++;
  } while (next_of_all(layout, p));
  for (size_t i = 0; i < n * n; i++) out[i] /= (double)count;
  free(masked);
  free(image);
  free(all);
  return out;
}

double *scaling_mean(const symo_layout *layout, const double *x) {
  size_t n = symo_layout_num_parameters(layout), p[SPACES][DIM], count = 0;
  double *out = symo_dense_new(n, 1);
  size_t *image = calloc(n, sizeof *image);
  entry *all = list_entries(layout);
  begin(layout, p);
  do {
    images(layout, all, p, image);
    for (size_t i = 0; i < n; i++) out[image[i]] += x[i] * moment(layout, &all[i], NULL, 1);
    count++;
  } while (next_of_all(layout, p));
  for (size_t i = 0; i < n; i++) out[i] /= (double)count;
  free(image);
  free(all);
  return out;
}

void scaling_move(symo_world *w, const symo_element *e, scaling_action how, symo_dtype t,
                  const double *x, double *y) {
  symo_test_vector a = symo_test_vector_make(w->layout, t, w->rng);
  symo_test_vector b = symo_test_vector_make(w->layout, t, w->rng);
  symo_test_vector_set(&a, x);
  cr_ok(w->context, how(e, symo_test_in(&a), symo_test_out(&b)));
  symo_test_vector_get(&b, y);
  symo_test_vector_free(&a);
  symo_test_vector_free(&b);
}
