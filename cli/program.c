/* Running other programs. */
#include "cli/program.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child: its descriptors, its folder, the program. */
static void become(char *const *words, const char *folder, int out, int quiet) {
  int null = open("/dev/null", O_RDWR);
  if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out >= 0 ? out : null, STDOUT_FILENO) < 0 ||
      (quiet && dup2(null, STDERR_FILENO) < 0) || (folder != NULL && chdir(folder) != 0))
    _exit(1);
  execvp(words[0], words);
  _exit(errno == ENOENT ? CLI_PROGRAM_MISSING : 1);
}

/* Reads to the end, so that the program is not held up by a full pipe. */
static void read_answer(int from, char *answer, size_t size) {
  size_t used = 0;
  char rest[4096];
  for (;;) {
    size_t room = size - 1 - used;
    ssize_t got = room > 0 ? read(from, answer + used, room) : read(from, rest, sizeof rest);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    if (room > 0) used += (size_t)got;
  }
  answer[used] = '\0';
}

int cli_program(char *const *words, const char *folder, char *answer, size_t size) {
  int ends[2] = {-1, -1};
  if (answer != NULL) answer[0] = '\0';
  if (answer != NULL && pipe(ends) != 0) return 1;
  pid_t child = fork();
  if (child == 0) {
    if (ends[0] >= 0) (void)close(ends[0]);
    become(words, folder, ends[1], answer != NULL);
  }
  if (ends[1] >= 0) (void)close(ends[1]);
  if (child > 0 && answer != NULL) read_answer(ends[0], answer, size);
  if (ends[0] >= 0) (void)close(ends[0]);
  if (child < 0) return 1;
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return 1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
