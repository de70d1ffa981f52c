/* Whether two strided views share memory.  The address of an entry is the lowest address of the
 * view plus sum_k s_k i_k with s_k > 0 and 0 <= i_k <= m_k, where an axis with a negative stride is
 * counted from its other end.  Two views share a byte if the sum over the axes of both can come
 * within one item of the difference of their ends.  We search over i_k from the largest stride to
 * the smallest.  The extent of the smaller strides leaves few values of i_k, often one, and targets
 * that are not near a multiple of their greatest common divisor are excluded. */
#include "core/overlap.h"

enum { AXES = 2 * SYMO_ND_MAX, MOST_VISITS = 20000 };

typedef struct search {
  int n;
  int64_t stride[AXES], most[AXES]; /* descending; in bytes, and the largest i */
  int64_t reach[AXES + 1];          /* sum of stride times most, from this axis on */
  int64_t divisor[AXES + 1];        /* of the strides from this axis on */
  int64_t item;
  int visits;
} search;

static int64_t bytes_of(const symo_nd *x, int axis) {
  return (int64_t)x->s[axis] * (int64_t)symo_dtype_size(x->dtype);
}

symo_span symo_nd_span(const symo_nd *x) {
  symo_span span = {(uintptr_t)x->p, (uintptr_t)x->p};
  for (int k = 0; k < x->nd; k++) {
    int64_t all = bytes_of(x, k) * (int64_t)(x->n[k] - 1);
    if (all < 0)
      span.first -= (uintptr_t)-all;
    else
      span.end += (uintptr_t)all;
  }
  span.end += symo_dtype_size(x->dtype);
  return span;
}

/* Axes of one view; equal strides become one axis. */
static void add_axes(search *s, const symo_nd *x) {
  for (int k = 0; k < x->nd; k++) {
    int64_t stride = bytes_of(x, k), most = (int64_t)x->n[k] - 1;
    if (stride < 0) stride = -stride;
    if (stride == 0 || most == 0) continue;
    int at = 0;
    while (at < s->n && s->stride[at] > stride) at++;
    if (at < s->n && s->stride[at] == stride) {
      s->most[at] += most;
      continue;
    }
    for (int i = s->n; i > at; i--) {
      s->stride[i] = s->stride[i - 1];
      s->most[i] = s->most[i - 1];
    }
    s->stride[at] = stride;
    s->most[at] = most;
    s->n++;
  }
}

static int64_t common_divisor(int64_t a, int64_t b) {
  while (b != 0) {
    int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

/* Whether the axes from `axis` on come within an item of `target`. */
static bool reaches(search *s, int axis, int64_t target) {
  const int64_t low = target - s->item + 1, high = target + s->item - 1;
  if (high < 0 || low > s->reach[axis]) return false;
  if (axis == s->n) return true;
  const int64_t d = s->divisor[axis], floor_high = high / d * d; /* high >= 0 */
  if (floor_high < low) return false;
  if (++s->visits > MOST_VISITS) return true;
  const int64_t stride = s->stride[axis], left = low - s->reach[axis + 1];
  int64_t first = left <= 0 ? 0 : (left + stride - 1) / stride, last = high / stride;
  if (last > s->most[axis]) last = s->most[axis];
  for (int64_t i = first; i <= last; i++)
    if (reaches(s, axis + 1, target - i * stride)) return true;
  return false;
}

bool symo_nd_overlap(const symo_nd *a, const symo_nd *b) {
  const symo_span x = symo_nd_span(a), y = symo_nd_span(b);
  if (x.end <= y.first || y.end <= x.first) return false;
  /* Items of a from its first byte on, items of b counted back from the start of its last. */
  search s = {.item = (int64_t)symo_dtype_size(a->dtype)};
  add_axes(&s, a);
  add_axes(&s, b);
  for (int k = s.n; k-- > 0;) {
    s.reach[k] = s.reach[k + 1] + s.stride[k] * s.most[k];
    s.divisor[k] = common_divisor(s.stride[k], s.divisor[k + 1]);
  }
  return reaches(&s, 0, (int64_t)(y.end - symo_dtype_size(b->dtype) - x.first));
}

bool symo_nd_is_apart(const symo_nd *x) {
  int64_t stride[SYMO_ND_MAX], most[SYMO_ND_MAX], covered = (int64_t)symo_dtype_size(x->dtype);
  int n = 0;
  for (int k = 0; k < x->nd; k++) {
    int64_t s = bytes_of(x, k) < 0 ? -bytes_of(x, k) : bytes_of(x, k);
    if (x->n[k] == 1) continue;
    int at = n++;
    for (; at > 0 && stride[at - 1] > s; at--) {
      stride[at] = stride[at - 1];
      most[at] = most[at - 1];
    }
    stride[at] = s;
    most[at] = (int64_t)x->n[k] - 1;
  }
  for (int k = 0; k < n; k++) {
    if (stride[k] < covered) return false;
    covered += stride[k] * most[k];
  }
  return true;
}
