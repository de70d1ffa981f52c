#ifndef SYMO_ELEMENT_H
#define SYMO_ELEMENT_H

#include <symo/layout.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One element g of the group of a layout, G = product of the groups of its spaces. */
typedef struct symo_element symo_element;

/* The neutral element.  Freezes the layout, which must outlive the element.  SYMO_E_SIZE where an
 * element cannot be held (an orthogonal group on a dimension above 46340, say). */
symo_status symo_element_create(symo_layout *layout, symo_element **out);
void symo_element_destroy(symo_element *element); /* NULL is accepted */

/* Draws g uniformly (Haar measure), independently for every space, in the order of the spaces.
 * SYMO_E_MEMORY; SYMO_E_UNSUPPORTED with the name of the space if its group cannot (one of the
 * caller's code without `sample`). */
symo_status symo_element_sample(symo_element *element, symo_rng *rng);

/* The same for one space alone; the parts of the other spaces are left as they are.
 * SYMO_E_ARGUMENT if there is no such space. */
symo_status symo_element_sample_space(symo_element *element, size_t space, symo_rng *rng);

/* Back to the neutral element.  NULL is accepted. */
void symo_element_reset(symo_element *element);

/* The balanced frame of theta: the parts of the scaling spaces become the positive scales c for
 * which every unit of rho(c) theta has incoming and outgoing entries of equal norm, c = sqrt(|out| /
 * |in|); where tensors couple units, the scales of the least |rho(c) theta|.  Units without incoming
 * or without outgoing entries other than zero keep c = 1.  The parts of other spaces are left as
 * they are.
 *
 * theta and rho(d) theta, d > 0, have the same balanced point, so a step that is computed there is
 * equivariant:  theta by symo_element_act, the gradient by symo_element_act_dual, and the step back
 * by symo_element_act_inverse.
 *
 * theta is of either type.  SYMO_E_NONFINITE;  SYMO_NO_CONVERGENCE after 1000 sweeps that did not
 * bring the relative change below 1e-12 (the element is then as it was).  O(parameters) for each
 * sweep and axis; one sweep and one to see that nothing moves where every tensor has at most one
 * axis with a scaling space. */
symo_status symo_element_balance(symo_element *element, symo_const_vector theta);

/* y = rho(g) x, or rho(g)^-1 x: g acts on every axis of every tensor.  x and y hold numbers of the
 * same type, either (else SYMO_E_DTYPE), and share no memory (else SYMO_E_ARGUMENT); NaN and
 * infinity are carried along.  Allocates a workspace of twice the size of the largest tensor of
 * order two and more, and d^2 numbers for an orthogonal group.
 * O(parameters), times the dimension for each axis under an orthogonal group. */
symo_status symo_element_act(const symo_element *element, symo_const_vector x, symo_vector y);
symo_status symo_element_act_inverse(const symo_element *element, symo_const_vector x,
                                     symo_vector y);

/* y = rho(g)^-T x: how gradients move when parameters move by rho(g); and the step back, rho(g)^T x.
 * Orthogonal groups: the same as act and act_inverse. */
symo_status symo_element_act_dual(const symo_element *element, symo_const_vector x, symo_vector y);
symo_status symo_element_act_dual_inverse(const symo_element *element, symo_const_vector x,
                                          symo_vector y);

#ifdef __cplusplus
}
#endif
#endif
