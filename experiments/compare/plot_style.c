/* Colours, dashes and axes of all pictures. */
#include "experiments/compare/plot.h"

#include "hessian/estimator.h"

#include <math.h>
#include <string.h>

/* ---- the palette ---- */

/* Okabe and Ito (2008), which the colour-blind can tell apart, without the yellow, which white paper
 * swallows. */
static const struct {
  const char *name, *hex;
} palette[COMPARE_COLOURS] = {{"black", "#000000"}, {"blue", "#0072b2"},   {"red", "#d55e00"},
                              {"green", "#009e73"}, {"orange", "#e69f00"}, {"purple", "#cc79a7"},
                              {"sky", "#56b4e9"},   {"grey", "#8c8c8c"}};

const char *compare_colour(size_t index) { return palette[index % COMPARE_COLOURS].hex; }

/* COMPARE_COLOURS where there is no such colour. */
static size_t colour_find(const char *name) {
  size_t i = 0;
  while (i < COMPARE_COLOURS && strcmp(palette[i].name, name) != 0) i++;
  return i;
}

static const compare_style styles[] = {
    {"abs", COMPARE_BLACK, 1, 7, 3.5},       {"h-star-exact", COMPARE_GREY, 4, 8, 2},
    {"reynolds", COMPARE_GREY, 2, 4, 2},     {"reynolds-abs", COMPARE_BLACK, 3, 6, 2},
    {"shampoo", COMPARE_RED, 1, 13, 2},      {"shampoo-root", COMPARE_RED, 2, 12, 2},
    {"kfac", COMPARE_ORANGE, 1, 15, 2},      {"kfac-empirical", COMPARE_ORANGE, 2, 14, 2},
    {"diagonal", COMPARE_PURPLE, 4, 3, 1.5}, {"identity", COMPARE_GREY, 5, 1, 1.5},
    {"ggn", COMPARE_BLACK, 4, 10, 2}};

compare_style compare_style_of(const char *row) {
  const symo_estimator *e = symo_estimator_find(row);
  size_t colour =
      e != NULL && e->curve.colour != NULL ? colour_find(e->curve.colour) : COMPARE_COLOURS;
  if (colour < COMPARE_COLOURS)
    return (compare_style){row, colour, e->curve.dash, e->curve.point, e->curve.width};
  for (size_t i = 0; i < sizeof styles / sizeof styles[0]; i++)
    if (strcmp(styles[i].name, row) == 0) return styles[i];
  return (compare_style){row, COMPARE_GREY, 3, 2, 1.5};
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
  double first = ceil(low / step);
  for (double k = first; k * step <= high && k < first + 20; k++) tick(t, k * step);
}

void compare_plot_even_axis(FILE *out, char axis, double low, double high) {
  if (!(high > low) || !isfinite(high)) low = 0, high = 1;
  ticks t = {.out = out};
  fprintf(out, "set %crange [%.10g:%.10g] noextend\nset %ctics (", axis, low, high, axis);
  ticks_even(&t, low, high);
  fprintf(out, ") nomirror\n");
}

void compare_plot_log_axis(FILE *out, char axis, double low, double high) {
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
