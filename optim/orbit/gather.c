/* Coordinates of a label: a matrix as it lies in its tensor, or dense, by all threads. */
#include "core/linalg.h"
#include "optim/orbit/orbit.h"

bool symo_orbit_as_matrices(const orbit *o, const orbit_label *l, symo_const_vector u,
                            symo_vector out, symo_mat *x, void **to) {
  const plan_label *label = l->label;
  symo_nd from, target;
  symo_mat y;
  if (label->num_pieces != 1 || label->num_families > 0) return false;
  if (!symo_piece_view(o->plan, label, &label->pieces[0], u, &from) ||
      !symo_piece_view(o->plan, label, &label->pieces[0], symo_vector_const(out), &target))
    return false;
  if (!symo_nd_matrix(from, label->num_rows, x) || !symo_nd_matrix(target, label->num_rows, &y))
    return false;
  *to = y.p;
  if (y.cs == 1 && y.rs == (ptrdiff_t)y.cols) return true;
  if (y.rs != 1 || y.cs != (ptrdiff_t)y.rows) return false;
  *x = symo_mat_t(*x);
  return true;
}

typedef struct gather_job {
  const orbit *o;
  const plan_label *label;
  const orbit_room *room;
  symo_const_vector u;
  symo_vector out;
  void *x;
  bool back;
} gather_job;

/* A tensor has columns of its own in x, and what comes back from x to it is no other's. */
static void take_tensor(void *arg, size_t tensor, int worker) {
  const gather_job *j = arg;
  const orbit *o = j->o;
  arena scratch = {.base = j->room->rest};
  if (worker > 0)
    scratch.base = (char *)curvature_work(j->room->step, j->room->work, worker) + o->head;
  if (j->back)
    symo_label_scatter_tensor(o->plan, j->label, tensor, j->x, j->out, &scratch);
  else
    symo_label_gather_tensor(o->plan, j->label, tensor, j->u, j->x, &scratch);
}

void symo_orbit_gather_by(const orbit *o, const plan_label *l, const orbit_room *room,
                          symo_const_vector u, void *x) {
  gather_job j = {.o = o, .label = l, .room = room, .u = u, .x = x};
  symo_pool_run(room->pool, o->plan->layout->num_tensors, take_tensor, &j);
}

void symo_orbit_scatter_by(const orbit *o, const plan_label *l, const orbit_room *room, void *x,
                           symo_vector out) {
  gather_job j = {.o = o, .label = l, .room = room, .out = out, .x = x, .back = true};
  symo_pool_run(room->pool, o->plan->layout->num_tensors, take_tensor, &j);
}
