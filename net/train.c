/* Adam: m <- b1 m + (1 - b1) g,  v <- b2 v + (1 - b2) g^2,
 *       theta <- theta - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps).   Moments in float64.
 */
#include "net/train.h"

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/text.h"
#include "net/graph.h"

symo_train_spec symo_train_spec_default(void) {
  return (symo_train_spec){.lr = 1e-2, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
}

typedef struct trainer {
  symo_net *net;
  const symo_train_spec *spec;
  size_t examples, at; /* at: position in the order */
  const double *x, *y;
  void *grad;
  double *first, *second; /* moments */
  size_t *order;          /* NULL: full batch, as the following */
  double *batch_x, *batch_y;
  symo_rng *rng;
} trainer;

static symo_status check(const trainer *t) {
  const symo_train_spec *s = t->spec;
  symo_context *context = t->net->context;
  if (!(s->lr > 0.0) || !isfinite(s->lr))
    return symo_fail(context, SYMO_E_ARGUMENT, "training: lr %g (it must be above 0)", s->lr);
  if (!(s->eps > 0.0))
    return symo_fail(context, SYMO_E_ARGUMENT, "training: eps %g (it must be above 0)", s->eps);
  if (!(s->beta1 >= 0.0 && s->beta1 < 1.0 && s->beta2 >= 0.0 && s->beta2 < 1.0))
    return symo_fail(context, SYMO_E_ARGUMENT, "training: betas %g and %g (they lie in [0, 1))",
                     s->beta1, s->beta2);
  if (s->batch > t->examples)
    return symo_fail(context, SYMO_E_ARGUMENT, "training: batch %zu of %zu %s (take fewer)",
                     s->batch, t->examples, symo_plural(t->examples, "example", "examples"));
  return SYMO_OK;
}

static symo_status allocate(trainer *t) {
  symo_net *net = t->net;
  const size_t n = net->parameters, batch = t->spec->batch;
  t->grad = symo_malloc(n * symo_dtype_size(net->spec.dtype));
  t->first = symo_calloc(n, sizeof *t->first);
  t->second = symo_calloc(n, sizeof *t->second);
  if (t->grad == NULL || t->first == NULL || t->second == NULL)
    return symo_fail_memory(net->context, "training");
  if (batch == 0 || batch == t->examples) return SYMO_OK;
  t->order = symo_calloc(t->examples, sizeof *t->order);
  t->batch_x = symo_calloc(batch * net->inputs, sizeof *t->batch_x);
  t->batch_y = symo_calloc(batch * net->targets, sizeof *t->batch_y);
  if (t->order == NULL || t->batch_x == NULL || t->batch_y == NULL)
    return symo_fail_memory(net->context, "training");
  for (size_t i = 0; i < t->examples; i++) t->order[i] = i;
  t->at = t->examples; /* shuffled at once */
  return symo_rng_create(net->context, t->spec->seed, &t->rng);
}

/* The next minibatch as the network's data.  What is left over at the end of an order goes unused.
 */
static symo_status next_batch(trainer *t) {
  const size_t in = t->net->inputs, out = t->net->targets, batch = t->spec->batch;
  if (t->at + batch > t->examples) {
    for (size_t i = t->examples; i-- > 1;) { /* Fisher and Yates */
      size_t other = (size_t)symo_rng_below(t->rng, i + 1), keep = t->order[i];
      t->order[i] = t->order[other];
      t->order[other] = keep;
    }
    t->at = 0;
  }
  for (size_t r = 0; r < batch; r++) {
    size_t from = t->order[t->at++];
    memcpy(t->batch_x + r * in, t->x + from * in, in * sizeof *t->x);
    memcpy(t->batch_y + r * out, t->y + from * out, out * sizeof *t->y);
  }
  return symo_net_set_data(t->net, batch, t->batch_x, t->batch_y);
}

static void update(trainer *t, size_t step, void *theta) {
  const symo_train_spec *s = t->spec;
  const symo_dtype dtype = t->net->spec.dtype;
  const double c1 = 1.0 - pow(s->beta1, (double)step), c2 = 1.0 - pow(s->beta2, (double)step);
  for (size_t i = 0; i < t->net->parameters; i++) {
    double g = symo_get(dtype, t->grad, i);
    t->first[i] = s->beta1 * t->first[i] + (1.0 - s->beta1) * g;
    t->second[i] = s->beta2 * t->second[i] + (1.0 - s->beta2) * g * g;
    double move = s->lr * (t->first[i] / c1) / (sqrt(t->second[i] / c2) + s->eps);
    symo_put(dtype, theta, i, symo_get(dtype, theta, i) - move);
  }
}

static symo_status run(trainer *t, void *theta, double *history,
                       bool (*progress)(void *, size_t, double), void *user) {
  symo_problem problem = symo_net_problem(t->net);
  for (size_t step = 0; step < t->spec->steps; step++) {
    double loss = 0.0;
    symo_status status = t->order != NULL ? next_batch(t) : SYMO_OK;
    if (status == SYMO_OK) status = problem.gradient(problem.self, theta, &loss, t->grad);
    if (status != SYMO_OK) return status;
    if (!isfinite(loss) || !symo_all_finite(t->net->spec.dtype, t->net->parameters, t->grad))
      return symo_fail(t->net->context, SYMO_E_NUMERIC,
                       "training: the loss is not finite at step %zu (lower the learning rate)",
                       step);
    if (history != NULL) history[step] = loss;
    update(t, step + 1, theta);
    if (progress != NULL && !progress(user, step, loss)) break;
  }
  return SYMO_OK;
}

symo_status symo_net_train(symo_net *net, const symo_train_spec *spec, size_t examples,
                           const double *x, const double *y, void *theta, double *history,
                           bool (*progress)(void *user, size_t step, double loss), void *user) {
  trainer t = {.net = net, .spec = spec, .examples = examples, .x = x, .y = y};
  symo_status status = SYMO_OK;
  SYMO_TRY(symo_net_set_data(net, examples, x, y));
  SYMO_TRY(check(&t));
  SYMO_TRY(allocate(&t));
  SYMO_TRY(run(&t, theta, history, progress, user));
fail:
  if (t.order != NULL) {
    symo_status back = symo_net_set_data(net, examples, x, y);
    if (status == SYMO_OK) status = back;
  }
  symo_free(t.grad);
  symo_free(t.first);
  symo_free(t.second);
  symo_free(t.order);
  symo_free(t.batch_x);
  symo_free(t.batch_y);
  symo_rng_destroy(t.rng);
  return status;
}
