/* symo eval: the loss of a checkpoint. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "experiments/gpt/options.h"
#include "experiments/inputs/tensors.h"
#include "experiments/train/checkpoint.h"
#include "experiments/train/gpt.h"
#include "experiments/train/options.h"
#include "experiments/train/record.h"

static const cli_option options[] = {
    {.name = "checkpoint",
     .arg = "FILE",
     .kind = CLI_STRING,
     .required = true,
     .help = "A file of symo train (DIR/checkpoint.safetensors or DIR/best.safetensors), or a "
             "GPT-2 as symo export writes it"},
    {.name = "data",
     .arg = "DATA",
     .kind = CLI_LIST,
     .help = "As in symo train; all examples are taken, in their order. Of a folder in idx format: "
             "its training images; gpt: consecutive windows of the block size, without an "
             "incomplete last one; default: the examples that the run held back"},
    {.name = "label",
     .arg = "COLUMN",
     .kind = CLI_STRING,
     .help =
         "Label column of --data, a CSV file, by name or number from 0; default: as in the run"},
    CLI_HEADER_ROW,
    {.name = "vocab",
     .arg = "FILE",
     .kind = CLI_STRING,
     .help = "GPT-2's vocab.json, for weights that do not say what their tokens are"},
    {.name = "merges", .arg = "FILE", .kind = CLI_STRING, .help = "GPT-2's merges.txt"},
    GPT_HEADS_ROW,
    {.name = NULL}};

/* What is evaluated. */
typedef struct evaluation {
  char *path;
  train_spec spec;
  train_model model;
  uint64_t step;
  bool weights; /* no checkpoint of symo train: a transformer, of unknown step */
  double loss, accuracy;
} evaluation;

/* Data of the caller, read as the run's were but for what the command line says. */
static symo_status take_data(cli *c, train_spec *spec) {
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

/* Takes the network from the checkpoint, not from the data. */
static symo_status from_checkpoint(cli *c, evaluation *e) {
  symo_context *context = cli_context(c);
  train_spec *spec = &e->spec;
  char net[TRAIN_TEXT], *was = NULL;
  symo_status status = SYMO_OK;
  if (cli_given(c, "vocab") || cli_given(c, "n-head"))
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "%s: says what its tokens and heads are (leave out --vocab, --merges and "
                     "--n-head)",
                     e->path);
  if (!cli_given(c, "data")) {
    symo_free(e->path);
    e->path = NULL;
    SYMO_TRY(train_go_home_of(context, cli_str(c, "checkpoint"), &e->path));
  }
  SYMO_TRY(train_checkpoint_spec(context, e->path, spec, net, &e->step));
  SYMO_TRY(train_checkpoint_use(context, e->path, spec));
  snprintf(spec->net, sizeof spec->net, "%s", net);
  spec->memory = cli_memory_available();
  SYMO_TRY(cli_given(c, "data") ? take_data(c, spec) : train_check_files(context, spec, true));
  SYMO_TRY(train_checkpoint_text(context, e->path, "data", &was));
  if (!cli_given(c, "data") && was != NULL)
    snprintf(spec->expected, sizeof spec->expected, "%s", was);
  SYMO_TRY(spec->task->create(context, spec, &e->model));
fail:
  symo_free(was);
  return status;
}

/* What symo export wrote, or another GPT-2: sizes and tokens are in the file. */
static symo_status from_weights(cli *c, evaluation *e) {
  symo_context *context = cli_context(c);
  const char *vocab = cli_str(c, "vocab"), *merges = cli_str(c, "merges");
  char remark[160];
  bool tokens = false;
  symo_status status = SYMO_OK;
  e->weights = true;
  e->spec = train_spec_default(train_task_find("gpt"));
  e->spec.memory = cli_memory_available();
  SYMO_TRY(
      train_gpt_sizes(context, e->path, (size_t)cli_int(c, "n-head"), &e->spec, &tokens, remark));
  if (remark[0] != '\0') cli_note(c, "%s", remark);
  if (!cli_given(c, "data"))
    SYMO_TRY(symo_fail(context, SYMO_E_ARGUMENT,
                       "%s: does not say what was held back (give --data)", e->path));
  if (!tokens && vocab == NULL)
    SYMO_TRY(symo_fail(context, SYMO_E_ARGUMENT,
                       "%s: does not say what its tokens are (give --vocab and --merges)",
                       e->path));
  SYMO_TRY(train_spec_set(context, &e->spec, "init-from", e->path));
  if (vocab != NULL) SYMO_TRY(train_spec_set(context, &e->spec, "vocab", vocab));
  if (merges != NULL) SYMO_TRY(train_spec_set(context, &e->spec, "merges", merges));
  SYMO_TRY(take_data(c, &e->spec));
  SYMO_TRY(e->spec.task->create(context, &e->spec, &e->model));
fail:
  return status;
}

static symo_status make_model(cli *c, evaluation *e) {
  char *run = NULL;
  e->path = symo_strdup(cli_str(c, "checkpoint"));
  if (e->path == NULL) return symo_fail_memory(cli_context(c), "eval");
  symo_status status = train_checkpoint_text(cli_context(c), e->path, "run", &run);
  if (status == SYMO_OK) status = run != NULL ? from_checkpoint(c, e) : from_weights(c, e);
  symo_free(run);
  return status;
}

/* Parameters, and the loss at them. */
static symo_status compute(cli *c, evaluation *e) {
  const bool given = cli_given(c, "data");
  train_model *model = &e->model;
  if (!given && model->evaluate == NULL)
    return symo_fail(cli_context(c), SYMO_E_ARGUMENT,
                     "eval: the run held no examples back (give --data)");
  void *theta = symo_calloc(model->problem.size, symo_dtype_size(model->problem.dtype));
  if (theta == NULL) return symo_fail_memory(cli_context(c), "eval");
  symo_status status = e->weights
                           ? model->init(model->self, NULL, theta)
                           : train_checkpoint_parameters(cli_context(c), e->path, model, theta);
  if (status == SYMO_OK)
    status = (given ? model->score : model->evaluate)(model->self, theta, &e->loss, &e->accuracy);
  symo_free(theta);
  return status;
}

static int answer(cli *c, const evaluation *e) {
  const train_model *model = &e->model;
  const size_t examples = cli_given(c, "data") ? model->examples : model->test_examples;
  if (model->remark[0] != '\0') cli_note(c, "%s", model->remark);
  if (!cli_json(c)) {
    printf("loss %.10g", e->loss);
    if (!isnan(e->accuracy)) printf("  accuracy %.2f %%", 100 * e->accuracy);
    printf("  on %zu %s%s of %s", examples, symo_plural(examples, "example", "examples"),
           cli_given(c, "data") ? "" : " held back", model->data);
    if (!e->weights)
      printf(", after %llu %s", (unsigned long long)e->step, symo_plural(e->step, "step", "steps"));
    printf("\n");
    return CLI_DONE;
  }
  json_t *o = json_object();
  cli_set(c, o, "loss", cli_number(e->loss));
  if (!isnan(e->accuracy) || model->tokens == 0) cli_set(c, o, "accuracy", cli_number(e->accuracy));
  cli_set(c, o, "examples", json_integer((json_int_t)examples));
  cli_set(c, o, "data", json_string(model->data));
  cli_set(c, o, "net", json_string(model->net));
  cli_set(c, o, "step", e->weights ? json_null() : json_integer((json_int_t)e->step));
  return cli_print_json(c, o);
}

static int check_flags(cli *c) {
  for (size_t i = 0; i < 2 && !cli_given(c, "data"); i++)
    if (cli_given(c, i == 0 ? "label" : "header"))
      return cli_fail(c, CLI_USAGE, "--%s: is of --data (give it too)",
                      i == 0 ? "label" : "header");
  if (cli_given(c, "vocab") == cli_given(c, "merges")) return CLI_DONE;
  return cli_fail(c, CLI_USAGE, "--%s: the other file is missing (give --vocab and --merges)",
                  cli_given(c, "vocab") ? "vocab" : "merges");
}

static int run(cli *c) {
  if (check_flags(c) != CLI_DONE) return CLI_USAGE;
  evaluation *e = symo_calloc(1, sizeof *e);
  symo_pool *pool = NULL;
  symo_status status = SYMO_OK;
  const int threads = symo_get_threads();
  if (e == NULL) return cli_fail_status(c, symo_fail_memory(cli_context(c), "eval"));
  e->loss = e->accuracy = NAN;
  SYMO_TRY(symo_pool_create(cli_context(c), threads, &pool));
  SYMO_TRY(make_model(c, e));
  if (e->model.set_pool != NULL) e->model.set_pool(e->model.self, pool);
  SYMO_TRY(symo_set_threads(1));
  SYMO_TRY(compute(c, e));
fail:;
  const int code = status == SYMO_OK ? answer(c, e) : cli_fail_status(c, status);
  train_model_destroy(&e->model);
  symo_pool_destroy(pool);
  (void)symo_set_threads(threads);
  symo_free(e->path);
  symo_free(e);
  return code;
}

const cli_command cli_command_eval = {
    .name = "eval",
    .summary = "the loss of a checkpoint on data",
    .description = "Computes the mean loss of a checkpoint of symo train over a data set and, for\n"
                   "classes, the share of correct answers.",
    .example = "symo eval --checkpoint runs/digits/checkpoint.safetensors\n"
               "symo eval --checkpoint runs/mnist/best.safetensors \\\n"
               "  --data mnist/t10k-images-idx3-ubyte.gz --json",
    .options = options,
    .json = true,
    .run = run};
