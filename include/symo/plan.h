#ifndef SYMO_PLAN_H
#define SYMO_PLAN_H

#include <symo/layout.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Whether a structured matrix has blocks between different tensors. */
typedef enum symo_coupling {
  SYMO_COUPLED = 0, /* equal labels of all tensors share one M: the matrix couples the tensors */
  SYMO_BLOCKED = 1  /* every tensor has its own labels: the matrix is block-diagonal */
} symo_coupling;

/* What kind of matrix a plan is for. */
typedef struct symo_plan_spec {
  symo_dtype dtype;       /* SYMO_ANY, the default: that of the layout, or float64 if it has none */
  symo_coupling coupling; /* default SYMO_COUPLED */
  /* Drop label 0, the part that the group leaves fixed.  With scaling spaces, subtract the outer
   * products of the orbit means instead.  Default false. */
  bool centered;
} symo_plan_spec;

/* The type of the layout, coupled, not centred. */
symo_plan_spec symo_plan_spec_default(void);

/* The isotypic decomposition of the parameter space of a layout.  A label is an irrep, or `count`
 * inequivalent irreps of the same shape that are handled together.  The plan lists the labels and
 * says where in the caller's tensors the coordinates of each are.  Plans are immutable and may be
 * shared between threads; handles made from a plan keep it alive.
 *
 * The coordinates of a vector in label l are the numbers X_l, [count][dim, multiplicity].  In these
 * coordinates a structured matrix is one symmetric matrix M, [multiplicity, multiplicity], for each
 * of the `count` irreps of each label:
 *     A = sum_l  sum_c  I_dim (x) M_{l,c} */
typedef struct symo_plan symo_plan;

/* Makes a plan and freezes the layout.  spec NULL: the default.
 *   SYMO_E_ARGUMENT  the layout has no tensors, or the coupling is unknown
 *   SYMO_E_DTYPE     dtype is not a symo_dtype
 *   SYMO_E_SIZE      sizes overflow, or the multiplicity or the number of rows of a label (the
 *                    product of the dimensions of its spaces, without sign flips) exceeds 31 bits
 * After the first two, the layout is not frozen.
 * Cost: proportional to the number of pieces if all groups have closed forms for the axes they act
 * on.  Otherwise irreps are found numerically (symo_layout_add_tensor says at what cost) and kept
 * by the layout, so later plans are cheap. */
symo_status symo_plan_create(symo_layout *layout, const symo_plan_spec *spec, symo_plan **out);
void symo_plan_destroy(symo_plan *plan); /* NULL is accepted */

/* For NULL or an index out of range these return NULL, 0, SYMO_ANY, SYMO_COUPLED, false or a struct
 * of zeros (with SYMO_NONE for the tensor of a piece); the detail says which index. */
symo_dtype symo_plan_dtype(const symo_plan *plan);
symo_coupling symo_plan_coupling(const symo_plan *plan);
bool symo_plan_centered(const symo_plan *plan);
const symo_layout *symo_plan_layout(const symo_plan *plan); /* valid as long as the plan */

/* One label.  If the trivial irrep occurs, it is label 0 and has the name "trivial".  With
 * SYMO_BLOCKED, names begin with that of the tensor ("w1/h:vector").  A dropped label is the
 * trivial part of a centered plan: structured matrices are zero there, and nothing is stored for
 * it. */
typedef struct symo_label_info {
  const char *name;
  size_t dim;          /* of the irrep, over C or H if its type is complex or quaternionic */
  size_t count;        /* inequivalent irreps of this shape; each has its own M */
  size_t multiplicity; /* M is multiplicity x multiplicity */
  /* 1 real, 2 complex, 4 quaternionic; for several spaces, the product of their types.  If it is
   * above 1, M is the real form of a Hermitian matrix over C or H. */
  size_t type;
  size_t num_tensors; /* tensors with a piece in this label */
  bool views; /* Gram matrices are computed from the caller's tensors in place, not copies */
  bool dropped;
} symo_label_info;

/* The labels in their order; zeros past the end.  Names belong to the plan. */
size_t symo_plan_num_labels(const symo_plan *plan);
symo_label_info symo_plan_label(const symo_plan *plan, size_t label);

/* How the irreps of a space were found.  gap, defect, commutant and elements are zero unless they
 * were computed from generators. */
typedef struct symo_space_info {
  bool numeric;  /* computed from generators, or given by the caller's functions */
  double gap;    /* smallest relative distance of two eigenvalues that count as different */
  double defect; /* largest difference between the actions of a generator on two copies */
  /* Real dimension of the commutant, summed over the numbers of axes that occur. */
  size_t commutant;
  /* Number of elements of the group if that is at most 1000: `commutant` was then checked by
   * characters.  0 if the group is larger or infinite. */
  size_t elements;
  /* The row of the registry whose closed forms are used in place of the group, since it was proved
   * to have the same commutant on all numbers of axes that occur.  NULL if there is no such row. */
  const char *recognised;
} symo_space_info;

/* Of a space of the layout; zeros past the end.  Texts belong to the plan. */
symo_space_info symo_plan_space(const symo_plan *plan, size_t space);

/* Piece number `piece` (< num_tensors) of a label: columns [column, column + width) of X_l belong
 * to `tensor`. */
typedef struct symo_piece_info {
  size_t tensor, column, width;
} symo_piece_info;

/* The pieces of a label, in the order of their columns; tensor SYMO_NONE past the end. */
symo_piece_info symo_plan_piece(const symo_plan *plan, size_t label, size_t piece);

/* Cost, in numbers of the plan's dtype and in floating-point operations. */
typedef struct symo_plan_cost {
  double parameters;      /* P */
  double dense_numbers;   /* P (P + 1) / 2 */
  double stored_numbers;  /* independent numbers in all M: count m (m + 1) / 2 for real type */
  double held_numbers;    /* sum of count m^2: what a symo_hessian keeps in memory */
  double workspace_bytes; /* largest workspace of an estimate, beyond the estimate itself */
  double gram_flops;      /* Gram matrices of one gradient */
  double root_flops;      /* eigendecompositions and square roots, at 12 m^3 */
} symo_plan_cost;

/* What the plan adds up to. */
symo_plan_cost symo_plan_cost_of(const symo_plan *plan);

/* A table of the labels and the cost, as text.  The caller frees *out with symo_free. */
symo_status symo_plan_describe(const symo_plan *plan, char **out);

/* The orbit mean y = average over the group of rho(g) x: the projection of x to the part that the
 * group leaves fixed.  With scaling spaces, the average over their signs and permutations is
 * multiplied by the moments E c^e of the scales.  The mean is the same for rho and its dual, so for
 * parameters and gradients.  x and y have the plan's dtype and share no memory.  SYMO_E_NONFINITE
 * if x holds NaN or infinity; the detail names the tensor.  O(parameters). */
symo_status symo_plan_mean(const symo_plan *plan, symo_const_vector x, symo_vector y);

#ifdef __cplusplus
}
#endif
#endif
