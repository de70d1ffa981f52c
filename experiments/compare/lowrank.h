#ifndef SYMO_EXPERIMENTS_COMPARE_LOWRANK_H
#define SYMO_EXPERIMENTS_COMPARE_LOWRANK_H

#include "experiments/compare/measure.h"

/* Takes the matrix over, also on failure.  stored: numbers. */
symo_status compare_approx_lowrank(symo_context *context, symo_lowrank *h, compare_approx **out);

/* The leading eigenpairs of H by size, from all of them: v [P, P] in rows, w [P] ascending.  As many
 * as the rank of the run's plan. */
symo_status compare_lead(compare_bench *b, const double *v, const double *w);

/* The plan of h-lr, for the rank and the budget of the run's spec. */
symo_status compare_plan_products(compare_bench *b);

/* Exact eigenpairs, and the Reynolds average of the rest. */
symo_status compare_lowrank_exact(compare_bench *b);

/* The rows from products with H: h-lr, h-lr-all where that keeps more pairs, and the structured
 * estimate from as many probes alone. */
symo_status compare_products_rows(compare_bench *b, const symo_operator *a);

#endif
