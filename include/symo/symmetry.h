#ifndef SYMO_SYMMETRY_H
#define SYMO_SYMMETRY_H

#include <symo/problem.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Measures whether the group of a layout is a symmetry of a loss L.  Random elements g of the group
 * are drawn for each space by itself, and at last for all spaces together.  For each element the
 * prediction of the symmetry is compared with the true value.  Two relative errors are computed,
 * which we call the defects (rho stands for rho(g)):
 *
 *   loss       |L(rho theta) - L(theta)| / |L(theta)|
 *   gradient   ||grad L(rho theta) - p|| / ||p_moved||,  p = rho^-T grad L(theta)
 *
 * Here p_moved is the part of p in the tensors that the group acts on, that is, those with an axis
 * on the space.  A large gradient of other tensors therefore cannot hide the defect of a wrong
 * group.  For each tensor t there is also ||(grad L(rho theta) - p)_t|| / ||p_t||, which shows
 * where a defect comes from.  A norm ||p_moved|| or ||p_t|| that is below 1e-6 (f64) or 1e-2 (f32)
 * of ||p|| is replaced by that bound, as smaller parts may be rounding errors.
 *
 * Near a stationary point or a perfect fit the denominators vanish.  So loss and gradient are also
 * computed at a point nearby, theta + 0.1 r z, with z normal and r the root mean square of each
 * tensor.  If L(theta) or ||grad L(theta)|| is below 1e-3 of its value nearby, that value is the
 * denominator.
 *
 * The defect depends on theta.  It is smaller at small weights if the symmetry is approximate, and
 * at special weights even a wrong group may have none.  So a group without a defect at theta is
 * also tried at random weights, with two elements each: tensors have the proportions of those of
 * theta, and a root mean square of at least 0.3, and then of at least 3.  If there is a defect
 * above sqrt(spec.exact) at such weights, the verdict is that theta cannot tell.  Weights with a
 * loss that is not finite are skipped, and so are defects that may be rounding errors: those below
 * 300 times the effect of a change of theta in its last digit. */
typedef enum symo_symmetry_verdict {
  SYMO_SYMMETRY_EXACT,       /* all defects are at most spec.exact */
  SYMO_SYMMETRY_APPROXIMATE, /* all defects are at most spec.approximate */
  SYMO_SYMMETRY_UNCERTAIN,   /* at most spec.exact at theta, but larger at other weights */
  SYMO_SYMMETRY_WRONG        /* some defect is above spec.approximate */
} symo_symmetry_verdict;

/* "exact", "approximate", "cannot tell", "wrong". */
const char *symo_symmetry_verdict_name(symo_symmetry_verdict verdict);

/* How a claimed symmetry is measured. */
typedef struct symo_symmetry_spec {
  size_t samples; /* elements other than the neutral one, for each row of the report; default 8 */
  double exact;   /* bound for an exact symmetry; 0, the default, means 1e-9 (f64) or 1e-4 (f32) */
  /* Bound for an approximate symmetry.  Default 0.3: the cosine of the angle between the predicted
   * and the true gradient is then above 0.95. */
  double approximate;
} symo_symmetry_spec;

/* The defaults above. */
symo_symmetry_spec symo_symmetry_spec_default(void);

enum { SYMO_SYMMETRY_MAX_SAMPLES = 1000000 };

/* symo_symmetry_row.space of the row for all spaces together. */
#define SYMO_SYMMETRY_JOINT ((size_t)-1)

/* The largest defects over the sample, for one space or for all spaces together. */
typedef struct symo_symmetry_row {
  size_t space; /* index in the layout, or SYMO_SYMMETRY_JOINT */
  symo_symmetry_verdict verdict;
  /* Number of elements: spec.samples, or 0 if only the neutral element acts (a space of dimension
   * one, or on no tensor); the verdict is then exact. */
  size_t elements;
  double loss, gradient; /* the largest defects; infinity if a number overflows */
  double defect;         /* the larger of the two; it decides the verdict */
  /* If there is no defect at theta: the defect at the smallest of the other weights that have one,
   * or the largest defect if none of them has.  Otherwise 0. */
  double elsewhere;
  double elsewhere_size; /* the root mean square of those weights */
  const double *tensors; /* [num_tensors]: the largest defect of each tensor */
  size_t tensor; /* the tensor with the largest contribution to the largest gradient defect */
} symo_symmetry_row;

/* What was measured. */
typedef struct symo_symmetry_report {
  symo_symmetry_verdict verdict; /* the worst of the rows; exact if there are no rows */
  /* One row for each space whose group is not the identity, in layout order, and one for all of
   * them together.  0 if there is no such space. */
  size_t num_rows;
  const symo_symmetry_row *rows;
  size_t num_tensors;
  double loss, gradient;     /* L(theta), ||grad L(theta)||; NaN if num_rows is 0 */
  bool loss_nearby;          /* the denominator was the loss nearby: that at theta is about zero */
  bool gradient_nearby;      /* the same for the gradient: theta is almost a stationary point */
  double exact, approximate; /* the bounds that were used */
} symo_symmetry_report;

/* Measures the symmetry at theta, [problem->size] numbers of the problem's dtype.  spec NULL: the
 * default.  Freezes the layout, whose dtype does not matter; its context keeps the detail of a
 * failure.  *out is one block of memory, which the caller frees with symo_symmetry_destroy.  Of the
 * problem, only `gradient` is called.
 *
 *   SYMO_E_UNSUPPORTED  the problem has no gradient
 *   SYMO_E_SHAPE        problem->size is not the number of parameters of the layout
 *   SYMO_E_DTYPE        the problem has no dtype
 *   SYMO_E_ARGUMENT     samples is 0 or above SYMO_SYMMETRY_MAX_SAMPLES; a bound is negative or not
 *                       finite
 *   SYMO_E_NONFINITE    theta, or the loss or the gradient at theta or at rho theta, holds NaN or
 *                       infinity; the detail names the tensor and, for rho theta, the space
 *   SYMO_E_NUMERIC      nothing can be measured: the gradient is zero at theta and nearby, or the
 *                       group leaves this theta fixed, as it does if theta is zero
 *   Any status that the problem's functions return.
 *
 * Cost, for s spaces with a group: (s + 1) samples + 2 gradients, and the action of as many
 * elements on two vectors.  Rows without a defect need 6 more gradients each, and 2 more for all of
 * them together.  Memory: six vectors and one element. */
symo_status symo_symmetry_measure(const symo_problem *problem, symo_layout *layout,
                                  const void *theta, symo_rng *rng, const symo_symmetry_spec *spec,
                                  symo_symmetry_report **out);

void symo_symmetry_destroy(symo_symmetry_report *report); /* NULL is accepted */

#ifdef __cplusplus
}
#endif
#endif
