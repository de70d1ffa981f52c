#ifndef SYMO_IO_OPTIM_MATCH_H
#define SYMO_IO_OPTIM_MATCH_H

#include <symo/optim.h>

/* Checks whether a stored spec or layout belongs to an optimizer.  path: the file, for the detail,
 * which says what differs. */

/* SYMO_E_SHAPE; json: what symo_layout_to_json wrote; number types are not compared. */
symo_status symo_optim_match_layout(const symo_optim *optim, const char *path, const char *json);

/* SYMO_E_ARGUMENT if the specs differ.  Options named in may_differ, [num_may_differ], are not
 * compared, unless the meaning of the state depends on them. */
symo_status symo_optim_match_spec(const symo_optim *optim, const char *path, const char *json,
                                  size_t num_may_differ, const char *const *may_differ);

#endif
