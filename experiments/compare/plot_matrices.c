/* The matrices side by side: every estimate times its best multiple (compare_shown), in the one
 * colour scale of |H|. Colours follow asinh(x / x0), linear near zero and logarithmic beyond, so
 * that entries a thousand times apart can be seen together. */
#include "experiments/compare/plot.h"

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include <symo/io.h>

enum {
  COLUMNS = 5,
  MOST_PANELS = 24,
  PANEL = 300,
  GAP = 14,
  TITLE = 26,
  LEFT = 54,
  RIGHT = 96,
  TOP = 58,
  BOTTOM = 34
};

typedef struct panel {
  const char *name, *title;
  const double *image;
  double cosine; /* NaN: none */
  bool of_h;     /* with H, not |H| */
  int row, column;
} panel;

typedef struct sheet {
  panel panels[MOST_PANELS];
  size_t count;
  int rows, columns;
  double top, knee; /* largest value shown, and x0 */
} sheet;

static void add(sheet *s, const char *name, const char *title, const compare_row *row, int line,
                int *column) {
  if (row == NULL || row->image == NULL || s->count == MOST_PANELS || *column == COLUMNS) return;
  bool of_h;
  (void)compare_shown(row, &of_h);
  double cosine = of_h ? row->metrics.cosine_hessian : row->metrics.cosine_abs_hessian;
  s->panels[s->count++] = (panel){name, title, row->image, cosine, of_h, line, (*column)++};
  if (line >= s->rows) s->rows = line + 1;
  if (*column > s->columns) s->columns = *column;
}

/* First line: the exact matrices and their averages; second: the family; third: the others. */
static void choose(sheet *s, const compare_run *run) {
  int column = 0;
  add(s, "abs-hessian", "|H|", &run->abs, 0, &column);
  add(s, "hessian", "H(theta)", &run->raw[0], 0, &column);
  add(s, "hessian-star", "H(theta*)", &run->raw[1], 0, &column);
  for (int kind = COMPARE_FLOOR; kind <= COMPARE_COMPETITOR; kind++) {
    if (kind > COMPARE_FLOOR) column = 0;
    for (size_t i = 0; i < run->count; i++) {
      const compare_row *row = &run->rows[i];
      if ((int)row->kind != kind) continue;
      add(s, row->name, row->name, row, kind == COMPARE_FLOOR ? 0 : kind - 1, &column);
    }
  }
}

static void colour_range(sheet *s, const compare_run *run) {
  double top = 0;
  for (size_t i = 0; i < run->side * run->side; i++) top = fmax(top, fabs(run->abs.image[i]));
  s->top = top > 0 ? top : 1;
  s->knee = s->top / 300;
}

static int write_image(cli *c, const char *plots, const panel *p, size_t side) {
  char file[80];
  (void)snprintf(file, sizeof file, "%s.npy", p->name);
  char *path = cli_join(plots, file);
  symo_status status = path == NULL ? symo_fail_memory(cli_context(c), "compare")
                                    : symo_npy_write(cli_context(c), path, p->image, side, side);
  symo_free(path);
  return status == SYMO_OK ? CLI_DONE : cli_fail_status(c, status);
}

/* Bytes before the numbers of a .npy file of version 1.0: 10 and the header's length. */
static unsigned npy_header(const char *plots, const char *name) {
  char file[80];
  unsigned char head[10] = {0};
  (void)snprintf(file, sizeof file, "%s.npy", name);
  char *path = cli_join(plots, file);
  FILE *in = path == NULL ? NULL : fopen(path, "rb");
  size_t got = in == NULL ? 0 : fread(head, 1, sizeof head, in);
  if (in != NULL) (void)fclose(in);
  symo_free(path);
  return got == sizeof head ? 10u + head[8] + 256u * head[9] : 128u;
}

/* Boundaries between tensors, and their names on the left and below where there is room. */
static void boundaries(FILE *out, const compare_run *run) {
  const symo_layout *layout = run->setup.layout;
  double unit = (double)run->side / (double)run->setup.parameters, end = (double)run->side - 0.5;
  for (size_t t = 1; t < symo_layout_num_tensors(layout); t++) {
    double at = (double)symo_layout_tensor_offset(layout, t) * unit - 0.5;
    fprintf(out,
            "set arrow from %.3f,-0.5 to %.3f,%.3f nohead front lc rgb \"#606060\" lw 0.5\n"
            "set arrow from -0.5,%.3f to %.3f,%.3f nohead front lc rgb \"#606060\" lw 0.5\n",
            at, at, end, at, end, at);
  }
}

static void tensor_names(FILE *out, const compare_run *run, const char *axis) {
  const symo_layout *layout = run->setup.layout;
  double total = (double)run->setup.parameters, unit = (double)run->side / total;
  bool first = true;
  fprintf(out, "set %stics (", axis);
  for (size_t t = 0; t < symo_layout_num_tensors(layout); t++) {
    double size = (double)symo_layout_tensor_size(layout, t);
    if (size < 0.06 * total) continue;
    double middle = ((double)symo_layout_tensor_offset(layout, t) + size / 2) * unit - 0.5;
    fprintf(out, "%s\"%s\" %.3f", first ? "" : ", ", symo_layout_tensor_name(layout, t), middle);
    first = false;
  }
  fprintf(out, ") scale 0 offset 0,0\n");
}

static void panel_script(FILE *out, const char *plots, const sheet *s, const panel *p,
                         const compare_run *run, double width, double height) {
  double left = LEFT + p->column * (PANEL + GAP);
  double top = TOP + TITLE + p->row * (PANEL + GAP + TITLE);
  fprintf(out, "set lmargin at screen %.5f\nset rmargin at screen %.5f\n", left / width,
          (left + PANEL) / width);
  fprintf(out, "set tmargin at screen %.5f\nset bmargin at screen %.5f\n", 1 - top / height,
          1 - (top + PANEL) / height);
  if (isfinite(p->cosine))
    fprintf(out, "set title \"%s   cos %s %.3f\" offset 0,-0.6\n", p->title, p->of_h ? "H" : "|H|",
            p->cosine);
  else
    fprintf(out, "set title \"%s\" offset 0,-0.6\n", p->title);
  if (p->column == 0)
    tensor_names(out, run, "y");
  else
    fprintf(out, "unset ytics\n");
  bool last = true;
  for (size_t k = 0; k < s->count; k++)
    if (s->panels[k].column == p->column && s->panels[k].row > p->row) last = false;
  if (last)
    tensor_names(out, run, "x");
  else
    fprintf(out, "unset xtics\n");
  fprintf(out,
          "plot \"%s.npy\" binary array=(%zu,%zu) format=\"%%double\" skip=%u "
          "using (asinh($1/knee)) with image notitle\n",
          p->name, run->side, run->side, npy_header(plots, p->name));
}

/* Ticks of the colour bar at powers of ten, both signs. */
static void colour_ticks(FILE *out, const sheet *s) {
  fprintf(out, "set cbtics (\"0\" 0");
  int high = (int)floor(log10(s->top));
  for (int k = high; k > high - 3 && pow(10, k) > 2 * s->knee; k--)
    fprintf(out, ", \"1e%d\" asinh(1e%d/knee), \"-1e%d\" -asinh(1e%d/knee)", k, k, k, k);
  fprintf(out, ") scale 0.6\n");
}

static void colour_bar(FILE *out, const sheet *s, double width, double height) {
  double left = LEFT + s->columns * (PANEL + GAP) + 6, bottom = BOTTOM;
  double length = s->rows * (PANEL + GAP + TITLE) - GAP - TITLE;
  fprintf(out,
          "unset title; unset xtics; unset ytics; unset border; unset arrow\n"
          "set colorbox vertical user origin screen %.5f,%.5f size screen %.5f,%.5f front\n",
          left / width, bottom / height, 16 / width, length / height);
  colour_ticks(out, s);
  fprintf(out, "plot [0:1][0:1] -1e9*abs(x)-1e9 with lines palette notitle\n");
}

static void script(const plot_text *text, const char *plots, const sheet *s,
                   const compare_run *run) {
  int width = LEFT + s->columns * (PANEL + GAP) + RIGHT;
  int height = TOP + s->rows * (PANEL + GAP + TITLE) - GAP + BOTTOM;
  char net[256];
  const symo_net_spec *spec = &run->setup.spec.net;
  symo_net_text(spec, net, sizeof net);
  FILE *out = text->stream;
  plot_begin(text, "matrices", width, height);
  fprintf(out, "knee = %.9g\n", s->knee);
  plot_signed_palette(out);
  fprintf(out, "set cbrange [-asinh(%.9g/knee):asinh(%.9g/knee)]\nunset colorbox\n", s->top,
          s->top);
  fprintf(out,
          "set xrange [-0.5:%.1f]\nset yrange [%.1f:-0.5]\nset border lw 0.6 lc rgb \"#606060\"\n"
          "unset key\n",
          (double)run->side - 0.5, (double)run->side - 0.5);
  fprintf(out, "set multiplot\n");
  fprintf(out,
          "set label 1 \"Exact Hessians and estimates, each times its best multiple:  %s %s, "
          "%s, %zu %s, seed %llu\" at screen %.5f,%.5f font \",14\"\n",
          net, symo_activation_name(spec->activation), symo_loss_name(spec->loss),
          run->setup.parameters, symo_plural(run->setup.parameters, "parameter", "parameters"),
          (unsigned long long)run->setup.spec.seed, LEFT / (double)width, 1 - 24 / (double)height);
  boundaries(out, run);
  for (size_t k = 0; k < s->count; k++) {
    panel_script(out, plots, s, &s->panels[k], run, width, height);
    if (k == 0) fprintf(out, "unset label 1\n");
  }
  colour_bar(out, s, width, height);
  fprintf(out, "unset multiplot\n");
  plot_end(out);
}

int compare_plot_matrices(cli *c, const char *plots, const compare_run *run) {
  sheet s = {0};
  choose(&s, run);
  colour_range(&s, run);
  for (size_t k = 0; k < s.count; k++) {
    int code = write_image(c, plots, &s.panels[k], run->side);
    if (code != CLI_DONE) return code;
  }
  plot_text text;
  if (plot_text_open(c, &text) != CLI_DONE) return CLI_NUMERIC;
  script(&text, plots, &s, run);
  return plot_text_close(&text, plots, "matrices.gp");
}
