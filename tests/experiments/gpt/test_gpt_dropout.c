/* Dropout of transformers. */
#include <math.h>
#include <string.h>

#include "core/linalg.h"
#include "net/op.h"
#include "tests/experiments/gpt/test_gpt_support.h"

static symo_gpt_spec with_dropout(size_t index, double rate) {
  symo_gpt_spec gpt = gpt_combination(index);
  gpt.dropout = rate;
  return gpt;
}

/* ---- the operation ---- */

enum { POSITIONS = 8, WIDTH = 50 };

/* What becomes of ones, for examples [first, first + n): out [POSITIONS, n, k, WIDTH]. */
static void drop(symo_dtype dtype, double rate, uint64_t seed, uint64_t salt, size_t first,
                 size_t n, size_t k, void *out) {
  const symo_node node = {.in_width = WIDTH, .in_rows = POSITIONS, .rate = rate, .salt = salt};
  const symo_pass pass = {
      .dtype = dtype, .n = n, .k = k, .first = first, .dropping = true, .seed = seed};
  const size_t count = POSITIONS * n * k * WIDTH;
  for (size_t i = 0; i < count; i++) symo_put(dtype, out, i, 1.0);
  symo_op_dropout.apply(&node, &pass, k, out, out);
}

/* The share that falls, the mean, and no row like another. */
Test(gpt_dropout, mean_and_share) {
  enum { N = 64, COUNT = POSITIONS * N * WIDTH };
  static const double rates[] = {0.1, 0.5, 0.9};
  for (int d = 0; d < 2; d++)
    for (size_t r = 0; r < 3; r++) {
      const symo_dtype dtype = d == 0 ? SYMO_F64 : SYMO_F32;
      double *y = net_vector(COUNT), mean = 0.0, fallen = 0.0, both = 0.0;
      drop(dtype, rates[r], 7, 3, 0, N, 1, y);
      for (size_t i = 0; i < COUNT; i++) {
        const double value = symo_get(dtype, y, i), kept = 1.0 / (1.0 - rates[r]);
        cr_assert(value == 0.0 || fabs(value - kept) <= 1e-6 * kept);
        mean += value / COUNT;
        fallen += value == 0.0;
        both += value == 0.0 && symo_get(dtype, y, (i + WIDTH) % COUNT) == 0.0;
      }
      const double rate = rates[r], deviation = sqrt(rate * (1 - rate) / COUNT);
      cr_assert(fabs(fallen / COUNT - rate) <= 5 * deviation, "share %g", fallen / COUNT);
      cr_assert(fabs(mean - 1.0) <= 5 * deviation / (1 - rate), "mean %g", mean);
      cr_assert(fabs(both / COUNT - rate * rate) <= 10 * deviation, "neighbours %g", both / COUNT);
      symo_free(y);
    }
}

/* Seed, salt and example each choose another mask; direction and chunk do not. */
Test(gpt_dropout, what_the_mask_hangs_on) {
  enum { N = 3, COUNT = POSITIONS * N * WIDTH };
  double *y = net_vector(COUNT), *z = net_vector(COUNT), *many = net_vector(2 * COUNT);
  drop(SYMO_F64, 0.5, 1, 2, 4, N, 1, y);
  drop(SYMO_F64, 0.5, 1, 2, 4, N, 1, z);
  cr_assert(memcmp(y, z, COUNT * sizeof *y) == 0);
  const size_t others[][3] = {{2, 2, 4}, {1, 3, 4}, {2, 1, 4}, {1, 2, 7}};
  for (size_t o = 0; o < 4; o++) {
    size_t equal = 0;
    drop(SYMO_F64, 0.5, others[o][0], others[o][1], others[o][2], N, 1, z);
    for (size_t i = 0; i < COUNT; i++) equal += y[i] == z[i];
    cr_assert(fabs((double)equal / COUNT - 0.5) <= 0.1, "%zu: %zu of %d equal", o, equal, COUNT);
  }
  drop(SYMO_F64, 0.5, 1, 2, 5, 1, 1, z); /* the second example of y by itself */
  drop(SYMO_F64, 0.5, 1, 2, 4, N, 2, many);
  for (size_t p = 0; p < POSITIONS; p++)
    for (size_t i = 0; i < WIDTH; i++) {
      const size_t row = p * N + 1;
      cr_assert(z[p * WIDTH + i] == y[row * WIDTH + i]);
      for (size_t s = 0; s < 2; s++)
        cr_assert(many[(row * 2 + s) * WIDTH + i] == y[row * WIDTH + i]);
    }
  symo_free(y), symo_free(z), symo_free(many);
}

/* ---- networks ---- */

/* The derivatives are those of the loss with the same entries left out. */
Test(gpt_dropout, derivatives) {
  for (size_t i = 0; i < NUM_GPTS; i++) {
    symo_gpt_spec gpt = with_dropout(i, 0.3);
    gpt.layers = 1;
    net_case c = gpt_case_create(&gpt, 3, 0.5, 200 + i);
    symo_net_set_dropout(c.net, true, 11 + i);
    double *grad = net_vector(c.size), *expected = net_vector(c.size), loss;
    const double h = 0x1p-12;
    static const double steps[] = {-2, -1, 1, 2}, weights[] = {1, -8, 8, -1};
    cr_ok(c.context, c.problem.gradient(c.problem.self, c.theta, NULL, grad));
    for (size_t j = 0; j < c.size; j++) {
      const double keep = c.theta[j];
      for (size_t s = 0; s < 4; s++) {
        c.theta[j] = keep + steps[s] * h;
        cr_ok(c.context, c.problem.loss(c.problem.self, c.theta, &loss));
        expected[j] += weights[s] * loss / (12.0 * h);
      }
      c.theta[j] = keep;
    }
    double rel = symo_test_rel(grad, expected, c.size);
    cr_assert(rel <= 1e-8, "%zu: gradient off by %g", i, rel);
    net_check_hvp(&c);
    net_check_structure(&c, true);
    symo_free(grad), symo_free(expected);
    net_case_destroy(&c);
  }
}

/* The same gradient whatever the chunks; another one with another seed. */
Test(gpt_dropout, chunks) {
  symo_gpt_spec gpt = with_dropout(1, 0.4);
  net_case c = gpt_case_create(&gpt, 7, 0.5, 210);
  symo_net_set_dropout(c.net, true, 5);
  double loss[2], *one = net_vector(c.size), *other = net_vector(c.size);
  cr_ok(c.context, c.problem.gradient(c.problem.self, c.theta, &loss[0], one));
  for (size_t chunk = 1; chunk <= 4; chunk++) {
    cr_ok(c.context, symo_net_set_chunk(c.net, chunk));
    cr_ok(c.context, c.problem.gradient(c.problem.self, c.theta, &loss[1], other));
    cr_assert(fabs(loss[0] - loss[1]) <= 1e-14 * loss[0], "chunks of %zu", chunk);
    cr_assert(symo_test_rel(other, one, c.size) <= 1e-13, "chunks of %zu", chunk);
  }
  symo_net_set_dropout(c.net, true, 6);
  cr_ok(c.context, c.problem.gradient(c.problem.self, c.theta, &loss[1], other));
  cr_assert(symo_test_rel(other, one, c.size) > 1e-2);
  symo_free(one), symo_free(other);
  net_case_destroy(&c);
}

/* Off at first, off when it is switched off, and never on in evaluation and outputs. */
Test(gpt_dropout, off_in_evaluation) {
  symo_gpt_spec gpt = with_dropout(1, 0.4);
  net_case c = gpt_case_create(&gpt, 4, 0.5, 220);
  const size_t w = gpt.block * gpt.vocabulary;
  double plain, dropped, loss, *f = net_vector(c.examples * w), *g = net_vector(c.examples * w);
  double next[2][7];
  uint32_t *ids = gpt_ids(3, c.x);
  cr_assert(gpt.vocabulary == 7);
  cr_ok(c.context, c.problem.loss(c.problem.self, c.theta, &plain));
  cr_assert(fabs(plain - (double)gpt_oracle_loss(&c, c.theta)) <= 1e-13 * plain);
  cr_ok(c.context, symo_net_predict(c.net, c.theta, c.examples, c.x, f));
  symo_gpt_reader *reader;
  cr_ok(c.context, symo_gpt_reader_create(c.net, c.theta, &reader));
  cr_ok(c.context, symo_gpt_next(reader, 3, ids, next[0]));
  symo_net_set_dropout(c.net, true, 9);
  cr_ok(c.context, c.problem.loss(c.problem.self, c.theta, &dropped));
  cr_assert(fabs(dropped - plain) > 1e-3 * plain);
  cr_ok(c.context, symo_net_evaluate(c.net, c.theta, &loss, NULL));
  cr_assert(loss == plain, "%.17g and %.17g", loss, plain);
  cr_ok(c.context, symo_net_predict(c.net, c.theta, c.examples, c.x, g));
  cr_ok(c.context, symo_gpt_next(reader, 1, ids, next[1])); /* all but the first is read again */
  cr_ok(c.context, symo_gpt_next(reader, 3, ids, next[1]));
  symo_gpt_reader_destroy(reader);
  cr_assert(memcmp(f, g, c.examples * w * sizeof *f) == 0);
  cr_assert(symo_test_rel(next[1], next[0], 7) <= symo_test_bound(SYMO_F64, gpt.width, 1));
  cr_ok(c.context, c.problem.loss(c.problem.self, c.theta, &loss));
  cr_assert(loss == dropped);
  symo_net_set_dropout(c.net, false, 9);
  cr_ok(c.context, c.problem.loss(c.problem.self, c.theta, &loss));
  cr_assert(loss == plain);
  symo_free(f), symo_free(g), symo_free(ids);
  net_case_destroy(&c);
}

/* Each of its places does something: embeddings, attention weights, what is added. */
Test(gpt_dropout, every_place) {
  symo_gpt_spec gpt = with_dropout(0, 0.5);
  gpt.layers = 1;
  symo_net_spec spec = symo_net_spec_default();
  cr_assert_eq(symo_gpt_to_net(NULL, &gpt, &spec), SYMO_OK);
  size_t places = 0;
  net_case c = gpt_case_create(&gpt, 4, 0.6, 230);
  double plain, loss;
  cr_ok(c.context, c.problem.loss(c.problem.self, c.theta, &plain));
  for (size_t l = 0; l < spec.num_layers; l++) {
    if (!(spec.layers[l].rate > 0.0)) continue;
    symo_net_spec one = spec;
    for (size_t m = 0; m < spec.num_layers; m++)
      if (m != l) one.layers[m].rate = 0.0;
    symo_net *net;
    cr_ok(c.context, symo_net_create(c.context, &one, &net));
    cr_ok(c.context, symo_net_set_data(net, c.examples, c.x, c.y));
    symo_problem problem = symo_net_problem(net);
    symo_net_set_dropout(net, true, 3);
    cr_ok(c.context, problem.loss(problem.self, c.theta, &loss));
    cr_assert(fabs(loss - plain) > 1e-4 * plain, "layer %zu", l);
    symo_net_destroy(net);
    places++;
  }
  cr_assert_eq(places, 4);
  net_case_destroy(&c);
}
