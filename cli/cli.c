/* Running: from argv to an exit code. */
#include "cli/help.h"
#include "cli/parse.h"
#include "cli/ranks.h"
#include "core/names.h"
#include "io/atomic.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

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

/* Processes that do not know of each other would write the same files. */
static int check_ranks(cli *c, const cli_command *command) {
  const int launched = cli_ranks_launched();
  if (launched == 1 || (command->ranks && cli_ranks_known())) return CLI_DONE;
  if (!command->ranks && !cli_ranks_known()) return CLI_DONE;
  if (command->ranks)
    return cli_fail(c, CLI_USAGE,
                    "%s: started as %d processes, and this build knows one (make MPI=1 makes one "
                    "that knows MPI)",
                    command->name, launched);
  return cli_fail(c, CLI_USAGE, "%s: works in one process, not in %d (start it without mpirun)",
                  command->name, launched);
}

static int run_command(cli *c, const cli_command *command, int argc, char **argv) {
  symo_status status = symo_context_create(&c->context);
  if (status != SYMO_OK)
    return cli_fail(c, cli_exit_code(status, false),
                    "symo: out of memory: the linear algebra takes 128 MiB of address space for "
                    "each thread (raise ulimit -v, or set OPENBLAS_NUM_THREADS to 1)");
  int code = check_ranks(c, command);
  if (code == CLI_DONE) code = cli_parse(c, command, argc, argv);
  if (code == CLI_DONE && c->help) {
    cli_help_command(command);
  } else if (code == CLI_DONE) {
    if (cli_given(c, "threads")) status = symo_set_threads((int)cli_int(c, "threads"));
    code = status == SYMO_OK ? cli_load_plugins(c) : cli_fail_flag(c, status, "threads");
    if (code == CLI_DONE) code = command->run(c);
  }
  return code;
}

/* What `symo help` can print besides help: symo help --man [COMMAND], --completion. */
static int help_as(cli *c, const cli_command *const *commands, const char *word, int argc,
                   char **argv) {
  static const char *const known[] = {"help", "man", "completion"};
  const bool man = strcmp(word, "--man") == 0;
  if (!man && strcmp(word, "--help") != 0 && strcmp(word, "--completion") != 0)
    return cli_fail(c, CLI_USAGE, "%s: help has no such option%s (symo help COMMAND)", word,
                    symo_did_you_mean(word + 2, 3, known).text);
  if (argc > (man ? 1 : 0))
    return cli_fail(c, CLI_USAGE, "help: \"%s\" is one word too many (symo help %s%s)",
                    argv[man ? 1 : 0], word, man ? " COMMAND" : "");
  const cli_command *command = argc > 0 ? find_command(c, commands, argv[0]) : NULL;
  if (argc > 0 && !command) return CLI_USAGE;
  if (command)
    cli_man_command(command);
  else if (man)
    cli_man_all(commands);
  else if (strcmp(word, "--completion") == 0)
    cli_completion(commands);
  else
    cli_help_all(commands);
  return CLI_DONE;
}

static int help(cli *c, const cli_command *const *commands, int argc, char **argv) {
  if (argc > 0 && strncmp(argv[0], "--", 2) == 0)
    return help_as(c, commands, argv[0], argc - 1, argv + 1);
  if (argc > 1)
    return cli_fail(c, CLI_USAGE, "help: \"%s\" is one word too many (symo help COMMAND)", argv[1]);
  if (argc == 0) {
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

/* How long a process that failed waits for others to fail in the same way. */
static const double patience = 3.0;

/* The code of the first process that failed, which prints its line.  Processes that wait for one
 * that failed would wait for ever. */
static int finish_ranks(cli *c, int code) {
  if (c->ranks == NULL) return code;
  if (!cli_ranks_meet(code > CLI_NO ? patience : -1)) {
    cli_print_held(c);
    cli_ranks_abort(code);
  }
  const int first = symo_comm_first(c->ranks, c->failed);
  if (first == c->ranks->rank) cli_print_held(c);
  symo_comm_share(c->ranks, first < 0 ? 0 : first, sizeof code, &code);
  return code;
}

int cli_main(const cli_command *const *commands, int argc, char **argv) {
  guard_descriptors();
  handle_signals();
  cli c = {.ranks = cli_ranks_begin(), .words = argv + 1, .num_words = argc > 1 ? argc - 1 : 0};
  if (getcwd(c.folder, sizeof c.folder) == NULL) c.folder[0] = '\0';
  if (symo_comm_rank(c.ranks) > 0 && freopen("/dev/null", "w", stdout) == NULL)
    (void)fclose(stdout);
  int code = finish_stdout(&c, dispatch(&c, commands, argc, argv));
  code = finish_ranks(&c, code);
  cli_release(&c);
  symo_context_destroy(c.context);
  cli_unload_plugins(&c);
  cli_ranks_end();
  if (is_confined()) _exit(code); /* stdout has been written */
  return code;
}

symo_context *cli_context(cli *c) { return c->context; }
const symo_comm *cli_ranks(const cli *c) { return c->ranks; }
const char *cli_name(const cli *c) { return c->command != NULL ? c->command->name : "symo"; }
