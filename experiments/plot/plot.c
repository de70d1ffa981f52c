/* Colours, axes, scripts into files, files through gnuplot. */
#include "experiments/plot/plot.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/program.h"
#include "core/alloc.h"

/* ---- the palette ---- */

/* The palette of Okabe and Ito (2008), which colour-blind readers can tell apart.  Its yellow, hard
 * to see on white, is left out. */
static const struct {
  const char *name, *hex;
} palette[PLOT_COLOURS] = {{"black", "#000000"}, {"blue", "#0072b2"},   {"red", "#d55e00"},
                           {"green", "#009e73"}, {"orange", "#e69f00"}, {"purple", "#cc79a7"},
                           {"sky", "#56b4e9"},   {"grey", "#8c8c8c"}};

const char *plot_colour(size_t index) { return palette[index % PLOT_COLOURS].hex; }

size_t plot_colour_find(const char *name) {
  size_t i = 0;
  while (i < PLOT_COLOURS && strcmp(palette[i].name, name) != 0) i++;
  return i;
}

/* ---- axes ---- */

typedef struct ticks {
  FILE *out;
  size_t count;
} ticks;

/* "0.5", "1e-5". */
static void tick(ticks *t, double value) {
  char text[32], *e;
  (void)snprintf(text, sizeof text, "%.10g", value);
  if ((e = strpbrk(text, "e")) != NULL && e[2] == '0') {
    e[2] = e[3];
    e[3] = '\0';
  }
  fprintf(t->out, "%s\"%s\" %.10g", t->count++ > 0 ? ", " : "", text, value);
}

/* Every n-th power of ten. */
static void ticks_decades(ticks *t, double low, double high) {
  int first = (int)ceil(log10(low) - 1e-9), last = (int)floor(log10(high) + 1e-9);
  int every = 1 + (last - first) / 8;
  for (int k = first; k <= last; k += every) tick(t, pow(10, k));
}

/* 1, 2, 5, 10, .. */
static void ticks_125(ticks *t, double low, double high) {
  static const double of_ten[] = {1, 2, 5};
  for (int k = (int)floor(log10(low)); k <= (int)floor(log10(high)); k++)
    for (size_t i = 0; i < 3; i++) {
      double value = of_ten[i] * pow(10, k);
      if (value >= low && value <= high) tick(t, value);
    }
}

/* Equal steps of 1, 2 or 5 times a power of ten, some five of them. */
static void ticks_even(ticks *t, double low, double high) {
  double step = pow(10, floor(log10((high - low) / 4)));
  if ((high - low) / step > 8) step *= (high - low) / step > 16 ? 5 : 2;
  double first = ceil(low / step) + 0.0; /* no -0 */
  for (int k = 0; k < 20 && (first + k) * step <= high; k++) tick(t, (first + k) * step);
}

void plot_even_axis(FILE *out, char axis, double low, double high) {
  if (!(high > low) || !isfinite(high)) low = 0, high = 1;
  ticks t = {.out = out};
  fprintf(out, "set %crange [%.10g:%.10g] noextend\nset %ctics (", axis, low, high, axis);
  ticks_even(&t, low, high);
  fprintf(out, ") nomirror\n");
}

void plot_log_axis(FILE *out, char axis, double low, double high) {
  if (!(low > 0) || !(high >= low) || !isfinite(high)) low = 0.5, high = 2;
  double pad = fmax(pow(high / low, 0.04), 1.002);
  low /= pad, high *= pad;
  ticks t = {.out = out};
  fprintf(out, "set logscale %c\nset %crange [%.10g:%.10g] noextend\nset %ctics (", axis, axis, low,
          high, axis);
  if (high / low >= 1e3)
    ticks_decades(&t, low, high);
  else if (high / low >= 10)
    ticks_125(&t, low, high);
  else
    ticks_even(&t, low, high);
  fprintf(out, ") nomirror\n");
}

/* ---- texts ---- */

int plot_text_open(cli *c, plot_text *text) {
  *text = (plot_text){.c = c};
  text->stream = open_memstream(&text->bytes, &text->size);
  return text->stream != NULL ? CLI_DONE : cli_fail_memory(c);
}

int plot_text_close(plot_text *text, const char *plots, const char *name) {
  bool good = fclose(text->stream) == 0;
  char *path = good ? cli_join(plots, name) : NULL;
  int code = path != NULL ? cli_write_file(text->c, path, text->bytes, text->size)
                          : cli_fail_memory(text->c);
  symo_free(path);
  free(text->bytes);
  return code;
}

void plot_begin(const plot_text *text, const char *name, int width, int height) {
  fprintf(text->stream,
          "# Made by symo %s; run in this folder: gnuplot %s.gp\n"
          "do for [format in \"png svg\"] {\n"
          "reset\n"
          "if (format eq \"png\") {\n"
          "  set terminal pngcairo size %d,%d font \"Sans,11\" noenhanced background \"#ffffff\"\n"
          "} else {\n"
          "  set terminal svg size %d,%d font \"Sans,12\" noenhanced background \"#ffffff\"\n"
          "}\n"
          "set output \"%s.\".format\n",
          cli_name(text->c), name, width, height, width, height, name);
}

void plot_signed_palette(FILE *out) {
  fprintf(out,
          "set palette defined (-5 \"#053061\", -4 \"#2166ac\", -3 \"#4393c3\", -2 \"#92c5de\", "
          "-1 \"#d1e5f0\", 0 \"#ffffff\", 1 \"#fddbc7\", 2 \"#f4a582\", 3 \"#d6604d\", "
          "4 \"#b2182b\", 5 \"#67001f\")\n");
}

void plot_end(FILE *out) { fprintf(out, "set output\n}\n"); }

/* ---- gnuplot ---- */

static int move(cli *c, const char *directory, const char *plots, const char *name,
                const char *format) {
  char file[96];
  (void)snprintf(file, sizeof file, "%s.%s", name, format);
  char *from = cli_join(plots, file), *to = cli_join(directory, file);
  int code = CLI_DONE;
  if (from == NULL || to == NULL)
    code = cli_fail_memory(c);
  else if (rename(from, to) != 0)
    code = cli_fail(c, CLI_IO, "%s: cannot be moved to %s: %s (look at the directory)", from,
                    directory, strerror(errno));
  symo_free(from);
  symo_free(to);
  return code;
}

int plot_draw(cli *c, const char *directory, const char *plots, const char *const *names) {
  for (size_t i = 0; names[i] != NULL; i++) {
    cli_progress(c, "drawing %s", names[i]);
    char script[96];
    (void)snprintf(script, sizeof script, "%s.gp", names[i]);
    char *const words[] = {(char[]){"gnuplot"}, script, NULL};
    int status = cli_program(words, plots, NULL, 0);
    if (status == CLI_PROGRAM_MISSING) {
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
