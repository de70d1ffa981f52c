#ifndef SYMO_TESTS_INTERFACE_FAULTS_H
#define SYMO_TESTS_INTERFACE_FAULTS_H

#include "tests/interface/stage.h"
#include "tests/support/shim.h"

/* A sound call, again and again: with 0, 1, 2, .. allocations before memory runs out, and with each
 * call of the file system, and of LAPACK, failing in turn, until it succeeds undisturbed.  What it
 * is to do when something fails: an error (SYMO_E_MEMORY; SYMO_E_IO and SYMO_E_FORMAT for files;
 * SYMO_NO_CONVERGENCE, SYMO_E_NUMERIC and their like for LAPACK) with a detail of
 * its own, nothing leaked, outputs and files as they were, no scratch file; or, where the failure
 * does not matter, success. */
typedef struct fault_run {
  stage *s;
  const char *function;
  size_t row;   /* of the failures that are tried */
  long after;   /* calls that go well before */
  bool running; /* the row has failures left */
  symo_status status;
  bool fired, files_used; /* files_used: it asks the file system for something */
  size_t blocks, files;
  unsigned char *before; /* the file that may be written to */
  size_t size;
} fault_run;

/* The file of the rows that write one. */
const char *fault_path(void);

fault_run fault_begin(stage *s, const char *function);
bool fault_next(fault_run *run); /* whether there is one more */
void fault_arm(fault_run *run);
bool fault_disarm(fault_run *run, symo_status status); /* whether it succeeded */
void fault_check(fault_run *run);
extern size_t fault_total; /* failures that happened */

/* `before` makes what the call needs afresh, `undo` gives back what it made, `after` gives back
 * what `before` took. */
#define FAULTY_WITH(function, before, undo, after, ...)                                            \
  for (fault_run run_ = fault_begin(&s, #function); fault_next(&run_); fault_check(&run_)) {       \
    before;                                                                                        \
    fault_arm(&run_);                                                                              \
    if (fault_disarm(&run_, function(__VA_ARGS__))) {                                              \
      undo;                                                                                        \
    }                                                                                              \
    after;                                                                                         \
  }
#define FAULTY(function, undo, ...) FAULTY_WITH(function, (void)0, undo, (void)0, __VA_ARGS__)

/* A call that takes no memory and asks nothing of the system. */
void fault_quiet_begin(const stage *s);
void fault_quiet_end(const char *function);
#define QUIET(function, ...)                                                                       \
  do {                                                                                             \
    fault_quiet_begin(&s);                                                                         \
    (void)function(__VA_ARGS__);                                                                   \
    fault_quiet_end(#function);                                                                    \
  } while (0)

#endif
