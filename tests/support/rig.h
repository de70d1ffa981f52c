#ifndef SYMO_TESTS_SUPPORT_RIG_H
#define SYMO_TESTS_SUPPORT_RIG_H

#include "optim/curvature/curvature.h"
#include "tests/support/world.h"

/* A curvature with its state and work space, run without an optimizer.  Before every call the work
 * space is filled with NaN, afterwards what lies behind it and behind every entry must be as it
 * was; a call that allocates fails the test. */
typedef struct symo_rig {
  const symo_curvature *curvature;
  symo_layout *layout;
  symo_dtype dtype;
  symo_method method;
  void *self;
  size_t num_entries, work_bytes;
  symo_state_entry *entries;
  size_t *entry_bytes;
  void **state;
  unsigned char *work;
  curvature_step step;
  curvature_report report; /* of the last root refreshed */
} symo_rig;

/* curvature orbit-blocked, alpha 1, no memory, mean false, eps 0, solver eigh. */
symo_method symo_rig_method(void);

symo_rig symo_rig_make(symo_world *w, const symo_curvature *curvature, const symo_method *method,
                       symo_dtype dtype);
void symo_rig_free(symo_rig *r);

/* One call each.  refresh: all roots. */
void symo_rig_accumulate(symo_rig *r, symo_const_vector x);
symo_status symo_rig_refresh(symo_rig *r);
symo_status symo_rig_apply(symo_rig *r, symo_const_vector g, symo_const_vector u, symo_vector out);

/* The next step with u for everything, flat float64 [parameters]; damping is the method's eps. */
void symo_rig_step(symo_rig *r, bool refresh, const double *u, double *out);

/* The same once, on a rig made for it. */
void symo_rig_once(symo_world *w, const symo_curvature *curvature, const symo_method *method,
                   symo_dtype dtype, const double *u, double *out);

/* Numbers of an entry as float64; the index of the one with this name. */
double *symo_rig_entry(const symo_rig *r, const char *name);

#endif
