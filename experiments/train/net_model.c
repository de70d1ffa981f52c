/* A network on a data set as a model: the held back examples stand behind those to train on, and
 * what the loss is on is a choice of rows. */
#include "experiments/train/net_model.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/text.h"
#include "experiments/models/network_layout.h"

#include <symo/io.h>

typedef struct net_model {
  symo_net *net;
  symo_data_order order;
  size_t examples, tests;
  double gain;
  size_t *all; /* [examples + tests]: 0, 1, .. */
} net_model;

static void destroy(void *self) {
  net_model *m = self;
  symo_net_destroy(m->net);
  symo_data_order_drop(&m->order);
  symo_free(m->all);
  symo_free(m);
}

void train_init_weights(const symo_net *net, double gain, symo_rng *rng, void *theta) {
  symo_net_init_fan_in(net, rng, theta);
  const symo_dtype dtype = symo_net_get_spec(net)->dtype;
  for (size_t l = 0; l < symo_net_num_weights(net); l++) {
    const symo_net_weight w = symo_net_get_weight(net, l);
    if (w.recurrent)
      symo_scal(dtype, w.inputs * w.outputs, gain, symo_at(dtype, theta, (ptrdiff_t)w.weight));
    for (size_t i = 0; w.has_bias && i < w.outputs; i++) symo_put(dtype, theta, w.bias + i, 0.0);
  }
}

static symo_status init(void *self, symo_rng *rng, void *theta) {
  const net_model *m = self;
  train_init_weights(m->net, m->gain, rng, theta);
  return SYMO_OK;
}

/* All examples in a step are all in their order: sums do not depend on the step. */
static symo_status batch_of(void *self, uint64_t step) {
  net_model *m = self;
  const size_t *rows = m->all;
  if (m->order.batch < m->examples) {
    symo_status status = symo_data_order_batch(&m->order, step, &rows);
    if (status != SYMO_OK) return status;
  }
  return symo_net_select(m->net, m->order.batch, rows);
}

static symo_status evaluate(void *self, const void *theta, double *loss, double *accuracy) {
  net_model *m = self;
  symo_status status = symo_net_select(m->net, m->tests, m->all + m->examples);
  return status == SYMO_OK ? symo_net_evaluate(m->net, theta, loss, accuracy) : status;
}

static symo_status score(void *self, const void *theta, double *loss, double *accuracy) {
  net_model *m = self;
  symo_status status = symo_net_select(m->net, m->examples, m->all);
  return status == SYMO_OK ? symo_net_evaluate(m->net, theta, loss, accuracy) : status;
}

static void set_pool(void *self, symo_pool *pool) {
  net_model *m = self;
  symo_net_set_pool(m->net, pool);
}

static void set_comm(void *self, const symo_comm *comm) {
  net_model *m = self;
  symo_net_set_comm(m->net, comm);
}

/* The data go to the network one part at a time, so that there are never three copies. */
static symo_status take_data(net_model *m, symo_dataset *train, symo_dataset *test) {
  m->examples = train->examples, m->tests = test->examples;
  symo_status status =
      symo_net_set_data(m->net, train->examples, train->x, train->y != NULL ? train->y : train->x);
  symo_data_drop(train);
  if (status == SYMO_OK && m->tests > 0)
    status = symo_net_add_data(m->net, m->tests, test->x, test->y != NULL ? test->y : test->x);
  symo_data_drop(test);
  return status;
}

static symo_status fill(symo_context *context, const train_spec *spec, const symo_net_spec *net,
                        symo_dataset *train, symo_dataset *test, net_model *m) {
  const bool all = spec->any_batch && spec->batch > train->examples;
  symo_status status = symo_net_create(context, net, &m->net);
  if (status == SYMO_OK) status = take_data(m, train, test);
  if (status == SYMO_OK)
    status =
        symo_data_order_create(context, spec->seed, m->examples, all ? 0 : spec->batch, &m->order);
  if (status != SYMO_OK) return status;
  m->gain = spec->gain;
  m->all = symo_calloc(m->examples + m->tests, sizeof *m->all);
  if (m->all == NULL) return symo_fail_memory(context, "training data");
  for (size_t i = 0; i < m->examples + m->tests; i++) m->all[i] = i;
  return SYMO_OK;
}

symo_status train_layout(symo_context *context, const train_spec *spec, const symo_net_spec *net,
                         symo_layout **out) {
  const char *groups = strcmp(spec->groups, "auto") == 0 ? NULL : spec->groups;
  symo_layout *layout = NULL, *given = NULL;
  symo_status status = SYMO_OK;
  SYMO_TRY(symo_net_layout(context, net, groups, &layout));
  if (spec->layout[0] != '\0') {
    SYMO_TRY(symo_layout_open(context, spec->layout, &given));
    SYMO_TRY(network_layout_check(context, spec->layout, layout, given, false));
    symo_layout_destroy(layout);
    layout = given, given = NULL;
  }
  SYMO_TRY(symo_layout_set_dtype(layout, net->dtype));
  *out = layout, layout = NULL;
fail:
  symo_layout_destroy(layout);
  symo_layout_destroy(given);
  return status;
}

/* As they were read, in float64, and in the network. */
static double data_bytes(const symo_net_spec *net, const symo_dataset *train,
                         const symo_dataset *test) {
  const double numbers = (double)(train->inputs + train->outputs);
  const double examples = (double)(train->examples + test->examples);
  return numbers * examples * ((double)symo_dtype_size(net->dtype) + sizeof(double));
}

void train_add_remark(train_model *model, const char *format, ...) {
  const size_t used = strlen(model->remark), room = sizeof model->remark - used;
  const int joint = snprintf(model->remark + used, room, "%s", used > 0 ? "; " : "");
  va_list list;
  va_start(list, format);
  if (joint >= 0 && (size_t)joint < room)
    (void)vsnprintf(model->remark + used + joint, room - (size_t)joint, format, list);
  va_end(list);
}

symo_status train_net_model(symo_context *context, const train_spec *spec, const symo_net_spec *net,
                            symo_dataset *train, symo_dataset *test, train_model *out) {
  train_model model = {.init = init,
                       .batch_of = batch_of,
                       .score = score,
                       .destroy = destroy,
                       .set_pool = set_pool,
                       .set_comm = set_comm};
  symo_status status = SYMO_OK;
  bool recompute = false;
  net_model *m = symo_calloc(1, sizeof *m);
  model.self = m;
  if (m == NULL) {
    status = symo_fail_memory(context, "training");
    model.destroy = NULL;
    goto fail;
  }
  SYMO_TRY(train_layout(context, spec, net, &model.layout));
  SYMO_TRY(train_bytes(context, spec, net, model.layout, data_bytes(net, train, test), &model.bytes,
                       &recompute));
  SYMO_TRY(fill(context, spec, net, train, test, m));
  symo_net_set_recompute(m->net, recompute);
  model.problem = symo_net_problem(m->net);
  model.network = m->net;
  model.examples = m->examples, model.test_examples = m->tests, model.batch = m->order.batch;
  if (m->tests > 0) model.evaluate = evaluate;
  symo_net_text(net, model.net, sizeof model.net);
  snprintf(model.data, sizeof model.data, "%s", out->data);
  memcpy(model.remark, out->remark, sizeof model.remark);
  if (model.batch < spec->batch)
    train_add_remark(&model, "a step takes all %zu %s to train on, not %zu", model.batch,
                     symo_plural(model.batch, "example", "examples"), spec->batch);
  memcpy(model.checksum, out->checksum, sizeof model.checksum);
  *out = model;
fail:
  symo_data_drop(train);
  symo_data_drop(test);
  if (status != SYMO_OK) train_model_destroy(&model);
  return status;
}

symo_status train_net_spec(symo_context *context, const train_spec *spec, symo_net_spec *net) {
  *net = symo_net_spec_default();
  net->bias = spec->bias;
  net->dtype = strcmp(spec->dtype, "f64") == 0 ? SYMO_F64 : SYMO_F32;
  if (!symo_activation_find(spec->act, &net->activation))
    return symo_fail(context, SYMO_E_NAME, "act: there is no \"%s\" (tanh, relu, gelu, linear)",
                     spec->act);
  return SYMO_OK;
}
