#ifndef SYMO_IO_OPTIM_MATCH_H
#define SYMO_IO_OPTIM_MATCH_H

#include <symo/optim.h>

/* Does a stored spec or layout belong to this optimizer?  path: the file, for failures, which name
 * what differs. */

/* SYMO_E_SHAPE; json: what symo_layout_to_json wrote; number types are not compared. */
symo_status symo_optim_match_layout(const symo_optim *optim, const char *path, const char *json);

/* SYMO_E_ARGUMENT; options in may_differ: [num_may_differ] are not compared, but for those on which
 * the meaning of the state hangs. */
symo_status symo_optim_match_spec(const symo_optim *optim, const char *path, const char *json,
                                  size_t num_may_differ, const char *const *may_differ);

#endif
