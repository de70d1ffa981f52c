#ifndef SYMO_IO_FILE_H
#define SYMO_IO_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <symo/context.h>

/* Reading.  Failures are SYMO_E_IO with the path, the system's text for errno and what to do. */

/* SYMO_E_IO: "PATH: cannot DOING: text of errno (what to do)". */
symo_status symo_file_fail(symo_context *context, const char *path, const char *doing, int error);

/* The whole of a file or pipe, with a NUL behind the last byte; *data is the caller's (symo_free).
 * SYMO_E_SIZE beyond `limit` bytes. */
symo_status symo_file_read_all(symo_context *context, const char *path, size_t limit, char **data,
                               size_t *length);

/* Texts may begin with a byte order mark: of UTF-8 it is passed over, *text and *length moving on.
 * SYMO_E_FORMAT for UTF-16. */
symo_status symo_file_skip_mark(symo_context *context, const char *where, const char **text,
                                size_t *length);

/* Whether what is read from the path is gone afterwards: a pipe, a terminal, or a name that means
 * something else in every process (/dev/stdin, /dev/fd/3). */
bool symo_file_is_stream(const char *path);

/* Opens a regular file, so that symo_file_read_at can be used on it. */
symo_status symo_file_open(symo_context *context, const char *path, int *fd, uint64_t *size);
void symo_file_close(int fd); /* fd < 0: nothing */

/* `bytes` bytes from `offset` on.  part: which part of the file, for the message ("header").
 * SYMO_E_FORMAT if the file ends before. */
symo_status symo_file_read_at(symo_context *context, const char *path, const char *part, int fd,
                              uint64_t offset, void *data, size_t bytes);

#endif
