/* What the tests of symmetries share. */
#include "tests/io/test_symmetries_support.h"

#include <math.h>
#include <stdio.h>

/* Elements for each space: signs that are drawn must not be + all the time. */
enum { SAMPLES = 8 };

symo_layout *sym_test_propose(symo_context *context, const graph *g, double window) {
  sym_proposal *p = NULL;
  symo_layout *layout = NULL;
  cr_ok(context, sym_infer(g, window, &p));
  cr_ok(context, sym_proposal_layout(context, p, &layout));
  sym_proposal_destroy(p);
  return layout;
}

graph *sym_test_parse(symo_context *context, const char *text) {
  graph *g = NULL;
  cr_ok(context, graph_parse_json(context, "graph", text, strlen(text), &g));
  return g;
}

void sym_test_wrap(char *text, size_t size, const char *shape, const char *nodes) {
  int n = shape == NULL
              ? snprintf(text, size, "{'nodes': [%s, {'op': 'output', 'from': 'y'}]}", nodes)
              : snprintf(text, size,
                         "{'nodes': [{'op': 'input', 'name': 'x', 'shape': %s}, %s, "
                         "{'op': 'output', 'from': 'y'}]}",
                         shape, nodes);
  cr_assert(n > 0 && (size_t)n < size);
  for (char *p = text; *p != '\0'; p++)
    if (*p == '\'') *p = '"';
}

void sym_test_invariant(symo_context *context, symo_layout *layout, const char *what,
                        sym_test_loss *loss, void *self) {
  size_t n = symo_layout_num_parameters(layout), tensors = symo_layout_num_tensors(layout);
  symo_rng *rng = symo_test_rng(context, 17);
  symo_element *element = NULL;
  double *x = symo_malloc(n * sizeof *x), *y = symo_malloc(n * sizeof *y);
  void **to = symo_malloc(tensors * sizeof *to);
  const void **from = symo_malloc(tensors * sizeof *from);
  cr_assert(x && y && to && from);
  symo_test_randn(rng, x, n);
  for (size_t i = 0; i < n; i++) x[i] *= .6;
  symo_layout_split(layout, SYMO_F64, y, to);
  symo_layout_split_const(layout, SYMO_F64, x, from);
  cr_ok(context, symo_element_create(layout, &element));
  double before = loss(self, layout, x);
  for (size_t i = 0; i < SAMPLES * symo_layout_num_spaces(layout); i++) {
    size_t s = i / SAMPLES;
    symo_element_reset(element);
    cr_ok(context, symo_element_sample_space(element, s, rng));
    cr_ok(context, symo_element_act(element, symo_const_vector_of(SYMO_F64, from),
                                    symo_vector_of(SYMO_F64, to)));
    double after = loss(self, layout, y);
    cr_assert(fabs(after - before) <= 1e-10 * (fabs(before) + 1),
              "%s: space %s: %.17g became %.17g", what, symo_layout_space_name(layout, s), before,
              after);
  }
  symo_element_destroy(element);
  symo_rng_destroy(rng);
  symo_free(x);
  symo_free(y);
  symo_free(to);
  symo_free(from);
}
