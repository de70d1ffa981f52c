/* Running: from argv to an exit code, and the texts of help. */
#include "cli/parse.h"
#include "core/text.h"
#include "io/atomic.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- the texts of `symo help` and `symo COMMAND --help`, made from the tables ---- */

enum { WIDTH = 96, INDENT = 6 };

/* Words of text from column INDENT on, broken before WIDTH. */
static void print_wrapped(const char *text) {
  size_t column = 0;
  for (const char *p = text; *p;) {
    size_t length = strcspn(p, " ");
    if (column == 0 || column + 1 + length > WIDTH) {
      printf("%s%*s", column ? "\n" : "", INDENT, "");
      column = INDENT;
    } else {
      (void)putchar(' ');
      column++;
    }
    printf("%.*s", (int)length, p);
    column += length;
    p += length;
    while (*p == ' ') p++;
  }
  (void)putchar('\n');
}

/* Larger bounds only protect the machine: help leaves them out, error messages name them. */
static const double no_bound = 1e8;

const char *cli_expand(const cli_command *command, const char *text, char *out, size_t size) {
  if (command->list == NULL) return text;
  size_t used = 0;
  out[0] = '\0';
  while (*text && used + 1 < size) {
    size_t length = strcspn(text, "{");
    const char *end = text[length] ? strchr(text + length, '}') : NULL;
    used += (size_t)snprintf(out + used, size - used, "%.*s", (int)length, text);
    text += length;
    if (end == NULL || used + 1 >= size) break;
    char what[32];
    (void)snprintf(what, sizeof what, "%.*s", (int)(end - text - 1), text + 1);
    command->list(what, out + used, size - used);
    if (out[used] == '\0') /* no list has that name: braces as they stand */
      (void)snprintf(out + used, size - used, "%.*s", (int)(end + 1 - text), text);
    used += strlen(out + used);
    text = end + 1;
  }
  return out;
}

static void print_row(const cli_command *command, const cli_option *o) {
  char text[1536], room[1024], range[96] = "", choices[640] = "", extra[128] = "";
  const char *help = cli_expand(command, o->help, room, sizeof room);
  bool bounded = o->min != 0 || o->max != 0;
  if (bounded && isfinite(o->min) && o->max < no_bound)
    (void)snprintf(range, sizeof range, " From %s to %s.", symo_decimal_of(o->min).text,
                   symo_decimal_of(o->max).text);
  else if (bounded && isfinite(o->min))
    (void)snprintf(range, sizeof range, " At least %s.", symo_decimal_of(o->min).text);
  else if (bounded)
    (void)snprintf(range, sizeof range, " At most %s.", symo_decimal_of(o->max).text);
  if (o->choices) {
    char list[600];
    (void)snprintf(choices, sizeof choices, " One of: %s.",
                   cli_expand(command, o->choices, list, sizeof list));
    for (char *p = choices; *p; p++)
      if (*p == '|') *p = ' ';
  }
  if (o->required)
    (void)snprintf(extra, sizeof extra, " Required.");
  else if (o->fallback)
    (void)snprintf(extra, sizeof extra, " Default: %s.", o->fallback);
  size_t length = strlen(help);
  const char *stop = length > 0 && help[length - 1] == '.' ? "" : ".";
  (void)snprintf(text, sizeof text, "%s%s%s%s%s%s", help, stop, choices, range,
                 o->kind == CLI_LIST ? " May be repeated." : "", extra);
  bool operand = o->kind == CLI_OPERAND;
  printf("  %s%s%s%s\n", operand ? "" : "--", o->name, operand || !o->arg ? "" : " ",
         operand || !o->arg ? "" : o->arg);
  print_wrapped(text);
}

static void print_usage(const cli_command *command) {
  printf("Usage: symo %s", command->name);
  const cli_option *o = NULL;
  size_t optional = 0;
  for (size_t i = 0; (o = cli_row(command, i)); i++)
    if (o->kind == CLI_OPERAND && (o->required || ++optional <= 2))
      printf(o->required ? " %s" : " [%s]", o->name);
  if (optional > 2) printf(" ..");
  for (size_t i = 0; (o = cli_row(command, i)); i++)
    if (o->required && o->kind != CLI_OPERAND) printf(" --%s %s", o->name, o->arg);
  printf(" [OPTIONS]\n\n");
}

static void cli_help_command(const cli_command *command) {
  print_usage(command);
  char room[4096];
  printf("%s\n\nOptions:\n", cli_expand(command, command->description, room, sizeof room));
  const cli_option *o = NULL, *last = NULL;
  /* Of operands with the same help (DIR2, DIR3, ..) only the first is printed. */
  for (size_t i = 0; (o = cli_row(command, i)); last = o, i++)
    if (last == NULL || o->kind != CLI_OPERAND || strcmp(o->help, last->help) != 0)
      print_row(command, o);
  printf("\nExample:\n");
  for (const char *p = command->example; *p;) {
    size_t length = strcspn(p, "\n");
    printf("  %.*s\n", (int)length, p);
    p += length + (p[length] == '\n');
  }
  printf("\nExit status:\n  0  done\n");
  if (command->no) printf("  1  %s\n", command->no);
  printf("  2  wrong command line\n  3  bad input data\n  4  input or output failed\n"
         "  5  numerical failure, or out of memory\n");
}

static void cli_help_all(const cli_command *const *commands) {
  printf("symo: curvature for neural networks from weight-space symmetry.\n\n"
         "Usage: symo COMMAND [OPTIONS]\n\nCommands:\n");
  for (size_t i = 0; commands[i]; i++)
    printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
  printf("\n  symo help COMMAND, symo COMMAND --help   options, defaults, an example\n"
         "  symo --version                           version and how it was built\n\n"
         "The answer goes to stdout, messages go to stderr; --json gives JSON alone.\n"
         "Exit status: 0 done, 1 the answer is no, 2 wrong command line, 3 bad input data,\n"
         "4 input or output failed, 5 numerical failure.\n");
}

/* ---- running ---- */

/* If the caller has closed stdin, stdout or stderr, the next file to be opened would get its
 * descriptor, and printed text would land in that file.  /dev/null takes the place instead.  It is
 * opened so that writing to stdout still fails and is reported. */
static void guard_descriptors(void) {
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl(fd, F_GETFD) == -1 && errno == EBADF)
      (void)open("/dev/null", fd == 2 ? O_WRONLY : O_RDONLY);
}

/* Removes unfinished files and raises the signal again: it ends the process after the handler. */
static void die(int number) {
  symo_atomic_abandon();
  (void)signal(number, SIG_DFL);
  (void)raise(number);
}

/* A closed pipe and a file size limit become write errors with a message instead of ending the
 * process.  Signals that end the process first remove its unfinished files. */
static void handle_signals(void) {
  static const int deadly[] = {SIGINT, SIGTERM, SIGHUP};
  struct sigaction action, old;
  memset(&action, 0, sizeof action);
  action.sa_handler = SIG_IGN;
  (void)sigaction(SIGPIPE, &action, NULL);
#ifdef SIGXFSZ
  (void)sigaction(SIGXFSZ, &action, NULL);
#endif
  action.sa_handler = die;
  for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
    if (sigaction(deadly[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
      (void)sigaction(deadly[i], &action, NULL);
}

static int finish_stdout(cli *c, int code) {
  cli_progress_end(c);
  errno = 0;
  bool failed = fflush(stdout) != 0 || ferror(stdout);
  if (!failed || code > CLI_NO) return code;
  return cli_fail(c, CLI_IO, "stdout: cannot write: %s (see where the output goes)",
                  errno ? strerror(errno) : "write error");
}

static const cli_command *find_command(cli *c, const cli_command *const *commands,
                                       const char *word) {
  const char *names[64];
  size_t n = 0;
  for (size_t i = 0; commands[i]; i++) {
    if (strcmp(commands[i]->name, word) == 0) return commands[i];
    if (n < 63) names[n++] = commands[i]->name;
  }
  names[n++] = "help";
  (void)cli_unknown(c, "command", word, n, names, "symo help lists the commands");
  return NULL;
}

static int run_command(cli *c, const cli_command *command, int argc, char **argv) {
  symo_status status = symo_context_create(&c->context);
  if (status != SYMO_OK)
    return cli_fail(c, cli_exit_code(status, false),
                    "symo: out of memory: the linear algebra takes 128 MiB of address space for "
                    "each thread (raise ulimit -v, or set OPENBLAS_NUM_THREADS to 1)");
  int code = cli_parse(c, command, argc, argv);
  if (code == CLI_DONE && c->help) {
    cli_help_command(command);
  } else if (code == CLI_DONE) {
    if (cli_given(c, "threads")) status = symo_set_threads((int)cli_int(c, "threads"));
    code = status == SYMO_OK ? cli_load_plugins(c) : cli_fail_flag(c, status, "threads");
    if (code == CLI_DONE) code = command->run(c);
  }
  return code;
}

static int help(cli *c, const cli_command *const *commands, int argc, char **argv) {
  if (argc > 1)
    return cli_fail(c, CLI_USAGE, "help: \"%s\" is one word too many (symo help COMMAND)", argv[1]);
  if (argc == 0 || strncmp(argv[0], "--", 2) == 0) {
    cli_help_all(commands);
    return CLI_DONE;
  }
  const cli_command *command = find_command(c, commands, argv[0]);
  if (!command) return CLI_USAGE;
  cli_help_command(command);
  return CLI_DONE;
}

static int dispatch(cli *c, const cli_command *const *commands, int argc, char **argv) {
  if (argc < 2)
    return cli_fail(c, CLI_USAGE, "symo: the command is missing (symo help lists the commands)");
  const char *word = argv[1];
  if (strcmp(word, "--version") == 0) {
    printf("symo %s\n%s\n", symo_version(), symo_build_info());
    return CLI_DONE;
  }
  if (strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
    return help(c, commands, argc - 2, argv + 2);
  if (word[0] == '-')
    return cli_fail(c, CLI_USAGE, "%s: options follow the command (symo COMMAND %s)", word, word);
  const cli_command *command = find_command(c, commands, word);
  return command ? run_command(c, command, argc - 2, argv + 2) : CLI_USAGE;
}

/* At exit OpenBLAS waits for its threads.  Under a memory limit these may wait for memory for
 * ever. */
static bool is_confined(void) {
  struct rlimit limit;
  return getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

int cli_main(const cli_command *const *commands, int argc, char **argv) {
  guard_descriptors();
  handle_signals();
  cli c = {0};
  int code = finish_stdout(&c, dispatch(&c, commands, argc, argv));
  cli_release(&c);
  symo_context_destroy(c.context);
  cli_unload_plugins(&c);
  if (is_confined()) _exit(code); /* stdout has been written */
  return code;
}

symo_context *cli_context(cli *c) { return c->context; }
const char *cli_name(const cli *c) { return c->command != NULL ? c->command->name : "symo"; }
