/* Which labels can be taken at once, which by all threads together, and which tensors need each
 * other in a step. */
#include <stddef.h>
#include <string.h>

#include "core/error.h"
#include "core/symmetric.h"
#include "optim/orbit/orbit.h"

/* part[i]: the smallest label that label i hangs together with, as steps add up in the tensors that
 * labels have in common.  What is dropped comes behind all others by itself, and joins nothing.
 * tensor: room, one a tensor. */
static void connect(const orbit *o, size_t *part, size_t *tensor) {
  for (size_t t = 0; t < o->plan->layout->num_tensors; t++) tensor[t] = o->num_labels;
  for (size_t i = 0; i < o->num_labels; i++) part[i] = i;
  for (size_t i = 0; i < o->num_labels; i++) {
    const plan_label *l = o->labels[i].label;
    if (o->labels[i].way == ORBIT_DROPPED) continue;
    for (size_t p = 0; p < l->num_pieces; p++) {
      size_t *owner = &tensor[l->pieces[p].tensor];
      if (*owner == o->num_labels) *owner = i;
      size_t a = part[*owner], b = part[i], low = a < b ? a : b, high = a < b ? b : a;
      for (size_t k = 0; k <= i && low < high; k++)
        if (part[k] == high) part[k] = low;
    }
  }
}

/* The part with most to do among those left, of which weight is >= 0. */
static size_t heaviest(const orbit *o, const double *weight) {
  size_t best = o->num_labels;
  for (size_t i = 0; i < o->num_labels; i++)
    if (weight[i] >= 0 && (best == o->num_labels || weight[i] > weight[best])) best = i;
  return best;
}

static void list_parts(orbit *o, const size_t *part, double *weight, double *flops) {
  size_t count = 0;
  for (size_t i = 0; i < o->num_labels; i++)
    weight[i] = part[i] == i && o->labels[i].way != ORBIT_DROPPED ? 0 : -1;
  for (size_t i = 0; i < o->num_labels; i++)
    if (o->labels[i].way != ORBIT_DROPPED && o->labels[i].here)
      weight[part[i]] += symo_orbit_label_flops(o, &o->labels[i]);
  for (size_t best; (best = heaviest(o, weight)) < o->num_labels;) {
    for (size_t i = best; i < o->num_labels; i++)
      if (part[i] == best) o->part_label[count++] = i;
    flops[o->num_parts] = weight[best];
    o->part_end[o->num_parts++] = count;
    weight[best] = -1;
  }
}

/* ---- parts that all threads take together ---- */

/* What threads lose in waiting for each other, as a share of their time. */
static const double waiting = 0.1;

/* When the last of the threads ends, each taking the next part as it gets free.  load: room, one a
 * thread. */
static double end_of(const double *flops, size_t count, int threads, double *load) {
  double last = 0;
  for (int t = 0; t < threads; t++) load[t] = 0;
  for (size_t i = 0; i < count; i++) {
    int least = 0;
    for (int t = 1; t < threads; t++)
      if (load[t] < load[least]) least = t;
    load[least] += flops[i];
    if (load[least] > last) last = load[least];
  }
  return last;
}

static bool can_share(const orbit *o, size_t part) {
  for (size_t i = part > 0 ? o->part_end[part - 1] : 0; i < o->part_end[part]; i++) {
    const orbit_label *l = &o->labels[o->part_label[i]];
    const size_t n = l->label->m < l->label->ambient ? l->label->m : l->label->ambient;
    if (l->way == ORBIT_ROOTS || !l->here) return false;
    if (l->way == ORBIT_POLAR && !(l->solver->shares && symo_symmetric_has_tiles(n))) return false;
  }
  return true;
}

/* How many parts, from the heaviest on, all threads had better take together, one part after the
 * other, before the rest is dealt out: as many as make the end come first. */
static size_t count_shared(const orbit *o, const double *flops, double *load) {
  double before = 0, soonest = end_of(flops, o->num_parts, o->threads, load);
  size_t best = 0;
  for (size_t k = 0; k < o->num_parts && can_share(o, k) && flops[k] * o->threads > soonest / 4;
       k++) {
    before += flops[k] / o->threads * (1 + waiting);
    const double end = before + end_of(flops + k + 1, o->num_parts - k - 1, o->threads, load);
    if (end < soonest) {
      soonest = end;
      best = k + 1;
    }
  }
  return best;
}

symo_status symo_orbit_make_parts(orbit *o) {
  size_t *part = symo_calloc(o->num_labels, sizeof *part);
  size_t *tensor = symo_calloc(o->plan->layout->num_tensors, sizeof *tensor);
  double *weight = symo_calloc(2 * o->num_labels + (size_t)o->threads, sizeof *weight);
  o->part_end = symo_calloc(o->num_labels, sizeof *o->part_end);
  o->part_label = symo_calloc(o->num_labels, sizeof *o->part_label);
  symo_status status = SYMO_OK;
  if (part == NULL || tensor == NULL || weight == NULL || o->part_end == NULL ||
      o->part_label == NULL) {
    status = symo_fail_memory(o->context, "orbit");
  } else {
    double *flops = weight + o->num_labels, *load = flops + o->num_labels;
    connect(o, part, tensor);
    list_parts(o, part, weight, flops);
    if (o->threads > 1) o->num_shared = count_shared(o, flops, load);
  }
  symo_free(part);
  symo_free(tensor);
  symo_free(weight);
  return status;
}

/* Labels with names too long for an entry are known by their number. */
static bool is_named(const orbit_label *l) {
  return strlen(l->label->name) + 12 <= sizeof((symo_state_entry *)NULL)->name;
}

size_t symo_orbit_parts(const void *self, size_t *part) {
  const orbit *o = self;
  const size_t tensors = o->plan->layout->num_tensors;
  size_t count = 0;
  bool together = o->estimated;
  for (size_t i = 0; i < o->num_labels; i++) together = together || !is_named(&o->labels[i]);
  for (size_t t = 0; t < tensors; t++) part[t] = together ? 0 : SYMO_NONE;
  for (size_t k = 0; k < o->num_parts && !together; k++) {
    const size_t own = count;
    for (size_t i = k > 0 ? o->part_end[k - 1] : 0; i < o->part_end[k]; i++) {
      const plan_label *l = o->labels[o->part_label[i]].label;
      for (size_t p = 0; p < l->num_pieces; p++) {
        if (part[l->pieces[p].tensor] == SYMO_NONE) count = own + 1;
        part[l->pieces[p].tensor] = own;
      }
    }
  }
  for (size_t t = 0; t < tensors; t++)
    if (part[t] == SYMO_NONE) part[t] = count++; /* in no label */
  return together ? 1 : count;
}
