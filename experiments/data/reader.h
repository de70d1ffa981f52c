#ifndef SYMO_EXPERIMENTS_DATA_READER_H
#define SYMO_EXPERIMENTS_DATA_READER_H

#include "experiments/data/data.h"

/* What the files of this folder share.  Readers fill x and y, which symo_data_load owns. */

/* The whole of a file, gunzipped where it is gzipped, with a NUL behind; symo_free. */
symo_status symo_data_slurp(symo_context *context, const char *path, unsigned char **bytes,
                            size_t *size);

bool symo_data_is_directory(const char *path);

symo_status symo_data_read_csv(symo_context *context, const char *path,
                               const symo_data_options *options, symo_dataset *out);

/* path: an image file, or a directory that holds one. */
symo_status symo_data_read_idx(symo_context *context, const char *path,
                               const symo_data_options *options, symo_dataset *out);

/* Whether the file begins as idx images do. */
bool symo_data_is_idx(const char *path);

symo_status symo_data_make_teacher(symo_context *context, const char *widths,
                                   const symo_data_options *options, symo_dataset *out);

/* x and y of the given sizes, zeroed. */
symo_status symo_data_take(symo_context *context, symo_dataset *data);

/* Random subset: `wanted` of `total` indices, ascending (wanted < total). */
symo_status symo_data_subset(symo_context *context, uint64_t seed, size_t total, size_t wanted,
                             size_t *index);

#endif
