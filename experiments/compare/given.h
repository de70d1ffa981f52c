#ifndef SYMO_EXPERIMENTS_COMPARE_GIVEN_H
#define SYMO_EXPERIMENTS_COMPARE_GIVEN_H

#include "experiments/compare/run.h"

/* A comparison with a Hessian computed elsewhere, from files: --hessian, --grad, --layout, --param. */

/* Reads the files and computes every row that needs no network.  Of spec: damping, centring, h-lr,
 * and the seed.  Exit code, after the error line; compare_run_destroy in any case. */
int compare_given_make(cli *c, const compare_spec *spec, const compare_want *want,
                       compare_run *run);

void compare_given_print_header(cli *c, const compare_run *run);
json_t *compare_given_json(cli *c, const compare_run *run);

#endif
