#ifndef SYMO_CORE_OVERLAP_H
#define SYMO_CORE_OVERLAP_H

#include <stdint.h>

#include "core/nd.h"

/* The bytes of a view: from the first to behind the last. */
typedef struct symo_span {
  uintptr_t first, end;
} symo_span;

symo_span symo_nd_span(const symo_nd *x);

/* True if the views have a byte in common.  Exact: views that lie between each other, such as every
 * other number or columns of one matrix, do not.  Only where strides are so irregular that it would
 * take long to say is the answer true without being sure. */
bool symo_nd_overlap(const symo_nd *a, const symo_nd *b);

/* True if entries of the view surely stand in different places: axes sorted by stride, each steps
 * over all that the smaller ones reach. */
bool symo_nd_is_apart(const symo_nd *x);

#endif
