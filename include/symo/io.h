#ifndef SYMO_IO_H
#define SYMO_IO_H

#include <symo/hessian.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Files: layout JSON, safetensors, .npy, and structured Hessians.  Writers write beside the target
 * and rename, so a failure or a kill leaves the old file or none.  Details of failures name the
 * file.
 *
 * SYMO_E_IO: the system refused, with its reason.  SYMO_E_FORMAT: the file is malformed.  What a
 * sound file says that does not fit has the status of its kind: SYMO_E_NAME (entries, groups),
 * SYMO_E_SHAPE, SYMO_E_DTYPE, SYMO_E_NONFINITE (Hessians only), SYMO_E_UNSUPPORTED (groups of a
 * later version). */

/* ---- layouts ---- */

/* Unknown keys are refused with their path. */
symo_status symo_layout_read_json(symo_context *context, const char *path, symo_layout **out);
symo_status symo_layout_from_json(symo_context *context, const char *text, symo_layout **out);
symo_status symo_layout_write_json(const symo_layout *layout, const char *path);
symo_status symo_layout_to_json(const symo_layout *layout, char **out); /* symo_free */

/* What --layout takes: a path ending in .json, or any existing file, is read as JSON, everything
 * else as the short notation. */
symo_status symo_layout_open(symo_context *context, const char *path_or_text, symo_layout **out);

/* ---- safetensors ---- */

/* The tensors of `layout` from a safetensors file (F64, F32, BF16, F16, converted to dtype), into
 * one flat vector of num_parameters numbers, which is the caller's (symo_free).  Other entries in
 * the file are an error.  dtype SYMO_ANY: F64 if any entry is F64, else F32; *dtype_out says which.
 */
symo_status symo_tensors_read(const symo_layout *layout, const char *path, symo_dtype dtype,
                              symo_dtype *dtype_out, void **flat_out);
symo_status symo_tensors_write(const symo_layout *layout, const char *path, symo_dtype dtype,
                               const void *flat);

/* ---- Hessians ---- */

/* A safetensors file: the layout and the spec of the plan in its metadata, one entry [count, m, m]
 * per label.  Reading gives back the same bits. */
symo_status symo_hessian_write(const symo_hessian *hessian, const char *path);
symo_status symo_hessian_read(symo_context *context, const char *path, symo_hessian **out);

/* ---- npy ---- */

/* '<f8', C order, version 1.0. */
symo_status symo_npy_write(symo_context *context, const char *path, const double *data, size_t rows,
                           size_t columns);

#ifdef __cplusplus
}
#endif
#endif
