/* Losses and gradients by several threads, with recomputation, and in chunks of any size: the same
 * numbers; memory as predicted. */
#include "core/linalg.h"
#include "core/pool.h"
#include "net/gpt.h"
#include "net/graph.h"
#include "tests/experiments/gpt/test_gpt_support.h"
#include "tests/net/test_net_support.h"

#include <math.h>

static const char *const nets[] = {
    "7-12-9-4",
    "6-8-res-ln-8-res-8-add-8-add-ln-5",
    "rnn:4x3-6-2",
    "conv:4x4x2-c4k3-res-rms-c4k3-add-m2-5",
    "5-res-5-add-6-res-rms-6-6-add-res-ln-6-add-3",
};
enum { NUM_NETS = sizeof nets / sizeof *nets, EXAMPLES = 37, LANES = 3 };

typedef struct lanes_case {
  net_case c;
  double loss, accuracy, *grad; /* in one lane */
} lanes_case;

static double take(net_case *c, double *grad) {
  double loss;
  cr_ok(c->context, c->problem.gradient(c->problem.self, c->packed, &loss, grad));
  return loss;
}

static lanes_case create(const char *net, size_t combination) {
  symo_net_spec spec = net_combination(combination, net);
  lanes_case l = {.c = net_case_create(&spec, EXAMPLES, 0.6, 91)};
  l.grad = net_vector(l.c.size);
  l.loss = take(&l.c, l.grad);
  cr_ok(l.c.context, symo_net_evaluate(l.c.net, l.c.packed, &l.loss, &l.accuracy));
  return l;
}

static void drop(lanes_case *l) {
  symo_free(l->grad);
  net_case_destroy(&l->c);
}

static bool same_bits(const double *a, const double *b, size_t n) {
  return memcmp(a, b, n * sizeof *a) == 0;
}

/* Twice the same bits; and nothing allocated the second time. */
static void check_lanes(lanes_case *l, const char *net) {
  net_case *c = &l->c;
  double *once = net_vector(c->size), *again = net_vector(c->size), loss, accuracy;
  const double first = take(c, once);
  const size_t calls = symo_alloc_calls();
  for (int i = 0; i < 5; i++) {
    cr_assert(take(c, again) == first);
    cr_assert(same_bits(once, again, c->size), "%s", net);
  }
  cr_ok(c->context, symo_net_evaluate(c->net, c->packed, &loss, &accuracy));
  cr_assert_eq(symo_alloc_calls(), calls);
  cr_assert(fabs(loss - l->loss) <= 1e-13 * fabs(l->loss), "%s", net);
  cr_assert(accuracy == l->accuracy || (isnan(accuracy) && isnan(l->accuracy)));
  cr_assert(fabs(first - l->loss) <= 1e-13 * fabs(l->loss), "%s", net);
  cr_assert(symo_test_rel(once, l->grad, c->size) <= 1e-12, "%s", net);
  symo_free(once), symo_free(again);
}

Test(net_lanes, any_number_gives_the_same) {
  for (size_t i = 0; i < NUM_NETS; i++) {
    lanes_case l = create(nets[i], 4 + i % 8);
    for (int threads = 1; threads <= LANES; threads++)
      for (size_t chunk = 0; chunk <= 15; chunk += 5) {
        symo_pool *pool = NULL;
        cr_ok(l.c.context, symo_pool_create(l.c.context, threads, &pool));
        symo_net_set_pool(l.c.net, pool);
        cr_ok(l.c.context, symo_net_set_chunk(l.c.net, chunk));
        cr_assert_eq(symo_net_get_lanes(l.c.net).lanes, threads);
        check_lanes(&l, nets[i]);
        symo_net_set_pool(l.c.net, NULL);
        symo_pool_destroy(pool);
      }
    drop(&l);
  }
}

/* Panels of the products taken by threads; more threads than there are columns. */
Test(net_lanes, dense_hessians) {
  static const char *const plain[] = {"7-12-9-4", "2-3-1"};
  for (size_t i = 0; i < 2; i++) {
    lanes_case l = create(plain[i], i);
    const size_t n = l.c.size;
    double *alone = net_vector(n * n), *h = net_vector(n * n);
    cr_ok(l.c.context, symo_problem_hessian(l.c.context, &l.c.problem, l.c.theta, alone));
    for (int threads = 2; threads <= 7; threads += 5) {
      symo_pool *pool = NULL;
      cr_ok(l.c.context, symo_pool_create(l.c.context, threads, &pool));
      symo_net_set_pool(l.c.net, pool);
      for (int again = 0; again < 2; again++) {
        cr_ok(l.c.context, symo_problem_hessian(l.c.context, &l.c.problem, l.c.theta, h));
        cr_assert(symo_test_rel(h, alone, n * n) <= 1e-13, "%s, %d threads", plain[i], threads);
      }
      symo_net_set_pool(l.c.net, NULL);
      symo_pool_destroy(pool);
    }
    cr_ok(l.c.context, symo_problem_hessian(l.c.context, &l.c.problem, l.c.theta, h));
    cr_assert(same_bits(h, alone, n * n), "%s", plain[i]);
    symo_free(alone), symo_free(h);
    drop(&l);
  }
}

Test(net_lanes, recomputation_gives_the_same_bits) {
  for (size_t i = 0; i < NUM_NETS; i++) {
    lanes_case l = create(nets[i], 4 + i % 8);
    double *grad = net_vector(l.c.size);
    for (size_t chunk = 0; chunk <= 10; chunk += 5) {
      cr_ok(l.c.context, symo_net_set_chunk(l.c.net, chunk));
      symo_net_set_recompute(l.c.net, false);
      const double loss = take(&l.c, l.grad);
      symo_net_set_recompute(l.c.net, true);
      cr_assert(symo_net_get_lanes(l.c.net).recompute);
      cr_assert(take(&l.c, grad) == loss, "%s", nets[i]);
      cr_assert(same_bits(grad, l.grad, l.c.size), "%s in chunks of %zu", nets[i], chunk);
      check_lanes(&l, nets[i]);
    }
    symo_free(grad);
    drop(&l);
  }
}

/* More lanes than examples, chosen examples, and products beside it all. */
Test(net_lanes, selections_and_products) {
  lanes_case l = create(nets[1], 4);
  net_case *c = &l.c;
  const size_t rows[] = {30, 2, 2, 17, 5}, few = 2;
  double *v = net_random(c, c->size), *hv = net_vector(c->size), *other = net_vector(c->size);
  double *one = net_vector(c->size), *three = net_vector(c->size);
  symo_pool *pool = NULL;
  cr_ok(c->context, c->problem.hvp(c->problem.self, c->packed, 1, v, hv));
  cr_ok(c->context, symo_pool_create(c->context, LANES, &pool));
  for (size_t count = few; count <= 5; count += 3) {
    cr_ok(c->context, symo_net_select(c->net, count, rows));
    symo_net_set_pool(c->net, NULL);
    (void)take(c, one);
    symo_net_set_pool(c->net, pool);
    (void)take(c, three);
    cr_assert(symo_test_rel(three, one, c->size) <= 1e-12);
  }
  symo_net_set_recompute(c->net, true);
  cr_ok(c->context, symo_net_select(c->net, 0, NULL));
  cr_ok(c->context, c->problem.hvp(c->problem.self, c->packed, 1, v, other));
  cr_assert(same_bits(hv, other, c->size));
  symo_net_set_pool(c->net, NULL);
  symo_pool_destroy(pool);
  double *mine[] = {v, hv, other, one, three};
  for (size_t i = 0; i < 5; i++) symo_free(mine[i]);
  drop(&l);
}

Test(net_lanes, float32) {
  for (size_t i = 0; i < NUM_NETS; i++) {
    symo_net_spec spec = net_combination(4, nets[i]);
    spec.dtype = SYMO_F32;
    net_case c = net_case_create(&spec, EXAMPLES, 0.6, 92);
    float *grad = symo_calloc(c.size, sizeof *grad), *lanes = symo_calloc(c.size, sizeof *lanes);
    double *wide = net_vector(c.size), loss;
    symo_pool *pool = NULL;
    cr_ok(c.context, c.problem.gradient(c.problem.self, c.packed, &loss, grad));
    symo_test_widen(grad, wide, c.size);
    cr_ok(c.context, symo_pool_create(c.context, 2, &pool));
    symo_net_set_pool(c.net, pool);
    symo_net_set_recompute(c.net, true);
    cr_ok(c.context, c.problem.gradient(c.problem.self, c.packed, &loss, lanes));
    cr_assert(symo_test_rel_dtype(SYMO_F32, lanes, wide, c.size) <= 1e-5, "%s", nets[i]);
    symo_net_set_pool(c.net, NULL);
    symo_pool_destroy(pool);
    symo_free(grad), symo_free(lanes), symo_free(wide);
    net_case_destroy(&c);
  }
}

/* ---- transformers: dropout does not depend on lanes, chunks and segments ---- */

Test(net_lanes, transformers_with_dropout) {
  symo_gpt_spec gpt = gpt_combination(0);
  gpt.dropout = 0.3, gpt.dtype = SYMO_F64;
  net_case c = gpt_case_create(&gpt, 11, 0.4, 94);
  double *one = net_vector(c.size), *again = net_vector(c.size);
  symo_pool *pool = NULL;
  cr_ok(c.context, symo_pool_create(c.context, LANES, &pool));
  symo_net_set_dropout(c.net, true, 5);
  const double loss = take(&c, one);
  cr_assert(symo_net_get_lanes(c.net).bytes > 0.0);
  symo_net_set_recompute(c.net, true);
  cr_assert(take(&c, again) == loss && same_bits(one, again, c.size));
  symo_net_set_pool(c.net, pool);
  for (size_t chunk = 0; chunk <= 3; chunk++) {
    cr_ok(c.context, symo_net_set_chunk(c.net, chunk));
    cr_assert(fabs(take(&c, again) - loss) <= 1e-13 * loss);
    cr_assert(symo_test_rel(again, one, c.size) <= 1e-12);
  }
  symo_net_set_dropout(c.net, true, 6);
  cr_assert(fabs(take(&c, again) - loss) >= 1e-6 * loss);
  symo_net_set_pool(c.net, NULL);
  symo_pool_destroy(pool);
  symo_free(one), symo_free(again);
  net_case_destroy(&c);
}

/* ---- memory ---- */

Test(net_lanes, memory_is_as_predicted) {
  for (size_t i = 0; i < NUM_NETS; i++)
    for (int threads = 1; threads <= LANES; threads++)
      for (int again = 0; again < 2; again++) {
        symo_net_spec spec = net_combination(0, nets[i]);
        net_case c = net_case_create(&spec, 5, 0.5, 93);
        symo_net *net = NULL;
        symo_pool *pool = NULL;
        double loss, *grad = net_vector(c.size);
        cr_ok(c.context, symo_pool_create(c.context, threads, &pool));
        const double predicted = symo_net_bytes(&spec, threads, again == 1);
        const size_t before = symo_alloc_live_bytes();
        cr_ok(c.context, symo_net_create(c.context, &spec, &net));
        symo_net_set_pool(net, pool);
        symo_net_set_recompute(net, again == 1);
        cr_ok(c.context, symo_net_set_data(net, 5, c.x, c.y));
        symo_problem p = symo_net_problem(net);
        cr_ok(c.context, p.gradient(p.self, c.theta, &loss, grad));
        const double data = 5.0 * (double)(c.inputs + c.outputs) * sizeof(double);
        const double taken = (double)(symo_alloc_live_bytes() - before) - data;
        cr_assert(fabs(predicted - taken) <= 0.01 * taken, "%s: %g and %g bytes", nets[i],
                  predicted, taken);
        symo_net_destroy(net);
        symo_pool_destroy(pool);
        symo_free(grad);
        net_case_destroy(&c);
      }
  symo_net_spec none = symo_net_spec_default();
  cr_assert(isnan(symo_net_bytes(&none, 1, false)));
}

Test(net_lanes, less_memory) {
  lanes_case l = create("9-res-ln-30-9-add-res-ln-30-9-add-res-ln-30-9-add-4", 4);
  net_case *c = &l.c;
  double *grad = net_vector(c->size), loss;
  const double all = symo_net_get_lanes(c->net).bytes;
  symo_net_set_recompute(c->net, true);
  const double less = symo_net_get_lanes(c->net).bytes;
  cr_assert(less <= 0.7 * all, "%g of %g", less, all);
  cr_ok(c->context, c->problem.gradient(c->problem.self, c->packed, &loss, grad));
  cr_ok(c->context, symo_net_set_chunk(c->net, 1));
  cr_ok(c->context, c->problem.gradient(c->problem.self, c->packed, &loss, grad));
  cr_assert(symo_test_rel(grad, l.grad, c->size) <= 1e-12);
  cr_fails(c->context, SYMO_E_SIZE, "chunks",
           symo_net_set_chunk(c->net, (size_t)SYMO_NET_MAX_CHUNK + 1));
  symo_free(grad);
  drop(&l);
}

/* Of a hidden layer an example keeps the activation and its slope, and has one cotangent: what enters
 * the activation lies where it leaves. */
Test(net_lanes, activations_work_in_place) {
  enum { WIDTH = 300 };
  lanes_case l = create("7-300-5", 0);
  const symo_net_lanes lanes = symo_net_get_lanes(l.c.net);
  const double kept = (lanes.bytes - (double)sizeof(symo_net_lane)) / sizeof(double);
  const double rows = kept / (double)lanes.examples / WIDTH;
  cr_assert(rows >= 3.0 && rows <= 3.3, "%g arrays", rows);
  drop(&l);
}

typedef struct attempt {
  net_case *c;
  symo_pool *pool;
  double *grad;
} attempt;

static symo_status take_and_drop(void *self) {
  attempt *a = self;
  double loss;
  symo_net_set_pool(a->c->net, a->pool); /* drops what was taken */
  symo_status status = a->c->problem.gradient(a->c->problem.self, a->c->packed, &loss, a->grad);
  symo_net_set_pool(a->c->net, a->pool);
  return status;
}

Test(net_lanes, failing_allocations) {
  lanes_case l = create(nets[0], 4);
  attempt a = {.c = &l.c, .grad = net_vector(l.c.size)};
  cr_ok(l.c.context, symo_pool_create(l.c.context, LANES, &a.pool));
  symo_net_set_pool(l.c.net, a.pool);
  cr_assert_eq(symo_test_allocations(take_and_drop, &a), LANES + 1);
  symo_net_set_pool(l.c.net, NULL);
  symo_pool_destroy(a.pool);
  symo_free(a.grad);
  drop(&l);
}

/* ---- times ---- */

static double ticks;
static double tick(void) { return ticks += 1.0; }

/* A clock that goes by one at each look counts how often an operation ran: once for each chunk, and
 * with recomputation forward once more. */
Test(net_lanes, times_of_operations) {
  for (int recompute = 0; recompute < 2; recompute++) {
    lanes_case l = create(nets[1], 0);
    symo_net_times *times = symo_calloc(1, sizeof *times);
    double *grad = net_vector(l.c.size), twice = 0.0;
    cr_ok(l.c.context, symo_net_set_chunk(l.c.net, 10)); /* four chunks */
    const double loss = take(&l.c, l.grad);
    symo_net_set_recompute(l.c.net, recompute == 1);
    times->clock = tick;
    symo_net_set_times(l.c.net, times);
    cr_assert(take(&l.c, grad) == loss && same_bits(grad, l.grad, l.c.size));
    cr_assert(times->count > 8);
    for (size_t i = 0; i < times->count; i++) {
      const symo_net_time *t = &times->of[i];
      cr_assert(t->backward == 4.0, "%s: %g", t->name, t->backward);
      cr_assert(t->forward == 4.0 || (recompute == 1 && t->forward == 8.0), "%s", t->name);
      twice += t->forward == 8.0;
    }
    cr_assert((twice > 0.0) == (recompute == 1));
    cr_assert_str_eq(times->of[0].name, "dense");
    cr_assert(times->of[0].in == 6 && times->of[0].out == 8 && times->of[0].rows == 1);
    symo_net_set_times(l.c.net, NULL);
    cr_assert(take(&l.c, grad) == loss && times->of[0].backward == 4.0);
    symo_free(times), symo_free(grad);
    drop(&l);
  }
}
