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
 * SYMO_E_SHAPE, SYMO_E_DTYPE, SYMO_E_NONFINITE (Hessians only), SYMO_E_UNSUPPORTED (groups
 * nested too deep). */

/* ---- layouts ---- */

/* {"dtype": "f64", "spaces": {"h": {"dim": 64, "group": "orthogonal"}, ..},
 *  "tensors": [{"name": "w", "axes": ["h", "h*"]}, ..]}.  Unknown keys are refused with their path.
 *
 * Parameters of a group stand beside its name; those that are groups are objects like a space:
 *   scaling      "window": 1.5, "signs": true, "permute": false (defaults 1, false, false)
 *   wreath       "copies": 4, "inner": {"group": "orthogonal", "dim": 16}
 *   product      "factors": [{..}, ..]           sum   "parts": [{..}, ..]
 *   restriction  "of": {..}, "generators": [0, 2], numbers from `symo groups --generators`
 *   custom       "generators": a list of matrices [[0, 1], [1, 0]] (rows) or permutations [1, 2, 0]
 *                (0-based images: y[image[i]] = x[i]); a list of numbers is always a permutation;
 *                "lie_generators": a list of antisymmetric matrices; or "generators_file", the path
 *                of a safetensors file, relative to the folder of the layout (in
 *                symo_layout_from_json, to the working directory), with entries "permutations"
 *                [n, d], "generators" and "lie_generators" [n, d, d] of any whole or real type
 * "dim" may be left out where it follows, in all of these but scaling.  Groups of the context
 * (symo_context_add_group) stand by their names. */
symo_status symo_layout_read_json(symo_context *context, const char *path, symo_layout **out);
symo_status symo_layout_from_json(symo_context *context, const char *text, symo_layout **out);
symo_status symo_layout_write_json(const symo_layout *layout, const char *path);

/* Generators of custom groups are written into the text, with as many digits as give the same bits;
 * groups of the caller's code by name only.  *out is the caller's (symo_free). */
symo_status symo_layout_to_json(const symo_layout *layout, char **out);

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
