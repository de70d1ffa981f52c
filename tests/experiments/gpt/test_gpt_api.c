/* Transformers: text, specs, data, starting values, statistics. */
#include <math.h>
#include <string.h>

#include "core/linalg.h"
#include "net/op.h"
#include "tests/experiments/gpt/test_gpt_support.h"
#include "tests/support/statistics.h"

/* ---- text and specs ---- */

Test(gpt_api, text) {
  symo_net_spec spec = symo_net_spec_default();
  symo_gpt_spec gpt;
  char text[128];
  static const char *const same[] = {"gpt:v65-t64-c128-h4-l4", "gpt:t8-c8-h2-l1",
                                     "gpt:v7-t5-c6-h2-l2-f9", "gpt:v7-t5-c6-h2-l2-untied",
                                     "gpt:v50257-t1024-c768-h12-l12"};
  for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
    cr_assert_eq(symo_net_parse(NULL, same[i], &spec), SYMO_OK, "%s", same[i]);
    symo_net_text(&spec, text, sizeof text);
    cr_assert_str_eq(text, same[i]);
    cr_assert(symo_gpt_of_net(&spec, &gpt));
  }
  cr_assert_eq(symo_net_parse(NULL, "gpt:l2-h2-c6-f24-t5-v7", &spec), SYMO_OK);
  symo_net_text(&spec, text, sizeof text);
  cr_assert_str_eq(text, "gpt:v7-t5-c6-h2-l2");
  cr_assert(spec.loss == SYMO_LOSS_TOKENS && symo_net_inputs(&spec) == 5);
  cr_assert(symo_net_outputs(&spec) == 35 && symo_net_targets(&spec) == 5);
  cr_assert_eq(symo_net_vocabulary(&spec), 7);
}

Test(gpt_api, text_refused) {
  static const struct {
    const char *text, *part;
  } rows[] = {{"gpt:", "no part"},
              {"gpt:t8-c8-h2", "it needs t, c, h and l"},
              {"gpt:t8-c8-h2-l1-q3", "'q3' at character 17"},
              {"gpt:t8-c8-h2-l1-t9", "said twice"},
              {"gpt:t8-c8-h2-l0", "'l0'"},
              {"gpt:t8-c8-h2-l1-f", "'f'"},
              {"gpt:t8-c9-h2-l1", "2 heads do not divide width 9"},
              {"gpt:t8-c8-h2-l99", "99 blocks (use at most 27)"}};
  symo_context *context = symo_test_context();
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    symo_net_spec spec = symo_net_spec_default();
    cr_assert_eq(symo_net_parse(context, rows[i].text, &spec), SYMO_E_ARGUMENT, "%s", rows[i].text);
    cr_assert(strstr(symo_context_detail(context), rows[i].part) != NULL, "%s: %s", rows[i].text,
              symo_context_detail(context));
    cr_assert_eq(spec.num_layers, 0);
  }
  symo_context_destroy(context);
}

static bool equal(const symo_gpt_spec *a, const symo_gpt_spec *b) {
  return a->vocabulary == b->vocabulary && a->block == b->block && a->width == b->width &&
         a->heads == b->heads && a->layers == b->layers && a->hidden == b->hidden &&
         a->bias == b->bias && a->tied == b->tied && a->dropout == b->dropout &&
         a->activation == b->activation && a->dtype == b->dtype;
}

Test(gpt_api, there_and_back) {
  for (size_t i = 0; i < 2 * NUM_GPTS; i++) {
    symo_gpt_spec gpt = gpt_combination(i % NUM_GPTS), back;
    symo_net_spec spec = symo_net_spec_default();
    if (i >= NUM_GPTS) gpt.dropout = 0.1 * (double)(i - NUM_GPTS), gpt.hidden = 0;
    cr_assert_eq(symo_gpt_to_net(NULL, &gpt, &spec), SYMO_OK);
    cr_assert(symo_gpt_of_net(&spec, &back) && equal(&gpt, &back), "%zu", i);
    symo_net_spec other = spec;
    other.layers[3].kind = SYMO_NET_RMS_NORM;
    cr_assert(!symo_gpt_of_net(&other, &back));
    other = spec, other.num_layers--;
    cr_assert(!symo_gpt_of_net(&other, &back));
  }
  symo_gpt_spec back;
  symo_net_spec spec = symo_net_spec_default();
  cr_assert_eq(symo_net_parse(NULL, "4-5-3", &spec), SYMO_OK);
  cr_assert(!symo_gpt_of_net(&spec, &back));
}

/* nanoGPT's 124M: as many parameters as it prints, and its default numbers. */
Test(gpt_api, counts) {
  symo_gpt_spec gpt = symo_gpt_spec_default();
  symo_net_spec spec = symo_net_spec_default();
  gpt.vocabulary = 50257, gpt.bias = true;
  cr_assert(gpt.block == 1024 && gpt.width == 768 && gpt.heads == 12 && gpt.layers == 12);
  cr_assert_eq(symo_gpt_to_net(NULL, &gpt, &spec), SYMO_OK);
  cr_assert_eq(symo_net_count(&spec), 124439808.0);
  symo_net_shape shapes[SYMO_NET_MAX_LAYERS + 1];
  cr_assert_eq(symo_net_shapes(NULL, &spec, shapes), SYMO_OK); /* 51 million logits */
  for (size_t i = 0; i < NUM_GPTS; i++) {
    gpt = gpt_combination(i);
    net_case c = gpt_case_create(&gpt, 1, 0.5, 300);
    cr_assert_eq(symo_net_count(&c.spec), (double)c.size);
    net_case_destroy(&c);
  }
}

Test(gpt_api, specs_refused) {
  symo_context *context = symo_test_context();
  const symo_gpt_spec good = gpt_combination(0);
  symo_net_spec spec = symo_net_spec_default(), net = spec;
  symo_net *made = NULL;
  cr_ok(context, symo_gpt_to_net(context, &good, &net));
  symo_gpt_spec bad[6] = {good, good, good, good, good, good};
  bad[0].dropout = 1.0, bad[1].dropout = NAN, bad[2].heads = 4, bad[3].block = 0;
  bad[4].layers = 0, bad[5].width = 0;
  for (size_t i = 0; i < 6; i++)
    cr_assert_eq(symo_gpt_to_net(context, &bad[i], &spec), SYMO_E_ARGUMENT, "%zu", i);
  cr_assert_eq(spec.num_layers, 0);
  spec = net, spec.layers[0].count = spec.layers[spec.num_layers - 1].width = 0;
  cr_assert_eq(symo_net_create(context, &spec, &made), SYMO_E_ARGUMENT);
  cr_assert(strstr(symo_context_detail(context), "vocabulary is open") != NULL);
  spec = net, spec.loss = SYMO_LOSS_MSE;
  cr_assert_eq(symo_net_create(context, &spec, &made), SYMO_E_ARGUMENT);
  spec = net, spec.layers[spec.num_layers - 1].width++;
  cr_assert_eq(symo_net_create(context, &spec, &made), SYMO_E_ARGUMENT);
  spec = net, spec.layers[3].count = 4; /* heads */
  cr_assert_eq(symo_net_create(context, &spec, &made), SYMO_E_ARGUMENT);
  spec = net, spec.layers[1] = spec.layers[0];
  cr_assert_eq(symo_net_create(context, &spec, &made), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_net_parse(context, "4-5-3", &spec), SYMO_OK);
  spec.loss = SYMO_LOSS_TOKENS;
  cr_assert_eq(symo_net_create(context, &spec, &made), SYMO_E_ARGUMENT);
  spec.loss = SYMO_LOSS_MSE, spec.layers[0] = (symo_net_layer){.kind = SYMO_NET_ATTENTION};
  cr_assert_eq(symo_net_create(context, &spec, &made), SYMO_E_ARGUMENT);
  spec.layers[0] = (symo_net_layer){.kind = SYMO_NET_DROPOUT, .rate = -0.1};
  cr_assert_eq(symo_net_create(context, &spec, &made), SYMO_E_ARGUMENT);
  symo_context_destroy(context);
}

Test(gpt_api, vocabulary) {
  symo_context *context = symo_test_context();
  symo_net_spec spec = symo_net_spec_default();
  cr_ok(context, symo_net_parse(context, "gpt:t5-c6-h2-l1", &spec));
  cr_assert_eq(symo_net_vocabulary(&spec), 0);
  cr_ok(context, symo_net_set_vocabulary(context, &spec, 9));
  cr_assert(symo_net_vocabulary(&spec) == 9 && symo_net_outputs(&spec) == 45);
  cr_ok(context, symo_net_set_vocabulary(context, &spec, 8));
  cr_assert_eq(symo_net_vocabulary(&spec), 9);
  cr_assert_eq(symo_net_set_vocabulary(context, &spec, 10), SYMO_E_SHAPE);
  cr_ok(context, symo_net_fit(context, &spec, 5));
  cr_assert_eq(symo_net_fit(context, &spec, 6), SYMO_E_SHAPE);
  cr_ok(context, symo_net_parse(context, "4-5-3", &spec));
  cr_assert_eq(symo_net_set_vocabulary(context, &spec, 9), SYMO_E_SHAPE);
  symo_context_destroy(context);
}

/* ---- data ---- */

Test(gpt_api, data_that_are_no_tokens) {
  symo_gpt_spec gpt = gpt_combination(0);
  net_case c = gpt_case_create(&gpt, 2, 0.5, 310);
  const size_t count = 2 * gpt.block;
  double *f = net_vector(c.size), *out = net_vector(count * gpt.vocabulary);
  double *deltas = net_vector(count * 3 * gpt.width);
  static const double wrong[] = {-1.0, 7.0, 1.5, -0.5, NAN};
  for (size_t i = 0; i < 5; i++) {
    const symo_status expected = isnan(wrong[i]) ? SYMO_E_NONFINITE : SYMO_E_ARGUMENT;
    const double x = c.x[3], y = c.y[6];
    c.x[3] = wrong[i];
    cr_assert_eq(symo_net_set_data(c.net, 2, c.x, c.y), expected);
    cr_assert_eq(symo_net_predict(c.net, c.theta, 2, c.x, out), SYMO_E_ARGUMENT);
    c.x[3] = x, c.y[6] = wrong[i];
    cr_assert_eq(symo_net_set_data(c.net, 2, c.x, c.y), expected);
    cr_assert(strstr(symo_context_detail(c.context), "target 1 of example 1") != NULL);
    cr_assert_eq(symo_test_statistics(c.net, c.theta, c.y, 0, f, deltas), SYMO_E_ARGUMENT);
    c.y[6] = y;
  }
  uint32_t *ids = gpt_ids(count, c.x), *next = gpt_ids(count, c.y);
  cr_ok(c.context, symo_net_set_tokens(c.net, 2, ids, next));
  next[6] = 7;
  cr_fails(c.context, SYMO_E_ARGUMENT, "target 1 of example 1 is 7",
           symo_net_set_tokens(c.net, 2, ids, next));
  ids[3] = UINT32_MAX;
  cr_fails(c.context, SYMO_E_ARGUMENT, "input 3 of example 0 is 4",
           symo_net_set_tokens(c.net, 2, ids, next));
  symo_free(ids), symo_free(next), symo_free(f), symo_free(out), symo_free(deltas);
  net_case_destroy(&c);
}

/* Ids are the data that the same numbers are; where there is room nothing allocates. */
Test(gpt_api, ids_in_place) {
  symo_gpt_spec gpt = gpt_combination(1);
  net_case c = gpt_case_create(&gpt, 5, 0.5, 320);
  const size_t t = gpt.block;
  uint32_t *x = gpt_ids(5 * t, c.x), *y = gpt_ids(5 * t, c.y);
  double whole, part, loss;
  cr_ok(c.context, c.problem.loss(c.problem.self, c.theta, &whole));
  cr_ok(c.context, symo_net_set_data(c.net, 2, c.x + 3 * t, c.y + 3 * t));
  cr_ok(c.context, c.problem.loss(c.problem.self, c.theta, &part));
  cr_assert(fabs(part - whole) > 1e-6);
  cr_ok(c.context, symo_net_set_tokens(c.net, 5, x, y));
  cr_ok(c.context, c.problem.loss(c.problem.self, c.theta, &loss));
  cr_assert(loss == whole);
  const size_t blocks = symo_alloc_live_blocks();
  symo_alloc_fail_after(0);
  cr_assert_eq(symo_net_set_tokens(c.net, 2, x + 3 * t, y + 3 * t), SYMO_OK);
  cr_assert_eq(c.problem.loss(c.problem.self, c.theta, &loss), SYMO_OK);
  cr_assert(loss == part);
  cr_assert_eq(symo_net_set_tokens(c.net, 5, x, y), SYMO_OK);
  symo_alloc_fail_after(-1);
  cr_ok(c.context, c.problem.loss(c.problem.self, c.theta, &loss));
  cr_assert(loss == whole);
  cr_assert_eq(symo_alloc_live_blocks(), blocks);
  cr_assert_eq(symo_net_set_tokens(c.net, 0, x, y), SYMO_E_SHAPE);
  symo_free(x), symo_free(y);
  net_case_destroy(&c);
}

Test(gpt_api, ids_for_numbers) {
  symo_net_spec spec = net_combination(0, "2-3-2");
  net_case c = net_case_create(&spec, 1, 0.5, 325);
  static const uint32_t ids[] = {0, 1};
  cr_fails(c.context, SYMO_E_ARGUMENT, "reads no tokens", symo_net_set_tokens(c.net, 1, ids, ids));
  net_case_destroy(&c);
}

/* float32 holds 16777216 but not the next integer. */
Test(gpt_api, ids_beyond_float32) {
  enum { FAR = 1 << 24, ROWS = FAR + 2 };
  float *theta = symo_calloc(ROWS + 1, sizeof *theta), out[2] = {0};
  cr_assert(theta != NULL);
  uint32_t ids[] = {FAR, FAR + 1};
  void *value[] = {ids, out};
  const symo_node node = {.in = {0, -1},
                          .out = {1, -1},
                          .in_width = 1,
                          .out_width = 1,
                          .in_rows = 1,
                          .out_rows = 1,
                          .weight_rows = ROWS,
                          .weight_columns = 1,
                          .bias = ROWS};
  symo_pass pass = {.dtype = SYMO_F32, .n = 2, .theta = theta, .value = value};
  theta[FAR] = 3.0f, theta[FAR + 1] = 5.0f;
  symo_op_embedding.forward(&node, &pass, 0);
  cr_assert(out[0] == 3.0f && out[1] == 5.0f, "%g %g", (double)out[0], (double)out[1]);
  symo_free(theta);
}

/* Outputs stand by example, then position; accuracy counts tokens. */
Test(gpt_api, outputs_and_accuracy) {
  symo_gpt_spec gpt = gpt_combination(1);
  net_case c = gpt_case_create(&gpt, 6, 0.7, 340);
  const size_t t = gpt.block, v = gpt.vocabulary;
  double *f = net_vector(6 * t * v), right = 0.0, loss, accuracy;
  long double logits[64];
  cr_ok(c.context, symo_net_predict(c.net, c.theta, 6, c.x, f));
  for (size_t r = 0; r < 6; r++) {
    gpt_oracle_logits(&gpt, c.theta, c.x + r * t, logits);
    for (size_t i = 0; i < t * v; i++)
      cr_assert(fabs(f[r * t * v + i] - (double)logits[i]) <= 1e-12);
    for (size_t p = 0; p < t; p++) {
      size_t best = 0;
      for (size_t k = 1; k < v; k++)
        if (logits[p * v + k] > logits[p * v + best]) best = k;
      if (p % 2 == 0) c.y[r * t + p] = (double)best;
      right += (double)best == c.y[r * t + p];
    }
  }
  cr_ok(c.context, symo_net_set_data(c.net, 6, c.x, c.y));
  cr_ok(c.context, symo_net_evaluate(c.net, c.theta, &loss, &accuracy));
  cr_assert(fabs(accuracy - right / (double)(6 * t)) <= 1e-15, "%g", accuracy);
  cr_assert(accuracy >= 0.6 && accuracy < 1.0);
  symo_free(f);
  net_case_destroy(&c);
}

/* ---- starting values ---- */

static double deviation(const net_case *c, const double *theta, const char *tensor) {
  size_t size, at = gpt_offset(c, tensor, &size);
  double sum = 0.0;
  for (size_t i = 0; i < size; i++) sum += theta[at + i] * theta[at + i];
  return sqrt(sum / (double)size);
}

Test(gpt_api, start) {
  symo_gpt_spec gpt = {.vocabulary = 50, .block = 40, .width = 48, .heads = 4, .layers = 2};
  gpt.bias = true, gpt.dropout = 0.1, gpt.dtype = SYMO_F64;
  net_case c = gpt_case_create(&gpt, 1, 0.5, 350);
  symo_gpt_init(c.net, c.rng, c.theta);
  static const char *const wide[] = {"wte.weight",          "wpe.weight",
                                     "h.0.attn.q.weight",   "h.1.attn.v.weight",
                                     "h.1.mlp.c_fc.weight", "lm_head.weight"};
  static const char *const small[] = {"h.0.attn.c_proj.weight", "h.1.attn.c_proj.weight",
                                      "h.0.mlp.c_proj.weight", "h.1.mlp.c_proj.weight"};
  static const char *const zero[] = {"h.0.ln_1.bias", "h.0.attn.q.bias", "h.1.attn.c_proj.bias",
                                     "h.1.mlp.c_fc.bias", "ln_f.bias"};
  static const char *const one[] = {"h.0.ln_1.weight", "h.1.ln_2.weight", "ln_f.weight"};
  for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
    cr_assert(fabs(deviation(&c, c.theta, wide[i]) / 0.02 - 1.0) <= 0.1, "%s", wide[i]);
  for (size_t i = 0; i < sizeof small / sizeof *small; i++)
    cr_assert(fabs(deviation(&c, c.theta, small[i]) / 0.01 - 1.0) <= 0.1, "%s", small[i]);
  for (size_t i = 0; i < sizeof zero / sizeof *zero; i++)
    cr_assert(deviation(&c, c.theta, zero[i]) == 0.0, "%s", zero[i]);
  for (size_t i = 0; i < sizeof one / sizeof *one; i++)
    cr_assert(deviation(&c, c.theta, one[i]) == 1.0, "%s", one[i]);
  net_case_destroy(&c);
}

/* ---- statistics ---- */

/* The sum over tokens of delta input' is N times the gradient of each weight. */
Test(gpt_api, statistics) {
  symo_gpt_spec gpt = gpt_combination(3);
  net_case c = gpt_case_create(&gpt, 4, 0.6, 360);
  double *grad = net_vector(c.size);
  cr_ok(c.context, c.problem.gradient(c.problem.self, c.theta, NULL, grad));
  cr_assert_eq(symo_net_num_weights(c.net), 4 * gpt.layers + 1);
  for (size_t i = 0; i < symo_net_num_weights(c.net); i++) {
    const symo_net_weight w = symo_net_get_weight(c.net, i);
    const size_t rows = c.examples * w.rows;
    double *a = net_vector(rows * w.inputs), *d = net_vector(rows * w.outputs);
    double *sum = net_vector(w.inputs * w.outputs);
    cr_ok(c.context, symo_test_statistics(c.net, c.theta, NULL, i, a, d));
    symo_gemm(SYMO_F64, 1.0 / (double)c.examples, symo_mat_t(symo_mat_dense(d, rows, w.outputs)),
              symo_mat_dense(a, rows, w.inputs), 0.0, symo_mat_dense(sum, w.outputs, w.inputs));
    cr_assert(symo_test_rel(sum, grad + w.weight, w.inputs * w.outputs) <= 1e-13, "%zu", i);
    symo_free(a), symo_free(d), symo_free(sum);
  }
  symo_free(grad);
  net_case_destroy(&c);
}

/* Drawn tokens follow the model: the mean of the gradient at them is zero. */
Test(gpt_api, drawn_tokens) {
  enum { DRAWS = 4000 };
  symo_gpt_spec gpt = gpt_combination(2);
  net_case c = gpt_case_create(&gpt, 2, 0.5, 370);
  const size_t t = gpt.block, v = gpt.vocabulary, rows = c.examples * t;
  double *f = net_vector(rows * v), *share = net_vector(rows * v), *labels = net_vector(rows);
  cr_ok(c.context, symo_net_predict(c.net, c.theta, c.examples, c.x, f));
  for (size_t s = 0; s < DRAWS; s++) {
    cr_ok(c.context, symo_net_sample_labels(c.net, c.theta, c.rng, labels));
    for (size_t r = 0; r < rows; r++) {
      cr_assert(labels[r] >= 0 && labels[r] < (double)v && labels[r] == floor(labels[r]));
      share[r * v + (size_t)labels[r]] += 1.0 / DRAWS;
    }
  }
  for (size_t r = 0; r < rows; r++) {
    double mass = 0.0;
    for (size_t k = 0; k < v; k++) mass += exp(f[r * v + k]);
    for (size_t k = 0; k < v; k++) {
      const double p = exp(f[r * v + k]) / mass;
      cr_assert(fabs(share[r * v + k] - p) <= 5 * sqrt(p * (1 - p) / DRAWS) + 1e-3);
    }
  }
  symo_free(f), symo_free(share), symo_free(labels);
  net_case_destroy(&c);
}
