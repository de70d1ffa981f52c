#ifndef SYMO_CLI_CLI_H
#define SYMO_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <symo/symo.h>

#include "core/comm.h"

/* The frame of the `symo` command line.  A command is one file ending in one const cli_command, and
 * one row in experiments/commands/commands.h.  Its options are rows too: parsing, validation,
 * defaults and the text of --help all come from the row.
 *
 * stdout carries the answer, stderr everything else.  A command returns its exit code; the way to
 * fail is `return cli_fail(...)` or `return cli_fail_status(...)`, which print the one error line.
 *
 *     static const cli_option options[] = {
 *         {.name = "layout", .arg = "FILE", .kind = CLI_STRING, .required = true, .help = "..."},
 *         {.name = "steps", .arg = "N", .kind = CLI_INT, .min = 0, .max = 1e9, .fallback = "100",
 *          .help = "..."},
 *         {.name = NULL}};
 *     static int run(cli *c) { int64_t steps = cli_int(c, "steps"); ... return CLI_DONE; }
 *     const cli_command cli_command_compare = {.name = "compare", .options = options, .run = run,
 * ...};
 */
typedef struct cli cli;

enum {
  CLI_DONE = 0,   /* done */
  CLI_NO = 1,     /* done, and the answer is no */
  CLI_USAGE = 2,  /* wrong command line */
  CLI_DATA = 3,   /* bad input data */
  CLI_IO = 4,     /* input or output failed */
  CLI_NUMERIC = 5 /* numerical failure, or out of memory */
};

typedef enum cli_kind {
  CLI_FLAG,   /* --name                     cli_flag */
  CLI_STRING, /* --name TEXT                cli_str */
  CLI_INT,    /* --name 12, 1e6             cli_int,    within [min, max] */
  CLI_DOUBLE, /* --name 0.5                 cli_double, finite and within [min, max] */
  CLI_CHOICE, /* --name one of `choices`    cli_str */
  CLI_LIST,   /* --name TEXT, repeatable    cli_list; each one of `choices` unless that is NULL */
  CLI_OPERAND /* a word without dashes, taken in the order of the rows: cli_str under its name */
} cli_kind;

/* One option.  min = max = 0 means no bounds; bounds of integers must be below 2^53. */
typedef struct cli_option {
  const char *name;     /* without the dashes; NULL ends the table */
  const char *arg;      /* placeholder in the help: "FILE" */
  const char *help;     /* one sentence without the default, which is added */
  const char *fallback; /* the default, as one would type it; NULL: none */
  const char *choices;  /* "a|b|c" */
  double min, max;
  cli_kind kind;
  bool required;
} cli_option;

enum { CLI_MOST_THREADS = 1024 }; /* of --threads */

typedef struct cli_command {
  const char *name;
  const char *summary;     /* one line, for `symo help` */
  const char *description; /* what it does; lines of at most 78 columns */
  const char *example;     /* one or more lines of shell */
  const char *no;          /* when it exits with 1; NULL: never */
  /* Writes to out[0..size) what stands for "{WHAT}" in the texts above, help and choices: rows of a
   * registry.  Where it writes nothing, and where it is NULL, the text is as it stands. */
  void (*list)(const char *what, char *out, size_t size);
  const cli_option *options; /* --threads, --plugin, --help and, with .json, --json are added */
  const cli_option *(*option_at)(size_t index); /* instead of options; NULL past the end */
  bool json;
  bool ranks; /* works in several processes (cli_ranks); other commands are refused there */
  int (*run)(cli *c);
} cli_command;

/* ---- what was given (the name must stand in the table: asserted) ---- */

bool cli_given(const cli *c, const char *name); /* on the command line, not by default */
bool cli_flag(const cli *c, const char *name);
const char *cli_str(const cli *c, const char *name); /* NULL: not given and no default */
int64_t cli_int(const cli *c, const char *name);     /* 0 where not given and no default */
double cli_double(const cli *c, const char *name);
const char *const *cli_list(const cli *c, const char *name, size_t *count);
bool cli_json(const cli *c); /* --json */

symo_context *cli_context(cli *c);  /* of this run */
const char *cli_name(const cli *c); /* of the command */

/* The processes that were started with this one; NULL: it is by itself.  The first alone prints:
 * the stdout of others goes nowhere, and their notes and error lines are kept back.  Where one fails
 * and the others do not get to their end too, it ends them all after some seconds, with its error
 * line and its exit code. */
const symo_comm *cli_ranks(const cli *c);

/* ---- failing ---- */

/* Prints "symo: error: WHERE: WHAT (what to do)" and returns code. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
int cli_fail(cli *c, int code, const char *format, ...);

/* The same with the detail that the library left in the context; returns the exit code of the
 * status: argument, name, format, shape, dtype, size, non-finite, unsupported 3; io 4; the rest 5.
 */
int cli_fail_status(cli *c, symo_status status);

/* For values of an option: statuses argument and name return 2; the line begins with "--flag: ". */
int cli_fail_flag(cli *c, symo_status status, const char *flag);

/* "COMMAND: out of memory (what to do)"; returns CLI_NUMERIC. */
int cli_fail_memory(cli *c);

int cli_exit_code(symo_status status, bool from_flag);

/* "WHAT: there is no "word"; did you mean "...?" (hint)", for a name that is none of the `count`
 * known ones.  Returns CLI_USAGE. */
int cli_unknown(cli *c, const char *what, const char *word, size_t count, const char *const *known,
                const char *hint);

/* ---- answering ---- */

/* A number for JSON: null unless it is finite.  Objects keep the order in which keys were set. */
json_t *cli_number(double value);

/* Sets a key and takes the value over.  A failed allocation anywhere in building makes the final
 * cli_print_json or cli_write_json fail, so values need not be checked one by one. */
void cli_set(cli *c, json_t *object, const char *key, json_t *value);
void cli_push(cli *c, json_t *array, json_t *value);

/* Prints the value alone on stdout and takes it over.  Returns an exit code. */
int cli_print_json(cli *c, json_t *value);

/* stdout is checked once at the end of the run: printf freely. */

/* ---- files ---- */

/* Makes the directory and missing ones above it.  CLI_DONE, or an exit code after its error line.
 */
int cli_make_directory(cli *c, const char *path);

/* "directory/name"; symo_free.  NULL when out of memory. */
char *cli_join(const char *directory, const char *name);

/* Writes a temporary file beside the path and renames it: the path holds the old file or the new
 * one, never a part.  cli_write_json takes the value over. */
int cli_write_file(cli *c, const char *path, const void *bytes, size_t size);
int cli_write_json(cli *c, const char *path, json_t *value);

/* ---- messages, time, machine ---- */

/* A message on stderr, "symo: ...". */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void cli_note(cli *c, const char *format, ...);

/* One line that overwrites itself, only where stderr is a terminal; wiped by cli_progress_end, by
 * any other message and at the end of the run. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void cli_progress(cli *c, const char *format, ...);
void cli_progress_end(cli *c);

double cli_seconds(void);          /* monotonic clock */
double cli_processor(void);        /* seconds of processor time, of all threads */
double cli_memory_available(void); /* bytes that can be had without swapping; infinity if unknown */

/* ---- running ---- */

/* The whole program: finds the command in the table (ending with NULL), parses, runs, returns the
 * exit code. */
int cli_main(const cli_command *const *commands, int argc, char **argv);

#if defined(__clang_analyzer__) && !defined(CLI_ERROR_DEFINES)
/* The static analyzer sees one file at a time, and so not that these are never CLI_DONE. */
#define cli_fail(c, code, ...) (cli_fail(c, code, __VA_ARGS__), (code))
#define cli_fail_status(c, status) (cli_fail_status(c, status), CLI_DATA)
#define cli_fail_flag(c, status, flag) (cli_fail_flag(c, status, flag), CLI_USAGE)
#define cli_fail_memory(c) (cli_fail_memory(c), CLI_NUMERIC)
#endif

#endif
