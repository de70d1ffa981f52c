/* What does not go together in a method, whatever the tensors. */
#include "optim/curvature/curvature.h"
#include "optim/damping/damping.h"
#include "optim/method.h"
#include "optim/precondition/precondition.h"
#include "optim/solver/solver.h"

bool symo_method_is_for_matrices(const symo_method *method) {
  return method->curvature->for_matrices || symo_method_alternates(method);
}

/* Settings that nothing would look at are refused: better than silence. */
static const char *refuse_momentum(const symo_method *m) {
  if (m->nesterov && !(m->momentum > 0)) return "nesterov needs momentum above 0";
  if (m->momentum_correction && m->momentum > 0 && !m->momentum_ema)
    return "momentum_correction is for averages: momentum_ema true";
  if (m->source == SYMO_SOURCE_MOMENTUM && !(m->momentum > 0))
    return "source momentum needs momentum above 0";
  return NULL;
}

static const char *refuse_schedule(const symo_method *m) {
  bool ends = m->schedule == SYMO_SCHEDULE_LINEAR || m->schedule == SYMO_SCHEDULE_COSINE ||
              m->schedule == SYMO_SCHEDULE_WSD;
  if (ends && !(m->total_steps > m->warmup_steps))
    return "schedules linear, cosine and wsd need total_steps above warmup_steps";
  if (m->min_lr > m->lr) return "min_lr, where schedules end, is above lr";
  return NULL;
}

/* A root that is not kept is of its own step. */
static const char *refuse_cadence(const symo_method *m) {
  bool kept = m->curvature->keeps_roots != NULL && m->curvature->keeps_roots(m);
  if (m->refresh_every > 1 && !kept)
    return "refresh_every is of roots that are kept: curvature per-axis and kfac, or orbit and "
           "orbit-blocked with beta2 above 0";
  return NULL;
}

static const char *refuse_cut(const symo_method *m) {
  if (m->solver->fits && !(m->cut > 0))
    return "solver shaped fits a power that bends at a cut: set cut (0.012, say)";
  if (m->cut > 0 && !m->curvature->takes_cut) return "cut is of curvature orbit and orbit-blocked";
  if (m->cut > 0 && !m->solver->takes_cut)
    return "with a cut the solver must be eigh, shaped or auto";
  if (m->cut > 0 && m->alpha == 0) return "cut needs alpha above 0";
  if (m->cut_order > 0 && !(m->cut > 0)) return "cut_order is of a cut: set cut";
  if (m->cut_reference != SYMO_CUT_LARGEST && !(m->cut > 0))
    return "cut_reference is of a cut: set cut";
  if (m->cut_reference == SYMO_CUT_LARGEST && m->cut > 0.5)
    return "a cut of more than half of the largest leaves nothing to raise (set cut to 0.5 at "
           "most, "
           "or another cut_reference)";
  if (m->cut_reference == SYMO_CUT_NOISE &&
      !(m->beta2 == 0 && m->momentum > 0 && m->source == SYMO_SOURCE_MOMENTUM))
    return "cut_reference noise is of the momentum of a step: beta2 0, source momentum";
  return NULL;
}

static const char *refuse_alpha(const symo_method *m) {
  if (!symo_method_measures(m)) return NULL;
  if (m->curvature->take_alphas == NULL)
    return "alpha auto is measured matrix by matrix: curvature orbit-blocked";
  if (m->beta2 > 0) return "alpha auto is of roots that are not kept: beta2 0";
  if (m->centered) return "alpha auto is of every matrix by itself: centered false";
  if (m->alpha_min > m->alpha_max) return "alpha_min is above alpha_max";
  return NULL;
}

static const char *refuse_estimator(const symo_method *m) {
  bool sees = m->estimator != SYMO_STEP_H_G;
  if (sees && !m->curvature->takes_estimator)
    return "estimator is of curvature orbit and orbit-blocked";
  if (sees && !m->damping->largest)
    return "estimators h-pd and h-star add eps times the largest eigenvalue: damping largest";
  if (!sees && m->damping->largest) return "damping largest is of estimators h-pd and h-star";
  return NULL;
}

static const char *refuse_source(const symo_method *m) {
  const bool estimates = m->source >= SYMO_SOURCE_HUTCHINSON;
  if (estimates && !m->curvature->takes_estimates)
    return "sources hutchinson and bartlett are of curvature diagonal and clipped";
  if (!estimates && m->curvature->needs_estimates)
    return "it keeps estimates of a diagonal: source hutchinson or bartlett";
  if (m->probes > 1 && m->source != SYMO_SOURCE_HUTCHINSON) return "probes is of source hutchinson";
  if (m->probe_seed > 0 && !estimates) return "probe_seed is of sources hutchinson and bartlett";
  if (m->spatial_average && !estimates)
    return "spatial_average is of sources hutchinson and bartlett";
  if (m->gamma > 0 && !m->curvature->needs_estimates) return "gamma is of curvature clipped";
  return NULL;
}

/* Options of layer statistics. */
static const char *refuse_factors(const symo_method *m) {
  const bool set = m->fisher != SYMO_FISHER_EMPIRICAL || m->sharing != SYMO_SHARING_EXPAND ||
                   m->rank > 0 || m->rank_share > 0 || m->kl_clip > 0 ||
                   m->basis == SYMO_BASIS_EXAMPLE || m->damping->factored;
  if (set && !m->curvature->sites)
    return "fisher, sharing, rank, rank_share, kl_clip, basis example and damping factored are of "
           "curvature kfac";
  if (m->kl_clip > 0 && m->alpha != 2) return "kl_clip is of the inverse: alpha 2";
  return NULL;
}

const char *symo_method_refuse(const symo_method *m) {
  const char *reason = refuse_momentum(m);
  if (reason == NULL) reason = refuse_source(m);
  if (reason == NULL) reason = refuse_factors(m);
  if (reason == NULL) reason = refuse_alpha(m);
  if (reason == NULL) reason = refuse_estimator(m);
  if (reason == NULL) reason = refuse_schedule(m);
  if (reason != NULL) return reason;
  if (m->curvature->products) return refuse_cut(m);
  if (m->damping->needs_ratio)
    return "levenberg-marquardt needs the decrease that a model predicts: curvature hessian or ggn";
  if (m->solver->solve != NULL && m->solver->root == NULL)
    return "cg solves with products: curvature hessian or ggn";
  if (m->space != SYMO_SPACE_PARAMETERS) return "space rows is of curvature ggn";
  if (m->precondition->curvature != NULL) return "precondition is of cg: curvature hessian or ggn";
  if (m->warm_start) return "warm_start is of cg: curvature hessian or ggn";
  reason = refuse_cut(m);
  return reason != NULL ? reason : refuse_cadence(m);
}
