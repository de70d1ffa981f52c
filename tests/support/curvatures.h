#ifndef SYMO_TESTS_SUPPORT_CURVATURES_H
#define SYMO_TESTS_SUPPORT_CURVATURES_H

#include "optim/curvature/curvature.h"
#include "tests/support/stepping.h"

/* The rows of the registry; NULL past the end. */
size_t curvatures_count(void);
const symo_curvature *curvatures_at(size_t index);

/* Cases for every row of the registry of curvatures: a row, a layout, settings and a type of
 * numbers that the row does not refuse. */
enum { CURVATURES_LAYOUTS = 7, CURVATURES_SETTINGS = 10 };
extern const char *const curvatures_layouts[CURVATURES_LAYOUTS];

typedef struct curvature_setting {
  const char *text;
  bool bounded; /* the condition of C + eps I is bounded by curvatures_close */
  double alpha;
} curvature_setting;
extern const curvature_setting curvatures_settings[CURVATURES_SETTINGS];

typedef struct curvature_case {
  const symo_curvature *row;
  const char *layout;
  const curvature_setting *setting;
  symo_dtype dtype;
  char text[256];
  symo_method method;
  size_t n;            /* parameters, MOST at most */
  symo_test_stepper s; /* with a plan and a state */
} curvature_case;

enum { STEPS = 4, MOST = 64 };

/* Learning rate 1, solver auto, eps 0, and "key=value key=value". */
symo_method curvatures_method(symo_context *context, const symo_curvature *row, const char *texts);

/* Runs the check on every case; fails if a row accepts no settings on a layout.  Rows that work
 * with products of a problem have no cases. */
void curvatures_for_each_case(void (*check)(curvature_case *k));

/* STEPS gradients, of norms below 1 and of numbers that float32 holds: [STEPS, n]. */
void curvatures_draw(curvature_case *k, double *g);

/* d := the direction of one step, taken from zero parameters, where nothing is rounded after it.
 * Fails if the step allocates or is refused. */
void curvatures_step(symo_test_stepper *s, const double *g, double *d, const char *text);

/* The same for STEPS gradients [STEPS, n], with a plan and a state of their own; d may be g. */
void curvatures_follow(const curvature_case *k, symo_dtype dtype, bool strided, const double *g,
                       double *d);

/* Fails unless every direction is within 10 n eps condition of what was expected. */
void curvatures_close(const curvature_case *k, symo_dtype dtype, const double *d,
                      const double *expected, const char *what);

#endif
