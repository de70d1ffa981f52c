#ifndef SYMO_EXPERIMENTS_COMPARE_KFAC_H
#define SYMO_EXPERIMENTS_COMPARE_KFAC_H

#include "experiments/compare/competitor.h"

/* K-FAC at given labels: `draws` >= 1 sets of them, each [N, outputs] or NULL for those of the
 * data; corrected: EKFAC. */
symo_status compare_kfac(const compare_input *input, size_t draws, const double *const *labels,
                         bool corrected, compare_approx **out);

#endif
