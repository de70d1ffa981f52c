#ifndef SYMO_STATUS_H
#define SYMO_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/* Every function that can fail returns a status.
 *   0          success
 *   positive   recoverable: the operation is not possible with these numbers
 *   negative   the caller, the input or the machine is at fault
 * On failure `*out` is unchanged.  A vector or an array of the caller may be partly written if a
 * computation fails midway (SYMO_E_NUMERIC, SYMO_NO_CONVERGENCE, SYMO_E_MEMORY).  The context keeps
 * a sentence that says what went wrong and where (symo_context_detail).
 *
 * Arguments are checked in every build, before anything is written.  A NULL object, array or result
 * pointer gives SYMO_E_ARGUMENT.  The detail names the function and the argument, unless the NULL
 * is the handle through which the context would be found.  Only a NULL spec means a default; an
 * object that may come from a lookup is refused if it is NULL.  Functions without a status return
 * NULL, 0, NaN, false or SYMO_NONE for NULL and for an index out of range; the detail says which
 * index.
 *
 * Outputs must not share memory with inputs.  This is checked for vectors and matrices of the
 * caller (SYMO_E_ARGUMENT, nothing is written). */
#define SYMO_STATUS_LIST(X)                                                                        \
  X(SYMO_OK, 0, "success")                                                                         \
  X(SYMO_SINGULAR, 1, "the matrix is singular")                                                    \
  X(SYMO_INDEFINITE, 2, "the matrix is not positive semi-definite")                                \
  X(SYMO_NO_CONVERGENCE, 3, "an iteration did not converge")                                       \
  X(SYMO_E_ARGUMENT, -1, "invalid argument")                                                       \
  X(SYMO_E_NAME, -2, "unknown or duplicate name")                                                  \
  X(SYMO_E_SHAPE, -3, "shapes do not agree")                                                       \
  X(SYMO_E_DTYPE, -4, "number types do not agree")                                                 \
  X(SYMO_E_NONFINITE, -5, "input holds NaN or infinity")                                           \
  X(SYMO_E_SIZE, -6, "too large")                                                                  \
  X(SYMO_E_MEMORY, -7, "out of memory")                                                            \
  X(SYMO_E_UNSUPPORTED, -8, "not supported")                                                       \
  X(SYMO_E_FORMAT, -9, "malformed file")                                                           \
  X(SYMO_E_IO, -10, "input or output failed")                                                      \
  X(SYMO_E_NUMERIC, -11, "a numerical routine failed")

/* The statuses above. */
typedef enum symo_status {
#define SYMO_STATUS_ENUM(name, value, text) name = (value),
  SYMO_STATUS_LIST(SYMO_STATUS_ENUM)
#undef SYMO_STATUS_ENUM
} symo_status;

/* The fixed text of a status.  Never NULL, even for a value outside the enumeration. */
const char *symo_strerror(symo_status status);

/* The name of a status as written in the source ("SYMO_E_SHAPE"); never NULL. */
const char *symo_status_name(symo_status status);

#ifdef __cplusplus
}
#endif
#endif
