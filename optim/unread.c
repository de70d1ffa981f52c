/* Options that a method does not look at.  To set one is a mistake that nobody would notice.
 *
 * An option is read or not by what modules and choices there are, not by the numbers of others: decay is
 * read though weight_decay be 0, momentum_ema is not where there is no momentum to average. */
#include <string.h>

#include "optim/curvature/curvature.h"
#include "optim/method.h"
#include "optim/precondition/precondition.h"
#include "optim/solver/solver.h"

static bool ends(const symo_method *m) {
  return m->schedule != SYMO_SCHEDULE_CONSTANT && m->schedule != SYMO_SCHEDULE_EXPONENTIAL;
}
static bool exponential(const symo_method *m) { return m->schedule == SYMO_SCHEDULE_EXPONENTIAL; }
static bool holds(const symo_method *m) { return m->schedule == SYMO_SCHEDULE_WSD; }
static bool momentum(const symo_method *m) { return m->momentum > 0; }
static bool orbit(const symo_method *m) {
  return m->curvature->takes_cut || m->curvature->products || m->precondition->curvature != NULL;
}
static bool roots(const symo_method *m) {
  return m->curvature->products ||
         (m->curvature->keeps_roots != NULL && m->curvature->keeps_roots(m));
}
static bool stale(const symo_method *m) { return m->curvature->takes_cut && roots(m); }
static bool statistics(const symo_method *m) {
  return m->curvature->keeps_roots != NULL ? roots(m)
                                           : roots(m) || m->curvature->accumulate != NULL;
}
static bool average(const symo_method *m) {
  const bool memory =
      m->curvature->products || m->curvature->accumulate != NULL || m->graft == SYMO_GRAFT_ADAM;
  return memory && m->beta2 > 0 && m->beta2 < 1;
}
static bool moments(const symo_method *m) {
  return !m->curvature->identity || m->graft == SYMO_GRAFT_ADAM;
}
static bool curved(const symo_method *m) { return !m->curvature->identity; }
static bool covariance(const symo_method *m) {
  return !m->curvature->identity && !m->curvature->elementwise;
}
static bool iterates(const symo_method *m) {
  const bool taken = m->curvature->keeps_roots != NULL || m->curvature->products;
  return taken && (m->curvature->products || !(m->solver->eigenbasis || m->solver->chooses));
}
static bool measures(const symo_method *m) { return symo_method_measures(m); }
static bool axes(const symo_method *m) { return m->curvature->takes_max_dim; }

static const struct {
  const char *key;
  bool (*reads)(const symo_method *m);
  const char *of;
} rows[] = {
    {"groups", orbit, "curvature orbit and orbit-blocked"},
    {"min_lr", ends, "schedules linear, cosine and wsd"},
    {"total_steps", ends, "schedules linear, cosine and wsd"},
    {"stable_fraction", holds, "schedule wsd"},
    {"rate", exponential, "schedule exponential"},
    {"momentum_ema", momentum, "momentum above 0"},
    {"momentum_correction", momentum, "momentum above 0"},
    {"beta2", moments, "curvature, and graft adam"},
    {"correction", average, "averages of covariances: beta2 between 0 and 1"},
    {"mean", covariance, "covariances: curvature orbit and per-axis"},
    {"statistics_every", statistics, "curvature with memory"},
    {"stale_floor", stale, "curvature orbit and orbit-blocked with beta2 above 0"},
    {"stagger", roots, "roots that are kept"},
    {"skip_tolerance", roots, "roots that are kept"},
    {"start_step", curved, "curvature"},
    {"solver_steps", iterates, "solvers that iterate, named by solver"},
    {"solver_tolerance", iterates, "solvers that iterate, named by solver"},
    {"max_dim", axes, "curvature per-axis"},
    {"alpha_initial", measures, "alpha auto"},
    {"alpha_min", measures, "alpha auto"},
    {"alpha_max", measures, "alpha auto"},
    {"alpha_step", measures, "alpha auto"},
    {"alpha_memory", measures, "alpha auto"},
    {"alpha_first", measures, "alpha auto"},
    {"alpha_every", measures, "alpha auto"},
    {"alpha_directions", measures, "alpha auto"},
    {"alpha_curvature", measures, "alpha auto"},
};

const char *symo_method_unread(const symo_method *method, const char *key) {
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (strcmp(rows[i].key, key) == 0) return rows[i].reads(method) ? NULL : rows[i].of;
  return NULL;
}
