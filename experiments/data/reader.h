#ifndef SYMO_EXPERIMENTS_DATA_READER_H
#define SYMO_EXPERIMENTS_DATA_READER_H

#include "experiments/data/data.h"

/* What the files of this folder share.  Readers fill x, y and labels, which symo_data_load owns. */

/* The whole of a file or pipe, gunzipped where it is gzipped, with a NUL behind; symo_free.  A pipe
 * that is in kept is taken from there, and else put there; kept may be NULL.  SYMO_E_IO also for a
 * pipe that gives nothing. */
symo_status symo_data_slurp(symo_context *context, const char *path, symo_data_kept *kept,
                            unsigned char **bytes, size_t *size);

bool symo_data_is_directory(const char *path);

/* bytes [size], with a NUL behind, are the reader's to change. */
symo_status symo_data_read_csv(symo_context *context, const char *path, unsigned char *bytes,
                               size_t size, const symo_data_options *options, symo_dataset *out);

/* path: of the images, which are in bytes; the labels are read from beside it. */
symo_status symo_data_read_idx(symo_context *context, const char *path, const unsigned char *bytes,
                               size_t size, const symo_data_options *options, symo_dataset *out);

/* Whether they begin as idx images or labels do. */
bool symo_data_is_idx(const unsigned char *bytes, size_t size);

symo_status symo_data_make_teacher(symo_context *context, const char *widths,
                                   const symo_data_options *options, symo_dataset *out);

/* x and y of the given sizes, zeroed. */
symo_status symo_data_take(symo_context *context, symo_dataset *data);

/* Copies of `count` texts in one block (symo_free); NULL when memory runs out. */
char **symo_data_copy_texts(size_t count, const char *const *texts);

/* SYMO_E_ARGUMENT where more examples are wanted than there are. */
symo_status symo_data_enough(symo_context *context, const char *what, size_t total, size_t wanted);

/* Random subset: `wanted` of `total` indices, ascending (wanted < total). */
symo_status symo_data_subset(symo_context *context, uint64_t seed, size_t total, size_t wanted,
                             size_t *index);

#endif
