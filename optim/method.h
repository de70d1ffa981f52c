#ifndef SYMO_OPTIM_METHOD_H
#define SYMO_OPTIM_METHOD_H

#include <symo/optim.h>

/* All names known, all numbers in their ranges; `where` begins the message ("rule 0"). */
symo_status symo_method_check(symo_context *context, const symo_method *method, const char *where);

/* Why the parts of a method do not go together, whatever the tensors; NULL if they do. */
const char *symo_method_refuse(const symo_method *method);

/* Whether the exponent is measured on the run. */

static inline bool symo_method_measures(const symo_method *method) {
  return method->alpha == SYMO_ALPHA_AUTO;
}

/* True for methods that are made for tensors of two axes and more: one factor an axis, or every
 * matrix acted on from one side. */
bool symo_method_is_for_matrices(const symo_method *method);

/* AdamW for the tensors that a method for matrices leaves: as its preset says, else at its rate.
 * Schedule and clipping are those of the method. */
symo_status symo_method_companion(symo_context *context, const symo_method *method,
                                  symo_method *out);

/* What `groups` says.  alternates: alternate, whatever follows; splits: alternate copies; group: the
 * name in it, NULL for those of the layout. */
bool symo_method_alternates(const symo_method *method);
bool symo_method_splits(const symo_method *method);
const char *symo_method_group(const symo_method *method);

/* What the option is of, where the method does not look at it ("schedule exponential"); NULL where it
 * does. */
const char *symo_method_unread(const symo_method *method, const char *key);

#endif
