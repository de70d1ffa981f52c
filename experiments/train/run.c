/* The loop.  For s = 0, 1, ..: the examples of step s; where it is due, the loss on those held
 * back; loss and gradient at theta_s; a line of metrics; theta_(s+1).  Lines before step s and
 * theta_s are all there is to a checkpoint at s. */
#include "experiments/train/run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "experiments/train/checkpoint.h"
#include "experiments/train/metrics.h"

#include <symo/io.h>

enum { MOST_REFUSED = 20 }; /* steps in a row */

typedef struct runner {
  cli *c;
  symo_context *context;
  const train_spec *spec;
  const char *directory, *label;
  char *checkpoint; /* path */
  train_cache *cache;
  train_model model; /* the cache's, where there is one */
  symo_optim *optim;
  symo_optim_state *state;
  void *theta, *grad;
  void **params;      /* [tensors], into theta */
  const void **grads; /* the same of grad */
  train_metrics metrics;
  uint64_t step;
  double seconds, optimizer_seconds; /* of training so far; of the last step */
  double shown;                      /* when the progress line was last written */
  double started, seconds_then;      /* clock and step when this process began */
  uint64_t refused_in_a_row;
  train_result *result;
} runner;

static void drop(runner *r) {
  train_metrics_close(&r->metrics);
  symo_optim_state_destroy(r->state);
  symo_optim_destroy(r->optim);
  if (r->cache == NULL) train_model_destroy(&r->model);
  symo_free(r->checkpoint);
  symo_free(r->theta);
  symo_free(r->grad);
  symo_free(r->params);
  symo_free((void *)(uintptr_t)r->grads);
}

/* ---- before the first step ---- */

/* Fields that the model does not depend on. */
static bool is_of_run(const char *key) {
  static const char *const of_run[] = {"optimizer", "settings",   "lr",
                                       "steps",     "eval-every", "checkpoint-every"};
  for (size_t i = 0; i < sizeof of_run / sizeof *of_run; i++)
    if (strcmp(of_run[i], key) == 0) return true;
  return false;
}

static bool fits(const train_cache *cache, const train_spec *spec) {
  char old[TRAIN_SETTINGS], new[TRAIN_SETTINGS];
  if (!cache->full || cache->spec.task != spec->task) return false;
  for (size_t i = 0; train_spec_key(i) != NULL; i++) {
    if (is_of_run(train_spec_key(i))) continue;
    train_spec_text(&cache->spec, train_spec_key(i), old);
    train_spec_text(spec, train_spec_key(i), new);
    if (strcmp(old, new) != 0) return false;
  }
  return true;
}

void train_cache_drop(train_cache *cache) {
  if (cache->full) train_model_destroy(&cache->model);
  cache->full = false;
}

static symo_status make_model(runner *r) {
  train_cache *cache = r->cache;
  if (cache == NULL) return r->spec->task->create(r->context, r->spec, &r->model);
  if (!fits(cache, r->spec)) {
    train_cache_drop(cache);
    cache->model = (train_model){0};
    symo_status status = r->spec->task->create(r->context, r->spec, &cache->model);
    if (status != SYMO_OK) return status;
    cache->full = true, cache->spec = *r->spec;
  }
  r->model = cache->model;
  return SYMO_OK;
}

static int make_optimizer(cli *c, const train_spec *spec, const train_model *model,
                          symo_optim_spec **made, symo_optim **out) {
  symo_status status = train_optimizer_spec(cli_context(c), spec, made);
  if (status != SYMO_OK) return cli_fail_flag(c, status, "optimizer");
  if (cli_given(c, "threads")) (*made)->threads = (int)cli_int(c, "threads");
  status = symo_optim_create(model->layout, *made, out);
  return status == SYMO_OK ? CLI_DONE : cli_fail_flag(c, status, "optimizer");
}

static symo_status take(runner *r) {
  const size_t bytes = symo_dtype_size(r->model.problem.dtype);
  const size_t tensors = symo_layout_num_tensors(r->model.layout);
  r->theta = symo_calloc(r->model.problem.size, bytes);
  r->grad = symo_calloc(r->model.problem.size, bytes);
  r->params = symo_calloc(tensors, sizeof *r->params);
  r->grads = symo_calloc(tensors, sizeof *r->grads);
  r->checkpoint = cli_join(r->directory, "checkpoint.safetensors");
  if (r->theta == NULL || r->grad == NULL || r->params == NULL || r->grads == NULL ||
      r->checkpoint == NULL)
    return symo_fail_memory(r->context, "training");
  symo_layout_split(r->model.layout, r->model.problem.dtype, r->theta, r->params);
  symo_layout_split_const(r->model.layout, r->model.problem.dtype, r->grad, r->grads);
  return SYMO_OK;
}

static symo_status init(runner *r) {
  symo_rng *rng = NULL;
  symo_status status = symo_rng_create(r->context, train_seed(r->spec->seed, TRAIN_INIT, 0), &rng);
  if (status == SYMO_OK) status = r->model.init(r->model.self, rng, r->theta);
  if (status == SYMO_OK) status = symo_optim_state_create(r->optim, &r->state);
  symo_rng_destroy(rng);
  return status;
}

/* run.json and optimizer.json; what an earlier run left in the folder goes first, so that a kill
 * leaves no checkpoint or summary that is another's. */
static int write_files(runner *r, const symo_optim_spec *optim, bool resume) {
  static const char *const old[] = {"summary.json", "checkpoint.safetensors"};
  char *text = NULL;
  for (size_t i = 0; i < (resume ? 1 : 2); i++) {
    char *path = cli_join(r->directory, old[i]);
    if (path != NULL) (void)unlink(path);
    symo_free(path);
  }
  symo_status status = symo_optim_spec_to_json(r->context, optim, &text);
  if (status != SYMO_OK) return cli_fail_status(r->c, status);
  char *path = cli_join(r->directory, "optimizer.json");
  int code = path != NULL ? cli_write_file(r->c, path, text, strlen(text))
                          : cli_fail_status(r->c, SYMO_E_MEMORY);
  symo_free(path);
  symo_free(text);
  if (code != CLI_DONE) return code;
  path = cli_join(r->directory, "run.json");
  code = path != NULL ? cli_write_json(r->c, path, train_spec_to_json(r->spec))
                      : cli_fail_status(r->c, SYMO_E_MEMORY);
  symo_free(path);
  return code;
}

static int check_step(runner *r) {
  if (r->step <= r->spec->steps) return CLI_DONE;
  return cli_fail(r->c, CLI_DATA, "%s: the checkpoint is at step %llu of %zu (give more --steps)",
                  r->checkpoint, (unsigned long long)r->step, r->spec->steps);
}

static int start(runner *r, train_start how) {
  symo_optim_spec *optim = NULL;
  symo_status status = make_model(r);
  if (status != SYMO_OK) return cli_fail_status(r->c, status);
  int code = make_optimizer(r->c, r->spec, &r->model, &optim, &r->optim);
  if (code == CLI_DONE) code = cli_make_directory(r->c, r->directory);
  if (code == CLI_DONE) {
    status = take(r);
    const bool resume =
        how == TRAIN_RESUME && status == SYMO_OK && access(r->checkpoint, F_OK) == 0;
    if (status == SYMO_OK)
      status = resume ? train_checkpoint_read(r->context, r->checkpoint, &r->model, r->optim,
                                              &r->state, r->theta, &r->step)
                      : init(r);
    if (status == SYMO_OK) code = check_step(r);
    if (status == SYMO_OK && code == CLI_DONE) code = write_files(r, optim, resume);
    if (status == SYMO_OK && code == CLI_DONE)
      status = train_metrics_open(r->context, r->directory, r->step, &r->metrics, &r->seconds,
                                  &r->result->optimizer_seconds);
    if (status != SYMO_OK) code = cli_fail_status(r->c, status);
  }
  r->result->checkpoint = r->step;
  symo_optim_spec_destroy(optim);
  return code;
}

/* ---- steps ---- */

static bool is_divergence(symo_status status) {
  return status == SYMO_E_NONFINITE || status == SYMO_E_NUMERIC;
}

/* Loss at theta and the step from there.  A loss that is not finite takes no step. */
static symo_status advance(runner *r, double *loss, symo_step_report *report) {
  const symo_problem *p = &r->model.problem;
  const double before = cli_seconds();
  symo_status status;
  if (symo_optim_needs_problem(r->optim)) {
    status = symo_optim_problem_step(r->state, p, r->theta, loss, report);
    r->optimizer_seconds = cli_seconds() - before;
  } else {
    status = p->gradient(p->self, r->theta, loss, r->grad);
    const double between = cli_seconds();
    if (status == SYMO_OK && isfinite(*loss)) {
      const symo_const_vector grad = {r->grads, NULL};
      const symo_vector params = {r->params, NULL};
      status = symo_optim_step(r->state, grad, params, report);
    }
    r->optimizer_seconds = cli_seconds() - between;
  }
  r->seconds += cli_seconds() - before;
  r->result->optimizer_seconds += r->optimizer_seconds;
  return status;
}

static bool due(size_t every, uint64_t step) { return every > 0 && step % every == 0; }

static symo_status look(runner *r, train_row *row) {
  row->val_loss = row->val_accuracy = NAN;
  const bool last = r->step == r->spec->steps;
  if (r->model.evaluate == NULL || !(last || due(r->spec->eval_every, r->step))) return SYMO_OK;
  symo_status status =
      r->model.evaluate(r->model.self, r->theta, &row->val_loss, &row->val_accuracy);
  train_result *result = r->result;
  if (status != SYMO_OK) return status;
  result->val_loss = row->val_loss, result->val_accuracy = row->val_accuracy;
  if (!(result->best_val_loss <= row->val_loss)) result->best_val_loss = row->val_loss;
  return SYMO_OK;
}

static void show(runner *r, double loss) {
  const double now = cli_seconds();
  if (now - r->shown < 0.1) return;
  const double done = (double)r->step - r->seconds_then, rate = done / (now - r->started);
  r->shown = now;
  if (!(done > 0)) return;
  cli_progress(r->c, "%s%sstep %llu/%zu  loss %.5g  %.3g steps/s  %.0f s left",
               r->label != NULL ? r->label : "", r->label != NULL ? "  " : "",
               (unsigned long long)r->step, r->spec->steps, loss, rate,
               ((double)r->spec->steps - (double)r->step) / rate);
}

static symo_status save(runner *r) {
  symo_status status = train_metrics_sync(&r->metrics);
  if (status == SYMO_OK)
    status = train_checkpoint_write(r->spec, r->checkpoint, r->step, &r->model, r->state, r->theta);
  if (status == SYMO_OK) r->result->checkpoint = r->step;
  return status;
}

/* One turn of the loop; *more is false after the last line. */
static symo_status turn(runner *r, bool *more) {
  const symo_problem *p = &r->model.problem;
  train_row row = {.step = r->step, .seconds = r->seconds, .optimizer_seconds = NAN};
  symo_step_report report = {0};
  symo_status status = look(r, &row);
  if (status == SYMO_OK) status = r->model.batch_of(r->model.self, r->step);
  *more = r->step < r->spec->steps;
  if (status == SYMO_OK)
    status = *more ? advance(r, &row.loss, &report) : p->loss(p->self, r->theta, &row.loss);
  const bool finite = status == SYMO_OK && isfinite(row.loss);
  r->refused_in_a_row = finite && *more && !report.accepted && isnan(report.reduction_ratio)
                            ? r->refused_in_a_row + 1
                            : 0;
  if (is_divergence(status) || (status == SYMO_OK && !finite) ||
      r->refused_in_a_row > MOST_REFUSED) {
    r->result->diverged = true;
    *more = false;
    status = SYMO_OK;
    if (!finite) row.loss = NAN;
  }
  if (status != SYMO_OK) return status;
  row.report = *more ? &report : NULL;
  row.optimizer_seconds = r->optimizer_seconds;
  if (!r->result->diverged) r->result->loss = row.loss;
  return train_metrics_write(&r->metrics, &row);
}

static symo_status loop(runner *r) {
  symo_status status = SYMO_OK;
  r->started = cli_seconds();
  r->seconds_then = (double)r->step;
  for (bool more = true; more;) {
    SYMO_TRY(turn(r, &more));
    if (!more) break;
    r->step++;
    show(r, r->result->loss);
    if (due(r->spec->checkpoint_every, r->step) && r->step < r->spec->steps) SYMO_TRY(save(r));
  }
  if (!r->result->diverged) SYMO_TRY(save(r));
fail:
  cli_progress_end(r->c);
  return status;
}

/* ---- after the last ---- */

static symo_status summarise(runner *r) {
  train_curve curve;
  train_result *result = r->result;
  symo_status status = train_curve_read(r->context, r->directory, &curve);
  if (status != SYMO_OK) return status;
  const size_t last = curve.count >= 10 ? curve.count / 10 : curve.count > 0;
  result->smooth_loss = 0;
  for (size_t i = curve.count - last; i < curve.count; i++)
    result->smooth_loss += curve.loss[i] / (double)last;
  result->best_val_loss = NAN;
  for (size_t i = 0; i < curve.count; i++)
    if (!isnan(curve.val_loss[i]) && !(result->best_val_loss <= curve.val_loss[i]))
      result->best_val_loss = curve.val_loss[i];
  result->steps = r->step, result->seconds = r->seconds;
  result->parameters = r->model.problem.size;
  train_curve_drop(&curve);
  return SYMO_OK;
}

int train_run(cli *c, const train_spec *spec, const char *directory, train_start how,
              const char *label, train_cache *cache, train_result *result) {
  runner r = {.c = c, .context = cli_context(c), .spec = spec, .directory = directory};
  r.label = label, r.cache = cache, r.result = result;
  *result = (train_result){
      .loss = NAN, .val_loss = NAN, .val_accuracy = NAN, .best_val_loss = NAN, .smooth_loss = NAN};
  int code = start(&r, how);
  if (code == CLI_DONE && r.state != NULL) {
    symo_status status = loop(&r);
    if (status == SYMO_OK) status = summarise(&r);
    if (status != SYMO_OK) code = cli_fail_status(c, status);
  }
  if (code == CLI_DONE) {
    char *path = cli_join(directory, "summary.json");
    code = path != NULL ? cli_write_json(c, path, train_result_json(spec, result))
                        : cli_fail_status(c, SYMO_E_MEMORY);
    symo_free(path);
  }
  drop(&r);
  return code == CLI_DONE && result->diverged ? CLI_NUMERIC : code;
}

int train_fail_diverged(cli *c, const char *directory, const train_result *result) {
  return cli_fail(
      c, CLI_NUMERIC,
      "%s: the loss is no longer finite after %llu steps (lower --lr; the checkpoint of "
      "step %llu is kept)",
      directory, (unsigned long long)result->steps, (unsigned long long)result->checkpoint);
}

int train_print_plan(cli *c, const train_spec *spec) {
  train_model model = {0};
  symo_optim_spec *made = NULL;
  symo_optim *optim = NULL;
  char *text = NULL;
  symo_status status = spec->task->create(cli_context(c), spec, &model);
  int code = status == SYMO_OK ? make_optimizer(c, spec, &model, &made, &optim)
                               : cli_fail_status(c, status);
  if (code == CLI_DONE) {
    status = symo_optim_describe(optim, &text);
    if (status == SYMO_OK) printf("%s", text);
    if (status != SYMO_OK) code = cli_fail_status(c, status);
  }
  symo_free(text);
  symo_optim_destroy(optim);
  symo_optim_spec_destroy(made);
  train_model_destroy(&model);
  return code;
}
