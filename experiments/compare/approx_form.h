#ifndef SYMO_EXPERIMENTS_COMPARE_APPROX_FORM_H
#define SYMO_EXPERIMENTS_COMPARE_APPROX_FORM_H

#include "experiments/compare/approx.h"

/* For the files that define a form.  Takes self over, also on failure; self NULL means that memory
 * ran out in making it. */
symo_status compare_approx_make(symo_context *context, const compare_form *form, size_t size,
                                double stored, void *self, compare_approx **out);

#endif
