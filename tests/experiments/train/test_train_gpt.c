/* The task gpt: its options, the rules of its optimizers, windows of a text, losses over a text,
 * and how checkpoints name things. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/linalg.h"
#include "experiments/train/gpt.h"
#include "experiments/train/option.h"
#include "tests/support/testing.h"

/* ---- support ---- */

enum { CHARACTERS = 600 };

/* Letters in an order that is none, all of them early. */
static const char *text_file(void) {
  static char text[CHARACTERS];
  for (size_t i = 0; i < CHARACTERS; i++)
    text[i] = (char)('a' + (i < 7 ? i : (size_t)(i * i * 31 + i / 3) % 7));
  const char *path = symo_test_path("text.txt");
  symo_test_write(path, text, sizeof text);
  return path;
}

static train_spec tiny(symo_context *context) {
  static const char *const set[][2] = {
      {"n-layer", "1"},    {"n-head", "2"},       {"n-embd", "8"},
      {"block-size", "5"}, {"batch-size", "6"},   {"dtype", "f64"},
      {"max-iters", "50"}, {"warmup-iters", "2"}, {"eval-iters", "2"}};
  train_spec spec = train_spec_default(train_task_find("gpt"));
  for (size_t i = 0; i < sizeof set / sizeof *set; i++)
    cr_ok(context, train_spec_set(context, &spec, set[i][0], set[i][1]));
  cr_ok(context, train_spec_set(context, &spec, "data", text_file()));
  return spec;
}

static train_model make(symo_context *context, const train_spec *spec, double **theta) {
  train_model model = {0};
  symo_rng *rng = symo_test_rng(context, 5);
  cr_ok(context, spec->task->create(context, spec, &model));
  cr_assert(model.problem.dtype == SYMO_F64);
  cr_assert(model.problem.size == symo_layout_num_parameters(model.layout));
  *theta = symo_calloc(model.problem.size, sizeof **theta);
  cr_ok(context, model.init(model.self, rng, *theta));
  symo_rng_destroy(rng);
  return model;
}

static double loss_at(symo_context *context, const train_model *m, const double *theta,
                      uint64_t step) {
  double loss;
  cr_ok(context, m->batch_of(m->self, step));
  cr_ok(context, m->problem.loss(m->problem.self, theta, &loss));
  return loss;
}

/* ---- options ---- */

Test(train_gpt, options_of_one_task_are_refused_by_others) {
  static const char *const refused[][4] = {
      {"classifier", "n-layer", "3", "only for gpt"},
      {"autoencoder", "tied", "false", "only for gpt"},
      {"teacher-student", "min-lr", "", "only for gpt"},
      {"classifier", "preset", "cpu", "only for gpt"},
      {"gpt", "net", "4-3", "not for gpt"},
      {"gpt", "train", "5", "not for gpt"},
      {"gpt", "data-exponent", "5", "only for teacher-student"},
      {"gpt", "n-layer", "0", "out of range"},
      {"gpt", "dropout", "1", "out of range"},
      {"gpt", "preset", "cpo", "did you mean \"cpu\""}};
  symo_context *context = symo_test_context();
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    train_spec spec = train_spec_default(train_task_find(refused[i][0]));
    cr_fails(context, SYMO_E_ARGUMENT, refused[i][3],
             train_spec_set(context, &spec, refused[i][1], refused[i][2]));
  }
  symo_context_destroy(context);
}

/* nanoGPT's configurations; what is set behind a preset stays, also through a file. */
Test(train_gpt, presets) {
  symo_context *context = symo_test_context();
  train_spec spec = train_spec_default(train_task_find("gpt")), back;
  cr_assert(spec.gpt.layers == 4 && spec.gpt.heads == 4 && spec.gpt.width == 128);
  cr_assert(spec.gpt.block == 64 && spec.batch == 12 && spec.steps == 2000 && !spec.bias);
  cr_assert(spec.gpt.tied && spec.gpt.dropout == 0 && spec.gpt.eval_iters == 20);
  cr_assert(spec.gpt.warmup == 100 && spec.gpt.beta2 == 0.99 && spec.gpt.adamw_lr == 1e-3);
  cr_ok(context, train_spec_set(context, &spec, "n-layer", "3"));
  cr_ok(context, train_spec_set(context, &spec, "preset", "shakespeare-char"));
  cr_assert(spec.gpt.layers == 6 && spec.gpt.width == 384 && spec.gpt.block == 256);
  cr_assert(spec.batch == 64 && spec.gpt.dropout == 0.2 && spec.gpt.eval_iters == 200);
  cr_ok(context, train_spec_set(context, &spec, "preset", "gpt2"));
  cr_assert(spec.gpt.layers == 12 && spec.gpt.width == 768 && spec.gpt.accumulation == 40);
  cr_ok(context, train_spec_set(context, &spec, "n-layer", "2"));
  cr_ok(context, train_spec_set(context, &spec, "learning-rate", "0.25"));
  cr_assert(strcmp(train_option_find("learning-rate")->key, "lr") == 0 && spec.lr == 0.25);
  json_t *object = train_spec_to_json(&spec);
  cr_assert(json_object_get(json_object_get(object, "options"), "net") == NULL);
  cr_ok(context, train_spec_from_json(context, "here", object, &back));
  cr_assert(back.gpt.layers == 2 && back.gpt.width == 768 && isnan(back.gpt.min_lr));
  json_decref(object);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* ---- optimizers ---- */

static const symo_method *method_of(const symo_optim_spec *made, const symo_optim *optim,
                                    const symo_layout *layout, const char *name) {
  for (size_t t = 0; t < symo_layout_num_tensors(layout); t++)
    if (strcmp(symo_layout_tensor_name(layout, t), name) == 0)
      return &made->rules[symo_optim_rule_of(optim, t)].method;
  cr_assert(false, "no %s", name);
  return NULL;
}

static void check_shared(const symo_method *m, double lr, double decay, const char *what) {
  cr_assert(m->lr == lr && fabs(m->min_lr - 0.1 * lr) <= 1e-15, "%s: %g %g", what, m->lr,
            m->min_lr);
  cr_assert(m->weight_decay == decay && m->clip_norm == 0.5, "%s: %g", what, m->weight_decay);
  cr_assert(m->schedule == SYMO_SCHEDULE_COSINE && m->warmup_steps == 2 && m->total_steps == 50);
}

Test(train_gpt, who_gets_which_method) {
  static const char *const matrices[] = {"h.0.attn.q.weight", "h.0.attn.c_proj.weight",
                                         "h.0.mlp.c_fc.weight", "h.0.mlp.c_proj.weight"};
  static const char *const others[] = {"wte.weight",      "wpe.weight",      "ln_f.weight",
                                       "h.0.ln_1.weight", "h.0.attn.q.bias", "h.0.mlp.c_fc.bias"};
  static const char *const names[] = {"symo", "symo-bd", "muon", "shampoo", "soap", "adamw"};
  symo_context *context = symo_test_context();
  train_spec spec = tiny(context);
  spec.bias = true, spec.gpt.grad_clip = 0.5, spec.lr = 0.04;
  double *theta;
  train_model m = make(context, &spec, &theta);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    symo_optim_spec *made;
    symo_optim *optim;
    const bool adamw = strcmp(names[i], "adamw") == 0;
    cr_ok(context, train_spec_set(context, &spec, "optimizer", names[i]));
    cr_ok(context, train_optimizer_spec(context, &spec, NULL, &made));
    cr_ok(context, symo_optim_create(m.layout, made, &optim));
    for (size_t t = 0; t < 4; t++) {
      const symo_method *method = method_of(made, optim, m.layout, matrices[t]);
      cr_assert(strcmp(method->preset, names[i]) == 0, "%s: %s", matrices[t], method->preset);
      check_shared(method, 0.04, 0.1, matrices[t]);
    }
    for (size_t t = 0; t < 6; t++) {
      const symo_method *method = method_of(made, optim, m.layout, others[t]);
      cr_assert(strcmp(method->preset, "adamw") == 0, "%s: %s", others[t], method->preset);
      check_shared(method, adamw ? 0.04 : 1e-3, t < 2 ? 0.1 : 0, others[t]);
      cr_assert(method->momentum == 0.9 && method->beta2 == 0.99);
    }
    symo_optim_destroy(optim);
    symo_optim_spec_destroy(made);
  }
  symo_free(theta);
  train_model_destroy(&m);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* Settings go over all of it; Newton's methods keep their own rules; a cosine that ends within the
 * warm-up is none, and no run may go on behind it. */
Test(train_gpt, settings_and_schedules) {
  symo_context *context = symo_test_context();
  train_spec spec = tiny(context);
  symo_optim_spec *made;
  cr_ok(context, train_spec_set(context, &spec, "optimizer", "muon"));
  cr_ok(context, train_spec_set(context, &spec, "set", "min_lr=0.007"));
  cr_ok(context, train_spec_set(context, &spec, "set", "rules.1.lr=0.5"));
  cr_ok(context, train_optimizer_spec(context, &spec, NULL, &made));
  cr_assert(made->num_rules == 3 && made->rules[0].method.min_lr == 0.007);
  cr_assert(made->rules[1].method.lr == 0.5 && made->rules[2].method.lr == 1e-3);
  symo_optim_spec_destroy(made);
  spec.settings[0] = '\0';
  spec.gpt.decay = 2;
  cr_fails(context, SYMO_E_ARGUMENT, "lr-decay-iters",
           train_optimizer_spec(context, &spec, NULL, &made));
  spec.steps = 2, spec.gpt.decay = 0;
  cr_ok(context, train_optimizer_spec(context, &spec, NULL, &made));
  cr_assert(made->rules[0].method.schedule == SYMO_SCHEDULE_CONSTANT);
  symo_optim_spec_destroy(made);
  cr_ok(context, train_spec_set(context, &spec, "optimizer", "lm"));
  cr_ok(context, train_optimizer_spec(context, &spec, NULL, &made));
  cr_assert(made->num_rules == 1 && made->rules[0].method.clip_norm == 0);
  symo_optim_spec_destroy(made);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* ---- steps ---- */

/* A step is the same from wherever one comes, after an evaluation too, and allocates nothing. */
Test(train_gpt, batches) {
  symo_context *context = symo_test_context();
  train_spec spec = tiny(context);
  double *theta, held, again, trained, accuracy;
  spec.gpt.dropout = 0.3;
  train_model m = make(context, &spec, &theta);
  cr_assert(m.tokens == 30 && m.batch == 6);
  const double first = loss_at(context, &m, theta, 40);
  cr_ok(context, m.evaluate(m.self, theta, &held, &accuracy));
  const size_t calls = symo_alloc_calls();
  cr_assert(loss_at(context, &m, theta, 41) != first);
  cr_ok(context, m.evaluate_train(m.self, theta, &trained));
  cr_ok(context, m.evaluate(m.self, theta, &again, &accuracy));
  cr_assert(loss_at(context, &m, theta, 40) == first && symo_alloc_calls() == calls);
  cr_assert(held == again && held != trained && isnan(accuracy));
  symo_free(theta);
  train_model_destroy(&m);
  spec.seed = 2;
  m = make(context, &spec, &theta);
  cr_assert(loss_at(context, &m, theta, 40) != first);
  cr_ok(context, m.evaluate(m.self, theta, &again, &accuracy)); /* the same for all seeds */
  cr_assert(again == held, "%.17g %.17g", again, held);
  symo_free(theta);
  train_model_destroy(&m);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* Two batches of 3 are one of 6, and not one of 3. */
Test(train_gpt, accumulation) {
  static const size_t ways[][2] = {{6, 1}, {3, 2}, {3, 1}};
  symo_context *context = symo_test_context();
  train_spec spec = tiny(context);
  double loss[3], *grad[3], *theta;
  size_t n = 0;
  for (size_t i = 0; i < 3; i++) {
    spec.batch = ways[i][0], spec.gpt.accumulation = ways[i][1];
    train_model m = make(context, &spec, &theta);
    n = m.problem.size;
    grad[i] = symo_calloc(n, sizeof *grad[i]);
    cr_ok(context, m.batch_of(m.self, 3));
    cr_ok(context, m.problem.gradient(m.problem.self, theta, &loss[i], grad[i]));
    symo_free(theta);
    train_model_destroy(&m);
  }
  cr_assert(fabs(loss[1] - loss[0]) <= 1e-13 * loss[0] && fabs(loss[2] - loss[0]) >= 1e-6);
  cr_assert(symo_test_rel(grad[1], grad[0], n) <= 1e-12);
  cr_assert(symo_test_rel(grad[2], grad[0], n) >= 1e-3);
  for (size_t i = 0; i < 3; i++) symo_free(grad[i]);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* ---- a text as it stands ---- */

/* Minus the logarithm of what the network gives the token behind `length` ones. */
static double surprise(symo_context *context, symo_gpt_reader *reader, size_t length,
                       const uint32_t *tokens, size_t vocabulary) {
  double logits[32], sum = 0;
  cr_ok(context, symo_gpt_next(reader, length, tokens, logits));
  for (size_t v = 0; v < vocabulary; v++) sum += exp(logits[v]);
  return log(sum) - logits[tokens[length]];
}

/* Windows one behind the other, the last incomplete one left out, the target of a window's last
 * token being the next window's first: prefix by prefix. */
Test(train_gpt, loss_over_a_text) {
  symo_context *context = symo_test_context();
  train_spec spec = tiny(context);
  double *theta, loss, accuracy, expected = 0;
  uint32_t tokens[CHARACTERS];
  symo_gpt_spec gpt;
  symo_net_spec net_spec;
  symo_net *net;
  symo_gpt_reader *reader;
  spec.whole = true;
  train_model m = make(context, &spec, &theta);
  cr_assert(m.evaluate == NULL && m.examples == (CHARACTERS - 1) / 5);
  symo_rng *rng = symo_test_rng(context, 8);
  for (size_t i = 0; i < m.problem.size; i++) theta[i] += 0.3 * symo_rng_normal(rng);
  symo_rng_destroy(rng);
  cr_ok(context, m.score(m.self, theta, &loss, &accuracy));
  cr_ok(context, train_gpt_spec(context, &spec, 7, &gpt));
  cr_ok(context, symo_gpt_to_net(context, &gpt, &net_spec));
  cr_ok(context, symo_net_create(context, &net_spec, &net));
  cr_assert(symo_net_num_parameters(net) == m.problem.size);
  cr_ok(context, symo_gpt_reader_create(net, theta, &reader));
  for (size_t i = 0; i < CHARACTERS; i++)
    tokens[i] = (uint32_t)(i < 7 ? i : (size_t)(i * i * 31 + i / 3) % 7);
  for (size_t w = 0; w < m.examples; w++)
    for (size_t t = 1; t <= 5; t++)
      expected += surprise(context, reader, t, tokens + 5 * w, 7) / (5.0 * (double)m.examples);
  cr_assert(fabs(loss - expected) <= 1e-12 * expected, "%.17g %.17g", loss, expected);
  symo_gpt_reader_destroy(reader);
  symo_net_destroy(net);
  symo_free(theta);
  train_model_destroy(&m);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* ---- files ---- */

/* Every parameter is in the file once, under nanoGPT's names; a tied head once more. */
Test(train_gpt, names_in_checkpoints) {
  symo_context *context = symo_test_context();
  for (int tied = 0; tied < 2; tied++) {
    train_spec spec = tiny(context);
    double *theta;
    size_t covered = 0;
    bool packed = false, head = false;
    spec.gpt.tied = tied == 1, spec.bias = true;
    train_model m = make(context, &spec, &theta);
    for (size_t i = 0; i < m.num_items; i++) {
      const train_item *item = &m.items[i];
      const bool is_head = strcmp(item->name, "lm_head.weight") == 0;
      size_t size = item->shape[0] * (item->order > 1 ? item->shape[1] : 1);
      if (!(is_head && tied == 1)) covered += size;
      if (is_head) head = item->offset == (tied == 1 ? 0 : m.problem.size - size);
      if (strcmp(item->name, "transformer.h.0.attn.c_attn.weight") == 0)
        packed = item->shape[0] == 24 && item->shape[1] == 8;
    }
    cr_assert(packed && head && covered == m.problem.size, "%zu", covered);
    cr_assert(m.num_texts == 2 && strcmp(m.texts[0][0], "tokenizer") == 0);
    cr_assert(strstr(m.texts[0][1], "97") != NULL && strcmp(m.texts[1][0], "config") == 0);
    symo_free(theta);
    train_model_destroy(&m);
  }
  symo_context_destroy(context);
  cr_no_leaks();
}

/* ---- failures ---- */

typedef struct creation {
  symo_context *context;
  train_spec spec;
} creation;

static symo_status create_and_drop(void *self) {
  creation *c = self;
  train_model model = {0};
  symo_status status = c->spec.task->create(c->context, &c->spec, &model);
  train_model_destroy(&model);
  return status;
}

Test(train_gpt, memory_runs_out) {
  creation c = {.context = symo_test_context()};
  c.spec = tiny(c.context);
  cr_assert(symo_test_allocations(create_and_drop, &c) >= 10);
  symo_context_destroy(c.context);
  cr_no_leaks();
}

Test(train_gpt, models_that_cannot_be) {
  static const char *const bad[][3] = {{"n-head", "3", "heads"},
                                       {"batch", "0", "at least one"},
                                       {"block-size", "60", "held back"},
                                       {"act", "what", "act"},
                                       {"groups", "what", "what"},
                                       {"vocab", "v.json", "merges"},
                                       {"init-from", "no-such-file", "no-such-file"},
                                       {"layout", "x: identity 3; w[x]", "wte.weight"}};
  symo_context *context = symo_test_context();
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    train_spec spec = tiny(context);
    train_model model = {0};
    cr_ok(context, train_spec_set(context, &spec, bad[i][0], bad[i][1]));
    symo_status status = spec.task->create(context, &spec, &model);
    cr_assert(status < 0 && strstr(symo_context_detail(context), bad[i][2]) != NULL, "%s: %s",
              bad[i][0], symo_context_detail(context));
    cr_assert(model.destroy == NULL && model.layout == NULL);
  }
  train_spec spec = tiny(context);
  train_model model = {0};
  spec.memory = 1000;
  cr_fails(context, SYMO_E_SIZE, "memory", spec.task->create(context, &spec, &model));
  symo_context_destroy(context);
  cr_no_leaks();
}

/* Recomputation is taken where only it fits, and changes no bit. */
Test(train_gpt, a_limit_turns_recomputation_on) {
  symo_context *context = symo_test_context();
  train_spec spec = tiny(context);
  double *theta, loss[2];
  spec.gpt.layers = 4, spec.gpt.block = 20;
  train_model m = make(context, &spec, &theta);
  const double plain = m.bytes;
  loss[0] = loss_at(context, &m, theta, 1);
  symo_free(theta);
  train_model_destroy(&m);
  spec.memory = plain - 1;
  m = make(context, &spec, &theta);
  cr_assert(m.bytes < plain);
  loss[1] = loss_at(context, &m, theta, 1);
  cr_assert(loss[0] == loss[1]);
  symo_free(theta);
  train_model_destroy(&m);
  symo_context_destroy(context);
  cr_no_leaks();
}
