#ifndef SYMO_GROUPS_PLAN_PLAN_H
#define SYMO_GROUPS_PLAN_PLAN_H

#include <symo/plan.h>

#include "core/linalg.h"
#include "groups/numeric/isotypic.h"
#include "groups/plan/layout.h"

enum { SYMO_MAX_ROWS = 2 * SYMO_MAX_ORDER };

/* A space as a plan sees it: the group that is used, with its irreps and components. */
typedef struct plan_space {
  const symo_group *group;
  int num_irreps, num_components[SYMO_MAX_REPEAT + 1];
  symo_irrep *irreps;
  symo_component *components[SYMO_MAX_REPEAT + 1]; /* NULL for orders that do not occur */
} plan_space;

/* A space with a non-trivial group, the axes of a tensor on which it stands (one to four), and its
 * irrep in a piece. */
typedef struct occurrence {
  size_t space;
  const symo_group *group;
  int order, axis[SYMO_MAX_REPEAT]; /* of the tensor, ascending */
  symo_irrep irrep;
  int number;                  /* of the irrep in its group */
  size_t copies;               /* length of its column axis, which takes the place of axis[0] */
  int family_row, ambient_row; /* index of its first row axis of each kind in the label, or -1 */
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

/* An allocator that advances through one block of memory.  With base NULL it allocates nothing and
 * only measures how many bytes would be used. */
typedef struct arena {
  char *base;
  size_t used, most;
} arena;

/* *out = the coordinates of a piece as a view of the tensor, with axes [rows..., columns...].
 * False if they are not a view and must be computed. */
bool symo_piece_view(const symo_plan *plan, const plan_label *label, const plan_piece *piece,
                     symo_const_vector x, symo_nd *out);

/* Computes the rows of X with first index in [first, first + n) into the dense panel `out`, [rows,
 * m].  If the label has no row axes, all of X. */
void symo_label_gather(const symo_plan *plan, const plan_label *label, symo_const_vector x,
                       size_t first, size_t n, void *out, arena *scratch);

/* y += the embedding of all coordinates X, dense [rows, m]. */
void symo_label_scatter(const symo_plan *plan, const plan_label *label, const void *coordinates,
                        symo_vector y, arena *scratch);
/* The same of one tensor, all rows: those of different tensors may go at once, each with a scratch
 * of its own. */
void symo_label_gather_tensor(const symo_plan *plan, const plan_label *label, size_t tensor,
                              symo_const_vector x, void *out, arena *scratch);
void symo_label_scatter_tensor(const symo_plan *plan, const plan_label *label, size_t tensor,
                               const void *coordinates, symo_vector y, arena *scratch);

/* y += the diagonal of the matrix with the M [count, m, m] of this label. */
void symo_label_diagonal(const symo_plan *plan, const plan_label *label, const void *m,
                         symo_vector y, arena *scratch);

/* Bytes of workspace of these functions (gather: for n indices of the first row axis). */
size_t symo_gather_scratch(const symo_plan *plan, const plan_label *label, size_t n);
size_t symo_scatter_scratch(const symo_plan *plan, const plan_label *label);
size_t symo_diagonal_scratch(const symo_plan *plan, const plan_label *label);

/* Number of rows of X, and number of rows for one index of the first row axis. */
size_t symo_label_rows(const plan_label *label);
size_t symo_label_stride(const plan_label *label);
/* Indices of the first row axis. */
static inline size_t symo_label_indices(const plan_label *label) {
  return label->num_rows > 0 ? label->row[0] : 1;
}

/* ---- Gram matrices and products (groups/plan/gram.c) ---- */

/* Bytes of workspace of one call of symo_label_gram, with two vectors or with one. */
size_t symo_gram_work(const symo_plan *plan, const plan_label *label, bool two);

/* c = beta c + alpha X'X (if y.data is NULL) or c = beta c + alpha (X'Y + Y'X), for the lower
 * triangles of c, [count, m, m].  X are the coordinates of xscale x, Y those of yscale y.  If a
 * scale is not 1, the coordinates are scaled in panels before they are multiplied, so that squares
 * neither overflow nor underflow. */
void symo_label_gram(const symo_plan *plan, const plan_label *label, double alpha, double xscale,
                     symo_const_vector x, double yscale, symo_const_vector y, double beta, void *c,
                     void *work);

/* Let Z, [R, m], be the coordinates of `count` vectors below each other, times scale; R is count
 * times the rows of the label.  gram: k = alpha Z Z', lower triangle of [R, R].  multiply: y = A Z,
 * [R, m].  For labels without families.  work: symo_stack_work bytes, unchanged between the two
 * calls. */
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

/* The quantity that is averaged: a product of two gradients, of two parameters, or a Hessian
 * (SAME), or a product of a gradient and a parameter (CROSS). */
typedef enum moment_kind { MOMENT_SAME, MOMENT_CROSS } moment_kind;

/* symo_moments_check refuses layouts whose averages are not supported.  The others create and
 * destroy the moments of a plan. */
symo_status symo_moments_check(const symo_layout *layout);
symo_status symo_moments_create(symo_plan *plan);
void symo_moments_destroy(struct plan_moments *moments);

/* No average grows by more than this factor. */
double symo_moments_largest(const symo_plan *plan);

/* Averages blocks, [num_labels] of [count, m, m], over the scales.  On input they are averages over
 * the structure groups.  Only lower triangles are used, and only labels that are `scaled` change.
 * If loss is not NULL (centered plans, blocks are sums of x x'), the products of the orbit means
 * are subtracted too.  loss[label] is then raised to the factor by which the trace decreased, as
 * relative rounding errors grow by this factor. */
symo_status symo_plan_moments(const symo_plan *plan, moment_kind kind, double *loss,
                              void *const *blocks);

/* Replaces a row of coordinates of a trivial label, m numbers, by its average over the scales. */
void symo_moments_mean(const symo_plan *plan, const plan_label *label, symo_dtype dtype, void *x,
                       size_t stride);

#endif
