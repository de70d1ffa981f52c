/* Spectra by products.
 *
 * With z of independent entries +1 and -1, z'Az has the mean tr A (Hutchinson 1990), the part of it in
 * one tensor that of the tensor's block, and |Az|^2 the mean tr A^2.  The Gauss quadrature of Lanczos
 * iterations from z has nodes and weights with sum_i w_i f(x_i) near z'f(A)z / P, whose mean is that of
 * f over the eigenvalues (Lin, Saad and Yang 2016); over several z the weights are averaged.
 *
 * Check: as the same z serve both, sum_i w_i x_i is tr A / P as the products have it, to rounding. */
#include "experiments/spectrum/density.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"

spectrum_density_options spectrum_density_options_default(void) {
  return (spectrum_density_options){
      .count = 10, .tolerance = 1e-4, .probes = 8, .steps = 30, .seed = 1};
}

void spectrum_density_drop(spectrum_density *d) {
  symo_eigenpairs_free(&d->pairs);
  symo_free(d->spread);
  symo_free(d->shares);
  symo_free(d->tensors);
  symo_free(d->nodes);
  *d = (spectrum_density){0};
}

typedef struct task {
  const spectrum_subject *subject;
  const spectrum_density_options *options;
  symo_problem problem;
  symo_problem_point point;
  symo_operator a;
  symo_rng *rng;
  void *z, *az; /* [P] */
} task;

static void report(const task *t, const char *what, size_t at, size_t of) {
  if (t->subject->c != NULL) cli_progress(t->subject->c, "%s %zu of %zu", what, at, of);
}

/* ---- tensors ---- */

static symo_status list_tensors(const spectrum_subject *s, spectrum_density *d) {
  symo_layout *layout = NULL;
  symo_status status = symo_net_layout(s->context, symo_net_get_spec(s->net), "identity", &layout);
  if (status != SYMO_OK) return status;
  const size_t count = symo_layout_num_tensors(layout);
  d->tensors = symo_calloc(count, sizeof *d->tensors);
  if (d->tensors == NULL)
    status = symo_fail_memory(s->context, "spectrum");
  else
    d->num_tensors = count;
  for (size_t i = 0; status == SYMO_OK && i < count; i++) {
    spectrum_tensor *x = &d->tensors[i];
    (void)snprintf(x->name, sizeof x->name, "%s", symo_layout_tensor_name(layout, i));
    x->offset = symo_layout_tensor_offset(layout, i);
    x->size = symo_layout_tensor_size(layout, i);
  }
  symo_layout_destroy(layout);
  return status;
}

/* ---- eigenpairs ---- */

/* The sum of the fourth powers of the entries, and of the squares in each tensor. */
static void describe_pair(const spectrum_density *d, size_t k) {
  const symo_eigenpairs *p = &d->pairs;
  double fourth = 0;
  for (size_t t = 0; t < d->num_tensors; t++) {
    const spectrum_tensor *x = &d->tensors[t];
    double sum = 0;
    for (size_t i = 0; i < x->size; i++) {
      const double u = symo_get(p->dtype, p->vectors, k * p->size + x->offset + i);
      sum += u * u, fourth += u * u * u * u;
    }
    d->shares[k * d->num_tensors + t] = sum;
  }
  d->spread[k] = fourth > 0 ? 1 / fourth : NAN;
}

static symo_status find_pairs(task *t, spectrum_density *d) {
  symo_lanczos_spec spec = symo_lanczos_spec_default();
  const size_t size = t->problem.size;
  spec.count = t->options->count < size ? t->options->count : size;
  spec.tolerance = t->options->tolerance;
  if (spec.count == 0) return SYMO_OK;
  report(t, "eigenpairs: looking for", spec.count, spec.count);
  symo_status status = symo_lanczos(t->subject->context, &t->a, &spec, t->rng, &d->pairs);
  if (status != SYMO_OK) return status;
  d->products += d->pairs.products;
  d->spread = symo_calloc(d->pairs.count, sizeof *d->spread);
  d->shares = symo_calloc(d->pairs.count * d->num_tensors, sizeof *d->shares);
  if (d->spread == NULL || d->shares == NULL)
    return symo_fail_memory(t->subject->context, "spectrum");
  for (size_t k = 0; k < d->pairs.count; k++) describe_pair(d, k);
  return SYMO_OK;
}

/* ---- probes ---- */

/* Sums of values and of their squares become mean and standard error. */
static void add(spectrum_mean *m, double value) { m->value += value, m->error += value * value; }

static void settle(spectrum_mean *m, size_t n) {
  const double mean = m->value / (double)n;
  const double variance = fmax(m->error / (double)n - mean * mean, 0) / (double)(n - 1);
  *m = (spectrum_mean){mean, sqrt(variance)};
}

static symo_status probe(task *t, spectrum_density *d) {
  const symo_dtype dtype = t->problem.dtype;
  double all = 0;
  symo_status status = t->a.product(t->a.self, 1, t->z, t->az);
  if (status != SYMO_OK) return status;
  for (size_t i = 0; i < d->num_tensors; i++) {
    spectrum_tensor *x = &d->tensors[i];
    const ptrdiff_t at = (ptrdiff_t)x->offset;
    const double part =
        symo_dot(dtype, x->size, symo_at(dtype, t->z, at), symo_at(dtype, t->az, at));
    add(&x->trace, part);
    all += part;
  }
  const double norm = symo_nrm2(dtype, t->problem.size, t->az);
  add(&d->trace, all);
  add(&d->squares, norm * norm);
  d->products++;
  return SYMO_OK;
}

/* Nodes of one more quadrature behind those there are. */
static symo_status quadrature(task *t, size_t steps, spectrum_density *d) {
  size_t count = 0;
  double *nodes = d->nodes + d->num_nodes, *weights = d->weights + d->num_nodes;
  symo_status status = symo_lanczos_quadrature(t->subject->context, &t->a, steps, t->z, t->rng,
                                               &count, nodes, weights);
  if (status != SYMO_OK) return status;
  for (size_t i = 0; i < count; i++) weights[i] /= (double)t->options->probes;
  d->num_nodes += count;
  d->products += count;
  return SYMO_OK;
}

static void sort_nodes(spectrum_density *d) {
  for (size_t i = 1; i < d->num_nodes; i++) {
    const double x = d->nodes[i], w = d->weights[i];
    size_t j = i;
    for (; j > 0 && d->nodes[j - 1] > x; j--)
      d->nodes[j] = d->nodes[j - 1], d->weights[j] = d->weights[j - 1];
    d->nodes[j] = x, d->weights[j] = w;
  }
}

static symo_status take_probes(task *t, spectrum_density *d) {
  const size_t probes = t->options->probes, size = t->problem.size;
  const size_t steps = t->options->steps < size ? t->options->steps : size;
  double sum = 0, squares = 0;
  symo_status status = SYMO_OK;
  d->nodes = symo_calloc(2 * probes * steps, sizeof *d->nodes);
  if (d->nodes == NULL) return symo_fail_memory(t->subject->context, "spectrum");
  d->weights = d->nodes + probes * steps;
  for (size_t k = 0; k < probes; k++) {
    report(t, "probe", k + 1, probes);
    for (size_t i = 0; i < size; i++)
      symo_put(t->problem.dtype, t->z, i, symo_rng_uniform(t->rng) < 0.5 ? -1 : 1);
    SYMO_TRY(probe(t, d));
    SYMO_TRY(quadrature(t, steps, d));
  }
  settle(&d->trace, probes);
  settle(&d->squares, probes);
  for (size_t i = 0; i < d->num_tensors; i++) settle(&d->tensors[i].trace, probes);
  sort_nodes(d);
  for (size_t i = 0; i < d->num_nodes; i++) {
    sum += d->weights[i] * fabs(d->nodes[i]);
    squares += d->weights[i] * d->nodes[i] * d->nodes[i];
  }
  d->participation = squares > 0 ? (double)size * sum * (sum / squares) : NAN;
fail:
  return status;
}

double spectrum_density_at(const spectrum_density *d, double deviation, double x) {
  const double unit = 1 / (deviation * sqrt(2 * acos(-1)));
  double sum = 0;
  for (size_t i = 0; i < d->num_nodes; i++) {
    const double at = (x - d->nodes[i]) / deviation;
    sum += d->weights[i] * unit * exp(-0.5 * at * at);
  }
  return sum;
}

/* ---- all together ---- */

static symo_status open_task(task *t, spectrum_density *d) {
  const spectrum_subject *s = t->subject;
  const size_t bytes = symo_dtype_size(t->problem.dtype), size = t->problem.size;
  symo_status status;
  t->z = symo_calloc(size, bytes), t->az = symo_calloc(size, bytes);
  if (t->z == NULL || t->az == NULL) return symo_fail_memory(s->context, "spectrum");
  SYMO_TRY(symo_rng_create(s->context, t->options->seed, &t->rng));
  SYMO_TRY(symo_net_select(s->net, s->examples, s->rows));
  SYMO_TRY(t->problem.gradient(t->problem.self, s->theta, &d->loss, t->z));
  d->gradient = symo_nrm2(t->problem.dtype, size, t->z);
  t->point = (symo_problem_point){&t->problem, s->theta, t->options->matrix};
  SYMO_TRY(symo_operator_of_problem(s->context, &t->point, &t->a));
fail:
  return status;
}

symo_status spectrum_density_measure(const spectrum_subject *s,
                                     const spectrum_density_options *options,
                                     spectrum_density *out) {
  task t = {.subject = s, .options = options, .problem = symo_net_problem(s->net)};
  spectrum_density d = {.parameters = t.problem.size};
  symo_status status;
  if (options->probes < 2 || options->steps == 0)
    return symo_fail(s->context, SYMO_E_ARGUMENT,
                     "spectrum: %zu probes of %zu steps (take 2 probes and 1 step at least)",
                     options->probes, options->steps);
  SYMO_TRY(open_task(&t, &d));
  SYMO_TRY(list_tensors(s, &d));
  SYMO_TRY(find_pairs(&t, &d));
  SYMO_TRY(take_probes(&t, &d));
  *out = d;
  d = (spectrum_density){0};
fail:
  spectrum_density_drop(&d);
  symo_rng_destroy(t.rng);
  symo_free(t.z);
  symo_free(t.az);
  return status;
}
