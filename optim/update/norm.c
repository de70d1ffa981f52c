/* Norms.  Squares are summed in float64 over eight lanes, entry i in lane i mod 8, chunk after
 * chunk (rows.h): fast, and the same for every storage of the same numbers and any number of
 * threads.  Where squares would overflow, or nothing but underflow is left, the entries are first
 * brought nearer to 1 by a power of two. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/linalg.h"
#include "core/vector.h"
#include "optim/update/rows.h"
#include "optim/update/update.h"

enum { LANES = UPDATE_LANES };

#define SYMO_KERNELS "optim/update/norm.inc"
#include "core/real.h"

double symo_update_sum_of(const update_squares *squares) {
  double sum = 0;
  for (int k = 0; k < LANES; k++) sum += squares->lane[k];
  return squares->sum + sum;
}

static double sum_squares(symo_nd x, double a) {
  update_squares q = {.a = a};
  symo_loop(1, &x, x.dtype == SYMO_F32 ? symo_update_square_row_f32 : symo_update_square_row_f64,
            &q);
  return symo_update_sum_of(&q);
}

double symo_update_sum_squares(symo_nd x) { return sum_squares(x, 1); }

double symo_update_sum_of_two(double a, symo_nd x, double b, symo_nd y) {
  const symo_nd both[2] = {x, y};
  update_squares q = {.a = a, .b = b, .two = true};
  symo_loop(2, both, x.dtype == SYMO_F32 ? symo_update_square_row_f32 : symo_update_square_row_f64,
            &q);
  return symo_update_sum_of(&q);
}

double symo_update_sum_dense(symo_dtype dtype, size_t n, const void *x) {
  update_squares q = {.a = 1};
  void *const p = symo_at(dtype, x, 0);
  SYMO_BY_TYPE(dtype, symo_update_square_row, &q, n, 0, &p, &(ptrdiff_t){1});
  return symo_update_sum_of(&q);
}

bool symo_update_near(double norm) { return norm >= 1e-140 && norm <= 1e140; }

/* The largest power of two, squares of which are in range in both directions. */
enum { FAR = 600 };

double symo_update_far_norm(symo_nd x, int *exponent) {
  double norm = sqrt(sum_squares(x, 1));
  *exponent = 0;
  if (symo_update_near(norm)) return norm;
  double largest = symo_nd_max_abs(x);
  if (largest == 0 || !(largest <= DBL_MAX)) return largest;
  frexp(largest, exponent);
  int shift = -*exponent;
  shift = shift > FAR ? FAR : shift < -FAR ? -FAR : shift;
  *exponent = -shift;
  return sqrt(sum_squares(x, ldexp(1, shift)));
}

double symo_update_norm(symo_nd x) {
  int exponent;
  double norm = symo_update_far_norm(x, &exponent);
  return ldexp(norm, exponent);
}

/* ---- a step and its length ---- */

typedef struct advance {
  update_squares squares;
  update_factors factors;
  loop_row square, apply;
} advance;

enum { STRETCH = 1024 }; /* what the first loop reads is still at hand for the second */

static void advance_row(void *self, size_t n, size_t first, void *const *p, const ptrdiff_t *s) {
  advance *a = self;
  const bool narrow = a->apply == symo_update_apply_row_f32;
  const ptrdiff_t size = narrow ? (ptrdiff_t)sizeof(float) : (ptrdiff_t)sizeof(double);
  for (size_t from = 0; from < n; from += STRETCH) {
    const size_t count = n - from < STRETCH ? n - from : STRETCH;
    const ptrdiff_t by = (ptrdiff_t)from * size;
    void *const here[2] = {(char *)p[0] + by * s[0], (char *)p[1] + by * s[1]};
    a->square(&a->squares, count, first + from, here, s);
    a->apply(&a->factors, count, first + from, here, s);
  }
}

double symo_update_advance(double rate, double decay, double factor, symo_nd d, symo_nd p) {
  const bool narrow = d.dtype == SYMO_F32;
  symo_nd both[2] = {d, p};
  advance a = {.squares = {.a = rate * factor, .b = rate * decay, .two = true},
               .factors = symo_update_factors(rate, decay, factor),
               .square = narrow ? symo_update_square_row_f32 : symo_update_square_row_f64,
               .apply = narrow ? symo_update_apply_row_f32 : symo_update_apply_row_f64};
  symo_loop(2, both, advance_row, &a);
  return rate == 0 ? 0 : sqrt(symo_update_sum_of(&a.squares));
}
