#ifndef SYMO_TESTS_SUPPORT_STEPPING_H
#define SYMO_TESTS_SUPPORT_STEPPING_H

#include <symo/optim.h>

#include "tests/support/world.h"

/* A layout with parameters and a gradient, a method or rules for it, a plan and a state. */
typedef struct symo_test_stepper {
  symo_world w;
  symo_dtype dtype;
  symo_test_vector params, grad;
  double *theta, *g; /* flat float64 copies, [w.n] */
  symo_optim *optim;
  symo_optim_state *state;
} symo_test_stepper;

/* text: of the layout.  strided: params and grad are stored with strides of their own. */
void symo_stepper_open(symo_test_stepper *s, const char *text, symo_dtype dtype, uint64_t seed,
                       bool strided);
void symo_stepper_drop(symo_test_stepper *s);
void symo_stepper_close(symo_test_stepper *s); /* the same, and looks for leaks */

/* Settings "key=value key=value" on top of a method; a preset with them. */
void symo_test_settings(symo_context *context, symo_method *method, const char *settings);
symo_method symo_stepper_method(symo_test_stepper *s, const char *preset, const char *settings);

/* One rule for all tensors. */
symo_rule symo_stepper_rule(const symo_method *method);

/* The plan and a state from it; the former ones go. */
void symo_stepper_plan(symo_test_stepper *s, size_t num_rules, const symo_rule *rules);
void symo_stepper_preset(symo_test_stepper *s, const char *preset, const char *settings);

/* The status of making a plan with this preset and these settings for all tensors. */
symo_status symo_stepper_try(symo_test_stepper *s, const char *preset, const char *settings);

/* Fills the gradient with normal numbers times scale and takes a step; theta is read back. */
symo_step_report symo_stepper_random(symo_test_stepper *s, double scale);

/* The same with the gradient that stands in s->g. */
symo_step_report symo_stepper_step(symo_test_stepper *s);
void symo_stepper_set(symo_test_stepper *s, const double *theta);

/* The array of the state with this name; fails the test if there is none. */
symo_state_entry symo_stepper_entry(symo_test_stepper *s, const char *name);

/* Whether steps ask a problem for products or layer statistics; the same of a preset. */
bool symo_test_asks(const symo_curvature *curvature);
bool symo_test_preset_asks(const char *preset);

#endif
