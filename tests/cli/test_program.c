#include "tests/cli/test_program.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/support/testing.h"

enum { WORDS = 32, LINE = 2048 };

/* What it prints on stdout goes to the descriptor. */
static int run_into(const cli_command *const *commands, const char *line, int answer) {
  char copy[LINE], paths[WORDS][512], *words[WORDS];
  int n = 0;
  snprintf(copy, sizeof copy, "%s", line);
  for (char *p = strtok(copy, " "); p; p = strtok(NULL, " "), n++) {
    cr_assert_lt(n, WORDS);
    words[n] = p;
    if (*p != '@') continue;
    snprintf(paths[n], sizeof paths[n], "%s", symo_test_path(p + 1));
    words[n] = paths[n];
  }
  fflush(NULL);
  int out = dup(1), err = dup(2), null = open("/dev/null", O_WRONLY);
  dup2(answer >= 0 ? answer : null, 1);
  dup2(null, 2);
  int code = cli_main(commands, n, words);
  fflush(NULL);
  dup2(out, 1);
  dup2(err, 2);
  close(out), close(err), close(null);
  return code;
}

int test_program(const cli_command *const *commands, const char *line) {
  return run_into(commands, line, -1);
}

json_t *test_program_json(const cli_command *const *commands, const char *line) {
  FILE *answer = tmpfile();
  json_error_t error = {.text = ""};
  cr_assert(answer != NULL);
  cr_assert_eq(run_into(commands, line, fileno(answer)), CLI_DONE, "%s", line);
  rewind(answer);
  json_t *value = json_loadf(answer, JSON_REJECT_DUPLICATES, &error);
  cr_assert(value != NULL, "%s: no JSON on stdout: %s", line, error.text);
  fclose(answer);
  return value;
}
