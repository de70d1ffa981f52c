#ifndef SYMO_PROBLEM_H
#define SYMO_PROBLEM_H

#include <symo/layout.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A model brought by the caller: a loss of `size` parameters held in one flat vector (tensors in
 * layout order, each row-major) of number type `dtype`.  loss and gradient are required; a slot
 * that is NULL means that the model cannot, and what needs it is refused with that reason.
 * Functions return SYMO_OK or a status of their own choice, which is passed on, and get a detail
 * unless they left one in the context themselves; self is handed to each of them.
 *
 *   loss      *loss = L(theta)
 *   gradient  grad = dL/dtheta, [size]; *loss as well unless loss is NULL
 *   hvp       HV = H(theta) V for k directions, V and HV [k, size] row-major, HV does not alias V
 *   ggn       the same with the Gauss-Newton matrix
 *   hessian   the upper triangle (columns j >= row i) of the whole Hessian, [size, size] row-major,
 *             always float64; what stands below is not looked at.  Optional, for models that can do
 *             better than hvp on unit vectors */
typedef struct symo_problem {
  const char *name;
  size_t size;
  symo_dtype dtype;
  void *self;
  symo_status (*loss)(void *self, const void *theta, double *loss);
  symo_status (*gradient)(void *self, const void *theta, double *loss, void *grad);
  symo_status (*hvp)(void *self, const void *theta, size_t k, const void *v, void *hv);
  symo_status (*ggn)(void *self, const void *theta, size_t k, const void *v, void *gv);
  symo_status (*hessian)(void *self, const void *theta, double *hessian);
} symo_problem;

/* The exact Hessian of the problem at theta, dense, float64, [size, size] row-major, symmetric to
 * the last bit.  Through the problem's own `hessian` slot, else `hvp` on blocks of unit vectors.
 * SYMO_E_UNSUPPORTED if the problem has neither; SYMO_E_DTYPE if it has no dtype; SYMO_E_NONFINITE;
 * SYMO_E_ARGUMENT if `hessian` shares memory with theta.  On failure `hessian` may be partly
 * written.  context may be NULL. */
symo_status symo_problem_hessian(symo_context *context, const symo_problem *problem,
                                 const void *theta, double *hessian);

/* The same for the Gauss-Newton matrix. */
symo_status symo_problem_ggn(symo_context *context, const symo_problem *problem, const void *theta,
                             double *ggn);

#ifdef __cplusplus
}
#endif
#endif
