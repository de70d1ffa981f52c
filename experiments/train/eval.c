/* symo eval: the loss of a checkpoint. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "experiments/train/checkpoint.h"

static const cli_option options[] = {
    {.name = "checkpoint",
     .arg = "FILE",
     .kind = CLI_STRING,
     .required = true,
     .help = "What symo train wrote: DIR/checkpoint.safetensors"},
    {.name = "data",
     .arg = "DATA",
     .kind = CLI_STRING,
     .help = "As in symo train, all examples in their order; a folder in idx format: its training "
             "images; default: the examples that the run held back"},
    {.name = NULL}};

/* The network is that of the checkpoint, whatever the data would have suggested. */
static symo_status make_model(cli *c, const char *path, train_spec *spec, uint64_t *step,
                              train_model *model) {
  char net[TRAIN_TEXT];
  const char *data = cli_str(c, "data");
  symo_status status = train_checkpoint_spec(cli_context(c), path, spec, net, step);
  if (status != SYMO_OK) return status;
  snprintf(spec->net, sizeof spec->net, "%s", net);
  if (data != NULL) {
    spec->whole = true;
    spec->batch = spec->train = 0;
    status = train_spec_set(cli_context(c), spec, "data", data);
  }
  return status == SYMO_OK ? spec->task->create(cli_context(c), spec, model) : status;
}

static int answer(cli *c, const train_model *model, uint64_t step, double loss, double accuracy) {
  const size_t examples = cli_given(c, "data") ? model->examples : model->test_examples;
  if (!cli_json(c)) {
    printf("loss %.10g", loss);
    if (!isnan(accuracy)) printf("  accuracy %.2f %%", 100 * accuracy);
    printf("  on %zu examples%s of %s, after %llu steps\n", examples,
           cli_given(c, "data") ? "" : " held back", model->data, (unsigned long long)step);
    return CLI_DONE;
  }
  json_t *o = json_object();
  cli_set(c, o, "loss", cli_number(loss));
  cli_set(c, o, "accuracy", cli_number(accuracy));
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
  symo_status status = SYMO_OK;
  SYMO_TRY(make_model(c, path, &spec, &step, &model));
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
  SYMO_TRY(
      train_checkpoint_parameters(cli_context(c), path, model.layout, model.problem.dtype, theta));
  SYMO_TRY(
      (cli_given(c, "data") ? model.score : model.evaluate)(model.self, theta, &loss, &accuracy));
fail:;
  const int code =
      status == SYMO_OK ? answer(c, &model, step, loss, accuracy) : cli_fail_status(c, status);
  symo_free(theta);
  train_model_destroy(&model);
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
