/* Which labels can be taken at once, and which tensors need each other in a step. */
#include <stddef.h>
#include <string.h>

#include "core/error.h"
#include "optim/orbit/orbit.h"

/* Which labels can be taken at once: steps add up in the tensors that labels have in common, so all
 * labels that hang together by tensors are one part. */
/* part[i]: the smallest label that label i hangs together with.  tensor: room, one a tensor. */
static void connect(const orbit *o, size_t *part, size_t *tensor) {
  for (size_t t = 0; t < o->plan->layout->num_tensors; t++) tensor[t] = o->num_labels;
  for (size_t i = 0; i < o->num_labels; i++) part[i] = i;
  for (size_t i = 0; i < o->num_labels; i++) {
    const plan_label *l = o->labels[i].label;
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

static void list_parts(orbit *o, const size_t *part, double *weight) {
  size_t count = 0;
  for (size_t i = 0; i < o->num_labels; i++) weight[i] = part[i] == i ? 0 : -1;
  for (size_t i = 0; i < o->num_labels; i++)
    weight[part[i]] += symo_orbit_label_flops(o, &o->labels[i]);
  for (size_t best; (best = heaviest(o, weight)) < o->num_labels;) {
    for (size_t i = best; i < o->num_labels; i++)
      if (part[i] == best) o->part_label[count++] = i;
    o->part_end[o->num_parts++] = count;
    weight[best] = -1;
  }
}

symo_status symo_orbit_make_parts(orbit *o) {
  size_t *part = symo_calloc(o->num_labels, sizeof *part);
  size_t *tensor = symo_calloc(o->plan->layout->num_tensors, sizeof *tensor);
  double *weight = symo_calloc(o->num_labels, sizeof *weight);
  o->part_end = symo_calloc(o->num_labels, sizeof *o->part_end);
  o->part_label = symo_calloc(o->num_labels, sizeof *o->part_label);
  symo_status status = SYMO_OK;
  if (part == NULL || tensor == NULL || weight == NULL || o->part_end == NULL ||
      o->part_label == NULL) {
    status = symo_fail_memory(o->context, "orbit");
  } else {
    connect(o, part, tensor);
    list_parts(o, part, weight);
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
