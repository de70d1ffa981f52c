/* The next token of a text that grows: the logits of the whole window, whatever was read before. */
#include <math.h>
#include <string.h>

#include "core/linalg.h"
#include "tests/experiments/gpt/test_gpt_support.h"

typedef struct reader_case {
  net_case net;
  symo_gpt_reader *reader;
  size_t t, v;
  uint32_t *ids;      /* [2 t] */
  double *out;        /* [v] */
  double *all, bound; /* [t, v] */
} reader_case;

/* Of the logits: sums of at most 4 c + t numbers in each of 2 l branches. */
static double bound_of(const symo_gpt_spec *gpt) {
  return symo_test_bound(gpt->dtype, 2 * gpt->layers * (4 * gpt->width + gpt->block), 1);
}

static reader_case reader_case_create(const symo_gpt_spec *gpt, uint64_t seed) {
  reader_case r = {.net = gpt_case_create(gpt, 2, 0.5, seed), .t = gpt->block};
  r.v = gpt->vocabulary, r.bound = bound_of(gpt);
  r.ids = gpt_ids(2 * r.t, r.net.x);
  r.out = net_vector(r.v), r.all = net_vector(r.t * r.v);
  cr_ok(r.net.context, symo_gpt_reader_create(r.net.net, r.net.packed, &r.reader));
  return r;
}

static void reader_case_destroy(reader_case *r) {
  symo_gpt_reader_destroy(r->reader);
  symo_free(r->ids), symo_free(r->out), symo_free(r->all);
  net_case_destroy(&r->net);
}

/* The logits behind `length` of the ids from `first` on are those of a pass over the window, whose
 * last places hold zeros. */
static void check(reader_case *r, size_t first, size_t length) {
  double *x = net_vector(r->t);
  for (size_t i = 0; i < length; i++) x[i] = r->ids[first + i];
  cr_ok(r->net.context, symo_net_predict(r->net.net, r->net.packed, 1, x, r->all));
  cr_ok(r->net.context, symo_gpt_next(r->reader, length, r->ids + first, r->out));
  const double apart = symo_test_rel(r->out, r->all + (length - 1) * r->v, r->v);
  cr_assert(apart <= r->bound, "%zu from %zu: %g, bound %g", length, first, apart, r->bound);
  symo_free(x);
}

static symo_gpt_spec gpt_of(size_t index) {
  symo_gpt_spec gpt = gpt_combination(index % NUM_GPTS);
  if (index >= NUM_GPTS) gpt.dtype = SYMO_F32;
  return gpt;
}

Test(gpt_reader, grows) {
  for (size_t i = 0; i < 2 * NUM_GPTS; i++) {
    const symo_gpt_spec gpt = gpt_of(i);
    reader_case r = reader_case_create(&gpt, 330 + i);
    for (size_t length = 1; length <= r.t; length++) check(&r, 0, length);
    reader_case_destroy(&r);
  }
}

/* Prompts, windows that move, texts that branch off or end earlier. */
Test(gpt_reader, any_order) {
  for (size_t i = 0; i < 2 * NUM_GPTS; i++) {
    const symo_gpt_spec gpt = gpt_of(i);
    reader_case r = reader_case_create(&gpt, 350 + i);
    check(&r, 0, r.t);
    for (size_t first = 1; first <= r.t; first++) check(&r, first, r.t);
    check(&r, 2, 3), check(&r, 2, 2), check(&r, 2, 2), check(&r, 2, r.t);
    r.ids[3] = (r.ids[3] + 1) % (uint32_t)r.v;
    check(&r, 2, r.t), check(&r, 0, 1);
    reader_case_destroy(&r);
  }
}

/* More positions than are computed at a time. */
Test(gpt_reader, long_windows) {
  for (int d = 0; d < 2; d++) {
    const symo_gpt_spec gpt = {.vocabulary = 11,
                               .block = 150,
                               .width = 24,
                               .heads = 3,
                               .layers = 2,
                               .tied = true,
                               .dtype = d == 0 ? SYMO_F32 : SYMO_F64};
    reader_case r = reader_case_create(&gpt, 370);
    check(&r, 0, 3), check(&r, 0, 131), check(&r, 0, 132), check(&r, 0, 150), check(&r, 1, 150);
    reader_case_destroy(&r);
  }
}

/* A row of the table that only position 0 reads may change afterwards: nothing asks for it. */
Test(gpt_reader, positions_are_computed_once) {
  symo_gpt_spec gpt = gpt_combination(2); /* the head is another matrix */
  reader_case r = reader_case_create(&gpt, 380);
  double *expected = net_vector(r.v), *theta = r.net.packed;
  for (size_t i = 0; i < r.t; i++) r.ids[i] = i == 0 ? 6 : (uint32_t)i;
  cr_ok(r.net.context, symo_gpt_next(r.reader, 3, r.ids, expected));
  cr_ok(r.net.context, symo_gpt_next(r.reader, 2, r.ids, r.out));
  for (size_t i = 0; i < gpt.width; i++) theta[6 * gpt.width + i] += (double)i;
  cr_ok(r.net.context, symo_gpt_next(r.reader, 3, r.ids, r.out));
  cr_assert(symo_test_rel(r.out, expected, r.v) <= r.bound);
  r.ids[0] = 5; /* and then everything is read again */
  cr_ok(r.net.context, symo_gpt_next(r.reader, 3, r.ids, r.out));
  r.ids[0] = 6;
  cr_ok(r.net.context, symo_gpt_next(r.reader, 3, r.ids, r.out));
  cr_assert(symo_test_rel(r.out, expected, r.v) > 1e-3);
  symo_free(expected);
  reader_case_destroy(&r);
}

Test(gpt_reader, refuses) {
  symo_gpt_spec gpt = gpt_combination(1);
  reader_case r = reader_case_create(&gpt, 390);
  symo_context *context = r.net.context;
  symo_gpt_reader *other = NULL;
  r.out[0] = 7.0;
  cr_fails(context, SYMO_E_SHAPE, "0 tokens (use 1 to 5)",
           symo_gpt_next(r.reader, 0, r.ids, r.out));
  cr_fails(context, SYMO_E_SHAPE, "6 tokens", symo_gpt_next(r.reader, 6, r.ids, r.out));
  r.ids[3] = UINT32_MAX;
  cr_fails(context, SYMO_E_ARGUMENT, "4294967295 is no token",
           symo_gpt_next(r.reader, 4, r.ids, r.out));
  cr_assert(r.out[0] == 7.0);
  check(&r, 0, 3);
  symo_alloc_fail_after(0);
  cr_assert_eq(symo_gpt_next(r.reader, 2, r.ids, r.out), SYMO_OK);
  symo_alloc_fail_after(-1);
  for (long n = 0; n < 3; n++) {
    symo_alloc_fail_after(n);
    const symo_status status = symo_gpt_reader_create(r.net.net, r.net.packed, &other);
    symo_alloc_fail_after(-1);
    cr_assert(status == SYMO_E_MEMORY && other == NULL, "%ld: %d", n, (int)status);
  }
  ((double *)r.net.packed)[4] = NAN;
  cr_fails(context, SYMO_E_NONFINITE, "NaN",
           symo_gpt_reader_create(r.net.net, r.net.packed, &other));
  symo_gpt_reader_destroy(NULL);
  reader_case_destroy(&r);
}

Test(gpt_reader, refuses_other_networks) {
  symo_net_spec spec = net_combination(0, "2-3-2");
  net_case c = net_case_create(&spec, 1, 0.5, 1);
  symo_gpt_reader *reader = NULL;
  cr_fails(c.context, SYMO_E_ARGUMENT, "no GPT", symo_gpt_reader_create(c.net, c.theta, &reader));
  cr_assert(reader == NULL);
  net_case_destroy(&c);
}
