/* Scripts into files, files through gnuplot. */
#include "experiments/compare/plot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/alloc.h"

/* ---- texts ---- */

bool compare_text_open(compare_text *text) {
  *text = (compare_text){0};
  text->stream = open_memstream(&text->bytes, &text->size);
  return text->stream != NULL;
}

int compare_text_close(cli *c, compare_text *text, const char *plots, const char *name) {
  bool good = fclose(text->stream) == 0;
  char *path = good ? cli_join(plots, name) : NULL;
  int code = path != NULL ? cli_write_file(c, path, text->bytes, text->size)
                          : cli_fail(c, CLI_NUMERIC,
                                     "compare: out of memory (leave out pictures "
                                     "with --no-plots)");
  symo_free(path);
  free(text->bytes);
  return code;
}

void compare_plot_begin(FILE *out, const char *name, int width, int height) {
  fprintf(out,
          "# Made by symo compare; run in this folder: gnuplot %s.gp\n"
          "do for [format in \"png svg\"] {\n"
          "reset\n"
          "if (format eq \"png\") {\n"
          "  set terminal pngcairo size %d,%d font \"Sans,11\" noenhanced background \"#ffffff\"\n"
          "} else {\n"
          "  set terminal svg size %d,%d font \"Sans,12\" noenhanced background \"#ffffff\"\n"
          "}\n"
          "set output \"%s.\".format\n",
          name, width, height, width, height, name);
}

void compare_plot_end(FILE *out) { fprintf(out, "set output\n}\n"); }

/* ---- gnuplot ---- */

enum { MISSING = 127 };

/* The exit status of gnuplot on script in plots; MISSING when there is no gnuplot. */
static int gnuplot(const char *plots, const char *script) {
  pid_t child = fork();
  if (child < 0) return 1;
  if (child == 0) {
    /* stdout carries the answer. */
    int null = open("/dev/null", O_WRONLY);
    if (null < 0 || dup2(null, STDOUT_FILENO) < 0 || chdir(plots) != 0) _exit(1);
    execlp("gnuplot", "gnuplot", script, (char *)NULL);
    _exit(errno == ENOENT ? MISSING : 1);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return 1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int move(cli *c, const char *directory, const char *plots, const char *name,
                const char *format) {
  char file[96];
  (void)snprintf(file, sizeof file, "%s.%s", name, format);
  char *from = cli_join(plots, file), *to = cli_join(directory, file);
  int code = CLI_DONE;
  if (from == NULL || to == NULL)
    code = cli_fail(c, CLI_NUMERIC, "compare: out of memory");
  else if (rename(from, to) != 0)
    code = cli_fail(c, CLI_IO, "%s: cannot be moved to %s: %s (look at the directory)", from,
                    directory, strerror(errno));
  symo_free(from);
  symo_free(to);
  return code;
}

int compare_plot_run(cli *c, const char *directory, const char *plots, const char *const *names) {
  for (size_t i = 0; names[i] != NULL; i++) {
    cli_progress(c, "drawing %s", names[i]);
    char script[96];
    (void)snprintf(script, sizeof script, "%s.gp", names[i]);
    int status = gnuplot(plots, script);
    if (status == MISSING) {
      cli_note(c,
               "no pictures: gnuplot is not installed (Debian, Ubuntu: apt-get install "
               "gnuplot-nox; Fedora: dnf install gnuplot-minimal; Arch, macOS: gnuplot); data and "
               "scripts are in %s: cd there and run gnuplot *.gp",
               plots);
      return CLI_DONE;
    }
    if (status != 0) {
      cli_note(c, "no picture %s: gnuplot failed on %s/%s (run it by hand to see why)", names[i],
               plots, script);
      continue;
    }
    int code = move(c, directory, plots, names[i], "png");
    if (code == CLI_DONE) code = move(c, directory, plots, names[i], "svg");
    if (code != CLI_DONE) return code;
  }
  return CLI_DONE;
}
