#ifndef SYMO_TESTS_CLI_TEST_PROGRAM_H
#define SYMO_TESTS_CLI_TEST_PROGRAM_H

#include "cli/cli.h"

/* The command line, in words separated by single blanks, in this process; its exit code.  Words
 * that begin with '@' are files of the test; what it prints is thrown away. */
int test_program(const cli_command *const *commands, const char *line);

/* The same for a line that ends well: all that stands on stdout, which must be one JSON value.
 * json_decref. */
json_t *test_program_json(const cli_command *const *commands, const char *line);

#endif
