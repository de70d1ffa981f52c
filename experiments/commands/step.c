/* symo step: one step of an optimizer, from files to files. */
#include "experiments/commands/commands.h"
#include "experiments/inputs/optimizer.h"
#include "experiments/inputs/tensors.h"

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "optim/curvature/curvature.h"

#include <stdio.h>
#include <string.h>

typedef struct job {
  symo_layout *layout;
  symo_optim_spec *spec;
  symo_optim *optim;
  symo_optim_state *state;
  cli_vector param, grad;
  symo_step_report report;
} job;

static void drop(job *j) {
  symo_optim_state_destroy(j->state);
  symo_optim_destroy(j->optim);
  symo_optim_spec_destroy(j->spec);
  symo_layout_destroy(j->layout);
  cli_drop_vector(&j->param);
  cli_drop_vector(&j->grad);
}

/* ---- what was asked ---- */

/* Files that are needed, unless only the plan is asked for. */
static int check_flags(cli *c) {
  static const char *const needed[] = {"param", "grad", "out-param"};
  const char *param = cli_str(c, "out-param"), *state = cli_str(c, "out-state");
  for (size_t i = 0; i < 3 && !cli_flag(c, "plan"); i++)
    if (!cli_str(c, needed[i]))
      return cli_fail(c, CLI_USAGE, "step: --%s is missing (symo step --help shows the usage)",
                      needed[i]);
  if (param && state && strcmp(param, state) == 0)
    return cli_fail(c, CLI_USAGE, "--out-state: %s is the file of --out-param too (give another)",
                    state);
  return CLI_DONE;
}

/* ---- reading ---- */

/* The spec says which number type, else the layout, else the parameters. */
static int read_param(cli *c, job *j) {
  symo_dtype dtype = j->spec->dtype;
  if (dtype == SYMO_ANY) dtype = symo_layout_dtype(j->layout);
  if (cli_str(c, "param")) {
    int code = cli_read_vector(c, j->layout, cli_str(c, "param"), dtype, &j->param);
    if (code != CLI_DONE) return code;
    dtype = j->param.dtype;
  }
  j->spec->dtype = dtype;
  return CLI_DONE;
}

/* NaN and infinity pass: the optimizer decides about them. */
static int read_grad(cli *c, job *j) {
  const char *path = cli_str(c, "grad");
  int code = cli_new_vector(c, j->layout, j->param.dtype, &j->grad);
  if (code != CLI_DONE) return code;
  void *flat = NULL;
  symo_status status = symo_tensors_read(j->layout, path, j->param.dtype, NULL, &flat);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  symo_free(j->grad.flat);
  j->grad.flat = flat;
  symo_layout_split_const(j->layout, j->grad.dtype, flat, j->grad.data);
  return CLI_DONE;
}

static int make_plan(cli *c, job *j) {
  symo_status status = symo_optim_create(j->layout, j->spec, &j->optim);
  if (status == SYMO_OK) return CLI_DONE;
  const char *detail = symo_context_detail(cli_context(c));
  size_t n = strlen(detail);
  return cli_fail(c, cli_exit_code(status, false), "--optimizer %s: %s%s", cli_str(c, "optimizer"),
                  detail, n > 0 && detail[n - 1] == ')' ? "" : " (change that with --set)");
}

static int make_state(cli *c, job *j) {
  const char *path = cli_str(c, "state"), **changed = NULL;
  size_t count = 0;
  symo_status status;
  if (!path) {
    status = symo_optim_state_create(j->optim, &j->state);
  } else {
    int code = cli_changed_options(c, &count, &changed);
    if (code != CLI_DONE) return code;
    status = symo_optim_state_read(j->optim, path, count, changed, &j->state);
    symo_free(changed);
  }
  return status == SYMO_OK ? CLI_DONE : cli_fail_status(c, status);
}

/* ---- the plan ---- */

static json_t *tensors_json(cli *c, const job *j) {
  json_t *list = json_array();
  for (size_t t = 0; t < symo_layout_num_tensors(j->layout); t++) {
    size_t rule = symo_optim_rule_of(j->optim, t);
    const symo_method *method = &j->spec->rules[rule].method;
    json_t *o = json_object();
    cli_set(c, o, "name", json_string(symo_layout_tensor_name(j->layout, t)));
    cli_set(c, o, "rule", json_integer((json_int_t)rule));
    cli_set(c, o, "preset", json_string(method->preset));
    cli_set(c, o, "curvature", json_string(method->curvature->name));
    cli_push(c, list, o);
  }
  return list;
}

static int print_plan(cli *c, const job *j) {
  char *text = NULL;
  symo_status status = symo_optim_describe(j->optim, &text);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  int code = CLI_DONE;
  if (cli_json(c)) {
    symo_optim_cost cost = symo_optim_cost_of(j->optim);
    json_t *o = json_object();
    cli_set(c, o, "tensors", tensors_json(c, j));
    cli_set(c, o, "state_bytes", cli_count(cost.state_bytes));
    cli_set(c, o, "work_bytes", cli_count(cost.work_bytes));
    cli_set(c, o, "flops_per_step", cli_number(cost.flops_per_step));
    cli_set(c, o, "text", json_string(text));
    code = cli_print_json(c, o);
  } else {
    (void)fputs(text, stdout);
  }
  symo_free(text);
  return code;
}

/* ---- the step ---- */

static int take_step(cli *c, job *j) {
  if (symo_optim_needs_problem(j->optim))
    return cli_fail(c, CLI_USAGE,
                    "--optimizer: %s needs the loss and products with its Hessian, not only a "
                    "gradient (use it with symo train)",
                    cli_str(c, "optimizer"));
  int code = make_state(c, j);
  if (code == CLI_DONE) code = read_grad(c, j);
  if (code != CLI_DONE) return code;
  symo_status status = symo_optim_step(j->state, cli_const_vector(&j->grad),
                                       cli_mutable_vector(&j->param), &j->report);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  if (!j->report.accepted)
    cli_note(c,
             "%s: NaN, infinity, or numbers whose squares are too large for the type: the "
             "parameters stay as they are",
             cli_str(c, "grad"));
  return CLI_DONE;
}

/* Writes the state first: new parameters beside the old state would be taken for old ones. */
static int write_files(cli *c, job *j) {
  symo_status status = SYMO_OK;
  if (cli_str(c, "out-state")) status = symo_optim_state_write(j->state, cli_str(c, "out-state"));
  if (status == SYMO_OK)
    status = symo_tensors_write(j->layout, cli_str(c, "out-param"), j->param.dtype, j->param.flat);
  return status == SYMO_OK ? CLI_DONE : cli_fail_status(c, status);
}

static int answer_json(cli *c, const symo_step_report *r) {
  json_t *o = json_object();
  cli_set(c, o, "step", json_integer((json_int_t)r->step));
  cli_set(c, o, "accepted", json_boolean(r->accepted));
  cli_set(c, o, "lr", cli_number(r->lr));
  cli_set(c, o, "damping", cli_number(r->damping));
  cli_set(c, o, "reduction_ratio", cli_number(r->reduction_ratio));
  cli_set(c, o, "gradient_norm", cli_number(r->gradient_norm));
  cli_set(c, o, "update_norm", cli_number(r->update_norm));
  cli_set(c, o, "worst_condition", cli_number(r->worst_condition));
  cli_set(c, o, "effective_rank", cli_number(r->effective_rank));
  cli_set(c, o, "refreshes", json_integer((json_int_t)r->refreshes));
  cli_set(c, o, "kept_roots", json_integer((json_int_t)r->kept_roots));
  cli_set(c, o, "failed_roots", json_integer((json_int_t)r->failed_roots));
  cli_set(c, o, "refused_steps", json_integer((json_int_t)r->refused_steps));
  cli_set(c, o, "rejected_steps", json_integer((json_int_t)r->rejected_steps));
  cli_set(c, o, "cg_iterations", json_integer((json_int_t)r->cg_iterations));
  return cli_print_json(c, o);
}

static int answer_text(const symo_step_report *r) {
  if (r->accepted)
    printf("step %llu: lr %g, gradient %.6g, update %.6g (norms), %llu %s taken\n",
           (unsigned long long)r->step, r->lr, r->gradient_norm, r->update_norm,
           (unsigned long long)r->refreshes, symo_plural(r->refreshes, "root", "roots"));
  else
    printf("step refused after %llu %s, %llu refused so far\n", (unsigned long long)r->step,
           symo_plural(r->step, "step", "steps"), (unsigned long long)r->refused_steps);
  return CLI_DONE;
}

static int run(cli *c) {
  job j = {0};
  int code = check_flags(c);
  if (code == CLI_DONE) code = cli_read_optimizer(c, 0, NULL, &j.spec);
  if (code == CLI_DONE) code = cli_open_layout(c, &j.layout);
  if (code == CLI_DONE) code = read_param(c, &j);
  if (code == CLI_DONE) code = make_plan(c, &j);
  if (code == CLI_DONE && cli_flag(c, "plan")) {
    code = print_plan(c, &j);
  } else if (code == CLI_DONE) {
    code = take_step(c, &j);
    if (code == CLI_DONE) code = write_files(c, &j);
    if (code == CLI_DONE) code = cli_json(c) ? answer_json(c, &j.report) : answer_text(&j.report);
  }
  drop(&j);
  return code;
}

static const cli_option options[] = {
    CLI_LAYOUT_ROW,
    {.name = "param",
     .arg = "FILE",
     .kind = CLI_STRING,
     .help = "Parameters, one safetensors entry for each tensor of the layout; F16 and BF16 are "
             "read as F32"},
    {.name = "grad",
     .arg = "FILE",
     .kind = CLI_STRING,
     .help = "Gradient at these parameters, in the same form"},
    CLI_OPTIMIZER_ROW,
    CLI_SET_ROW,
    {.name = "state",
     .arg = "FILE",
     .kind = CLI_STRING,
     .help =
         "State that the step before wrote (its --out-state); without it this is the first step"},
    {.name = "out-param",
     .arg = "FILE",
     .kind = CLI_STRING,
     .help = "Where to write the new parameters (F32 or F64, as computed)"},
    {.name = "out-state",
     .arg = "FILE",
     .kind = CLI_STRING,
     .help = "Where to write the new state"},
    {.name = "plan",
     .kind = CLI_FLAG,
     .help = "Make no step: print the method of each tensor, what is computed when, and what it "
             "costs; needs only the layout and the optimizer"},
    {.name = NULL}};

const cli_command cli_command_step = {
    .name = "step",
    .summary = "one step of an optimizer, from files to files",
    .description =
        "Reads parameters, a gradient and the state that the step before left, and writes new\n"
        "parameters and state.  A chain of such steps gives the same numbers as one process.\n"
        "Numbers are computed in the type of the optimizer's spec, else of the layout, else of\n"
        "the parameters.  The state holds layout and spec, and must fit them; options that\n"
        "--set names may differ.  A gradient with NaN or infinity leaves the parameters as they\n"
        "are and is counted (or is an error, with --set nan=stop).",
    .example =
        "symo step --layout net.json --param p0.safetensors --grad g0.safetensors \\\n"
        "     --optimizer muon --set lr=0.02 --out-param p1.safetensors --out-state s1.safetensors",
    .options = options,
    .json = true,
    .run = run};
