/* Strided n-dimensional views and the four elementwise operations on them.
 *
 * Every operation is reduced to a list of loops: axes of length one go, the rest are ordered by the
 * destination's stride (then the source's), neighbours that lie one behind the other are joined,
 * and the innermost loop runs in a kernel.  Where source and destination run along different axes
 * the two go in tiles, so that lines of the cache are read once; no sum changes its order. */
#include "core/nd.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/linalg.h"
#include "core/transpose.h"
#include "core/vector.h"

enum { MAX_OPERANDS = 3 };

symo_nd symo_nd_dense(symo_dtype dtype, void *p, int nd, const size_t *n) {
  assert(nd <= SYMO_ND_MAX);
  symo_nd x = {.p = p, .dtype = dtype, .nd = nd};
  ptrdiff_t stride = 1;
  for (int i = nd - 1; i >= 0; i--) {
    x.n[i] = n[i];
    x.s[i] = stride;
    stride *= (ptrdiff_t)n[i];
  }
  return x;
}

size_t symo_nd_size(const symo_nd *x) {
  size_t size = 1;
  for (int i = 0; i < x->nd; i++) size *= x->n[i];
  return size;
}

symo_nd symo_nd_slice(symo_nd x, int axis, size_t first, size_t n) {
  assert(axis < x.nd && first + n <= x.n[axis]);
  x.p = symo_at(x.dtype, x.p, (ptrdiff_t)first * x.s[axis]);
  x.n[axis] = n;
  return x;
}

static symo_nd without(symo_nd x, int axis) {
  for (int i = axis; i + 1 < x.nd; i++) {
    x.n[i] = x.n[i + 1];
    x.s[i] = x.s[i + 1];
  }
  x.nd--;
  return x;
}

symo_nd symo_nd_pick(symo_nd x, int axis, size_t index) {
  assert(axis < x.nd && index < x.n[axis]);
  x.p = symo_at(x.dtype, x.p, (ptrdiff_t)index * x.s[axis]);
  return without(x, axis);
}

symo_nd symo_nd_diag(symo_nd x, int a, int b) {
  assert(a < x.nd && b < x.nd && a != b && x.n[a] == x.n[b]);
  x.s[a] += x.s[b];
  return without(x, b);
}

symo_nd symo_nd_swap(symo_nd x, int a, int b) {
  size_t n = x.n[a];
  ptrdiff_t s = x.s[a];
  x.n[a] = x.n[b];
  x.s[a] = x.s[b];
  x.n[b] = n;
  x.s[b] = s;
  return x;
}

symo_nd symo_nd_move(symo_nd x, int from, int to) {
  size_t n = x.n[from];
  ptrdiff_t s = x.s[from];
  return symo_nd_insert(without(x, from), to, n, s);
}

symo_nd symo_nd_stretch(symo_nd x, int axis, size_t n) {
  assert(axis < x.nd && x.n[axis] == 1);
  x.n[axis] = n;
  x.s[axis] = 0;
  return x;
}

symo_nd symo_nd_insert(symo_nd x, int axis, size_t n, ptrdiff_t stride) {
  assert(x.nd < SYMO_ND_MAX && axis <= x.nd);
  for (int i = x.nd; i > axis; i--) {
    x.n[i] = x.n[i - 1];
    x.s[i] = x.s[i - 1];
  }
  x.n[axis] = n;
  x.s[axis] = stride;
  x.nd++;
  return x;
}

/* ---- loop nests ---- */

typedef struct nest {
  int operands, nd;
  size_t n[SYMO_ND_MAX];
  ptrdiff_t s[MAX_OPERANDS][SYMO_ND_MAX]; /* destination last */
} nest;

/* True if axis a should be outside axis b. */
static bool outer(const nest *f, int a, int b) {
  for (int k = f->operands - 1; k >= 0; k--) {
    size_t sa = (size_t)(f->s[k][a] < 0 ? -f->s[k][a] : f->s[k][a]);
    size_t sb = (size_t)(f->s[k][b] < 0 ? -f->s[k][b] : f->s[k][b]);
    if (sa != sb && sa != 0 && sb != 0) return sa > sb;
  }
  return false;
}

static nest plan_nest(int operands, const symo_nd *x) {
  nest f = {.operands = operands};
  const symo_nd *dst = &x[operands - 1];
  for (int i = 0; i < dst->nd; i++) {
    for (int k = 0; k < operands; k++) assert(x[k].nd == dst->nd && x[k].n[i] == dst->n[i]);
    if (dst->n[i] == 1) continue;
    f.n[f.nd] = dst->n[i];
    for (int k = 0; k < operands; k++) f.s[k][f.nd] = x[k].s[i];
    f.nd++;
  }
  for (int i = 1; i < f.nd; i++) /* insertion sort: stable, at most 18 axes */
    for (int j = i; j > 0 && outer(&f, j, j - 1); j--) {
      size_t n = f.n[j];
      f.n[j] = f.n[j - 1];
      f.n[j - 1] = n;
      for (int k = 0; k < operands; k++) {
        ptrdiff_t s = f.s[k][j];
        f.s[k][j] = f.s[k][j - 1];
        f.s[k][j - 1] = s;
      }
    }
  int last = 0; /* join axis i into `last` where all operands allow it */
  for (int i = 1; i < f.nd; i++) {
    bool joined = true;
    for (int k = 0; k < operands; k++)
      joined = joined && f.s[k][last] == f.s[k][i] * (ptrdiff_t)f.n[i];
    if (joined) {
      f.n[last] *= f.n[i];
    } else {
      last++;
      f.n[last] = f.n[i];
    }
    for (int k = 0; k < operands; k++) f.s[k][last] = f.s[k][i];
  }
  if (f.nd > 0) f.nd = last + 1;
  return f;
}

typedef void (*kernel)(size_t n, double alpha, const void *const *p, const ptrdiff_t *s);

static void run_nest(symo_dtype dtype, const nest *f, void *const *p, double alpha, kernel k) {
  size_t index[SYMO_ND_MAX] = {0};
  ptrdiff_t at[MAX_OPERANDS] = {0}, inner[MAX_OPERANDS] = {0};
  size_t n = f->nd == 0 ? 1 : f->n[f->nd - 1];
  for (int o = 0; o < f->operands; o++) inner[o] = f->nd == 0 ? 0 : f->s[o][f->nd - 1];
  for (int i = 0; i < f->nd; i++)
    if (f->n[i] == 0) return;
  for (;;) {
    const void *q[MAX_OPERANDS] = {0};
    for (int o = 0; o < f->operands; o++) q[o] = symo_at(dtype, p[o], at[o]);
    k(n, alpha, q, inner);
    int i = f->nd - 2;
    for (; i >= 0; i--) {
      for (int o = 0; o < f->operands; o++) at[o] += f->s[o][i];
      if (++index[i] < f->n[i]) break;
      for (int o = 0; o < f->operands; o++) at[o] -= f->s[o][i] * (ptrdiff_t)f->n[i];
      index[i] = 0;
    }
    if (i < 0) return;
  }
}

/* ---- kernels: p = sources, then destination ---- */

/* The largest |x|, which is that of the largest bits, as whole numbers: those of NaN and infinity
 * are the largest of all.  Lanes let several loads be under way.  The "destination" is a
 * max_abs_state. */
enum { LANE_BYTES = 256, SUM_LANES = 8, TILE = 32 };

typedef struct max_abs_state {
  double largest;
  bool finite;
} max_abs_state;

typedef int32_t whole_f32;
typedef int64_t whole_f64;
static const whole_f32 magnitude_f32 = INT32_MAX; /* all bits but the sign */
static const whole_f64 magnitude_f64 = INT64_MAX;

#define SYMO_KERNELS "core/nd_kernels.inc"
#include "core/real.h"

/* By a factor in float64, which holds the products of float32 without rounding. */
static void shift_f32(size_t n, double alpha, const void *const *p, const ptrdiff_t *s) {
  const float *x = p[0];
  float *y = (float *)(uintptr_t)p[1];
  for (size_t i = 0; i < n; i++)
    y[(ptrdiff_t)i * s[1]] = (float)(alpha * (double)x[(ptrdiff_t)i * s[0]]);
}

/* ---- tiles ---- */

/* The axis along which the source runs, where the destination runs along the last one; or -1. */
static int crossing_axis(const nest *f) {
  int last = f->nd - 1;
  if (f->operands != 2 || last < 1 || f->s[1][last] != 1 || f->s[0][last] == 0 ||
      f->s[0][last] == 1 || f->n[last] < TILE)
    return -1;
  for (int i = 0; i < last; i++)
    if (f->s[0][i] == 1 && f->s[1][i] != 0 && f->n[i] >= TILE) return i;
  return -1;
}

/* The last two axes in whole tiles, those that the source runs along being `axis`. */
static void cross_tile(symo_dtype dtype, const nest *f, int axis, void *const *p, double alpha,
                       bool add) {
  const ptrdiff_t xs = f->s[0][f->nd - 1], ys = f->s[1][axis];
  if (dtype == SYMO_F32)
    cross_f32(add, (float)alpha, p[0], xs, p[1], ys);
  else
    cross_f64(add, alpha, p[0], xs, p[1], ys);
}

static void run_tiles(symo_dtype dtype, const nest *f, int axis, void *const *p, double alpha,
                      kernel k) {
  int last = f->nd - 1;
  nest tile = *f;
  const bool add = k == axpy_f32 || k == axpy_f64, copies = k == copy_f32 || k == copy_f64;
  const bool crosses = f->nd == 2 && (add || copies); /* nothing but the two axes */
  for (size_t i = 0; i < f->n[axis]; i += TILE)
    for (size_t j = 0; j < f->n[last]; j += TILE) {
      void *q[MAX_OPERANDS] = {0};
      tile.n[axis] = f->n[axis] - i < TILE ? f->n[axis] - i : TILE;
      tile.n[last] = f->n[last] - j < TILE ? f->n[last] - j : TILE;
      for (int o = 0; o < f->operands; o++)
        q[o] = symo_at(dtype, p[o], (ptrdiff_t)i * f->s[o][axis] + (ptrdiff_t)j * f->s[o][last]);
      if (crosses && tile.n[axis] == TILE && tile.n[last] == TILE)
        cross_tile(dtype, f, axis, q, alpha, add);
      else
        run_nest(dtype, &tile, q, alpha, k);
    }
}

static void run(int operands, const symo_nd *x, double alpha, kernel f32, kernel f64) {
  symo_dtype dtype = x[0].dtype;
  void *p[MAX_OPERANDS] = {0};
  for (int k = 0; k < operands; k++) {
    assert(x[k].dtype == dtype);
    p[k] = x[k].p;
  }
  nest f = plan_nest(operands, x);
  kernel k = dtype == SYMO_F32 ? f32 : f64;
  int axis = crossing_axis(&f);
  if (axis >= 0)
    run_tiles(dtype, &f, axis, p, alpha, k);
  else
    run_nest(dtype, &f, p, alpha, k);
}

void symo_nd_axpy(double alpha, symo_nd src, symo_nd dst) {
  run(2, (symo_nd[]){src, dst}, alpha, axpy_f32, axpy_f64);
}

void symo_nd_copy(double alpha, symo_nd src, symo_nd dst) {
  run(2, (symo_nd[]){src, dst}, alpha, copy_f32, copy_f64);
}

void symo_nd_shift(int exponent, symo_nd src, symo_nd dst) {
  enum { MOST = 1000 };
  for (;;) { /* once, unless float64 goes from one end of its range to the other */
    int step = exponent > MOST ? MOST : exponent < -MOST ? -MOST : exponent;
    run(2, (symo_nd[]){src, dst}, ldexp(1, step), shift_f32, copy_f64);
    exponent -= step;
    if (exponent == 0) return;
    src = dst;
  }
}

void symo_nd_mul(double alpha, symo_nd x, symo_nd y, symo_nd dst) {
  run(3, (symo_nd[]){x, y, dst}, alpha, mul_f32, mul_f64);
}

void symo_nd_fill(double value, symo_nd dst) {
  union {
    float f32;
    double f64;
  } one;
  if (dst.dtype == SYMO_F32)
    one.f32 = (float)value;
  else
    one.f64 = value;
  symo_nd src = dst;
  src.p = &one;
  for (int i = 0; i < src.nd; i++) src.s[i] = 0;
  symo_nd_copy(1, src, dst);
}

double symo_nd_max_abs(symo_nd x) {
  max_abs_state state = {0, true};
  symo_nd sink = x;
  sink.p = &state;
  for (int i = 0; i < sink.nd; i++) sink.s[i] = 0;
  run(2, (symo_nd[]){x, sink}, 1, max_abs_f32, max_abs_f64);
  return state.finite ? state.largest : (double)INFINITY;
}

/* Joins axes [first, end) into one stride; false if they do not lie one behind the other. */
static bool join(const symo_nd *x, int first, int end, size_t *n, ptrdiff_t *s) {
  *n = 1;
  *s = 0; /* of a dimension that is one long: no stride yet */
  for (int i = end - 1; i >= first; i--) {
    if (x->n[i] == 1) continue;
    if (*n > 1 && x->s[i] != *s * (ptrdiff_t)*n) return false;
    if (*n == 1) *s = x->s[i];
    *n *= x->n[i];
  }
  return true;
}

bool symo_nd_matrix(symo_nd x, int rows, symo_mat *out) {
  symo_mat m = {.p = x.p};
  if (!join(&x, 0, rows, &m.rows, &m.rs) || !join(&x, rows, x.nd, &m.cols, &m.cs)) return false;
  if (m.rs < 0 || m.cs < 0) return false;
  if (m.cols == 1) m.cs = 1;
  if (m.rows == 1) m.rs = m.cs == 1 ? (ptrdiff_t)m.cols : 1;
  if (m.rs == 0 || m.cs == 0 || (m.rs != 1 && m.cs != 1)) return false;
  /* Leading dimensions must cover the rows, and fit BLAS integers. */
  if (m.cs == 1 && m.rs < (ptrdiff_t)m.cols && m.rows > 1 && m.rs != 1) return false;
  if (m.rs == 1 && m.cs != 1 && m.cs < (ptrdiff_t)m.rows) return false;
  if (m.cs == 1 && m.rs == 1 && m.cols > 1 && m.rows > 1) return false;
  const ptrdiff_t limit = 2147483647;
  if (m.rs > limit || m.cs > limit || m.rows > (size_t)limit || m.cols > (size_t)limit)
    return false;
  *out = m;
  return true;
}
