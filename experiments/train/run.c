/* The loop.  For s = 0, 1, ..: the examples of step s; where it is due, the loss on those held
 * back; loss and gradient at theta_s; a line of metrics; theta_(s+1).  Lines before step s and
 * theta_s are all there is to a checkpoint at s. */
#include "experiments/train/runner.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "io/atomic.h"

/* ---- signals that ask a run to end: the first is only noted, another ends the process ---- */

enum { SIGNALS = 3 };
static const struct {
  int number;
  const char *name;
} watched[SIGNALS] = {{SIGINT, "SIGINT"}, {SIGTERM, "SIGTERM"}, {SIGHUP, "SIGHUP"}};

static volatile sig_atomic_t signal_noted; /* 0: none */
static struct sigaction former[SIGNALS], former_alarm;

/* Of several processes: a launcher that has lost one tells the others to end by SIGTERM, and kills them
 * after a second.  They wait for the lost one in the middle of a step, which therefore never ends:
 * what is to be said is said while they wait. */
static char last_words[TRAIN_TEXT];
static const struct itimerval before_last_words = {.it_value = {.tv_usec = 300000}};

static void say_last_words(int number) {
  const ssize_t written = write(STDERR_FILENO, last_words, strlen(last_words));
  (void)written, (void)number;
}

/* The first process, or the second where the first is lost. */
static void prepare_last_words(const train_runner *r) {
  struct sigaction action = {.sa_handler = say_last_words, .sa_flags = SA_RESTART};
  last_words[0] = '\0';
  if (r->comm == NULL || symo_comm_rank(r->comm) > 1) return;
  (void)sigaction(SIGALRM, &action, &former_alarm);
  (void)snprintf(last_words, sizeof last_words,
                 "symo: process %d: %.2000s: told to end in the middle of a step, as when another "
                 "process has died (symo train %s --resume %.2000s goes on from the last "
                 "checkpoint)\n",
                 symo_comm_rank(r->comm), r->directory, r->spec->task->name, r->directory);
}

static void drop_last_words(void) {
  const struct itimerval none = {.it_value = {.tv_usec = 0}};
  if (last_words[0] == '\0') return;
  (void)setitimer(ITIMER_REAL, &none, NULL);
  (void)sigaction(SIGALRM, &former_alarm, NULL);
  last_words[0] = '\0';
}

/* A signal that is raised here waits until the handler has returned. */
static void note_signal(int number) {
  if (signal_noted != 0) {
    symo_atomic_abandon();
    (void)signal(number, SIG_DFL);
    (void)raise(number);
  }
  signal_noted = number;
  if (last_words[0] != '\0') (void)setitimer(ITIMER_REAL, &before_last_words, NULL);
}

/* Shells let background jobs ignore SIGINT, for the sake of those that would lose something. */
static void watch_signals(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART;
  signal_noted = 0;
  for (size_t i = 0; i < SIGNALS; i++) {
    (void)sigaction(watched[i].number, &action, &former[i]);
    if (watched[i].number == SIGHUP && former[i].sa_handler == SIG_IGN)
      (void)sigaction(SIGHUP, &former[i], NULL); /* nohup */
  }
}

/* The signal that any of the processes has noted; all of them stop after the same step. */
static int noted(const symo_comm *comm) { return symo_comm_agree(comm, signal_noted); }

static void unwatch_signals(void) {
  drop_last_words();
  for (size_t i = 0; i < SIGNALS; i++) (void)sigaction(watched[i].number, &former[i], NULL);
}

static const char *signal_name(int number) {
  for (size_t i = 0; i < SIGNALS; i++)
    if (watched[i].number == number) return watched[i].name;
  return "a signal";
}

/* ---- progress: a line that rewrites itself where stderr is a terminal; elsewhere a line at
 * evaluations, unless there are very many, and every ten seconds ---- */

enum { MOST_EVALUATIONS = 50 };
static const double log_seconds = 10.0, terminal_seconds = 0.1;

static void describe(const train_runner *r, double now, char speed[128]) {
  const train_times *t = &r->times;
  snprintf(speed, 128, "%.3g steps/s", ((double)r->step - r->seconds_then) / (now - r->started));
  if (r->model.tokens > 0)
    snprintf(speed, 128, "%.0f tokens/s  ms %.1f gradient %.1f optimizer",
             (double)r->model.tokens / t->step, 1e3 * t->gradient, 1e3 * r->optimizer_seconds);
  if (r->model.tokens > 0 && t->last_forward > 0)
    snprintf(speed, 128, "%.0f tokens/s  ms %.1f forward %.1f backward %.1f optimizer",
             (double)r->model.tokens / t->step, 1e3 * t->last_forward, 1e3 * t->last_backward,
             1e3 * r->optimizer_seconds);
}

static bool is_due(const train_runner *r, double now, bool evaluated) {
  const size_t every = r->spec->eval_every;
  const bool few = every > 0 && r->spec->steps / every <= MOST_EVALUATIONS && r->label == NULL;
  return (evaluated && few) || now - r->noted >= log_seconds;
}

/* After a step.  evaluated: the step had an evaluation. */
static void show_progress(train_runner *r, double loss, bool evaluated) {
  const bool terminal = isatty(STDERR_FILENO) != 0;
  const double now = cli_seconds(), done = (double)r->step - r->seconds_then;
  char speed[128], held[48] = "", line[512];
  if (!(done > 0) || (terminal ? now - r->shown < terminal_seconds : !is_due(r, now, evaluated)))
    return;
  r->shown = r->noted = now;
  describe(r, now, speed);
  if (!isnan(r->result->val_loss))
    snprintf(held, sizeof held, "  held back %.4g", r->result->val_loss);
  snprintf(line, sizeof line, "%s%sstep %llu/%zu  loss %.5g%s  %s  %.0f s left",
           r->label != NULL ? r->label : "", r->label != NULL ? "  " : "",
           (unsigned long long)r->step, r->spec->steps, loss, held, speed,
           ((double)r->spec->steps - (double)r->step) * (now - r->started) / done);
  if (terminal)
    cli_progress(r->c, "%s", line);
  else
    cli_note(r->c, "%s", line);
}

enum {
  MOST_REFUSED = 20, /* steps in a row */
  PROBE_EVERY = 50,  /* steps between measurements of a forward pass by itself; */
  PROBE_AT = 5       /* the first steps are slow */
};

/* ---- steps ---- */

static bool is_divergence(symo_status status) {
  return status == SYMO_E_NONFINITE || status == SYMO_E_NUMERIC;
}

/* How the time of a gradient is divided, from time to time: the forward pass by itself. */
static symo_status probe(train_runner *r) {
  const symo_problem *p = &r->model.problem;
  double loss;
  r->times.forward = NAN;
  if (r->model.tokens == 0 || r->step % PROBE_EVERY != PROBE_AT) return SYMO_OK;
  const double before = train_clock(r);
  symo_status status = p->loss(p->self, r->theta, &loss);
  r->times.forward = train_clock(r) - before;
  return status;
}

/* Loss at theta and the step from there.  A loss that is not finite takes no step. */
static symo_status advance(train_runner *r, double *loss, symo_step_report *report) {
  const symo_problem *p = &r->model.problem;
  symo_status status = probe(r);
  if (status != SYMO_OK) return status;
  const double started = cli_seconds(), before = train_clock(r);
  if (symo_optim_needs_problem(r->optim)) {
    status = symo_optim_problem_step(r->state, p, r->theta, loss, report);
    r->times.gradient = report->seconds.gradient;
    r->optimizer_seconds = train_clock(r) - before - report->seconds.gradient;
  } else {
    status = p->gradient(p->self, r->theta, loss, r->grad);
    const double between = train_clock(r);
    r->times.gradient = between - before;
    if (status == SYMO_OK && isfinite(*loss)) {
      const symo_const_vector grad = symo_const_vector_of(p->dtype, r->grads);
      const symo_vector params = symo_vector_of(p->dtype, r->params);
      status = symo_optim_step(r->state, grad, params, report);
    }
    r->optimizer_seconds = train_clock(r) - between;
  }
  r->times.step = cli_seconds() - started;
  r->seconds += r->times.step;
  r->result->optimizer_seconds += r->optimizer_seconds;
  if (!isnan(r->times.forward)) {
    r->times.last_forward = r->times.forward;
    r->times.last_backward = r->times.gradient - r->times.forward;
  }
  return status;
}

static bool due(size_t every, uint64_t step) { return every > 0 && step % every == 0; }

static symo_status evaluate(train_runner *r, train_row *row) {
  row->val_loss = row->val_accuracy = row->train_loss = NAN;
  const bool last = r->step == r->spec->steps;
  if (r->model.evaluate == NULL || !(last || due(r->spec->eval_every, r->step))) return SYMO_OK;
  symo_status status =
      r->model.evaluate(r->model.self, r->theta, &row->val_loss, &row->val_accuracy);
  train_result *result = r->result;
  if (status != SYMO_OK) return status;
  if (r->model.evaluate_train != NULL)
    status = r->model.evaluate_train(r->model.self, r->theta, &row->train_loss);
  result->train_loss = row->train_loss;
  result->val_loss = row->val_loss, result->val_accuracy = row->val_accuracy;
  if (r->best_theta != NULL && isfinite(row->val_loss) && !(r->best.loss <= row->val_loss)) {
    memcpy(r->best_theta, r->theta,
           r->model.problem.size * symo_dtype_size(r->model.problem.dtype));
    r->best = (train_best){row->val_loss, r->step};
    r->best_fresh = true;
  }
  return status;
}

/* One step of the loop: *more is false after the last line of metrics, *evaluated true after an
 * evaluation. */
static symo_status one_step(train_runner *r, bool *more, bool *evaluated) {
  const symo_problem *p = &r->model.problem;
  train_row row = {.step = r->step, .seconds = r->seconds, .optimizer_seconds = NAN};
  symo_step_report report = {0};
  symo_status status = evaluate(r, &row);
  if (status == SYMO_OK) status = r->model.batch_of(r->model.self, r->step);
  *more = r->step < r->spec->steps;
  if (status == SYMO_OK)
    status = *more ? advance(r, &row.loss, &report) : p->loss(p->self, r->theta, &row.loss);
  *evaluated = !isnan(row.val_loss);
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
  if (*more && report.measured_alphas > 0) row.state = r->state, row.layout = r->model.layout;
  row.optimizer_seconds = r->optimizer_seconds;
  if (*more && r->model.tokens > 0) row.times = &r->times, row.tokens = r->model.tokens;
  if (!r->result->diverged) r->result->loss = row.loss;
  return train_is_first(r) ? train_metrics_write(&r->metrics, &row) : SYMO_OK;
}

static symo_status loop(train_runner *r) {
  symo_status status = SYMO_OK;
  r->started = cli_seconds();
  r->seconds_then = (double)r->step;
  r->noted = r->started;
  prepare_last_words(r);
  watch_signals();
  for (bool more = true, evaluated = false; more;) {
    SYMO_TRY(one_step(r, &more, &evaluated));
    show_progress(r, r->result->loss, evaluated);
    if (!more) break;
    r->step++;
    r->result->stopped = noted(r->comm);
    if (r->result->stopped != 0) {
      drop_last_words();
      break;
    }
    if (due(r->spec->checkpoint_every, r->step) && r->step < r->spec->steps)
      SYMO_TRY(train_save(r));
  }
  SYMO_TRY(r->result->diverged ? train_save_best(r) : train_save(r));
fail:
  unwatch_signals();
  cli_progress_end(r->c);
  return status;
}

/* ---- after the last ---- */

/* Of those that are known: a line that was lost has no loss. */
static double mean_of(size_t count, const double *x) {
  double sum = 0;
  size_t known = 0;
  for (size_t i = 0; i < count; i++) known += isnan(x[i]) ? 0 : 1;
  for (size_t i = 0; i < count; i++)
    if (!isnan(x[i])) sum += x[i] / (double)known;
  return known > 0 ? sum : (double)NAN;
}

static symo_status summarise(train_runner *r) {
  train_curve curve;
  train_result *result = r->result;
  symo_status status = train_curve_read(r->context, r->directory, &curve);
  if (status != SYMO_OK) return status;
  const size_t last = curve.count >= 10 ? curve.count / 10 : curve.count > 0;
  result->smooth_loss =
      result->diverged ? (double)NAN : mean_of(last, curve.loss + curve.count - last);
  result->best_val_loss = NAN;
  for (size_t i = 0; i < curve.count; i++)
    if (!isnan(curve.val_loss[i]) && !(result->best_val_loss <= curve.val_loss[i]))
      result->best_val_loss = curve.val_loss[i];
  result->steps = r->step, result->seconds = r->seconds;
  result->parameters = r->model.problem.size;
  train_curve_drop(&curve);
  if (r->model.tokens == 0) return SYMO_OK;
  return train_metrics_medians(r->context, r->directory, TRAIN_SPEEDS, train_speed_keys,
                               result->speeds);
}

static json_t *summary_json(const train_runner *r) {
  json_t *o = train_result_json(r->spec, r->result);
  json_t *alphas = r->state != NULL ? train_alphas_json(r->state, r->model.layout) : NULL;
  if (alphas != NULL) json_object_set_new(o, "alphas", alphas);
  return o;
}

static int stopped(cli *c, const train_spec *spec, const char *directory,
                   const train_result *result) {
  return cli_fail(
      c, 128 + result->stopped,
      "%s: stopped by %s; the checkpoint is of step %llu (symo train %s --resume %s goes "
      "on with it)",
      directory, signal_name(result->stopped), (unsigned long long)result->checkpoint,
      spec->task->name, directory);
}

int train_run(cli *c, const train_spec *spec, const char *directory, train_start how,
              const char *label, train_cache *cache, train_result *result) {
  train_runner r = {.c = c, .context = cli_context(c), .spec = spec, .directory = directory};
  r.comm = cache == NULL ? cli_ranks(c) : NULL;
  r.label = label, r.cache = cache, r.result = result, r.blas_threads = symo_get_threads();
  r.best.loss = NAN;
  r.times = (train_times){.forward = NAN, .gradient = NAN, .step = NAN};
  *result = (train_result){
      .loss = NAN, .val_loss = NAN, .val_accuracy = NAN, .best_val_loss = NAN, .smooth_loss = NAN};
  result->train_loss = NAN;
  for (size_t i = 0; i < TRAIN_SPEEDS; i++) result->speeds[i] = NAN;
  int code = train_runner_start(&r, how);
  if (code == CLI_DONE && r.state != NULL) {
    symo_status status = loop(&r);
    if (status == SYMO_OK && result->stopped == 0 && train_is_first(&r)) status = summarise(&r);
    if (status != SYMO_OK) code = cli_fail_status(c, status);
  }
  if (code == CLI_DONE && result->stopped != 0) code = stopped(c, spec, directory, result);
  if (code == CLI_DONE && train_is_first(&r)) {
    char *path = cli_join(directory, "summary.json");
    code = path != NULL ? cli_write_json(c, path, summary_json(&r))
                        : cli_fail_status(c, SYMO_E_MEMORY);
    symo_free(path);
  }
  train_runner_drop(&r);
  return code == CLI_DONE && result->diverged ? CLI_NUMERIC : code;
}

int train_fail_diverged(cli *c, const char *directory, const train_result *result) {
  return cli_fail(c, CLI_NUMERIC,
                  "%s: the loss is no longer finite after %llu %s (lower --lr; the checkpoint of "
                  "step %llu is kept)",
                  directory, (unsigned long long)result->steps,
                  symo_plural(result->steps, "step", "steps"),
                  (unsigned long long)result->checkpoint);
}
