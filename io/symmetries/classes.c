/* Atoms and their classes (a forest of parents whose roots are the earliest atoms), limits, and
 * parameter tensors. */
#include "io/symmetries/classes.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/names.h"
#include "core/text.h"

/* More than any rule makes: values have 8 atoms, and 8 values meet at most. */
enum { ROOM_ATOMS = 48, ROOM_LIMITS = 192, ROOM_PARAMETERS = 16, ROOM_SPLITS = 8 };

static symo_status reserve(symo_context *context, void **array, size_t *room, size_t used,
                           size_t more, size_t size) {
  if (used + more <= *room) return SYMO_OK;
  size_t wanted = 2 * (used + more);
  void *grown = symo_calloc(wanted, size);
  if (grown == NULL) return symo_fail_memory(context, "symmetries");
  if (used > 0) memcpy(grown, *array, used * size);
  symo_free(*array);
  *array = grown;
  *room = wanted;
  return SYMO_OK;
}

symo_status sym_reserve(sym_state *s) {
  symo_status status;
  void *atoms = s->atoms, *limits = s->limits, *parameters = s->parameters, *splits = s->splits;
  status = reserve(s->context, &atoms, &s->atom_room, s->num_atoms, ROOM_ATOMS, sizeof *s->atoms);
  s->atoms = atoms;
  if (status != SYMO_OK) return status;
  status =
      reserve(s->context, &limits, &s->limit_room, s->num_limits, ROOM_LIMITS, sizeof *s->limits);
  s->limits = limits;
  if (status != SYMO_OK) return status;
  status = reserve(s->context, &parameters, &s->parameter_room, s->num_parameters, ROOM_PARAMETERS,
                   sizeof *s->parameters);
  s->parameters = parameters;
  if (status != SYMO_OK) return status;
  status =
      reserve(s->context, &splits, &s->split_room, s->num_splits, ROOM_SPLITS, sizeof *s->splits);
  s->splits = splits;
  return status;
}

/* ---- atoms ---- */

size_t sym_atom_new(sym_state *s, size_t dim, const char *ending) {
  assert(s->num_atoms < s->atom_room);
  size_t atom = s->num_atoms++;
  const char *base = s->g->nodes[s->here].name;
  s->atoms[atom] = (sym_atom){
      .dim = dim, .parent = atom, .base = base != NULL ? base : "value", .ending = ending};
  return atom;
}

size_t sym_class(const sym_state *s, size_t atom) {
  while (s->atoms[atom].parent != atom) {
    size_t parent = s->atoms[atom].parent;
    s->atoms[atom].parent = s->atoms[parent].parent;
    atom = parent;
  }
  return atom;
}

size_t sym_dim(const sym_state *s, size_t atom) { return s->atoms[atom].dim; }

void sym_unite(sym_state *s, size_t a, size_t b) {
  assert(sym_dim(s, a) == sym_dim(s, b));
  a = sym_class(s, a), b = sym_class(s, b);
  if (a == b) return;
  size_t first = a < b ? a : b, second = a < b ? b : a;
  size_t x = s->atoms[first].copies, y = s->atoms[second].copies;
  s->atoms[second].parent = first;
  if (x > 0 && y > 0 && x != y)
    sym_limit_atom(s, first, SYM_IDENTITY, false, "it is divided into %zu %s and into %zu", x,
                   symo_plural(x, "head", "heads"), y);
  if (x == 0) s->atoms[first].copies = y;
  if (s->atoms[first].together == 0) s->atoms[first].together = s->atoms[second].together;
}

/* ---- limits ---- */

/* The text begins with the name of the node. */
static void add_limit(sym_state *s, const sym_limit *limit, const char *format, va_list list) {
  assert(s->num_limits < s->limit_room);
  sym_limit *out = &s->limits[s->num_limits++];
  *out = *limit;
  const graph_node *node = &s->g->nodes[s->here];
  (void)snprintf(out->text, sizeof out->text, "%.*s: ", (int)GRAPH_MAX_NAME,
                 node->name != NULL ? node->name : graph_op_name(node->op));
  size_t used = strlen(out->text);
  (void)vsnprintf(out->text + used, sizeof out->text - used, format, list);
}

void sym_limit_atom(sym_state *s, size_t atom, sym_level level, bool scales, const char *format,
                    ...) {
  va_list list;
  va_start(list, format);
  add_limit(s, &(sym_limit){.atom = atom, .level = level, .scales = scales}, format, list);
  va_end(list);
}

void sym_remark(sym_state *s, size_t atom, const char *format, ...) {
  va_list list;
  va_start(list, format);
  add_limit(s, &(sym_limit){.atom = atom, .remark = true}, format, list);
  va_end(list);
}

void sym_limit_axis(sym_state *s, const sym_value *v, size_t axis, sym_level level, bool scales,
                    const char *text) {
  for (size_t i = v->start[axis]; i < v->start[axis + 1]; i++)
    sym_limit_atom(s, v->atoms[i], level, scales, "%s", text);
}

void sym_limit_value(sym_state *s, const sym_value *v, sym_level level, bool scales,
                     const char *text) {
  for (size_t a = 0; a < v->order; a++) sym_limit_axis(s, v, a, level, scales, text);
}

symo_status sym_refuse(sym_state *s, symo_status status, const char *format, ...) {
  char text[400];
  va_list list;
  va_start(list, format);
  (void)vsnprintf(text, sizeof text, format, list);
  va_end(list);
  return symo_fail(s->context, status, "%s: %s: %s", s->g->where,
                   graph_place_of(s->g, s->here).text, text);
}

/* ---- values ---- */

symo_status sym_value_push(sym_state *s, sym_value *v, size_t atom) {
  sym_value one = {.order = 1, .start = {0, 1}, .atoms = {atom}};
  return sym_value_push_axis(s, v, &one, 0);
}

symo_status sym_value_push_axis(sym_state *s, sym_value *v, const sym_value *from, size_t axis) {
  size_t used = v->start[v->order], more = from->start[axis + 1] - from->start[axis];
  if (v->order == SYM_MAX_ATOMS || used + more > SYM_MAX_ATOMS)
    return sym_refuse(s, SYMO_E_UNSUPPORTED, "the value has too many axes (at most %d)",
                      (int)SYM_MAX_ATOMS);
  memcpy(&v->atoms[used], &from->atoms[from->start[axis]], more * sizeof *v->atoms);
  v->start[++v->order] = used + more;
  return SYMO_OK;
}

size_t sym_axis_dim(const sym_state *s, const sym_value *v, size_t axis) {
  size_t dim = 1;
  for (size_t i = v->start[axis]; i < v->start[axis + 1]; i++)
    if (!symo_mul_size(dim, sym_dim(s, v->atoms[i]), &dim)) return SIZE_MAX;
  return dim;
}

/* ---- parameter tensors ---- */

static void axes_push(sym_axes *axes, size_t atom, bool dual, bool glued) {
  if (axes->order == SYMO_MAX_ORDER) {
    axes->overflow = true;
    return;
  }
  axes->atom[axes->order] = atom;
  axes->dual[axes->order] = dual;
  axes->glued[axes->order++] = glued;
}

void sym_axes_add(sym_axes *axes, size_t atom, bool dual) { axes_push(axes, atom, dual, false); }

void sym_axes_add_axis(sym_axes *axes, const sym_value *value, size_t axis, bool dual) {
  for (size_t i = value->start[axis]; i < value->start[axis + 1]; i++)
    axes_push(axes, value->atoms[i], dual, i > value->start[axis]);
}

static symo_quote shape_text(const sym_state *s, size_t order, const size_t *atom) {
  size_t shape[SYMO_MAX_ORDER];
  for (size_t i = 0; i < order; i++) shape[i] = sym_dim(s, atom[i]);
  return symo_quoted_shape(order, shape);
}

static symo_status tie(sym_state *s, const sym_parameter *p, const sym_axes *axes) {
  bool equal = p->order == axes->order;
  for (size_t i = 0; equal && i < p->order; i++)
    equal = sym_dim(s, p->atom[i]) == sym_dim(s, axes->atom[i]);
  if (!equal)
    return sym_refuse(
        s, SYMO_E_SHAPE,
        "tensor %s has the shape %s here and %s in %s (give one of them another name)", p->name,
        shape_text(s, axes->order, axes->atom).text, shape_text(s, p->order, p->atom).text,
        graph_place_of(s->g, p->node).text);
  for (size_t i = 0; i < p->order; i++) {
    sym_unite(s, p->atom[i], axes->atom[i]);
    if (p->dual[i] != axes->dual[i])
      sym_limit_atom(
          s, p->atom[i], SYM_ORTHOGONAL, false,
          "tensor %s is tied: what is incoming in one place is outgoing in the other, so "
          "scales do not cancel",
          p->name);
  }
  return SYMO_OK;
}

symo_status sym_use(sym_state *s, graph_role role, const sym_axes *axes) {
  const char *name = s->g->nodes[s->here].tensor[role];
  if (name == NULL) return SYMO_OK;
  if (axes->overflow)
    return sym_refuse(s, SYMO_E_UNSUPPORTED, "tensor %s has more than %d axes (flatten fewer)",
                      name, (int)SYMO_MAX_ORDER);
  for (size_t i = 0; i < s->num_parameters; i++)
    if (strcmp(s->parameters[i].name, name) == 0) return tie(s, &s->parameters[i], axes);
  assert(s->num_parameters < s->parameter_room);
  sym_parameter *p = &s->parameters[s->num_parameters++];
  *p = (sym_parameter){.name = name, .order = axes->order, .node = s->here};
  memcpy(p->atom, axes->atom, sizeof p->atom);
  memcpy(p->dual, axes->dual, sizeof p->dual);
  memcpy(p->glued, axes->glued, sizeof p->glued);
  return SYMO_OK;
}
