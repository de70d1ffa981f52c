/* How curvature follows the singular values of a layer's gradient (arXiv 2606.02596).
 *
 * h_k = <u_k v_k', H u_k v_k'> comes from products with H, and with the Gauss-Newton matrix, along
 * the singular directions of each matrix's gradient (hessian/directions.h says which); nothing else
 * is assumed of H.
 *
 * Which of the relations between exponents are facts of arithmetic: with h_k exactly sigma_k^alpha
 * and sigma_k exactly k^-gamma, h_k is k^-(alpha gamma) and already sorted, so s of the sorted h is
 * alpha gamma; the error of the transfer is what noise and sorting make of that.  alpha = 2 + d log
 * Phi / d log sigma holds with equality for alpha of h = Phi sigma^2 (alpha_kfac); with h from
 * products it asks whether the Kronecker factors describe the curvature along these directions.
 *
 * Without that identity in it is s_eigen, of the eigenvalues of the matrix's own block of the Hessian:
 * h are diagonal entries in an orthonormal basis, and their decay is that of the eigenvalues only as
 * far as the singular directions are eigenvectors.
 *
 * Check: a network that is linear in its weights with squared error on one output has h_k = 0 for
 * all but k = 1. */
#include "experiments/spectrum/exponents.h"

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "hessian/directions.h"

spectrum_options spectrum_options_default(void) {
  return (spectrum_options){.range = 1e-3,
                            .directions = 48,
                            .eigenvalues = 10,
                            .tolerance = 1e-4,
                            .samples = 1,
                            .resamples = 200,
                            .seed = 1};
}

double spectrum_transfer_error(double s, double alpha, double gamma) {
  return s != 0 ? fabs(s - alpha * gamma) / fabs(s) : NAN;
}

/* ---- one matrix ---- */

static void drop_matrix(spectrum_matrix *m) {
  symo_free(m->sigma);
  symo_free(m->at);
  symo_free(m->eigenvalues);
}

void spectrum_exponents_drop(spectrum_exponents *e) {
  for (size_t i = 0; i < e->count; i++) drop_matrix(&e->matrices[i]);
  symo_free(e->matrices);
  *e = (spectrum_exponents){0};
}

/* Arrays of a matrix whose directions are known. */
static symo_status lay_out(symo_context *context, const symo_directions *d, spectrum_matrix *m) {
  enum { ARRAYS = 8 };
  m->rank = d->rank, m->range = d->range, m->count = d->count;
  m->sigma = symo_calloc(d->rank, sizeof *m->sigma);
  m->at = symo_calloc(d->rank * ARRAYS, sizeof *m->at);
  if (m->sigma == NULL || m->at == NULL) return symo_fail_memory(context, "spectrum");
  double **const arrays[] = {&m->measured, &m->hessian, &m->ggn,       &m->kfac,
                             &m->phi,      &m->sorted,  &m->sorted_ggn};
  for (size_t i = 0; i < ARRAYS - 1; i++) *arrays[i] = m->at + (i + 1) * d->rank;
  memcpy(m->sigma, d->sigma, d->rank * sizeof *m->sigma);
  memcpy(m->at, d->at, d->count * sizeof *m->at);
  memcpy(m->measured, d->chosen, d->count * sizeof *m->measured);
  return SYMO_OK;
}

/* ---- factors ---- */

/* x' A x of the symmetric n x n block of a matrix with `stride` numbers a row. */
static double form(size_t n, size_t stride, const double *a, const double *x) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i] * symo_dot(SYMO_F64, n, a + i * stride, x);
  return sum;
}

/* Factors of the weight that the matrices before belonged to. */
typedef struct held_factors {
  size_t weight;
  double *a, *b;
} held_factors;

static symo_status hold(const spectrum_subject *s, const spectrum_options *o, size_t weight,
                        symo_rng *rng, held_factors *f) {
  if (f->a != NULL && f->weight == weight) return SYMO_OK;
  const symo_net_weight w = symo_net_get_weight(s->net, weight);
  symo_free(f->a);
  f->a = symo_calloc(w.inputs * w.inputs + w.outputs * w.outputs, sizeof *f->a);
  if (f->a == NULL) return symo_fail_memory(s->context, "Kronecker factors");
  f->b = f->a + w.inputs * w.inputs;
  f->weight = weight;
  return spectrum_factors(s, weight, o->samples, rng, f->a, f->b);
}

static symo_status align(const spectrum_subject *s, const spectrum_options *o,
                         const symo_directions *d, symo_rng *rng, held_factors *f,
                         spectrum_matrix *m) {
  const spectrum_place *p = &m->place;
  for (size_t i = 0; i < m->count; i++) m->kfac[i] = m->phi[i] = NAN;
  if (p->weight == SYMO_NONE) return SYMO_OK;
  symo_status status = hold(s, o, p->weight, rng, f);
  if (status != SYMO_OK) return status;
  const size_t outputs = symo_net_get_weight(s->net, p->weight).outputs;
  for (size_t i = 0; i < m->count; i++) {
    m->kfac[i] = form(p->rows, outputs, f->b + p->first * (outputs + 1), d->u + i * p->rows) *
                 form(p->cols, p->cols, f->a, d->v + i * p->cols);
    m->phi[i] = m->kfac[i] / (m->measured[i] * m->measured[i]);
  }
  return SYMO_OK;
}

/* ---- fits ---- */

static void sort_descending(size_t n, const double *h, double *out) {
  for (size_t i = 0; i < n; i++) {
    size_t j = i;
    for (; j > 0 && out[j - 1] < h[i]; j--) out[j] = out[j - 1];
    out[j] = h[i];
  }
}

/* The exponent of a decay: y ~ x^-value. */
static symo_status fit_decay(symo_context *context, symo_rng *rng, size_t resamples, size_t n,
                             const double *x, const double *y, symo_power *out) {
  symo_status status = symo_power_fit(context, rng, resamples, n, x, y, out);
  if (status != SYMO_OK) return status;
  const double low = out->low;
  out->value = -out->value, out->low = -out->high, out->high = -low;
  return SYMO_OK;
}

static symo_status fit_eigenvalues(symo_context *context, symo_rng *rng, size_t resamples,
                                   spectrum_matrix *m) {
  const size_t n = m->num_eigenvalues;
  double *room = symo_calloc(2 * n + 1, sizeof *room);
  if (room == NULL) return symo_fail_memory(context, "spectrum");
  for (size_t i = 0; i < n; i++) room[i] = (double)i + 1, room[n + i] = fabs(m->eigenvalues[i]);
  symo_status status = fit_decay(context, rng, resamples, n, room, room + n, &m->s_eigen);
  m->captured = n > 0 && m->count > 0 ? m->sorted[0] / fabs(m->eigenvalues[0]) : NAN;
  symo_free(room);
  return status;
}

/* h between the measured directions is linear in logarithms; over the whole range. */
static double participation(const spectrum_matrix *m) {
  double sum = 0, squares = 0;
  for (size_t i = 0, k = 1; i < m->count; k++) {
    double h = fmax(m->ggn[i], 0), at = m->at[i];
    if ((double)k < at && i > 0) {
      double part = log((double)k / m->at[i - 1]) / log(at / m->at[i - 1]);
      double before = fmax(m->ggn[i - 1], 0);
      h = h > 0 && before > 0 ? before * pow(h / before, part) : before + (h - before) * part;
    } else {
      i++;
    }
    sum += h, squares += h * h;
  }
  return squares > 0 ? sum * (sum / squares) : NAN;
}

symo_status spectrum_matrix_fit(symo_context *context, symo_rng *rng, size_t resamples,
                                spectrum_matrix *m) {
  const size_t n = m->count;
  const double *x = m->measured;
  symo_status status;
  sort_descending(n, m->hessian, m->sorted);
  sort_descending(n, m->ggn, m->sorted_ggn);
  for (size_t i = 0; i < n; i++) m->negative += m->hessian[i] < 0;
  SYMO_TRY(fit_decay(context, rng, resamples, n, m->at, x, &m->gamma));
  SYMO_TRY(fit_decay(context, rng, resamples, n, m->at, m->sorted, &m->s));
  SYMO_TRY(fit_decay(context, rng, resamples, n, m->at, m->sorted_ggn, &m->s_ggn));
  SYMO_TRY(symo_power_fit(context, rng, resamples, n, x, m->hessian, &m->alpha));
  SYMO_TRY(symo_power_fit(context, rng, resamples, n, x, m->ggn, &m->alpha_ggn));
  SYMO_TRY(symo_power_fit(context, rng, resamples, n, x, m->kfac, &m->alpha_kfac));
  SYMO_TRY(symo_power_fit(context, rng, resamples, n, x, m->phi, &m->alignment));
  SYMO_TRY(fit_eigenvalues(context, rng, resamples, m));
  m->participation = participation(m);
  m->participation_power = symo_participation_of_power(m->s_ggn.value, m->range);
  m->participation_limit = symo_participation_of_power(m->s_ggn.value, 0);
fail:
  return status;
}

/* ---- all matrices ---- */

static symo_status measure_matrix(const problem_call *call, const spectrum_subject *s,
                                  const spectrum_options *o, const void *gradient, symo_rng *rng,
                                  held_factors *f, spectrum_matrix *m) {
  const spectrum_place *p = &m->place;
  const symo_dtype dtype = call->problem->dtype;
  symo_directions d = {0};
  symo_status status;
  SYMO_TRY(symo_directions_make(s->context, dtype, p->rows, p->cols,
                                symo_at(dtype, gradient, (ptrdiff_t)p->offset), o->range,
                                o->directions, &d));
  SYMO_TRY(lay_out(s->context, &d, m));
  SYMO_TRY(symo_curvature_along(call, false, 1, &(symo_along){&d, p->offset, m->hessian}));
  SYMO_TRY(symo_curvature_along(call, true, 1, &(symo_along){&d, p->offset, m->ggn}));
  SYMO_TRY(align(s, o, &d, rng, f, m));
  SYMO_TRY(spectrum_eigenvalues(s, o, rng, m));
  SYMO_TRY(spectrum_matrix_fit(s->context, rng, o->resamples, m));
fail:
  symo_directions_drop(&d);
  return status;
}

static symo_status measure_all(const problem_call *call, const spectrum_subject *s,
                               const spectrum_options *o, const void *gradient, symo_rng *rng,
                               spectrum_exponents *e) {
  held_factors f = {.a = NULL};
  symo_status status = SYMO_OK;
  for (size_t i = 0; i < e->count && status == SYMO_OK; i++) {
    spectrum_matrix *m = &e->matrices[i];
    if (s->c != NULL) cli_progress(s->c, "matrix %zu of %zu: %s", i + 1, e->count, m->place.name);
    status = measure_matrix(call, s, o, gradient, rng, &f, m);
    e->products += 2 * m->count + m->eigen_products;
  }
  symo_free(f.a);
  return status;
}

static symo_status list_matrices(const spectrum_subject *s, spectrum_exponents *e) {
  spectrum_place *places = NULL;
  size_t count = 0;
  symo_status status = spectrum_places(s->context, s->net, &count, &places);
  if (status != SYMO_OK) return status;
  e->matrices = symo_calloc(count, sizeof *e->matrices);
  if (e->matrices == NULL)
    status = symo_fail_memory(s->context, "spectrum");
  else
    e->count = count;
  for (size_t i = 0; status == SYMO_OK && i < count; i++) e->matrices[i].place = places[i];
  symo_free(places);
  return status;
}

symo_status spectrum_exponents_measure(const spectrum_subject *s, const spectrum_options *o,
                                       spectrum_exponents *out) {
  const symo_problem problem = symo_net_problem(s->net);
  const problem_call call = {s->context, "spectrum", &problem, s->theta};
  const size_t size = problem.size;
  spectrum_exponents e = {.parameters = size};
  symo_rng *rng = NULL;
  symo_status status = SYMO_OK;
  void *gradient = symo_calloc(size, symo_dtype_size(problem.dtype));
  if (gradient == NULL) {
    status = symo_fail_memory(s->context, "spectrum");
    goto fail;
  }
  SYMO_TRY(symo_rng_create(s->context, o->seed, &rng));
  SYMO_TRY(symo_net_select(s->net, s->examples, s->rows));
  SYMO_TRY(problem.gradient(problem.self, s->theta, &e.loss, gradient));
  if (!symo_all_finite(problem.dtype, size, gradient)) {
    status = symo_fail(s->context, SYMO_E_NONFINITE,
                       "spectrum: the gradient is not finite (take other weights)");
    goto fail;
  }
  e.gradient = symo_nrm2(problem.dtype, size, gradient);
  SYMO_TRY(list_matrices(s, &e));
  SYMO_TRY(measure_all(&call, s, o, gradient, rng, &e));
  *out = e;
  e = (spectrum_exponents){0};
fail:
  spectrum_exponents_drop(&e);
  symo_rng_destroy(rng);
  symo_free(gradient);
  return status;
}
