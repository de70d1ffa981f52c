#ifndef SYMO_TESTS_INTERFACE_STAGE_H
#define SYMO_TESTS_INTERFACE_STAGE_H

#include <symo/symo.h>

#include "core/error.h"
#include "tests/support/testing.h"

/* One sound object of every kind, and a place for every kind of output, to call public functions
 * with one bad argument at a time.  Parameters: w[h,i] 3 x 2, b[h] 3. */
enum { STAGE_SIZE = 9, STAGE_TENSORS = 2 };

typedef struct stage_outputs {
  double vector[STAGE_SIZE], matrix[STAGE_SIZE * STAGE_SIZE], number, *values;
  size_t count, *counts;
  char *text, value[128];
  void *flat, *data[STAGE_TENSORS];
  const void *const_data[STAGE_TENSORS];
  symo_dtype dtype;
  symo_context *context;
  symo_rng *rng;
  symo_layout *layout;
  symo_group *group;
  symo_generators *generators;
  symo_plan *plan;
  symo_element *element;
  symo_hessian *hessian;
  symo_symmetry_report *report;
  symo_method method;
  symo_rule rules[4];
  symo_optim_spec *spec;
  symo_optim *optim;
  symo_optim_state *state;
} stage_outputs;

/* A vector that must be refused. */
typedef struct stage_fault {
  symo_const_vector v;
  symo_status status;
  const char *word;
} stage_fault;

enum { STAGE_INPUT_FAULTS = 6, STAGE_OUTPUT_FAULTS = 9 };

typedef struct stage {
  symo_context *context;
  symo_rng *rng;
  symo_layout *layout, *open; /* open: no plan has frozen it */
  symo_plan *plan, *blocked;
  symo_hessian *h, *other; /* other: of the blocked plan */
  symo_element *g;
  symo_optim *optim, *second; /* second: asks the problem for products */
  symo_optim_state *state, *second_state;
  symo_problem problem;
  symo_method method;
  symo_rule rules[4];
  symo_optim_spec spec;
  double x[STAGE_SIZE], theta[STAGE_SIZE], nan[STAGE_SIZE], dense[STAGE_SIZE * STAGE_SIZE];
  float narrow[STAGE_SIZE];
  const void *x_data[STAGE_TENSORS], *nan_data[STAGE_TENSORS], *hollow[STAGE_TENSORS];
  void *y_data[STAGE_TENSORS], *shifted[STAGE_TENSORS], *twice[STAGE_TENSORS];
  const ptrdiff_t *still[STAGE_TENSORS];
  symo_const_vector in; /* x */
  symo_vector y;        /* out.vector */
  /* Inputs: the last one is NaN.  Outputs: shares memory with `in`, or with itself, at last. */
  stage_fault inputs[STAGE_INPUT_FAULTS], outputs[STAGE_OUTPUT_FAULTS];
  stage_outputs out, poison;
} stage;

extern const char stage_marker[]; /* the detail before each call */

void stage_open(stage *s);
void stage_close(stage *s); /* looks for leaks */

/* Before a call: outputs are filled with a pattern, the context holds a detail that is not the
 * call's.  After it: the status, a detail of its own that begins with `where` and holds `word`, and
 * outputs as they were.  where NULL: no context was at hand. */
void stage_prepare(stage *s);
void stage_check(const stage *s, const char *function, symo_status status, symo_status expected,
                 const char *where, const char *word);

#define STAGE_CHECKED(s, function, expected, where, word, ...)                                     \
  do {                                                                                             \
    stage_prepare(s);                                                                              \
    stage_check(s, #function, function(__VA_ARGS__), expected, where, word);                       \
  } while (0)

/* The call fails with a status, and a detail "WHERE: .. WORD ..". */
#define REFUSED(function, expected, where, word, ...)                                              \
  STAGE_CHECKED(&s, function, expected, where, word, __VA_ARGS__)

/* The call fails with SYMO_E_ARGUMENT, and there is no context to say why. */
#define SILENT(function, ...) STAGE_CHECKED(&s, function, SYMO_E_ARGUMENT, NULL, NULL, __VA_ARGS__)

/* A function without status: what it gives for something that there is not.  where NULL: no
 * detail. */
#define GIVES(function, where, word, condition, ...)                                               \
  do {                                                                                             \
    stage_prepare(&s);                                                                             \
    cr_assert(function(__VA_ARGS__) condition, "%s", #function);                                   \
    stage_check(&s, #function, SYMO_OK, SYMO_OK, where, word);                                     \
  } while (0)

/* Every bad input vector in the place of `v`; finite: NaN is bad too. */
#define BAD_INPUTS(function, where, finite, ...)                                                   \
  for (size_t fault_ = 0; fault_ < STAGE_INPUT_FAULTS - !(finite); fault_++) {                     \
    const symo_const_vector v = s.inputs[fault_].v;                                                \
    REFUSED(function, s.inputs[fault_].status, where, s.inputs[fault_].word, __VA_ARGS__);         \
  }

/* Every bad output vector in the place of `v`, s.in being the input. */
#define BAD_OUTPUTS(function, where, ...)                                                          \
  for (size_t fault_ = 0; fault_ < STAGE_OUTPUT_FAULTS; fault_++) {                                \
    const symo_const_vector bad_ = s.outputs[fault_].v;                                            \
    const symo_vector v = {bad_.dtype, (void *const *)bad_.data, bad_.strides};                    \
    REFUSED(function, s.outputs[fault_].status, where, s.outputs[fault_].word, __VA_ARGS__);       \
  }

/* A function without arguments that can fail: counts, defaults, destroyers (which take NULL). */
#define NOTHING_FAILS(function) (void)function

#endif
