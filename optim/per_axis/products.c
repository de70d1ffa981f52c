/* Gram matrices and products along one axis of a strided array, by BLAS on views.
 *
 * With the axis in front, the array is a matrix where the other axes lie one behind the other and a
 * stride is 1; else the axis with the largest stride is taken slice by slice, and so on.  At worst
 * that ends at single columns, which are always matrices. */
#include <assert.h>

#include "optim/per_axis/per_axis.h"

symo_nd symo_axis_view(const per_axis *p, symo_const_vector x, size_t tensor) {
  symo_nd view = symo_layout_view(p->layout, p->dtype, x, tensor);
  return view.nd > 0 ? view : symo_nd_insert(view, 0, 1, 1);
}

symo_nd symo_axis_dense(const per_axis *p, void *at, size_t tensor) {
  const layout_tensor *t = &p->layout->tensors[tensor];
  size_t one = 1;
  return t->order > 0 ? symo_nd_dense(p->dtype, at, (int)t->order, t->dim)
                      : symo_nd_dense(p->dtype, at, 1, &one);
}

/* True if strides are positive and one is 1, so that BLAS gets more than columns. */
static bool regular(const symo_nd *x) {
  bool unit = symo_nd_size(x) == 1, positive = true;
  for (int k = 0; k < x->nd; k++) {
    if (x->n[k] == 1) continue;
    unit = unit || x->s[k] == 1;
    positive = positive && x->s[k] > 0;
  }
  return unit && positive;
}

static bool is_dense(const symo_nd *x) {
  ptrdiff_t stride = 1;
  bool dense = true;
  for (int k = x->nd - 1; k >= 0; k--) {
    dense = dense && (x->n[k] == 1 || x->s[k] == stride);
    stride *= (ptrdiff_t)x->n[k];
  }
  return dense;
}

symo_nd symo_axis_source(const per_axis *p, symo_nd x, int exponent, size_t tensor, void *room) {
  if (exponent == 0 && regular(&x)) return x;
  symo_nd dense = symo_axis_dense(p, room, tensor);
  symo_nd_shift(exponent, x, dense);
  return dense;
}

/* The axis behind the first that has the largest stride. */
static int outermost(const symo_nd *x) {
  int at = 1;
  for (int k = 2; k < x->nd; k++)
    if (x->n[k] > 1 && (x->n[at] == 1 || x->s[k] > x->s[at])) at = k;
  return at;
}

static void gram(symo_nd x, double alpha, double beta, symo_mat c) {
  symo_mat m;
  if (symo_nd_matrix(x, 1, &m)) {
    symo_syrk(x.dtype, alpha, symo_mat_t(m), beta, c);
    return;
  }
  assert(x.nd > 1);
  int axis = outermost(&x);
  for (size_t i = 0; i < x.n[axis]; i++)
    gram(symo_nd_pick(x, axis, i), alpha, i == 0 ? beta : 1, c);
}

void symo_axis_gram(symo_nd x, int axis, double alpha, double beta, void *c) {
  size_t n = x.n[axis];
  gram(symo_nd_move(x, axis, 0), alpha, beta, symo_mat_dense(c, n, n));
}

static void multiply(symo_mat r, symo_nd x, symo_nd y) {
  symo_mat from, to;
  if (symo_nd_matrix(x, 1, &from) && symo_nd_matrix(y, 1, &to)) {
    symo_gemm(x.dtype, 1, r, from, 0, to);
    return;
  }
  assert(x.nd > 1);
  int axis = outermost(&x);
  for (size_t i = 0; i < x.n[axis]; i++)
    multiply(r, symo_nd_pick(x, axis, i), symo_nd_pick(y, axis, i));
}

void symo_axis_multiply(symo_mat r, symo_nd x, int axis, symo_nd y) {
  multiply(r, symo_nd_move(x, axis, 0), symo_nd_move(y, axis, 0));
}

void symo_axis_multiply_all(const per_axis *p, size_t tensor, void *const *matrix, bool transpose,
                            symo_nd x, symo_nd y, void *a, void *b) {
  const axis_tensor *t = &p->tensors[tensor];
  bool direct = is_dense(&y);
  for (size_t i = t->first; i < t->first + t->num; i++) {
    const axis_factor *f = &p->axes[i];
    bool last = i + 1 == t->first + t->num;
    symo_nd to = last && direct ? y : symo_axis_dense(p, x.p == a ? b : a, tensor);
    symo_mat r = symo_mat_dense(matrix[i], f->dim, f->dim);
    symo_axis_multiply(transpose ? symo_mat_t(r) : r, x, f->axis, to);
    x = to;
  }
  if (x.p != y.p) symo_nd_copy(1, x, y);
}

void symo_axis_accumulate(const per_axis *p, void *const *state, size_t tensor, symo_const_vector x,
                          const curvature_scale *scale, double beta, void *work) {
  double weight = p->method.beta2 >= 1 ? 1 : 1 - p->method.beta2;
  const axis_tensor *t = &p->tensors[tensor];
  if (t->num == 0) return;
  int exponent = curvature_stored(scale, tensor) - (int)symo_axis_unit(p, state, tensor);
  symo_nd from = symo_axis_source(p, symo_axis_view(p, x, tensor), exponent, tensor, work);
  for (size_t i = t->first; i < t->first + t->num; i++) {
    const axis_factor *f = &p->axes[i];
    symo_axis_gram(from, f->axis, weight * f->weight, beta, state[f->factor]);
  }
}
