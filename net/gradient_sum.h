#ifndef SYMO_NET_GRADIENT_SUM_H
#define SYMO_NET_GRADIENT_SUM_H

#include "net/graph.h"

/* For pass.c and workspace.c: the gradient of all processes, summed while backward goes on. */

/* Allocates what is not there yet, where there are several processes. */
symo_status symo_net_allocate_sum(symo_net *net);
void symo_net_free_sum(symo_net *net);

/* One gradient.  go_on: from the first thread, while lanes go backward and say so in `passed`; end:
 * after them.  The gradient of lane 0 is the caller's, which takes in those of the others, and
 * becomes scale times the sum over processes where it is this process's. */
void symo_net_sum_begin(symo_net *net, void *gradient, double scale);
void symo_net_sum_go_on(symo_net *net, void *gradient, size_t lanes);
void symo_net_sum_end(symo_net *net, void *gradient, size_t lanes);

#endif
