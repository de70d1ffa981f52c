/* The registry of competitors, and what they see of a network. */
#include "experiments/compare/competitor.h"

#include <symo/examples.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/registry.h"

#define EXTERN_ROW(name) extern const compare_competitor compare_competitor_##name;
COMPARE_COMPETITOR_LIST(EXTERN_ROW)
#undef EXTERN_ROW

static const void *const rows[] = {
#define TABLE_ROW(name) &compare_competitor_##name,
    COMPARE_COMPETITOR_LIST(TABLE_ROW)
#undef TABLE_ROW
};

size_t compare_competitor_count(void) { return SYMO_REGISTRY(rows).count; }

const compare_competitor *compare_competitor_at(size_t index) {
  return symo_registry_at(SYMO_REGISTRY(rows), index);
}

const compare_competitor *compare_competitor_find(const char *name) {
  return symo_registry_find(SYMO_REGISTRY(rows), name);
}

/* ---- tensors ---- */

/* The weight of a dense layer is a matrix, though its tensor in the layout may have more axes. */
static void set_matrices(const symo_net *net, size_t count, compare_tensor *tensors) {
  for (size_t w = 0; w < symo_net_num_weights(net); w++) {
    symo_net_weight weight = symo_net_get_weight(net, w);
    if (!weight.dense) continue;
    for (size_t t = 0; t < count; t++)
      if (tensors[t].offset == weight.weight)
        tensors[t] = (compare_tensor){weight.weight, 2, {weight.outputs, weight.inputs}};
  }
}

symo_status compare_tensors(const compare_input *input, size_t *count, compare_tensor **out) {
  symo_layout *layout = NULL;
  symo_status status =
      symo_net_layout(input->context, symo_net_get_spec(input->net), "identity", &layout);
  if (status != SYMO_OK) return status;
  size_t tensors = symo_layout_num_tensors(layout);
  compare_tensor *made = symo_calloc(tensors, sizeof *made);
  if (made == NULL) {
    symo_layout_destroy(layout);
    return symo_fail_memory(input->context, "compare");
  }
  for (size_t t = 0; t < tensors; t++) {
    made[t].offset = symo_layout_tensor_offset(layout, t);
    made[t].order = symo_layout_tensor_order(layout, t);
    for (size_t a = 0; a < made[t].order; a++) made[t].dims[a] = symo_layout_axis_dim(layout, t, a);
  }
  symo_layout_destroy(layout);
  set_matrices(input->net, tensors, made);
  *count = tensors;
  *out = made;
  return SYMO_OK;
}

/* ---- single examples ---- */

symo_status compare_squares(const compare_input *input, const double *labels, double *out) {
  const symo_net_spec *spec = symo_net_get_spec(input->net);
  symo_net *net = NULL;
  symo_status status = SYMO_OK;
  if (labels != NULL) {
    SYMO_TRY(symo_net_create(input->context, spec, &net));
    SYMO_TRY(symo_net_set_data(net, input->examples, input->x, labels));
  }
  const symo_problem problem = symo_net_problem(net != NULL ? net : input->net);
  status = symo_problem_fisher_diagonal(input->context, &problem, input->theta, out, NULL);
fail:
  symo_net_destroy(net);
  return status;
}
