#ifndef SYMO_GROUPS_PLAN_PLAN_H
#define SYMO_GROUPS_PLAN_PLAN_H

#include <symo/plan.h>

#include "core/linalg.h"
#include "groups/numeric/isotypic.h"
#include "groups/plan/layout.h"

enum { SYMO_MAX_ROWS = 2 * SYMO_MAX_ORDER };

/* What a plan knows of a space: the group it works with, and what that says of itself. */
typedef struct plan_space {
  const symo_group *group;
  int num_irreps, num_components[SYMO_MAX_REPEAT + 1];
  symo_irrep *irreps;
  symo_component *components[SYMO_MAX_REPEAT + 1]; /* NULL for orders that do not occur */
} plan_space;

/* One space with a non-trivial group on one to four axes of a tensor, and the irrep it carries in a
 * piece. */
typedef struct occurrence {
  size_t space;
  const symo_group *group;
  int order, axis[SYMO_MAX_REPEAT]; /* of the tensor, ascending */
  symo_irrep irrep;
  int number;                  /* of the irrep in its group */
  size_t copies;               /* one column axis, at the place of axis[0] */
  int family_row, ambient_row; /* of its row axes among those of the label; -1 for none */
} occurrence;

/* The part of a tensor that lies in a label: columns [column, column + width) of X. */
typedef struct plan_piece {
  size_t tensor, column, width;
  int num_occurrences;
  occurrence occ[SYMO_MAX_ORDER];
} plan_piece;

typedef struct plan_label {
  char *name;
  size_t dim, count, m;
  size_t type;      /* product of the types of its irreps: M is [type mu, type mu] */
  size_t hermitian; /* of the units that M is made of, how many stand with symmetric matrices */
  bool dropped, views;
  bool scaled;  /* tensors with scaling spaces lie in it: see groups/plan/moments.c */
  int num_keys; /* spaces with a non-trivial irrep, ascending */
  size_t key_space[SYMO_MAX_ORDER];
  int key_irrep[SYMO_MAX_ORDER];
  int key_family[SYMO_MAX_ORDER],
      key_ambient[SYMO_MAX_ORDER]; /* first row axis of each key, or -1 */
  size_t tensor;                   /* of a blocked label */
  int num_rows, num_families; /* row axes of X: families first, then ambient ones, both in the order
                                 of the axes of the first tensor, which may then lie as a view */
  size_t row[SYMO_MAX_ROWS];
  size_t ambient; /* rows of X for one member of the families */
  size_t num_pieces, room;
  plan_piece *pieces;
} plan_label;

struct symo_plan {
  symo_context *context;
  symo_layout *layout;
  atomic_size_t references;
  symo_dtype dtype;
  symo_coupling coupling;
  bool centered;
  plan_space *spaces; /* [num_spaces] of the layout */
  size_t num_labels, room;
  plan_label *labels;
  struct plan_moments *moments; /* NULL where there are no scaling spaces */
  size_t panel; /* numbers in a panel of coordinates, at most (but one row at least) */
};

/* symo_plan_create with the size of panels; 0: its own choice. */
symo_status symo_plan_create_panel(symo_layout *layout, const symo_plan_spec *spec, size_t panel,
                                   symo_plan **out);
symo_plan *symo_plan_retain(symo_plan *plan);
bool symo_plan_equal(const symo_plan *a, const symo_plan *b);

/* ---- coordinates (groups/plan/coordinates.c) ---- */

/* A bump allocator over a block taken beforehand.  base NULL: measures only. */
typedef struct arena {
  char *base;
  size_t used, most;
} arena;

/* The coordinates of a piece as a view of the tensor, axes [rows..., columns...]; false if they
 * must be computed. */
bool symo_piece_view(const symo_plan *plan, const plan_label *label, const plan_piece *piece,
                     symo_const_vector x, symo_nd *out);

/* Rows [first, first + n) of the first row axis of X (all of X if the label has no row axes) into
 * the dense panel `out`, [rows, m]. */
void symo_label_gather(const symo_plan *plan, const plan_label *label, symo_const_vector x,
                       size_t first, size_t n, void *out, arena *scratch);

/* y += the embedding of all coordinates X, dense [rows, m]. */
void symo_label_scatter(const symo_plan *plan, const plan_label *label, const void *coordinates,
                        symo_vector y, arena *scratch);

/* y += the diagonal of the matrix with the M [count, m, m] of this label. */
void symo_label_diagonal(const symo_plan *plan, const plan_label *label, const void *m,
                         symo_vector y, arena *scratch);

/* Bytes of scratch these need (gather: for n indices of the first row axis). */
size_t symo_gather_scratch(const symo_plan *plan, const plan_label *label, size_t n);
size_t symo_scatter_scratch(const symo_plan *plan, const plan_label *label);
size_t symo_diagonal_scratch(const symo_plan *plan, const plan_label *label);

/* Rows of X in all, and behind one index of the first row axis. */
size_t symo_label_rows(const plan_label *label);
size_t symo_label_stride(const plan_label *label);

/* ---- Gram matrices and products (groups/plan/gram.c) ---- */

/* The work space of one call: a panel for each of two vectors, and scratch. */
size_t symo_gram_work(const symo_plan *plan, const plan_label *label, bool two);

/* c [count, m, m], lower triangles:  c = beta c + alpha X'X  (y.data NULL), or
 * c = beta c + alpha (X'Y + Y'X), where X stands for xscale X and Y for yscale Y: scales other than
 * 1 go through panels, so that squares neither overflow nor vanish. */
void symo_label_gram(const symo_plan *plan, const plan_label *label, double alpha, double xscale,
                     symo_const_vector x, double yscale, symo_const_vector y, double beta, void *c,
                     void *work);

/* The other side: with Z [R, m] the coordinates of `count` vectors one below the other (R = count
 * times the rows), times scale,  k = alpha Z Z' (lower triangle of [R, R])  and  y [R, m] = A Z.
 * Labels without families.  work: symo_stack_work bytes, left alone between the two calls. */
size_t symo_stack_work(const symo_plan *plan, const plan_label *label, size_t count);
void symo_stack_gram(const symo_plan *plan, const plan_label *label, size_t count, double scale,
                     const symo_const_vector *x, double alpha, void *k, void *work);
void symo_stack_multiply(const symo_plan *plan, const plan_label *label, size_t count, double scale,
                         const symo_const_vector *x, symo_mat a, void *y, const void *work);

/* y += X M for one label; work: symo_apply_work bytes. */
size_t symo_apply_work(const symo_plan *plan, const plan_label *label);
void symo_label_apply(const symo_plan *plan, const plan_label *label, const void *m,
                      symo_const_vector x, symo_vector y, void *work);

/* ---- averages over scalings (groups/plan/moments.c) ---- */

/* What is averaged: products of two gradients, of two parameters, or Hessians; or of a gradient and
 * a parameter. */
typedef enum moment_kind { MOMENT_SAME, MOMENT_CROSS } moment_kind;

/* Which layouts are refused, for making a plan and for giving back what that took. */
symo_status symo_moments_check(const symo_layout *layout);
symo_status symo_moments_create(symo_plan *plan);
void symo_moments_destroy(struct plan_moments *moments);

/* No average grows by more than this factor. */
double symo_moments_largest(const symo_plan *plan);

/* blocks [num_labels]: averages over the structure groups, [count, m, m], become averages over the
 * scales as well; lower triangles, labels that are not `scaled` are left alone.  loss not
 * NULL (centred plans): the products of the orbit means are taken off, of what was sums of x x' at
 * first, and loss[label] becomes at least the factor by which the trace fell: rounding errors are
 * as much larger beside what is left. */
symo_status symo_plan_moments(const symo_plan *plan, moment_kind kind, double *loss,
                              void *const *blocks);

/* A row of coordinates of a trivial label, m numbers: their average over the scales. */
void symo_moments_mean(const symo_plan *plan, const plan_label *label, symo_dtype dtype, void *x,
                       size_t stride);

#endif
