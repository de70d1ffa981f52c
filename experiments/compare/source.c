/* Data sets and training, for setups. */
#include "experiments/compare/source.h"
#include "experiments/compare/weights.h"

#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "experiments/data/data.h"
#include "experiments/net/train.h"

enum { HIDDEN = 32 };

bool compare_is_teacher(const char *data) {
  return strcmp(data, "teacher") == 0 || strncmp(data, "teacher:", 8) == 0;
}

/* What the command line left open: the widths, and the loss. */
static int fill_in(cli *c, compare_setup *s, const symo_dataset *data) {
  symo_net_spec *net = &s->spec.net;
  if (net->num_layers == 0) {
    const size_t widths[] = {data->inputs, HIDDEN, data->outputs};
    symo_net_spec_set_widths(net, 3, widths);
  }
  if (s->spec.any_loss) net->loss = data->classes ? SYMO_LOSS_CROSS_ENTROPY : SYMO_LOSS_MSE;
  if (net->loss == SYMO_LOSS_CROSS_ENTROPY && !data->classes)
    return cli_fail(c, CLI_DATA, "%s: the targets are numbers, not classes (give --loss mse)",
                    s->spec.data);
  if (symo_net_fit(cli_context(c), net, data->inputs) != SYMO_OK ||
      symo_net_outputs(net) != data->outputs) {
    char text[256];
    compare_net_text(net, text, sizeof text);
    return cli_fail(
        c, CLI_DATA,
        "--net: %s does not fit %s, which has %zu inputs and %zu outputs (give %zu-...-%zu)", text,
        s->spec.data, data->inputs, data->outputs, data->inputs, data->outputs);
  }
  return CLI_DONE;
}

/* Whole numbers in the label column of a CSV file are classes or not as loss and widths want them. */
static symo_data_task task_of(const compare_setup *s) {
  const symo_net_spec *net = &s->spec.net;
  if (s->spec.any_loss || !symo_data_is_csv(s->spec.data)) return SYMO_DATA_AUTO;
  if (net->loss == SYMO_LOSS_CROSS_ENTROPY) return SYMO_DATA_CLASSES;
  bool single = net->num_layers > 0 && symo_net_outputs(net) == 1;
  return single ? SYMO_DATA_REGRESSION : SYMO_DATA_AUTO;
}

/* Windows of tokens are classes in that no scale means anything. */
static int load_tokens(cli *c, compare_setup *s) {
  symo_dataset data = {0};
  symo_data_options options = symo_data_options_default();
  options.max_examples = s->spec.examples;
  options.seed = s->spec.seed;
  char *tokenizer = NULL;
  int code = s->spec.weights != NULL ? compare_weights_tokenizer(c, s->spec.weights, &tokenizer)
                                     : CLI_DONE;
  if (code != CLI_DONE) return code;
  options.tokenizer = tokenizer, options.tokenizer_from = s->spec.weights;
  symo_status status =
      symo_data_load_tokens(cli_context(c), s->spec.data, &options, &s->spec.net, &data);
  symo_free(tokenizer);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  s->x = data.x, s->y = data.y;
  s->examples = data.examples;
  s->classes = true;
  s->data_name = symo_strdup(s->spec.data);
  return s->data_name != NULL ? CLI_DONE : cli_fail(c, CLI_NUMERIC, "network: out of memory");
}

int compare_load(cli *c, compare_setup *s) {
  if (compare_reads_tokens(&s->spec.net)) return load_tokens(c, s);
  symo_dataset data = {0};
  symo_data_options options = symo_data_options_default();
  symo_net_spec teacher = s->spec.net;
  if (s->spec.any_loss) teacher.loss = SYMO_LOSS_MSE;
  if (teacher.num_layers == 0) {
    symo_status status = symo_net_parse(cli_context(c), "3-64-2", &teacher);
    if (status != SYMO_OK) return cli_fail_status(c, status);
  }
  options.label = s->spec.label;
  options.task = task_of(s);
  options.standardize = s->spec.standardize;
  options.max_examples = s->spec.examples;
  options.seed = s->spec.seed;
  options.teacher = &teacher;
  symo_status status = symo_data_load(cli_context(c), s->spec.data, &options, &data);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  int code = fill_in(c, s, &data);
  s->x = data.x;
  s->y = data.y;
  s->examples = data.examples;
  s->classes = data.classes;
  if (code != CLI_DONE) return code;
  for (size_t i = 0; !data.classes && i < data.examples * data.outputs; i++)
    s->y[i] *= s->spec.target_scale;
  s->data_name = symo_strdup(s->spec.data);
  return s->data_name != NULL ? CLI_DONE : cli_fail(c, CLI_NUMERIC, "network: out of memory");
}

/* ---- training ---- */

typedef struct watcher {
  cli *c;
  const compare_setup *setup;
} watcher;

static bool watch(void *user, size_t step, double loss) {
  const watcher *w = user;
  if (step % 20 == 0)
    cli_progress(w->c, "seed %llu: step %zu of %zu, loss %.4g",
                 (unsigned long long)w->setup->spec.seed, step, w->setup->spec.train_steps, loss);
  return true;
}

int compare_train(cli *c, compare_setup *s) {
  if (s->spec.train_steps == 0) return CLI_DONE;
  symo_train_spec spec = symo_train_spec_default();
  spec.steps = s->spec.train_steps;
  spec.lr = s->spec.train_lr;
  watcher w = {c, s};
  symo_status status =
      symo_net_train(s->net, &spec, s->examples, s->x, s->y, s->theta, NULL, watch, &w);
  return status == SYMO_OK ? CLI_DONE : cli_fail_status(c, status);
}
