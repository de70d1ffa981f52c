/* Pieces of R^d (x) R^d that the groups have in common. */
#include "groups/group.h"

symo_nd symo_pair_diagonal(symo_nd out, size_t first) {
  return symo_nd_diag(symo_nd_slice(out, 1, first, out.n[0]), 0, 1);
}

void symo_pair_offdiagonal(double sign, symo_nd x, size_t first, symo_nd out) {
  symo_nd to = symo_nd_pick(out, 2, 0);
  size_t rows = out.n[0];
  symo_nd_copy(0.5, symo_nd_slice(x, 0, first, rows), to);
  symo_nd_axpy(0.5 * sign, symo_nd_swap(symo_nd_slice(x, 1, first, rows), 0, 1), to);
  symo_nd_fill(0, symo_pair_diagonal(to, first));
}

void symo_pair_spread(double on, double off, symo_nd m, symo_nd out) {
  size_t d = out.n[0];
  symo_nd wide = symo_nd_insert(m, 0, d, 0);
  symo_nd_axpy(off, symo_nd_insert(wide, 0, d, 0), out);
  symo_nd_axpy(on - off, wide, symo_nd_diag(out, 0, 1));
}

bool symo_vector_view(const symo_group *self, int order, int irrep, symo_nd x, symo_nd *out) {
  if (order == 2) return false;
  *out = symo_nd_insert(x, 1, 1, 0);
  return true;
}

size_t symo_trace_reduced(const symo_group *self, size_t dim, int order) {
  return order == 2 ? 1 : 0;
}

void symo_trace_reduce(const symo_group *self, int order, symo_nd x, symo_nd red) {
  size_t d = x.n[0];
  symo_nd_axpy(1 / (double)d, symo_nd_diag(x, 0, 1), symo_nd_stretch(red, 0, d));
}
