#ifndef SYMO_OPEN_H
#define SYMO_OPEN_H

#include <symo/hessian.h>
#include <symo/optim.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The short road: an optimizer, or an estimate, from texts, in one call and with one handle to
 * destroy.  The handle owns everything that was made on the way.  Whoever wants to share a plan, a
 * group of the caller's code, or the rules of an optimizer one by one takes the functions of
 * symo/layout.h, plan.h, hessian.h and optim.h instead; the results have the same bits.
 *
 * layout: the short notation (symo_layout_parse), or the path of a layout file (symo/io.h).
 *
 * detail: receives the sentence that says what went wrong, "" on success; may be NULL.  *out is
 * written on success only.  Later failures: symo_optim_state_detail, symo_hessian_detail. */

/* An optimizer at its first step.  Steps: symo_optim_step.  End: symo_optim_state_destroy.
 *
 * method: the name of a preset (`symo optimizers`) or the path of a file with rules, then settings
 * KEY=VALUE, apart from each other by spaces or ';':
 *     "symo lr=0.01"      "adamw betas=0.9,0.95 weight_decay=0.1"      "symo threads=4"
 *     "shampoo; groups=alternate orthogonal; lr=0.02"
 * Keys are the options of a method (symo_method_option) and those of symo_optim_spec_open.  A word
 * without '=' belongs to the value before it.
 *
 * dtype: of parameters, gradients and state.  SYMO_ANY: that of the texts, else float64;
 * SYMO_E_DTYPE if the settings of the method name another one.
 *
 * Statuses: those of symo_layout_open, symo_optim_spec_open, symo_optim_create and
 * symo_optim_state_create.  The cost is theirs; steps allocate nothing. */
symo_status symo_optim_open(const char *layout, const char *method, symo_dtype dtype,
                            symo_optim_state **out, char detail[SYMO_MAX_DETAIL]);

/* The estimate from one gradient, whose dtype it takes, without damping.  The vectors are only
 * read. End: symo_hessian_destroy.
 *
 * estimator: "h-g", "h-star", .. (symo_estimator_at); NULL: h-g.  params: the parameters that the
 * gradient was taken at; NULL for estimators that do not need them.
 *
 * SYMO_E_NAME: no such estimator; else the statuses of symo_layout_open, symo_plan_create and
 * symo_estimate. */
symo_status symo_hessian_open(const char *layout, const char *estimator, symo_const_vector gradient,
                              const symo_const_vector *params, symo_hessian **out,
                              char detail[SYMO_MAX_DETAIL]);

#ifdef __cplusplus
}
#endif
#endif
