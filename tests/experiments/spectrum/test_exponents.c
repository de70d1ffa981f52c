/* Every quantity of symo spectrum --exponents in a second way: dense Hessians, singular values and
 * eigenvalues by GSL, factors from single examples. */
#include "experiments/spectrum/exponents.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/linalg.h"
#include "tests/net/test_net_support.h"
#include "tests/support/dense.h"
#include "tests/support/optim_reference.h"

/* The two ways differ by rounding, some eps |H| sqrt(P) through gaps of singular values. */
static const double close = 1e-8;

typedef struct fixture {
  net_case c;
  size_t rows[32];
  spectrum_subject subject;
  spectrum_exponents e;
} fixture;

static void open_fixture(fixture *f, const char *net, symo_loss loss, size_t examples,
                         double scale) {
  symo_net_spec spec = symo_net_spec_default();
  cr_ok(NULL, symo_net_parse(NULL, net, &spec));
  if (!symo_net_reads_tokens(&spec)) spec.loss = loss;
  f->c = net_case_create(&spec, examples, scale, 11);
  for (size_t i = 0; i < examples; i++) f->rows[i] = i;
  f->subject = (spectrum_subject){.context = f->c.context,
                                  .net = f->c.net,
                                  .theta = f->c.packed,
                                  .examples = examples,
                                  .rows = f->rows};
  f->e = (spectrum_exponents){0};
}

static void close_fixture(fixture *f) {
  spectrum_exponents_drop(&f->e);
  net_case_destroy(&f->c);
}

static spectrum_options all_of_it(void) {
  spectrum_options o = spectrum_options_default();
  o.range = 1e-6, o.directions = 0, o.resamples = 0, o.eigenvalues = 5, o.tolerance = 0;
  return o;
}

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* <u v', A u v'> for direction k of a matrix at `offset`. */
static double along(const reference_svd *d, size_t k, size_t offset, size_t size, const double *a) {
  double sum = 0;
  const size_t n = d->rows * d->cols;
  for (size_t p = 0; p < n; p++)
    for (size_t q = 0; q < n; q++)
      sum += d->u[p / d->cols * d->n + k] * d->v[p % d->cols * d->n + k] *
             a[(offset + p) * size + offset + q] * d->u[q / d->cols * d->n + k] *
             d->v[q % d->cols * d->n + k];
  return sum;
}

/* The block of a matrix, its eigenvalues by size into w [rows cols]. */
static void eigenvalues(const spectrum_place *p, size_t size, const double *a, double *w) {
  const size_t n = p->rows * p->cols;
  double *block = symo_dense_new(n, n), *v = symo_dense_new(n, n);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) block[i * n + j] = a[(p->offset + i) * size + p->offset + j];
  symo_dense_eigen(n, block, w, v);
  for (size_t i = 0; i < n; i++)
    for (size_t j = i; j > 0 && fabs(w[j]) > fabs(w[j - 1]); j--) {
      double swap = w[j];
      w[j] = w[j - 1], w[j - 1] = swap;
    }
  free(block);
  free(v);
}

static void check_matrix(const fixture *f, const spectrum_matrix *m, const double *gradient,
                         const double *hessian, const double *ggn) {
  const spectrum_place *p = &m->place;
  const size_t size = f->c.size, n = p->rows * p->cols;
  reference_svd d = reference_svd_of(p->rows, p->cols, gradient + p->offset);
  double *w = symo_dense_new(1, n);
  eigenvalues(p, size, hessian, w);
  cr_assert(m->rank == d.n && m->rank == smaller(p->rows, p->cols));
  for (size_t k = 0; k < m->rank; k++)
    cr_assert(fabs(m->sigma[k] - d.s[k]) <= close * d.s[0], "%s: sigma_%zu", p->name, k + 1);
  for (size_t k = 0; k < m->count; k++) {
    const size_t at = (size_t)m->at[k] - 1;
    cr_assert(fabs(m->hessian[k] - along(&d, at, p->offset, size, hessian)) <= close * fabs(w[0]),
              "%s: h_%zu %g", p->name, at + 1, m->hessian[k]);
    cr_assert(fabs(m->ggn[k] - along(&d, at, p->offset, size, ggn)) <= close * fabs(w[0]),
              "%s: Gauss-Newton %zu %g", p->name, at + 1, m->ggn[k]);
    cr_assert(m->measured[k] == m->sigma[at] && m->ggn[k] >= -close * fabs(w[0]));
    cr_assert(p->weight == SYMO_NONE ? isnan(m->phi[k]) : m->phi[k] >= 0);
  }
  cr_assert(m->num_eigenvalues <= 5 && (m->count == 0 || m->num_eigenvalues > 0), "%s", p->name);
  for (size_t k = 0; k < m->num_eigenvalues; k++)
    cr_assert(fabs(m->eigenvalues[k] - w[k]) <= close * fabs(w[0]), "%s: eigenvalue %zu %g, %g",
              p->name, k, m->eigenvalues[k], w[k]);
  if (m->count > 0)
    cr_assert(m->captured <= 1 + close && fabs(m->captured - m->sorted[0] / fabs(w[0])) <= close);
  reference_svd_free(&d);
  free(w);
}

static void check_network(const char *net, symo_loss loss) {
  fixture f;
  const spectrum_options o = all_of_it();
  open_fixture(&f, net, loss, 6, 0.5);
  cr_ok(f.c.context, spectrum_exponents_measure(&f.subject, &o, &f.e));
  double *gradient = net_vector(f.c.size), loss_value;
  double *hessian = net_dense(&f.c, false), *ggn = net_dense(&f.c, true);
  cr_ok(f.c.context, f.c.problem.gradient(f.c.problem.self, f.c.packed, &loss_value, gradient));
  cr_assert(f.e.loss == loss_value && f.e.parameters == f.c.size && f.e.count > 1);
  cr_assert(fabs(f.e.gradient - symo_nrm2(SYMO_F64, f.c.size, gradient)) <= close * f.e.gradient);
  for (size_t i = 0; i < f.e.count; i++) check_matrix(&f, &f.e.matrices[i], gradient, hessian, ggn);
  symo_free(gradient);
  symo_free(hessian);
  symo_free(ggn);
  close_fixture(&f);
}

Test(spectrum_exponents, dense_networks) {
  check_network("5-7-4", SYMO_LOSS_MSE);
  check_network("5-7-6-4", SYMO_LOSS_CROSS_ENTROPY);
}
Test(spectrum_exponents, convolutions) {
  check_network("conv:4x4x2-c3k3-p2-c4k1-3", SYMO_LOSS_CROSS_ENTROPY);
}
Test(spectrum_exponents, recurrent_networks) { check_network("rnn:3x4-5-3", SYMO_LOSS_MSE); }
Test(spectrum_exponents, transformers) { check_network("gpt:v7-t4-c8-h2-l1", SYMO_LOSS_TOKENS); }

/* ---- which matrices there are ---- */

Test(spectrum_exponents, matrices_by_kind) {
  static const struct {
    const char *net, *expected;
  } rows[] = {
      {"5-7-4", "w1 dense 7x5 0+0, w2 output 4x7 1+0"},
      {"conv:4x4x2-c3k3-p2-c4k1-3",
       "w1 convolution 3x18 0+0, w2 convolution 4x3 1+0, w3 output 3x16 2+0"},
      {"rnn:3x4-5-3", "wx recurrent-input 5x4 0+0, wh recurrent 5x5 1+0, wo output 3x5 2+0"},
      {"gpt:v7-t4-c8-h2-l1-f12",
       "wte.weight embedding 7x8 -, wpe.weight embedding 4x8 -, h.0.attn.q.weight attention-query "
       "8x8 "
       "0+0, h.0.attn.k.weight attention-key 8x8 0+8, h.0.attn.v.weight attention-value 8x8 0+16, "
       "h.0.attn.c_proj.weight attention-output 8x8 1+0, h.0.mlp.c_fc.weight mlp-up 12x8 2+0, "
       "h.0.mlp.c_proj.weight mlp-down 8x12 3+0"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    fixture f;
    char text[1024] = "";
    size_t count;
    spectrum_place *places;
    open_fixture(&f, rows[i].net, SYMO_LOSS_CROSS_ENTROPY, 2, 1);
    cr_ok(f.c.context, spectrum_places(f.c.context, f.c.net, &count, &places));
    for (size_t p = 0; p < count; p++) {
      const spectrum_place *x = &places[p];
      size_t used = strlen(text);
      used += (size_t)snprintf(text + used, sizeof text - used, "%s%s %s %zux%zu ",
                               p > 0 ? ", " : "", x->name, x->kind, x->rows, x->cols);
      if (x->weight == SYMO_NONE)
        (void)snprintf(text + used, sizeof text - used, "-");
      else
        (void)snprintf(text + used, sizeof text - used, "%zu+%zu", x->weight, x->first);
    }
    cr_assert_str_eq(text, rows[i].expected, "%s", text);
    symo_free(places);
    close_fixture(&f);
  }
}

/* ---- factors ---- */

/* A does not depend on labels: the mean of what enters, over examples and positions, however many
 * are taken at a time. */
Test(spectrum_exponents, the_factor_of_inputs_is_their_mean_square) {
  fixture f;
  open_fixture(&f, "5-7-4", SYMO_LOSS_MSE, 9, 1);
  double a[25], b[49], expected[25] = {0};
  cr_ok(f.c.context, spectrum_factors(&f.subject, 0, 1, f.c.rng, a, b));
  for (size_t n = 0; n < 9; n++)
    for (size_t i = 0; i < 25; i++) expected[i] += f.c.x[5 * n + i / 5] * f.c.x[5 * n + i % 5] / 9;
  cr_assert(symo_test_rel(a, expected, 25) <= 1e-13);
  close_fixture(&f);
}

/* One layer, squared error: labels drawn from the model are one standard deviation off, B is the
 * unit matrix, and the Gauss-Newton matrix is A (x) B.  Entries of d d' over 6000 draws have standard
 * errors of sqrt(2 / 6000). */
Test(spectrum_exponents, of_a_linear_model_the_factors_are_the_curvature) {
  fixture f;
  spectrum_options o = all_of_it();
  open_fixture(&f, "6-4", SYMO_LOSS_MSE, 6, 1);
  o.samples = 1000;
  cr_ok(f.c.context, spectrum_exponents_measure(&f.subject, &o, &f.e));
  const spectrum_matrix *m = &f.e.matrices[0];
  cr_assert(f.e.count == 1 && m->count == 4);
  for (size_t k = 0; k < 4; k++) {
    cr_assert(fabs(m->kfac[k] / m->ggn[k] - 1) <= 5 * sqrt(2.0 / 6000), "%g",
              m->kfac[k] / m->ggn[k]);
    cr_assert(fabs(m->hessian[k] - m->ggn[k]) <= close * m->ggn[0]);
    cr_assert(fabs(m->phi[k] * m->measured[k] * m->measured[k] / m->kfac[k] - 1) <= 1e-12);
  }
  close_fixture(&f);
}

/* The output layer of a transformer sees each token by itself: the trace of its Gauss-Newton matrix is
 * the mean of |a|^2 sum p (1 - p), which is that of A (x) B but for the dependence of the two.  Without
 * the number of tokens, 5, B would be a fifth. */
Test(spectrum_exponents, factors_of_tokens_have_the_scale_of_the_curvature) {
  fixture f;
  open_fixture(&f, "gpt:v7-t5-c8-h2-l1-untied", SYMO_LOSS_TOKENS, 6, 0.5);
  const size_t head = symo_net_num_weights(f.c.net) - 1;
  const symo_net_weight w = symo_net_get_weight(f.c.net, head);
  cr_assert(w.outputs == 7 && w.inputs == 8);
  double a[64], b[2][49], trace[2] = {0, 0}, exact = 0, inputs = 0, *ggn = net_dense(&f.c, true);
  for (int half = 0; half < 2; half++) {
    cr_ok(f.c.context, spectrum_factors(&f.subject, head, 500, f.c.rng, a, b[half]));
    for (size_t i = 0; i < 7; i++) trace[half] += b[half][8 * i];
  }
  for (size_t i = 0; i < 8; i++) inputs += a[9 * i];
  for (size_t i = 0; i < 56; i++) exact += ggn[(w.weight + i) * (f.c.size + 1)];
  const double found = (trace[0] + trace[1]) / 2 * inputs,
               error = fabs(trace[0] - trace[1]) * inputs;
  cr_assert(fabs(found / exact - 1) <= 0.3 && error <= 0.1 * exact, "%g, %g", found, exact);
  symo_free(ggn);
  close_fixture(&f);
}

/* ---- which directions ---- */

Test(spectrum_exponents, directions_are_spread_over_logarithms) {
  fixture f;
  spectrum_options o = all_of_it();
  open_fixture(&f, "30-32-30", SYMO_LOSS_MSE, 32, 0.5);
  o.range = 1e-12, o.eigenvalues = 0;
  for (size_t most = 2; most < 32; most += 5) {
    o.directions = most;
    cr_ok(f.c.context, spectrum_exponents_measure(&f.subject, &o, &f.e));
    const spectrum_matrix *m = &f.e.matrices[0];
    cr_assert(m->range == 30 && m->count == smaller(most, 30) && m->at[0] == 1 &&
              m->at[m->count - 1] == 30);
    cr_assert(f.e.products == 4 * m->count && m->num_eigenvalues == 0);
    for (size_t k = 1; k < m->count; k++) {
      cr_assert(m->at[k] > m->at[k - 1] && m->at[k] == floor(m->at[k]));
      if (k > 1) cr_assert(m->at[k] - m->at[k - 1] >= m->at[k - 1] - m->at[k - 2] - 1);
    }
    spectrum_exponents_drop(&f.e);
  }
  close_fixture(&f);
}

/* Zero gradients have no directions, and that is no failure. */
Test(spectrum_exponents, a_gradient_of_zero) {
  fixture f;
  const spectrum_options o = all_of_it();
  open_fixture(&f, "5-7-4", SYMO_LOSS_MSE, 3, 1);
  memset(f.c.packed, 0, f.c.size * sizeof(double)); /* only the last bias has a gradient */
  cr_ok(f.c.context, spectrum_exponents_measure(&f.subject, &o, &f.e));
  for (size_t i = 0; i < f.e.count; i++) {
    const spectrum_matrix *m = &f.e.matrices[i];
    cr_assert(m->range == 0 && m->count == 0 && isnan(m->alpha.value) && isnan(m->participation));
  }
  close_fixture(&f);
}

static symo_status measure(void *self) {
  fixture *f = self;
  spectrum_options o = all_of_it();
  o.resamples = 3;
  symo_status status = spectrum_exponents_measure(&f->subject, &o, &f->e);
  if (status == SYMO_OK) spectrum_exponents_drop(&f->e);
  return status;
}

Test(spectrum_exponents, memory_may_run_out_anywhere) {
  fixture f;
  open_fixture(&f, "3-4-2", SYMO_LOSS_MSE, 3, 1);
  cr_ok(f.c.context, measure(&f)); /* the network has its workspace */
  symo_test_allocations(measure, &f);
  close_fixture(&f);
}
