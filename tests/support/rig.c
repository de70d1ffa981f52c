/* Curvatures by themselves; see rig.h. */
#include "tests/support/rig.h"

#include <math.h>
#include <stdlib.h>

#include "tests/support/testing.h"

/* Work space is filled with bytes of 0xff, NaN in both types.  What is behind it and behind entries is a
 * plain number (2e6 and 12): sums with NaN would be the same NaN, and leave no trace. */
enum { GUARD = 64, UNSET = 0xff, MARK = 0x41 };

symo_method symo_rig_method(void) {
  return (symo_method){.curvature = &symo_curvature_orbit_blocked,
                       .groups = "layout",
                       .source = SYMO_SOURCE_GRADIENT,
                       .probes = 1,
                       .solver = &symo_solver_eigh,
                       .damping = &symo_damping_constant,
                       .precondition = &symo_precondition_none,
                       .basis = SYMO_BASIS_NONE,
                       .graft = SYMO_GRAFT_NONE,
                       .scale = SYMO_SCALE_NONE,
                       .decay = SYMO_DECAY_DECOUPLED,
                       .schedule = SYMO_SCHEDULE_CONSTANT,
                       .momentum_ema = true,
                       .alpha = 1,
                       .alpha_initial = 1,
                       .alpha_min = 0.5,
                       .alpha_max = 2,
                       .alpha_step = 0.1,
                       .alpha_directions = 8,
                       .statistics_every = 1,
                       .refresh_every = 1,
                       .solver_steps = 100,
                       .solver_tolerance = 1e-12};
}

symo_rig symo_rig_make(symo_world *w, const symo_curvature *curvature, const symo_method *method,
                       symo_dtype dtype) {
  symo_rig r = {.curvature = curvature, .layout = w->layout, .dtype = dtype, .method = *method};
  const char *reason = curvature->refuse(method, w->layout);
  cr_assert(reason == NULL, "refused: %s", reason);
  curvature_task task = {
      .context = w->context, .layout = w->layout, .dtype = dtype, .method = method, .threads = 1};
  cr_ok(w->context, curvature->create(&task, &r.self));
  r.num_entries = curvature->num_entries(r.self);
  r.work_bytes = curvature->work_bytes(r.self);
  r.entries = calloc(r.num_entries + 1, sizeof *r.entries);
  r.entry_bytes = calloc(r.num_entries + 1, sizeof *r.entry_bytes);
  r.state = calloc(r.num_entries + 1, sizeof *r.state);
  for (size_t i = 0; i < r.num_entries; i++) {
    r.entries[i] = curvature->entry(r.self, i);
    symo_dtype own = r.entries[i].dtype; /* counters are float64 */
    cr_assert((own == dtype || own == SYMO_F64) && strlen(r.entries[i].name) > 0);
    r.entry_bytes[i] = symo_dtype_size(own);
    for (size_t k = 0; k < r.entries[i].order; k++) r.entry_bytes[i] *= r.entries[i].shape[k];
    r.state[i] = aligned_alloc(64, (r.entry_bytes[i] + GUARD + 63) / 64 * 64);
    memset(r.state[i], 0, r.entry_bytes[i]);
    memset((char *)r.state[i] + r.entry_bytes[i], MARK, GUARD);
    for (size_t j = 0; j < i; j++) cr_assert(strcmp(r.entries[i].name, r.entries[j].name) != 0);
  }
  r.work = aligned_alloc(64, (r.work_bytes + GUARD + 63) / 64 * 64);
  r.step.damping = method->eps;
  return r;
}

void symo_rig_free(symo_rig *r) {
  r->curvature->destroy(r->self);
  for (size_t i = 0; i < r->num_entries; i++) free(r->state[i]);
  free(r->entries);
  free(r->entry_bytes);
  free(r->state);
  free(r->work);
}

static size_t before(symo_rig *r) {
  memset(r->work, UNSET, r->work_bytes);
  memset(r->work + r->work_bytes, MARK, GUARD);
  return symo_alloc_calls();
}

static void after(const symo_rig *r, size_t calls) {
  cr_assert(symo_alloc_calls() == calls, "%zu allocations", symo_alloc_calls() - calls);
  for (size_t k = 0; k < GUARD; k++) {
    cr_assert(r->work[r->work_bytes + k] == MARK, "written behind the work space");
    for (size_t i = 0; i < r->num_entries; i++)
      cr_assert(((unsigned char *)r->state[i])[r->entry_bytes[i] + k] == MARK,
                "written behind entry %s", r->entries[i].name);
  }
}

void symo_rig_accumulate(symo_rig *r, symo_const_vector x) {
  r->step.updates++;
  size_t calls = before(r);
  if (r->curvature->accumulate != NULL)
    cr_assert(r->curvature->accumulate(r->self, r->state, &r->step, x, r->work) == SYMO_OK);
  after(r, calls);
}

symo_status symo_rig_refresh(symo_rig *r) {
  symo_status status = SYMO_OK;
  for (size_t i = 0; i < r->curvature->num_roots(r->self) && status == SYMO_OK; i++) {
    size_t calls = before(r);
    status = r->curvature->refresh(r->self, r->state, &r->step, i, &r->report, r->work);
    after(r, calls);
  }
  return status;
}

symo_status symo_rig_apply(symo_rig *r, symo_const_vector g, symo_const_vector u, symo_vector out) {
  size_t calls = before(r);
  symo_status status = r->curvature->apply(r->self, r->state, &r->step, g, u, out, r->work);
  after(r, calls);
  return status;
}

void symo_rig_step(symo_rig *r, bool refresh, const double *u, double *out) {
  symo_test_vector x = symo_test_vector_make(r->layout, r->dtype, NULL);
  symo_test_vector y = symo_test_vector_make(r->layout, r->dtype, NULL);
  double *nan = malloc((y.n + 1) * sizeof *nan);
  for (size_t i = 0; i < y.n; i++) nan[i] = (double)NAN;
  symo_test_vector_set(&x, u);
  symo_test_vector_set(&y, nan);
  r->step.t++;
  symo_rig_accumulate(r, symo_test_in(&x));
  if (refresh) cr_assert(symo_rig_refresh(r) == SYMO_OK);
  cr_assert(symo_rig_apply(r, symo_test_in(&x), symo_test_in(&x), symo_test_out(&y)) == SYMO_OK);
  symo_test_vector_get(&y, out);
  symo_test_vector_free(&x);
  symo_test_vector_free(&y);
  free(nan);
}

void symo_rig_once(symo_world *w, const symo_curvature *curvature, const symo_method *method,
                   symo_dtype dtype, const double *u, double *out) {
  symo_rig r = symo_rig_make(w, curvature, method, dtype);
  symo_rig_step(&r, true, u, out);
  symo_rig_free(&r);
}

double *symo_rig_entry(const symo_rig *r, const char *name) {
  for (size_t i = 0; i < r->num_entries; i++) {
    if (strcmp(r->entries[i].name, name) != 0) continue;
    size_t n = r->entry_bytes[i] / symo_dtype_size(r->dtype);
    double *out = malloc((n + 1) * sizeof *out);
    symo_test_unpack(r->dtype, r->state[i], out, n);
    return out;
  }
  cr_assert_fail("no entry %s", name);
  return NULL;
}
