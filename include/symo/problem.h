#ifndef SYMO_PROBLEM_H
#define SYMO_PROBLEM_H

#include <stdbool.h>
#include <stdint.h>
#include <symo/factors.h>
#include <symo/layout.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Gradients of the losses of single examples that are asked for: of [first, first + count), as
 * numbers of the problem's dtype.  With take NULL, gradients is [count, size] and gets them all.
 * Else it is [block, size] and gets a block of them at a time, in order, after each of which take is
 * called; what take returns, if not SYMO_OK, ends it.  A block of a few hundred KiB stays in
 * cache. */
typedef struct symo_example_request {
  size_t first, count, block;
  void *gradients;
  symo_status (*take)(void *self, size_t first, size_t count, const void *gradients);
  void *self;
} symo_example_request;

/* The symmetric matrices of a problem at a point. */
typedef enum symo_problem_matrix {
  SYMO_MATRIX_HESSIAN,
  SYMO_MATRIX_GGN,   /* Gauss-Newton */
  SYMO_MATRIX_FISHER /* the empirical Fisher matrix */
} symo_problem_matrix;

/* A model of the caller: a loss as a function of `size` parameters.  The parameters are one flat
 * vector of type `dtype`, with the tensors in layout order, each row-major.  loss and gradient are
 * required.  A NULL slot means that the model does not have this function; operations that need it
 * are refused with that reason.  Each function gets `self` and returns SYMO_OK or a status of its
 * choice, which the library passes on.  If the function left no detail in the context, the library
 * writes one.
 *
 *   loss      *loss = L(theta)
 *   gradient  grad = dL/dtheta, [size]; also *loss, unless loss is NULL
 *   hvp       HV = H(theta) V for k directions; V and HV: [k, size] row-major; HV does not alias V
 *   ggn       the same with the Gauss-Newton matrix in place of H
 *   hessian   the upper triangle (columns j >= row i) of H, [size, size] row-major, always float64;
 *             the lower triangle is ignored.  For models that have a faster way than hvp on unit
 *             vectors
 *   factors   gradient, and the statistics that `request` asks for of the sites of the model
 *             (symo/factors.h), which it adds to.  grad NULL: the statistics alone
 *
 * The rows of the Gauss-Newton matrix, for models that can write it as S'S with a gradient S'w,
 * where S [R, size] has a row for every output of every example: all four or none.
 *   rows            R at present; it may change with the examples
 *   row_residual    w, [R]
 *   row_product     S V for k directions: V [k, size], SV [k, R]
 *   row_transposed  S'U for k vectors: U [k, R], SU [k, size]
 *
 * For estimates of the diagonal and for speed:
 *   sampled_gradient  the gradient of the mean loss at targets that are drawn from the model's own
 *                     distribution by the seed; *examples: how many the mean is over
 *   hold              until the next call, functions are called at this theta, which stays as it is;
 *                     `hessian`: hvp among them.  What they share may be kept.  theta NULL: no
 *                     longer
 *
 * Single examples, for models whose loss is the mean over N of them; g_i is the gradient of the loss
 * of example i, and F = (1/N) sum_i g_i g_i' the empirical Fisher matrix (symo/examples.h):
 *   examples            N at present
 *   example_gradients   the g_i that `request` asks for.  Goes with `examples`
 *   fisher              F V for k directions, as ggn.  The others do without it
 *   example_product     g_i'v for k directions: V [k, size], out [k, N]
 *   example_transposed  sum_i u_i g_i for k vectors: U [k, N], out [k, size] */
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
  size_t num_sites; /* 0 without `factors` */
  const symo_factor_site *sites;
  symo_status (*factors)(void *self, const void *theta, double *loss, void *grad,
                         const symo_factor_request *request);
  size_t (*rows)(void *self);
  symo_status (*row_residual)(void *self, const void *theta, void *w);
  symo_status (*row_product)(void *self, const void *theta, size_t k, const void *v, void *sv);
  symo_status (*row_transposed)(void *self, const void *theta, size_t k, const void *u, void *su);
  symo_status (*sampled_gradient)(void *self, const void *theta, uint64_t seed, double *examples,
                                  void *grad);
  void (*hold)(void *self, const void *theta, bool hessian);
  size_t (*examples)(void *self);
  symo_status (*example_gradients)(void *self, const void *theta,
                                   const symo_example_request *request);
  symo_status (*fisher)(void *self, const void *theta, size_t k, const void *v, void *fv);
  symo_status (*example_product)(void *self, const void *theta, size_t k, const void *v, void *out);
  symo_status (*example_transposed)(void *self, const void *theta, size_t k, const void *u,
                                    void *out);
} symo_problem;

/* The exact Hessian at theta, dense, float64, [size, size] row-major, exactly symmetric.  It is
 * computed by the problem's `hessian` or, if that is NULL, by `hvp` on blocks of unit vectors.
 * context may be NULL.  On failure `hessian` may be partly written.
 *   SYMO_E_UNSUPPORTED  the problem has neither function
 *   SYMO_E_DTYPE        the problem has no dtype
 *   SYMO_E_ARGUMENT     `hessian` shares memory with theta
 *   SYMO_E_NONFINITE    the matrix holds NaN or infinity */
symo_status symo_problem_hessian(symo_context *context, const symo_problem *problem,
                                 const void *theta, double *hessian);

/* The same for the Gauss-Newton matrix, by `ggn`. */
symo_status symo_problem_ggn(symo_context *context, const symo_problem *problem, const void *theta,
                             double *ggn);

#ifdef __cplusplus
}
#endif
#endif
