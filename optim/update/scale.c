/* Scale modes, for a tensor of r rows (first axis) and c columns (the others together):
 *     shape       sqrt(max(1, r / c))          K. Jordan's Muon
 *     match-rms   0.2 sqrt(max(r, c))          arXiv 2502.16982: rms 0.2 if orthogonal
 *     unit-rms    sqrt(r c) / |d|              rms 1 for any direction */
#include <math.h>

#include "optim/update/update.h"

double symo_update_scale(const symo_method *method, size_t order, const size_t *shape, double norm,
                         size_t size) {
  double rows = order > 0 ? (double)shape[0] : 1, columns = (double)size / rows;
  switch (method->scale) {
  case SYMO_SCALE_SHAPE: return sqrt(fmax(1, rows / columns));
  case SYMO_SCALE_MATCH_RMS: return 0.2 * sqrt(fmax(rows, columns));
  case SYMO_SCALE_UNIT_RMS: return norm > 0 ? sqrt((double)size) / norm : 0;
  case SYMO_SCALE_NONE: break;
  }
  return 1;
}
