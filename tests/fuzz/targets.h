#ifndef SYMO_TESTS_FUZZ_TARGETS_H
#define SYMO_TESTS_FUZZ_TARGETS_H

#include <stddef.h>
#include <stdint.h>
#include <symo/context.h>
#include <symo/layout.h>

/* Readers of what others wrote, one target each: any bytes are read, or refused with a status, and
 * what was read is written and read again to the same.  A target ends the process (abort) where
 * that does not hold, or where memory of ours is left.  `make fuzz` runs them under libFuzzer;
 * test_fuzz.c runs the seeds of corpus/NAME, and neighbours of theirs, in `make test`. */
#define FUZZ_TARGETS(X)                                                                            \
  X(layout_json)                                                                                   \
  X(layout_text)                                                                                   \
  X(optim_json)                                                                                    \
  X(optim_settings)                                                                                \
  X(safetensors)                                                                                   \
  X(hessian_file)                                                                                  \
  X(lowrank_file)                                                                                  \
  X(kfac_file)                                                                                     \
  X(generators)                                                                                    \
  X(optim_state)                                                                                   \
  X(npy)                                                                                           \
  X(csv)                                                                                           \
  X(idx)                                                                                           \
  X(shards)                                                                                        \
  X(weights)                                                                                       \
  X(byte_pairs)                                                                                    \
  X(tokenizer)                                                                                     \
  X(graph)                                                                                         \
  X(network)                                                                                       \
  X(run_json)                                                                                      \
  X(metrics)                                                                                       \
  X(command)

#define FUZZ_DECLARE(name) void fuzz_##name(const uint8_t *data, size_t size);
FUZZ_TARGETS(FUZZ_DECLARE)
#undef FUZZ_DECLARE

/* ---- for the targets (support.c) ---- */

#define FUZZ_CHECK(condition)                                                                      \
  do {                                                                                             \
    if (!(condition)) fuzz_fail(__FILE__, __LINE__, #condition);                                   \
  } while (0)
void fuzz_fail(const char *file, int line, const char *condition);
extern int fuzz_errors; /* where that is told: standard error */

/* The bytes with a NUL behind (free). */
char *fuzz_text(const uint8_t *data, size_t size);

/* Files of this process, in a folder of its own in memory, removed at its end: a path there (of one
 * of a few names); the path of a file that is made with these bytes; the folder. */
const char *fuzz_path(const char *name);
const char *fuzz_file(const char *name, const uint8_t *data, size_t size);
const char *fuzz_folder(void);

/* A context; and the end of a target, after which nothing of ours is held, but for what was there at
 * fuzz_keep: what is the same for every input is made once. */
symo_context *fuzz_context(void);
void fuzz_keep(void);
void fuzz_end(symo_context *context);

/* A layout of the context, small, which is read with by several targets. */
symo_layout *fuzz_layout(symo_context *context);

/* A refusal says why, in one line, and is none for want of memory. */
void fuzz_detail(const symo_context *context, symo_status status);

#endif
