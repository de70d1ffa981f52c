/* What tests of competitors share. */
#include "tests/experiments/compare/test_compare_support.h"

static void gradient(symo_net *net, const double *theta, double *grad) {
  symo_problem problem = symo_net_problem(net);
  double loss;
  cr_assert(problem.gradient(problem.self, theta, &loss, grad) == SYMO_OK);
}

void compare_setup_fixture(compare_fixture *f, const char *net, symo_loss loss, bool bias) {
  f->context = symo_test_context();
  f->rng = symo_test_rng(f->context, 11);
  f->spec = symo_net_spec_default();
  cr_ok(f->context, symo_net_parse(f->context, net, &f->spec));
  f->spec.loss = loss;
  f->spec.bias = bias;
  cr_ok(f->context, symo_net_create(f->context, &f->spec, &f->net));
  f->size = symo_net_num_parameters(f->net);
  size_t inputs = symo_net_inputs(&f->spec), outputs = symo_net_outputs(&f->spec);
  cr_assert(f->size <= COMPARE_MOST, "%s: %zu", net, f->size);
  cr_assert(inputs <= COMPARE_NUMBERS && outputs <= COMPARE_NUMBERS);
  symo_test_randn(f->rng, f->x, COMPARE_EXAMPLES * inputs);
  for (size_t n = 0; n < COMPARE_EXAMPLES; n++)
    for (size_t k = 0; k < outputs; k++)
      f->y[n * outputs + k] = loss == SYMO_LOSS_MSE ? symo_rng_normal(f->rng)
                              : k == n % outputs    ? 1
                                                    : 0;
  symo_test_randn(f->rng, f->theta, f->size);
  cr_ok(f->context, symo_net_set_data(f->net, COMPARE_EXAMPLES, f->x, f->y));
  gradient(f->net, f->theta, f->grad);
  f->input = (compare_input){.context = f->context,
                             .net = f->net,
                             .theta = f->theta,
                             .grad = f->grad,
                             .examples = COMPARE_EXAMPLES,
                             .x = f->x,
                             .y = f->y,
                             .samples = 1,
                             .rng = f->rng};
}

void compare_teardown_fixture(compare_fixture *f) {
  symo_net_destroy(f->net);
  symo_rng_destroy(f->rng);
  symo_context_destroy(f->context);
  cr_no_leaks();
}

void compare_single_gradients(const compare_fixture *f, double *out) {
  symo_net *net = NULL;
  cr_ok(f->context, symo_net_create(f->context, &f->spec, &net));
  size_t inputs = symo_net_inputs(&f->spec), outputs = symo_net_outputs(&f->spec);
  for (size_t n = 0; n < COMPARE_EXAMPLES; n++) {
    cr_ok(f->context, symo_net_set_data(net, 1, f->x + n * inputs, f->y + n * outputs));
    gradient(net, f->theta, out + n * f->size);
  }
  symo_net_destroy(net);
}

void compare_build_dense(compare_fixture *f, const char *name, double *dense) {
  const compare_competitor *row = compare_competitor_find(name);
  cr_assert(row != NULL, "%s", name);
  compare_approx *a = NULL;
  cr_ok(f->context, row->build(&f->input, &a));
  cr_assert(a->size == f->size);
  cr_ok(f->context, a->form->dense(a, dense));
  compare_approx_destroy(a);
}
