#ifndef SYMO_IO_H
#define SYMO_IO_H

#include <symo/hessian.h>
#include <symo/kfac.h>
#include <symo/lowrank.h>
#include <symo/optim.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Files: layouts (JSON), tensors (safetensors), matrices (.npy), structured Hessians, optimizers
 * and their states.  Files are written under a temporary name in the same folder and then renamed,
 * so a failure or a kill leaves the old file, or no file if there was none.  Details name the file.
 *
 *   SYMO_E_IO      the system could not read or write; the detail gives its reason
 *   SYMO_E_FORMAT  the file is malformed
 * If the contents of a well-formed file do not fit, the status is SYMO_E_NAME (entries, groups),
 * SYMO_E_SHAPE, SYMO_E_DTYPE, SYMO_E_NONFINITE (Hessians only) or SYMO_E_UNSUPPORTED (groups nested
 * too deeply). */

/* ---- layouts ---- */

/* {"dtype": "f64", "spaces": {"h": {"dim": 64, "group": "orthogonal"}, ..},
 *  "tensors": [{"name": "w", "axes": ["h", "h*"]}, ..]}.  Unknown keys are refused with their path.
 *
 * The parameters of a group are further keys of its object.  A parameter that is a group is an
 * object like that of a space:
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
 * "dim" may be omitted if it follows from the parameters, as it does for all of these but scaling.
 * Groups that were added to the context (symo_context_add_group) are given by their names. */
symo_status symo_layout_read_json(symo_context *context, const char *path, symo_layout **out);
symo_status symo_layout_from_json(symo_context *context, const char *text, symo_layout **out);
symo_status symo_layout_write_json(const symo_layout *layout, const char *path);

/* The layout as JSON.  The generators of custom groups are included, with enough digits to read
 * back the same bits.  Groups of the caller's code are written by name only.  The caller frees *out
 * with symo_free. */
symo_status symo_layout_to_json(const symo_layout *layout, char **out);

/* Reads the argument of --layout.  A path that ends in .json, or that names an existing file, is
 * read as JSON; any other text is read as the short notation. */
symo_status symo_layout_open(symo_context *context, const char *path_or_text, symo_layout **out);

/* ---- safetensors ---- */

/* Reads the tensors of `layout` from a safetensors file into one flat vector of num_parameters
 * numbers, which the caller frees with symo_free.  Entries are F64, F32, BF16 or F16, and are
 * converted to dtype.  SYMO_ANY means float64 if any entry is F64, otherwise float32.  *dtype_out
 * is set to the type of the vector; it may be NULL.  An entry that is not in the layout is an error
 * (SYMO_E_NAME). */
symo_status symo_tensors_read(const symo_layout *layout, const char *path, symo_dtype dtype,
                              symo_dtype *dtype_out, void **flat_out);

/* Writes the tensors of a flat vector to a safetensors file.  SYMO_E_DTYPE for SYMO_ANY. */
symo_status symo_tensors_write(const symo_layout *layout, const char *path, symo_dtype dtype,
                               const void *flat);

/* ---- Hessians ---- */

/* A Hessian as a safetensors file, with one entry [count, m, m] for each label and, in the
 * metadata, the layout and the spec of the plan.  A Hessian that is written and read has the same
 * bits. */
symo_status symo_hessian_write(const symo_hessian *hessian, const char *path);
symo_status symo_hessian_read(symo_context *context, const char *path, symo_hessian **out);

/* Low rank plus symmetry in the same way, with the entries "#values" [k] (F64) and "#vectors" [k,
 * parameters] besides; "format" of the metadata tells the two apart. */
symo_status symo_lowrank_write(const symo_lowrank *h, const char *path);
symo_status symo_lowrank_read(symo_context *context, const char *path, symo_lowrank **out);
symo_status symo_hessian_file_is_lowrank(symo_context *context, const char *path, bool *out);

/* The same for K-FAC operators (symo/kfac.h); no other program reads these files. */
symo_status symo_kfac_write(const symo_kfac *kfac, const char *path);
symo_status symo_kfac_read(symo_context *context, const char *path, symo_kfac **out);

/* ---- optimizers ---- */

/* An optimizer as JSON, in one of two forms.  Either a preset with changed options, which also
 * brings the rules of the preset (symo_optim_preset_rules):
 *   {"preset": "muon", "lr": 0.02, "weight_decay": 0.01, "h.*.attn*:momentum": 0.9, ..}
 * ("PATTERN:KEY" as in symo_optim_spec_open.)
 * Or a list of rules, of which the first that matches a tensor applies to it:
 *   {"rules": [{"match": "*.w*", "min_order": 2, "preset": "muon", "lr": 0.02},
 *              {"max_order": 1, "preset": "adamw"}]}
 * Options are those of symo_method_option; "betas": [b1, b2] sets momentum and beta2.  In a rule,
 * "match" may be omitted (default "*"), as may "also" (a second pattern), "min_order" (0), "max_order" (SYMO_MAX_ORDER) and
 * "needs_group" and "needs_site" (false); "preset" may be omitted only if all options are given. 
 * Both forms may have "dtype" ("f32", "f64"), "nan" ("skip", "stop"), "budget_memory" (bytes, or
 * "2GiB", "500 MB") and "threads".
 *
 * Any error in the text is SYMO_E_FORMAT; the detail gives the path inside the text and, for an
 * unknown key, a suggestion.  A spec is one block of memory, which the caller frees with
 * symo_optim_spec_destroy. */
symo_status symo_optim_spec_read_json(symo_context *context, const char *path,
                                      symo_optim_spec **out);
symo_status symo_optim_spec_from_json(symo_context *context, const char *text,
                                      symo_optim_spec **out);
void symo_optim_spec_destroy(symo_optim_spec *spec); /* NULL is accepted */

/* The spec as JSON, with all rules and all options, so that it reads back to the same bits even if
 * presets change in a later version.  "preset" is written if a preset of that name exists.  The
 * caller frees *out with symo_free. */
symo_status symo_optim_spec_to_json(symo_context *context, const symo_optim_spec *spec, char **out);

/* Reads the arguments of --optimizer and --set.  name_or_path: the name of a preset or, if there is
 * no such preset, the path of a file.  settings: [num_settings] texts "key=value".  A key is an
 * option of the method of the preset, or of the first rule of a file with rules; "rules.1.lr" is
 * the option of rule 1 and "rules.*.lr" that of all rules, counted after the rules of a preset were
 * made; "PATTERN:lr", "PATTERN:rules.1.lr" and "PATTERN:rules.*.lr" are the same for tensors whose
 * name fits the pattern ("h.*.attn*:alpha=1.4"), which get a rule of their own in front of that
 * rule (symo_rule.also): a tensor that fits several patterns has the first, and symo_optim_create
 * refuses a pattern that no tensor fits; or "dtype", "nan", "budget_memory" or "threads".
 * SYMO_E_NAME if there is no such preset, file or key; SYMO_E_ARGUMENT if a value is not valid, or
 * if no rule that a setting is for looks at its option ("rate=0.9" where the schedule is not
 * exponential); for files also the statuses of symo_optim_spec_read_json. */
symo_status symo_optim_spec_open(symo_context *context, const char *name_or_path,
                                 size_t num_settings, const char *const *settings,
                                 symo_optim_spec **out);

/* The state of an optimizer between two steps, as a safetensors file.  It has an entry "state:NAME"
 * for each entry of symo_optim_state_entry.  Its metadata holds "spec" and "layout" as JSON, and a
 * checksum of everything.  A state that is written and read has the same bits.
 *
 * The checkpoint of `symo train`, which holds the parameters beside the state, is read as well.
 *
 * Reading compares the file with `optim`.  threads, budget and NaN policy may differ, and so may
 * the options named in may_differ, [num_may_differ], unless they change the meaning of an entry.
 * The detail of a refusal says what differs:
 *   SYMO_E_FORMAT    the file is truncated, or any byte was changed
 *   SYMO_E_SHAPE     another layout
 *   SYMO_E_DTYPE     another dtype
 *   SYMO_E_ARGUMENT  another spec */
symo_status symo_optim_state_write(symo_optim_state *state, const char *path);
symo_status symo_optim_state_read(symo_optim *optim, const char *path, size_t num_may_differ,
                                  const char *const *may_differ, symo_optim_state **out);

/* ---- npy ---- */

/* Writes data, [rows, columns] row-major, as a NumPy file: '<f8', C order, version 1.0. */
symo_status symo_npy_write(symo_context *context, const char *path, const double *data, size_t rows,
                           size_t columns);

#ifdef __cplusplus
}
#endif
#endif
