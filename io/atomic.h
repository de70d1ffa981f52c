#ifndef SYMO_IO_ATOMIC_H
#define SYMO_IO_ATOMIC_H

#include <stddef.h>
#include <symo/context.h>

/* A file that is written as a whole or not at all.  The bytes are written to a temporary file in
 * the folder of the target, which is renamed when all of them are on the disk.  A target that is a
 * device or a pipe is written to directly; one that is a symbolic link has the file it points to
 * replaced. Failures are SYMO_E_IO with the target's path and the system's text for errno. */
typedef struct symo_atomic symo_atomic;

symo_status symo_atomic_open(symo_context *context, const char *path, symo_atomic **out);

/* A file that will stand at `path` and is the same as the one at `existing`, which may be replaced
 * meanwhile: only commit and destroy follow.  It is a second name where the file system has such,
 * and a copy elsewhere. */
symo_status symo_atomic_keep(symo_context *context, const char *existing, const char *path,
                             symo_atomic **out);

/* After a failure only symo_atomic_destroy makes sense; commit refuses. */
symo_status symo_atomic_write(symo_atomic *file, const void *data, size_t bytes);

/* Puts the file in place.  Destroy it afterwards in any case. */
symo_status symo_atomic_commit(symo_atomic *file);

/* Removes the temporary file unless it was committed.  NULL is accepted. */
void symo_atomic_destroy(symo_atomic *file);

/* Removes the temporary files of this process, and nothing else: for a handler of signals that ends
 * it. */
void symo_atomic_abandon(void);

/* A file that goes with them, until it is forgotten: the name is the caller's, and kept till then.
 */
void symo_atomic_remember(char *name);
void symo_atomic_forget(char *name);

/* Removes from a folder the temporary files of processes that are gone. */
void symo_atomic_sweep(const char *folder);

/* All at once. */
symo_status symo_file_write(symo_context *context, const char *path, const void *data,
                            size_t bytes);

#endif
