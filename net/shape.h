#ifndef SYMO_NET_SHAPE_H
#define SYMO_NET_SHAPE_H

#include "net/net.h"

/* Following an example through the layers of a spec; zeroed but for `now` at the start. */
typedef struct symo_net_walk {
  symo_net_shape now;
  size_t depth; /* residual blocks that are open */
  symo_net_shape forks[SYMO_NET_MAX_LAYERS];
  bool fresh;                  /* nothing yet in the innermost block */
  size_t taken;                /* layers so far */
  bool tokens, ended;          /* there was an embedding; a head */
  size_t vocabulary, embedded; /* its tokens and width */
} symo_net_walk;

enum { SYMO_NET_MAX_REASON = 192 };

/* Takes one layer.  false, with the reason, when it cannot stand there; the walk is then spoilt. */
bool symo_net_walk_layer(symo_net_walk *walk, const symo_net_layer *layer,
                         char why[SYMO_NET_MAX_REASON]);

/* The shape of the data; the same. */
bool symo_net_walk_input(const symo_net_shape *input, char why[SYMO_NET_MAX_REASON]);

/* "8x8x1" */
void symo_net_shape_text(const symo_net_shape *shape, char text[64]);

const char *symo_net_kind_name(symo_net_kind kind);

/* A layer with a weight matrix (two, if recurrent). */
bool symo_net_kind_weighs(symo_net_kind kind);

/* Positions: 1 for vectors, 0 while steps are open. */
size_t symo_net_positions(const symo_net_shape *shape);

/* Entries of a kernel on an image of that shape. */
size_t symo_net_kernel(const symo_net_layer *layer, const symo_net_shape *shape);

#endif
