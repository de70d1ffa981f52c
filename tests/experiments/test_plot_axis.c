/* Axes of pictures: labels inside the range, some five of them, whatever the range. */
#include "tests/support/testing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/plot/plot.h"

/* The number of labels behind "set xtics (", which stand in order between low and high. */
static int labels_of(const char *script, double low, double high) {
  const char *at = strstr(script, "set xtics (");
  double before = -INFINITY;
  int count = 0;
  cr_assert(at != NULL, "%s", script);
  while ((at = strchr(at, '"')) != NULL) {
    char *end;
    double said = strtod(at + 1, &end);
    cr_assert(*end == '"', "%s", script);
    double value = strtod(end + 1, NULL);
    cr_assert(value >= low && value <= high && value > before, "%g to %g: %s", low, high, script);
    cr_assert(fabs(said - value) <= 1e-9 * fabs(value), "%s", script);
    before = value;
    at = end + 1;
    count++;
  }
  return count;
}

static void check(bool even, double low, double high) {
  char script[2048] = "";
  FILE *out = fmemopen(script, sizeof script, "w");
  cr_assert(out != NULL);
  if (even)
    plot_even_axis(out, 'x', low, high);
  else
    plot_log_axis(out, 'x', low, high);
  fclose(out);
  double pad = even ? 1 : fmax(pow(high / low, 0.04), 1.002);
  int count = labels_of(script, low / pad, high * pad);
  cr_assert(count >= 3 && count <= 10, "%g to %g: %d labels: %s", low, high, count, script);
}

Test(plot_axis, even_steps_of_one_two_and_five_give_three_labels_and_more) {
  for (double high = 1e-6; high < 1e7; high *= 1.07) {
    check(true, 0, high);
    check(true, high, 3 * high);
  }
  check(true, 0, 19.4); /* milliseconds: 0, 5, 10, 15 */
  cr_no_leaks();
}

Test(plot_axis, logarithmic_axes_of_every_length_give_three_labels_and_more) {
  for (double low = 0.011; low < 9; low *= 1.13)
    for (double ratio = 1.01; ratio < 1e9; ratio *= 1.05) check(false, low, low * ratio);
  check(false, 2.2, 4.2); /* losses of a language model */
  cr_no_leaks();
}
