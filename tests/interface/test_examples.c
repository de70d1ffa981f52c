/* Bad arguments, and failures of memory, of what is made of gradients of single examples. */
#include <symo/examples.h>

#include <math.h>
#include <string.h>

#include "tests/interface/faults.h"

enum { EXAMPLES = 4 };
static double scale = 1;

static size_t examples_of(void *self) {
  (void)self;
  return EXAMPLES;
}

static symo_status gradients_of(void *self, const void *theta, const symo_example_request *r) {
  (void)self, (void)theta;
  const size_t most = r->take != NULL ? r->block : r->count;
  symo_status status = SYMO_OK;
  for (size_t at = 0, n; at < r->count && status == SYMO_OK; at += n) {
    n = r->count - at < most ? r->count - at : most;
    for (size_t i = 0; i < n * STAGE_SIZE; i++) ((double *)r->gradients)[i] = scale;
    if (r->take != NULL) status = r->take(r->self, r->first + at, n, r->gradients);
  }
  return status;
}

static symo_status fails_silently(void *self, const void *theta, const symo_example_request *r) {
  (void)self, (void)theta, (void)r;
  return SYMO_E_IO;
}

static symo_status take(void *self, size_t first, size_t count, const void *gradients) {
  (void)self, (void)first, (void)count, (void)gradients;
  return SYMO_OK;
}

/* Without `fisher`, so that products are made of them. */
static void open_examples(stage *s) {
  stage_open(s);
  scale = 1;
  s->problem.examples = examples_of;
  s->problem.example_gradients = gradients_of;
}

/* A problem that cannot do it: symo_problem_F with its last arguments. */
#define LACKING(function, where, ...)                                                              \
  do {                                                                                             \
    p->example_gradients = NULL;                                                                   \
    REFUSED(function, SYMO_E_UNSUPPORTED, where, "fill ", s.context, p, s.theta, __VA_ARGS__);     \
    p->example_gradients = gradients_of, p->examples = NULL;                                       \
    REFUSED(function, SYMO_E_UNSUPPORTED, where, "fill ", s.context, p, s.theta, __VA_ARGS__);     \
    p->examples = examples_of, p->dtype = SYMO_ANY;                                                \
    REFUSED(function, SYMO_E_DTYPE, where, "dtype", s.context, p, s.theta, __VA_ARGS__);           \
    p->dtype = SYMO_F64;                                                                           \
    REFUSED(function, SYMO_E_ARGUMENT, where, "problem is NULL", s.context, NULL, s.theta,         \
            __VA_ARGS__);                                                                          \
    REFUSED(function, SYMO_E_ARGUMENT, where, "theta is NULL", s.context, p, NULL, __VA_ARGS__);   \
  } while (0)

Test(interface, examples) {
  stage s;
  open_examples(&s);
  symo_problem *p = &s.problem;
  const char *where = "problem_example_gradients: ";
  LACKING(symo_problem_example_gradients, where, 0, 1, s.out.vector);
  REFUSED(symo_problem_example_gradients, SYMO_E_ARGUMENT, where, "gradients is NULL", s.context, p,
          s.theta, 0, 1, NULL);
  REFUSED(symo_problem_example_gradients, SYMO_E_SHAPE, where, "1 example from 4 on, of 4",
          s.context, p, s.theta, 4, 1, s.out.vector);
  REFUSED(symo_problem_example_gradients, SYMO_E_SHAPE, where, "5 on, of 4", s.context, p, s.theta,
          5, 0, s.out.vector);
  where = "problem_each_example: ";
  LACKING(symo_problem_each_example, where, 1, take, NULL);
  REFUSED(symo_problem_each_example, SYMO_E_ARGUMENT, where, "take is NULL", s.context, p, s.theta,
          1, NULL, NULL);
  p->size = SIZE_MAX / 4;
  REFUSED(symo_problem_each_example, SYMO_E_SIZE, where, "too large", s.context, p, s.theta, 2,
          take, NULL);
  p->size = STAGE_SIZE;
  where = "problem_fisher_product: ";
  LACKING(symo_problem_fisher_product, where, 1, s.x, s.out.vector);
  REFUSED(symo_problem_fisher_product, SYMO_E_ARGUMENT, where, "v is NULL", s.context, p, s.theta,
          1, NULL, s.out.vector);
  REFUSED(symo_problem_fisher_product, SYMO_E_ARGUMENT, where, "fv is NULL", s.context, p, s.theta,
          1, s.x, NULL);
  where = "problem_fisher_diagonal: ";
  LACKING(symo_problem_fisher_diagonal, where, s.out.vector, &s.out.number);
  REFUSED(symo_problem_fisher_diagonal, SYMO_E_ARGUMENT, where, "trace is NULL", s.context, p,
          s.theta, NULL, NULL);
  where = "problem_fisher_gram: ";
  LACKING(symo_problem_fisher_gram, where, s.out.matrix);
  REFUSED(symo_problem_fisher_gram, SYMO_E_ARGUMENT, where, "gram is NULL", s.context, p, s.theta,
          NULL);
  where = "problem_fisher: ";
  LACKING(symo_problem_fisher, where, s.out.matrix);
  REFUSED(symo_problem_fisher, SYMO_E_ARGUMENT, where, "fisher is NULL", s.context, p, s.theta,
          NULL);
  REFUSED(symo_problem_fisher, SYMO_E_ARGUMENT, where, "shares memory", s.context, p, s.dense,
          s.dense);
  stage_close(&s);
}

/* What is not finite is told where it is summed; a failure without a word gets one. */
Test(interface, examples_that_fail) {
  stage s;
  open_examples(&s);
  double matrix[STAGE_SIZE * STAGE_SIZE];
  const symo_problem *p = &s.problem;
  scale = (double)NAN;
  cr_fails(s.context, SYMO_E_NONFINITE, "problem_fisher: the matrix of quadratic",
           symo_problem_fisher(s.context, p, s.theta, matrix));
  cr_fails(s.context, SYMO_E_NONFINITE,
           "problem_fisher_gram: ", symo_problem_fisher_gram(s.context, p, s.theta, matrix));
  cr_fails(s.context, SYMO_E_NONFINITE, "problem_fisher_diagonal: ",
           symo_problem_fisher_diagonal(s.context, p, s.theta, matrix, NULL));
  s.problem.example_gradients = fails_silently;
  cr_fails(s.context, SYMO_E_IO, "the gradients of single examples of quadratic ended with",
           symo_problem_fisher(s.context, p, s.theta, matrix));
  cr_fails(s.context, SYMO_E_IO,
           "problem_fisher_product: the gradients of single examples of quadratic",
           symo_problem_fisher_product(s.context, p, s.theta, 1, s.x, matrix));
  stage_close(&s);
}

Test(faults, examples) {
  stage s;
  open_examples(&s);
  double gradients[EXAMPLES * STAGE_SIZE];
  FAULTY(symo_problem_example_gradients, (void)0, s.context, &s.problem, s.theta, 0, EXAMPLES,
         gradients);
  FAULTY(symo_problem_each_example, (void)0, s.context, &s.problem, s.theta, 0, take, NULL);
  FAULTY(symo_problem_fisher_product, (void)0, s.context, &s.problem, s.theta, 1, s.x,
         s.out.vector);
  FAULTY(symo_problem_fisher_diagonal, (void)0, s.context, &s.problem, s.theta, s.out.vector,
         &s.out.number);
  FAULTY(symo_problem_fisher_gram, (void)0, s.context, &s.problem, s.theta, s.out.matrix);
  FAULTY(symo_problem_fisher, (void)0, s.context, &s.problem, s.theta, s.out.matrix);
  stage_close(&s);
}
