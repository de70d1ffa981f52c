/* Networks as text: what is read, what is written, what is refused and where. */
#include <math.h>

#include "core/linalg.h"
#include "tests/net/test_net_support.h"
#include "tests/support/statistics.h"

static symo_net_spec read_text(symo_context *context, const char *text) {
  symo_net_spec spec = symo_net_spec_default();
  cr_ok(context, symo_net_parse(context, text, &spec));
  return spec;
}

Test(net_text, round_trip) {
  static const char *const texts[] = {"20-64-5",
                                      "1-1",
                                      "20-ln-64-rms-5",
                                      "20-64-res-64-res-8-64-add-add-5",
                                      "rnn:8-16-4",
                                      "rnn:8x8-16-ln-16-4",
                                      "rnn:8-16leak0.1-4each",
                                      "rnn:9x8-16leak0.001-ln-8-4each",
                                      "rnn:9x8-16leak0.30000000000000004-4",
                                      "rnn:9x8-4each",
                                      "conv:8x8x1-c8k3-p2-c16k3-10",
                                      "conv:8x8x3-c8k3x5c-m2x1-16-10",
                                      "conv:16x2-c4k5c-p4-res-c4k1-add-10"};
  symo_context *context = symo_test_context();
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    char text[64];
    symo_net_spec spec = read_text(context, texts[i]);
    symo_net_text(&spec, text, sizeof text);
    cr_assert_str_eq(text, texts[i], "%s", text);
    symo_net_text(&spec, text, 5);
    cr_assert(strlen(text) <= 4 && strncmp(text, texts[i], strlen(text)) == 0);
  }
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(net_text, layers_and_shapes) {
  symo_context *context = symo_test_context();
  symo_net_shape shapes[SYMO_NET_MAX_LAYERS + 1];
  symo_net_spec spec = read_text(context, "conv:8x6x2-c5k3x1c-m4x2-7-3");
  cr_ok(context, symo_net_shapes(context, &spec, shapes));
  cr_assert(spec.num_layers == 5 && spec.layers[0].kind == SYMO_NET_CONV);
  cr_assert(spec.layers[0].width == 5 && spec.layers[0].window[0] == 3 &&
            spec.layers[0].window[1] == 1 && spec.layers[0].circular);
  cr_assert(spec.layers[2].kind == SYMO_NET_FLATTEN && spec.layers[4].kind == SYMO_NET_DENSE);
  cr_assert(shapes[2].axes == 2 && shapes[2].size[0] == 2 && shapes[2].size[1] == 3 &&
            shapes[2].features == 5);
  cr_assert(shapes[3].axes == 0 && shapes[3].features == 30 && shapes[5].features == 3);
  cr_assert(symo_net_inputs(&spec) == 96 && symo_net_outputs(&spec) == 3);
  cr_assert(symo_net_count(&spec) == 5 * 2 * 3 + 5 + 30 * 7 + 7 + 7 * 3 + 3);
  cr_assert(!symo_net_is_plain(&spec));
  spec = read_text(context, "3-4-2");
  cr_assert(symo_net_is_plain(&spec) && symo_net_count(&spec) == 26.0);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(net_text, open_steps) {
  symo_context *context = symo_test_context();
  symo_net *net = NULL;
  symo_net_spec spec = read_text(context, "rnn:8-16-4");
  cr_assert(symo_net_inputs(&spec) == 0);
  cr_fails(context, SYMO_E_ARGUMENT, "steps is open", symo_net_create(context, &spec, &net));
  cr_fails(context, SYMO_E_SHAPE, "65 inputs", symo_net_fit(context, &spec, 65));
  cr_fails(context, SYMO_E_SHAPE, "0 inputs", symo_net_fit(context, &spec, 0));
  cr_ok(context, symo_net_fit(context, &spec, 64));
  cr_assert(spec.input.size[0] == 8 && symo_net_inputs(&spec) == 64);
  cr_ok(context, symo_net_fit(context, &spec, 64));
  cr_fails(context, SYMO_E_SHAPE, "it takes 64 inputs, not 32", symo_net_fit(context, &spec, 32));
  cr_ok(context, symo_net_create(context, &spec, &net));
  symo_net_destroy(net);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(net_text, refusals) {
  static const struct {
    const char *text, *detail;
  } bad[] = {{"20-64x-5", "'64x' at character 4: no width"},
             {"20-c8k3-5", "'c8k3' at character 4: it takes an image"},
             {"20-p2-5", "'p2' at character 4: it takes an image"},
             {"20-foo-5", "'foo' at character 4: no layer"},
             {"20-64-ln", "'ln' at character 7: the last part is the number of outputs"},
             {"20-res-add-5", "'add' at character 8: an empty residual block"},
             {"20-add-5", "'add' at character 4: no residual block is open"},
             {"20-64-res-32-add-5", "'add' at character 14: the residual block turns 64 into 32"},
             {"20-res-64-5", "'5' at character 11: a residual block is still open"},
             {"4x4-3", "'4x4' at character 1: no number of inputs"},
             {"rnn:", "'' at character 5: no inputs of a step"},
             {"rnn:8x8x8-3-2", "'8x8x8' at character 5: no inputs of a step"},
             {"rnn:0x8-3-2", "'0x8' at character 5"},
             {"rnn:8", "'8' at character 5: no layers follow"},
             {"rnn:8-16leak-4", "'16leak' at character 7: no leak from 0.001 to 1"},
             {"rnn:8-16leak0-4", "'16leak0' at character 7: no leak from 0.001 to 1"},
             {"rnn:8-16leak1.5-4", "'16leak1.5' at character 7: its leak is not from 0.001 to 1"},
             {"rnn:8-16leak1e-5-4", "'16leak1e' at character 7: no leak from 0.001 to 1"},
             {"rnn:8-16leak0.1x-4", "'16leak0.1x' at character 7: no leak from 0.001 to 1"},
             {"rnn:8-leak0.1-4", "'leak0.1' at character 7: no layer"},
             {"rnn:8-16-each", "'each' at character 10: no layer"},
             {"rnn:8-16each-4", "'16each' at character 7: no width"},
             {"rnn:8-16-4eachx", "'4eachx' at character 10: no width"},
             {"8-16-4each", "'4each' at character 6: no width"},
             {"conv:8x1-c4k3-4each", "'4each' at character 15: no width"},
             {"rnn:8-p2-4", "'p2' at character 7: the number of steps is open"},
             {"conv:8-3", "'8' at character 6: no size of an image"},
             {"conv:8x8x1-c8-10", "'c8' at character 12: not a convolution"},
             {"conv:8x8x1-c8k4-10", "'c8k4' at character 12: a kernel is odd"},
             {"conv:8x8x1-c8k3q-10", "'c8k3q' at character 12: not a convolution"},
             {"conv:4x8x1-c8k9-10", "kernel 9 reaches past an axis of 4 (use at most 7)"},
             {"conv:8x1-c8k3x5-10", "a kernel of two axes"},
             {"conv:8x8x1-p3-10", "'p3' at character 12: window 3 does not divide an axis of 8"},
             {"conv:8x1-m2x4-10", "a window of two axes"},
             {"conv:8x8x1-m-10", "'m' at character 12: not a pool"},
             {"conv:8x8x1-10-c8k3-10", "'c8k3' at character 15: it takes an image"},
             {"conv:8x8x1-res-p2-add-10", "turns 8x8x1 into 4x4x1"},
             {"conv:8x8x1-c8k3", "the last part is the number of outputs"},
             {"conv:9000x9000x1-10", "too many numbers"},
             {"conv:900x900x1-c30k3-10", "too many numbers"},
             {"conv:900x900x3-c3k5-10", "too many numbers"}};
  symo_context *context = symo_test_context();
  symo_net_spec spec = read_text(context, "3-2");
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    cr_fails(context, SYMO_E_ARGUMENT, bad[i].detail, symo_net_parse(context, bad[i].text, &spec));
  cr_assert(symo_net_is_plain(&spec) && spec.num_layers == 1 && spec.input.features == 3);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* Specs that no text gives. */
Test(net_text, refused_specs) {
  symo_context *context = symo_test_context();
  symo_net *net = NULL;
  symo_net_spec good = read_text(context, "conv:4x4x1-c2k3-3"), spec = good;
  spec.layers[1] = (symo_net_layer){.kind = SYMO_NET_RECURRENT, .width = 2};
  cr_fails(context, SYMO_E_ARGUMENT, "layer 2 (recurrent): it takes sequences",
           symo_net_create(context, &spec, &net));
  spec = good, spec.layers[1].kind = SYMO_NET_DENSE;
  cr_fails(context, SYMO_E_ARGUMENT, "layer 2 (dense): it takes vectors",
           symo_net_create(context, &spec, &net));
  spec = good, spec.layers[1].kind = (symo_net_kind)99;
  cr_fails(context, SYMO_E_ARGUMENT, "unknown kind", symo_net_create(context, &spec, &net));
  spec = read_text(context, "rnn:3x2-4-2each");
  cr_assert(symo_net_outputs(&spec) == 6);
  spec.loss = SYMO_LOSS_CROSS_ENTROPY;
  cr_fails(context, SYMO_E_ARGUMENT, "one distribution", symo_net_create(context, &spec, &net));
  spec.loss = SYMO_LOSS_MSE, spec.layers[0].rate = 1e-4;
  cr_fails(context, SYMO_E_ARGUMENT, "leak", symo_net_create(context, &spec, &net));
  spec.layers[0].rate = 1, spec.layers[spec.num_layers++] = spec.layers[1];
  cr_fails(context, SYMO_E_ARGUMENT, "nothing follows", symo_net_create(context, &spec, &net));
  spec = good, spec.layers[1] = spec.layers[2], spec.layers[1].each = true, spec.num_layers = 2;
  cr_fails(context, SYMO_E_ARGUMENT, "outputs at each step are of sequences",
           symo_net_create(context, &spec, &net));
  spec = good, spec.num_layers = 2;
  cr_fails(context, SYMO_E_ARGUMENT, "no outputs", symo_net_create(context, &spec, &net));
  spec = good, spec.input.axes = 3;
  cr_fails(context, SYMO_E_ARGUMENT, "two axes", symo_net_create(context, &spec, &net));
  spec = good, spec.input.size[1] = 0;
  cr_fails(context, SYMO_E_ARGUMENT, "no positions", symo_net_create(context, &spec, &net));
  spec = good, spec.layers[0] = (symo_net_layer){.kind = SYMO_NET_FORK};
  cr_fails(context, SYMO_E_ARGUMENT, "is open", symo_net_create(context, &spec, &net));
  symo_context_destroy(context);
  cr_no_leaks();
}

/* ---- the rest of the interface, for layers that are not dense ---- */

static const char *const nets[] = {"rnn:3x2-4-3-2", "conv:4x4x2-c3k3-m2-res-c3k1-add-4-3",
                                   "3-ln-4-rms-2", "conv:6x2-c3k3c-p2-ln-2"};
enum { NUM_NETS = sizeof nets / sizeof *nets };

/* sum over rows of delta input' / N is the gradient of the weight, of delta / N of the bias. */
Test(net_text, statistics_give_the_gradient) {
  enum { N = 600 };
  for (size_t i = 0; i < NUM_NETS; i++) {
    symo_net_spec spec = net_combination(4 + 8 * (i % 2), nets[i]);
    net_case c = net_case_create(&spec, N, 0.5, 71);
    double *grad = net_vector(c.size), *found = net_vector(c.size), *ones = net_vector(N * 16);
    double *inputs = net_vector(N * 16 * 27), *deltas = net_vector(N * 16 * 4);
    for (size_t r = 0; r < N * 16; r++) ones[r] = 1.0;
    cr_ok(c.context, c.problem.gradient(c.problem.self, c.theta, NULL, grad));
    memcpy(found, grad, c.size * sizeof *found); /* of norms, which have no statistics */
    size_t covered = 0;
    for (size_t l = 0; l < symo_net_num_weights(c.net); l++) {
      symo_net_weight w = symo_net_get_weight(c.net, l);
      cr_ok(c.context, symo_test_statistics(c.net, c.theta, NULL, l, inputs, deltas));
      symo_mat d = symo_mat_t(symo_mat_dense(deltas, N * w.rows, w.outputs));
      symo_gemm(SYMO_F64, 1.0 / N, d, symo_mat_dense(inputs, N * w.rows, w.inputs), 0.0,
                symo_mat_dense(found + w.weight, w.outputs, w.inputs));
      covered += w.outputs * (w.inputs + (w.has_bias ? 1 : 0));
      if (w.has_bias)
        symo_gemm(SYMO_F64, 1.0 / N, d, symo_mat_dense(ones, N * w.rows, 1), 0.0,
                  symo_mat_dense(found + w.bias, w.outputs, 1));
    }
    cr_assert(symo_test_rel(found, grad, c.size) <= 1e-12, "%s", nets[i]);
    cr_assert(covered <= c.size && (covered == c.size || i >= 2));
    double *mine[] = {grad, found, ones, inputs, deltas};
    for (size_t m = 0; m < sizeof mine / sizeof *mine; m++) symo_free(mine[m]);
    net_case_destroy(&c);
  }
}

/* The rows of an example stand together and in order: the inputs of the first convolution are the
 * image about each position. */
Test(net_text, rows_of_statistics) {
  symo_net_spec spec = net_combination(0, "conv:3x2-c2k3-2");
  net_case c = net_case_create(&spec, 4, 0.5, 72);
  double *inputs = net_vector(4 * 3 * 6), *deltas = net_vector(4 * 3 * 2);
  cr_ok(c.context, symo_test_statistics(c.net, c.theta, NULL, 0, inputs, deltas));
  for (size_t n = 0; n < 4; n++)
    for (size_t p = 0; p < 3; p++)
      for (size_t f = 0; f < 2; f++)
        for (size_t q = 0; q < 3; q++) {
          bool inside = p + q >= 1 && p + q - 1 < 3;
          double x = inside ? c.x[(n * 3 + p + q - 1) * 2 + f] : 0.0;
          cr_assert(inputs[(n * 3 + p) * 6 + f * 3 + q] == x);
        }
  symo_free(inputs);
  symo_free(deltas);
  net_case_destroy(&c);
}

Test(net_text, calls_allocate_nothing) {
  for (size_t i = 0; i < NUM_NETS; i++) {
    symo_net_spec spec = net_combination(4, nets[i]);
    net_case c = net_case_create(&spec, 33, 0.5, 73);
    size_t n = c.size;
    double loss, *v = net_random(&c, 20 * n), *out = net_vector(20 * n);
    double *labels = net_vector(33 * c.outputs);
    cr_ok(c.context, c.problem.gradient(c.problem.self, c.theta, &loss, out));
    cr_ok(c.context, c.problem.hvp(c.problem.self, c.theta, 1, v, out));
    size_t calls = symo_alloc_calls();
    cr_ok(c.context, c.problem.gradient(c.problem.self, c.theta, &loss, out));
    cr_ok(c.context, c.problem.hvp(c.problem.self, c.theta, 20, v, out));
    cr_ok(c.context, c.problem.ggn(c.problem.self, c.theta, 20, v, out));
    cr_ok(c.context, symo_net_predict(c.net, c.theta, 33, c.x, labels));
    cr_ok(c.context, symo_net_sample_labels(c.net, c.theta, c.rng, labels));
    cr_assert_eq(symo_alloc_calls(), calls);
    cr_assert(c.problem.hessian == NULL);
    cr_assert(symo_net_hessian_flops(c.net) > 0.0);
    symo_free(v), symo_free(out), symo_free(labels);
    net_case_destroy(&c);
  }
}

static symo_status create_and_drop(void *self) {
  net_case *c = self;
  symo_net *net = NULL;
  symo_layout *layout = NULL;
  symo_status status = symo_net_create(c->context, &c->spec, &net);
  if (status == SYMO_OK) status = symo_net_set_data(net, c->examples, c->x, c->y);
  if (status == SYMO_OK) status = symo_net_layout(c->context, &c->spec, NULL, &layout);
  symo_layout_destroy(layout);
  symo_net_destroy(net);
  return status;
}

Test(net_text, allocation_failures) {
  for (size_t i = 0; i < NUM_NETS; i++) {
    symo_net_spec spec = net_combination(0, nets[i]);
    net_case c = net_case_create(&spec, 5, 0.5, 74);
    cr_assert(symo_test_allocations(create_and_drop, &c) >= 7);
    net_case_destroy(&c);
  }
}

/* Gains start at 1, and where all else is 0, norms pass normalised numbers on. */
Test(net_text, init) {
  symo_net_spec spec = net_combination(3, "3-4-ln-rms-2");
  net_case c = net_case_create(&spec, 5, 0.5, 75);
  double *theta = net_vector(c.size);
  symo_net_init(c.net, 0.0, c.rng, theta);
  for (size_t i = 0; i < c.size; i++)
    cr_assert(theta[i] == ((i >= 16 && i < 20) || (i >= 24 && i < 28) ? 1.0 : 0.0));
  symo_net_init_fan_in(c.net, c.rng, theta);
  for (size_t i = 16; i < 28; i++) cr_assert(theta[i] == (i >= 20 && i < 24 ? 0.0 : 1.0));
  cr_assert(symo_nrm2(SYMO_F64, 16, theta) > 0.5 && symo_nrm2(SYMO_F64, 16, theta) < 5.0);
  symo_free(theta);
  net_case_destroy(&c);
}
