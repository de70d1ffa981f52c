/* results.json and the arrays beside it.  Everything but the values under keys named "seconds" is
 * the same in every run with the same seed and threads. */
#include "experiments/compare/report.h"
#include "experiments/models/network_layout.h"

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include <symo/io.h>

static json_t *row_json(cli *c, const compare_row *row) {
  json_t *out = json_object();
  cli_set(c, out, "name", json_string(row->name));
  cli_set(c, out, "kind", json_string(compare_kind_name(row->kind)));
  cli_set(c, out, "seconds", cli_number(row->seconds));
  cli_set(c, out, "stored_numbers",
          row->done ? json_integer((json_int_t)row->stored) : json_null());
  static const char *const order[COMPARE_FIGURES] = {
      "cosine_abs_hessian", "cosine_hessian",  "cosine_hessian_star", "rel_error_abs_hessian",
      "hvp_cosine",         "newton_decrease", "solve_error",         "logdet_error"};
  for (size_t k = 0; k < COMPARE_FIGURES; k++)
    for (size_t f = 0; f < COMPARE_FIGURES; f++)
      if (strcmp(compare_figures[f].key, order[k]) == 0)
        cli_set(c, out, order[k], cli_number(compare_figure_of(&compare_figures[f], row)));
  cli_set(c, out, "scale", cli_number(row->metrics.scale));
  cli_set(c, out, "best_damping", cli_number(row->metrics.best_damping));
  cli_set(c, out, "largest_eigenvalue", cli_number(row->metrics.spectrum_top));
  cli_set(c, out, "definition", json_string(row->summary));
  if (row->note[0]) cli_set(c, out, "note", json_string(row->note));
  return out;
}

static json_t *timed(cli *c, double seconds) {
  json_t *out = json_object();
  cli_set(c, out, "seconds", cli_number(seconds));
  return out;
}

static json_t *groups_json(cli *c, const network_point *s) {
  json_t *out = json_object(), *spaces = json_object();
  for (size_t i = 0; i < symo_layout_num_spaces(s->layout); i++) {
    char group[256];
    network_group_text(s->layout, i, group, sizeof group);
    cli_set(c, spaces, symo_layout_space_name(s->layout, i), json_string(group));
  }
  cli_set(c, out, "spaces", spaces);
  cli_set(c, out, "chosen", json_string(s->auto_groups ? "auto" : "given"));
  cli_set(c, out, "label", json_string(symo_symmetry_verdict_name(s->verdict)));
  cli_set(c, out, "defect", cli_number(s->defect));
  cli_set(c, out, "loss_change", cli_number(s->loss_defect));
  return out;
}

static void set_network(cli *c, json_t *out, const compare_run *run) {
  const network_point *s = &run->setup;
  char net[256];
  symo_net_text(&s->spec.net, net, sizeof net);
  cli_set(c, out, "net", json_string(net));
  cli_set(c, out, "activation", json_string(symo_activation_name(s->spec.net.activation)));
  cli_set(c, out, "loss_function", json_string(symo_loss_name(s->spec.net.loss)));
  cli_set(c, out, "bias", json_boolean(s->spec.net.bias));
  cli_set(c, out, "dtype", json_string(symo_dtype_name(s->spec.net.dtype)));
  cli_set(c, out, "data", json_string(s->data_name));
  cli_set(c, out, "examples", json_integer((json_int_t)s->examples));
  cli_set(c, out, "target_scale", cli_number(s->spec.target_scale));
  if (s->spec.weights != NULL) cli_set(c, out, "weights", json_string(s->spec.weights));
  cli_set(c, out, "init_scale",
          s->spec.weights != NULL ? json_null() : cli_number(s->spec.init_scale));
  cli_set(c, out, "train_steps", json_integer((json_int_t)s->spec.train_steps));
  cli_set(c, out, "train_lr", cli_number(s->spec.train_lr));
  cli_set(c, out, "damping", cli_number(run->spec.damping));
}

void compare_set_estimates(cli *c, json_t *out, const compare_run *run) {
  json_t *estimators = json_array();
  cli_set(c, out, "centered", json_boolean(run->centered));
  cli_set(c, out, "centering",
          json_string(run->spec.center == COMPARE_CENTER_AUTO ? "auto" : "given"));
  cli_set(c, out, "label0_gradient_share", cli_number(run->fixed.share));
  cli_set(c, out, "label0_parameter_share", cli_number(run->fixed.parameters));
  cli_set(c, out, "gradient_norm", cli_number(run->grad_norm));
  cli_set(c, out, "hessian_norm", cli_number(run->h_norm));
  if (run->star_norm > 0) cli_set(c, out, "hessian_star_norm", cli_number(run->star_norm));
  cli_set(c, out, "negative_eigenvalues", json_integer((json_int_t)run->negative));
  if (run->star_norm > 0) cli_set(c, out, "star_commutation_defect", cli_number(run->defect));
  cli_set(c, out, "products", json_integer((json_int_t)run->lowrank.products));
  cli_set(c, out, "rank", json_integer((json_int_t)run->lowrank.rank));
  cli_set(c, out, "probes", json_integer((json_int_t)run->lowrank.probes));
  cli_set(c, out, "prior", json_string(curvature_prior_name(run->spec.prior)));
  cli_set(c, out, "prior_strength", cli_number(run->spec.prior_strength));
  cli_set(c, out, "plan", timed(c, run->setup.plan_seconds));
  cli_set(c, out, "hessian", timed(c, run->hessian_seconds));
  cli_set(c, out, "eigendecomposition", timed(c, run->eigen_seconds));
  for (size_t i = 0; i < run->count; i++) cli_push(c, estimators, row_json(c, &run->rows[i]));
  cli_set(c, out, "estimators", estimators);
}

static json_t *run_json(cli *c, const compare_run *run) {
  const network_point *s = &run->setup;
  json_t *out = json_object();
  set_network(c, out, run);
  cli_set(c, out, "loss", cli_number(run->loss));
  cli_set(c, out, "parameters", json_integer((json_int_t)s->parameters));
  cli_set(c, out, "seed", json_integer((json_int_t)s->spec.seed));
  cli_set(c, out, "groups", groups_json(c, s));
  compare_set_estimates(c, out, run);
  return out;
}

static json_t *summary_json(cli *c, const compare_run *runs, size_t count) {
  json_t *out = json_array();
  for (size_t i = 0; i < runs->count; i++) {
    json_t *row = json_object();
    cli_set(c, row, "name", json_string(runs->rows[i].name));
    for (size_t f = 0; f < COMPARE_FIGURES; f++) {
      compare_stat s = compare_stat_of(runs, count, runs->rows[i].name, &compare_figures[f]);
      json_t *figure = json_object();
      cli_set(c, figure, "median", cli_number(s.median));
      cli_set(c, figure, "min", cli_number(s.min));
      cli_set(c, figure, "max", cli_number(s.max));
      cli_set(c, row, compare_figures[f].key, figure);
    }
    cli_push(c, out, row);
  }
  return out;
}

json_t *compare_json(cli *c, const compare_run *runs, size_t count) {
  json_t *out = run_json(c, runs);
  if (count == 1) return out;
  json_t *all = json_array();
  for (size_t i = 0; i < count; i++) cli_push(c, all, run_json(c, &runs[i]));
  cli_set(c, out, "runs", all);
  cli_set(c, out, "summary", summary_json(c, runs, count));
  return out;
}

/* ---- arrays ---- */

typedef struct target {
  cli *c;
  const char *directory;
  int code;
} target;

static void write_npy(target *t, const char *name, const double *data, size_t rows, size_t cols) {
  char *path = t->code == CLI_DONE ? cli_join(t->directory, name) : NULL;
  if (path == NULL) {
    if (t->code == CLI_DONE) t->code = cli_fail_memory(t->c);
    return;
  }
  symo_status status = symo_npy_write(cli_context(t->c), path, data, rows, cols);
  if (status != SYMO_OK) t->code = cli_fail_status(t->c, status);
  symo_free(path);
}

static void write_vector(target *t, const char *name, const compare_run *run, symo_dtype dtype,
                         const void *flat) {
  char *path = t->code == CLI_DONE ? cli_join(t->directory, name) : NULL;
  if (path == NULL) {
    if (t->code == CLI_DONE) t->code = cli_fail_memory(t->c);
    return;
  }
  symo_status status = symo_tensors_write(run->setup.layout, path, dtype, flat);
  if (status != SYMO_OK) t->code = cli_fail_status(t->c, status);
  symo_free(path);
}

static void write_layout(target *t, const compare_run *run) {
  char *path = t->code == CLI_DONE ? cli_join(t->directory, "layout.json") : NULL;
  if (path == NULL) {
    if (t->code == CLI_DONE) t->code = cli_fail_memory(t->c);
    return;
  }
  symo_status status = symo_layout_write_json(run->setup.layout, path);
  if (status != SYMO_OK) t->code = cli_fail_status(t->c, status);
  symo_free(path);
}

int compare_write_arrays(cli *c, const char *directory, const compare_run *run) {
  const network_point *s = &run->setup;
  const symo_net_spec *net = &s->spec.net;
  target t = {c, directory, CLI_DONE};
  void *grad = symo_malloc(s->parameters * symo_dtype_size(net->dtype));
  if (grad == NULL) return cli_fail_memory(c);
  for (size_t i = 0; i < s->parameters; i++) symo_put(net->dtype, grad, i, run->grad[i]);
  write_layout(&t, run);
  write_vector(&t, "theta.safetensors", run, net->dtype, s->theta);
  write_vector(&t, "grad.safetensors", run, net->dtype, grad);
  write_npy(&t, "hessian.npy", run->h, s->parameters, s->parameters);
  write_npy(&t, "hessian-star.npy", run->star, s->parameters, s->parameters);
  write_npy(&t, "data-x.npy", s->x, s->examples, symo_net_inputs(net));
  write_npy(&t, "data-y.npy", s->y, s->examples, symo_net_targets(net));
  symo_free(grad);
  return t.code;
}
