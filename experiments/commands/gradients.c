/* symo gradients: the gradients of single examples of a network, as a file that symo estimate reads.
 *
 * With g_i the gradient of the loss of example i and g their mean, tr F = (1/N) sum |g_i|^2 is the
 * trace of the empirical Fisher matrix, and (tr F - |g|^2) / |g|^2 the batch size at which noise in
 * the mean over a batch is as large as the gradient (McCandlish, Kaplan, Amodei et al. 2018, arXiv
 * 1812.06162). */
#include "experiments/commands/spectrum_subject.h"
#include "experiments/models/network_options.h"
#include "experiments/plot/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "io/stack.h"

#include <symo/examples.h>

enum { LISTED = 5 };

typedef struct norm {
  size_t example;
  double value;
} norm;

typedef struct gathering {
  cli *c;
  symo_layout *layout;
  symo_problem problem;
  size_t size, examples;
  char *all;    /* [examples, size] of the network's type */
  double *mean; /* [size] */
  norm *norms;  /* [examples]; at last descending */
  double loss, gradient, trace;
} gathering;

/* ---- taking them ---- */

static symo_status take(void *self, size_t first, size_t count, const void *gradients) {
  gathering *t = self;
  const symo_dtype d = t->problem.dtype;
  const size_t bytes = t->size * symo_dtype_size(d);
  memcpy(t->all + first * bytes, gradients, count * bytes);
  for (size_t e = 0; e < count; e++) {
    const void *g = (const char *)gradients + e * bytes;
    t->norms[first + e] = (norm){first + e, symo_nrm2(d, t->size, g)};
    for (size_t i = 0; i < t->size; i++) t->mean[i] += symo_get(d, g, i) / (double)t->examples;
  }
  cli_progress(t->c, "%zu of %zu examples", first + count, t->examples);
  return SYMO_OK;
}

/* Descending; of equal ones, as the examples come. */
static int compare_norms(const void *a, const void *b) {
  const norm *x = a, *y = b;
  if (x->value != y->value) return x->value > y->value ? -1 : 1;
  return x->example < y->example ? -1 : 1;
}

static int check_memory(cli *c, const gathering *t) {
  const double bytes =
      2 * (double)t->examples * (double)t->size * (double)symo_dtype_size(t->problem.dtype);
  const double available = cli_memory_available();
  if (bytes <= available) return CLI_DONE;
  return cli_fail(c, CLI_DATA,
                  "gradients: %zu gradients of %zu numbers take %s and %s is available (give fewer "
                  "--examples)",
                  t->examples, t->size, cli_format_bytes(bytes).text,
                  cli_format_bytes(available).text);
}

static symo_status gather(gathering *t, const inquiry *q) {
  symo_context *context = q->subject.context;
  symo_status status = SYMO_OK;
  SYMO_TRY(symo_net_select(q->subject.net, t->examples, q->subject.rows));
  SYMO_TRY(t->problem.loss(t->problem.self, q->subject.theta, &t->loss));
  SYMO_TRY(symo_problem_each_example(context, &t->problem, q->subject.theta, 0, take, t));
  for (size_t e = 0; e < t->examples; e++)
    t->trace += t->norms[e].value * t->norms[e].value / (double)t->examples;
  t->gradient = symo_nrm2(SYMO_F64, t->size, t->mean);
  qsort(t->norms, t->examples, sizeof *t->norms, compare_norms);
  if (!isfinite(t->trace))
    return symo_fail(context, SYMO_E_NONFINITE,
                     "gradients: some are not finite (train less boldly, or look at the data)");
fail:
  return status;
}

static double noise_scale(const gathering *t) {
  const double square = t->gradient * t->gradient;
  return square > 0 ? fmax(t->trace / square - 1, 0) : (double)NAN;
}

static double norm_at(const gathering *t, double share) {
  return t->norms[(size_t)(share * (double)(t->examples - 1))].value;
}

/* ---- answers ---- */

static json_t *answer_of(cli *c, const inquiry *q, const gathering *t) {
  json_t *o = json_object(), *largest = json_array();
  inquiry_set_json(c, o, q);
  cli_set(c, o, "loss", cli_number(t->loss));
  cli_set(c, o, "gradient", cli_number(t->gradient));
  cli_set(c, o, "fisher_trace", cli_number(t->trace));
  cli_set(c, o, "noise_scale", cli_number(noise_scale(t)));
  cli_set(c, o, "norms",
          json_pack("{s:f, s:f, s:f}", "least", norm_at(t, 1), "median", norm_at(t, 0.5), "largest",
                    norm_at(t, 0)));
  for (size_t i = 0; i < LISTED && i < t->examples; i++)
    cli_push(c, largest,
             json_pack("{s:I, s:f}", "example", (json_int_t)t->norms[i].example, "norm",
                       t->norms[i].value));
  cli_set(c, o, "largest", largest);
  return o;
}

static int draw(cli *c, const inquiry *q, const gathering *t) {
  static const char *const names[] = {"norms", NULL};
  plot_text text;
  int code = plot_text_open(c, &text);
  if (code != CLI_DONE) return code;
  for (size_t e = 0; e < t->examples; e++)
    fprintf(text.stream, "%.6g\t%.9g\n", (double)(e + 1) / (double)t->examples, t->norms[e].value);
  code = plot_text_close(&text, q->plots, "norms.tsv");
  if (code == CLI_DONE) code = plot_text_open(c, &text);
  if (code != CLI_DONE) return code;
  plot_begin(&text, "norms", 620, 420);
  fprintf(
      text.stream,
      "set tics nomirror\nset border 3\nset logscale y\nset xlabel \"share of the examples\"\n"
      "set ylabel \"norm of the gradient of an example\"\n"
      "set label 1 \"of the mean %.3g\" at 0.02,%.9g offset 0,0.6\n"
      "plot \"norms.tsv\" using 1:2 with lines lw 2 lc rgb \"#0072b2\" notitle, %.9g with lines "
      "lw 1 dt 2 lc rgb \"#303030\" notitle\n",
      t->gradient, fmax(t->gradient, 1e-300), fmax(t->gradient, 1e-300));
  plot_end(text.stream);
  code = plot_text_close(&text, q->plots, "norms.gp");
  return code == CLI_DONE ? plot_draw(c, q->directory, q->plots, names) : code;
}

static int write_files(cli *c, const inquiry *q, const gathering *t) {
  char *stack = cli_join(q->directory, "gradients.safetensors"),
       *layout = cli_join(q->directory, "layout.json"),
       *theta = cli_join(q->directory, "theta.safetensors"),
       *answer = cli_join(q->directory, "gradients.json");
  const symo_dtype d = t->problem.dtype;
  int code = stack && layout && theta && answer ? CLI_DONE : cli_fail_memory(c);
  symo_status status = SYMO_OK;
  if (code == CLI_DONE) status = symo_stack_write(t->layout, stack, d, t->examples, t->all);
  if (code == CLI_DONE && status == SYMO_OK) status = symo_layout_write_json(t->layout, layout);
  if (code == CLI_DONE && status == SYMO_OK)
    status = symo_tensors_write(t->layout, theta, d, q->subject.theta);
  if (status != SYMO_OK) code = cli_fail_status(c, status);
  if (code == CLI_DONE) code = cli_write_json(c, answer, answer_of(c, q, t));
  symo_free(stack), symo_free(layout), symo_free(theta), symo_free(answer);
  return code;
}

static int report(cli *c, const inquiry *q, const gathering *t) {
  int code = write_files(c, q, t);
  if (code == CLI_DONE && q->plots != NULL) code = draw(c, q, t);
  if (code != CLI_DONE) return code;
  cli_progress_end(c);
  if (cli_json(c)) return cli_print_json(c, answer_of(c, q, t));
  inquiry_print(q);
  printf("point    loss %.6g, |gradient| %.4g\n", t->loss, t->gradient);
  printf("norms    of single examples: median %.4g, least %.4g, largest %.4g\n", norm_at(t, 0.5),
         norm_at(t, 1), norm_at(t, 0));
  printf("Fisher   trace %.6g; noise is as large as the gradient in batches of %.3g\n", t->trace,
         noise_scale(t));
  printf("largest ");
  for (size_t i = 0; i < LISTED && i < t->examples; i++)
    printf(" example %zu (%.3g)", t->norms[i].example, t->norms[i].value);
  printf("\n\nwritten to %s: gradients.safetensors, layout.json, theta.safetensors, "
         "gradients.json%s\n",
         cli_str(c, "out"), q->plots != NULL ? ", norms as a picture" : "");
  return CLI_DONE;
}

static int measure(cli *c, inquiry *q) {
  gathering t = {.c = c, .problem = symo_net_problem(q->subject.net)};
  t.layout = q->path != NULL ? q->model.layout : q->point.layout;
  t.size = t.problem.size, t.examples = q->subject.examples;
  int code = check_memory(c, &t);
  if (code != CLI_DONE) return code;
  t.all = symo_malloc(t.examples * t.size * symo_dtype_size(t.problem.dtype));
  t.mean = symo_calloc(t.size, sizeof *t.mean);
  t.norms = symo_calloc(t.examples, sizeof *t.norms);
  if (t.all == NULL || t.mean == NULL || t.norms == NULL) {
    code = cli_fail_memory(c);
  } else {
    symo_status status = gather(&t, q);
    code = status == SYMO_OK ? report(c, q, &t) : cli_fail_status(c, status);
  }
  symo_free(t.all), symo_free(t.mean), symo_free(t.norms);
  return code;
}

static int run(cli *c) { return inquiry_run(c, 0, measure); }

static const cli_option options[] = {
    INQUIRY_ROWS,
    NETWORK_SEED_ROW("Seed of weights and generated data"),
    NETWORK_DTYPE_ROW,
    {.name = "out",
     .kind = CLI_STRING,
     .arg = "DIR",
     .fallback = "symo-gradients",
     .help = "Folder for gradients.safetensors, layout.json, theta.safetensors, gradients.json and "
             "the picture"},
    {.name = "no-plots", .kind = CLI_FLAG, .help = "Draw no picture"},
    {.name = NULL}};

const cli_command cli_command_gradients = {
    .name = "gradients",
    .summary = "gradients of single examples, for estimates from all of them",
    .description =
        "The gradient of the loss of every example by itself, all of a chunk in one\n"
        "backward pass.  Writes them as one safetensors file, whose entries have an axis\n"
        "of examples in front, with layout and parameters beside it: symo estimate makes\n"
        "a structured curvature of them.  Says their norms, which examples have the\n"
        "largest, the trace of the empirical Fisher matrix (the mean of g g'), and the\n"
        "batch size at which noise is as large as the gradient, (tr F - |g|^2) / |g|^2.",
    .example = "symo gradients --data digits --net 64-16-10 --train-steps 100 --out g\n"
               "symo estimate --layout g/layout.json --grad g/gradients.safetensors \\\n"
               "  --estimator covariance --out fisher.safetensors",
    .options = options,
    .json = true,
    .run = run};
