/* How far a run is: a line that rewrites itself where stderr is a terminal, and elsewhere a line at
 * evaluations, unless there are very many, and every few seconds. */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "experiments/train/runner.h"

enum { MOST_EVALUATIONS = 50 };
static const double every_seconds = 10.0, every_glance = 0.1;

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
  return (evaluated && few) || now - r->noted >= every_seconds;
}

void train_show(train_runner *r, double loss, bool evaluated) {
  const bool terminal = isatty(STDERR_FILENO) != 0;
  const double now = cli_seconds(), done = (double)r->step - r->seconds_then;
  char speed[128], held[48] = "", line[512];
  if (!(done > 0) || (terminal ? now - r->shown < every_glance : !is_due(r, now, evaluated)))
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
