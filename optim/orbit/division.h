#ifndef SYMO_OPTIM_ORBIT_DIVISION_H
#define SYMO_OPTIM_ORBIT_DIVISION_H

#include "optim/orbit/orbit.h"
#include "optim/update/update.h"

/* Labels in one process and tensors in another: see division.c. */

/* A piece of a tensor that is here whose label is not; at: of its bytes in what goes out. */
typedef struct orbit_out {
  size_t label, piece, at;
} orbit_out;

struct orbit_division {
  const symo_comm *comm;
  size_t num_tensors;       /* of the rule */
  size_t num_own, *own;     /* those that are here, ascending */
  size_t parameters;        /* in them */
  bool *here;               /* [num_tensors] */
  size_t *first_piece, *at; /* of label i the pieces are at[first_piece[i] + ..]: bytes in what
                                   goes out or comes */
  orbit_out *out;           /* by own tensors: those of the k-th from first_out[k] on */
  size_t *first_out;        /* [num_own + 1] */
  size_t send_bytes, receive_bytes, *counts; /* send, send_at, receive, receive_at, each [size] */
};

/* Fills o->division, and says of o->labels, whose `label` is set, what is here. */
symo_status symo_orbit_divide(orbit *o, const curvature_division *of);
void symo_orbit_division_destroy(orbit_division *d); /* NULL is accepted */

/* The end of the head of the work space: vectors of all tensors, and what is exchanged. */
size_t symo_orbit_division_bytes(const orbit *o);

/* What accumulate and apply look at, by all tensors of the rule. */
typedef struct orbit_wide {
  curvature_step step; /* with levels of all tensors, and an `out` of its own */
  symo_const_vector g, x;
  symo_vector out;
  orbit_far g_far, x_far;
  char *send;
  void *work;
} orbit_wide;

/* All processes exchange the levels of their tensors (norms: and their norms) and the pieces of x, and
 * where second moments take it in, of g.  g.data, out.data NULL: there is none. */
void symo_orbit_widen(const orbit *o, const curvature_step *step, symo_const_vector g,
                      symo_const_vector x, symo_vector out, bool norms, void *work, orbit_wide *w);
/* Results that symo_orbit_scatter_apart has left in x_far go back, and are added to out. */
void symo_orbit_return(const orbit *o, const orbit_wide *w);

/* X of a label with pieces elsewhere, and back; u: the tensors that are here, in the unit 2^to. */
void symo_orbit_gather_apart(const orbit *o, const orbit_label *l, symo_const_vector u, double to,
                             const orbit_far *far, void *x, void *rest);
void symo_orbit_scatter_apart(const orbit *o, const orbit_label *l, void *x, symo_vector out,
                              const orbit_far *far, void *rest);

/* A label of one piece alone, `room`, whose X has no other columns. */
plan_label symo_orbit_piece(const plan_label *l, size_t piece, plan_piece *room);

void symo_orbit_join_noise(const orbit *o, orbit_noise *noise, void *work);

/* x [n] := the largest of all processes; a positive status where one of them failed. */
symo_status symo_orbit_join(const orbit *o, symo_status status, size_t n, double *x);

#endif
