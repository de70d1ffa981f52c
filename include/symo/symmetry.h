#ifndef SYMO_SYMMETRY_H
#define SYMO_SYMMETRY_H

#include <symo/problem.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Is the group of a layout a symmetry of a loss?  Measured, at the caller's theta: elements g of the
 * group are drawn, space by space with all other spaces at rest, and at last of all spaces together,
 * and what the symmetry predicts is set against what is:
 *
 *   loss       |L(rho theta) - L(theta)| / |L(theta)|
 *   gradient   ||grad L(rho theta) - p|| / ||p_moved||,  p = rho^-T grad L(theta)
 *
 * where p_moved is the part of p in the tensors that the group acts on, those with an axis on the
 * space: a wrong group on hidden units is not excused by a large gradient of the output's bias.  For
 * each tensor t by itself there is ||(grad L(rho theta) - p)_t|| / ||p_t||, which tells where a defect
 * lies.  (Parts below 1e-6 (f64) or 1e-2 (f32) of ||p|| are measured against that much of ||p||: what
 * is less may be rounding.)
 *
 * Near a stationary point, or a perfect fit, there is nothing to divide by.  So gradient and loss are
 * also had at theta + 0.1 r z, z normal, r the root mean square of the tensor; where L(theta) or
 * ||grad L(theta)|| is less than 1e-3 of what it is there, the latter is divided by instead.
 *
 * A defect is a property of loss, group and theta: an approximate symmetry has a smaller one at small
 * weights, and at special weights a wrong group may go unseen.  So a group that shows no defect at theta
 * is tried at random weights too, with the proportions of theta's tensors and a root mean square of at
 * least 0.3 and of at least 3, two elements each.  Where it shows one there, above sqrt(spec.exact), the
 * verdict is that theta cannot tell.  (Weights where the loss is not finite are left out, and defects that
 * rounding may have made: below 300 times what one last digit of the parameters does.) */
typedef enum symo_symmetry_verdict {
  SYMO_SYMMETRY_EXACT,       /* no defect above the rounding level: spec.exact */
  SYMO_SYMMETRY_APPROXIMATE, /* none above spec.approximate */
  SYMO_SYMMETRY_UNCERTAIN,   /* none above spec.exact at theta, but one elsewhere */
  SYMO_SYMMETRY_WRONG
} symo_symmetry_verdict;

/* "exact", "approximate", "cannot tell", "wrong". */
const char *symo_symmetry_verdict_name(symo_symmetry_verdict verdict);

typedef struct symo_symmetry_spec {
  size_t samples;     /* elements drawn for each row of the report, neutral ones not counted; 8 */
  double exact;       /* bound of an exact symmetry; 0, the default: 1e-9 for f64, 1e-4 for f32 */
  double approximate; /* bound of an approximate one; default 0.3 (cosine of predicted and true
                         gradient above 0.95) */
} symo_symmetry_spec;

symo_symmetry_spec symo_symmetry_spec_default(void);

enum { SYMO_SYMMETRY_MAX_SAMPLES = 1000000 };

/* The space of the row for all spaces together. */
#define SYMO_SYMMETRY_JOINT ((size_t)-1)

/* What elements of one space, or of all, have shown: the largest defects over the sample. */
typedef struct symo_symmetry_row {
  size_t space; /* of the layout, or SYMO_SYMMETRY_JOINT */
  symo_symmetry_verdict verdict;
  size_t elements; /* drawn: spec.samples, or 0 if all are neutral (one unit, no tensor): exact */
  double loss, gradient; /* defects as above; infinity where a number overflows */
  double defect;         /* the larger of the two: what the verdict is about */
  double elsewhere; /* of rows without a defect at theta: that at the smallest of the other weights
                       which show one, or the largest; else 0 */
  double elsewhere_size; /* the root mean square of those weights */
  const double *tensors; /* [num_tensors]: the largest defect of each by itself */
  size_t tensor;         /* with the largest share in the largest defect of the gradient */
} symo_symmetry_row;

typedef struct symo_symmetry_report {
  symo_symmetry_verdict verdict; /* the worst of the rows; exact if there are none */
  size_t num_rows; /* spaces with another group than the identity in layout order, then all of them
                      together; 0 if there are no such spaces */
  const symo_symmetry_row *rows;
  size_t num_tensors;
  double loss, gradient; /* L(theta), ||grad L(theta)||; NaN if num_rows is 0 */
  bool loss_nearby;      /* divided by the loss near theta, that at theta being next to nothing */
  bool gradient_nearby;  /* the same for the gradient: theta is close to a stationary point */
  double exact, approximate; /* the bounds used */
} symo_symmetry_report;

/* theta: [problem->size] of the problem's dtype.  spec NULL: the default.  The layout is frozen, as
 * by a plan, and its context keeps the detail of a failure; its dtype does not matter.  *out is one
 * block of the caller's, for symo_symmetry_destroy.  Only the gradient slot of the problem is called.
 *
 *   SYMO_E_UNSUPPORTED  the problem has no gradient
 *   SYMO_E_SHAPE        problem->size is not the number of parameters of the layout
 *   SYMO_E_DTYPE        the problem has no dtype
 *   SYMO_E_ARGUMENT     samples 0 or above SYMO_SYMMETRY_MAX_SAMPLES; bounds that are no bounds
 *   SYMO_E_NONFINITE    theta, or loss or gradient at theta or at rho theta, holds NaN or infinity:
 *                       the detail names the tensor, and for rho theta the space
 *   SYMO_E_NUMERIC      nothing can be measured: the gradient is zero at theta and near it, or the
 *                       group moves parameters but not these (theta is zero, say)
 *   what the problem's functions return
 *
 * Cost, for s spaces with a group: (s + 1) samples + 2 gradients, and the action of as many elements
 * on two vectors; 6 gradients more for each row without a defect, and 2 in all.  Memory: six vectors and one element. */
symo_status symo_symmetry_measure(const symo_problem *problem, symo_layout *layout,
                                  const void *theta, symo_rng *rng, const symo_symmetry_spec *spec,
                                  symo_symmetry_report **out);

void symo_symmetry_destroy(symo_symmetry_report *report); /* NULL is accepted */

#ifdef __cplusplus
}
#endif
#endif
