#ifndef SYMO_TESTS_SUPPORT_SHIM_H
#define SYMO_TESTS_SUPPORT_SHIM_H

#include <stdbool.h>

/* Failures of the system on demand.  The functions of the C library below are defined again here
 * and pass on to the real ones, but for the call that is to fail.  In the test binary they are
 * armed by calls; as a library of its own, loaded into the command by LD_PRELOAD, by the
 * environment (shim.c). */
typedef enum shim_kind {
  SHIM_NONE,
  SHIM_OPEN,   /* open, openat, fopen, opendir, mkstemp */
  SHIM_STAT,   /* stat, fstat, fchmod */
  SHIM_READ,   /* read, pread */
  SHIM_WRITE,  /* write, pwrite, fwrite, fflush */
  SHIM_SYNC,   /* fsync */
  SHIM_CLOSE,  /* close, fclose: closed all the same */
  SHIM_RENAME, /* rename */
  SHIM_LINK,   /* linkat */
  SHIM_UNLINK, /* unlink, unlinkat */
  SHIM_MAKE,   /* mkdir, ftruncate, flock */
  SHIM_MEMORY, /* aligned_alloc, which is all memory of ours, and memory of JSON values */
  /* Of LAPACK (shim_lapack.c): no convergence, or a pivot that is not positive. */
  SHIM_EIGH,     /* xSYEVD */
  SHIM_SVD,      /* xGESDD */
  SHIM_CHOLESKY, /* xPOTRF */
  SHIM_INVERT,   /* xPOTRI */
  SHIM_KINDS
} shim_kind;

extern const char *const shim_names[SHIM_KINDS];

/* The call of a kind after `after` others fails with `error`, and with always those that follow.
 * error 0: reads and writes take half of the bytes that they could, at least one. */
void shim_arm(shim_kind kind, long after, int error, bool always);

void shim_arm_lapack(shim_kind kind, long after, bool always);

/* Whether the call of a kind that is made now is to fail: for the functions that are defined again.
 */
bool shim_now(shim_kind kind);

/* Nothing fails any more.  Whether something did. */
bool shim_disarm(void);

#endif
