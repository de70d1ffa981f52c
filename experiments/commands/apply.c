/* symo apply: a structured Hessian, or a function of it, times a vector. */
#include "experiments/commands/commands.h"
#include "experiments/inputs/tensors.h"

#include "core/error.h"
#include "core/linalg.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef symo_status operation(const symo_hessian *h, double damping, double p, symo_const_vector x,
                              symo_vector y);

static symo_status matvec(const symo_hessian *h, double damping, double p, symo_const_vector x,
                          symo_vector y) {
  (void)p;
  symo_status status = symo_hessian_matvec(h, x, y);
  const symo_plan *plan = symo_hessian_plan(h);
  const symo_layout *layout = symo_plan_layout(plan);
  for (size_t t = 0; status == SYMO_OK && t < symo_layout_num_tensors(layout); t++)
    symo_axpy(symo_plan_dtype(plan), symo_layout_tensor_size(layout, t), damping, x.data[t],
              y.data[t]);
  return status;
}

static symo_status solve(const symo_hessian *h, double damping, double p, symo_const_vector x,
                         symo_vector y) {
  (void)p;
  return symo_hessian_solve(h, damping, x, y);
}

/* U = (H + damping I)^p V, but for the part that a centered H drops: there the power is zero. */
static symo_status power(const symo_hessian *h, double damping, double p, symo_const_vector x,
                         symo_vector y) {
  symo_hessian *f = NULL;
  symo_status status = symo_hessian_power(h, p, damping, &f);
  if (status == SYMO_OK) status = symo_hessian_matvec(f, x, y);
  symo_hessian_destroy(f);
  return status;
}

static const struct row {
  const char *name;
  operation *run;
  double p; /* the exponent of the function power; 0: that of --power */
} rows[] = {{"matvec", matvec, 0},
            {"solve", solve, 0},
            {"sqrt", power, 0.5},
            {"invsqrt", power, -0.5},
            {"power", power, 0}};

static const struct row *find_row(const char *name) {
  size_t i = 0;
  while (strcmp(rows[i].name, name) != 0) i++; /* --op allows no other */
  return &rows[i];
}

/* On the dropped part H + damping I is the damping.  That part is what the identity, which is zero
 * there, leaves of V. */
static int add_dropped(cli *c, const symo_hessian *h, double factor, const cli_vector *v,
                       const cli_vector *u) {
  const symo_plan *plan = symo_hessian_plan(h);
  const symo_layout *layout = symo_plan_layout(plan);
  size_t n = symo_layout_num_parameters(layout);
  symo_hessian *kept = NULL;
  cli_vector rest = {0};
  int code = cli_new_vector(c, layout, v->dtype, &rest);
  if (code != CLI_DONE) return code;
  symo_status status = symo_hessian_identity(plan, 1, &kept);
  if (status == SYMO_OK)
    status = symo_hessian_matvec(kept, cli_const_vector(v), cli_mutable_vector(&rest));
  if (status == SYMO_OK) {
    symo_axpy(v->dtype, n, factor, v->flat, u->flat);
    symo_axpy(v->dtype, n, -factor, rest.flat, u->flat);
  }
  symo_hessian_destroy(kept);
  cli_drop_vector(&rest);
  return status == SYMO_OK ? CLI_DONE : cli_fail_status(c, status);
}

static int compute(cli *c, const symo_hessian *h, const cli_vector *v, const cli_vector *u) {
  const symo_plan *plan = symo_hessian_plan(h);
  const symo_layout *layout = symo_plan_layout(plan);
  const struct row *row = find_row(cli_str(c, "op"));
  double damping = cli_double(c, "damping"), p = row->p != 0 ? row->p : cli_double(c, "power");
  symo_status status = row->run(h, damping, p, cli_const_vector(v), cli_mutable_vector(u));
  if (status != SYMO_OK) return cli_fail_status(c, status);
  if (row->run == power && symo_plan_centered(plan) && damping > 0) {
    int code = add_dropped(c, h, pow(damping, p), v, u);
    if (code != CLI_DONE) return code;
  }
  if (!symo_all_finite(u->dtype, symo_layout_num_parameters(layout), u->flat))
    return cli_fail(c, CLI_NUMERIC,
                    "--op %s: the result overflows %s (give some --damping, or rescale the input)",
                    row->name, symo_dtype_name(u->dtype));
  status = symo_tensors_write(layout, cli_str(c, "out"), u->dtype, u->flat);
  return status == SYMO_OK ? CLI_DONE : cli_fail_status(c, status);
}

/* The same of low rank plus symmetry, which has no part that is dropped without damping. */
static symo_status apply_lowrank(const symo_lowrank *h, const struct row *row, double damping,
                                 double p, const cli_vector *v, const cli_vector *u) {
  symo_const_vector x = cli_const_vector(v);
  symo_vector y = cli_mutable_vector(u);
  if (row->run == solve) return symo_lowrank_solve(h, damping, x, y);
  if (row->run == power) return symo_lowrank_power(h, p, damping, x, y);
  symo_status status = symo_lowrank_matvec(h, x, y);
  const symo_layout *layout = symo_plan_layout(symo_hessian_plan(symo_lowrank_rest(h)));
  if (status == SYMO_OK)
    symo_axpy(v->dtype, symo_layout_num_parameters(layout), damping, v->flat, u->flat);
  return status;
}

static int run_lowrank(cli *c) {
  symo_lowrank *h = NULL;
  cli_vector v = {0}, u = {0};
  symo_status status = symo_lowrank_read(cli_context(c), cli_str(c, "hessian"), &h);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  const symo_plan *plan = symo_hessian_plan(symo_lowrank_rest(h));
  const symo_layout *layout = symo_plan_layout(plan);
  const struct row *row = find_row(cli_str(c, "op"));
  const double p = row->p != 0 || row->run != power ? row->p : cli_double(c, "power");
  int code = cli_read_vector(c, layout, cli_str(c, "in"), symo_plan_dtype(plan), &v);
  if (code == CLI_DONE) code = cli_new_vector(c, layout, v.dtype, &u);
  if (code == CLI_DONE) {
    status = apply_lowrank(h, row, cli_double(c, "damping"), p, &v, &u);
    if (status == SYMO_OK) status = symo_tensors_write(layout, cli_str(c, "out"), u.dtype, u.flat);
    if (status != SYMO_OK) code = cli_fail_status(c, status);
  }
  cli_drop_vector(&v);
  cli_drop_vector(&u);
  symo_lowrank_destroy(h);
  return code;
}

static int run(cli *c) {
  bool is_power = strcmp(cli_str(c, "op"), "power") == 0;
  if (is_power != cli_given(c, "power"))
    return cli_fail(c, CLI_USAGE,
                    is_power ? "--power: is missing (give the exponent for --op power)"
                             : "--power: means nothing here (it is for --op power)");
  bool lowrank = false;
  symo_status status =
      symo_hessian_file_is_lowrank(cli_context(c), cli_str(c, "hessian"), &lowrank);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  if (lowrank) return run_lowrank(c);
  symo_hessian *h = NULL;
  cli_vector v = {0}, u = {0};
  int code = cli_read_hessian(c, &h);
  if (code != CLI_DONE) return code;
  const symo_plan *plan = symo_hessian_plan(h);
  const symo_layout *layout = symo_plan_layout(plan);
  code = cli_read_vector(c, layout, cli_str(c, "in"), symo_plan_dtype(plan), &v);
  if (code == CLI_DONE) code = cli_new_vector(c, layout, v.dtype, &u);
  if (code == CLI_DONE) code = compute(c, h, &v, &u);
  cli_drop_vector(&v);
  cli_drop_vector(&u);
  symo_hessian_destroy(h);
  return code;
}

static const cli_option options[] = {
    CLI_HESSIAN_ROW,
    {.name = "op",
     .arg = "OP",
     .kind = CLI_CHOICE,
     .choices = "matvec|solve|sqrt|invsqrt|power",
     .required = true,
     .help = "matvec: A V; solve: A^-1 V; sqrt: A^1/2 V; invsqrt: A^-1/2 V; power: A^P V. A is H + "
             "damping I; if it is singular, pseudo-inverses are used"},
    {.name = "damping",
     .arg = "D",
     .kind = CLI_DOUBLE,
     .min = 0,
     .max = INFINITY,
     .fallback = "0",
     .help = "Added to H times the identity"},
    {.name = "power",
     .arg = "P",
     .kind = CLI_DOUBLE,
     .min = -64,
     .max = 64,
     .help = "The exponent of --op power"},
    {.name = "in", .arg = "FILE", .kind = CLI_STRING, .required = true, .help = "V (safetensors)"},
    {.name = "out",
     .arg = "FILE",
     .kind = CLI_STRING,
     .required = true,
     .help = "Where to write U (safetensors, in the number type of H)"},
    {.name = NULL}};

const cli_command cli_command_apply = {
    .name = "apply",
    .summary = "the estimate, its inverse or its roots times a vector",
    .description =
        "Reads a vector V over all parameters and writes U, the chosen matrix times V.  The\n"
        "matrix over all parameters is never formed.",
    .example = "symo apply --hessian hessian.safetensors --op solve --damping 1e-4 \\\n"
               "     --in grad.safetensors --out step.safetensors",
    .options = options,
    .run = run};
