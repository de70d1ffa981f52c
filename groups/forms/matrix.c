/* Elements that are dense matrices: y = g x, g = [d, d] row-major. */
#include "core/linalg.h"
#include "groups/group.h"

size_t symo_matrix_size(const symo_group *self, size_t dim) { return dim * dim; }

void symo_matrix_identity(const symo_group *self, size_t dim, double *g) {
  for (size_t i = 0; i < dim * dim; i++) g[i] = i / dim == i % dim ? 1 : 0;
}

/* One gemm where the lanes make a matrix, else one for every index of the first lane. */
static void multiply(symo_mat q, symo_nd x, symo_nd out) {
  symo_mat from, to;
  if (symo_nd_matrix(x, 1, &from) && symo_nd_matrix(out, 1, &to)) {
    symo_gemm(x.dtype, 1, q, from, 0, to);
  } else if (x.nd > 2) {
    for (size_t i = 0; i < x.n[1]; i++) multiply(q, symo_nd_pick(x, 1, i), symo_nd_pick(out, 1, i));
  } else { /* strides that BLAS cannot take */
    symo_nd_fill(0, out);
    for (size_t i = 0; i < q.rows; i++)
      for (size_t j = 0; j < q.cols; j++) {
        size_t at = i * (size_t)q.rs + j * (size_t)q.cs;
        symo_nd_axpy(symo_get(x.dtype, q.p, at), symo_nd_pick(x, 0, j), symo_nd_pick(out, 0, i));
      }
  }
}

void symo_matrix_act(const symo_group *self, size_t dim, const double *g, bool inverse, bool dual,
                     symo_nd x, symo_nd out, void *work) {
  void *matrix = (void *)(uintptr_t)g;
  if (x.dtype == SYMO_F32) {
    for (size_t i = 0; i < dim * dim; i++) symo_put(SYMO_F32, work, i, g[i]);
    matrix = work;
  }
  symo_mat q = symo_mat_dense(matrix, dim, dim);
  multiply(inverse ? symo_mat_t(q) : q, x, out);
}
