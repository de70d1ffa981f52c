/* How the curve or the points of an estimate look. */
#include "experiments/compare/plot.h"

#include <string.h>

#include "hessian/estimator.h"

static const compare_style styles[] = {
    {"abs", PLOT_BLACK, 1, 7, 3.5},       {"h-star-exact", PLOT_GREY, 4, 8, 2},
    {"reynolds", PLOT_GREY, 2, 4, 2},     {"reynolds-abs", PLOT_BLACK, 3, 6, 2},
    {"shampoo", PLOT_RED, 1, 13, 2},      {"shampoo-root", PLOT_RED, 2, 12, 2},
    {"kfac", PLOT_ORANGE, 1, 15, 2},      {"kfac-empirical", PLOT_ORANGE, 2, 14, 2},
    {"diagonal", PLOT_PURPLE, 4, 3, 1.5}, {"identity", PLOT_GREY, 5, 1, 1.5},
    {"ggn", PLOT_BLACK, 4, 10, 2}};

compare_style compare_style_of(const char *row) {
  const symo_estimator *e = symo_estimator_find(row);
  size_t colour =
      e != NULL && e->curve.colour != NULL ? plot_colour_find(e->curve.colour) : PLOT_COLOURS;
  if (colour < PLOT_COLOURS)
    return (compare_style){row, colour, e->curve.dash, e->curve.point, e->curve.width};
  for (size_t i = 0; i < sizeof styles / sizeof styles[0]; i++)
    if (strcmp(styles[i].name, row) == 0) return styles[i];
  return (compare_style){row, PLOT_GREY, 3, 2, 1.5};
}
