/* Scale modes, for a tensor of r rows (first axis) and c columns (the others together):
 *     shape       sqrt(max(1, r / c))          K. Jordan's Muon
 *     match-rms   0.2 sqrt(max(r, c))          arXiv 2502.16982: rms 0.2 if orthogonal
 *     unit-rms    sqrt(r c) / |d|              rms 1 for any direction */
#include <math.h>
#include <string.h>

#include "optim/update/update.h"

double symo_update_scale(const symo_method *method, size_t order, const size_t *shape, double norm,
                         size_t size) {
  double rows = order > 0 ? (double)shape[0] : 1, columns = (double)size / rows;
  if (strcmp(method->scale, "shape") == 0) return sqrt(fmax(1, rows / columns));
  if (strcmp(method->scale, "match-rms") == 0) return 0.2 * sqrt(fmax(rows, columns));
  if (strcmp(method->scale, "unit-rms") == 0) return norm > 0 ? sqrt((double)size) / norm : 0;
  return 1;
}
