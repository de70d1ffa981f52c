#ifndef SYMO_EXAMPLES_H
#define SYMO_EXAMPLES_H

#include <symo/problem.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Gradients of single examples, and the empirical Fisher matrix
 *
 *     F = (1/N) sum_i g_i g_i' ,
 *
 * g_i the gradient of the loss of example i of a problem whose loss is the mean over N (the slots
 * examples and example_gradients of symo/problem.h; docs/mathematics.md, section 10).  Numbers are
 * of the problem's dtype unless it says otherwise.  context may be NULL.  Statuses of all:
 *   SYMO_E_UNSUPPORTED  the problem has no gradients of single examples
 *   SYMO_E_DTYPE        it has no dtype
 *   SYMO_E_NONFINITE    a sum holds NaN or infinity (products and gradients are not looked at)
 *   SYMO_E_MEMORY, SYMO_E_SIZE, and what the slots return */

/* gradients: [count, size], of the examples [first, first + count).  SYMO_E_SHAPE for examples that
 * there are not. */
symo_status symo_problem_example_gradients(symo_context *context, const symo_problem *problem,
                                           const void *theta, size_t first, size_t count,
                                           void *gradients);

/* Calls `take` with the gradients of all examples, `block` of them at a time (0: what fits in 256
 * KiB, at least one), in order: [count, size] of examples [first, first + count).  It may write
 * there, but may not call the problem.  Memory: one block.  What take returns, if not SYMO_OK, ends
 * it. */
typedef symo_status (*symo_example_take)(void *self, size_t first, size_t count,
                                         const void *gradients);
symo_status symo_problem_each_example(symo_context *context, const symo_problem *problem,
                                      const void *theta, size_t block, symo_example_take take,
                                      void *self);

/* FV = F V for k directions, [k, size]: by `fisher`, else by the gradients of single examples.  FV
 * does not alias V. */
symo_status symo_problem_fisher_product(symo_context *context, const symo_problem *problem,
                                        const void *theta, size_t k, const void *v, void *fv);

/* The diagonal of F, [size] float64, the mean of squared gradients, and its trace; either may be
 * NULL.  Memory: one block. */
symo_status symo_problem_fisher_diagonal(symo_context *context, const symo_problem *problem,
                                         const void *theta, double *diagonal, double *trace);

/* The matrix of inner products g_i'g_j / N, [N, N] row-major float64, both triangles: it has the
 * eigenvalues of F that are not zero.  Memory: N gradients. */
symo_status symo_problem_fisher_gram(symo_context *context, const symo_problem *problem,
                                     const void *theta, double *gram);

/* F, dense, [size, size] row-major float64, exactly symmetric.  SYMO_E_ARGUMENT if it shares memory
 * with theta. */
symo_status symo_problem_fisher(symo_context *context, const symo_problem *problem,
                                const void *theta, double *fisher);

#ifdef __cplusplus
}
#endif
#endif
