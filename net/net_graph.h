#ifndef SYMO_NET_NET_GRAPH_H
#define SYMO_NET_NET_GRAPH_H

#include "io/symmetries/graph.h"
#include "net/net.h"

/* The operations of a network of the engine, with its names of tensors in its order.  Steps that
 * are open count as one: no tensor has them. */
symo_status graph_of_net(symo_context *context, const symo_net_spec *spec, graph **out);

#endif
