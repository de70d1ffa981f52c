/* What steps cost, in flops, in bytes of state, and in vectors that go to a label which is in another
 * process than its tensors. */
#include "optim/method.h"
#include "optim/orbit/orbit.h"
#include "optim/solver/scaled.h"

double symo_orbit_root_flops(const orbit *o, const orbit_label *l) {
  return (double)l->label->count *
         l->solver->root_flops(l->label->m, symo_solver_steps(&o->method));
}

double symo_orbit_polar_flops(const orbit *o, const orbit_label *l) {
  const symo_solver *s = l->solver;
  const size_t rows = l->label->ambient, m = l->label->m;
  const int steps = symo_solver_steps(&o->method);
  return (double)l->label->count * (s->polar != NULL ? s->polar_flops(rows, m, steps)
                                                     : symo_polar_by_root_flops(s, rows, m, steps));
}

double symo_orbit_label_flops(const orbit *o, const orbit_label *l) {
  double size = (double)orbit_size(l->label);
  if (orbit_in_basis(l)) return symo_orbit_basis_flops(o, l);
  if (l->way == ORBIT_ROOTS) return 2 * size * (double)l->label->m;
  if (l->way == ORBIT_POLAR) return symo_orbit_polar_flops(o, l);
  return 3 * size;
}

double symo_orbit_accumulate_flops(const void *self) {
  const orbit *o = self;
  double flops = 0;
  for (size_t i = 0; i < o->num_labels; i++)
    if (o->labels[i].covariance != ORBIT_NO_ENTRY)
      flops += (double)orbit_size(o->labels[i].label) * ((double)o->labels[i].label->m + 1);
  return flops;
}

double symo_orbit_refresh_flops(const void *self, size_t root) {
  const orbit *o = self;
  const orbit_label *l = symo_orbit_label_of_root(o, root);
  double flops = 0;
  for (size_t i = 0; o->estimated && i < o->num_labels; i++)
    if (symo_orbit_keeps_root(&o->labels[i])) flops += 2 * symo_orbit_root_flops(o, &o->labels[i]);
  if (o->estimated) return flops;
  return l == NULL ? 0 : symo_orbit_root_flops(o, l);
}

double symo_orbit_apply_flops(const void *self) {
  const orbit *o = self;
  double flops = 0;
  for (size_t i = 0; i < o->num_labels; i++)
    if (o->labels[i].here) flops += symo_orbit_label_flops(o, &o->labels[i]);
  return flops;
}

/* ---- what can be in other processes than their tensors ---- */

size_t symo_orbit_num_units(const void *self) { return ((const orbit *)self)->num_labels; }

static double entry_bytes(const orbit *o, int index) {
  if (index == ORBIT_NO_ENTRY) return 0;
  const symo_state_entry e = symo_orbit_entry(o, (size_t)index);
  double bytes = (double)symo_dtype_size(e.dtype);
  for (size_t a = 0; a < e.order; a++) bytes *= (double)e.shape[a];
  return bytes;
}

curvature_unit symo_orbit_unit_cost(const void *self, size_t index) {
  const orbit *o = self;
  const orbit_label *l = &o->labels[index];
  const symo_method *m = &o->method;
  const double gram = (double)orbit_size(l->label) * ((double)l->label->m + 1);
  const double every = (double)m->statistics_every;
  curvature_unit out = {.vectors = 0};
  if (l->way == ORBIT_DROPPED) return out;
  out = (curvature_unit){.flops = symo_orbit_label_flops(o, l), .vectors = 1};
  if (l->covariance != ORBIT_NO_ENTRY) out.flops += gram / every, out.vectors += 1 / every;
  if (l->way == ORBIT_ROOTS)
    out.flops += (o->estimated ? 2 : 1) * symo_orbit_root_flops(o, l) / (double)m->refresh_every;
  if (orbit_in_basis(l)) out.vectors++;
  out.bytes = entry_bytes(o, l->covariance) + entry_bytes(o, l->root) + entry_bytes(o, l->basis) +
              entry_bytes(o, l->moments) + entry_bytes(o, l->progress);
  return out;
}

double symo_orbit_unit_in(const void *self, size_t index, size_t tensor) {
  const plan_label *l = ((const orbit *)self)->labels[index].label;
  double numbers = 0;
  for (size_t p = 0; p < l->num_pieces && !l->dropped; p++)
    if (l->pieces[p].tensor == tensor)
      numbers += (double)symo_label_rows(l) * (double)l->pieces[p].width;
  return numbers;
}
