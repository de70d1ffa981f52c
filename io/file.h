#ifndef SYMO_IO_FILE_H
#define SYMO_IO_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <symo/context.h>

/* Reading.  Failures are SYMO_E_IO with the path, the system's text for errno and what to do. */

/* SYMO_E_IO: "PATH: cannot DOING: text of errno (what to do)". */
symo_status symo_file_fail(symo_context *context, const char *path, const char *doing, int error);

/* Reads a file or pipe to its end.  *data has a NUL after the last byte; the caller frees it with
 * symo_free.  SYMO_E_SIZE if there are more than `limit` bytes. */
symo_status symo_file_read_all(symo_context *context, const char *path, size_t limit, char **data,
                               size_t *length);

/* Skips a byte order mark of UTF-8 at the beginning of a text by advancing *text and *length.
 * SYMO_E_FORMAT for a byte order mark of UTF-16. */
symo_status symo_file_skip_mark(symo_context *context, const char *where, const char **text,
                                size_t *length);

/* True if the path can be read only once: a pipe, a terminal, or a name that depends on the process
 * (/dev/stdin, /dev/fd/3). */
bool symo_file_is_stream(const char *path);

/* Opens a regular file, so that symo_file_read_at can be used on it. */
symo_status symo_file_open(symo_context *context, const char *path, int *fd, uint64_t *size);
void symo_file_close(int fd); /* fd < 0: nothing */

/* Reads `bytes` bytes, from `offset` on.  part: the name of this part of the file ("header"), for
 * messages.  SYMO_E_FORMAT if the file is shorter. */
symo_status symo_file_read_at(symo_context *context, const char *path, const char *part, int fd,
                              uint64_t offset, void *data, size_t bytes);

/* Renames a file that is damaged to PATH.damaged, or PATH.damaged-2 .. where such files are there
 * already; *kept is the new name (symo_free).  SYMO_E_IO. */
symo_status symo_file_set_aside(symo_context *context, const char *path, char **kept);

#endif
