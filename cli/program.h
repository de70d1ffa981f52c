#ifndef SYMO_CLI_PROGRAM_H
#define SYMO_CLI_PROGRAM_H

#include <stddef.h>

/* Other programs: gnuplot, python3. */

enum { CLI_PROGRAM_MISSING = 127 };

/* Runs words[0], looked for on PATH, with the words up to a NULL, in `folder` (NULL: the working
 * directory), and waits for it.  Its stdin is empty.  What it prints on stdout goes to
 * answer [size], cut, with a NUL behind it; to nowhere where `answer` is NULL.  Its stderr is ours
 * where `answer` is NULL, and goes to nowhere otherwise.
 * The exit status; CLI_PROGRAM_MISSING where there is no such program, 1 where it could not be
 * started or was ended by a signal. */
int cli_program(char *const *words, const char *folder, char *answer, size_t size);

#endif
