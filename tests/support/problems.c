/* Problems with known answers, and plans that descend on them; see problems.h. */
#include "tests/support/problems.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"
#include "core/linalg.h"
#include "tests/support/solvers.h"
#include "tests/support/stepping.h"

/* ---- problems ---- */

static double loss_at(const symo_test_problem *p, const double *x) {
  if (p->valley) {
    double r1 = 10 * (x[1] - x[0] * x[0]), r2 = 1 - x[0];
    return 0.5 * (r1 * r1 + r2 * r2);
  }
  double sum = p->c;
  for (size_t i = 0; i < p->n; i++) {
    double ax = 0;
    for (size_t j = 0; j < p->n; j++) ax += p->a[i * p->n + j] * x[j];
    sum += x[i] * (0.5 * ax - p->b[i]);
  }
  return sum;
}

static symo_status take_loss(void *self, const void *theta, double *loss) {
  symo_test_problem *p = self;
  p->losses++;
  symo_test_unpack(p->dtype, theta, p->x, p->n);
  *loss = p->nan_loss ? NAN : loss_at(p, p->x);
  return SYMO_OK;
}

static symo_status take_gradient(void *self, const void *theta, double *loss, void *grad) {
  symo_test_problem *p = self;
  const double *x = p->x;
  p->gradients++;
  symo_test_unpack(p->dtype, theta, p->x, p->n);
  if (loss != NULL) *loss = p->nan_loss ? NAN : loss_at(p, x);
  for (size_t i = 0; i < p->n && !p->valley; i++) {
    p->y[i] = -p->b[i];
    for (size_t j = 0; j < p->n; j++) p->y[i] += p->a[i * p->n + j] * x[j];
  }
  if (p->valley) {
    double r1 = 10 * (x[1] - x[0] * x[0]), r2 = 1 - x[0];
    p->y[0] = -20 * x[0] * r1 - r2;
    p->y[1] = 10 * r1;
  }
  if (p->nan_gradient) p->y[p->n - 1] = NAN;
  symo_test_pack(p->dtype, p->y, grad, p->n);
  return SYMO_OK;
}

static void take_one(symo_test_problem *p, const void *theta, const void *v, void *out) {
  p->products++;
  symo_test_unpack(p->dtype, theta, p->x, p->n);
  double x1 = p->x[0];
  symo_test_unpack(p->dtype, v, p->x, p->n);
  for (size_t i = 0; i < p->n && !p->valley; i++) {
    p->y[i] = 0;
    for (size_t j = 0; j < p->n; j++) p->y[i] += p->a[i * p->n + j] * p->x[j];
  }
  if (p->valley) { /* J = (-20 x1, 10; -1, 0) */
    double first = -20 * x1 * p->x[0] + 10 * p->x[1];
    p->y[0] = -20 * x1 * first + p->x[0];
    p->y[1] = 10 * first;
  }
  if (p->nan_product) p->y[0] = NAN;
  symo_test_pack(p->dtype, p->y, out, p->n);
}

static symo_status take_product(void *self, const void *theta, size_t k, const void *v, void *out) {
  symo_test_problem *p = self;
  for (size_t s = 0; s < k; s++) {
    const size_t at = s * p->n * symo_dtype_size(p->dtype);
    take_one(p, theta, (const char *)v + at, (char *)out + at);
  }
  return SYMO_OK;
}

/* ---- rows: those of J in the valley, else of the Cholesky factor L' of A = L L', w = L^-1 g ---- */

static size_t count_rows(void *self) { return ((symo_test_problem *)self)->n; }

/* S, [n, n]; the caller's (free). */
static double *factor(symo_test_problem *p, const void *theta) {
  const size_t n = p->n;
  double *s = malloc(n * n * sizeof *s);
  void *work = malloc(symo_eigh_work(SYMO_F64, n));
  cr_assert(s != NULL && work != NULL);
  symo_test_unpack(p->dtype, theta, p->x, n);
  memcpy(s, p->a, n * n * sizeof *s);
  if (p->valley)
    s[0] = -20 * p->x[0], s[1] = 10, s[2] = -1, s[3] = 0;
  else
    cr_assert(symo_cholesky(SYMO_F64, n, s, NULL, work) == SYMO_OK ||
                  symo_test_max(p->a, n * n) == 0,
              "no rows: A is indefinite");
  for (size_t i = 0; i < n && !p->valley; i++)
    for (size_t j = 0; j < i; j++) s[j * n + i] = s[i * n + j], s[i * n + j] = 0;
  free(work);
  return s;
}

/* out := S in, or S'in, for k vectors. */
static symo_status take_rows(symo_test_problem *p, const void *theta, size_t k, bool back,
                             const void *in, void *out) {
  const size_t n = p->n;
  double *s = factor(p, theta);
  p->products += k;
  for (size_t d = 0; d < k; d++) {
    const size_t at = d * n * symo_dtype_size(p->dtype);
    symo_test_unpack(p->dtype, (const char *)in + at, p->x, n);
    for (size_t i = 0; i < n; i++) p->y[i] = 0;
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++) p->y[back ? j : i] += s[i * n + j] * p->x[back ? i : j];
    if (p->nan_product) p->y[0] = NAN;
    symo_test_pack(p->dtype, p->y, (char *)out + at, n);
  }
  free(s);
  return SYMO_OK;
}

static symo_status take_row_product(void *self, const void *theta, size_t k, const void *v,
                                    void *sv) {
  return take_rows(self, theta, k, false, v, sv);
}

static symo_status take_row_transposed(void *self, const void *theta, size_t k, const void *u,
                                       void *su) {
  return take_rows(self, theta, k, true, u, su);
}

static symo_status take_row_residual(void *self, const void *theta, void *w) {
  symo_test_problem *p = self;
  const size_t n = p->n;
  double *s = factor(p, theta);
  for (size_t i = 0; i < n && !p->valley; i++) { /* g, then L^-1 g with L = S' */
    p->y[i] = -p->b[i];
    for (size_t j = 0; j < n; j++) p->y[i] += p->a[i * n + j] * p->x[j];
  }
  for (size_t i = 0; i < n && !p->valley; i++) {
    for (size_t j = 0; j < i; j++) p->y[i] -= s[j * n + i] * p->y[j];
    p->y[i] = s[i * n + i] != 0 ? p->y[i] / s[i * n + i] : 0;
  }
  if (p->valley) p->y[0] = 10 * (p->x[1] - p->x[0] * p->x[0]), p->y[1] = 1 - p->x[0];
  symo_test_pack(p->dtype, p->y, w, n);
  free(s);
  return SYMO_OK;
}

/* S'z with random signs z: one example, and the mean of g g' is A. */
static symo_status take_sampled(void *self, const void *theta, uint64_t seed, double *examples,
                                void *grad) {
  symo_test_problem *p = self;
  double *s = factor(p, theta);
  for (size_t i = 0; i < p->n; i++) p->y[i] = 0;
  for (size_t i = 0; i < p->n; i++)
    for (size_t j = 0; j < p->n; j++)
      p->y[j] += (symo_hash_join(seed, i) & 1 ? 1 : -1) * s[i * p->n + j];
  p->sampled++;
  *examples = 1;
  symo_test_pack(p->dtype, p->y, grad, p->n);
  free(s);
  return SYMO_OK;
}

/* ---- examples: 2 n of them, g +- root(n) s_i with the rows s_i of S, so that F = A + g g' ---- */

static size_t count_examples(void *self) { return 2 * ((const symo_test_problem *)self)->n; }

/* G [2 n, n], float64; free. */
static double *examples_of(symo_test_problem *p, const void *theta) {
  const size_t n = p->n;
  double *s = factor(p, theta), *g = calloc(2 * n * n + n, sizeof *g), *mean = g + 2 * n * n;
  cr_assert(g != NULL);
  for (size_t i = 0; i < n && !p->valley; i++) {
    mean[i] = -p->b[i];
    for (size_t j = 0; j < n; j++) mean[i] += p->a[i * n + j] * p->x[j];
  }
  for (size_t i = 0; i < n && p->valley; i++) /* S'r */
    mean[i] = s[i] * 10 * (p->x[1] - p->x[0] * p->x[0]) + s[n + i] * (1 - p->x[0]);
  for (size_t e = 0; e < 2 * n; e++)
    for (size_t j = 0; j < n; j++)
      g[e * n + j] = mean[j] + (e % 2 == 0 ? 1 : -1) * sqrt((double)n) * s[e / 2 * n + j];
  if (p->nan_gradient) g[0] = NAN;
  free(s);
  return g;
}

static symo_status take_examples(void *self, const void *theta, const symo_example_request *r) {
  symo_test_problem *p = self;
  double *g = examples_of(p, theta);
  const size_t n = p->n, most = r->take != NULL ? r->block : r->count;
  symo_status status = SYMO_OK;
  for (size_t at = 0, count; at < r->count && status == SYMO_OK; at += count) {
    count = r->count - at < most ? r->count - at : most;
    symo_test_pack(p->dtype, g + (r->first + at) * n, r->gradients, count * n);
    if (r->take != NULL) status = r->take(r->self, r->first + at, count, r->gradients);
  }
  free(g);
  return status;
}

/* G V' or, back, G'U, or both over N. */
static symo_status multiply_examples(void *self, const void *theta, size_t k, int way,
                                     const void *v, void *out) {
  symo_test_problem *p = self;
  double *g = examples_of(p, theta);
  const size_t n = p->n, rows = 2 * n, item = symo_dtype_size(p->dtype);
  const size_t from = way == 1 ? rows : n, to = way == 0 ? rows : n;
  double *x = calloc(2 * rows + n, sizeof *x), *u = x + rows, *y = u + rows;
  cr_assert(x != NULL);
  p->products += k;
  for (size_t d = 0; d < k; d++) {
    symo_test_unpack(p->dtype, (const char *)v + d * from * item, way == 1 ? u : x, from);
    for (size_t e = 0; e < rows && way != 1; e++) {
      u[e] = 0;
      for (size_t j = 0; j < n; j++) u[e] += g[e * n + j] * x[j] / (way == 2 ? (double)rows : 1);
    }
    memset(y, 0, n * sizeof *y);
    for (size_t e = 0; e < rows; e++)
      for (size_t j = 0; j < n; j++) y[j] += g[e * n + j] * u[e];
    if (p->nan_product) y[0] = u[0] = NAN;
    symo_test_pack(p->dtype, way == 0 ? u : y, (char *)out + d * to * item, to);
  }
  free(x), free(g);
  return SYMO_OK;
}

static symo_status take_example_product(void *self, const void *theta, size_t k, const void *v,
                                        void *out) {
  return multiply_examples(self, theta, k, 0, v, out);
}

static symo_status take_example_transposed(void *self, const void *theta, size_t k, const void *u,
                                           void *out) {
  return multiply_examples(self, theta, k, 1, u, out);
}

static symo_status take_fisher(void *self, const void *theta, size_t k, const void *v, void *fv) {
  return multiply_examples(self, theta, k, 2, v, fv);
}

static void fill(symo_test_problem *p, symo_dtype dtype, size_t n) {
  *p = (symo_test_problem){.n = n, .dtype = dtype};
  p->a = calloc(n * n + 3 * n, sizeof *p->a);
  cr_assert(p->a != NULL);
  p->b = p->a + n * n;
  p->x = p->b + n;
  p->y = p->x + n;
  p->problem = (symo_problem){.name = "test",
                              .size = n,
                              .dtype = dtype,
                              .self = p,
                              .loss = take_loss,
                              .gradient = take_gradient,
                              .hvp = take_product,
                              .ggn = take_product,
                              .rows = count_rows,
                              .row_residual = take_row_residual,
                              .row_product = take_row_product,
                              .row_transposed = take_row_transposed,
                              .sampled_gradient = take_sampled,
                              .examples = count_examples,
                              .example_gradients = take_examples,
                              .fisher = take_fisher,
                              .example_product = take_example_product,
                              .example_transposed = take_example_transposed};
}

void symo_test_quadratic(symo_test_problem *p, symo_rng *rng, symo_dtype dtype, size_t n,
                         const double *w) {
  fill(p, dtype, n);
  solvers_spd(rng, n, w, p->a);
  symo_test_randn(rng, p->b, n);
}

void symo_test_valley(symo_test_problem *p) {
  fill(p, SYMO_F64, 2);
  p->valley = true;
  p->problem.hvp = NULL;
}

void symo_test_problem_free(symo_test_problem *p) { free(p->a); }

void symo_test_solve(size_t n, double *a, double damping, double *b) {
  void *work = malloc(symo_eigh_work(SYMO_F64, n));
  symo_add_diagonal(SYMO_F64, n, damping, a);
  cr_assert(work != NULL && symo_cholesky(SYMO_F64, n, a, NULL, work) == SYMO_OK);
  symo_trsm(SYMO_F64, n, a, false, symo_mat_dense(b, n, 1));
  symo_trsm(SYMO_F64, n, a, true, symo_mat_dense(b, n, 1));
  free(work);
}

/* ---- descents ---- */

void symo_descent_open(symo_test_descent *d, symo_context *context, const symo_problem *problem,
                       symo_layout *layout, const char *preset, const char *settings) {
  symo_test_stepper s = {.w = {.context = context}};
  char text[64];
  *d = (symo_test_descent){.context = context, .problem = *problem, .layout = layout};
  d->dtype = problem->dtype;
  d->n = problem->size;
  snprintf(text, sizeof text, "x: identity %zu; w[x]", d->n);
  if (layout == NULL) cr_ok(context, symo_layout_parse(context, text, &d->layout));
  d->method = symo_stepper_method(&s, preset, settings);
  d->rule = symo_stepper_rule(&d->method);
  d->spec = symo_optim_spec_default();
  d->spec.num_rules = 1;
  d->spec.rules = &d->rule;
  d->spec.dtype = d->dtype;
  cr_ok(context, symo_optim_create(d->layout, &d->spec, &d->optim));
  cr_ok(context, symo_optim_state_create(d->optim, &d->state));
  d->theta = calloc(d->n, symo_dtype_size(d->dtype));
  cr_assert(d->theta != NULL);
  if (layout == NULL) symo_layout_destroy(d->layout);
}

void symo_descent_close(symo_test_descent *d) {
  symo_optim_state_destroy(d->state);
  symo_optim_destroy(d->optim);
  free(d->theta);
}

void symo_descent_set(symo_test_descent *d, const double *theta) {
  symo_test_pack(d->dtype, theta, d->theta, d->n);
}

void symo_descent_get(const symo_test_descent *d, double *theta) {
  symo_test_unpack(d->dtype, d->theta, theta, d->n);
}

symo_step_report symo_descent_step(symo_test_descent *d) {
  symo_step_report report;
  cr_ok(d->context, symo_optim_problem_step(d->state, &d->problem, d->theta, &d->loss, &report));
  return report;
}

static size_t entry_bytes(const symo_state_entry *e) {
  size_t bytes = symo_dtype_size(e->dtype);
  for (size_t a = 0; a < e->order; a++) bytes *= e->shape[a];
  return bytes;
}

symo_test_bytes symo_descent_bytes(symo_test_descent *d, bool counters) {
  symo_test_bytes out = {.n = d->n * symo_dtype_size(d->dtype)};
  size_t first = counters ? 0 : 1, count = symo_optim_state_num_entries(d->state);
  for (size_t i = first; i < count; i++) {
    symo_state_entry e = symo_optim_state_entry(d->state, i);
    out.n += entry_bytes(&e);
  }
  out.p = malloc(out.n);
  cr_assert(out.p != NULL);
  size_t used = d->n * symo_dtype_size(d->dtype);
  memcpy(out.p, d->theta, used);
  for (size_t i = first; i < count; i++) {
    symo_state_entry e = symo_optim_state_entry(d->state, i);
    memcpy(out.p + used, e.data, entry_bytes(&e));
    used += entry_bytes(&e);
  }
  return out;
}

bool symo_test_same_bytes(symo_test_bytes a, symo_test_bytes b) {
  return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}
