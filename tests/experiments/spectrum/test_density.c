/* Eigenpairs, traces and densities of symo spectrum against dense matrices with eigenvalues by GSL. */
#include "experiments/spectrum/density.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "tests/net/test_net_support.h"
#include "tests/support/dense.h"

static const double close = 1e-8; /* relative to the largest eigenvalue */

typedef struct fixture {
  net_case c;
  size_t rows[16];
  spectrum_subject subject;
  spectrum_density_options options;
  spectrum_density d;
} fixture;

static void open_fixture(fixture *f, const char *net, symo_loss loss, size_t examples) {
  symo_net_spec spec = symo_net_spec_default();
  cr_ok(NULL, symo_net_parse(NULL, net, &spec));
  if (!symo_net_reads_tokens(&spec)) spec.loss = loss;
  f->c = net_case_create(&spec, examples, 0.5, 21);
  for (size_t i = 0; i < examples; i++) f->rows[i] = i;
  f->subject = (spectrum_subject){.context = f->c.context,
                                  .net = f->c.net,
                                  .theta = f->c.packed,
                                  .examples = examples,
                                  .rows = f->rows};
  f->options = spectrum_density_options_default();
  f->options.count = 4, f->options.tolerance = 0;
  f->d = (spectrum_density){0};
}

static void close_fixture(fixture *f) {
  spectrum_density_drop(&f->d);
  net_case_destroy(&f->c);
}

/* Eigenvalues of a dense [n, n], the largest |.| first; column k of v belongs to w[k]. */
static void by_size(size_t n, const double *a, double *w, double *v) {
  symo_dense_eigen(n, a, w, v);
  for (size_t i = 0; i < n; i++)
    for (size_t j = i; j > 0 && fabs(w[j]) > fabs(w[j - 1]); j--) {
      double swap = w[j];
      w[j] = w[j - 1], w[j - 1] = swap;
      for (size_t r = 0; r < n; r++) {
        swap = v[r * n + j];
        v[r * n + j] = v[r * n + j - 1], v[r * n + j - 1] = swap;
      }
    }
}

static void check_pairs(const fixture *f, const double *w, const double *v) {
  const spectrum_density *d = &f->d;
  const size_t n = f->c.size;
  cr_assert(d->pairs.count == 4 && d->pairs.converged == 4);
  for (size_t k = 0; k < 4; k++) {
    double sum = 0, fourth = 0;
    cr_assert(fabs(d->pairs.values[k] - w[k]) <= close * fabs(w[0]), "%g, %g", d->pairs.values[k],
              w[k]);
    for (size_t t = 0; t < d->num_tensors; t++) sum += d->shares[k * d->num_tensors + t];
    cr_assert(fabs(sum - 1) <= 1e-12);
    /* Vectors compare where eigenvalues stand alone. */
    if (fabs(w[k] - w[k + 1]) < 1e-2 * fabs(w[0]) ||
        (k > 0 && fabs(w[k] - w[k - 1]) < 1e-2 * fabs(w[0])))
      continue;
    for (size_t i = 0; i < n; i++) fourth += pow(v[i * n + k], 4);
    cr_assert(fabs(d->spread[k] * fourth - 1) <= 1e-5, "%zu: %g, %g", k, d->spread[k], 1 / fourth);
    for (size_t t = 0; t < d->num_tensors; t++) {
      const spectrum_tensor *x = &d->tensors[t];
      sum = 0;
      for (size_t i = x->offset; i < x->offset + x->size; i++) sum += v[i * n + k] * v[i * n + k];
      cr_assert(fabs(sum - d->shares[k * d->num_tensors + t]) <= 1e-5);
    }
  }
}

/* Means over probes lie within five of their standard errors, and a little for errors that are small
 * by chance; quadratures are the same numbers in another way. */
static void check_probes(const fixture *f, const double *a, const double *w) {
  const spectrum_density *d = &f->d;
  const size_t n = f->c.size;
  double trace = 0, squares = 0, parts = 0, total = 0, first = 0, second = 0;
  for (size_t i = 0; i < n; i++) trace += w[i], squares += w[i] * w[i];
  const double small = 0.02 * fabs(trace);
  cr_assert(fabs(d->trace.value - trace) <= 5 * d->trace.error + small);
  cr_assert(fabs(d->squares.value - squares) <= 5 * d->squares.error + 0.02 * squares);
  for (size_t t = 0; t < d->num_tensors; t++) {
    const spectrum_tensor *x = &d->tensors[t];
    double exact = 0;
    for (size_t i = x->offset; i < x->offset + x->size; i++) exact += a[i * n + i];
    cr_assert(fabs(x->trace.value - exact) <= 5 * x->trace.error + small, "%s: %g +- %g, %g",
              x->name, x->trace.value, x->trace.error, exact);
    parts += x->trace.value;
  }
  cr_assert(fabs(parts - d->trace.value) <= 1e-10 * fabs(w[0]) * (double)n);
  for (size_t i = 0; i < d->num_nodes; i++) {
    total += d->weights[i];
    first += d->weights[i] * d->nodes[i] * (double)n;
    second += d->weights[i] * d->nodes[i] * d->nodes[i] * (double)n;
    cr_assert(i == 0 || d->nodes[i] >= d->nodes[i - 1]);
  }
  cr_assert(fabs(total - 1) <= 1e-12);
  cr_assert(fabs(first - d->trace.value) <= close * fabs(w[0]) * (double)n);
  cr_assert(fabs(second - d->squares.value) <= close * w[0] * w[0] * (double)n);
}

static void check_network(const char *net, symo_loss loss, bool ggn) {
  fixture f;
  open_fixture(&f, net, loss, 6);
  f.options.matrix = ggn ? SYMO_MATRIX_GGN : SYMO_MATRIX_HESSIAN;
  f.options.probes = 100, f.options.steps = 12;
  cr_ok(f.c.context, spectrum_density_measure(&f.subject, &f.options, &f.d));
  const size_t n = f.c.size;
  double *a = net_dense(&f.c, ggn), *w = symo_dense_new(1, n), *v = symo_dense_new(n, n);
  by_size(n, a, w, v);
  cr_assert(f.d.parameters == n && f.d.products >= 100 * 2);
  check_pairs(&f, w, v);
  check_probes(&f, a, w);
  symo_free(a);
  free(w);
  free(v);
  close_fixture(&f);
}

Test(spectrum_density, of_dense_networks) {
  check_network("5-6-4", SYMO_LOSS_CROSS_ENTROPY, false);
  check_network("5-6-4", SYMO_LOSS_CROSS_ENTROPY, true);
  check_network("4-5-3", SYMO_LOSS_MSE, false);
}
Test(spectrum_density, of_other_networks) {
  check_network("conv:4x4x1-c3k3-p2-3", SYMO_LOSS_CROSS_ENTROPY, false);
  check_network("rnn:3x3-5-3", SYMO_LOSS_MSE, false);
  check_network("gpt:v6-t3-c4-h2-l1", SYMO_LOSS_TOKENS, true);
}

/* Quadratures that reach the end of the space have all eigenvalues for nodes, and the participation
 * ratio over many probes is that of the spectrum. */
Test(spectrum_density, whole_quadratures_have_the_spectrum) {
  fixture f;
  open_fixture(&f, "3-3-2", SYMO_LOSS_MSE, 8);
  f.options.probes = 400, f.options.steps = 1000;
  cr_ok(f.c.context, spectrum_density_measure(&f.subject, &f.options, &f.d));
  const size_t n = f.c.size;
  double *a = net_dense(&f.c, false), *w = symo_dense_new(1, n), *v = symo_dense_new(n, n);
  double sum = 0, squares = 0, mass = 0;
  by_size(n, a, w, v);
  for (size_t i = 0; i < f.d.num_nodes; i++) {
    double nearest = INFINITY;
    for (size_t k = 0; k < n; k++) nearest = fmin(nearest, fabs(f.d.nodes[i] - w[k]));
    cr_assert(nearest <= 1e-6 * fabs(w[0]) || f.d.weights[i] <= 1e-9, "%g", f.d.nodes[i]);
  }
  for (size_t k = 0; k < n; k++) sum += fabs(w[k]), squares += w[k] * w[k];
  cr_assert(fabs(f.d.participation / (sum * sum / squares) - 1) <= 0.1, "%g, %g", f.d.participation,
            sum * sum / squares);
  const double low = 2 * fmin(w[0], -fabs(w[0])), high = 2 * fabs(w[0]), step = (high - low) / 4000;
  for (double x = low; x <= high; x += step) mass += step * spectrum_density_at(&f.d, 20 * step, x);
  cr_assert(fabs(mass - 1) <= 1e-3, "%g", mass);
  symo_free(a);
  free(w);
  free(v);
  close_fixture(&f);
}

Test(spectrum_density, what_cannot_be_asked) {
  fixture f;
  open_fixture(&f, "3-3-2", SYMO_LOSS_MSE, 4);
  f.options.probes = 1;
  cr_fails(f.c.context, SYMO_E_ARGUMENT, "2 probes",
           spectrum_density_measure(&f.subject, &f.options, &f.d));
  f.options.probes = 2, f.options.steps = 0;
  cr_fails(f.c.context, SYMO_E_ARGUMENT, "1 step",
           spectrum_density_measure(&f.subject, &f.options, &f.d));
  f.options.steps = 3, f.options.count = 0;
  cr_ok(f.c.context, spectrum_density_measure(&f.subject, &f.options, &f.d));
  cr_assert(f.d.pairs.count == 0 && f.d.num_nodes == 6);
  close_fixture(&f);
}

static symo_status measure(void *self) {
  fixture *f = self;
  symo_status status = spectrum_density_measure(&f->subject, &f->options, &f->d);
  if (status == SYMO_OK) spectrum_density_drop(&f->d);
  return status;
}

Test(spectrum_density, memory_may_run_out_anywhere) {
  fixture f;
  open_fixture(&f, "3-3-2", SYMO_LOSS_MSE, 4);
  f.options.probes = 2, f.options.steps = 3;
  cr_ok(f.c.context, measure(&f)); /* the network has its workspace */
  symo_test_allocations(measure, &f);
  close_fixture(&f);
}
