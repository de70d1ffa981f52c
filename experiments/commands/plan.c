/* symo plan. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/text.h"
#include "experiments/commands/commands.h"
#include "experiments/inputs/optimizer.h"
#include "experiments/inputs/tensors.h"
#include "experiments/scaling/scaling.h"
#include "net/net.h"
#include "optim/alphas.h"
#include "optim/share.h"

#include <symo/io.h>
#include <symo/open.h>

static const cli_option options[] = {
    {.name = "layout",
     .arg = "FILE|TEXT",
     .kind = CLI_STRING,
     .help = "The layout, as symo layout takes it"},
    {.name = "net",
     .arg = "NET",
     .kind = CLI_STRING,
     .help = "Instead of a layout: that of a network, as in --net gpt:v50257-t1024-c768-h12-l12"},
    {.name = "optimizer",
     .arg = "NAME|FILE",
     .kind = CLI_STRING,
     .fallback = "symo",
     .help = "A preset (symo optimizers lists them), or a JSON file"},
    CLI_SET_ROW,
    {.name = "ranks",
     .arg = "N",
     .kind = CLI_LIST,
     .fallback = "8",
     .help = "How many processes, from 1 to 65536"},
    {.name = "tokens",
     .arg = "N",
     .kind = CLI_DOUBLE,
     .min = 1,
     .max = 1e12,
     .fallback = "524288",
     .help = "Examples or tokens in a step, all processes together; 6 flops for each parameter"},
    {.name = "flops",
     .arg = "R",
     .kind = CLI_DOUBLE,
     .min = 1,
     .max = 1e18,
     .fallback = "5e13",
     .help = "Flops of a process in a second, in products of matrices"},
    {.name = "memory-bandwidth",
     .arg = "R",
     .kind = CLI_DOUBLE,
     .min = 1,
     .max = 1e18,
     .fallback = "2e12",
     .help = "Bytes that a process reads and writes in a second"},
    {.name = "latency",
     .arg = "R",
     .kind = CLI_DOUBLE,
     .min = 0,
     .max = 10,
     .fallback = "5e-6",
     .help = "Seconds of a message without bytes"},
    {.name = "bandwidth",
     .arg = "R",
     .kind = CLI_DOUBLE,
     .min = 1,
     .max = 1e18,
     .fallback = "2.5e10",
     .help = "Bytes that a process sends in a second"},
    {.name = NULL}};

typedef struct plan_row {
  int ranks;
  scaling_way way;
  bool best;
  scaling_cost cost;
} plan_row;

/* net: of --net, whose sites of layer statistics are borrowed; else NULL. */
static int open_layout(cli *c, symo_layout **out, symo_net **made) {
  const char *layout = cli_str(c, "layout"), *net = cli_str(c, "net");
  symo_net_spec spec = symo_net_spec_default();
  if ((layout == NULL) == (net == NULL))
    return cli_fail(c, CLI_USAGE, "--layout: %s (give --layout or --net)",
                    layout == NULL ? "there is none" : "there is --net too");
  symo_status status = layout != NULL ? symo_layout_open(cli_context(c), layout, out)
                                      : symo_net_parse(cli_context(c), net, &spec);
  if (net != NULL && status == SYMO_OK) {
    spec.dtype = SYMO_F32;
    status = symo_net_layout(cli_context(c), &spec, NULL, out);
    if (status == SYMO_OK) status = symo_layout_set_dtype(*out, SYMO_F32);
    if (status == SYMO_OK) status = symo_net_create(cli_context(c), &spec, made);
  }
  return status == SYMO_OK ? CLI_DONE : cli_fail_flag(c, status, net != NULL ? "net" : "layout");
}

/* How the rules can be divided. */
static symo_status print_parts(const symo_optim *optim) {
  size_t *part = symo_calloc(optim->layout->num_tensors, sizeof *part);
  if (part == NULL) return SYMO_E_MEMORY;
  for (size_t i = 0; i < optim->num_blocks; i++) {
    const optim_block *b = &optim->blocks[i];
    const size_t parts = symo_share_parts(b, part);
    printf("rule %zu, %s: %zu %s", b->rule, b->method.curvature->name, b->num_tensors,
           symo_plural(b->num_tensors, "tensor", "tensors"));
    const size_t units = b->curvature != NULL && b->curvature->num_units != NULL
                             ? b->curvature->num_units(b->self)
                             : 0;
    if (units == 0 && parts == 1 && b->num_tensors > 1)
      printf(" in one part, which a single process has: they are coupled\n");
    else
      printf(" in %zu %s%s", parts, symo_plural(parts, "part", "parts"), units > 0 ? "" : "\n");
    if (units > 0)
      printf("; what is more than a share, by tensors and %zu %s\n", units,
             symo_plural(units, "label", "labels"));
  }
  symo_free(part);
  return SYMO_OK;
}

static int read_ranks(cli *c, const char *text, int *ranks) {
  char *end;
  const long n = strtol(text, &end, 10);
  if (*text == '\0' || *end != '\0' || n < 1 || n > 65536)
    return cli_fail(c, CLI_USAGE, "--ranks: \"%s\" is no number from 1 to 65536 (give one)", text);
  *ranks = (int)n;
  return CLI_DONE;
}

/* Before anything is printed. */
static int check_ranks(cli *c) {
  size_t lists = 0;
  const char *const *list = cli_list(c, "ranks", &lists);
  int code = CLI_DONE, ranks;
  for (size_t i = 0; i < lists && code == CLI_DONE; i++) code = read_ranks(c, list[i], &ranks);
  return code;
}

/* Rows of one number of processes, the cheapest marked. */
static int fill(cli *c, const scaling_job *job, const scaling_machine *machine, int ranks,
                plan_row rows[SCALING_WAYS], size_t *count) {
  size_t best = 0;
  *count = 0;
  for (int way = 0; way < SCALING_WAYS; way++) {
    plan_row *row = &rows[*count];
    *row = (plan_row){.ranks = ranks, .way = (scaling_way)way};
    const symo_status status = scaling_cost_of(row->way, job, machine, ranks, &row->cost);
    if (status == SYMO_E_UNSUPPORTED) continue;
    if (status != SYMO_OK) return cli_fail_status(c, status);
    if (scaling_seconds(&row->cost) < scaling_seconds(&rows[best].cost)) best = *count;
    ++*count;
  }
  rows[best].best = true;
  return CLI_DONE;
}

static void print_row(const plan_row *row) {
  const scaling_cost *x = &row->cost;
  printf("%6d  %-10s %10.4g %10.4g %10.4g %10.4g %10.4g %10.4g %12s%s\n", row->ranks,
         scaling_names[row->way], 1e3 * x->gradient, 1e3 * x->reduce, 1e3 * x->wait,
         1e3 * x->optimizer, 1e3 * x->spread, 1e3 * scaling_seconds(x),
         cli_format_bytes(x->bytes).text, row->best ? "  best" : "");
}

static json_t *row_json(cli *c, const plan_row *row) {
  json_t *o = json_object();
  cli_set(c, o, "ranks", json_integer(row->ranks));
  cli_set(c, o, "strategy", json_string(scaling_names[row->way]));
  cli_set(c, o, "gradient_seconds", cli_number(row->cost.gradient));
  cli_set(c, o, "reduce_seconds", cli_number(row->cost.reduce));
  cli_set(c, o, "wait_seconds", cli_number(row->cost.wait));
  cli_set(c, o, "optimizer_seconds", cli_number(row->cost.optimizer));
  cli_set(c, o, "spread_seconds", cli_number(row->cost.spread));
  cli_set(c, o, "step_seconds", cli_number(scaling_seconds(&row->cost)));
  cli_set(c, o, "bytes", cli_number(row->cost.bytes));
  cli_set(c, o, "best", json_boolean(row->best));
  return o;
}

static int answer(cli *c, const scaling_job *job, const scaling_machine *machine) {
  size_t lists = 0;
  const char *const *list = cli_list(c, "ranks", &lists);
  json_t *all = cli_json(c) ? json_array() : NULL;
  int code = CLI_DONE;
  if (all == NULL) {
    printf("%.4g parameters in %zu matrices and other tensors; state %s, %.3g flops a step\n",
           job->parameters, job->matrices, cli_format_bytes(job->state_bytes).text,
           job->step_flops);
    const symo_status status = print_parts(job->optim);
    if (status != SYMO_OK) return cli_fail_status(c, status);
    printf("%6s  %-10s %10s %10s %10s %10s %10s %10s %12s\n", "ranks", "ms", "gradient", "reduce",
           "wait", "optimizer", "spread", "step", "memory");
  }
  for (size_t i = 0; i < lists && code == CLI_DONE; i++) {
    plan_row rows[SCALING_WAYS];
    size_t count = 0;
    int ranks = 1;
    code = read_ranks(c, list[i], &ranks);
    if (code == CLI_DONE) code = fill(c, job, machine, ranks, rows, &count);
    for (size_t k = 0; k < count && code == CLI_DONE; k++) {
      if (all != NULL)
        cli_push(c, all, row_json(c, &rows[k]));
      else
        print_row(&rows[k]);
    }
  }
  if (all == NULL || code != CLI_DONE) {
    json_decref(all);
    return code;
  }
  return cli_print_json(c, all);
}

static int run(cli *c) {
  const scaling_machine machine = {
      .flops = cli_double(c, "flops"),
      .memory = cli_double(c, "memory-bandwidth"),
      .latency = cli_double(c, "latency"),
      .bandwidth = cli_double(c, "bandwidth"),
  };
  symo_layout *layout = NULL;
  symo_optim_spec *spec = NULL;
  symo_optim *optim = NULL;
  symo_net *net = NULL;
  int code = check_ranks(c);
  if (code == CLI_DONE) code = open_layout(c, &layout, &net);
  if (code == CLI_DONE) code = cli_read_optimizer(c, 0, NULL, &spec);
  if (code == CLI_DONE) {
    const symo_problem problem = net != NULL ? symo_net_problem(net) : (symo_problem){0};
    spec->num_sites = problem.num_sites, spec->sites = problem.sites;
    const symo_status status = symo_optim_create(layout, spec, &optim);
    if (status != SYMO_OK) code = cli_fail_flag(c, status, "optimizer");
  }
  if (code == CLI_DONE && (symo_optim_has_products(optim) || symo_optim_measures(optim)))
    code = cli_fail(
        c, CLI_DATA,
        "--optimizer: %s is not divided: every process has all of the method, and products "
        "with all parameters, which are shared, are not counted (choose another)",
        cli_str(c, "optimizer"));
  if (code == CLI_DONE) {
    const scaling_job job = scaling_job_of(optim, cli_double(c, "tokens"));
    code = answer(c, &job, &machine);
  }
  symo_optim_destroy(optim);
  symo_optim_spec_destroy(spec);
  symo_layout_destroy(layout);
  symo_net_destroy(net);
  return code;
}

const cli_command cli_command_plan = {
    .name = "plan",
    .summary = "what a step costs in many processes, and how the optimizer is best divided",
    .description =
        "Seconds of a step and bytes of a process for numbers of processes, by a model:\n"
        "a message of n bytes takes --latency + n / --bandwidth, products of matrices\n"
        "--flops, passes over memory --memory-bandwidth.  Gradients are summed (reduce)\n"
        "while backward goes on, and wait is what that does not hide.  The optimizer is\n"
        "  replicated  in every process;\n"
        "  sharded     some of the tensors and labels in each, as mpirun symo train has it;\n"
        "  blocked     with matrices in blocks, where there are more processes than matrices\n"
        "              (a forecast).\n"
        "Memory is parameters, gradient and state, without activations.  docs/scaling.md has\n"
        "the formulas, and what they were held against.",
    .example = "symo plan --net gpt:v50257-t1024-c768-h12-l12 --ranks 8 --ranks 64\n"
               "symo plan --layout layout.json --optimizer soap --ranks 512 --bandwidth 5e10",
    .options = options,
    .json = true,
    .run = run};
