#ifndef SYMO_OPEN_H
#define SYMO_OPEN_H

#include <symo/hessian.h>
#include <symo/optim.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Makes an optimizer or an estimate from texts, in one call, with one handle to destroy.  The
 * handle owns all objects behind it.  To share a plan, to use a group of your own code, or to write
 * the rules of an optimizer one by one, use the functions of symo/layout.h, plan.h, hessian.h and
 * optim.h instead; the results have the same bits.
 *
 * layout: the short notation (symo_layout_parse) or the path of a layout file (symo/io.h).
 *
 * detail: on failure the sentence that says what went wrong, on success ""; may be NULL.  *out is
 * written on success only.  For failures of later calls see symo_optim_state_detail and
 * symo_hessian_detail. */

/* Makes an optimizer, ready for its first step.  Call symo_optim_step for each step, and
 * symo_optim_state_destroy at the end.
 *
 * method: the name of a preset (`symo optimizers`) or the path of a file with rules, followed by
 * settings KEY=VALUE, separated by spaces or ';':
 *     "symo lr=0.01"      "adamw betas=0.9,0.95 weight_decay=0.1"      "symo threads=4"
 *     "symo-coupled; groups=alternate orthogonal; lr=0.02"
 * Keys are the options of a method (symo_method_option) and those of symo_optim_spec_open, among
 * them "h.*.attn*:alpha=1.4" for tensors of such names alone.  A word without '=' is a part of the
 * value before it.
 *
 * dtype: the type of parameters, gradients and state.  SYMO_ANY: the type that the texts name, or
 * float64 if they name none.  SYMO_E_DTYPE if the settings name another type than dtype.
 *
 * Other statuses and the cost are those of symo_layout_open, symo_optim_spec_open,
 * symo_optim_create and symo_optim_state_create.  Steps allocate nothing.
 *
 * A step whose gradient holds NaN or infinity is left out, with status SYMO_OK; refused_steps of
 * its report counts it.  With nan=stop it is an error: "symo lr=0.01 nan=stop". */
symo_status symo_optim_open(const char *layout, const char *method, symo_dtype dtype,
                            symo_optim_state **out, char detail[SYMO_MAX_DETAIL]);

/* Estimates a Hessian from one gradient, in the dtype of the gradient, without damping.  The
 * vectors are only read.  The caller destroys *out with symo_hessian_destroy.
 *
 * estimator: its name, "h-g", "h-star", .. (symo_estimator_at); NULL: h-g.  params: the parameters
 * at which the gradient was taken, or NULL for estimators that do not need them.
 *
 * SYMO_E_NAME if there is no such estimator; other statuses and the cost are those of
 * symo_layout_open, symo_plan_create and symo_estimate. */
symo_status symo_hessian_open(const char *layout, const char *estimator, symo_const_vector gradient,
                              const symo_const_vector *params, symo_hessian **out,
                              char detail[SYMO_MAX_DETAIL]);

#ifdef __cplusplus
}
#endif
#endif
