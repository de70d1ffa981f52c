/* A teacher: inputs N(0, I), targets from a random network with weights and biases N(0, 1/fan_in).
 *
 * Targets that are numbers are then centred and turned into z = s C^{-1/2} (y - mean), C their
 * covariance: all outputs have standard deviation s and none repeats another, so that "small
 * weights" means the same for every seed and shape.  Directions with less than a millionth of the
 * largest variance are left at that much. */
#include <math.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "experiments/data/reader.h"

/* Each row by the position of its largest output. */
static void decide(symo_dataset *d) {
  for (size_t r = 0; r < d->examples; r++) {
    double *y = d->y + r * d->outputs;
    size_t best = 0;
    for (size_t i = 1; i < d->outputs; i++)
      if (y[i] > y[best]) best = i;
    for (size_t i = 0; i < d->outputs; i++) y[i] = i == best ? 1.0 : 0.0;
  }
}

static symo_status whiten(symo_context *context, double scale, symo_dataset *d) {
  const size_t n = d->outputs, rows = d->examples;
  const size_t square = n * n * sizeof(double), eigh = symo_eigh_work(SYMO_F64, n);
  symo_status status = SYMO_OK;
  char *block = symo_malloc(3 * square + 2 * n * sizeof(double) + eigh);
  if (block == NULL) return symo_fail_memory(context, "teacher");
  double *c = (double *)(void *)block, *root = c + n * n, *w = root + 2 * n * n, *row = w + n;
  for (size_t i = 0; i < n; i++) {
    double mean = 0;
    for (size_t r = 0; r < rows; r++) mean += d->y[r * n + i] / (double)rows;
    for (size_t r = 0; r < rows; r++) d->y[r * n + i] -= mean;
  }
  symo_syrk(SYMO_F64, 1 / (double)rows, symo_mat_dense(d->y, rows, n), 0, symo_mat_dense(c, n, n));
  SYMO_TRY(symo_eigh(SYMO_F64, n, c, w, row + n));
  const double least = 1e-6 * w[n - 1];
  for (size_t i = 0; i < n; i++) w[i] = w[n - 1] > 0 ? scale / sqrt(fmax(w[i], least)) : 0;
  symo_from_eigh(SYMO_F64, n, c, w, root + n * n, root);
  for (size_t r = 0; r < rows; r++) {
    double *y = d->y + r * n;
    symo_gemm(SYMO_F64, 1, symo_mat_dense(y, 1, n), symo_mat_dense(root, n, n), 0,
              symo_mat_dense(row, 1, n));
    for (size_t i = 0; i < n; i++) y[i] = row[i];
  }
fail:
  symo_free(block);
  return status;
}

static symo_status fill(symo_context *context, const symo_net_spec *spec, double scale,
                        symo_rng *rng, symo_dataset *out) {
  symo_net *net = NULL;
  double *theta = NULL;
  symo_status status = SYMO_OK;
  SYMO_TRY(symo_net_create(context, spec, &net));
  theta = symo_calloc(symo_net_num_parameters(net), sizeof *theta);
  status = theta != NULL ? symo_data_take(context, out) : symo_fail_memory(context, "teacher");
  if (status != SYMO_OK) goto fail;
  symo_net_init_fan_in(net, rng, theta);
  for (size_t i = 0; i < out->examples * out->inputs; i++) out->x[i] = symo_rng_normal(rng);
  SYMO_TRY(symo_net_predict(net, theta, out->examples, out->x, out->y));
  if (out->classes)
    decide(out);
  else
    status = whiten(context, scale, out);
fail:
  symo_free(theta);
  symo_net_destroy(net);
  return status;
}

symo_status symo_data_make_teacher(symo_context *context, const char *widths,
                                   const symo_data_options *options, symo_dataset *out) {
  symo_net_spec spec = symo_net_spec_default();
  symo_rng *rng = NULL;
  if (options->teacher != NULL) spec = *options->teacher;
  if (options->teacher == NULL && widths == NULL)
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "data teacher: the network of the teacher is not given (teacher:20-64-5)");
  symo_status status = SYMO_OK;
  if (widths != NULL) SYMO_TRY(symo_net_parse(context, widths, &spec));
  spec.dtype = SYMO_F64;
  out->examples = options->max_examples > 0 ? options->max_examples : options->teacher_examples;
  out->inputs = symo_net_inputs(&spec);
  out->outputs = symo_net_outputs(&spec);
  out->classes = options->task == SYMO_DATA_AUTO ? spec.loss == SYMO_LOSS_CROSS_ENTROPY
                                                 : options->task == SYMO_DATA_CLASSES;
  if (!(options->target_scale > 0) || !isfinite(options->target_scale))
    return symo_fail(context, SYMO_E_ARGUMENT, "data teacher: target scale %g (must be positive)",
                     options->target_scale);
  if (out->examples == 0)
    return symo_fail(context, SYMO_E_ARGUMENT, "data teacher: no examples are asked for");
  SYMO_TRY(symo_rng_create(context, options->seed, &rng));
  SYMO_TRY(fill(context, &spec, options->target_scale, rng, out));
fail:
  symo_rng_destroy(rng);
  return status;
}
