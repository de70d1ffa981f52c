#ifndef SYMO_NET_FACTORS_H
#define SYMO_NET_FACTORS_H

#include "net/graph.h"

/* Layer statistics beside a gradient (factors.c). */

/* What a backward pass gives to the sums of all sites.  status: of the first that failed. */
typedef struct symo_net_collect {
  const symo_factor_request *request;
  symo_factor_sums *sums; /* [num_sites] */
  bool known, counted;    /* as of symo_factor_rows */
  symo_status status;
} symo_net_collect;

/* Sites of a network that has all its nodes. */
void symo_net_find_sites(symo_net *net);

/* The pairs (a, d) of node i, whose backward pass has just run. */
void symo_net_collect_node(const symo_net *net, size_t i, const symo_pass *pass);

/* Before and after a lane's chunks: sums of d d' that are those of another site are taken once. */
void symo_net_share_outputs(const symo_net *net, symo_factor_sums *sums, bool end);

/* Sums of every lane but the first, which adds to the request's.  SYMO_E_MEMORY, SYMO_E_SIZE. */
symo_status symo_net_allocate_sums(symo_net *net, const symo_factor_request *request);
void symo_net_free_sums(symo_net *net);

/* One chunk: runs what backward passes are needed, after the forward pass; the gradient goes to
 * pass->gradient. */
symo_status symo_net_factors_chunk(symo_net *net, symo_net_lane *lane, symo_pass *pass,
                                   const symo_factor_request *request, symo_factor_sums *sums);

/* SYMO_OK where the network can do what is asked. */
symo_status symo_net_check_request(symo_net *net, const symo_factor_request *request);

#endif
