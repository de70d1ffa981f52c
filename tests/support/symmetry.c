/* Sums over the parameters as problems, and what measuring them takes. */
#include "tests/support/symmetry.h"

#include <math.h>

#include "core/linalg.h"

double symo_test_square(double x, size_t i, double *d) {
  (void)i;
  *d = 2 * x;
  return x * x;
}

double symo_test_exponential(double x, size_t i, double *d) {
  (void)i;
  return *d = exp(x);
}

double symo_test_wells(double x, size_t i, double *d) {
  (void)i;
  *d = x * (x * x - 1);
  return (x * x - 1) * (x * x - 1) / 4;
}

double symo_test_target(double x, size_t i, double *d) {
  *d = x - (double)i;
  return *d * *d / 2;
}

double symo_test_flat(double x, size_t i, double *d) {
  (void)i;
  *d = 0;
  return 0 * x + 1;
}

static symo_status sum_gradient(void *self, const void *theta, double *loss, void *grad) {
  symo_test_sum *s = self;
  double total = 0;
  size_t at = 0;
  for (size_t p = 0; p < SYMO_TEST_PARTS; p++)
    for (size_t i = 0; i < s->parts[p].n; i++, at++) {
      double d = 0;
      total += s->parts[p].scale * s->parts[p].f(symo_get(s->dtype, theta, at), i, &d);
      symo_put(s->dtype, grad, at, s->parts[p].scale * d);
    }
  if (loss != NULL) *loss = total;
  s->calls++;
  return s->answer;
}

symo_problem symo_test_sum_problem(symo_test_sum *s) {
  size_t n = 0;
  for (size_t p = 0; p < SYMO_TEST_PARTS; p++) n += s->parts[p].n;
  return (symo_problem){
      .name = "sum", .size = n, .dtype = s->dtype, .self = s, .gradient = sum_gradient};
}

void symo_test_stage_open(symo_test_stage *s, uint64_t seed, const char *layout) {
  symo_world_open(&s->w, seed);
  symo_world_parse(&s->w, layout);
  symo_test_randn(s->w.rng, s->theta, SYMO_TEST_MOST);
}

symo_status symo_test_try(symo_test_stage *s, const symo_problem *p, size_t samples,
                          symo_symmetry_report **out) {
  symo_symmetry_spec spec = symo_symmetry_spec_default();
  if (samples > 0) spec.samples = samples;
  symo_test_narrow(s->theta, s->narrow, SYMO_TEST_MOST);
  const void *theta = p->dtype == SYMO_F32 ? (const void *)s->narrow : s->theta;
  return symo_symmetry_measure(p, s->w.layout, theta, s->w.rng, &spec, out);
}

symo_symmetry_report *symo_test_measure(symo_test_stage *s, const symo_problem *p, size_t samples) {
  symo_symmetry_report *r = NULL;
  cr_ok(s->w.context, symo_test_try(s, p, samples, &r));
  return r;
}

void symo_test_stage_close(symo_test_stage *s, symo_symmetry_report *r) {
  symo_symmetry_destroy(r);
  symo_world_close(&s->w);
}
