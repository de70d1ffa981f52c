/* Labels in one process, tensors in another.
 *
 * The coordinates X of a label are columns, a piece of them for each of its tensors.  The process of a
 * tensor makes the pieces of its tensors and sends them to the processes of their labels, which take
 * covariances, roots and steps as one process does, and send back the pieces of the result.  Over
 * all labels that is every number of the vector once there and once back, so what a process sends
 * and holds falls as the processes grow.
 *
 * A tensor far from 1 is brought near it before its coordinates, which are sums, are taken; its piece
 * goes in that power of two, and comes into the unit of the label where it arrives.  Labels see all
 * tensors by number: what is not here has no array. */
#include "optim/orbit/division.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/error.h"

/* ---- creation ---- */

static size_t piece_numbers(const plan_label *l, size_t piece) {
  return symo_label_rows(l) * l->pieces[piece].width;
}

plan_label symo_orbit_piece(const plan_label *l, size_t piece, plan_piece *room) {
  plan_label one = *l;
  *room = l->pieces[piece];
  one.m = room->width, room->column = 0;
  one.pieces = room, one.num_pieces = 1;
  return one;
}

/* The same with its columns where they are in X. */
static plan_label piece_in_place(const plan_label *l, size_t piece) {
  plan_label one = *l;
  one.pieces = l->pieces + piece, one.num_pieces = 1;
  return one;
}

bool symo_orbit_has(const orbit *o, size_t tensor) {
  return o->division == NULL || o->division->here[tensor];
}

/* Which labels are here, and of those of which some tensor is elsewhere. */
static void mark(orbit *o, const int *unit) {
  const orbit_division *d = o->division;
  for (size_t i = 0; i < o->num_labels; i++) {
    orbit_label *l = &o->labels[i];
    l->here = l->label->dropped || unit[i] == d->comm->rank;
    l->apart = false;
    for (size_t p = 0; p < l->label->num_pieces; p++)
      l->apart = l->apart || (l->here && !d->here[l->label->pieces[p].tensor]);
  }
}

/* Where pieces lie in what goes out (out) or comes in, process by process, and within it by labels:
 * both ends count alike.  Gives all bytes. */
static size_t place(orbit *o, const curvature_division *of, bool out) {
  orbit_division *d = o->division;
  const size_t size = (size_t)d->comm->size;
  size_t all = 0, *bytes = d->counts + (out ? 0 : 2 * size), *from = bytes + size;
  for (int r = 0; r < d->comm->size; r++) {
    from[r] = all;
    for (size_t i = 0; i < o->num_labels && r != d->comm->rank; i++) {
      const plan_label *l = o->labels[i].label;
      for (size_t p = 0; p < l->num_pieces && !l->dropped; p++) {
        const int tensor = of->tensor[l->pieces[p].tensor], label = of->unit[i];
        if ((out ? tensor : label) != d->comm->rank || (out ? label : tensor) != r) continue;
        d->at[d->first_piece[i] + p] = all;
        all += symo_padded(piece_numbers(l, p) * symo_dtype_size(o->dtype));
      }
    }
    bytes[r] = all - from[r];
  }
  return all;
}

/* The pieces of every tensor that go out. */
static void list_out(orbit *o) {
  orbit_division *d = o->division;
  size_t count = 0;
  for (size_t k = 0; k < d->num_own; k++) {
    d->first_out[k] = count;
    for (size_t i = 0; i < o->num_labels; i++) {
      const orbit_label *l = &o->labels[i];
      for (size_t p = 0; p < l->label->num_pieces && !l->here; p++)
        if (l->label->pieces[p].tensor == d->own[k])
          d->out[count++] = (orbit_out){i, p, d->at[d->first_piece[i] + p]};
    }
  }
  d->first_out[d->num_own] = count;
}

void symo_orbit_division_destroy(orbit_division *d) {
  if (d == NULL) return;
  symo_free(d->own);
  symo_free(d->here);
  symo_free(d->first_piece);
  symo_free(d->at);
  symo_free(d->out);
  symo_free(d->first_out);
  symo_free(d->counts);
  symo_free(d);
}

static bool take_arrays(orbit *o, const curvature_division *of) {
  orbit_division *d = o->division;
  const size_t tensors = o->plan->layout->num_tensors;
  size_t pieces = 0;
  for (size_t i = 0; i < o->num_labels; i++) pieces += o->labels[i].label->num_pieces;
  d->comm = of->comm, d->num_tensors = tensors;
  d->own = symo_calloc(tensors, sizeof *d->own);
  d->here = symo_calloc(tensors, sizeof *d->here);
  d->first_piece = symo_calloc(o->num_labels, sizeof *d->first_piece);
  d->at = symo_calloc(pieces + 1, sizeof *d->at);
  d->out = symo_calloc(pieces + 1, sizeof *d->out);
  d->first_out = symo_calloc(tensors + 1, sizeof *d->first_out);
  d->counts = symo_calloc(4 * (size_t)of->comm->size, sizeof *d->counts);
  return d->own != NULL && d->here != NULL && d->first_piece != NULL && d->at != NULL &&
         d->out != NULL && d->first_out != NULL && d->counts != NULL;
}

symo_status symo_orbit_divide(orbit *o, const curvature_division *of) {
  const symo_layout *layout = o->plan->layout;
  orbit_division *d = o->division = symo_calloc(1, sizeof *d);
  size_t pieces = 0;
  if (d == NULL || !take_arrays(o, of)) return symo_fail_memory(o->context, "orbit");
  for (size_t t = 0; t < layout->num_tensors; t++) {
    d->here[t] = of->tensor[t] == of->comm->rank;
    if (!d->here[t]) continue;
    d->own[d->num_own++] = t;
    d->parameters += layout->tensors[t].size;
  }
  for (size_t i = 0; i < o->num_labels; i++) {
    d->first_piece[i] = pieces;
    pieces += o->labels[i].label->num_pieces;
  }
  mark(o, of->unit);
  d->send_bytes = place(o, of, true);
  d->receive_bytes = place(o, of, false);
  list_out(o);
  return SYMO_OK;
}

/* ---- vectors of all tensors ---- */

enum { EACH = 3 }; /* numbers of a tensor that are exchanged: stored, level, norm */

/* Whether the gradient goes out beside the direction. */
static bool sends_gradient(const orbit *o) {
  return o->moments != ORBIT_BASIS_NONE &&
         !(o->moments == ORBIT_BASIS_COLUMN && o->method.source == SYMO_SOURCE_MOMENTUM);
}

/* Memory that is handed out piece by piece; NULL measures. */
static void *take(char *base, size_t *used, size_t bytes) {
  void *at = base != NULL ? base + *used : NULL;
  *used += symo_padded(bytes);
  return at;
}

typedef struct wide_room {
  const void **x, **g;
  const ptrdiff_t **x_strides, **g_strides;
  void **out;
  int *stored, *level, *sent;   /* [2 tensors]: of x, then of g */
  double *numbers, *norms, *to; /* [2 EACH tensors], [2 tensors], [tensors] */
  char *send, *receive, *receive_g;
} wide_room;

static size_t lay_out(const orbit *o, char *base, wide_room *r) {
  const orbit_division *d = o->division;
  const size_t n = d->num_tensors;
  size_t used = 0;
  r->x = take(base, &used, n * sizeof(void *)), r->g = take(base, &used, n * sizeof(void *));
  r->x_strides = take(base, &used, n * sizeof(void *));
  r->g_strides = take(base, &used, n * sizeof(void *));
  r->out = take(base, &used, n * sizeof(void *));
  r->stored = take(base, &used, 2 * n * sizeof(int));
  r->level = take(base, &used, 2 * n * sizeof(int));
  r->sent = take(base, &used, 2 * n * sizeof(int));
  r->numbers = take(base, &used, 2 * EACH * n * sizeof(double));
  r->norms = take(base, &used, 2 * n * sizeof(double));
  r->to = take(base, &used, n * sizeof(double));
  r->send = take(base, &used, d->send_bytes);
  r->receive = take(base, &used, d->receive_bytes);
  r->receive_g = take(base, &used, sends_gradient(o) ? d->receive_bytes : 0);
  return used;
}

size_t symo_orbit_division_bytes(const orbit *o) {
  wide_room room;
  return o->division != NULL ? lay_out(o, NULL, &room) : 0;
}

/* The end of what is common to all uses of the work space. */
static wide_room room_in(const orbit *o, void *work) {
  wide_room room;
  char *base = (char *)work + o->head - symo_orbit_division_bytes(o);
  assert(base != NULL);
  (void)lay_out(o, base, &room);
  return room;
}

/* An array of every tensor, NULL for those that are not here. */
static symo_const_vector spread_arrays(const orbit_division *d, symo_const_vector x,
                                       const void **data, const ptrdiff_t **strides) {
  for (size_t t = 0; t < d->num_tensors; t++) data[t] = NULL, strides[t] = NULL;
  for (size_t k = 0; k < d->num_own; k++) {
    data[d->own[k]] = x.data[k];
    strides[d->own[k]] = x.strides != NULL ? x.strides[k] : NULL;
  }
  return (symo_const_vector){x.dtype, data, strides};
}

/* What other processes will want to know of own tensors. */
static void tell(const orbit *o, symo_const_vector x, const curvature_scale *scale, bool norms,
                 double *numbers) {
  const orbit_division *d = o->division;
  for (size_t k = 0; k < d->num_own; k++) {
    double *own = numbers + EACH * d->own[k];
    int exponent = 0;
    own[0] = curvature_stored(scale, k);
    own[1] = scale->level != NULL ? scale->level[k] : 0;
    if (!norms) continue;
    const symo_nd view = symo_layout_view(o->plan->layout, o->dtype, x, d->own[k]);
    own[2] = log2(symo_update_far_norm(view, &exponent));
    own[2] += exponent + own[0];
  }
}

/* Pieces go in the power of two near which their tensor is. */
static curvature_scale hear(const orbit_division *d, const double *numbers, bool norms, int *stored,
                            int *level, int *sent, double *log_norm) {
  for (size_t t = 0; t < d->num_tensors; t++) {
    const double *one = numbers + EACH * t;
    stored[t] = (int)one[0], level[t] = (int)one[1], log_norm[t] = one[2];
    sent[t] = level[t] != CURVATURE_ZERO ? level[t] : stored[t];
  }
  return (curvature_scale){.stored = stored, .level = level, .log_norm = norms ? log_norm : NULL};
}

typedef struct send_job {
  const orbit *o;
  symo_const_vector x;
  const int *stored, *sent;
  void **spare;
  char *send, *work;
  size_t stride;
  symo_vector out; /* of what comes back */
} send_job;

static void send_tensor(void *arg, size_t k, int worker) {
  const send_job *j = arg;
  const orbit *o = j->o;
  const orbit_division *d = o->division;
  const size_t t = d->own[k];
  const symo_const_vector near = symo_const_vector_of(o->dtype, (const void *const *)j->spare);
  symo_const_vector x = j->x;
  plan_piece room;
  if (j->sent[t] != j->stored[t]) {
    symo_nd_shift(j->stored[t] - j->sent[t], symo_layout_view(o->plan->layout, o->dtype, x, t),
                  symo_layout_view(o->plan->layout, o->dtype, near, t));
    x = near;
  }
  for (size_t i = d->first_out[k]; i < d->first_out[k + 1]; i++) {
    const orbit_out *p = &d->out[i];
    const plan_label one = symo_orbit_piece(o->labels[p->label].label, p->piece, &room);
    arena scratch = {.base = j->work + (size_t)worker * j->stride + o->head};
    symo_label_gather(o->plan, &one, x, 0, orbit_first_rows(&one), j->send + p->at, &scratch);
  }
}

static void send(const orbit *o, const curvature_step *step, symo_const_vector x, const int *stored,
                 const int *sent, char *from, char *to, void *work) {
  const orbit_division *d = o->division;
  const size_t size = (size_t)d->comm->size;
  send_job j = {.o = o,
                .x = x,
                .stored = stored,
                .sent = sent,
                .spare = symo_orbit_spare(o, work),
                .send = from,
                .work = work,
                .stride = step->stride};
  symo_pool_run(step->pool, d->num_own, send_tensor, &j);
  const symo_comm_parcel parcel = {.from = from,
                                   .to = to,
                                   .send = d->counts,
                                   .send_at = d->counts + size,
                                   .receive = d->counts + 2 * size,
                                   .receive_at = d->counts + 3 * size};
  symo_comm_pass(d->comm, &parcel);
}

void symo_orbit_widen(const orbit *o, const curvature_step *step, symo_const_vector g,
                      symo_const_vector x, symo_vector out, bool norms, void *work, orbit_wide *w) {
  const orbit_division *d = o->division;
  const size_t n = d->num_tensors;
  const bool two = g.data != NULL && o->method.momentum > 0; /* else x is g */
  const wide_room r = room_in(o, work);
  memset(r.numbers, 0, 2 * EACH * n * sizeof *r.numbers);
  memset(r.to, 0, n * sizeof *r.to);
  *w = (orbit_wide){.step = *step, .work = work, .send = r.send};
  w->x = w->g = spread_arrays(d, x, r.x, r.x_strides);
  if (two) w->g = spread_arrays(d, g, r.g, r.g_strides);
  for (size_t t = 0; t < n; t++) r.out[t] = NULL;
  for (size_t k = 0; k < d->num_own && out.data != NULL; k++) r.out[d->own[k]] = out.data[k];
  w->out = symo_vector_of(o->dtype, r.out);
  tell(o, w->x, &step->x, norms, r.numbers);
  if (two) tell(o, w->g, &step->g, norms, r.numbers + EACH * n);
  symo_comm_sum(d->comm, SYMO_F64, two ? 2 * EACH * n : EACH * n, r.numbers);
  w->step.x = w->step.g = hear(d, r.numbers, norms, r.stored, r.level, r.sent, r.norms);
  w->x_far = w->g_far = (orbit_far){r.receive, r.sent};
  if (two)
    w->step.g =
        hear(d, r.numbers + EACH * n, norms, r.stored + n, r.level + n, r.sent + n, r.norms + n);
  if (step->out != NULL) w->step.out = r.to;
  send(o, step, w->x, r.stored, r.sent, r.send, r.receive, work);
  if (!two || !sends_gradient(o)) return;
  w->g_far = (orbit_far){r.receive_g, r.sent + n};
  send(o, step, w->g, r.stored + n, r.sent + n, r.send, r.receive_g, work);
}

/* ---- back ---- */

static void add_tensor(void *arg, size_t k, int worker) {
  const send_job *j = arg;
  const orbit *o = j->o;
  const orbit_division *d = o->division;
  plan_piece room;
  for (size_t i = d->first_out[k]; i < d->first_out[k + 1]; i++) {
    const orbit_out *p = &d->out[i];
    const plan_label one = symo_orbit_piece(o->labels[p->label].label, p->piece, &room);
    arena scratch = {.base = j->work + (size_t)worker * j->stride + o->head};
    symo_label_scatter(o->plan, &one, j->send + p->at, j->out, &scratch);
  }
}

void symo_orbit_return(const orbit *o, const orbit_wide *w) {
  const orbit_division *d = o->division;
  const size_t size = (size_t)d->comm->size;
  const symo_comm_parcel parcel = {.from = w->x_far.coordinates,
                                   .to = w->send,
                                   .send = d->counts + 2 * size,
                                   .send_at = d->counts + 3 * size,
                                   .receive = d->counts,
                                   .receive_at = d->counts + size};
  send_job j = {.o = o, .send = w->send, .work = w->work, .stride = w->step.stride, .out = w->out};
  symo_comm_pass(d->comm, &parcel);
  symo_pool_run(w->step.pool, d->num_own, add_tensor, &j);
}

/* ---- pieces of labels that are here ---- */

/* A piece as it was sent, and its columns in X. */
static symo_nd sent_piece(const orbit *o, const orbit_label *l, size_t piece,
                          const orbit_far *far) {
  const orbit_division *d = o->division;
  const size_t shape[2] = {symo_label_rows(l->label), l->label->pieces[piece].width};
  const size_t at = d->at[d->first_piece[(size_t)(l - o->labels)] + piece];
  return symo_nd_dense(o->dtype, far->coordinates + at, 2, shape);
}

static symo_nd columns_of(const orbit *o, const orbit_label *l, size_t piece, void *x) {
  const plan_piece *p = &l->label->pieces[piece];
  const size_t shape[2] = {symo_label_rows(l->label), p->width};
  symo_nd out = symo_nd_dense(o->dtype, symo_at(o->dtype, x, (ptrdiff_t)p->column), 2, shape);
  out.s[0] = (ptrdiff_t)l->label->m;
  return out;
}

void symo_orbit_gather_apart(const orbit *o, const orbit_label *l, symo_const_vector u, double to,
                             const orbit_far *far, void *x, void *rest) {
  const double whole = nearbyint(to), left = exp2(whole - to);
  for (size_t p = 0; p < l->label->num_pieces; p++) {
    const size_t tensor = l->label->pieces[p].tensor;
    if (symo_orbit_has(o, tensor)) {
      const plan_label one = piece_in_place(l->label, p);
      arena scratch = {.base = rest};
      symo_label_gather(o->plan, &one, u, 0, orbit_first_rows(&one), x, &scratch);
      continue;
    }
    const symo_nd target = columns_of(o, l, p, x);
    symo_nd_shift(far->stored[tensor] - (int)whole, sent_piece(o, l, p, far), target);
    if (left != 1) symo_nd_copy(left, target, target);
  }
}

void symo_orbit_scatter_apart(const orbit *o, const orbit_label *l, void *x, symo_vector out,
                              const orbit_far *far, void *rest) {
  for (size_t p = 0; p < l->label->num_pieces; p++) {
    if (symo_orbit_has(o, l->label->pieces[p].tensor)) {
      const plan_label one = piece_in_place(l->label, p);
      arena scratch = {.base = rest};
      symo_label_scatter(o->plan, &one, x, out, &scratch);
    } else {
      symo_nd_copy(1, columns_of(o, l, p, x), sent_piece(o, l, p, far));
    }
  }
}

/* ---- sums of all processes ---- */

void symo_orbit_join_noise(const orbit *o, orbit_noise *noise, void *work) {
  const orbit_division *d = o->division;
  const wide_room r = room_in(o, work);
  memset(r.numbers, 0, 2 * d->num_tensors * sizeof *r.numbers);
  for (size_t k = 0; k < d->num_own; k++) {
    r.numbers[2 * d->own[k]] = noise[d->own[k]].square;
    r.numbers[2 * d->own[k] + 1] = noise[d->own[k]].level;
  }
  symo_comm_sum(d->comm, SYMO_F64, 2 * d->num_tensors, r.numbers);
  for (size_t t = 0; t < d->num_tensors; t++)
    noise[t] = (orbit_noise){r.numbers[2 * t], (int)r.numbers[2 * t + 1]};
}

symo_status symo_orbit_join(const orbit *o, symo_status status, size_t n, double *x) {
  double all[SYMO_COMM_FEW] = {status != SYMO_OK};
  if (o->division == NULL) return status;
  memcpy(all + 1, x, n * sizeof *x);
  symo_comm_most(o->division->comm, n + 1, all);
  memcpy(x, all + 1, n * sizeof *x);
  return status == SYMO_OK && all[0] > 0 ? SYMO_NO_CONVERGENCE : status;
}
