/* symo bench: the command, and what its subjects share. */
#include "experiments/bench/bench.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/linalg.h"
#include "core/text.h"

#define EXTERN_ROW(name) extern const bench_subject bench_subject_##name;
BENCH_SUBJECT_LIST(EXTERN_ROW)
#undef EXTERN_ROW

static const bench_subject *const subjects[] = {
#define TABLE_ROW(name) &bench_subject_##name,
    BENCH_SUBJECT_LIST(TABLE_ROW)
#undef TABLE_ROW
};

enum { SUBJECTS = sizeof subjects / sizeof subjects[0] };

/* ---- shared ---- */

static const bench_goal goals[] = {{BENCH_NONE, NAN, ""},
#define GOAL_ROW(name, sense, value, what) {BENCH_##sense, value, what},
                                   BENCH_TARGET_LIST(GOAL_ROW)
#undef GOAL_ROW
};
_Static_assert(sizeof goals / sizeof goals[0] == BENCH_TARGETS, "a row for every target");

const bench_goal *bench_goal_of(bench_target target) { return &goals[target]; }

bool bench_row_ok(const bench_row *row) {
  const bench_goal *goal = bench_goal_of(row->target);
  switch (goal->sense) {
  case BENCH_AT_LEAST: return row->ratio >= goal->value;
  case BENCH_AT_MOST: return row->ratio <= goal->value;
  default: return true;
  }
}

void bench_add(bench_report *report, bench_row row, const char *format, ...) {
  if (report->count == BENCH_MOST_ROWS) return;
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(row.name, sizeof row.name, format, arguments);
  va_end(arguments);
  report->rows[report->count++] = row;
}

void bench_figure(bench_report *report, const char *key, double value) {
  size_t i = 0;
  while (i < report->num_figures && strcmp(report->keys[i], key) != 0) i++;
  if (i == BENCH_MOST_FIGURES) return;
  report->keys[i] = key, report->figures[i] = value;
  if (i == report->num_figures) report->num_figures++;
}

int bench_random(cli *c, symo_dtype dtype, size_t n, uint64_t seed, void *out) {
  symo_rng *rng = NULL;
  symo_status status = symo_rng_create(cli_context(c), seed, &rng);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  for (size_t i = 0; i < n; i++) symo_put(dtype, out, i, symo_rng_normal(rng));
  symo_rng_destroy(rng);
  return CLI_DONE;
}

int bench_gemm_create(cli *c, symo_dtype dtype, size_t n, bench_gemm *out) {
  size_t bytes = n * n * symo_dtype_size(dtype);
  *out = (bench_gemm){dtype, n, symo_malloc(bytes), symo_malloc(bytes), symo_calloc(1, bytes)};
  if (!out->a || !out->b || !out->c) return cli_fail_memory(c);
  int code = bench_random(c, dtype, n * n, 1, out->a);
  return code == CLI_DONE ? bench_random(c, dtype, n * n, 2, out->b) : code;
}

double bench_gemm_rate(const bench_gemm *g) {
  double start = cli_seconds(), n = (double)g->n;
  symo_gemm(g->dtype, 1, symo_mat_dense(g->a, g->n, g->n), symo_mat_dense(g->b, g->n, g->n), 0,
            symo_mat_dense(g->c, g->n, g->n));
  return 2 * n * n * n / (cli_seconds() - start);
}

void bench_gemm_destroy(bench_gemm *g) {
  symo_free(g->a);
  symo_free(g->b);
  symo_free(g->c);
  *g = (bench_gemm){0};
}

/* ---- command ---- */

static const cli_option options[] = {
    {.name = "what",
     .kind = CLI_OPERAND,
     .arg = "WHAT",
     .choices = BENCH_SUBJECT_CHOICES,
     .fallback = "all",
     .help = "What to measure"},
    {.name = "repeats",
     .kind = CLI_INT,
     .arg = "N",
     .min = 1,
     .max = 1000,
     .help = "Repetitions; the median counts (gpt and solvers: the best); default: 1 to 30, "
             "depending on the size"},
    {.name = "only",
     .kind = CLI_STRING,
     .arg = "TEXT",
     .help = "Run only the cases whose name contains TEXT: mlp, gpt2, f32, h-g and so on; of ranks "
             "steps, roots or memory"},
    {.name = "preset",
     .kind = CLI_STRING,
     .arg = "NAME",
     .choices = BENCH_GPT_PRESETS,
     .help =
         "gpt: memory by the plan of a step of a GPT of known size with every optimizer, and its "
         "time where the machine has that memory"},
    {.name = "batch-size",
     .kind = CLI_INT,
     .arg = "N",
     .min = 1,
     .max = 4096,
     .help = "Windows in a step of --preset; default: 1"},
    {.name = "check",
     .kind = CLI_FLAG,
     .help = "List all targets, what was reached, met or missed; exit with 1 if one is missed"},
    {.name = NULL}};

static json_t *row_json(cli *c, const bench_row *row) {
  json_t *out = json_object();
  const bool target = row->target != BENCH_NO_TARGET;
  cli_set(c, out, "name", json_string(row->name));
  cli_set(c, out, "figure", cli_number(row->figure));
  cli_set(c, out, "unit", json_string(row->unit));
  cli_set(c, out, "floor", cli_number(row->floor));
  cli_set(c, out, "ratio", cli_number(row->ratio));
  cli_set(c, out, "target", target ? cli_number(bench_goal_of(row->target)->value) : json_null());
  cli_set(c, out, "ok", target ? json_boolean(bench_row_ok(row)) : json_null());
  return out;
}

/* Rows with a target, and those of them that miss it. */
static size_t count_targets(const bench_report *report, size_t *missed) {
  size_t count = 0;
  *missed = 0;
  for (size_t i = 0; i < report->count; i++) {
    count += report->rows[i].target != BENCH_NO_TARGET;
    *missed += !bench_row_ok(&report->rows[i]);
  }
  return count;
}

static int print_json(cli *c, const bench_report *report) {
  json_t *out = json_object(), *rows = json_array();
  cli_set(c, out, "what", json_string(cli_str(c, "what")));
  cli_set(c, out, "threads", json_integer(symo_get_threads()));
  cli_set(c, out, "machine", json_string(symo_build_info()));
  for (size_t i = 0; i < report->num_figures; i++)
    cli_set(c, out, report->keys[i], cli_number(report->figures[i]));
  for (size_t i = 0; i < report->count; i++) cli_push(c, rows, row_json(c, &report->rows[i]));
  cli_set(c, out, "rows", rows);
  size_t missed, count = count_targets(report, &missed);
  cli_set(
      c, out, "targets",
      json_pack("{s:I, s:I}", "met", (json_int_t)(count - missed), "missed", (json_int_t)missed));
  return cli_print_json(c, out);
}

static void number(double value, int width) {
  if (isfinite(value))
    printf("%*.4g", width, value);
  else
    printf("%*s", width, "-");
}

static void print_table(const bench_report *report) {
  printf("%d %s, %s\n\n%-52s%11s %-8s%11s%9s  %s\n", symo_get_threads(),
         symo_plural((size_t)symo_get_threads(), "thread", "threads"), symo_build_info(), "",
         "measured", "", "limit", "ratio", "target");
  for (size_t i = 0; i < report->count; i++) {
    const bench_row *row = &report->rows[i];
    printf("%-52s", row->name);
    number(row->figure, 11);
    printf(" %-8s", row->unit);
    number(row->floor, 11);
    number(row->ratio, 9);
    const bench_goal *goal = bench_goal_of(row->target);
    if (goal->sense != BENCH_NONE)
      printf("  %s %g  %s", goal->sense == BENCH_AT_LEAST ? ">=" : "<=", goal->value,
             bench_row_ok(row) ? "met" : "MISSED");
    printf("\n");
  }
}

/* Every target, what it is of, and what was reached. */
static void print_targets(const bench_report *report) {
  size_t missed, count = count_targets(report, &missed);
  printf("\n%zu of %zu targets met%s\n", count - missed, count, count > 0 ? ":" : "");
  for (size_t i = 0; i < report->count; i++) {
    const bench_row *row = &report->rows[i];
    const bench_goal *goal = bench_goal_of(row->target);
    if (goal->sense == BENCH_NONE) continue;
    printf("  %-6s  %.3g %s %g  %s: %s\n", bench_row_ok(row) ? "met" : "MISSED", row->ratio,
           goal->sense == BENCH_AT_LEAST ? ">=" : "<=", goal->value, row->name, goal->what);
  }
}

static int run(cli *c) {
  const char *what = cli_str(c, "what");
  if (cli_given(c, "preset") && strcmp(what, "gpt") != 0)
    return cli_fail(c, CLI_USAGE, "--preset: %s has none (write symo bench gpt --preset)", what);
  if (cli_given(c, "batch-size") && !cli_given(c, "preset"))
    return cli_fail(c, CLI_USAGE, "--batch-size: there is no --preset (give one)");
  if (cli_ranks(c) != NULL && strcmp(what, "ranks") != 0)
    return cli_fail(
        c, CLI_USAGE,
        "bench: %s works in one process, not in %d (start it without mpirun; ranks is of "
        "several)",
        what, symo_comm_size(cli_ranks(c)));
  bench_report *report = symo_calloc(1, sizeof *report);
  if (report == NULL) return cli_fail_memory(c);
  report->c = c;
  report->repeats = (size_t)cli_int(c, "repeats");
  report->only = cli_str(c, "only");
  report->preset = cli_str(c, "preset");
  report->batch = cli_given(c, "batch-size") ? (size_t)cli_int(c, "batch-size") : 1;
  int code = CLI_DONE;
  for (size_t i = 0; i < SUBJECTS && code == CLI_DONE; i++)
    if ((strcmp(what, "all") == 0 && !subjects[i]->ranks) || strcmp(what, subjects[i]->name) == 0)
      code = subjects[i]->run(report);
  cli_progress_end(c);
  if (code == CLI_DONE && cli_json(c))
    code = print_json(c, report);
  else if (code == CLI_DONE)
    print_table(report);
  if (code == CLI_DONE && cli_flag(c, "check") && !cli_json(c)) print_targets(report);
  for (size_t i = 0; code == CLI_DONE && cli_flag(c, "check") && i < report->count; i++)
    if (!bench_row_ok(&report->rows[i])) code = CLI_NO;
  symo_free(report);
  return code;
}

const cli_command cli_command_bench = {
    .name = "bench",
    .summary = "speed and memory against limits measured in the same run",
    .description =
        "estimate  structured estimates of a 2-million-parameter MLP and of a GPT-2-124M\n"
        "          layout, against the bare syrk and eigendecomposition calls on the\n"
        "          same shapes, and peak memory against what has to be held\n"
        "hessian   the exact Hessian of a digits network, against the dgemm rate\n"
        "curvature products with the Hessian and the Gauss-Newton matrix of four networks,\n"
        "          against the time of a gradient\n"
        "solvers   powers of matrices by every solver, square and rectangular, against\n"
        "          the gemm rate\n"
        "optim     a step of every optimizer on the matrices of two GPTs and an\n"
        "          autoencoder, against the sgemm rate, and state against Adam's\n"
        "gpt       training steps of GPTs 128 and 768 wide by their parts, against the\n"
        "          sgemm rate, and a token of a sample; with --preset gpt2 memory and\n"
        "          time of a step of GPT-2 with 124 million parameters\n"
        "ranks     what a process has to compute, to exchange and to keep, of a step of a\n"
        "          GPT that N processes divide, and by the model of symo plan: mpirun -n N\n"
        "          symo bench ranks\n"
        "gemm      the rates of the machine\n"
        "all       all of these but ranks",
    .example = "symo bench estimate --only mlp\nsymo bench hessian --check --json\n"
               "symo bench gpt --preset gpt2 --only plan",
    .no = "--check was given and a target was missed",
    .options = options,
    .json = true,
    .ranks = true,
    .run = run};
