#ifndef SYMO_ELEMENT_H
#define SYMO_ELEMENT_H

#include <symo/layout.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One element g of the group of a layout, which is the product of the groups of its spaces. */
typedef struct symo_element symo_element;

/* Makes the neutral element.  Freezes the layout, which the element keeps alive.  SYMO_E_SIZE if an
 * element is too large to be held, as for an orthogonal group on a dimension above 46340. */
symo_status symo_element_create(symo_layout *layout, symo_element **out);
void symo_element_destroy(symo_element *element); /* NULL is accepted */

/* Draws g uniformly (Haar measure), independently for each space, in the order of the spaces.
 * SYMO_E_UNSUPPORTED if the group of a space cannot be sampled (a group of the caller's code
 * without `sample`); the detail names the space.  SYMO_E_MEMORY. */
symo_status symo_element_sample(symo_element *element, symo_rng *rng);

/* Draws the part of one space; the parts of the other spaces are unchanged.  SYMO_E_ARGUMENT if the
 * index is out of range. */
symo_status symo_element_sample_space(symo_element *element, size_t space, symo_rng *rng);

/* Sets g to the neutral element.  NULL is accepted. */
void symo_element_reset(symo_element *element);

/* Sets the parts of the scaling spaces to the scales c that balance theta; the parts of the other
 * spaces are unchanged.  rho(c) theta is balanced if the incoming and the outgoing entries of every
 * unit have the same norm; then c = sqrt(|out| / |in|) for each unit.  If a tensor couples units, c
 * minimises |rho(c) theta|.  A unit whose incoming or outgoing entries are all zero keeps c = 1.
 *
 * theta and rho(d) theta, d > 0, have the same balanced point, so a step that is computed there is
 * equivariant.  Use symo_element_act for theta, symo_element_act_dual for the gradient, and
 * symo_element_act_inverse to transform the step back.
 *
 * theta has either dtype.  SYMO_E_NONFINITE if theta holds NaN or infinity.  SYMO_NO_CONVERGENCE if
 * the relative change is still above 1e-12 after 1000 sweeps; the element is then unchanged.
 * O(parameters) for each sweep and axis.  Two sweeps, of which the second only confirms, if every
 * tensor has at most one axis with a scaling space. */
symo_status symo_element_balance(symo_element *element, symo_const_vector theta);

/* y = rho(g) x and y = rho(g)^-1 x: g acts on every axis of every tensor.  x and y have the same
 * dtype, float32 or float64 (otherwise SYMO_E_DTYPE), and share no memory (otherwise
 * SYMO_E_ARGUMENT).  NaN and infinity in x are allowed and appear in y.  O(parameters), and a
 * factor of d for each axis with an orthogonal group on R^d.  Allocates twice the size of the
 * largest tensor of order two or more, and d^2 numbers for an orthogonal group. */
symo_status symo_element_act(const symo_element *element, symo_const_vector x, symo_vector y);
symo_status symo_element_act_inverse(const symo_element *element, symo_const_vector x,
                                     symo_vector y);

/* The dual action y = rho(g)^-T x, by which gradients transform when parameters transform by
 * rho(g), and its inverse y = rho(g)^T x.  For orthogonal groups these are symo_element_act and
 * symo_element_act_inverse.  Everything else is as above. */
symo_status symo_element_act_dual(const symo_element *element, symo_const_vector x, symo_vector y);
symo_status symo_element_act_dual_inverse(const symo_element *element, symo_const_vector x,
                                          symo_vector y);

#ifdef __cplusplus
}
#endif
#endif
