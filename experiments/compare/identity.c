/* The identity, the curvature that plain gradient descent assumes. */
#include "experiments/compare/competitor.h"

#include "core/alloc.h"
#include "core/error.h"

static symo_status build(const compare_input *in, compare_approx **out) {
  size_t size = symo_net_num_parameters(in->net);
  double *one = symo_malloc(size * sizeof *one);
  if (one == NULL) return symo_fail_memory(in->context, "compare: identity");
  for (size_t i = 0; i < size; i++) one[i] = 1;
  return compare_approx_diagonal(in->context, size, one, 1, out);
}

const compare_competitor compare_competitor_identity = {
    .name = "identity",
    .style = {PLOT_GREY, 5, 1, 1.5},
    .cost = COMPARE_COST_LINE,
    .summary = "the unit matrix: plain gradient descent",
    .build = build};
