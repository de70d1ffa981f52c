/* Kronecker factors of a weight (Martens, Grosse 2015; expand form: Eschenhagen et al. 2023), as
 * symo compare has them, over parts of the examples, so that positions of many images are never
 * held at once.
 *
 * Where an example has T tokens to predict, its loss is their mean, and the covariance of its
 * gradient at sampled labels is 1 / T of its Gauss-Newton matrix: B is multiplied by T. */
#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "experiments/spectrum/exponents.h"

enum { PART_NUMBERS = 1 << 22 };

typedef struct parts {
  const spectrum_subject *subject;
  symo_net_weight w;
  size_t weight, samples, part; /* examples in a part, at most */
  double *inputs, *deltas, *labels;
} parts;

static symo_status take_part(const parts *p, size_t first, size_t n, symo_rng *rng, double *a,
                             double *b) {
  const spectrum_subject *s = p->subject;
  const size_t in = p->w.inputs, out = p->w.outputs, pairs = n * p->w.rows;
  const symo_net_spec *spec = symo_net_get_spec(s->net);
  const double tokens = spec->loss == SYMO_LOSS_TOKENS ? (double)symo_net_targets(spec) : 1;
  symo_status status;
  SYMO_TRY(symo_net_select(s->net, n, s->rows + first));
  for (size_t draw = 0; draw < p->samples; draw++) {
    SYMO_TRY(symo_net_sample_labels(s->net, s->theta, rng, p->labels));
    SYMO_TRY(symo_net_statistics(s->net, s->theta, p->labels, p->weight, p->inputs, p->deltas));
    symo_syrk(SYMO_F64, tokens / ((double)s->examples * (double)p->samples),
              symo_mat_dense(p->deltas, pairs, out), 1, symo_mat_dense(b, out, out));
  }
  symo_syrk(SYMO_F64, 1.0 / ((double)s->examples * (double)p->w.rows),
            symo_mat_dense(p->inputs, pairs, in), 1, symo_mat_dense(a, in, in));
fail:
  return status;
}

static symo_status run(parts *p, symo_rng *rng, double *a, double *b) {
  const spectrum_subject *s = p->subject;
  const size_t targets = symo_net_targets(symo_net_get_spec(s->net));
  symo_status status = SYMO_OK;
  p->inputs = symo_calloc(p->part * p->w.rows, p->w.inputs * sizeof *p->inputs);
  p->deltas = symo_calloc(p->part * p->w.rows, p->w.outputs * sizeof *p->deltas);
  p->labels = symo_calloc(p->part, targets * sizeof *p->labels);
  if (p->inputs == NULL || p->deltas == NULL || p->labels == NULL)
    return symo_fail_memory(s->context, "Kronecker factors");
  for (size_t first = 0; first < s->examples && status == SYMO_OK; first += p->part) {
    const size_t left = s->examples - first;
    status = take_part(p, first, left < p->part ? left : p->part, rng, a, b);
  }
  return status;
}

symo_status spectrum_factors(const spectrum_subject *s, size_t weight, size_t samples,
                             symo_rng *rng, double *a, double *b) {
  parts p = {.subject = s, .weight = weight, .samples = samples};
  p.w = symo_net_get_weight(s->net, weight);
  const size_t most = p.w.rows * (p.w.inputs + p.w.outputs);
  p.part = PART_NUMBERS / most > 0 ? PART_NUMBERS / most : 1;
  p.part = p.part < s->examples ? p.part : s->examples;
  for (size_t i = 0; i < p.w.inputs * p.w.inputs; i++) a[i] = 0;
  for (size_t i = 0; i < p.w.outputs * p.w.outputs; i++) b[i] = 0;
  symo_status status = run(&p, rng, a, b);
  symo_symmetrize(SYMO_F64, p.w.inputs, a);
  symo_symmetrize(SYMO_F64, p.w.outputs, b);
  const symo_status back = symo_net_select(s->net, s->examples, s->rows);
  symo_free(p.inputs);
  symo_free(p.deltas);
  symo_free(p.labels);
  return status == SYMO_OK ? back : status;
}
