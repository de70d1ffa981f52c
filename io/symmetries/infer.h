#ifndef SYMO_IO_SYMMETRIES_INFER_H
#define SYMO_IO_SYMMETRIES_INFER_H

#include "io/symmetries/graph.h"

/* The groups that a network's operations leave to its axes (docs/graphs.md).
 *
 * Axes that one operation ties together form a class, and every operation says how large a group it
 * commutes with on the classes it meets, in the order
 *     identity < permutation < signed-permutation < orthogonal,
 * of which each contains the ones before: the class has the smallest of these.  Apart from that it
 * says whether positive scales pass. */
typedef enum sym_level {
  SYM_IDENTITY,
  SYM_PERMUTATION,
  SYM_SIGNED_PERMUTATION,
  SYM_ORTHOGONAL
} sym_level;

const char *sym_level_name(sym_level level);

/* A sentence about a space.  SYM_BINDING: an operation that allows no more than the space has;
 * SYM_WEAKER: one that allows more; SYM_REMARK: a symmetry that the layout does not hold. */
typedef enum sym_note_kind { SYM_BINDING, SYM_WEAKER, SYM_REMARK } sym_note_kind;

typedef struct sym_note {
  size_t space;
  sym_note_kind kind;
  char text[384];
} sym_note;

typedef struct sym_space {
  char name[SYMO_MAX_NAME + 1];
  size_t dim;
  sym_level level;
  size_t copies;   /* > 1: wreath: `level` inside each of so many parts, which may change places */
  size_t together; /* of copies: spaces with equal numbers change places together; 0: none do */
  bool parts;      /* the copies are parts that a reshape made (splits.c) */
  bool scales;     /* scaling with any window is exact too */
  bool scaling;    /* and chosen */
} sym_space;

typedef struct sym_tensor {
  const char *name;
  size_t order, space[SYMO_MAX_ORDER];
  bool dual[SYMO_MAX_ORDER]; /* outgoing: marked where scaling is chosen */
} sym_tensor;

/* Spaces in the order in which the network makes them, tensors in that of their first use; notes
 * space after space, the binding ones first. */
typedef struct sym_proposal {
  symo_dtype dtype;
  double window;
  size_t num_spaces, num_tensors, num_notes;
  sym_space *spaces;
  sym_tensor *tensors;
  sym_note *notes;
} sym_proposal;

/* window > 0: scaling with permutations instead of permutations where that is exact; 0: never.
 * SYMO_E_SHAPE and so on name the operation and the axis that do not fit.  Names of tensors belong
 * to the graph. */
symo_status sym_infer(const graph *g, double window, sym_proposal **out);
void sym_proposal_destroy(sym_proposal *p); /* NULL is accepted */

/* "wreath of 4 x orthogonal" */
typedef struct sym_group_text {
  char text[64];
} sym_group_text;
sym_group_text sym_group_text_of(const sym_proposal *p, size_t space);

symo_status sym_proposal_layout(symo_context *context, const sym_proposal *p, symo_layout **out);

#endif
