#ifndef SYMO_OPTIM_PER_AXIS_H
#define SYMO_OPTIM_PER_AXIS_H

#include "core/alloc.h"
#include "optim/curvature/curvature.h"

/* What the files of per-axis curvature share: see per_axis.c and basis.c. */

/* An axis with a factor. */
typedef struct axis_factor {
  size_t tensor; /* of the rule */
  int axis;
  size_t dim;
  double weight;             /* of mat(G) mat(G)' where nothing is forgotten: 1, or 1 / columns */
  double power;              /* -alpha / (2 axes with factors) */
  const symo_solver *solver; /* NULL with a basis */
  int factor, root;          /* entries; root: the basis where there is one; -1 without memory */
} axis_factor;

typedef struct axis_tensor {
  size_t size, first, num; /* axes [first, first + num) of the list */
  int moment, second;      /* entries, with a basis */
} axis_tensor;

typedef struct per_axis {
  symo_context *context;
  symo_layout *layout;
  symo_method method;
  symo_dtype dtype;
  bool relative, basis;
  int units, root_units; /* entries, float64, [tensors] and [axes]: see unit.c; -1: none */
  int progress; /* entry with a basis, float64: steps made, then for each axis whether it is due */
  size_t num_tensors, num_axes, num_entries, largest, work; /* largest: tensor */
  axis_tensor *tensors;
  axis_factor *axes;
  size_t *order; /* tensors, those with most to do first */
  size_t head;   /* bytes in front of the work space: axis_head */
} per_axis;

/* What apply keeps for all its threads: the matrices of all axes, and what became of each
 * tensor. */
typedef struct axis_head {
  void **matrix;
  symo_status *status;
} axis_head;
axis_head symo_axis_head(const per_axis *p, void *work);

/* Tensors as arrays of at least one axis. */
symo_nd symo_axis_view(const per_axis *p, symo_const_vector x, size_t tensor);
symo_nd symo_axis_dense(const per_axis *p, void *at, size_t tensor);

/* x times 2^exponent: as it is if that is 1 and BLAS can take it, else copied to room. */
symo_nd symo_axis_source(const per_axis *p, symo_nd x, int exponent, size_t tensor, void *room);

/* unit.c: exponents of the powers of two in which the memory of a tensor is held, and the
 * root of an axis was; the power in which a vector without memory is taken. */
double symo_axis_unit(const per_axis *p, void *const *state, size_t tensor);
double symo_axis_root_unit(const per_axis *p, void *const *state, size_t axis);
double symo_axis_level(const per_axis *p, const curvature_step *step, const curvature_scale *scale,
                       size_t tensor);
/* Chooses it for what memory holds and for x, and turns memory to it. */
void symo_axis_take_unit(const per_axis *p, void *const *state, const curvature_step *step,
                         size_t tensor, symo_const_vector x, const curvature_scale *scale);
/* eps in a unit, squared if it is added to C. */
double symo_axis_damping(const per_axis *p, const curvature_step *step, double unit);

/* Lower triangle of c [n, n] = alpha mat(x) mat(x)' + beta c, mat(x) the [n, rest] matrix whose
 * rows are the slices of x along the axis. */
void symo_axis_gram(symo_nd x, int axis, double alpha, double beta, void *c);

/* y[.., i, ..] = sum_j r[i, j] x[.., j, ..]; x and y apart. */
void symo_axis_multiply(symo_mat r, symo_nd x, int axis, symo_nd y);

/* x multiplied along all axes of a tensor with factors, by matrix[axis] (transposed if so said);
 * through buffers a and b, the last product into y if that is dense.  x may be none of these. */
void symo_axis_multiply_all(const per_axis *p, size_t tensor, void *const *matrix, bool transpose,
                            symo_nd x, symo_nd y, void *a, void *b);

/* Factors of one tensor of x, in the unit there is.  work: one tensor. */
void symo_axis_accumulate(const per_axis *p, void *const *state, size_t tensor, symo_const_vector x,
                          const curvature_scale *scale, double beta, void *work);

/* The slots of the curvature (step.c). */
symo_status symo_axis_accumulate_all(const void *self, void *const *state,
                                     const curvature_step *step, symo_const_vector x, void *work);
symo_status symo_axis_refresh(const void *self, void *const *state, const curvature_step *step,
                              size_t root, curvature_report *report, void *work);
symo_status symo_axis_apply(const void *self, void *const *state, const curvature_step *step,
                            symo_const_vector g, symo_const_vector u, symo_vector out, void *work);

/* Bytes in the work space: of a tensor, of a square with the side of an axis, of the roots of a
 * tensor. */
static inline size_t symo_axis_tensor_bytes(const per_axis *p) {
  return symo_padded(p->largest * symo_dtype_size(p->dtype));
}

static inline size_t symo_axis_square_bytes(const per_axis *p, const axis_factor *a) {
  return symo_padded(a->dim * a->dim * symo_dtype_size(p->dtype));
}

/* Roots without memory stand one behind the other. */
static inline size_t symo_axis_roots_bytes(const per_axis *p, size_t tensor) {
  size_t bytes = 0;
  const axis_tensor *t = &p->tensors[tensor];
  for (size_t i = t->first; i < t->first + t->num; i++)
    bytes += symo_axis_square_bytes(p, &p->axes[i]);
  return bytes;
}

/* With a basis (basis.c). */
const char *symo_axis_basis_refuse(const symo_method *method);
symo_status symo_axis_basis_refresh(const per_axis *p, void *const *state, size_t root,
                                    curvature_report *report, void *work);
symo_status symo_axis_basis_apply(const per_axis *p, void *const *state, const curvature_step *step,
                                  symo_const_vector g, symo_vector out, void *work);
size_t symo_axis_basis_work(const per_axis *p, const axis_factor *a);

#endif
