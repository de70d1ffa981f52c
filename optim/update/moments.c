/* Second moments, see the header for the order of operations. */
#include "optim/update/moments.h"

#include <math.h>

#include "core/vector.h"
#include "optim/update/rows.h"

typedef struct update_clipped {
  double gamma, eps;
} update_clipped;

#define SYMO_KERNELS "optim/update/moments.inc"
#include "core/real.h"

update_average symo_update_average(double b) {
  return (update_average){.b = b, .c = 1 - b, .sum = b == 1};
}

void symo_update_squares(double b, symo_nd g, symo_nd v) {
  update_average o = symo_update_average(b);
  symo_nd x[2] = {g, v};
  symo_loop(2, x, g.dtype == SYMO_F32 ? symo_update_average_row_f32 : symo_update_average_row_f64,
            &o);
}

void symo_update_mean(double b, symo_nd x, symo_nd v) {
  update_average o = symo_update_average(b);
  symo_nd both[2] = {x, v};
  symo_loop(2, both, x.dtype == SYMO_F32 ? mean_row_f32 : mean_row_f64, &o);
}

void symo_update_clipped(double gamma, double eps, symo_nd u, symo_nd v, symo_nd out) {
  update_clipped o = {gamma, eps};
  symo_nd x[3] = {u, v, out};
  symo_loop(3, x, u.dtype == SYMO_F32 ? clipped_row_f32 : clipped_row_f64, &o);
}

bool symo_update_is_second(symo_nd v) {
  bool all = true;
  symo_loop(1, &v, v.dtype == SYMO_F32 ? is_second_row_f32 : is_second_row_f64, &all);
  return all;
}

double symo_update_correction(double b, uint64_t n, bool correct) {
  return correct && b > 0 && b < 1 ? 1 - pow(b, (double)n) : 1;
}

/* ---- division ---- */

void symo_update_divide(double alpha, double correction, double eps, symo_nd u, symo_nd v,
                        symo_nd out) {
  bool narrow = u.dtype == SYMO_F32;
  update_quotient o = {correction, eps, alpha / 2};
  symo_nd x[3] = {u, v, out};
  if (alpha == 0)
    symo_nd_copy(1, u, out);
  else if (alpha == 1)
    symo_loop(3, x, narrow ? symo_update_root_row_f32 : symo_update_root_row_f64, &o);
  else
    symo_loop(3, x, narrow ? symo_update_power_row_f32 : symo_update_power_row_f64, &o);
}
