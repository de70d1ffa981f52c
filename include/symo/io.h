#ifndef SYMO_IO_H
#define SYMO_IO_H

#include <symo/hessian.h>
#include <symo/optim.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Files: layout JSON, safetensors, .npy, structured Hessians, optimizers and their states.  Writers
 * write beside the target and rename, so a failure or a kill leaves the old file or none.  Details of failures name the
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
 * the file are an error.  dtype SYMO_ANY: F64 if any entry is F64, else F32; *dtype_out, which may
 * be NULL, says which.  Writing wants a type: else SYMO_E_DTYPE. */
symo_status symo_tensors_read(const symo_layout *layout, const char *path, symo_dtype dtype,
                              symo_dtype *dtype_out, void **flat_out);
symo_status symo_tensors_write(const symo_layout *layout, const char *path, symo_dtype dtype,
                               const void *flat);

/* ---- Hessians ---- */

/* A safetensors file: the layout and the spec of the plan in its metadata, one entry [count, m, m]
 * per label.  Reading gives back the same bits. */
symo_status symo_hessian_write(const symo_hessian *hessian, const char *path);
symo_status symo_hessian_read(symo_context *context, const char *path, symo_hessian **out);

/* ---- optimizers ---- */

/* {"preset": "muon", "lr": 0.02, "weight_decay": 0.01, ..}: a method, with the rules that go with it
 * (symo_optim_preset_rules).  Keys are those of symo_method_option; "betas": [b1, b2] is short for
 * momentum and beta2.  Or the rules one by one, first fit:
 *   {"rules": [{"match": "*.w*", "min_order": 2, "preset": "muon", "lr": 0.02},
 *              {"max_order": 1, "preset": "adamw"}]}
 * "match" may be left out ("*"), "min_order" (0), "max_order" (SYMO_MAX_ORDER) and "needs_group"
 * (false) too; "preset" only beside all options.  Either form may hold "dtype" ("f32", "f64"), "nan" ("skip", "stop"),
 * "budget_memory" (bytes, or "2GiB", "500 MB") and "threads".
 *
 * What is wrong in a file or text is SYMO_E_FORMAT, with the path inside it; unknown keys come with a
 * suggestion.  The specs, one block of memory each, are the caller's (symo_optim_spec_destroy). */
symo_status symo_optim_spec_read_json(symo_context *context, const char *path,
                                      symo_optim_spec **out);
symo_status symo_optim_spec_from_json(symo_context *context, const char *text,
                                      symo_optim_spec **out);
void symo_optim_spec_destroy(symo_optim_spec *spec); /* NULL is accepted */

/* All rules with all options: reading gives the same bits, however presets may change.  The word
 * `preset` is kept where there is such a preset, else left out.  *out is the caller's (symo_free). */
symo_status symo_optim_spec_to_json(symo_context *context, const symo_optim_spec *spec, char **out);

/* What --optimizer and --set take.  The name of a preset, else a path; then texts "key=value"
 * [num_settings]: options of the method of a preset, or of the first rule of a file with rules;
 * "rules.1.lr=3e-4" for rule 1 (after the rules of a preset were made), "rules.*.lr=3e-4" for all;
 * "dtype", "nan", "budget_memory" and "threads".  SYMO_E_NAME: no such preset, file or key.
 * SYMO_E_ARGUMENT: a setting that cannot be.  Files fail as in symo_optim_spec_read_json. */
symo_status symo_optim_spec_open(symo_context *context, const char *name_or_path,
                                 size_t num_settings, const char *const *settings,
                                 symo_optim_spec **out);

/* The state between steps, with the spec and the layout that it belongs to: a safetensors file with
 * an entry "state:NAME" for each of symo_optim_state_entry, and "spec" and "layout" (JSON) and a
 * checksum of everything in its metadata.  Reading gives back the same bits.
 *
 * Refused are files that were cut or changed in any byte (SYMO_E_FORMAT), another layout
 * (SYMO_E_SHAPE), dtype (SYMO_E_DTYPE), or spec (SYMO_E_ARGUMENT), each with what differs; threads,
 * budget and NaN policy may differ, and of the options those in may_differ: [num_may_differ],
 * unless what the entries mean hangs on them. */
symo_status symo_optim_state_write(symo_optim_state *state, const char *path);
symo_status symo_optim_state_read(symo_optim *optim, const char *path, size_t num_may_differ,
                                  const char *const *may_differ, symo_optim_state **out);

/* ---- npy ---- */

/* '<f8', C order, version 1.0. */
symo_status symo_npy_write(symo_context *context, const char *path, const double *data, size_t rows,
                           size_t columns);

#ifdef __cplusplus
}
#endif
#endif
