/* The layout of a rule: its tensors alone, with the groups that the method says.
 *
 * `alternate` has every tensor of two axes and more acted on from one side.  Spaces are coloured
 * so that the first axis of a tensor and each of its others differ: kept (the space has its group,
 * or the one named behind `alternate`) or fixed (identity).  Spaces are visited in the order in
 * which tensors name them, neighbours next; of the two colourings of a connected part the one is
 * taken that leaves fewer parameters in tensors with no kept axis or with several.  A chain
 * in - h1 - h2 - out thus alternates.
 *
 * Parities do not always allow it: a space on both axes, odd circles, hidden layers in even number
 * between inputs and outputs without a group.  Every tensor keeps one axis all the same: its first
 * kept one, or else its first one in play.  Where that is not what the colour of the space says,
 * the axis names a twin of the space: "h.kept", by which tensors that the colouring leaves out are
 * coupled among themselves only, or "h.fixed".
 *
 * With tensors by themselves (orbit-blocked) nothing is coupled, so kept axes name the space
 * itself.  A matrix by itself is indifferent to its side; a tensor of more axes is not, and keeps
 * its first one in play, so that a convolution is the matrix [outputs, the rest] that Muon makes of
 * it.
 *
 * In play are the spaces with a group; all of them where `alternate` names one.
 *
 * `alternate copies` has the copies of a wreath product each by itself, K^h in place of K wr S_h: every
 * head then has its own labels. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "optim/block.h"
#include "optim/method.h"
#include "optim/share.h"

typedef enum colour { UNSEEN, KEPT, FIXED } colour;

typedef struct sublayout {
  const symo_layout *layout;
  size_t num_tensors;
  const size_t *tensors;
  const symo_group *named; /* NULL: that of the layout */
  bool alternates, splits, blocked;
  colour *colours; /* [num_spaces] */
  size_t *queue;
  bool *added; /* [2 num_spaces]: the space and its twin */
  symo_layout *out;
} sublayout;

static const layout_tensor *tensor_of(const sublayout *s, size_t i) {
  return &s->layout->tensors[s->tensors[i]];
}

static bool in_play(const sublayout *s, size_t space) {
  return s->named != NULL || s->layout->spaces[space].group != &symo_group_identity;
}

static colour opposite(colour c) { return c == KEPT ? FIXED : KEPT; }

/* Colours the neighbours of a space; true if it has any tensor. */
static void colour_neighbours(sublayout *s, size_t space, size_t *end) {
  for (size_t i = 0; i < s->num_tensors; i++) {
    const layout_tensor *t = tensor_of(s, i);
    for (size_t a = 1; a < t->order; a++) {
      size_t x = t->space[0], y = t->space[a];
      if (x == y || (x != space && y != space)) continue;
      size_t other = x == space ? y : x;
      if (!in_play(s, other) || s->colours[other] != UNSEEN) continue;
      s->colours[other] = opposite(s->colours[space]);
      s->queue[(*end)++] = other;
    }
  }
}

/* Parameters in tensors of spaces [first, end) of the queue that are not acted on from one side. */
static double misfit(const sublayout *s, size_t first, size_t end) {
  double sum = 0;
  for (size_t i = 0; i < s->num_tensors; i++) {
    const layout_tensor *t = tensor_of(s, i);
    bool ours = false;
    int kept = 0;
    if (t->order < 2) continue;
    for (size_t a = 0; a < t->order; a++) {
      for (size_t q = first; q < end; q++) ours = ours || s->queue[q] == t->space[a];
      kept += in_play(s, t->space[a]) && s->colours[t->space[a]] == KEPT;
    }
    if (ours && kept != 1) sum += (double)t->size;
  }
  return sum;
}

static void flip(sublayout *s, size_t first, size_t end) {
  for (size_t q = first; q < end; q++) s->colours[s->queue[q]] = opposite(s->colours[s->queue[q]]);
}

static void colour_spaces(sublayout *s) {
  size_t end = 0;
  for (size_t i = 0; i < s->num_tensors; i++) {
    const layout_tensor *t = tensor_of(s, i);
    for (size_t a = 0; a < t->order; a++) {
      if (!in_play(s, t->space[a]) || s->colours[t->space[a]] != UNSEEN) continue;
      size_t first = end;
      s->colours[t->space[a]] = KEPT;
      s->queue[end++] = t->space[a];
      for (size_t q = first; q < end; q++) colour_neighbours(s, s->queue[q], &end);
      double cost = misfit(s, first, end);
      flip(s, first, end);
      if (misfit(s, first, end) >= cost) flip(s, first, end);
    }
  }
}

static bool is_kept(const sublayout *s, size_t space) {
  return in_play(s, space) && s->colours[space] == KEPT;
}

/* Whether axis a of tensor t keeps its group. */
static bool keeps(const sublayout *s, const layout_tensor *t, size_t a) {
  if (!s->alternates) return true;
  for (size_t b = 0; b < t->order && (t->order <= 2 || !s->blocked); b++)
    if (is_kept(s, t->space[b])) return a == b;
  for (size_t b = 0; b < t->order; b++)
    if (in_play(s, t->space[b])) return a == b;
  return true;
}

static symo_status add_space(const sublayout *s, const layout_space *space, const char *name,
                             bool kept) {
  const symo_group *group = s->named != NULL ? s->named : space->group;
  const symo_group_spec *spec = symo_group_get_spec(group);
  symo_group *power = NULL;
  symo_status status = SYMO_OK;
  if (kept && s->splits && spec != NULL && strcmp(spec->group, "wreath") == 0) {
    symo_group_spec copies = *spec;
    copies.group = "power";
    SYMO_TRY(symo_group_create(s->layout->context, &copies, &power));
    group = power;
  }
  SYMO_TRY(symo_layout_add_space(s->out, name, space->dim, kept ? group : &symo_group_identity));
fail:
  symo_group_destroy(power);
  return status;
}

/* The space of an axis in the new layout: itself or its twin, added when first named. */
static symo_status add_axis(sublayout *s, const layout_tensor *t, size_t a, char *name,
                            size_t room) {
  const layout_space *space = &s->layout->spaces[t->space[a]];
  bool kept = keeps(s, t, a) || !in_play(s, t->space[a]);
  bool plain =
      !s->alternates || !in_play(s, t->space[a]) || kept == (s->blocked || is_kept(s, t->space[a]));
  bool *added = &s->added[2 * t->space[a] + !plain];
  snprintf(name, room, "%s%s", space->name, plain ? "" : kept ? ".kept" : ".fixed");
  if (!*added) {
    symo_status status = add_space(s, space, name, kept);
    if (status != SYMO_OK) return status;
    *added = true;
  }
  if (t->dual[a]) strcat(name, "*");
  return SYMO_OK;
}

static symo_status fill(sublayout *s) {
  symo_status status = SYMO_OK;
  for (size_t i = 0; i < s->num_tensors && status == SYMO_OK; i++) {
    const layout_tensor *t = tensor_of(s, i);
    char names[SYMO_MAX_ORDER][SYMO_MAX_NAME + 16];
    const char *axes[SYMO_MAX_ORDER];
    for (size_t a = 0; a < t->order; a++) {
      SYMO_TRY(add_axis(s, t, a, names[a], sizeof names[a] - 1));
      axes[a] = names[a];
    }
    SYMO_TRY(symo_layout_add_tensor(s->out, t->name, t->order, axes));
  }
fail:
  return status;
}

static void drop(sublayout *s) {
  symo_layout_destroy(s->out);
  symo_free(s->colours);
  symo_free(s->queue);
  symo_free(s->added);
}

/* Colours, where the groups alternate, and the layout itself. */
static symo_status make(sublayout *s, symo_dtype dtype, symo_layout **out) {
  symo_context *context = s->layout->context;
  const size_t n = s->layout->num_spaces + 1;
  symo_status status = SYMO_OK;
  s->colours = symo_calloc(n, sizeof *s->colours);
  s->queue = symo_calloc(n, sizeof *s->queue);
  s->added = symo_calloc(n, 2 * sizeof *s->added);
  if (s->colours == NULL || s->queue == NULL || s->added == NULL)
    SYMO_TRY(symo_fail_memory(context, "optim"));
  SYMO_TRY(symo_layout_create(context, &s->out));
  SYMO_TRY(symo_layout_set_dtype(s->out, dtype));
  if (s->alternates) colour_spaces(s);
  SYMO_TRY(fill(s));
  *out = s->out;
  s->out = NULL;
fail:
  drop(s);
  return status;
}

symo_status symo_block_extract(const symo_layout *layout, size_t num_tensors, const size_t *tensors,
                               symo_dtype dtype, symo_layout **out) {
  sublayout s = {.layout = layout, .num_tensors = num_tensors, .tensors = tensors};
  return make(&s, dtype, out);
}

symo_status symo_block_layout(const symo_layout *layout, size_t num_tensors, const size_t *tensors,
                              const symo_method *method, symo_dtype dtype, symo_layout **out) {
  sublayout s = {.layout = layout, .num_tensors = num_tensors, .tensors = tensors};
  const char *name = symo_method_group(method);
  s.alternates = symo_method_alternates(method);
  s.splits = symo_method_splits(method);
  s.blocked = !method->curvature->couples;
  if (name != NULL) {
    s.named = symo_context_find_group(layout->context, name);
    if (s.named == NULL) s.named = symo_group_find(name);
    assert(s.named != NULL);
  }
  return make(&s, dtype, out);
}
