/* Networks from the outside: specs, layouts, data, statistics, memory, refusals. */
#include "tests/net/test_net_support.h"
#include "tests/support/statistics.h"

#include <math.h>

#include "core/linalg.h"

static net_case digits_like(size_t index, size_t examples) {
  symo_net_spec spec = net_combination(index, "6-8-5-4");
  return net_case_create(&spec, examples, 0.6, 21);
}

Test(net_api, parse) {
  symo_context *context = symo_test_context();
  symo_net_spec spec = symo_net_spec_default();
  cr_ok(context, symo_net_parse(context, "20-64-5", &spec));
  cr_assert(spec.num_layers == 2 && spec.input.features == 20 && spec.layers[0].width == 64 &&
            spec.layers[1].width == 5);
  cr_assert(spec.bias && spec.dtype == SYMO_F64);
  char many[2 * (SYMO_NET_MAX_LAYERS + 2)]; /* one layer too many */
  for (size_t i = 0; i < sizeof many; i++) many[i] = i % 2 == 0 ? '1' : '-';
  many[sizeof many - 1] = '\0';
  const char *bad[] = {"",     "20",    "20-",  "-20-5", "20--5", "20-0-5",
                       "20-x", "20-5x", "20,5", " 2-3",  "+2-3",  "99999999999999999999-3",
                       many};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    cr_fails(context, SYMO_E_ARGUMENT, "network", symo_net_parse(context, bad[i], &spec));
  cr_assert(spec.num_layers == 2 && spec.layers[1].width == 5, "a failed parse left a trace");
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(net_api, names) {
  symo_activation activation;
  symo_loss loss;
  for (int i = 0; i <= SYMO_ACT_GELU_TANH; i++) {
    cr_assert(symo_activation_find(symo_activation_name((symo_activation)i), &activation));
    cr_assert_eq((int)activation, i);
    cr_assert(symo_group_find(symo_net_exact_group((symo_activation)i)) != NULL);
  }
  for (int i = 0; i <= SYMO_LOSS_TOKENS; i++) {
    cr_assert(symo_loss_find(symo_loss_name((symo_loss)i), &loss));
    cr_assert_eq((int)loss, i);
  }
  cr_assert(!symo_activation_find("sigmoid", &activation) && !symo_loss_find("hinge", &loss));
}

Test(net_api, layout_matches_parameters) {
  symo_context *context = symo_test_context();
  for (size_t i = 0; i < NUM_COMBINATIONS; i++) {
    symo_net_spec spec = net_combination(i, "6-8-5-4");
    symo_net *net;
    symo_layout *layout;
    cr_ok(context, symo_net_create(context, &spec, &net));
    cr_ok(context, symo_net_layout(context, &spec, NULL, &layout));
    cr_assert_eq(symo_layout_num_parameters(layout), symo_net_num_parameters(net));
    cr_assert_eq(symo_layout_num_tensors(layout), spec.bias ? 6 : 3);
    cr_assert_str_eq(symo_layout_tensor_name(layout, 0), "w1");
    cr_assert_str_eq(symo_group_name(symo_layout_space_group(layout, 1)),
                     symo_net_exact_group(spec.activation));
    cr_assert_str_eq(symo_group_name(symo_layout_space_group(layout, 3)), "identity");
    symo_layout_destroy(layout);
    cr_ok(context, symo_net_layout(context, &spec, "sign-flip", &layout));
    cr_assert_str_eq(symo_group_name(symo_layout_space_group(layout, 2)), "sign-flip");
    symo_layout_destroy(layout);
    cr_fails(context, SYMO_E_NAME, "nonsense",
             symo_net_layout(context, &spec, "nonsense", &layout));
    symo_net_destroy(net);
  }
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(net_api, refuses_bad_specs) {
  symo_context *context = symo_test_context();
  symo_net *net = NULL;
  symo_net_spec good = net_combination(0, "3-4-2"), spec = good;
  spec.num_layers = 0;
  cr_fails(context, SYMO_E_ARGUMENT, "layers", symo_net_create(context, &spec, &net));
  spec = good, spec.num_layers = SYMO_NET_MAX_LAYERS + 1;
  cr_fails(context, SYMO_E_ARGUMENT, "layers", symo_net_create(context, &spec, &net));
  spec = good, spec.layers[0].width = 0;
  cr_fails(context, SYMO_E_ARGUMENT, "width", symo_net_create(context, &spec, &net));
  spec = good, spec.dtype = SYMO_ANY;
  cr_fails(context, SYMO_E_DTYPE, "number type", symo_net_create(context, &spec, &net));
  spec = good, spec.activation = (symo_activation)9;
  cr_fails(context, SYMO_E_ARGUMENT, "activation", symo_net_create(context, &spec, &net));
  spec = good, spec.input.features = spec.layers[0].width = 2000000000;
  cr_fails(context, SYMO_E_SIZE, "too", symo_net_create(context, &spec, &net));
  cr_assert(net == NULL);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(net_api, refuses_bad_data) {
  net_case c = digits_like(0, 5);
  double loss;
  double keep = c.x[9];
  c.x[9] = NAN;
  cr_fails(c.context, SYMO_E_NONFINITE, "input 3 of example 1",
           symo_net_set_data(c.net, 5, c.x, c.y));
  c.x[9] = keep, c.y[6] = INFINITY;
  cr_fails(c.context, SYMO_E_NONFINITE, "target 2 of example 1",
           symo_net_set_data(c.net, 5, c.x, c.y));
  cr_fails(c.context, SYMO_E_SHAPE, "no examples", symo_net_set_data(c.net, 0, c.x, c.y));
  cr_ok(c.context, c.problem.loss(c.problem.self, c.theta, &loss));
  keep = c.theta[3], c.theta[3] = NAN;
  cr_fails(c.context, SYMO_E_NONFINITE, "NaN", c.problem.loss(c.problem.self, c.theta, &loss));
  cr_fails(c.context, SYMO_E_NONFINITE, "NaN", symo_net_predict(c.net, c.theta, 5, c.x, c.y));
  c.theta[3] = keep;
  symo_net *empty;
  cr_ok(c.context, symo_net_create(c.context, &c.spec, &empty));
  symo_problem problem = symo_net_problem(empty);
  cr_fails(c.context, SYMO_E_ARGUMENT, "no data", problem.loss(empty, c.theta, &loss));
  cr_fails(c.context, SYMO_E_ARGUMENT, "no data", problem.hvp(empty, c.theta, 1, c.theta, c.x));
  cr_fails(c.context, SYMO_E_ARGUMENT, "no data", problem.hessian(empty, c.theta, c.x));
  symo_net_destroy(empty);
  net_case_destroy(&c);
}

Test(net_api, data_beyond_float32) {
  symo_net_spec spec = net_combination(0, "2-2");
  spec.dtype = SYMO_F32;
  net_case c = net_case_create(&spec, 2, 1.0, 22);
  c.x[1] = 1e39;
  cr_fails(c.context, SYMO_E_NONFINITE, "f32", symo_net_set_data(c.net, 2, c.x, c.y));
  net_case_destroy(&c);
}

static symo_status create_and_drop(void *self) {
  net_case *c = self;
  symo_net *net = NULL;
  symo_status status = symo_net_create(c->context, &c->spec, &net);
  if (status == SYMO_OK) status = symo_net_set_data(net, c->examples, c->x, c->y);
  double loss, *out = c->theta + c->size; /* the workspace is taken by the first calls */
  if (status == SYMO_OK) {
    symo_problem p = symo_net_problem(net);
    status = p.gradient(p.self, c->theta, &loss, out);
    if (status == SYMO_OK) status = p.hvp(p.self, c->theta, 1, c->theta, out);
  }
  symo_net_destroy(net);
  return status;
}

static symo_status layout_and_drop(void *self) {
  net_case *c = self;
  symo_layout *layout = NULL;
  symo_status status = symo_net_layout(c->context, &c->spec, NULL, &layout);
  symo_layout_destroy(layout);
  return status;
}

Test(net_api, allocation_failures) {
  net_case c = digits_like(4, 5);
  double *theta = c.theta, *room = net_vector(2 * c.size);
  memcpy(room, theta, c.size * sizeof *room);
  c.theta = room;
  cr_assert(symo_test_allocations(create_and_drop, &c) >= 9);
  c.theta = theta;
  symo_free(room);
  cr_assert(symo_test_allocations(layout_and_drop, &c) >= 3);
  net_case_destroy(&c);
}

/* All but the first, which take the workspace. */
Test(net_api, calls_allocate_nothing) {
  for (size_t i = 0; i < 8; i++) {
    net_case c = digits_like(i, 33);
    size_t n = c.size;
    double loss, *v = net_random(&c, 20 * n), *out = net_vector(20 * n), *h = net_vector(n * n);
    double *inputs = net_vector(33 * 8), *deltas = net_vector(33 * 8);
    cr_ok(c.context, c.problem.loss(c.problem.self, c.theta, &loss));
    cr_ok(c.context, c.problem.hvp(c.problem.self, c.theta, 1, v, out));
    size_t calls = symo_alloc_calls();
    cr_ok(c.context, c.problem.loss(c.problem.self, c.theta, &loss));
    cr_ok(c.context, c.problem.gradient(c.problem.self, c.theta, &loss, out));
    cr_ok(c.context, c.problem.hvp(c.problem.self, c.theta, 20, v, out));
    cr_ok(c.context, c.problem.ggn(c.problem.self, c.theta, 20, v, out));
    cr_ok(c.context, symo_problem_hessian(c.context, &c.problem, c.theta, h));
    cr_ok(c.context, symo_net_predict(c.net, c.theta, 33, c.x, out));
    cr_ok(c.context, symo_test_statistics(c.net, c.theta, NULL, 1, inputs, deltas));
    cr_ok(c.context, symo_net_sample_labels(c.net, c.theta, c.rng, out));
    cr_assert_eq(symo_alloc_calls(), calls);
    double *mine[] = {v, out, h, inputs, deltas};
    for (size_t m = 0; m < 5; m++) symo_free(mine[m]);
    net_case_destroy(&c);
  }
}

/* sum_n delta_n a_n' / N is the gradient of w, sum_n delta_n / N that of b. */
Test(net_api, statistics_give_the_gradient) {
  for (size_t i = 0; i < NUM_COMBINATIONS; i++) {
    net_case c = digits_like(i, 700);
    double *grad = net_vector(c.size), *inputs = net_vector(700 * 8), *deltas = net_vector(700 * 8);
    double product[64], ones[700];
    cr_ok(c.context, c.problem.gradient(c.problem.self, c.theta, NULL, grad));
    for (size_t r = 0; r < 700; r++) ones[r] = 1.0;
    size_t at = 0;
    for (size_t l = 0; l < 3; l++) {
      symo_net_weight weight = symo_net_get_weight(c.net, l);
      size_t in = weight.inputs, out = weight.outputs;
      cr_assert(weight.weight == at && weight.rows == 1);
      cr_ok(c.context, symo_test_statistics(c.net, c.theta, NULL, l, inputs, deltas));
      symo_mat d = symo_mat_t(symo_mat_dense(deltas, 700, out));
      symo_gemm(SYMO_F64, 1.0 / 700, d, symo_mat_dense(inputs, 700, in), 0.0,
                symo_mat_dense(product, out, in));
      cr_assert(symo_test_rel(product, grad + at, in * out) <= 1e-12, "%s layer %zu",
                net_spec_text(&c.spec), l);
      at += in * out;
      if (!c.spec.bias) continue;
      symo_gemm(SYMO_F64, 1.0 / 700, d, symo_mat_dense(ones, 700, 1), 0.0,
                symo_mat_dense(product, out, 1));
      cr_assert(symo_test_rel(product, grad + at, out) <= 1e-12);
      at += out;
    }
    symo_free(grad), symo_free(inputs), symo_free(deltas);
    net_case_destroy(&c);
  }
}

/* Labels drawn from the model have the model's mean, so the mean output gradient under them is 0.
 */
Test(net_api, sampled_labels) {
  enum { N = 40, DRAWS = 400 };
  for (size_t loss = 0; loss < 3; loss++) {
    net_case c = digits_like(4 * loss, N);
    size_t m = c.outputs;
    double *labels = net_vector(N * m), *inputs = net_vector(N * 5), *deltas = net_vector(N * m);
    double sum = 0.0, square = 0.0;
    for (size_t draw = 0; draw < DRAWS; draw++) {
      cr_ok(c.context, symo_net_sample_labels(c.net, c.theta, c.rng, labels));
      for (size_t r = 0; r < N && loss == 1; r++) {
        double mass = 0.0;
        for (size_t i = 0; i < m; i++) {
          cr_assert(labels[r * m + i] == 0.0 || labels[r * m + i] == 1.0);
          mass += labels[r * m + i];
        }
        cr_assert(mass == 1.0);
      }
      cr_ok(c.context, symo_test_statistics(c.net, c.theta, labels, 2, inputs, deltas));
      for (size_t r = 0; r < N; r++) sum += deltas[r * m], square += deltas[r * m] * deltas[r * m];
    }
    double error = sqrt(square) / (N * DRAWS);
    cr_assert(fabs(sum / (N * DRAWS)) <= 5.0 * error, "%g +- %g", sum / (N * DRAWS), error);
    cr_assert(square > 0.0);
    symo_free(labels), symo_free(inputs), symo_free(deltas);
    net_case_destroy(&c);
  }
}

Test(net_api, init_and_flops) {
  net_case c = digits_like(0, 10);
  double *theta = net_vector(c.size);
  symo_net_init(c.net, 3.0, c.rng, theta);
  double norm = symo_nrm2(SYMO_F64, c.size, theta) / sqrt((double)c.size);
  cr_assert(norm > 2.0 && norm < 4.0);
  double flops = symo_net_hessian_flops(c.net), p = (double)c.size;
  cr_assert(flops > 10.0 * p * p * 0.5 && flops < 10.0 * p * p * 4.0);
  symo_free(theta);
  net_case_destroy(&c);
}
