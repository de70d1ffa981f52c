/* An independent check of a decomposition, for groups small enough to be listed: the dimension of the
 * commutant of a real representation with character chi is (1/|G|) sum over g of chi(g)^2, and chi of
 * the sum of tensor powers is sum_p (tr g)^p. */
#include <math.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/text.h"
#include "groups/numeric/isotypic.h"

enum { MOST_ELEMENTS = 1000, MOST_NUMBERS = 1 << 21 };

/* Enumeration takes what is nearer than 1e-6 for one element: rotations by such angles would be lost. */
static bool has_near_identity(const generator_set *set) {
  size_t d = set->dim;
  for (size_t k = 0; k < set->num_dense; k++) {
    double most = 0;
    for (size_t i = 0; i < d * d; i++)
      most = fmax(most, fabs(set->dense[k * d * d + i] - (i % (d + 1) == 0 ? 1 : 0)));
    if (most < 1e-3) return true;
  }
  return false;
}

symo_status symo_isotypic_check_closure(const generator_set *set, isotypic *iso) {
  size_t d = set->dim, count = 0, cap = MOST_NUMBERS / (d * d);
  double *elements = NULL, sum = 0;
  if (set->num_lie > 0 || cap < 2 || has_near_identity(set)) return SYMO_OK;
  symo_status status =
      symo_enumerate(set, cap < MOST_ELEMENTS ? cap : MOST_ELEMENTS, &count, &elements);
  if (status == SYMO_E_SIZE) return SYMO_OK; /* not small */
  if (status != SYMO_OK) return status;
  for (size_t k = 0; k < count; k++) {
    double trace = symo_trace(SYMO_F64, d, elements + k * d * d), power = 1, character = 0;
    for (int p = 1; p <= SYMO_MAX_REPEAT; p++) {
      power *= trace;
      if (iso->orders >> p & 1) character += power;
    }
    sum += character * character;
  }
  symo_free(elements);
  iso->elements = count;
  if (fabs(sum / (double)count - (double)iso->commutant) <= 1e-6 * (double)iso->commutant)
    return SYMO_OK;
  return symo_fail(set->context, SYMO_E_NUMERIC,
                   "isotypic: the irreps found give a commutant of dimension %zu, but the %zu "
                   "%s of the group give %.6g (are the generators exact?)",
                   iso->commutant, count, symo_plural(count, "element", "elements"),
                   sum / (double)count);
}
