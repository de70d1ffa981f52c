/* GPT-2 on a text, as nanoGPT trains it: a step takes windows of `block` tokens from random places
 * of the first nine tenths of the text and predicts the next token at each place; an evaluation
 * takes batches of such windows from either part, the same ones each time and whatever the seed of
 * the run.
 *
 * Which windows step s takes is a function of seed and s, and so is what dropout leaves out. */
#include "experiments/train/gpt.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "experiments/train/net_model.h"

enum { TRAINED, HELD, PARTS };

typedef struct gpt_model {
  symo_context *context;
  symo_net *net;
  train_gpt_text text;
  size_t block, slots, eval_rows; /* slots: windows in the network's data */
  uint64_t seed, eval_seed;
  bool drops;
  uint32_t *x, *y; /* [slots, block] */
  symo_gpt_spec gpt;
  char start[TRAIN_TEXT]; /* file of weights; "": they are drawn */
} gpt_model;

static void destroy(void *self) {
  gpt_model *m = self;
  symo_net_destroy(m->net);
  train_gpt_text_drop(&m->text);
  symo_free(m->x);
  symo_free(m->y);
  symo_free(m);
}

static symo_status init(void *self, symo_rng *rng, void *theta) {
  gpt_model *m = self;
  if (m->start[0] != '\0') return gpt_weights_load(m->context, m->start, &m->gpt, theta);
  symo_gpt_init(m->net, rng, theta);
  return SYMO_OK;
}

/* ---- windows ---- */

static void put_window(gpt_model *m, size_t slot, const uint32_t *from) {
  memcpy(m->x + slot * m->block, from, m->block * sizeof *from);
  memcpy(m->y + slot * m->block, from + 1, m->block * sizeof *from);
}

/* The first `count` slots become what the loss is on. */
static symo_status use_slots(gpt_model *m, size_t count, bool dropping, uint64_t dropout_seed) {
  symo_status status = symo_net_set_tokens(m->net, count, m->x, m->y);
  if (status == SYMO_OK) symo_net_set_dropout(m->net, dropping, dropout_seed);
  return status;
}

static const uint32_t *random_window(const gpt_model *m, int part, uint64_t seed,
                                     symo_data_stream stream, uint64_t index) {
  const size_t places = m->text.count[part] - m->block;
  return m->text.ids[part] + symo_data_seed(seed, stream, index) % places;
}

static symo_status batch_of(void *self, uint64_t step) {
  gpt_model *m = self;
  for (size_t i = 0; i < m->slots; i++)
    put_window(m, i, random_window(m, TRAINED, m->seed, SYMO_STREAM_ORDER, step * m->slots + i));
  return use_slots(m, m->slots, m->drops, symo_data_seed(m->seed, SYMO_STREAM_DROPOUT, step));
}

/* ---- losses ---- */

/* Mean over `count` windows, window i by `place`, as many at a time as there are slots. */
static symo_status mean_loss(gpt_model *m, size_t count, int part, bool in_order, const void *theta,
                             double *loss) {
  double sum = 0, some;
  for (size_t first = 0; first < count; first += m->slots) {
    const size_t n = count - first < m->slots ? count - first : m->slots;
    for (size_t i = 0; i < n; i++)
      put_window(m, i,
                 in_order ? m->text.ids[part] + (first + i) * m->block
                          : random_window(m, part, m->eval_seed, SYMO_STREAM_EVAL,
                                          ((uint64_t)part << 40) + first + i));
    symo_status status = use_slots(m, n, false, 0);
    if (status == SYMO_OK) status = symo_net_evaluate(m->net, theta, &some, NULL);
    if (status != SYMO_OK) return status;
    sum += some * (double)n;
  }
  *loss = sum / (double)count;
  return SYMO_OK;
}

static symo_status evaluate(void *self, const void *theta, double *loss, double *accuracy) {
  gpt_model *m = self;
  *accuracy = NAN;
  return mean_loss(m, m->eval_rows, HELD, false, theta, loss);
}

static symo_status evaluate_train(void *self, const void *theta, double *loss) {
  gpt_model *m = self;
  return mean_loss(m, m->eval_rows, TRAINED, false, theta, loss);
}

/* The target of a window's last token is the token behind it. */
static size_t whole_windows(const gpt_model *m) { return (m->text.count[TRAINED] - 1) / m->block; }

static symo_status score(void *self, const void *theta, double *loss, double *accuracy) {
  gpt_model *m = self;
  *accuracy = NAN;
  return mean_loss(m, whole_windows(m), TRAINED, true, theta, loss);
}

static void set_pool(void *self, symo_pool *pool) {
  gpt_model *m = self;
  symo_net_set_pool(m->net, pool);
}

static void set_comm(void *self, const symo_comm *comm) {
  gpt_model *m = self;
  symo_net_set_comm(m->net, comm);
}

/* ---- making it ---- */

static symo_status check(symo_context *context, const train_spec *spec, const gpt_model *m) {
  static const char *const names[PARTS] = {"to train on", "held back"};
  if (spec->batch == 0)
    return symo_fail(context, SYMO_E_ARGUMENT, "batch: 0 windows of a text (take at least one)");
  for (int part = TRAINED; part < PARTS && !(part == HELD && spec->whole); part++)
    if (m->text.count[part] <= m->block)
      return symo_fail(context, SYMO_E_ARGUMENT,
                       "%s: %zu %s %s, but a window takes %zu (give a longer text, or a smaller "
                       "--block-size)",
                       m->text.what, m->text.count[part],
                       symo_plural(m->text.count[part], "token", "tokens"), names[part],
                       m->block + 1);
  return SYMO_OK;
}

symo_status train_gpt_spec(symo_context *context, const train_spec *spec, size_t vocabulary,
                           symo_gpt_spec *gpt) {
  symo_net_spec net;
  symo_status status = train_net_spec(context, spec, &net);
  if (status != SYMO_OK) return status;
  *gpt = symo_gpt_spec_default();
  gpt->vocabulary = vocabulary;
  gpt->block = spec->gpt.block, gpt->width = spec->gpt.width;
  gpt->heads = spec->gpt.heads, gpt->layers = spec->gpt.layers;
  gpt->bias = spec->bias, gpt->tied = spec->gpt.tied;
  gpt->dropout = spec->gpt.dropout;
  gpt->activation = net.activation;
  gpt->dtype = net.dtype;
  return SYMO_OK;
}

/* Slots for the windows of a step; what stands in them comes later. */
static symo_status take_slots(symo_context *context, gpt_model *m) {
  const size_t numbers = m->slots * m->block;
  m->x = symo_calloc(numbers, sizeof *m->x);
  m->y = symo_calloc(numbers, sizeof *m->y);
  if (m->x == NULL || m->y == NULL) return symo_fail_memory(context, "training data");
  return symo_net_set_tokens(m->net, m->slots, m->x, m->y);
}

/* Text, tokens and sizes.  nanoGPT rounds the vocabulary of GPT-2 up: weights may have more than
 * there are tokens. */
static symo_status read_all(symo_context *context, const train_spec *spec, gpt_model *m) {
  size_t vocabulary = spec->gpt.vocabulary;
  char *kept = NULL;
  symo_status status = SYMO_OK;
  if (spec->gpt.init_from[0] != '\0' && spec->checkpoint[0] == '\0')
    SYMO_TRY(train_gpt_start(context, spec, &vocabulary, &kept));
  SYMO_TRY(train_gpt_text_read(context, spec, kept, &m->text));
  const size_t tokens = gpt_tokenizer_size(m->text.tokens);
  SYMO_TRY(train_gpt_spec(context, spec, tokens > vocabulary ? tokens : vocabulary, &m->gpt));
  SYMO_TRY(check(context, spec, m));
fail:
  symo_free(kept);
  return status;
}

/* Inputs and targets of the windows, here and in the network, and the text. */
static double data_bytes(const gpt_model *m) {
  return (4 * (double)m->slots * (double)m->block + (double)m->text.count[TRAINED] +
          (double)m->text.count[HELD]) *
         sizeof(uint32_t);
}

static symo_status fill(symo_context *context, const train_spec *spec, gpt_model *m,
                        train_model *model) {
  symo_net_spec net;
  bool recompute = false;
  symo_status status = SYMO_OK;
  m->context = context;
  m->block = spec->gpt.block, m->slots = spec->batch * spec->gpt.accumulation;
  m->eval_rows = spec->gpt.eval_iters * spec->batch;
  m->seed = spec->seed, m->eval_seed = spec->data_seed > 0 ? spec->data_seed : 1;
  m->drops = spec->gpt.dropout > 0;
  memcpy(m->start, spec->gpt.init_from, sizeof m->start);
  SYMO_TRY(read_all(context, spec, m));
  SYMO_TRY(symo_gpt_to_net(context, &m->gpt, &net));
  SYMO_TRY(train_layout(context, spec, &net, &model->layout));
  SYMO_TRY(
      train_bytes(context, spec, &net, model->layout, data_bytes(m), &model->bytes, &recompute));
  SYMO_TRY(symo_net_create(context, &net, &m->net));
  symo_net_set_recompute(m->net, recompute);
  SYMO_TRY(take_slots(context, m));
  SYMO_TRY(train_gpt_file(context, &m->gpt, m->text.tokens, model));
  symo_net_text(&net, model->net, sizeof model->net);
fail:
  return status;
}

static symo_status create(symo_context *context, const train_spec *spec, train_model *out) {
  train_model model = {.init = init,
                       .batch_of = batch_of,
                       .score = score,
                       .set_pool = set_pool,
                       .set_comm = set_comm,
                       .destroy = destroy};
  gpt_model *m = symo_calloc(1, sizeof *m);
  if (m == NULL) return symo_fail_memory(context, "training");
  model.self = m;
  symo_status status = fill(context, spec, m, &model);
  if (status != SYMO_OK) {
    train_model_destroy(&model);
    return status;
  }
  model.problem = symo_net_problem(m->net);
  model.network = m->net;
  model.examples = spec->whole ? whole_windows(m) : m->text.count[TRAINED] - m->block;
  model.batch = m->slots;
  model.tokens = m->slots * m->block;
  if (!spec->whole) {
    model.evaluate = evaluate, model.evaluate_train = evaluate_train;
    model.test_examples = m->eval_rows;
  }
  snprintf(model.data, sizeof model.data, "%s", m->text.what);
  memcpy(model.checksum, m->text.checksum, sizeof model.checksum);
  *out = model;
  return SYMO_OK;
}

/* ---- optimizers ---- */

/* Methods that adapt by matrices take the hidden ones, h.*.weight with two axes; embeddings,
 * lm_head, norms and biases are AdamW's, with nanoGPT's settings.  Other methods take everything.
 * All rules share warm-up, cosine to a tenth of the rate (min-lr), and a gradient of at most
 * grad-clip over all tensors; parameters decay where they have two axes. */
static bool is_for_matrices(const symo_method *m) {
  return m->curvature == &symo_curvature_orbit || m->curvature == &symo_curvature_orbit_blocked ||
         m->curvature == &symo_curvature_per_axis || m->curvature == &symo_curvature_kfac;
}

/* They model the whole loss: no clipping, no schedule. */
static bool is_newton(const symo_method *m) {
  return m->curvature == &symo_curvature_hessian || m->curvature == &symo_curvature_ggn ||
         m->curvature == &symo_curvature_fisher;
}

/* A run that ends within the warm-up has no cosine. */
static symo_status set_schedule(symo_context *context, const train_spec *spec, symo_method *m) {
  const size_t end = spec->gpt.decay > 0 ? spec->gpt.decay : spec->steps;
  const bool cosine = end > spec->gpt.warmup;
  if (!cosine && spec->steps > spec->gpt.warmup)
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "lr-decay-iters: %zu, but the warm-up takes %zu (lower --warmup-iters)", end,
                     spec->gpt.warmup);
  m->schedule = cosine ? SYMO_SCHEDULE_COSINE : SYMO_SCHEDULE_CONSTANT;
  m->warmup_steps = spec->gpt.warmup;
  m->total_steps = end;
  m->min_lr = spec->gpt.min_lr;
  m->clip_norm = spec->gpt.grad_clip;
  return SYMO_OK;
}

static void set_adam(const train_spec *spec, symo_method *m) {
  m->lr = spec->gpt.adamw_lr;
  m->momentum = spec->gpt.beta1;
  m->beta2 = spec->gpt.beta2;
}

static symo_status method_of(symo_context *context, const train_spec *spec, symo_method *method) {
  if (is_newton(method)) return SYMO_OK;
  if (method->curvature == &symo_curvature_diagonal && method->source == SYMO_SOURCE_GRADIENT)
    set_adam(spec, method);
  if (method->decay == SYMO_DECAY_DECOUPLED) method->weight_decay = spec->gpt.weight_decay;
  return set_schedule(context, spec, method);
}

static symo_rule rule(const char *pattern, int min_order, int max_order, const symo_method *m) {
  symo_rule out = {.min_order = min_order, .max_order = max_order, .method = *m};
  snprintf(out.pattern, sizeof out.pattern, "%s", pattern);
  if (isnan(out.method.min_lr)) out.method.min_lr = 0.1 * out.method.lr;
  if (max_order < 2) out.method.weight_decay = 0;
  return out;
}

static symo_status rules_of(symo_context *context, const train_spec *spec,
                            const symo_method *method, size_t *num, symo_rule *rules) {
  symo_method adamw;
  size_t count = 0;
  if (is_newton(method)) return symo_optim_preset_rules(context, method, num, rules);
  symo_status status = symo_method_preset(context, "adamw", &adamw);
  if (status != SYMO_OK) return status;
  set_adam(spec, &adamw);
  adamw.weight_decay = spec->gpt.weight_decay;
  status = set_schedule(context, spec, &adamw);
  if (is_for_matrices(method)) {
    adamw.min_lr = NAN; /* --min-lr is of the method that --lr is of */
    rules[count++] = rule("h.*.weight", 2, SYMO_MAX_ORDER, method);
    method = &adamw;
  }
  rules[count++] = rule("*", 2, SYMO_MAX_ORDER, method);
  rules[count++] = rule("*", 0, 1, method);
  *num = count;
  return status;
}

/* ---- the task ---- */

#define COMMON                                                                                     \
  "gradient-accumulation-steps=1;bias=false;tied=true;lr-decay-iters=0;min-lr=;beta1=0.9;"         \
  "weight-decay=0.1;grad-clip=1;warmup-iters=100;adamw-lr=0.001;beta2=0.99;eval-every=250;"        \
  "checkpoint-every=250;"

/* config/train_shakespeare_char.py, with the README's changes for a CPU; as it is; and
 * config/train_gpt2.py.  Their min_lr is a tenth of learning_rate, and the cosine ends with the
 * run. */
static const train_preset presets[] = {
    {"cpu", COMMON "n-layer=4;n-head=4;n-embd=128;block-size=64;batch=12;dropout=0;steps=2000;"
                   "eval-iters=20"},
    {"shakespeare-char", COMMON "n-layer=6;n-head=6;n-embd=384;block-size=256;batch=64;dropout=0.2;"
                                "steps=5000;eval-iters=200"},
    {"gpt2", COMMON "n-layer=12;n-head=12;n-embd=768;block-size=1024;batch=12;dropout=0;"
                    "steps=600000;eval-iters=200;eval-every=1000;gradient-accumulation-steps=40;"
                    "adamw-lr=0.0006;beta2=0.95;warmup-iters=2000"},
    {NULL, NULL}};

const train_task train_task_gpt = {
    .name = "gpt",
    .description = "nanoGPT: GPT-2 on the characters (or byte pairs) of a text, the\n"
                   "first 90 % of it; options marked gpt: are named as there",
    .defaults = "act=gelu;dtype=f32;preset=cpu",
    .presets = presets,
    .options = train_gpt_options,
    .method = method_of,
    .rules = rules_of,
    .create = create};
