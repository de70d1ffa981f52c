/* symo eval: the loss of a checkpoint. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "experiments/net/net.h"
#include "experiments/train/checkpoint.h"
#include "experiments/train/options.h"

static const cli_option options[] = {
    {.name = "checkpoint",
     .arg = "FILE",
     .kind = CLI_STRING,
     .required = true,
     .help = "What symo train wrote: DIR/checkpoint.safetensors"},
    {.name = "data",
     .arg = "DATA",
     .kind = CLI_LIST,
     .help = "As in symo train, all examples in their order; a folder in idx format: its training "
             "images; gpt: windows of block size one behind the other, without the last incomplete "
             "one; default: the examples that the run held back"},
    {.name = "label",
     .arg = "COLUMN",
     .kind = CLI_STRING,
     .help =
         "Label column of --data, a CSV file, by name or number from 0; default: as in the run"},
    CLI_HEADER_ROW,
    {.name = NULL}};

/* Weights may have more than there are tokens in the text, or in the tokenizer. */
static size_t vocabulary_of(symo_context *context, const char *net) {
  symo_net_spec spec = symo_net_spec_default();
  return symo_net_parse(context, net, &spec) == SYMO_OK ? symo_net_vocabulary(&spec) : 0;
}

/* Data of the caller, read as the run's were but for what the command line says. */
static symo_status read_data(cli *c, train_spec *spec) {
  static const char *const keys[] = {"label", "header"};
  symo_status status = train_read_data(c, spec);
  spec->whole = true;
  spec->train = 0;
  snprintf(spec->header, sizeof spec->header, "auto");
  if (train_spec_has(spec->task, "train")) spec->batch = 0;
  for (size_t i = 0; i < sizeof keys / sizeof *keys && status == SYMO_OK; i++)
    if (cli_given(c, keys[i]))
      status = train_spec_set(cli_context(c), spec, keys[i], cli_str(c, keys[i]));
  return status;
}

/* The network is that of the checkpoint, whatever the data would have suggested. */
static symo_status make_model(cli *c, const char *path, train_spec *spec, uint64_t *step,
                              train_model *model) {
  char net[TRAIN_TEXT];
  symo_status status = train_checkpoint_spec(cli_context(c), path, spec, net, step);
  if (status != SYMO_OK) return status;
  snprintf(spec->net, sizeof spec->net, "%s", net);
  snprintf(spec->checkpoint, sizeof spec->checkpoint, "%s", path);
  snprintf(spec->kept, sizeof spec->kept, "%s", path);
  spec->memory = cli_memory_available();
  spec->gpt.vocabulary = vocabulary_of(cli_context(c), net);
  status =
      cli_given(c, "data") ? read_data(c, spec) : train_check_files(cli_context(c), spec, true);
  return status == SYMO_OK ? spec->task->create(cli_context(c), spec, model) : status;
}

static int answer(cli *c, const train_model *model, uint64_t step, double loss, double accuracy) {
  const size_t examples = cli_given(c, "data") ? model->examples : model->test_examples;
  if (model->remark[0] != '\0') cli_note(c, "%s", model->remark);
  if (!cli_json(c)) {
    printf("loss %.10g", loss);
    if (!isnan(accuracy)) printf("  accuracy %.2f %%", 100 * accuracy);
    printf("  on %zu examples%s of %s, after %llu steps\n", examples,
           cli_given(c, "data") ? "" : " held back", model->data, (unsigned long long)step);
    return CLI_DONE;
  }
  json_t *o = json_object();
  cli_set(c, o, "loss", cli_number(loss));
  if (!isnan(accuracy) || model->tokens == 0) cli_set(c, o, "accuracy", cli_number(accuracy));
  cli_set(c, o, "examples", json_integer((json_int_t)examples));
  cli_set(c, o, "data", json_string(model->data));
  cli_set(c, o, "net", json_string(model->net));
  cli_set(c, o, "step", json_integer((json_int_t)step));
  return cli_print_json(c, o);
}

static int run(cli *c) {
  const char *path = cli_str(c, "checkpoint");
  train_spec spec;
  train_model model = {0};
  uint64_t step = 0;
  double loss = NAN, accuracy = NAN;
  void *theta = NULL;
  symo_pool *pool = NULL;
  symo_status status = SYMO_OK;
  const int threads = symo_get_threads();
  for (size_t i = 0; i < 2 && !cli_given(c, "data"); i++)
    if (cli_given(c, i == 0 ? "label" : "header"))
      return cli_fail(c, CLI_USAGE, "--%s: is of --data (give it too)",
                      i == 0 ? "label" : "header");
  SYMO_TRY(symo_pool_create(cli_context(c), threads, &pool));
  SYMO_TRY(make_model(c, path, &spec, &step, &model));
  if (model.set_pool != NULL) model.set_pool(model.self, pool);
  SYMO_TRY(symo_set_threads(1));
  if (!cli_given(c, "data") && model.evaluate == NULL) {
    status = symo_fail(cli_context(c), SYMO_E_ARGUMENT,
                       "eval: the run held no examples back (give --data)");
    goto fail;
  }
  theta = symo_calloc(model.problem.size, symo_dtype_size(model.problem.dtype));
  if (theta == NULL) {
    status = symo_fail_memory(cli_context(c), "eval");
    goto fail;
  }
  SYMO_TRY(train_checkpoint_parameters(cli_context(c), path, &model, theta));
  SYMO_TRY(
      (cli_given(c, "data") ? model.score : model.evaluate)(model.self, theta, &loss, &accuracy));
fail:;
  const int code =
      status == SYMO_OK ? answer(c, &model, step, loss, accuracy) : cli_fail_status(c, status);
  symo_free(theta);
  train_model_destroy(&model);
  symo_pool_destroy(pool);
  (void)symo_set_threads(threads);
  return code;
}

const cli_command cli_command_eval = {
    .name = "eval",
    .summary = "the loss of a checkpoint on data",
    .description = "Computes the mean loss of the network in a checkpoint of symo train, and for\n"
                   "classes the share of right ones, over data in their order.",
    .example = "symo eval --checkpoint runs/digits/checkpoint.safetensors\n"
               "symo eval --checkpoint runs/mnist/checkpoint.safetensors \\\n"
               "  --data mnist/t10k-images-idx3-ubyte.gz --json",
    .options = options,
    .json = true,
    .run = run};
