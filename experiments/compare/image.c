/* Matrices made small enough to look at. */
#include "experiments/compare/run.h"

#include <math.h>

double compare_shown(const compare_row *row, bool *of_h) {
  const compare_metrics *m = &row->metrics;
  *of_h = m->cosine_hessian > m->cosine_abs_hessian;
  return *of_h ? m->scale_hessian : m->scale;
}

/* First index of block k of `side` nearly equal ones. */
static size_t edge(size_t k, size_t size, size_t side) {
  return (size_t)(((double)k * (double)size) / (double)side);
}

void compare_image(const double *b, size_t size, double scale, size_t side, double *out) {
  for (size_t r = 0; r < side; r++) {
    size_t i0 = edge(r, size, side), i1 = r + 1 == side ? size : edge(r + 1, size, side);
    for (size_t c = 0; c < side; c++) {
      size_t j0 = edge(c, size, side), j1 = c + 1 == side ? size : edge(c + 1, size, side);
      double sum = 0, squares = 0;
      for (size_t i = i0; i < i1; i++)
        for (size_t j = j0; j < j1; j++) {
          double x = b[i * size + j];
          sum += x;
          squares += x * x;
        }
      double mean = sqrt(squares / (double)((i1 - i0) * (j1 - j0)));
      out[r * side + c] = copysign(mean * fabs(scale), sum * scale);
    }
  }
}
