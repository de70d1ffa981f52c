/* What solvers share (optim/solver/scaled.h): scales by powers of two, norms of lower triangles, loads
 * and conversions, in both types, one number at a time. */
#include <math.h>
#include <string.h>

#include "optim/solver/scaled.h"
#include "tests/support/testing.h"

static const symo_dtype types[] = {SYMO_F32, SYMO_F64};

Test(scaled, units_bring_the_largest_number_to_one) {
  static const double numbers[] = {1, 1.5, 2, 3, 0.5, 0.7, 1e-30, 1e30, 0x1p-100, 0x1.8p100};
  for (int t = 0; t < 2; t++) {
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
      const double unit = symo_unit_scale(types[t], numbers[i]);
      int exponent;
      cr_assert(frexp(unit, &exponent) == 0.5, "%g is no power of two", unit);
      cr_assert(unit * numbers[i] >= 1 && unit * numbers[i] < 2, "%g times %g", unit, numbers[i]);
    }
    cr_assert(symo_unit_scale(types[t], 0) == 1);
    cr_assert(symo_unit_scale(types[t], -3) == 1);
    cr_assert(symo_unit_scale(types[t], INFINITY) == 1);
    cr_assert(symo_unit_scale(types[t], (double)NAN) == 1);
  }
  /* What the type does not hold. */
  cr_assert(symo_unit_scale(SYMO_F32, 1e-44) == 0x1p120);
  cr_assert(symo_unit_scale(SYMO_F32, 1e300) == 0x1p-120);
  cr_assert(symo_unit_scale(SYMO_F64, 5e-324) == 0x1p1000);
  cr_assert(symo_unit_scale(SYMO_F64, 1e307) == 0x1p-1000);
}

enum { N = 3 };

/* Lower triangle 1, -2, 3, 4, 5, -6; above it are numbers that must not be read. */
static void fill(symo_dtype dtype, void *a) {
  static const double lower[N * N] = {1, 1e9, 1e9, -2, 3, -1e9, 4, 5, -6};
  for (size_t i = 0; i < N * N; i++) symo_put(dtype, a, i, lower[i]);
}

Test(scaled, lower_triangles) {
  double a[N * N];
  for (int t = 0; t < 2; t++) {
    const symo_dtype d = types[t];
    fill(d, a);
    /* 1 + 9 + 36 + 2 (4 + 16 + 25) = 136; the trace is -2. */
    cr_assert(symo_lower_max_abs(d, N, a) == 6);
    cr_assert(fabs(symo_lower_norm(d, N, a) - sqrt(136)) <= 1e-6);
    cr_assert(fabs(symo_lower_effective_rank(d, N, a) - 4.0 / 136) <= 1e-8);
    symo_lower_scale(d, N, 2, 10, a);
    static const double scaled[N * N] = {12, 1e9, 1e9, -4, 16, -1e9, 8, 10, -2};
    for (size_t i = 0; i < N * N; i++) cr_assert(symo_get(d, a, i) == scaled[i], "entry %zu", i);
    fill(d, a);
    symo_lower_scale(d, N, 1, 0.5, a);
    for (size_t i = 0; i < N; i++)
      for (size_t k = 0; k < i; k++) cr_assert(symo_get(d, a, i * N + k) == scaled[i * N + k] / 2);
    cr_assert(symo_get(d, a, 0) == 1.5 && symo_get(d, a, 4) == 3.5 && symo_get(d, a, 8) == -5.5);
    symo_mat_zero(d, N * N - 1, a);
    for (size_t i = 0; i < N * N; i++) cr_assert(symo_get(d, a, i) == (i + 1 < N * N ? 0 : -5.5));
    symo_mat_zero(d, N * N, a);
    cr_assert(isnan(symo_lower_effective_rank(d, N, a)) && symo_lower_max_abs(d, N, a) == 0);
    symo_put(d, a, 3, (double)NAN);
    cr_assert(isinf(symo_lower_max_abs(d, N, a)), "NaN is overlooked");
    cr_assert(isinf(symo_mat_max_abs(d, symo_mat_dense(a, N, N))));
  }
}

Test(scaled, loads_and_conversions_keep_every_entry) {
  enum { ROWS = 2, COLS = 3, ROOM = 32 };
  double from[ROOM], z[ROOM], to[ROOM];
  for (int t = 0; t < 2; t++)
    for (int columns = 0; columns < 2; columns++) { /* by rows and by columns, with gaps */
      const symo_dtype d = types[t], other = types[1 - t];
      for (size_t i = 0; i < ROOM; i++) symo_put(d, from, i, 0.25 * (double)i - 1);
      for (size_t i = 0; i < ROOM; i++) symo_put(d, z, i, 77);
      for (size_t i = 0; i < ROOM; i++) symo_put(other, to, i, 77);
      const ptrdiff_t rs = columns ? 1 : COLS + 2, cs = columns ? ROWS + 1 : 1;
      const symo_mat x = {from, ROWS, COLS, rs, cs};
      symo_mat_load(d, 4, x, z);
      symo_mat_convert(d, x, (symo_mat){to, ROWS, COLS, rs, cs});
      cr_assert(symo_mat_wide(x).rows == ROWS && symo_mat_wide(symo_mat_t(x)).rows == ROWS);
      for (size_t i = 0; i < ROWS; i++)
        for (size_t k = 0; k < COLS; k++) {
          const size_t at = i * (size_t)rs + k * (size_t)cs;
          cr_assert(symo_get(d, z, i * COLS + k) == (double)at - 4);
          cr_assert(symo_get(other, to, at) == 0.25 * (double)at - 1);
        }
      cr_assert(symo_get(d, z, ROWS * COLS) == 77);
      cr_assert(symo_get(other, to, columns ? ROWS : COLS) == 77, "between rows");
    }
}

Test(scaled, pieces_follow_each_other) {
  double room[64];
  void *work = room;
  for (int t = 0; t < 2; t++) {
    const size_t bytes = symo_piece_bytes(types[t], 3);
    cr_assert(bytes >= 3 * symo_dtype_size(types[t]) && bytes % sizeof(double) == 0);
    char *piece = symo_piece_take(&work, bytes);
    cr_assert((char *)work == piece + bytes);
  }
  cr_assert(symo_piece_bytes(SYMO_F64, 0) == 0);
}
