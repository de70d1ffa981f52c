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
void symo_element_destroy(symo_element *element);

/* Draws g uniformly (Haar measure), independently for every space, in the order of the spaces. */
symo_status symo_element_sample(symo_element *element, symo_rng *rng);

/* y = rho(g) x, or rho(g)^-1 x: g acts on every axis of every tensor.  x and y hold numbers of type
 * dtype and must not overlap.  Allocates a workspace of twice the size of the largest tensor of
 * order two and more, and d^2 numbers for an orthogonal group.  O(parameters), times the dimension
 * for each axis under an orthogonal group. */
symo_status symo_element_act(const symo_element *element, symo_dtype dtype, symo_const_vector x,
                             symo_vector y);
symo_status symo_element_act_inverse(const symo_element *element, symo_dtype dtype,
                                     symo_const_vector x, symo_vector y);

#ifdef __cplusplus
}
#endif
#endif
