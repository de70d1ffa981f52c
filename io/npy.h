#ifndef SYMO_IO_NPY_H
#define SYMO_IO_NPY_H

#include "io/scalar.h"

#include <symo/io.h>

/* An array of a .npy file: C order, of type F64, F32 or U8. */
typedef struct symo_npy {
  symo_scalar type;
  size_t order, shape[SYMO_MAX_ORDER];
  size_t count; /* numbers */
  void *data;   /* the caller's (symo_free) */
} symo_npy;

/* '<f8', '<f4' and '|u1' in C order, format versions 1.0 to 3.0.  SYMO_E_FORMAT for all else; the
 * length of the file must be what the header says.  *out is written on success only. */
symo_status symo_npy_read(symo_context *context, const char *path, symo_npy *out);

/* Any order, F64, F32 or U8; version 1.0. */
symo_status symo_npy_write_array(symo_context *context, const char *path, symo_scalar type,
                                 size_t order, const size_t *shape, const void *data);

#endif
