#ifndef SYMO_CLI_PARSE_H
#define SYMO_CLI_PARSE_H

#include "cli/cli.h"
#include "cli/plugin.h"
#include "core/comm.h"

/* The inside of the frame: for cli/ and its tests only. */

enum { CLI_LINE = 2048 }; /* of a message, at most */

/* One option of the running command. */
typedef struct cli_value {
  const cli_option *option;
  size_t given;      /* times on the command line */
  const char *text;  /* as typed, else the default, else NULL */
  double number;     /* CLI_INT, CLI_DOUBLE */
  const char **list; /* CLI_LIST: [given], or the default alone; symo_free */
  size_t count;
} cli_value;

struct cli {
  const cli_command *command;
  symo_context *context;
  char **words; /* [num_words] the command line, from the command on */
  int num_words;
  char folder[4096]; /* the working directory at the beginning; "": it has none */
  cli_value *values; /* [count] */
  size_t count;
  cli_plugin *plugins; /* [num_plugins] */
  size_t num_plugins;
  bool help;              /* --help stood there: nothing else was checked */
  bool broken_json;       /* an allocation failed while JSON was built */
  bool progress;          /* a progress line is on the screen */
  const symo_comm *ranks; /* NULL: one process */
  bool failed;            /* a process other than the first keeps its first error line: */
  char held[CLI_LINE];
};

/* Reads argv[0 .. argc), what follows the name of the command, into c.  CLI_DONE or CLI_USAGE after
 * the error line.  cli_release gives the values back, also after a failure. */
int cli_parse(cli *c, const cli_command *command, int argc, char **argv);
void cli_release(cli *c);

/* The error line that a process other than the first has kept. */
void cli_print_held(cli *c);

/* The rows of a command, its own first and then the common ones; NULL past the end. */
const cli_option *cli_row(const cli_command *command, size_t index);

/* text with what `list` of the command puts in place of each "{WHAT}", in out and cut to size; text
 * itself where the command has no `list`. */
const char *cli_expand(const cli_command *command, const char *text, char *out, size_t size);

#endif
