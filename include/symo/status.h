#ifndef SYMO_STATUS_H
#define SYMO_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/* What every fallible function returns.
 *   0          done
 *   positive   recoverable: the numbers at hand do not allow the operation; outputs are untouched
 *   negative   the caller, the input or the machine is at fault; outputs are untouched
 * Untouched are the results behind `out`; an array or a vector of the caller's may be partly
 * written when a computation fails midway (SYMO_E_NUMERIC, SYMO_NO_CONVERGENCE, SYMO_E_MEMORY).
 * The sentence that says what went wrong, and where, is kept by the context
 * (symo_context_detail).
 *
 * Arguments are checked in every build, and before anything is written.  NULL where an object, an
 * array or a place for a result is wanted is SYMO_E_ARGUMENT; the detail names function and
 * argument, unless the NULL is the handle that would lead to a context.  NULL means a default for
 * specs alone, never for what a lookup gives.  Functions without a status give NULL, 0, NaN, false
 * or SYMO_NONE for NULL and for indices that there are not; the detail says which index.
 *
 * Memory that is written shares nothing with memory that is read: for vectors and matrices of the
 * caller's that is checked (SYMO_E_ARGUMENT, nothing written). */
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

typedef enum symo_status {
#define SYMO_STATUS_ENUM(name, value, text) name = (value),
  SYMO_STATUS_LIST(SYMO_STATUS_ENUM)
#undef SYMO_STATUS_ENUM
} symo_status;

/* The fixed text of a status; never NULL, also for a value that is none of ours. */
const char *symo_strerror(symo_status status);

/* The name of a status as written in the source ("SYMO_E_SHAPE"); never NULL. */
const char *symo_status_name(symo_status status);

#ifdef __cplusplus
}
#endif
#endif
