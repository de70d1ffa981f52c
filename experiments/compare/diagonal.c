/* The diagonal of the empirical Fisher matrix, (1/N) sum_n g_n^2 elementwise with g_n the gradient
 * of example n: what Adam and RMSprop approximate by batches. */
#include "experiments/compare/competitor.h"

#include "core/alloc.h"
#include "core/error.h"

static symo_status build(const compare_input *in, compare_approx **out) {
  size_t size = symo_net_num_parameters(in->net);
  double *diagonal = symo_calloc(size, sizeof *diagonal);
  if (diagonal == NULL) return symo_fail_memory(in->context, "compare: diagonal");
  symo_status status = compare_squares(in, NULL, diagonal);
  if (status != SYMO_OK) {
    symo_free(diagonal);
    return status;
  }
  return compare_approx_diagonal(in->context, size, diagonal, (double)size, out);
}

const compare_competitor compare_competitor_diagonal = {
    .name = "diagonal",
    .style = {PLOT_PURPLE, 4, 3, 1.5},
    .cost = COMPARE_COST_POINT,
    .summary = "diagonal of the empirical Fisher: mean over examples of squared gradients",
    .build = build};
