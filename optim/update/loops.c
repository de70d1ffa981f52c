/* Elementwise loops over views.  Neighbouring axes that lie one behind the other in every operand
 * are joined; the order of entries stays row-major, so that sums do not depend on strides. */
#include "optim/update/loops.h"

#include <assert.h>

#include "core/linalg.h"

typedef struct nest {
  int nd;
  size_t n[SYMO_ND_MAX];
  ptrdiff_t s[LOOP_MAX][SYMO_ND_MAX];
} nest;

static nest join_axes(int count, const symo_nd *x) {
  nest f = {.nd = 0};
  for (int i = 0; i < x[0].nd; i++) {
    if (x[0].n[i] == 1) continue;
    bool joined = f.nd > 0;
    for (int k = 0; k < count && joined; k++)
      joined = f.s[k][f.nd - 1] == x[k].s[i] * (ptrdiff_t)x[0].n[i];
    int at = joined ? f.nd - 1 : f.nd++;
    f.n[at] = joined ? f.n[at] * x[0].n[i] : x[0].n[i];
    for (int k = 0; k < count; k++) f.s[k][at] = x[k].s[i];
  }
  if (f.nd == 0) {
    f.n[0] = 1;
    for (int k = 0; k < count; k++) f.s[k][0] = 1;
    f.nd = 1;
  }
  return f;
}

void symo_loop(int count, const symo_nd *x, loop_row row, void *self) {
  assert(count <= LOOP_MAX);
  nest f = join_axes(count, x);
  size_t index[SYMO_ND_MAX] = {0}, first = 0;
  int last = f.nd - 1;
  void *p[LOOP_MAX];
  ptrdiff_t s[LOOP_MAX];
  for (int k = 0; k < count; k++) {
    p[k] = x[k].p;
    s[k] = f.s[k][last];
  }
  for (;;) {
    row(self, f.n[last], first, p, s);
    first += f.n[last];
    int i = last - 1;
    for (; i >= 0; i--) {
      for (int k = 0; k < count; k++) p[k] = symo_at(x[k].dtype, p[k], f.s[k][i]);
      if (++index[i] < f.n[i]) break;
      for (int k = 0; k < count; k++)
        p[k] = symo_at(x[k].dtype, p[k], -(ptrdiff_t)f.n[i] * f.s[k][i]);
      index[i] = 0;
    }
    if (i < 0) return;
  }
}
