/* symo info: the spectrum of a structured Hessian and what follows from it. */
#include "experiments/commands/commands.h"
#include "experiments/inputs/tensors.h"

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/spectrum.h"
#include "core/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What one label contributes.  Its eigenvalues come `dim` times each. */
typedef struct label_spectrum {
  double smallest, largest, least_size, greatest_size; /* of the values, of their absolute values */
  double rank;                                         /* eigenvalues above the tolerance, with
                                                          multiplicity */
} label_spectrum;

typedef struct facts {
  size_t count;
  double *values; /* [count], ascending */
  size_t *multiplicities;
  label_spectrum *labels; /* [num_labels] */
  double parameters, rank, condition, logdet, damped;
  bool has_logdet, has_damped;
} facts;

static void drop(facts *f) {
  symo_free(f->values);
  symo_free(f->multiplicities);
  symo_free(f->labels);
}

/* ---- each label by itself ---- */

/* Eigenvalues at most 10 m eps times the largest of the label in absolute value count as zero. */
static void add_values(const symo_label_info *info, double tolerance, const double *w,
                       label_spectrum *s) {
  size_t m = info->multiplicity;
  double top = symo_spectrum_largest(m, w), zero = symo_spectrum_zero(m, w, tolerance);
  for (size_t i = 0; i < m; i++) {
    s->least_size = fmin(s->least_size, fabs(w[i]));
    if (fabs(w[i]) > zero) s->rank += (double)info->dim;
  }
  s->smallest = fmin(s->smallest, w[0]);
  s->largest = fmax(s->largest, w[m - 1]);
  s->greatest_size = fmax(s->greatest_size, top);
}

static symo_status label_eigenvalues(symo_context *context, const symo_hessian *h, size_t label,
                                     label_spectrum *out) {
  symo_status status = SYMO_OK;
  const symo_plan *plan = symo_hessian_plan(h);
  symo_label_info info = symo_plan_label(plan, label);
  symo_dtype dtype = symo_plan_dtype(plan);
  size_t m = info.multiplicity,
         block = m * m * symo_dtype_size(dtype); /* it is in memory already */
  const char *blocks = symo_hessian_blocks(h, label);
  void *a = NULL, *work = NULL;
  double *w = NULL;
  label_spectrum s = {.smallest = INFINITY, .largest = -INFINITY, .least_size = INFINITY};
  if (!blocks) {
    s = (label_spectrum){0};
  } else {
    a = symo_malloc(block);
    work = symo_malloc(symo_eigh_work(dtype, m));
    w = symo_calloc(m, sizeof *w);
    if (!a || !work || !w) SYMO_TRY(symo_fail_memory(context, info.name));
  }
  for (size_t k = 0; blocks && k < info.count; k++) {
    memcpy(a, blocks + k * block, block);
    status = symo_eigvalsh(dtype, m, a, w, work);
    if (status != SYMO_OK)
      SYMO_TRY(symo_fail(context, status,
                         "label %s: the eigenvalues were not found (estimate with "
                         "more damping)",
                         info.name));
    add_values(&info, symo_rank_tolerance(dtype, m), w, &s);
  }
  *out = s;
fail:
  symo_free(a);
  symo_free(work);
  symo_free(w);
  return status;
}

/* ---- all together ---- */

static symo_status optional_logdet(const symo_hessian *h, double damping, double *out, bool *has) {
  symo_status status = symo_hessian_logdet(h, damping, out);
  *has = status == SYMO_OK;
  return status == SYMO_SINGULAR ? SYMO_OK : status;
}

static symo_status gather(cli *c, const symo_hessian *h, facts *f) {
  symo_status status = SYMO_OK;
  const symo_plan *plan = symo_hessian_plan(h);
  size_t labels = symo_plan_num_labels(plan);
  SYMO_TRY(symo_hessian_eigenvalues(h, &f->count, &f->values, &f->multiplicities));
  f->labels = symo_calloc(labels, sizeof *f->labels);
  if (!f->labels) SYMO_TRY(symo_fail_memory(cli_context(c), "info"));
  double least = INFINITY, greatest = 0;
  for (size_t l = 0; l < labels; l++) {
    SYMO_TRY(label_eigenvalues(cli_context(c), h, l, &f->labels[l]));
    least = fmin(least, f->labels[l].least_size);
    greatest = fmax(greatest, f->labels[l].greatest_size);
    f->rank += f->labels[l].rank;
  }
  f->parameters = (double)symo_layout_num_parameters(symo_plan_layout(plan));
  f->condition = f->rank < f->parameters ? INFINITY : greatest / least;
  SYMO_TRY(optional_logdet(h, 0, &f->logdet, &f->has_logdet));
  if (cli_given(c, "damping"))
    SYMO_TRY(optional_logdet(h, cli_double(c, "damping"), &f->damped, &f->has_damped));
fail:
  return status;
}

static int print_json(cli *c, const symo_hessian *h, const facts *f) {
  const symo_plan *plan = symo_hessian_plan(h);
  json_t *o = json_object(), *values = json_array(), *times = json_array();
  for (size_t i = 0; i < f->count; i++) {
    cli_push(c, values, cli_number(f->values[i]));
    cli_push(c, times, cli_count((double)f->multiplicities[i]));
  }
  cli_set(c, o, "name", json_string(symo_hessian_name(h)));
  cli_set(c, o, "dtype", json_string(symo_dtype_name(symo_plan_dtype(plan))));
  cli_set(c, o, "centered", json_boolean(symo_plan_centered(plan)));
  cli_set(c, o, "parameters", cli_count(f->parameters));
  cli_set(c, o, "labels", cli_labels_json(c, plan));
  cli_set(c, o, "eigenvalues", values);
  cli_set(c, o, "multiplicities", times);
  cli_set(c, o, "trace", cli_number(symo_hessian_trace(h)));
  cli_set(c, o, "frobenius", cli_number(symo_hessian_frobenius(h)));
  cli_set(c, o, "rank", cli_count(f->rank));
  cli_set(c, o, "condition_number", cli_number(f->condition));
  cli_set(c, o, "logdet", f->has_logdet ? cli_number(f->logdet) : json_null());
  if (cli_given(c, "damping")) {
    cli_set(c, o, "damping", cli_number(cli_double(c, "damping")));
    cli_set(c, o, "logdet_damped", f->has_damped ? cli_number(f->damped) : json_null());
  }
  return cli_print_json(c, o);
}

static void print_logdet(const char *what, bool has, double value) {
  if (has)
    printf("%s%.9g\n", what, value);
  else
    printf("%snone: not positive definite\n", what);
}

enum { TOP = 10 };

static int print_text(cli *c, const symo_hessian *h, const facts *f) {
  const symo_plan *plan = symo_hessian_plan(h);
  printf("%s, %.0f %s, %s%s\n", *symo_hessian_name(h) ? symo_hessian_name(h) : "Hessian",
         f->parameters, symo_plural(f->parameters, "parameter", "parameters"),
         symo_dtype_name(symo_plan_dtype(plan)), symo_plan_centered(plan) ? ", centered" : "");
  printf("trace             %.9g\n", symo_hessian_trace(h));
  printf("Frobenius norm    %.9g\n", symo_hessian_frobenius(h));
  printf("rank              %.0f\n", f->rank);
  printf("condition number  %.6g\n", f->condition);
  print_logdet("log det           ", f->has_logdet, f->logdet);
  if (cli_given(c, "damping")) print_logdet("log det, damped   ", f->has_damped, f->damped);
  printf("label                     dimension  multiplicity    smallest      largest\n");
  for (size_t l = 0; l < symo_plan_num_labels(plan); l++) {
    symo_label_info info = symo_plan_label(plan, l);
    printf("%-24s  %9zu  %12zu  %+.6e %+.6e%s\n", info.name, info.dim,
           info.multiplicity * info.count, f->labels[l].smallest, f->labels[l].largest,
           info.dropped ? " (dropped)" : "");
  }
  printf("largest eigenvalues (%zu distinct; --json prints all)\n", f->count);
  for (size_t i = f->count; i > 0 && f->count - i < TOP; i--)
    printf("  %+.9e  %zu times\n", f->values[i - 1], f->multiplicities[i - 1]);
  return CLI_DONE;
}

/* ---- low rank plus symmetry ---- */

static symo_status lowrank_logdet(const symo_lowrank *h, double damping, double *out, bool *has) {
  symo_status status = symo_lowrank_logdet(h, damping, out);
  *has = status == SYMO_OK;
  return status == SYMO_SINGULAR ? SYMO_OK : status;
}

static int lowrank_json(cli *c, const symo_lowrank *h, const facts *f) {
  const symo_plan *plan = symo_hessian_plan(symo_lowrank_rest(h));
  json_t *o = json_object(), *values = json_array();
  for (size_t i = 0; i < symo_lowrank_rank(h); i++)
    cli_push(c, values, cli_number(symo_lowrank_values(h)[i]));
  cli_set(c, o, "name", json_string("h-lr"));
  cli_set(c, o, "dtype", json_string(symo_dtype_name(symo_plan_dtype(plan))));
  cli_set(c, o, "parameters", cli_count(f->parameters));
  cli_set(c, o, "rank", cli_count((double)symo_lowrank_rank(h)));
  cli_set(c, o, "leading_eigenvalues", values);
  cli_set(c, o, "labels", cli_labels_json(c, plan));
  cli_set(c, o, "trace", cli_number(symo_lowrank_trace(h)));
  cli_set(c, o, "frobenius", cli_number(symo_lowrank_frobenius(h)));
  cli_set(c, o, "logdet", f->has_logdet ? cli_number(f->logdet) : json_null());
  if (cli_given(c, "damping")) {
    cli_set(c, o, "damping", cli_number(cli_double(c, "damping")));
    cli_set(c, o, "logdet_damped", f->has_damped ? cli_number(f->damped) : json_null());
  }
  return cli_print_json(c, o);
}

static int lowrank_text(cli *c, const symo_lowrank *h, const facts *f) {
  const size_t k = symo_lowrank_rank(h);
  printf("h-lr: low rank plus symmetry, %.0f %s\n", f->parameters,
         symo_plural(f->parameters, "parameter", "parameters"));
  printf("trace             %.9g\n", symo_lowrank_trace(h));
  printf("Frobenius norm    %.9g\n", symo_lowrank_frobenius(h));
  print_logdet("log det           ", f->has_logdet, f->logdet);
  if (cli_given(c, "damping")) print_logdet("log det, damped   ", f->has_damped, f->damped);
  printf("leading eigenvalues (%zu; --json prints all)\n", k);
  for (size_t i = 0; i < k && i < TOP; i++) printf("  %+.9e\n", symo_lowrank_values(h)[i]);
  printf("on the rest:\n");
  facts rest = {0};
  symo_status status = gather(c, symo_lowrank_rest(h), &rest);
  int code =
      status == SYMO_OK ? print_text(c, symo_lowrank_rest(h), &rest) : cli_fail_status(c, status);
  drop(&rest);
  return code;
}

static int run_lowrank(cli *c) {
  symo_lowrank *h = NULL;
  facts f = {0};
  symo_status status = symo_lowrank_read(cli_context(c), cli_str(c, "hessian"), &h);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  const symo_plan *plan = symo_hessian_plan(symo_lowrank_rest(h));
  f.parameters = (double)symo_layout_num_parameters(symo_plan_layout(plan));
  status = lowrank_logdet(h, 0, &f.logdet, &f.has_logdet);
  if (status == SYMO_OK && cli_given(c, "damping"))
    status = lowrank_logdet(h, cli_double(c, "damping"), &f.damped, &f.has_damped);
  int code = status != SYMO_OK ? cli_fail_status(c, status)
             : cli_json(c)     ? lowrank_json(c, h, &f)
                               : lowrank_text(c, h, &f);
  symo_lowrank_destroy(h);
  return code;
}

static int run(cli *c) {
  bool lowrank = false;
  symo_status found = symo_hessian_file_is_lowrank(cli_context(c), cli_str(c, "hessian"), &lowrank);
  if (found != SYMO_OK) return cli_fail_status(c, found);
  if (lowrank) return run_lowrank(c);
  symo_hessian *h = NULL;
  int code = cli_read_hessian(c, &h);
  if (code != CLI_DONE) return code;
  facts f = {0};
  symo_status status = gather(c, h, &f);
  if (status != SYMO_OK)
    code = cli_fail_status(c, status);
  else
    code = cli_json(c) ? print_json(c, h, &f) : print_text(c, h, &f);
  drop(&f);
  symo_hessian_destroy(h);
  return code;
}

static const cli_option options[] = {CLI_HESSIAN_ROW,
                                     {.name = "damping",
                                      .arg = "D",
                                      .kind = CLI_DOUBLE,
                                      .min = 0,
                                      .max = INFINITY,
                                      .help = "Print log det (H + D I) as well"},
                                     {.name = NULL}};

const cli_command cli_command_info = {
    .name = "info",
    .summary = "eigenvalues with multiplicity, trace, logdet, condition number of an estimate",
    .description =
        "Prints the eigenvalues of each label (with --json all of them, with multiplicities),\n"
        "trace, log determinant, Frobenius norm, rank and condition number.  For the rank, an\n"
        "eigenvalue counts as zero if it is at most 10 m eps times the largest of its label.\n"
        "A matrix without full rank has an infinite condition number (null in JSON).\n"
        "Of low rank plus symmetry (h-lr) it prints the leading eigenvalues, trace, norm,\n"
        "log determinant, and the same of the structured matrix on the rest.",
    .example = "symo info --hessian hessian.safetensors --damping 1e-4 --json",
    .options = options,
    .json = true,
    .run = run};
