/* Filters that need no fit: those of a table (filter_table.c), and those that this process has fitted before.
 *
 * A fit takes a tenth of a second, and plans are made again and again: by schedules, sweeps, and
 * PyTorch's parameter groups.  So a filter with a given number of products is kept where it was
 * fitted.  The places are written once: a thread claims one, fills it, and then says that it is
 * full; others look at full ones only.  Nothing is allocated, and when all places are full, filters
 * are fitted each time. */
#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "optim/solver/filter.h"

double symo_filter_rung_cut(int rung) {
  double cut = SYMO_FILTER_LEAST;
  while (rung-- > 0) cut *= 2;
  return cut;
}

int symo_filter_rung_of(double cut) {
  int rung = 0;
  while (rung + 1 < SYMO_FILTER_RUNGS && symo_filter_rung_cut(rung + 1) <= cut) rung++;
  return rung;
}

/* With z = s^2 of mean m1 and mean square m2, a normal log z has the variance log(m2 / m1^2) and the
 * median m1^2 / sqrt(m2). */
static double median_of(size_t n, double trace, double norm) {
  const double rank = trace / norm * (trace / norm);
  return sqrt(rank) / pow((double)n, 0.75);
}

double symo_filter_cut(const symo_filter_shape *shape, const symo_filter_bend *bend, size_t n,
                       double trace, double norm) {
  switch (bend->reference) {
  case SYMO_CUT_MEDIAN: return fmax(bend->factor * median_of(n, trace, norm), SYMO_FILTER_LEAST);
  case SYMO_CUT_NOISE: return fmax(bend->factor * bend->edge / sqrt(norm), SYMO_FILTER_LEAST);
  default: return shape->cut;
  }
}

static bool is_for(const symo_filter *f, const symo_filter_shape *shape, int products) {
  return f->products == products && f->shape.alpha == shape->alpha && f->shape.cut == shape->cut &&
         f->shape.order == shape->order;
}

/* ---- what was fitted before ---- */

enum { PLACES = 64, EMPTY = 0, CLAIMED, FULL };
static struct {
  atomic_int state;
  symo_filter filter;
} kept[PLACES];

static const symo_filter *find(const symo_filter_shape *shape, int products) {
  for (size_t i = 0; symo_filter_known(i) != NULL; i++)
    if (is_for(symo_filter_known(i), shape, products)) return symo_filter_known(i);
  for (int i = 0; i < PLACES; i++)
    if (atomic_load_explicit(&kept[i].state, memory_order_acquire) == FULL &&
        is_for(&kept[i].filter, shape, products))
      return &kept[i].filter;
  return NULL;
}

static void keep(const symo_filter *filter) {
  for (int i = 0; i < PLACES; i++) {
    int empty = EMPTY;
    if (!atomic_compare_exchange_strong(&kept[i].state, &empty, CLAIMED)) continue;
    kept[i].filter = *filter;
    atomic_store_explicit(&kept[i].state, FULL, memory_order_release);
    return;
  }
}

symo_status symo_filter_fit(const symo_filter_shape *shape, int products, double tolerance,
                            symo_filter *out) {
  const symo_filter *found = products > 0 ? find(shape, products) : NULL;
  if (found != NULL) {
    *out = *found;
    return SYMO_OK;
  }
  symo_status status = symo_filter_compute(shape, products, tolerance, out);
  if (status == SYMO_OK && products > 0) keep(out);
  return status;
}
