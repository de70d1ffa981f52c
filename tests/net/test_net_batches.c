/* Choosing examples, adding them, evaluating, and the extremes of the Bernoulli loss. */
#include <math.h>
#include <string.h>

#include "core/linalg.h"
#include "tests/net/test_net_support.h"

/* Losses, gradients and products on chosen rows are those of a network that has these rows. */
static void check_selection(size_t combination, size_t examples, size_t count) {
  symo_net_spec spec = net_combination(combination, "5-6-3");
  net_case c = net_case_create(&spec, examples, 0.7, 21);
  size_t *rows = symo_calloc(count, sizeof *rows), n = c.size;
  double *x = net_vector(count * c.inputs), *y = net_vector(count * c.outputs);
  for (size_t r = 0; r < count; r++) {
    rows[r] = (size_t)symo_rng_below(c.rng, examples);
    memcpy(x + r * c.inputs, c.x + rows[r] * c.inputs, c.inputs * sizeof *x);
    memcpy(y + r * c.outputs, c.y + rows[r] * c.outputs, c.outputs * sizeof *y);
  }
  double *v = net_random(&c, 2 * n), *grad[2], *hv[2], loss[2], value, accuracy[2];
  for (size_t way = 0; way < 2; way++) {
    cr_ok(c.context,
          way == 0 ? symo_net_select(c.net, count, rows) : symo_net_set_data(c.net, count, x, y));
    grad[way] = net_vector(n);
    cr_ok(c.context, c.problem.gradient(c.problem.self, c.theta, &loss[way], grad[way]));
    hv[way] = net_product(&c, false, c.theta, 2, v);
    cr_ok(c.context, symo_net_evaluate(c.net, c.theta, &value, &accuracy[way]));
    cr_assert(value == loss[way]);
  }
  cr_assert(loss[0] == loss[1] && (accuracy[0] == accuracy[1] || isnan(accuracy[0])));
  cr_assert(isnan(accuracy[0]) == (spec.loss != SYMO_LOSS_CROSS_ENTROPY));
  cr_assert_arr_eq(grad[0], grad[1], n * sizeof(double));
  cr_assert_arr_eq(hv[0], hv[1], 2 * n * sizeof(double));
  double *mine[] = {x, y, v, grad[0], grad[1], hv[0], hv[1]};
  for (size_t i = 0; i < 7; i++) symo_free(mine[i]);
  symo_free(rows);
  net_case_destroy(&c);
}

Test(net_batches, selection_is_the_rows) {
  for (size_t i = 0; i < NUM_COMBINATIONS; i++) check_selection(i, 20, 9);
  check_selection(4, 3000, 2100); /* several chunks */
}

Test(net_batches, selecting_allocates_once) {
  symo_net_spec spec = net_combination(0, "5-6-3");
  net_case c = net_case_create(&spec, 20, 0.7, 22);
  const size_t rows[] = {3, 19, 0, 3};
  double loss, all;
  cr_ok(c.context, c.problem.loss(c.problem.self, c.theta, &all));
  cr_ok(c.context, symo_net_select(c.net, 4, rows));
  const size_t calls = symo_alloc_calls();
  cr_ok(c.context, symo_net_select(c.net, 3, rows + 1));
  cr_ok(c.context, c.problem.loss(c.problem.self, c.theta, &loss));
  cr_assert(symo_alloc_calls() == calls && loss != all);
  cr_ok(c.context, symo_net_select(c.net, 0, NULL));
  cr_ok(c.context, c.problem.loss(c.problem.self, c.theta, &loss));
  cr_assert(loss == all);
  const size_t beyond[] = {20};
  cr_assert(symo_net_select(c.net, 1, beyond) == SYMO_E_SHAPE);
  cr_assert(symo_net_select(c.net, 0, rows) == SYMO_E_SHAPE);
  net_case_destroy(&c);
}

/* Data in two parts are the data; targets that are the inputs are kept once, which changes nothing.
 */
Test(net_batches, added_data) {
  symo_net_spec spec = net_combination(8, "4-5-4");
  net_case c = net_case_create(&spec, 30, 0.7, 23);
  double whole, parts, shared, accuracy;
  for (size_t i = 0; i < 120; i++) c.x[i] = 0.5 + 0.5 * tanh(c.x[i]);
  memcpy(c.y, c.x, 120 * sizeof *c.y);
  cr_ok(c.context, symo_net_set_data(c.net, 30, c.x, c.y));
  cr_ok(c.context, c.problem.loss(c.problem.self, c.theta, &whole));
  cr_ok(c.context, symo_net_set_data(c.net, 10, c.x, c.x));
  cr_ok(c.context, symo_net_add_data(c.net, 20, c.x + 40, c.x + 40));
  cr_ok(c.context, symo_net_evaluate(c.net, c.theta, &shared, &accuracy));
  cr_ok(c.context, symo_net_set_data(c.net, 10, c.x, c.x));
  cr_ok(c.context, symo_net_add_data(c.net, 20, c.x + 40, c.y + 40));
  cr_ok(c.context, c.problem.loss(c.problem.self, c.theta, &parts));
  cr_assert(whole == parts && whole == shared);
  net_case_destroy(&c);
}

/* Logits of 1e4: the loss is their size where they are wrong and 0 where they are right; a NaN
 * stays one; rows longer than a product of factors. */
Test(net_batches, bernoulli_is_stable) {
  symo_context *context = symo_test_context();
  for (int narrow = 0; narrow < 2; narrow++) {
    const symo_dtype dtype = narrow ? SYMO_F32 : SYMO_F64;
    symo_net_spec spec = net_combination(8, "1-1300");
    spec.dtype = dtype, spec.bias = false;
    symo_net *net;
    cr_ok(context, symo_net_create(context, &spec, &net));
    symo_problem p = symo_net_problem(net);
    double *theta = net_vector(1300), *y = net_vector(1300), x = 1.0, loss, accuracy;
    void *packed = symo_malloc(1300 * sizeof(double)), *grad = symo_malloc(1300 * sizeof(double));
    for (size_t i = 0; i < 1300; i++)
      theta[i] = i % 2 == 0 ? 1e4 : -1e4, y[i] = i == 1 || (i > 1 && i % 2 == 0);
    symo_test_pack(dtype, theta, packed, 1300);
    cr_ok(context, symo_net_set_data(net, 1, &x, y));
    cr_ok(context, p.gradient(p.self, packed, &loss, grad));
    cr_assert(fabs(loss - 2e4) <= 1e-6 * 2e4, "%g", loss);
    cr_assert(symo_get(dtype, grad, 0) == 1.0 && symo_get(dtype, grad, 1) == -1.0 &&
              symo_get(dtype, grad, 2) == 0.0);
    memset(packed, 0, 1300 * symo_dtype_size(dtype));
    cr_ok(context, symo_net_evaluate(net, packed, &loss, &accuracy));
    cr_assert(fabs(loss - 1300.0 * log(2.0)) <= 1e-12 * 1300.0, "%.17g", loss);
    symo_free(theta), symo_free(y), symo_free(packed), symo_free(grad);
    symo_net_destroy(net);
  }
  symo_context_destroy(context);
  cr_no_leaks();
}
