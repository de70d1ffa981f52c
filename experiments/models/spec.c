/* Sizes of a run, before anything is computed. */
#include "experiments/models/spec.h"

void compare_net_text(const symo_net_spec *net, char *text, size_t size) {
  symo_net_text(net, text, size);
}

bool compare_reads_tokens(const symo_net_spec *net) {
  return net->num_layers > 0 && net->layers[0].kind == SYMO_NET_EMBEDDING;
}

double compare_num_parameters(const symo_net_spec *net) { return symo_net_count(net); }

double compare_bytes(double parameters) { return 7 * 8 * parameters * parameters; }
