#ifndef SYMO_CLI_HELP_H
#define SYMO_CLI_HELP_H

#include "cli/parse.h"

/* Texts made from the tables of the commands: help, manual pages, completion.  For cli/ only.
 * All of them go to stdout. */

void cli_help_all(const cli_command *const *commands);
void cli_help_command(const cli_command *command);

/* Manual pages of section 1, in the macros of man(7): symo.1, and symo-COMMAND.1 for each. */
void cli_man_all(const cli_command *const *commands);
void cli_man_command(const cli_command *command);

/* A script for bash that completes commands, options, their choices and files. */
void cli_completion(const cli_command *const *commands);

/* ---- shared by them ---- */

/* "symo compare DIR [DIR2] .. --layout FILE [OPTIONS]", on stdout. */
void cli_usage(const cli_command *command);

/* The row at *index, which then is that of the next; NULL past the end.  Of operands with the same
 * help (DIR2, DIR3, ..) only the first is given. */
const cli_option *cli_help_row(const cli_command *command, size_t *index);

/* Help, choices, range and default of a row in one line; text [size]. */
void cli_row_text(const cli_command *command, const cli_option *option, char *text, size_t size);

/* What exit codes mean, up to a text of NULL. */
typedef struct cli_exit_text {
  int code;
  const char *text;
} cli_exit_text;
extern const cli_exit_text cli_exit_texts[];

#endif
