/* From limits to groups: every class has the smallest group that an operation on it allows. */
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "io/symmetries/classes.h"
#include "io/symmetries/infer.h"

static const char *const level_names[] = {"identity", "permutation", "signed-permutation",
                                          "orthogonal"};

const char *sym_level_name(sym_level level) { return level_names[level]; }

/* ---- running the rules ---- */

static symo_status run_rules(sym_state *s) {
  symo_status status;
  bool output = false;
  for (s->here = 0; s->here < s->g->num_nodes; s->here++) {
    const graph_node *node = &s->g->nodes[s->here];
    sym_value value = {0};
    status = sym_reserve(s);
    if (status == SYMO_OK) status = sym_rule(s, node, &value);
    if (status != SYMO_OK) return status;
    s->values[s->here] = value;
    for (size_t i = 0; i < node->num_from; i++) s->used[node->from[i]] = true;
    output = output || node->op == GRAPH_OUTPUT;
  }
  for (s->here = 0; s->here < s->g->num_nodes; s->here++)
    if (!s->used[s->here] && s->g->nodes[s->here].op != GRAPH_OUTPUT)
      return sym_refuse(s, SYMO_E_FORMAT,
                        "nothing is made from it (end in an \"output\", or leave it "
                        "out)");
  if (!output)
    return symo_fail(s->context, SYMO_E_FORMAT,
                     "%s: nodes: there is no output (add {\"op\": \"output\", \"from\": ...})",
                     s->g->where);
  if (s->num_parameters == 0)
    return symo_fail(s->context, SYMO_E_FORMAT, "%s: nodes: no parameter tensors (add a layer)",
                     s->g->where);
  return SYMO_OK;
}

/* ---- the proposal ---- */

/* The space of every class that a tensor names, in the order of the classes, and merged axes. */
typedef struct builder {
  sym_state *s;
  sym_proposal *p;
  size_t *owner; /* [num_atoms], of the roots: the root whose space tells the limits of this one */
  size_t *space_of; /* [num_atoms], SIZE_MAX: none yet */
  sym_level *level; /* [num_atoms], of the roots */
  bool *scales;
  size_t *first, *next; /* limits of a root: a list, [num_atoms] and [num_limits] */
} builder;

static void link_limits(builder *b) {
  sym_state *s = b->s;
  for (size_t i = 0; i < s->num_atoms; i++) b->first[i] = SIZE_MAX;
  for (size_t i = s->num_limits; i-- > 0;) { /* so that the lists are in order */
    size_t root = sym_class(s, s->limits[i].atom);
    while (b->owner[root] != root) root = b->owner[root];
    b->next[i] = b->first[root];
    b->first[root] = i;
  }
}

static void apply_limits(builder *b) {
  sym_state *s = b->s;
  for (size_t i = 0; i < s->num_atoms; i++) {
    b->level[i] = SYM_ORTHOGONAL;
    b->scales[i] = true;
    b->owner[i] = i;
  }
  for (size_t i = 0; i < s->num_limits; i++) {
    const sym_limit *limit = &s->limits[i];
    size_t root = sym_class(s, limit->atom);
    if (limit->remark) continue;
    if (limit->level < b->level[root]) b->level[root] = limit->level;
    b->scales[root] = b->scales[root] && limit->scales;
  }
}

static bool name_taken(const sym_proposal *p, const char *name) {
  for (size_t i = 0; i < p->num_spaces; i++)
    if (strcmp(p->spaces[i].name, name) == 0) return true;
  return false;
}

static sym_space *new_space(sym_proposal *p, const char *base, const char *ending) {
  sym_space *space = &p->spaces[p->num_spaces];
  char name[SYMO_MAX_NAME + 1];
  (void)snprintf(name, sizeof name, "%.100s%.10s", base, ending);
  for (unsigned k = 2; name_taken(p, name); k++)
    (void)snprintf(name, sizeof name, "%.100s%.10s-%u", base, ending, k);
  memcpy(space->name, name, sizeof name);
  p->num_spaces++;
  return space;
}

/* Positions of one flattened axis make one space: the run of identity atoms that begins at axis
 * a. */
static size_t run_length(const builder *b, const sym_parameter *t, size_t a) {
  size_t n = 1;
  if (b->level[sym_class(b->s, t->atom[a])] != SYM_IDENTITY) return 1;
  while (a + n < t->order && t->glued[a + n] &&
         b->level[sym_class(b->s, t->atom[a + n])] == SYM_IDENTITY)
    n++;
  return n;
}

static void mark_classes(builder *b) {
  for (size_t t = 0; t < b->s->num_parameters; t++) {
    const sym_parameter *parameter = &b->s->parameters[t];
    for (size_t a = 0, n; a < parameter->order; a += n) {
      n = run_length(b, parameter, a);
      if (n == 1) b->space_of[sym_class(b->s, parameter->atom[a])] = 0;
    }
  }
}

static void add_spaces(builder *b, double window) {
  for (size_t i = 0; i < b->s->num_atoms; i++) {
    if (b->space_of[i] == SIZE_MAX) continue;
    const sym_atom *atom = &b->s->atoms[i];
    b->space_of[i] = b->p->num_spaces;
    sym_space *space = new_space(b->p, atom->base, atom->ending);
    space->dim = atom->dim;
    space->level = b->level[i];
    space->scales = b->scales[i];
    space->copies = space->level == SYM_IDENTITY ? 0 : atom->copies;
    space->together = space->copies > 1 ? atom->together : 0;
    for (size_t k = 0; k < b->s->num_splits; k++)
      space->parts =
          space->parts || (space->copies > 1 && sym_class(b->s, b->s->splits[k].whole) == i);
    space->scaling = window > 0 && space->scales && space->level == SYM_PERMUTATION;
  }
}

/* A space for a run of positions.  Sizes are checked when the layout is made. */
static symo_status add_run(builder *b, const sym_parameter *t, size_t a, size_t n, size_t *out) {
  size_t dim = 1;
  for (size_t i = 0; i < n; i++)
    if (!symo_mul_size(dim, sym_dim(b->s, t->atom[a + i]), &dim) || dim > INT32_MAX)
      return symo_fail(b->s->context, SYMO_E_SIZE, "%s: tensor %s: too many positions (pool more)",
                       b->s->g->where, t->name);
  *out = b->p->num_spaces;
  sym_space *space = new_space(b->p, b->s->g->nodes[t->node].name, ".p");
  space->dim = dim;
  space->level = SYM_IDENTITY;
  return SYMO_OK;
}

static symo_status add_tensors(builder *b) {
  for (size_t t = 0; t < b->s->num_parameters; t++) {
    const sym_parameter *parameter = &b->s->parameters[t];
    sym_tensor *tensor = &b->p->tensors[b->p->num_tensors++];
    tensor->name = parameter->name;
    for (size_t a = 0, n; a < parameter->order; a += n) {
      n = run_length(b, parameter, a);
      size_t space = b->space_of[sym_class(b->s, parameter->atom[a])];
      if (n > 1) {
        symo_status status = add_run(b, parameter, a, n, &space);
        if (status != SYMO_OK) return status;
      }
      tensor->space[tensor->order] = space;
      tensor->dual[tensor->order++] = parameter->dual[a] && b->p->spaces[space].scaling;
    }
  }
  return SYMO_OK;
}

/* ---- notes ---- */

static void add_note(sym_proposal *p, size_t space, sym_note_kind kind, const char *text) {
  for (size_t i = p->num_notes; i > 0 && p->notes[i - 1].space == space; i--)
    if (strcmp(p->notes[i - 1].text, text) == 0) return;
  sym_note *note = &p->notes[p->num_notes++];
  note->space = space;
  note->kind = kind;
  (void)snprintf(note->text, sizeof note->text, "%s", text);
}

static void add_part_notes(sym_proposal *p, size_t index) {
  char text[sizeof p->notes->text];
  const sym_space *space = &p->spaces[index];
  (void)snprintf(text, sizeof text,
                 "it is read as %zu parts that every operation treats alike and by itself, so each "
                 "has an element of its own, and parts may change places",
                 space->copies);
  add_note(p, index, SYM_REMARK, text);
  for (size_t i = 0; i < p->num_spaces; i++)
    if (i != index && p->spaces[i].together == space->together) {
      (void)snprintf(text, sizeof text,
                     "parts change places together with those of %s: to move one space alone is "
                     "no symmetry of the loss, but gives the same averages",
                     p->spaces[i].name);
      add_note(p, index, SYM_REMARK, text);
      return;
    }
}

static void add_own_notes(sym_proposal *p, size_t index, bool limited) {
  const sym_space *space = &p->spaces[index];
  if (!limited)
    add_note(p, index, SYM_BINDING,
             space->level == SYM_IDENTITY
                 ? "positions of a flattened axis stay where they are"
                 : "only linear maps meet here: a rotation in one is undone in the next");
  if (space->parts) add_part_notes(p, index);
  if (space->scaling)
    add_note(p, index, SYM_BINDING,
             "scales pass too, and scaling was asked for: incoming times c, outgoing (*) over c");
  else if (space->scales && space->level == SYM_PERMUTATION)
    add_note(p, index, SYM_REMARK,
             "scaling: incoming weights and bias of a unit times c > 0, outgoing over c (--scaling "
             "WINDOW takes it)");
  else if (space->scales && space->level == SYM_ORTHOGONAL)
    add_note(p, index, SYM_REMARK, "any invertible matrix, with its inverse on what is outgoing");
}

/* class_of: [num_spaces], the root, or SIZE_MAX for a run of positions. */
static void add_notes(builder *b, const size_t *class_of) {
  static const sym_note_kind order[] = {SYM_BINDING, SYM_WEAKER, SYM_REMARK};
  for (size_t space = 0; space < b->p->num_spaces; space++) {
    size_t first = class_of[space] == SIZE_MAX ? SIZE_MAX : b->first[class_of[space]];
    bool limited = false;
    for (size_t k = 0; k < 3; k++) {
      if (order[k] == SYM_REMARK) add_own_notes(b->p, space, limited);
      for (size_t i = first; i != SIZE_MAX; i = b->next[i]) {
        const sym_limit *limit = &b->s->limits[i];
        bool binding = limit->level == b->p->spaces[space].level;
        sym_note_kind kind = limit->remark ? SYM_REMARK : binding ? SYM_BINDING : SYM_WEAKER;
        if (kind != order[k]) continue;
        limited = limited || kind == SYM_BINDING;
        add_note(b->p, space, kind, limit->text);
      }
    }
  }
}

/* ---- together ---- */

static symo_status build(sym_state *s, builder *b, double window) {
  size_t axes = 0;
  for (size_t t = 0; t < s->num_parameters; t++) axes += s->parameters[t].order;
  size_t spaces = s->num_atoms + axes;
  b->space_of = symo_calloc(s->num_atoms, sizeof *b->space_of);
  b->owner = symo_calloc(s->num_atoms, sizeof *b->owner);
  s->wreath = symo_calloc(s->num_splits + 1, sizeof *s->wreath);
  b->level = symo_calloc(s->num_atoms, sizeof *b->level);
  b->scales = symo_calloc(s->num_atoms, sizeof *b->scales);
  b->first = symo_calloc(s->num_atoms, sizeof *b->first);
  b->next = symo_calloc(s->num_limits + 1, sizeof *b->next);
  b->p->spaces = symo_calloc(spaces, sizeof *b->p->spaces);
  b->p->tensors = symo_calloc(s->num_parameters, sizeof *b->p->tensors);
  b->p->notes = symo_calloc(s->num_limits + 5 * spaces, sizeof *b->p->notes);
  size_t *class_of = symo_calloc(spaces, sizeof *class_of);
  symo_status status = SYMO_OK;
  if (!b->space_of || !b->owner || !s->wreath || !b->level || !b->scales || !b->first || !b->next ||
      !b->p->spaces || !b->p->tensors || !b->p->notes || !class_of)
    status = symo_fail_memory(s->context, "symmetries");
  else {
    for (size_t i = 0; i < s->num_atoms; i++) b->space_of[i] = SIZE_MAX;
    for (size_t i = 0; i < spaces; i++) class_of[i] = SIZE_MAX;
    apply_limits(b);
    status = sym_resolve_splits(s, b->level, b->scales, b->owner);
  }
  if (status == SYMO_OK) {
    link_limits(b);
    mark_classes(b);
    add_spaces(b, window);
    for (size_t i = 0; i < s->num_atoms; i++)
      if (b->space_of[i] != SIZE_MAX) class_of[b->space_of[i]] = i;
    status = add_tensors(b);
    if (status == SYMO_OK) add_notes(b, class_of);
  }
  symo_free(class_of);
  symo_free(b->space_of);
  symo_free(b->owner);
  symo_free(s->wreath);
  symo_free(b->level);
  symo_free(b->scales);
  symo_free(b->first);
  symo_free(b->next);
  return status;
}

symo_status sym_infer(const graph *g, double window, sym_proposal **out) {
  sym_state s = {.context = g->context, .g = g};
  sym_proposal *p = symo_calloc(1, sizeof *p);
  builder b = {.s = &s, .p = p};
  symo_status status = SYMO_OK;
  s.values = symo_calloc(g->num_nodes + 1, sizeof *s.values);
  s.used = symo_calloc(g->num_nodes + 1, sizeof *s.used);
  if (p == NULL || s.values == NULL || s.used == NULL)
    status = symo_fail_memory(g->context, "symmetries");
  if (status == SYMO_OK) status = run_rules(&s);
  if (status == SYMO_OK) status = sym_close_splits(&s);
  if (status == SYMO_OK) status = build(&s, &b, window);
  symo_free(s.values);
  symo_free(s.used);
  symo_free(s.atoms);
  symo_free(s.limits);
  symo_free(s.parameters);
  symo_free(s.splits);
  if (status != SYMO_OK) {
    sym_proposal_destroy(p);
    return status;
  }
  p->dtype = g->dtype;
  p->window = window;
  *out = p;
  return SYMO_OK;
}

void sym_proposal_destroy(sym_proposal *p) {
  if (p == NULL) return;
  symo_free(p->spaces);
  symo_free(p->tensors);
  symo_free(p->notes);
  symo_free(p);
}

/* A proposal as a layout. */

sym_group_text sym_group_text_of(const sym_proposal *p, size_t space) {
  const sym_space *s = &p->spaces[space];
  sym_group_text out;
  const char *name = sym_level_name(s->level);
  if (s->scaling)
    (void)snprintf(out.text, sizeof out.text, "scaling, window %g, and permutation", p->window);
  else if (s->copies > 1)
    (void)snprintf(out.text, sizeof out.text, "wreath of %zu x %s", s->copies, name);
  else
    (void)snprintf(out.text, sizeof out.text, "%s", name);
  return out;
}

/* *made: to be destroyed by the caller, or NULL where the group is a row of the registry. */
static symo_status group_of(symo_context *context, const sym_proposal *p, const sym_space *s,
                            symo_group **made, const symo_group **out) {
  const symo_group *inner = symo_group_find(sym_level_name(s->level));
  symo_group_part part = {.group = inner};
  *made = NULL;
  *out = inner;
  if (!s->scaling && s->copies <= 1) return SYMO_OK;
  symo_group_spec spec = symo_group_spec_default(s->scaling ? "scaling" : "wreath");
  if (s->scaling) {
    spec.window = p->window;
    spec.permute = true;
  } else {
    part.dim = s->dim / s->copies;
    spec.copies = s->copies;
    spec.num_parts = 1;
    spec.parts = &part;
  }
  symo_status status = symo_group_create(context, &spec, made);
  *out = *made;
  return status;
}

static symo_status add_tensor(const sym_proposal *p, const sym_tensor *t, symo_layout *layout) {
  char names[SYMO_MAX_ORDER][SYMO_MAX_NAME + 2];
  const char *axes[SYMO_MAX_ORDER];
  for (size_t a = 0; a < t->order; a++) {
    (void)snprintf(names[a], sizeof names[a], "%s%s", p->spaces[t->space[a]].name,
                   t->dual[a] ? "*" : "");
    axes[a] = names[a];
  }
  return symo_layout_add_tensor(layout, t->name, t->order, axes);
}

symo_status sym_proposal_layout(symo_context *context, const sym_proposal *p, symo_layout **out) {
  symo_layout *layout = NULL;
  symo_status status;
  SYMO_TRY(symo_layout_create(context, &layout));
  for (size_t i = 0; i < p->num_spaces; i++) {
    symo_group *made = NULL;
    const symo_group *group = NULL;
    status = group_of(context, p, &p->spaces[i], &made, &group);
    if (status == SYMO_OK)
      status = symo_layout_add_space(layout, p->spaces[i].name, p->spaces[i].dim, group);
    symo_group_destroy(made);
    if (status != SYMO_OK) goto fail;
  }
  for (size_t i = 0; i < p->num_tensors; i++) SYMO_TRY(add_tensor(p, &p->tensors[i], layout));
  SYMO_TRY(symo_layout_set_dtype(layout, p->dtype));
  *out = layout;
  return SYMO_OK;
fail:
  symo_layout_destroy(layout);
  return status;
}
