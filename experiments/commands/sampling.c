/* Probes over a sample of the group; what they are for stands in verify.c. */
#include "experiments/commands/sampling.h"

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { PROBES = 16, DENSE_LIMIT = 400 };

/* Fewer probes, never none, where all of them would take more than this. */
static const double probe_bytes = 512e6;

/* ---- moments ---- */

static void add_value(sampling_moment *m, size_t n, double value) {
  double before = value - m->mean;
  m->mean += before / (double)n;
  m->squares += before * (value - m->mean);
}

double sampling_deviation(sampling_moment m, size_t n, double expected, double scale) {
  double count = (double)n;
  double error = sqrt(m.squares / (count - 1) / count);
  double rounding = 256 * DBL_EPSILON * scale;
  double off = fabs(m.mean - expected);
  return off == 0 ? 0 : off / (error + rounding);
}

/* The normal tail 2 (1 - Phi(z)) = erfc(z / sqrt 2) is inverted by bisection. */
double sampling_threshold(size_t n, double single) {
  double wanted = erfc(single / sqrt(2.0)) / (double)(n > 0 ? n : 1);
  double low = single, high = 37; /* erfc is still a normal number there */
  for (int i = 0; i < 100; i++) {
    double middle = 0.5 * (low + high);
    if (erfc(middle / sqrt(2.0)) > wanted)
      low = middle;
    else
      high = middle;
  }
  return high;
}

/* ---- making ---- */

static double *normals(symo_rng *rng, size_t n) {
  double *out = symo_calloc(n, sizeof *out);
  for (size_t i = 0; out && i < n; i++) out[i] = symo_rng_normal(rng);
  return out;
}

static symo_status allocate(symo_context *context, symo_rng *rng, sampling *s) {
  size_t probed = 0;
  if (!symo_mul_size(s->probes, s->size, &probed)) return symo_fail_memory(context, "verify");
  s->x = normals(rng, s->size);
  s->y = normals(rng, s->size);
  s->u = normals(rng, probed);
  s->v = normals(rng, probed);
  s->a = symo_calloc(s->size, sizeof *s->a);
  s->b = symo_calloc(s->size, sizeof *s->b);
  s->dots = symo_calloc(4 * s->num_tensors, s->probes * sizeof *s->dots);
  s->pointers = symo_calloc(4 * s->num_tensors, sizeof *s->pointers);
  s->blocks = symo_calloc(s->num_blocks, sizeof *s->blocks);
  s->block_moments = symo_calloc(s->num_blocks, s->probes * sizeof *s->block_moments);
  s->mean_moments = symo_calloc(s->num_tensors, s->probes * sizeof *s->mean_moments);
  s->entry_moments = symo_calloc(s->num_entries, sizeof *s->entry_moments);
  bool all = s->x && s->y && s->u && s->v && s->a && s->b && s->dots && s->pointers && s->blocks &&
             s->block_moments && s->mean_moments && s->entry_moments;
  return all ? SYMO_OK : symo_fail_memory(context, "verify");
}

symo_status sampling_create(symo_context *context, const symo_plan *plan, size_t samples,
                            symo_rng *rng, sampling *out) {
  sampling *s = out;
  s->layout = symo_plan_layout(plan);
  s->size = symo_layout_num_parameters(s->layout);
  s->num_tensors = symo_layout_num_tensors(s->layout);
  s->num_blocks = s->num_tensors * (s->num_tensors + 1) / 2;
  s->samples = samples;
  s->dense = s->size <= DENSE_LIMIT;
  s->num_entries = s->dense ? s->size * (s->size + 1) / 2 : 0;
  double fit = probe_bytes / (16.0 * (double)(s->size + 1));
  s->probes = fit >= PROBES ? PROBES : fit < 1 ? 1 : (size_t)fit;
  symo_status status = allocate(context, rng, s);
  if (status != SYMO_OK) return status;
  double *vectors[] = {s->x, s->y, s->a, s->b};
  for (size_t i = 0; i < 4; i++)
    symo_layout_split(s->layout, SYMO_F64, vectors[i], s->pointers + i * s->num_tensors);
  for (size_t row = 0, k = 0; row < s->num_tensors; row++)
    for (size_t column = row; column < s->num_tensors; column++)
      s->blocks[k++] = (sampling_block){row, column};
  return SYMO_OK;
}

void sampling_drop(sampling *s, sampling_result *r) {
  void *blocks[] = {s->x,
                    s->y,
                    s->u,
                    s->v,
                    s->a,
                    s->b,
                    s->dots,
                    s->pointers,
                    s->blocks,
                    s->block_moments,
                    s->mean_moments,
                    s->entry_moments,
                    r->blocks,
                    r->means};
  for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) symo_free(blocks[i]);
}

/* ---- sampling ---- */

static double *dots_of(const sampling *s, size_t which, size_t tensor) {
  return s->dots + (which * s->num_tensors + tensor) * s->probes;
}

/* u'a, u'b, v'a, v'b for every tensor and probe. */
static void take_dots(sampling *s) {
  const double *fixed[] = {s->u, s->u, s->v, s->v}, *moved[] = {s->a, s->b, s->a, s->b};
  for (size_t which = 0; which < 4; which++)
    for (size_t t = 0; t < s->num_tensors; t++) {
      size_t offset = symo_layout_tensor_offset(s->layout, t);
      size_t n = symo_layout_tensor_size(s->layout, t);
      for (size_t k = 0; k < s->probes; k++)
        dots_of(s, which, t)[k] =
            symo_dot(SYMO_F64, n, fixed[which] + k * s->size + offset, moved[which] + offset);
    }
}

static void add_entries(sampling *s) {
  sampling_moment *m = s->entry_moments;
  for (size_t i = 0; i < s->size; i++)
    for (size_t j = 0; j <= i; j++)
      add_value(m++, s->drawn, 0.5 * (s->a[i] * s->b[j] + s->b[i] * s->a[j]));
}

symo_status sampling_add(sampling *s, const symo_element *element) {
  size_t n = s->num_tensors;
  symo_const_vector x = symo_const_vector_of(SYMO_F64, (const void *const *)s->pointers);
  symo_const_vector y = symo_const_vector_of(SYMO_F64, (const void *const *)(s->pointers + n));
  symo_vector a = symo_vector_of(SYMO_F64, s->pointers + 2 * n),
              b = symo_vector_of(SYMO_F64, s->pointers + 3 * n);
  /* As gradients move: rho(g) itself for orthogonal groups.  Scales have the same distribution as
   * their inverses, so means are those of parameters, too. */
  symo_status status = symo_element_act_dual(element, x, a);
  if (status == SYMO_OK) status = symo_element_act_dual(element, y, b);
  if (status != SYMO_OK) return status;
  s->drawn++;
  take_dots(s);
  for (size_t i = 0; i < s->num_blocks; i++) {
    const double *ua = dots_of(s, 0, s->blocks[i].row), *ub = dots_of(s, 1, s->blocks[i].row);
    const double *va = dots_of(s, 2, s->blocks[i].column), *vb = dots_of(s, 3, s->blocks[i].column);
    for (size_t k = 0; k < s->probes; k++)
      add_value(&s->block_moments[i * s->probes + k], s->drawn,
                0.5 * (ua[k] * vb[k] + ub[k] * va[k]));
  }
  for (size_t t = 0; t < n; t++)
    for (size_t k = 0; k < s->probes; k++)
      add_value(&s->mean_moments[t * s->probes + k], s->drawn, dots_of(s, 0, t)[k]);
  if (s->dense) add_entries(s);
  return SYMO_OK;
}

/* ---- comparing ---- */

static double norm(const sampling *s, const double *v, size_t tensor) {
  return symo_nrm2(SYMO_F64, symo_layout_tensor_size(s->layout, tensor),
                   v + symo_layout_tensor_offset(s->layout, tensor));
}

static double dot(const sampling *s, const double *u, const double *v, size_t tensor) {
  size_t offset = symo_layout_tensor_offset(s->layout, tensor);
  return symo_dot(SYMO_F64, symo_layout_tensor_size(s->layout, tensor), u + offset, v + offset);
}

/* NaN counts as infinitely far off. */
static double worse(double a, double b) {
  double x = isnan(b) ? INFINITY : b;
  return a > x ? a : x;
}

/* a holds v_k on one tensor and zeros elsewhere, b becomes A a. */
static symo_status compare_blocks(sampling *s, const symo_hessian *closed_form, double *out) {
  size_t n = s->num_tensors;
  symo_const_vector a = symo_const_vector_of(SYMO_F64, (const void *const *)(s->pointers + 2 * n));
  symo_vector b = symo_vector_of(SYMO_F64, s->pointers + 3 * n);
  for (size_t t = 0; t < n; t++)
    for (size_t k = 0; k < s->probes; k++) {
      const double *v = s->v + k * s->size, *u = s->u + k * s->size;
      size_t offset = symo_layout_tensor_offset(s->layout, t);
      memset(s->a, 0, s->size * sizeof *s->a);
      memcpy(s->a + offset, v + offset, symo_layout_tensor_size(s->layout, t) * sizeof *v);
      symo_status status = symo_hessian_matvec(closed_form, a, b);
      if (status != SYMO_OK) return status;
      for (size_t i = 0; i < s->num_blocks; i++) {
        if (s->blocks[i].column != t) continue;
        size_t row = s->blocks[i].row;
        double scale =
            norm(s, u, row) * norm(s, v, t) * 0.5 *
            (norm(s, s->x, row) * norm(s, s->y, t) + norm(s, s->y, row) * norm(s, s->x, t));
        double d = sampling_deviation(s->block_moments[i * s->probes + k], s->drawn,
                                      dot(s, u, s->b, row), scale);
        out[i] = worse(out[i], d);
      }
    }
  return SYMO_OK;
}

static symo_status compare_means(sampling *s, const symo_plan *plan, double *out) {
  size_t n = s->num_tensors;
  symo_const_vector x = symo_const_vector_of(SYMO_F64, (const void *const *)s->pointers);
  symo_vector a = symo_vector_of(SYMO_F64, s->pointers + 2 * n);
  symo_status status = symo_plan_mean(plan, x, a);
  if (status != SYMO_OK) return status;
  for (size_t t = 0; t < n; t++)
    for (size_t k = 0; k < s->probes; k++) {
      const double *u = s->u + k * s->size;
      double d = sampling_deviation(s->mean_moments[t * s->probes + k], s->drawn,
                                    dot(s, u, s->a, t), norm(s, u, t) * norm(s, s->x, t));
      out[t] = worse(out[t], d);
    }
  return SYMO_OK;
}

static symo_status compare_entries(const sampling *s, const symo_hessian *closed_form,
                                   double *out) {
  double *dense = symo_calloc(s->size * s->size, sizeof *dense); /* size <= DENSE_LIMIT */
  if (!dense) return SYMO_E_MEMORY;
  symo_status status = symo_hessian_dense(closed_form, dense);
  /* Entries of a and b are at most the norms, and about 1. */
  double scale = symo_nrm2(SYMO_F64, s->size, s->x) * symo_nrm2(SYMO_F64, s->size, s->y);
  const sampling_moment *m = s->entry_moments;
  for (size_t i = 0; status == SYMO_OK && i < s->size; i++)
    for (size_t j = 0; j <= i; j++, m++)
      *out = worse(*out, sampling_deviation(*m, s->drawn, dense[i * s->size + j], scale));
  symo_free(dense);
  return status;
}

symo_status sampling_compare(sampling *s, const symo_plan *plan, const symo_hessian *closed_form,
                             sampling_result *out) {
  out->blocks = symo_calloc(s->num_blocks, sizeof *out->blocks);
  out->means = symo_calloc(s->num_tensors, sizeof *out->means);
  if (!out->blocks || !out->means) return SYMO_E_MEMORY;
  symo_status status = SYMO_OK;
  SYMO_TRY(compare_blocks(s, closed_form, out->blocks));
  SYMO_TRY(compare_means(s, plan, out->means));
  if (s->dense) SYMO_TRY(compare_entries(s, closed_form, &out->entries));
  for (size_t i = 0; i < s->num_blocks; i++) out->largest = worse(out->largest, out->blocks[i]);
  for (size_t t = 0; t < s->num_tensors; t++) out->largest = worse(out->largest, out->means[t]);
fail:
  return status;
}
