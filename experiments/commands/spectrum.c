/* symo spectrum: how the curvature of a network is spread. */
#include "cli/folder.h"
#include "experiments/models/network_data.h"
#include "experiments/models/network_options.h"
#include "experiments/plot/plot.h"
#include "experiments/spectrum/exponents.h"
#include "experiments/train/checkpoint.h"
#include "experiments/train/options.h"
#include "experiments/train/record.h"

#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"

static const cli_option options[] = {
    {.name = "checkpoint",
     .arg = "FILE",
     .kind = CLI_STRING,
     .help = "A file of symo train, which says network and data; --data and --examples may say "
             "others"},
    NETWORK_ROWS,
    NETWORK_GROUPS_ROW,
    {.name = "seed",
     .kind = CLI_INT,
     .arg = "S",
     .min = 0,
     .max = 9e15,
     .fallback = "1",
     .help = "Seed of weights, generated data, sampled labels and resampled points"},
    {.name = "exponents",
     .kind = CLI_FLAG,
     .help = "Per matrix: how curvature along the singular directions of the gradient follows the "
             "singular values"},
    {.name = "range",
     .kind = CLI_DOUBLE,
     .arg = "R",
     .min = 1e-12,
     .max = 1,
     .fallback = "0.001",
     .help = "Directions count as long as their singular value is R of the largest"},
    {.name = "directions",
     .kind = CLI_INT,
     .arg = "N",
     .min = 0,
     .max = 1e6,
     .fallback = "48",
     .help = "Measured per matrix at most, even in log k where there are more; 0: all"},
    {.name = "eigenvalues",
     .kind = CLI_INT,
     .arg = "N",
     .min = 0,
     .max = 1e4,
     .fallback = "10",
     .help = "Of each matrix's own block of the Hessian, the largest by absolute value; 0: none"},
    {.name = "samples",
     .kind = CLI_INT,
     .arg = "N",
     .min = 1,
     .max = 1e6,
     .fallback = "1",
     .help = "Label draws per example for the Kronecker factors"},
    {.name = "resamples",
     .kind = CLI_INT,
     .arg = "N",
     .min = 0,
     .max = 1e6,
     .fallback = "200",
     .help = "Resampled fits for the 95 % intervals; 0: none"},
    NETWORK_DTYPE_ROW,
    {.name = "out",
     .kind = CLI_STRING,
     .arg = "DIR",
     .fallback = "symo-spectrum",
     .help = "Folder for exponents.json and pictures"},
    {.name = "no-plots", .kind = CLI_FLAG, .help = "Draw no pictures"},
    {.name = NULL}};

/* ---- what is looked at: a network by options, or the model of a checkpoint ---- */

typedef struct inquiry {
  network_point point;
  train_spec spec;
  train_model model;
  char *path;   /* of the checkpoint; NULL: a network by options */
  void *theta;  /* of the checkpoint */
  size_t *rows; /* [examples] */
  uint64_t step;
  spectrum_subject subject;
  char net[TRAIN_TEXT], data[TRAIN_TEXT];
  char *directory, *plots; /* plots NULL: no pictures */
  cli_folder lock;
} inquiry;

static int check_options(cli *c) {
  static const char *const own[] = {"net",     "act",         "loss",         "no-bias",
                                    "task",    "standardize", "target-scale", "init-scale",
                                    "weights", "train-steps", "train-lr",     "groups"};
  for (size_t i = 0; cli_given(c, "checkpoint") && i < sizeof own / sizeof *own; i++)
    if (cli_given(c, own[i]))
      return cli_fail(c, CLI_USAGE, "--%s: the checkpoint says it (leave it out)", own[i]);
  if (!cli_flag(c, "exponents"))
    return cli_fail(c, CLI_USAGE, "spectrum: nothing to compute (give --exponents)");
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

static int open_folder(cli *c, inquiry *q) {
  int code = cli_make_directory(c, cli_str(c, "out"));
  if (code != CLI_DONE) return code;
  char here[TRAIN_TEXT];
  train_here(here);
  const bool relative = cli_str(c, "out")[0] != '/';
  q->directory = relative ? cli_join(here, cli_str(c, "out")) : symo_strdup(cli_str(c, "out"));
  if (q->directory == NULL) return cli_fail_memory(c);
  code = cli_folder_lock(c, q->directory, &q->lock);
  if (code != CLI_DONE || cli_flag(c, "no-plots")) return code;
  q->plots = cli_join(q->directory, "plots");
  if (q->plots == NULL) return cli_fail_memory(c);
  return cli_make_directory(c, q->plots);
}

static void close_inquiry(inquiry *q) {
  network_point_destroy(&q->point);
  train_model_destroy(&q->model);
  cli_folder_unlock(&q->lock);
  symo_free(q->path);
  symo_free(q->theta);
  symo_free(q->rows);
  symo_free(q->directory);
  symo_free(q->plots);
}

/* ---- answers ---- */

static void set_subject(cli *c, json_t *o, const inquiry *q) {
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

static void print_subject(const inquiry *q) {
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

static json_t *exponents_answer(cli *c, const inquiry *q, const spectrum_options *o,
                                const spectrum_exponents *e) {
  json_t *answer = json_object(), *found = spectrum_exponents_json(c, e), *value;
  const char *key;
  set_subject(c, answer, q);
  cli_set(c, answer, "least_singular_value", cli_number(o->range));
  cli_set(c, answer, "directions", json_integer((json_int_t)o->directions));
  json_object_foreach(found, key, value) cli_set(c, answer, key, json_incref(value));
  json_decref(found);
  return answer;
}

static int report(cli *c, const inquiry *q, const spectrum_options *o,
                  const spectrum_exponents *e) {
  static const char *const pictures[] = {"alignment", "decay", NULL};
  char *path = cli_join(q->directory, "exponents.json");
  if (path == NULL) return cli_fail_memory(c);
  int code = cli_write_json(c, path, exponents_answer(c, q, o, e));
  symo_free(path);
  if (code == CLI_DONE && q->plots != NULL) code = spectrum_exponents_plot(c, q->plots, e);
  if (code == CLI_DONE && q->plots != NULL) code = plot_draw(c, q->directory, q->plots, pictures);
  if (code != CLI_DONE) return code;
  cli_progress_end(c);
  if (cli_json(c)) return cli_print_json(c, exponents_answer(c, q, o, e));
  print_subject(q);
  printf("point    loss %.6g, |gradient| %.3g\n", e->loss, e->gradient);
  printf("range    directions with singular values of %g of the largest and more, at most %zu\n"
         "         measured a matrix\n\n",
         o->range, o->directions);
  spectrum_exponents_print(e);
  printf("\nwritten to %s: exponents.json%s\n", cli_str(c, "out"),
         q->plots != NULL ? ", alignment and decay as pictures" : "");
  return CLI_DONE;
}

static int measure(cli *c, inquiry *q) {
  spectrum_options o = spectrum_options_default();
  o.range = cli_double(c, "range");
  o.directions = (size_t)cli_int(c, "directions");
  o.eigenvalues = (size_t)cli_int(c, "eigenvalues");
  o.samples = (size_t)cli_int(c, "samples");
  o.resamples = (size_t)cli_int(c, "resamples");
  o.seed = (uint64_t)cli_int(c, "seed");
  spectrum_exponents e = {0};
  symo_status status = spectrum_exponents_measure(&q->subject, &o, &e);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  int code = report(c, q, &o, &e);
  spectrum_exponents_drop(&e);
  return code;
}

static int run(cli *c) {
  int code = check_options(c);
  if (code != CLI_DONE) return code;
  inquiry *q = symo_calloc(1, sizeof *q);
  if (q == NULL) return cli_fail_memory(c);
  code = open_folder(c, q);
  if (code == CLI_DONE) code = open_subject(c, q);
  if (code == CLI_DONE) code = measure(c, q);
  close_inquiry(q);
  symo_free(q);
  return code;
}

const cli_command cli_command_spectrum = {
    .name = "spectrum",
    .summary = "how the curvature of a network is spread over directions",
    .description =
        "With --exponents: writes the gradient of every matrix (a convolution as outputs\n"
        "x inputs and kernel) as sum_k sigma_k u_k v_k' and takes the curvature h_k\n"
        "along u_k v_k', by products with the Hessian and with the Gauss-Newton matrix.\n"
        "Fits h_k ~ sigma_k^alpha, sigma_k ~ k^-gamma and h sorted ~ k^-s by robust\n"
        "regression on logarithms, with 95 % intervals from resampled points; says how\n"
        "far s is from alpha gamma, and alpha from 2 + slope, slope that of Phi_k =\n"
        "(u'Bu)(v'Av) / sigma_k^2 against sigma_k with the Kronecker factors A, B of the\n"
        "layer; and from s eig, the decay of the eigenvalues of the matrix's own block of\n"
        "the Hessian, how far that is from alpha gamma.  PR: (sum h)^2 / sum h^2; zeta: the same "
        "of k^-s.  (arXiv 2606.02596)",
    .example = "symo spectrum --exponents --data digits --net 64-32-10\n"
               "symo spectrum --exponents --checkpoint runs/mnist/checkpoint.safetensors \\\n"
               "  --examples 500 --out exponents",
    .options = options,
    .json = true,
    .run = run};
