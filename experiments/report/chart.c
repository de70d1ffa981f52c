/* Curves as SVG inside the page. */
#include "experiments/report/report.h"

#include <math.h>
#include <stdio.h>

#include "experiments/plot/plot.h"

enum {
  WIDTH = 760,
  HEIGHT = 400,
  LEFT = 70,
  RIGHT = 500,
  TOP = 20,
  BOTTOM = 350,
  MOST_POINTS = 500
};

static const char *const dashes[] = {"none", "8 4", "2 3", "10 3 2 3", "5 2"};
enum { DASHES = sizeof dashes / sizeof *dashes };

/* An axis from `low` to `high` that lies between the pixels `from` and `to`. */
typedef struct axis {
  double low, high;
  bool log;
  int from, to;
} axis;

static double place(const axis *a, double value) {
  const double t =
      a->log ? log(value / a->low) / log(a->high / a->low) : (value - a->low) / (a->high - a->low);
  return a->from + t * (a->to - a->from);
}

static axis axis_of(size_t count, const report_curve *curves, bool vertical) {
  axis a = {.low = INFINITY,
            .high = -INFINITY,
            .from = vertical ? BOTTOM : LEFT,
            .to = vertical ? TOP : RIGHT};
  for (size_t i = 0; i < count; i++)
    for (size_t k = 0; k < curves[i].count; k++) {
      const double x = curves[i].x[k], y = curves[i].y[k];
      if (!isfinite(x) || !isfinite(y)) continue;
      a.low = fmin(a.low, vertical ? y : x), a.high = fmax(a.high, vertical ? y : x);
    }
  if (!isfinite(a.low)) a.low = 0, a.high = 1;
  a.log = vertical && a.low > 0 && a.high > 3 * a.low;
  if (!(a.high > a.low)) a.high = a.low + fmax(1e-12, fabs(a.low) * 0.1);
  return a;
}

static void tick(report_page *page, const axis *a, bool vertical, double value) {
  const double at = place(a, value);
  if (vertical)
    symo_text_add(&page->text,
                  "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"#ccc\"/>"
                  "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.4g</text>\n",
                  LEFT, at, RIGHT, at, LEFT - 6, at + 4, value);
  else
    symo_text_add(&page->text, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.4g</text>\n", at,
                  BOTTOM + 18, value);
}

/* Steps of 1, 2 or 5 times a power of ten; on a logarithmic axis 1, 2, 5, 10, .. or, over more than
 * two decades, powers of ten. */
static void ticks(report_page *page, const axis *a, bool vertical) {
  if (a->log) {
    const bool sparse = a->high > 100 * a->low;
    static const double of_ten[] = {1, 2, 5};
    for (int k = (int)floor(log10(a->low)); k <= (int)ceil(log10(a->high)); k++)
      for (size_t i = 0; i < (sparse ? 1 : 3); i++) {
        const double value = of_ten[i] * pow(10, k);
        if (value >= a->low && value <= a->high) tick(page, a, vertical, value);
      }
    return;
  }
  double step = pow(10, floor(log10((a->high - a->low) / 4)));
  if ((a->high - a->low) / step > 8) step *= (a->high - a->low) / step > 16 ? 5 : 2;
  const double first = ceil(a->low / step);
  for (int k = 0; k < 20 && (first + k) * step <= a->high; k++)
    tick(page, a, vertical, (first + k) * step);
}

static void curve(report_page *page, size_t index, const report_curve *c, const axis *x,
                  const axis *y) {
  const char *colour = plot_colour(index), *dash = dashes[index % DASHES];
  const int row = TOP + 10 + 22 * (int)index;
  const size_t every = 1 + c->count / MOST_POINTS;
  symo_text_add(&page->text,
                "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" stroke-dasharray=\"%s\" "
                "points=\"",
                colour, dash);
  for (size_t k = 0; k < c->count; k++)
    if ((k % every == 0 || k + 1 == c->count) && isfinite(c->x[k]) && isfinite(c->y[k]))
      symo_text_add(&page->text, "%.1f,%.1f ", place(x, c->x[k]), place(y, c->y[k]));
  symo_text_add(&page->text,
                "\"/>\n<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"%s\" "
                "stroke-width=\"2\" stroke-dasharray=\"%s\"/><text x=\"%d\" y=\"%d\">",
                RIGHT + 15, row, RIGHT + 55, row, colour, dash, RIGHT + 62, row + 4);
  report_escape(page, c->name);
  symo_text_add(&page->text, "</text>\n");
}

void report_chart(report_page *page, const char *title, const char *x, const char *y, size_t count,
                  const report_curve *curves) {
  const axis across = axis_of(count, curves, false), up = axis_of(count, curves, true);
  const int room = TOP + 22 * (int)count + 20, height = room > HEIGHT ? room : HEIGHT;
  symo_text_add(&page->text,
                "<figure><svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
                "width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"12\" "
                "role=\"img\" aria-label=\"",
                WIDTH, height, WIDTH, height);
  report_escape(page, title);
  symo_text_add(&page->text, "\">\n");
  ticks(page, &across, false);
  ticks(page, &up, true);
  symo_text_add(&page->text,
                "<path fill=\"none\" stroke=\"#111\" d=\"M%d %dV%dH%d\"/>\n"
                "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">",
                LEFT, TOP, BOTTOM, RIGHT, (LEFT + RIGHT) / 2, BOTTOM + 38);
  report_escape(page, x);
  symo_text_add(&page->text, "</text>\n<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", LEFT - 6,
                TOP - 8);
  report_escape(page, y);
  symo_text_add(&page->text, "</text>\n");
  for (size_t i = 0; i < count; i++) curve(page, i, &curves[i], &across, &up);
  symo_text_add(&page->text, "</svg><figcaption>");
  report_escape(page, title);
  symo_text_add(&page->text, "%s</figcaption></figure>\n", up.log ? "; logarithmic" : "");
  page->figures++;
}
