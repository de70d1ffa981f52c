#ifndef SYMO_IO_OPTIM_STATE_H
#define SYMO_IO_OPTIM_STATE_H

#include "io/safetensors.h"

#include <symo/optim.h>

/* Checkpoints: the state of an optimizer and whatever else belongs to the same moment (parameters,
 * the place in the data), in one file under one checksum, so that there is never one without the
 * other. */

/* Entries of the state are named "state:" and their own name (which no tensor can be called); items
 * and texts are the caller's, under other names than those.  Keys of texts that are taken:
 * "format", "version", "dtype", "layout", "spec", "checksum". */
symo_status symo_checkpoint_write(symo_optim_state *state, const char *path, size_t num_texts,
                                  const symo_safetensors_text *texts, size_t count,
                                  const symo_safetensors_item *items);

/* Items and texts alone, under the same kind of checksum. */
symo_status symo_checked_write(symo_context *context, const char *path, size_t num_texts,
                               const symo_safetensors_text *texts, size_t count,
                               const symo_safetensors_item *items);

/* Everything as in symo_optim_state_read; *file, whose checksum holds, is for the caller's items
 * and texts (symo_safetensors_find, symo_safetensors_metadata; symo_safetensors_close).  file may
 * be NULL: then there must be no other entries. */
symo_status symo_checkpoint_read(symo_optim *optim, const char *path, size_t num_may_differ,
                                 const char *const *may_differ, symo_safetensors **file,
                                 symo_optim_state **state);

/* Opens a file of which only the caller's items are needed, such as the parameters for an
 * evaluation.  If the file has a checksum, it is checked. */
symo_status symo_checkpoint_open(symo_context *context, const char *path, symo_safetensors **file);

/* Whether all of a file is what was written: it has a checksum, which holds. */
symo_status symo_checkpoint_check(symo_context *context, const char *path);

#endif
