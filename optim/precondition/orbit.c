/* The structured estimate of the curvature from gradients, M = C^{1/2} with C averaged over the
 * group of the layout: a full matrix, tensors coupled, at the cost of one small root for every
 * label.
 *
 * What is applied is (C + damping^2 I)^{-1/2}, whose eigenvalues are between those of
 * (M + damping I)^-1 and sqrt(2) times them. */
#include "optim/precondition/precondition.h"

static double eps(double damping) { return damping * damping; }

const symo_precondition symo_precondition_orbit = {
    .name = "orbit",
    .summary = "by the orbit estimate of the curvature",
    .curvature = &symo_curvature_orbit,
    .eps = eps,
};
