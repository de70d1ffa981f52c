#ifndef SYMO_HESSIAN_EXAMPLES_H
#define SYMO_HESSIAN_EXAMPLES_H

#include <symo/examples.h>

#include "hessian/problem.h"

/* Products with the empirical Fisher matrix by the gradients of single examples. */
symo_status symo_problem_multiply_examples(const problem_call *call, size_t k, const void *v,
                                           void *fv);

/* Bytes of room for the inner products of all gradients; SIZE_MAX: too many. */
size_t symo_problem_gram_bytes(const symo_problem *problem);

/* gram [N, N] float64 := g_i'g_j / N, the lower triangle. */
symo_status symo_problem_gram(const problem_call *call, void *room, double *gram);

#endif
