/* Trust region by damping (Levenberg 1944, Marquardt 1963), with the rule of Martens 2010: with the
 * ratio r of actual to predicted reduction, damping grows by 3/2 where r < 1/4 and shrinks by 3/2
 * where r > 3/4.  Unlike there, a step that does not reduce the loss is taken back. */
#include <math.h>

#include "optim/damping/damping.h"

static double update(double damping, double ratio, bool *accept) {
  const double least = 1e-12, most = 1e12;
  *accept = isfinite(ratio) && ratio > 0;
  if (!*accept || ratio < 0.25)
    damping *= 1.5;
  else if (ratio > 0.75)
    damping /= 1.5;
  return fmin(fmax(damping, least), most);
}

const symo_damping symo_damping_levenberg_marquardt = {
    .name = "levenberg-marquardt",
    .summary = "eps at first, then after the ratio of actual to predicted reduction; bad steps are "
               "taken back",
    .needs_ratio = true,
    .update = update,
};
