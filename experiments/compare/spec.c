/* Sizes of a run, before anything is computed. */
#include "experiments/compare/spec.h"

#include <stdio.h>

void compare_net_text(const symo_net_spec *net, char *text, size_t size) {
  size_t at = 0;
  text[0] = '\0';
  for (size_t l = 0; l <= net->num_layers && at < size; l++) {
    int wrote = snprintf(text + at, size - at, "%s%zu", l > 0 ? "-" : "", net->widths[l]);
    at += wrote > 0 ? (size_t)wrote : 0;
  }
}

double compare_num_parameters(const symo_net_spec *net) {
  double sum = 0;
  for (size_t l = 0; l < net->num_layers; l++)
    sum += (double)net->widths[l + 1] * ((double)net->widths[l] + (net->bias ? 1 : 0));
  return sum;
}

double compare_bytes(double parameters) { return 7 * 8 * parameters * parameters; }
