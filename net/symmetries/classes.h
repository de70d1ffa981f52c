#ifndef SYMO_NET_SYMMETRIES_CLASSES_H
#define SYMO_NET_SYMMETRIES_CLASSES_H

#include "net/symmetries/infer.h"

/* What the rules of rules.c work on.  An axis of a value consists of atoms, one as a rule, several
 * after flatten; atoms that must move together are united.  Before each rule there is room for all
 * that one operation can make, so that making things cannot fail inside. */
enum { SYM_MAX_ATOMS = SYMO_MAX_ORDER, SYM_TEXT = 384 };

typedef struct sym_value {
  size_t order;
  size_t start[SYM_MAX_ATOMS + 1]; /* axis a: atoms start[a] .. start[a + 1] */
  size_t atoms[SYM_MAX_ATOMS];
} sym_value;

typedef struct sym_atom {
  size_t dim, parent, copies;
  const char *base, *ending; /* the name: node and ending */
} sym_atom;

typedef struct sym_limit {
  size_t atom;
  sym_level level;
  bool scales, remark;
  char text[SYM_TEXT];
} sym_limit;

typedef struct sym_parameter {
  const char *name;
  size_t order, node;
  size_t atom[SYMO_MAX_ORDER];
  bool dual[SYMO_MAX_ORDER];
  bool glued[SYMO_MAX_ORDER]; /* one axis of the operation together with the atom before */
} sym_parameter;

typedef struct sym_state {
  symo_context *context;
  const graph *g;
  size_t here; /* the node whose rule runs */
  sym_value *values;
  bool *used;
  size_t num_atoms, atom_room, num_limits, limit_room, num_parameters, parameter_room;
  sym_atom *atoms;
  sym_limit *limits;
  sym_parameter *parameters;
} sym_state;

symo_status sym_reserve(sym_state *s);

size_t sym_atom_new(sym_state *s, size_t dim, const char *ending);
size_t sym_class(const sym_state *s, size_t atom);
size_t sym_dim(const sym_state *s, size_t atom);

/* Both move together from now on. */
void sym_unite(sym_state *s, size_t a, size_t b);

/* The class of the atom allows `level` at most, and scales only if `scales`. */
#if defined(__GNUC__)
__attribute__((format(printf, 5, 6)))
#endif
void sym_limit_atom(sym_state *s, size_t atom, sym_level level, bool scales, const char *format, ...);

#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
void sym_remark(sym_state *s, size_t atom, const char *format, ...);

/* "nodes[3] (dense h1): WHAT" with the given status. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
symo_status
sym_refuse(sym_state *s, symo_status status, const char *format, ...);

/* A parameter tensor in the making: axis by axis, then used.  A name NULL is left out. */
typedef struct sym_axes {
  size_t order;
  size_t atom[SYMO_MAX_ORDER];
  bool dual[SYMO_MAX_ORDER], glued[SYMO_MAX_ORDER];
  bool overflow;
} sym_axes;
void sym_axes_add(sym_axes *axes, size_t atom, bool dual);
void sym_axes_add_axis(sym_axes *axes, const sym_value *value, size_t axis, bool dual);

/* The second use of a name unites axis by axis. */
symo_status sym_use(sym_state *s, graph_role role, const sym_axes *axes);

/* Values. */
symo_status sym_value_push(sym_state *s, sym_value *v, size_t atom); /* a new axis of one atom */
symo_status sym_value_push_axis(sym_state *s, sym_value *v, const sym_value *from, size_t axis);
size_t sym_axis_dim(const sym_state *s, const sym_value *v, size_t axis);
void sym_limit_axis(sym_state *s, const sym_value *v, size_t axis, sym_level level, bool scales,
                    const char *text);
void sym_limit_value(sym_state *s, const sym_value *v, sym_level level, bool scales,
                     const char *text);

/* The rule of the node s->here: reads s->values of what it is made from, sets *out. */
symo_status sym_rule(sym_state *s, const graph_node *node, sym_value *out);
symo_status sym_rule_attention(sym_state *s, const graph_node *node, sym_value *out);
symo_status sym_rule_recurrent(sym_state *s, const graph_node *node, sym_value *out);
symo_status sym_rule_conv(sym_state *s, const graph_node *node, sym_value *out);
symo_status sym_rule_pool(sym_state *s, const graph_node *node, sym_value *out);

/* What a pointwise function commutes with. */
typedef struct sym_function {
  const char *name;
  sym_level level;
  bool scales;
  const char *why, *remark;
} sym_function;
const sym_function *sym_function_find(const char *name); /* never NULL */

/* Limits the atoms of the value as the function does. */
void sym_limit_function(sym_state *s, const sym_value *v, const char *name);

#endif
