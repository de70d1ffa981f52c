/* Second moments, see the header for the order of operations. */
#include "optim/update/moments.h"

#include <math.h>

#include "core/vector.h"
#include "optim/update/loops.h"

typedef struct squares {
  double b, c;
  bool sum;
} squares;

typedef struct quotient {
  double correction, eps, power;
} quotient;

#define SYMO_KERNELS "optim/update/moments.inc"
#include "core/real.h"

void symo_update_squares(double b, symo_nd g, symo_nd v) {
  squares o = {.b = b, .c = 1 - b, .sum = b == 1};
  symo_nd x[2] = {g, v};
  symo_loop(2, x, g.dtype == SYMO_F32 ? square_row_f32 : square_row_f64, &o);
}

double symo_update_correction(double b, uint64_t n, bool correct) {
  return correct && b > 0 && b < 1 ? 1 - pow(b, (double)n) : 1;
}

/* ---- division ---- */

void symo_update_divide(double alpha, double correction, double eps, symo_nd u, symo_nd v,
                        symo_nd out) {
  bool narrow = u.dtype == SYMO_F32;
  quotient o = {correction, eps, alpha / 2};
  symo_nd x[3] = {u, v, out};
  if (alpha == 0)
    symo_nd_copy(1, u, out);
  else if (alpha == 1)
    symo_loop(3, x, narrow ? root_row_f32 : root_row_f64, &o);
  else
    symo_loop(3, x, narrow ? power_row_f32 : power_row_f64, &o);
}
