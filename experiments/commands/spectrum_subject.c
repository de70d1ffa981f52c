/* The networks that symo spectrum, landscape and lowrank look at. */
#include "experiments/commands/spectrum_subject.h"
#include "experiments/models/network_data.h"
#include "experiments/models/network_options.h"
#include "experiments/train/checkpoint.h"
#include "experiments/train/record.h"

#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"

/* ---- networks ---- */

static int check_checkpoint(cli *c) {
  static const char *const own[] = {"net",     "act",         "loss",         "no-bias",
                                    "task",    "standardize", "target-scale", "init-scale",
                                    "weights", "train-steps", "train-lr",     "groups"};
  for (size_t i = 0; cli_given(c, "checkpoint") && i < sizeof own / sizeof *own; i++)
    if (cli_given(c, own[i]))
      return cli_fail(c, CLI_USAGE, "--%s: the checkpoint says it (leave it out)", own[i]);
  return CLI_DONE;
}

/* Data of the run or of --data, --examples of them, in the number type of --dtype. */
static symo_status set_data(cli *c, inquiry *q) {
  static const char *const keys[] = {"label", "header"};
  train_spec *spec = &q->spec;
  symo_status status = SYMO_OK;
  const bool gpt = train_spec_has(spec->task, "block-size");
  if (cli_given(c, "data"))
    status = train_spec_set(cli_context(c), spec, "data", cli_str(c, "data"));
  for (size_t i = 0; i < 2 && status == SYMO_OK; i++)
    if (cli_given(c, keys[i]))
      status = train_spec_set(cli_context(c), spec, keys[i], cli_str(c, keys[i]));
  (void)snprintf(spec->dtype, sizeof spec->dtype, "%s", cli_str(c, "dtype"));
  spec->gpt.dropout = 0;
  const size_t examples = (size_t)cli_int(c, "examples");
  if (gpt && examples > 0)
    spec->batch = examples, spec->gpt.accumulation = 1;
  else if (!gpt && examples > 0)
    spec->train = examples;
  if (!gpt) spec->batch = 0;
  return status;
}

static symo_status open_checkpoint(cli *c, inquiry *q) {
  symo_context *context = cli_context(c);
  symo_status status = SYMO_OK;
  if (cli_given(c, "data"))
    q->path = symo_strdup(cli_str(c, "checkpoint"));
  else /* relative paths of the run are meant from where it was begun */
    SYMO_TRY(train_go_home_of(context, cli_str(c, "checkpoint"), &q->path));
  if (q->path == NULL) return symo_fail_memory(context, "spectrum");
  SYMO_TRY(train_checkpoint_spec(context, q->path, &q->spec, q->net, &q->step));
  SYMO_TRY(train_checkpoint_use(context, q->path, &q->spec));
  (void)snprintf(q->spec.net, sizeof q->spec.net, "%s", q->net);
  q->spec.memory = cli_memory_available();
  SYMO_TRY(set_data(c, q));
  SYMO_TRY(train_check_files(context, &q->spec, true));
  SYMO_TRY(q->spec.task->create(context, &q->spec, &q->model));
  SYMO_TRY(q->model.batch_of(q->model.self, 0));
  q->theta = symo_calloc(q->model.problem.size, symo_dtype_size(q->model.problem.dtype));
  if (q->theta == NULL) return symo_fail_memory(context, "spectrum");
  SYMO_TRY(train_checkpoint_parameters(context, q->path, &q->model, q->theta));
  q->subject.net = q->model.network;
  q->subject.theta = q->theta;
  q->subject.examples = q->model.batch;
  (void)snprintf(q->data, sizeof q->data, "%s", q->model.data);
  if (q->model.remark[0] != '\0') cli_note(c, "%s", q->model.remark);
fail:
  return status;
}

static int open_network(cli *c, inquiry *q) {
  network_spec spec;
  int code = network_spec_read(c, &spec);
  if (code == CLI_DONE) code = network_point_open(c, &spec, &q->point);
  if (code != CLI_DONE) return code;
  network_data_note(c, &q->point);
  q->subject.net = q->point.net;
  q->subject.theta = q->point.theta;
  q->subject.examples = q->point.examples;
  (void)snprintf(q->data, sizeof q->data, "%s", q->point.data_name);
  return CLI_DONE;
}

static int open_subject(cli *c, inquiry *q) {
  int code = CLI_DONE;
  if (!cli_given(c, "checkpoint")) {
    code = open_network(c, q);
  } else {
    symo_status status = open_checkpoint(c, q);
    if (status != SYMO_OK) code = cli_fail_status(c, status);
  }
  if (code != CLI_DONE) return code;
  q->subject.c = c;
  q->subject.context = cli_context(c);
  q->rows = symo_calloc(q->subject.examples, sizeof *q->rows);
  if (q->rows == NULL) return cli_fail_memory(c);
  for (size_t i = 0; i < q->subject.examples; i++) q->rows[i] = i;
  q->subject.rows = q->rows;
  symo_net_text(symo_net_get_spec(q->subject.net), q->net, sizeof q->net);
  return CLI_DONE;
}

/* ---- folders: before a checkpoint changes the working directory ---- */

/* A path of the command line from the root; NULL where memory is out. */
static char *absolute(const char *path) {
  char here[TRAIN_TEXT];
  train_here(here);
  return path[0] == '/' ? symo_strdup(path) : cli_join(here, path);
}

static int open_folder(cli *c, inquiry *q, int options) {
  if (symo_comm_rank(cli_ranks(c)) > 0) return CLI_DONE; /* the first process has it */
  int code = cli_make_directory(c, cli_str(c, "out"));
  if (code != CLI_DONE) return code;
  q->directory = absolute(cli_str(c, "out"));
  const bool rules = (options & INQUIRY_RULES) && cli_given(c, "rules");
  if (rules) q->rules = absolute(cli_str(c, "rules"));
  if (q->directory == NULL || (rules && q->rules == NULL)) return cli_fail_memory(c);
  code = cli_folder_lock(c, q->directory, &q->lock);
  if (code == CLI_DONE) code = cli_record(c, q->directory, false, symo_get_threads());
  if (code != CLI_DONE || !(options & INQUIRY_PLOTS) || cli_flag(c, "no-plots")) return code;
  q->plots = cli_join(q->directory, "plots");
  if (q->plots == NULL) return cli_fail_memory(c);
  return cli_make_directory(c, q->plots);
}

void inquiry_close(inquiry *q) {
  network_point_destroy(&q->point);
  train_model_destroy(&q->model);
  cli_folder_unlock(&q->lock);
  symo_free(q->path);
  symo_free(q->theta);
  symo_free(q->rows);
  symo_free(q->directory);
  symo_free(q->plots);
  symo_free(q->rules);
}

symo_layout *inquiry_layout(const inquiry *q) {
  return q->path != NULL ? q->model.layout : q->point.layout;
}

int inquiry_open(cli *c, inquiry *q, int options) {
  *q = (inquiry){.path = NULL};
  int code = check_checkpoint(c);
  if (code == CLI_DONE) code = open_folder(c, q, options);
  return code == CLI_DONE ? open_subject(c, q) : code;
}

int inquiry_run(cli *c, int options, int (*measure)(cli *c, inquiry *q)) {
  inquiry *q = symo_calloc(1, sizeof *q);
  if (q == NULL) return cli_fail_memory(c);
  int code = inquiry_open(c, q, options);
  if (code == CLI_DONE) code = measure(c, q);
  inquiry_close(q);
  symo_free(q);
  return code;
}

/* ---- what answers say of it ---- */

void inquiry_set_json(cli *c, json_t *o, const inquiry *q) {
  const symo_net_spec *spec = symo_net_get_spec(q->subject.net);
  cli_set(c, o, "net", json_string(q->net));
  cli_set(c, o, "activation", json_string(symo_activation_name(spec->activation)));
  cli_set(c, o, "loss_function", json_string(symo_loss_name(spec->loss)));
  cli_set(c, o, "dtype", json_string(symo_dtype_name(spec->dtype)));
  cli_set(c, o, "data", json_string(q->data));
  cli_set(c, o, "examples", json_integer((json_int_t)q->subject.examples));
  cli_set(c, o, "parameters", json_integer((json_int_t)symo_net_num_parameters(q->subject.net)));
  if (q->path != NULL) cli_set(c, o, "step", json_integer((json_int_t)q->step));
  cli_set(c, o, "seed", json_integer((json_int_t)cli_int(c, "seed")));
}

void inquiry_print(const inquiry *q) {
  const symo_net_spec *spec = symo_net_get_spec(q->subject.net);
  const size_t parameters = symo_net_num_parameters(q->subject.net);
  printf("network  %s %s, %s, %zu %s, %s\n", q->net, symo_activation_name(spec->activation),
         symo_loss_name(spec->loss), parameters, symo_plural(parameters, "parameter", "parameters"),
         symo_dtype_name(spec->dtype));
  printf("data     %s, %zu %s", q->data, q->subject.examples,
         symo_plural(q->subject.examples, "example", "examples"));
  if (q->path != NULL)
    printf("; after %llu %s", (unsigned long long)q->step, symo_plural(q->step, "step", "steps"));
  printf("\n");
}
