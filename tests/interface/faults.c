/* Failures of memory and of the file system, one after the other; see faults.h. */
#include "tests/interface/faults.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "core/alloc_faults.h"
#include "tests/support/files.h"

size_t fault_total;

/* error 0: short reads and writes. */
static const struct {
  shim_kind kind;
  int error;
  bool always, harmless; /* harmless: the call must succeed all the same */
} rows[] = {{SHIM_MEMORY, ENOMEM, true, false}, {SHIM_MEMORY, ENOMEM, false, false},
            {SHIM_EIGH, 1, false, false},       {SHIM_EIGH, 1, true, false},
            {SHIM_SVD, 1, true, false},         {SHIM_CHOLESKY, 1, true, false},
            {SHIM_INVERT, 1, true, false},      {SHIM_OPEN, EACCES, false, false},
            {SHIM_OPEN, EMFILE, true, false},   {SHIM_STAT, EIO, false, false},
            {SHIM_READ, EIO, false, false},     {SHIM_READ, EINTR, false, true},
            {SHIM_READ, 0, true, true},         {SHIM_WRITE, ENOSPC, true, false},
            {SHIM_WRITE, EIO, false, false},    {SHIM_WRITE, EINTR, false, true},
            {SHIM_WRITE, 0, true, true},        {SHIM_SYNC, EIO, false, false},
            {SHIM_SYNC, EINVAL, false, true},   {SHIM_CLOSE, EIO, false, false},
            {SHIM_CLOSE, EINTR, false, true},   {SHIM_RENAME, EXDEV, false, false},
            {SHIM_RENAME, EACCES, true, false}, {SHIM_UNLINK, EROFS, true, true},
            {SHIM_MAKE, ENOLCK, true, true}};
enum { ROWS = sizeof rows / sizeof *rows, MOST = 100000 };

static bool is_lapack(shim_kind kind) { return kind >= SHIM_EIGH; }

const char *fault_path(void) { return symo_test_path("faulty"); }

fault_run fault_begin(stage *s, const char *function) {
  json_set_alloc_funcs(symo_malloc, symo_free); /* parsing JSON takes memory, too */
  return (fault_run){.s = s, .function = function};
}

bool fault_next(fault_run *run) {
  if (run->running && run->fired) {
    run->after++;
  } else if (run->running) {
    run->after = 0;
    run->row++;
    if (rows[run->row - 1].kind == SHIM_STAT && !run->files_used) run->row = ROWS;
  }
  run->running = run->row < ROWS;
  if (!run->running) {
    json_set_alloc_funcs(malloc, free);
    return false;
  }
  cr_assert(run->after < MOST, "%s: no success", run->function);
  /* A single failure inside jansson, which goes on as it likes, is not looked for. */
  const bool alone = rows[run->row].kind == SHIM_MEMORY && !rows[run->row].always;
  json_set_alloc_funcs(alone ? malloc : symo_malloc, alone ? free : symo_free);
  symo_test_write(fault_path(), "as it was", 9);
  run->blocks = symo_alloc_live_blocks();
  run->files = symo_test_count_files();
  return true;
}

void fault_arm(fault_run *run) {
  free(run->before);
  run->before = symo_test_slurp(fault_path(), &run->size); /* `before` may have written it */
  stage_prepare(run->s);
  if (rows[run->row].kind == SHIM_MEMORY)
    (rows[run->row].always ? symo_alloc_fail_after : symo_alloc_fail_once)(run->after);
  else if (is_lapack(rows[run->row].kind))
    shim_arm_lapack(rows[run->row].kind, run->after, rows[run->row].always);
  else
    shim_arm(rows[run->row].kind, run->after, rows[run->row].error, rows[run->row].always);
}

/* These have no context that the caller could ask. */
static bool is_alone(const char *function) {
  return strcmp(function, "symo_context_create") == 0 ||
         strcmp(function, "symo_hessian_open") == 0 || strcmp(function, "symo_optim_open") == 0;
}

/* jansson takes some of its own failures for mistakes in the text. */
static bool blames_text(symo_status status, const char *detail) {
  return status == SYMO_E_FORMAT && strstr(detail, "(it must be valid JSON)") != NULL;
}

static void check_failure(const fault_run *run) {
  const shim_kind kind = rows[run->row].kind;
  const char *detail = symo_context_detail(run->s->context);
  size_t size;
  unsigned char *now = symo_test_slurp(fault_path(), &size);
  const bool expected =
      kind == SHIM_MEMORY ? run->status == SYMO_E_MEMORY || blames_text(run->status, detail)
      : is_lapack(kind)   ? run->status == SYMO_NO_CONVERGENCE || run->status == SYMO_E_NUMERIC ||
                              run->status == SYMO_SINGULAR || run->status == SYMO_INDEFINITE
                        : run->status == SYMO_E_IO || run->status == SYMO_E_FORMAT;
  cr_assert(expected && !rows[run->row].harmless, "%s, %s %d after %ld: %s: %s", run->function,
            shim_names[kind], rows[run->row].error, run->after, symo_status_name(run->status),
            detail);
  cr_assert(is_alone(run->function) || strcmp(detail, stage_marker) != 0, "%s says nothing",
            run->function);
  cr_assert(memcmp(&run->s->out, &run->s->poison, sizeof run->s->out) == 0,
            "%s, %s after %ld: an output was written to", run->function, shim_names[kind],
            run->after);
  cr_assert(size == run->size && memcmp(now, run->before, size) == 0,
            "%s, %s after %ld: the file is not as it was", run->function, shim_names[kind],
            run->after);
  free(now);
}

bool fault_disarm(fault_run *run, symo_status status) {
  const shim_kind kind = rows[run->row].kind;
  const bool refused = symo_alloc_refused() > 0;
  symo_alloc_fail_after(-1);
  run->fired = kind == SHIM_MEMORY ? refused : shim_disarm();
  run->status = status;
  cr_assert(kind != SHIM_MEMORY || !refused || status != SYMO_OK,
            "%s succeeds although allocation %ld has failed", run->function, run->after);
  fault_total += run->fired;
  if (kind != SHIM_MEMORY && !is_lapack(kind) && run->fired) run->files_used = true;
  cr_assert(run->fired || status == SYMO_OK, "%s: %s: %s", run->function, symo_status_name(status),
            symo_context_detail(run->s->context));
  if (status != SYMO_OK) check_failure(run);
  return status == SYMO_OK;
}

void fault_check(fault_run *run) {
  const shim_kind kind = rows[run->row].kind;
  cr_assert(symo_alloc_live_blocks() == run->blocks, "%s, %s after %ld: %zu blocks, %zu before",
            run->function, shim_names[kind], run->after, symo_alloc_live_blocks(), run->blocks);
  cr_assert(symo_test_count_files() == run->files || kind == SHIM_UNLINK,
            "%s, %s after %ld: a file stays", run->function, shim_names[kind], run->after);
  for (size_t i = 0; i < STAGE_SIZE; i++)
    cr_assert(run->s->x[i] == 1 + (double)i / 4, "%s: an input was written to", run->function);
  if (!run->fired) free(run->before), run->before = NULL;
}

/* ---- calls that need nothing ---- */

static size_t calls_before;

void fault_quiet_begin(const stage *s) {
  (void)s;
  calls_before = symo_alloc_calls();
  symo_alloc_fail_after(0);
}

void fault_quiet_end(const char *function) {
  symo_alloc_fail_after(-1);
  cr_assert(symo_alloc_calls() == calls_before, "%s takes memory", function);
}
