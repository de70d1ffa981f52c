#ifndef SYMO_PLAN_H
#define SYMO_PLAN_H

#include <symo/layout.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How the labels of different tensors are put together. */
typedef enum symo_coupling {
  SYMO_COUPLED = 0, /* equal labels of all tensors share one M: curvature between tensors is kept */
  SYMO_BLOCKED = 1  /* every tensor by itself: a block-diagonal matrix */
} symo_coupling;

typedef struct symo_plan_spec {
  symo_dtype dtype;       /* SYMO_ANY: that of the layout, else float64 */
  symo_coupling coupling; /* default SYMO_COUPLED */
  bool centered;          /* label 0 (what the group does not move) is dropped; with scaling spaces
                             the outer products of the orbit means are subtracted there instead;
                             default false */
} symo_plan_spec;

symo_plan_spec symo_plan_spec_default(void);

/* The isotypic decomposition of a layout, made once: the labels, and where in the caller's tensors
 * the coordinates of each lie.  Immutable, may be shared between threads; handles made from it keep
 * it alive.
 *
 * For label l the coordinates of a vector form X_l, [count][dim, multiplicity]; in these
 * coordinates a structured matrix is one symmetric M, [multiplicity, multiplicity], for each of the
 * `count` members:
 *     A = sum_l  sum_c  I_dim (x) M_{l,c} */
typedef struct symo_plan symo_plan;

/* spec NULL: the default.  Freezes the layout, unless the arguments are refused: SYMO_E_ARGUMENT
 * without tensors or for an unknown coupling, SYMO_E_DTYPE.  SYMO_E_SIZE if sizes overflow, or the
 * multiplicity or the rows of a label (the product of the dimensions of its spaces, sign flips
 * aside) do not fit 31 bits. */
symo_status symo_plan_create(symo_layout *layout, const symo_plan_spec *spec, symo_plan **out);
void symo_plan_destroy(symo_plan *plan); /* NULL is accepted */

/* Of NULL and of indices that there are not: NULL, 0, SYMO_ANY, SYMO_COUPLED, false, structs of
 * zeros (SYMO_NONE for the tensor of a piece); and the detail says which index. */
symo_dtype symo_plan_dtype(const symo_plan *plan);
symo_coupling symo_plan_coupling(const symo_plan *plan);
bool symo_plan_centered(const symo_plan *plan);
const symo_layout *symo_plan_layout(const symo_plan *plan); /* lives as long as the plan */

/* One label.  Label 0 is the trivial one when anything carries it (its name is "trivial"); with
 * SYMO_BLOCKED names begin with the tensor ("w1/h:vector").  dropped: the centred part, where every
 * structured matrix is zero; nothing is stored for it. */
typedef struct symo_label_info {
  const char *name;
  size_t dim;          /* of the irrep, over C or H where its type is not real */
  size_t count;        /* inequivalent irreps of this shape, each with an M of its own */
  size_t multiplicity; /* M is multiplicity x multiplicity */
  size_t type; /* 1 real; 2 complex, 4 quaternionic, and products of these for several spaces:
                          M is then the real form of a Hermitian matrix, [type mu, type mu] */
  size_t num_tensors; /* tensors with a piece in this label */
  bool views;         /* Gram matrices are had from the tensors as they lie: nothing is copied */
  bool dropped;
} symo_label_info;

size_t symo_plan_num_labels(const symo_plan *plan);
symo_label_info symo_plan_label(const symo_plan *plan, size_t label);

/* How the irreps of a space are known.  recognised: the generators were proved to have the commutant of
 * this row of the registry on all numbers of axes that occur, and its closed forms are used; else
 * NULL.  numeric: found from generators or given by callbacks, for the numbers of axes that occur.  Of those found: gap is the least relative distance of eigenvalues
 * taken as different, defect how far generators are from acting alike on all copies, commutant the
 * real dimension of the commutant on all powers together, which for groups of at most 1000 elements
 * has been held against their characters (elements; 0 where they are more, or not finite). */
typedef struct symo_space_info {
  bool numeric;
  double gap, defect;
  size_t commutant, elements;
  const char *recognised;
} symo_space_info;

symo_space_info symo_plan_space(const symo_plan *plan, size_t space);

/* Which columns of label `label` come from its piece number `piece` (< num_tensors): columns
 * [column, column + width) belong to `tensor`. */
typedef struct symo_piece_info {
  size_t tensor, column, width;
} symo_piece_info;

symo_piece_info symo_plan_piece(const symo_plan *plan, size_t label, size_t piece);

/* Cost, in numbers of the plan's dtype and in floating-point operations. */
typedef struct symo_plan_cost {
  double parameters;      /* P */
  double dense_numbers;   /* P (P + 1) / 2 */
  double stored_numbers;  /* free numbers in all M: count m (m + 1) / 2 for real type */
  double held_numbers;    /* sum of count m^2: what a symo_hessian keeps in memory */
  double workspace_bytes; /* taken while estimating, at most, beyond the estimate itself */
  double gram_flops;      /* Gram matrices of one gradient */
  double root_flops;      /* eigendecompositions and square roots, at 12 m^3 */
} symo_plan_cost;

symo_plan_cost symo_plan_cost_of(const symo_plan *plan);

/* A table of the labels and the cost, for people.  *out is the caller's (symo_free). */
symo_status symo_plan_describe(const symo_plan *plan, char **out);

/* The orbit mean: y = average over the group of rho(g) x, the part that the group does not move;
 * with scaling spaces, that part of their signs and permutations times the moments E c^e of the
 * scales.  Parameters and gradients have the same.  x and y hold numbers of the plan's dtype and
 * share no memory.  SYMO_E_NONFINITE names the tensor of x. */
symo_status symo_plan_mean(const symo_plan *plan, symo_const_vector x, symo_vector y);

#ifdef __cplusplus
}
#endif
#endif
