/* Data sets and training, for setups. */
#include "experiments/models/network_data.h"
#include "experiments/models/network_weights.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "experiments/data/data.h"
#include "experiments/data/frame.h"

#include <symo/optim.h>

enum { HIDDEN = 32 };

bool network_data_is_teacher(const char *data) {
  return strcmp(data, "teacher") == 0 || strncmp(data, "teacher:", 8) == 0;
}

/* What the command line left open: the widths, and the loss. */
static int fill_in(cli *c, network_point *s, const symo_dataset *data) {
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
    symo_net_text(net, text, sizeof text);
    return cli_fail(
        c, CLI_DATA,
        "--net: %s does not fit %s, which has %zu %s and %zu %s, %s (give %zu-...-%zu%s)", text,
        s->spec.data, data->inputs, symo_plural(data->inputs, "input", "inputs"), data->outputs,
        symo_plural(data->outputs, "output", "outputs"), data->classes ? "one a class" : "numbers",
        data->inputs, data->outputs,
        !data->table    ? ""
        : data->classes ? ", or --task regression"
                        : ", or --task classes");
  }
  return CLI_DONE;
}

/* Of CSV files the loss says what the targets are, unless --task does. */
static symo_data_task table_task(const network_spec *spec) {
  if (spec->any_loss) return SYMO_DATA_AUTO;
  return spec->net.loss == SYMO_LOSS_CROSS_ENTROPY ? SYMO_DATA_CLASSES : SYMO_DATA_REGRESSION;
}

/* Windows of tokens are classes in that no scale means anything. */
static int load_tokens(cli *c, network_point *s) {
  symo_dataset data = {0};
  symo_data_options options = symo_data_options_default();
  options.max_examples = s->spec.examples;
  options.seed = s->spec.seed;
  char *tokenizer = NULL;
  symo_status status = SYMO_OK;
  if (s->spec.weights != NULL)
    status = network_file_text(cli_context(c), s->spec.weights, "tokenizer", &tokenizer);
  options.tokenizer = tokenizer, options.tokenizer_from = s->spec.weights;
  options.kept = s->spec.kept;
  if (status == SYMO_OK)
    status = symo_data_load_tokens(cli_context(c), s->spec.data, &options, &s->spec.net, &data);
  symo_free(tokenizer);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  s->x = data.x, s->y = data.y;
  s->examples = data.examples;
  s->classes = true;
  s->data_name = symo_strdup(s->spec.data);
  return s->data_name != NULL ? CLI_DONE : cli_fail_memory(c);
}

static symo_status load_data(cli *c, const network_spec *spec, symo_dataset *data) {
  symo_context *context = cli_context(c);
  symo_data_options options = symo_data_options_default();
  symo_data_frame frame = {0};
  symo_net_spec teacher = spec->net;
  symo_status status = SYMO_OK;
  if (spec->any_loss) teacher.loss = SYMO_LOSS_MSE;
  if (teacher.num_layers == 0) SYMO_TRY(symo_net_parse(context, "3-64-2", &teacher));
  SYMO_TRY(network_file_frame(context, spec->weights, &frame));
  options.label = spec->label;
  options.header = spec->header;
  options.task = spec->task;
  options.table = table_task(spec);
  options.standardize = spec->standardize && frame.mean == NULL;
  options.max_examples = spec->examples;
  options.seed = spec->seed;
  options.teacher = &teacher;
  options.kept = spec->kept;
  options.num_labels = frame.num_labels;
  options.labels = (const char *const *)frame.labels;
  SYMO_TRY(symo_data_load(context, spec->data, &options, data));
  SYMO_TRY(symo_data_frame_apply(context, spec->data, &frame, data));
fail:
  symo_data_frame_drop(&frame);
  return status;
}

int network_data_load(cli *c, network_point *s) {
  if (symo_net_reads_tokens(&s->spec.net)) return load_tokens(c, s);
  symo_dataset data = {0};
  symo_status status = load_data(c, &s->spec, &data);
  if (status != SYMO_OK) {
    symo_data_drop(&data);
    return cli_fail_status(c, status);
  }
  int code = fill_in(c, s, &data);
  s->x = data.x;
  s->y = data.y;
  s->examples = data.examples;
  s->classes = data.classes;
  s->table = data.table;
  memcpy(s->remark, data.remark, sizeof s->remark);
  symo_free(data.labels);
  if (code != CLI_DONE) return code;
  for (size_t i = 0; !data.classes && i < data.examples * data.outputs; i++)
    s->y[i] *= s->spec.target_scale;
  s->data_name = symo_strdup(s->spec.data);
  return s->data_name != NULL ? CLI_DONE : cli_fail_memory(c);
}

void network_data_note(cli *c, const network_point *s) {
  static const char *const of_tables[] = {"label", "header"};
  for (size_t i = 0; i < sizeof of_tables / sizeof *of_tables && !s->table; i++)
    if (cli_given(c, of_tables[i]))
      cli_note(c, "--%s is for CSV files, and %s is none: no effect", of_tables[i], s->spec.data);
  if (cli_given(c, "task") && symo_net_reads_tokens(&s->spec.net))
    cli_note(c, "--task: the targets of a transformer are tokens: no effect");
  if (s->remark[0] != '\0') cli_note(c, "%s", s->remark);
}

/* ---- training ---- */

static symo_status open_adam(symo_context *context, const network_point *s,
                             symo_optim_state **out) {
  symo_method method;
  symo_rule rules[4];
  symo_optim *optim = NULL;
  symo_optim_spec spec = symo_optim_spec_default();
  symo_status status = SYMO_OK;
  if (!(s->spec.train_lr > 0.0))
    return symo_fail(context, SYMO_E_ARGUMENT, "training: lr %g (it must be above 0)",
                     s->spec.train_lr);
  SYMO_TRY(symo_method_preset(context, "adam", &method));
  method.lr = s->spec.train_lr;
  SYMO_TRY(symo_optim_preset_rules(context, &method, &spec.num_rules, rules));
  spec.rules = rules;
  spec.dtype = s->spec.net.dtype;
  spec.nan = SYMO_NAN_STOP;
  SYMO_TRY(symo_optim_create(s->layout, &spec, &optim));
  SYMO_TRY(symo_optim_state_create(optim, out));
fail:
  symo_optim_destroy(optim);
  return status;
}

static symo_status train(cli *c, const network_point *s, symo_optim_state *state) {
  const size_t steps = s->spec.train_steps;
  for (size_t step = 0; step < steps; step++) {
    double loss = NAN;
    symo_status status = symo_optim_problem_step(state, &s->problem, s->theta, &loss, NULL);
    if (status == SYMO_E_NONFINITE || status == SYMO_E_NUMERIC)
      return symo_fail(cli_context(c), SYMO_E_NUMERIC,
                       "training: the loss is not finite at step %zu (lower the learning rate)",
                       step);
    if (status != SYMO_OK) return status;
    if (step % 20 == 0)
      cli_progress(c, "seed %llu: step %zu of %zu, loss %.4g", (unsigned long long)s->spec.seed,
                   step, steps, loss);
  }
  return SYMO_OK;
}

int network_point_train(cli *c, network_point *s) {
  if (s->spec.train_steps == 0) return CLI_DONE;
  symo_optim_state *state = NULL;
  symo_status status = open_adam(cli_context(c), s, &state);
  if (status == SYMO_OK) status = train(c, s, state);
  symo_optim_state_destroy(state);
  return status == SYMO_OK ? CLI_DONE : cli_fail_status(c, status);
}
