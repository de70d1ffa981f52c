#ifndef SYMO_IO_STACK_H
#define SYMO_IO_STACK_H

#include <symo/io.h>

/* Several vectors over the tensors of a layout in one safetensors file: each entry has one axis more
 * than its tensor, in front, along which the vectors follow each other.  A file with the shapes of
 * the tensors themselves holds one. */

/* How many there are.  Statuses of symo_tensors_read; SYMO_E_SHAPE also where entries differ. */
symo_status symo_stack_count(const symo_layout *layout, const char *path, size_t *count);

/* Reads them all: [count, num_parameters], with types as symo_tensors_read has it; the caller frees
 * *flat_out with symo_free.  count: from symo_stack_count. */
symo_status symo_stack_read(const symo_layout *layout, const char *path, symo_dtype dtype,
                            size_t count, symo_dtype *dtype_out, void **flat_out);

/* Writes count vectors, flat [count, num_parameters], as a stack. */
symo_status symo_stack_write(const symo_layout *layout, const char *path, symo_dtype dtype,
                             size_t count, const void *flat);

#endif
