#ifndef SYMO_IO_SYMMETRIES_CLASSES_H
#define SYMO_IO_SYMMETRIES_CLASSES_H

#include "io/symmetries/infer.h"

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
  size_t together; /* of copies: a number that those share that change places together, or 0 */
  const char *base, *ending; /* the name: node and ending */
} sym_atom;

/* An axis that is read as two, index = outer * dim(inner) + inner, such as heads and what is in
 * them. An action on the outer and one on the inner axis make one on the whole.  If nothing mixes
 * the parts, each part may also have an element of its own: the group of the whole is then a wreath
 * product. */
typedef struct sym_split {
  size_t whole, outer, inner; /* atoms */
  size_t node;
  bool mixed; /* some operation works across the parts, or on a part without the outer axis */
} sym_split;

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
  size_t num_splits, split_room;
  sym_split *splits;
  bool *wreath; /* [num_splits], at the end */
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

/* ---- splits.c ---- */

/* The two axes of dimension `outer` and dim / outer that the atom is read as, the same ones each
 * time. */
void sym_split_atom(sym_state *s, size_t atom, size_t outer, size_t *out_outer, size_t *out_inner);

/* Joins neighbours on an axis that are the two of one split. */
void sym_join_axis(sym_state *s, sym_value *v, size_t axis);

/* An operation that may mix the parts of inner axes: those of v, or atom i of it. */
void sym_mix(sym_state *s, const sym_value *v);
void sym_mix_atom(sym_state *s, size_t atom);

/* The place of the outer axis that belongs to atom i of v, or SIZE_MAX: none in v. */
size_t sym_outer_of(const sym_state *s, const sym_value *v, size_t i);
bool sym_is_inner(const sym_state *s, size_t atom);

/* The parts of v whose outer axis v does not have are mixed. */
void sym_mix_orphans(sym_state *s, const sym_value *v);

/* After the last rule.  Makes splits agree that have to, then lowers levels, sets copies, and
 * replaces axes of parameters by the two that they are read as where parts do not move apart.
 * level, scales: [num_atoms], of the roots.  owner: [num_atoms]: the root whose space tells the
 * limits of this root. */
symo_status sym_close_splits(sym_state *s);
symo_status sym_resolve_splits(sym_state *s, sym_level *level, bool *scales, size_t *owner);

/* The rule of the node s->here: reads s->values of what it is made from, sets *out. */
symo_status sym_rule(sym_state *s, const graph_node *node, sym_value *out);
symo_status sym_rule_attention(sym_state *s, const graph_node *node, sym_value *out);
symo_status sym_rule_recurrent(sym_state *s, const graph_node *node, sym_value *out);
symo_status sym_rule_conv(sym_state *s, const graph_node *node, sym_value *out);
symo_status sym_rule_pool(sym_state *s, const graph_node *node, sym_value *out);

/* rules_shapes.c */
symo_status sym_rule_flatten(sym_state *s, const graph_node *node, sym_value *out);
symo_status sym_rule_transpose(sym_state *s, const graph_node *node, sym_value *out);
symo_status sym_rule_reduce(sym_state *s, const graph_node *node, sym_value *out);
symo_status sym_rule_reshape(sym_state *s, const graph_node *node, sym_value *out);
symo_status sym_rule_slice(sym_state *s, const graph_node *node, sym_value *out);
symo_status sym_rule_repeat(sym_state *s, const graph_node *node, sym_value *out);
symo_status sym_rule_concat(sym_state *s, const graph_node *node, sym_value *out);
symo_status sym_rule_opaque(sym_state *s, const graph_node *node, sym_value *out);

/* rules_meet.c: values that meet entry by entry, and products of matrices */
symo_status sym_rule_meet(sym_state *s, const graph_node *node, sym_value *out);
symo_status sym_rule_matmul(sym_state *s, const graph_node *node, sym_value *out);

/* Axis a of x and axis b of y move together from now on; where they consist of other atoms, both
 * stay as they are.  Their dimensions are equal. */
void sym_meet_axes(sym_state *s, const sym_value *x, size_t a, const sym_value *y, size_t b);
symo_status sym_need_axis(sym_state *s, const graph_node *node, const sym_value *v, size_t axis);

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
