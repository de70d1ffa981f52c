#ifndef SYMO_NET_SHAPE_H
#define SYMO_NET_SHAPE_H

#include "net/net.h"

/* Following an example through the layers of a spec; zeroed but for `now` at the start. */
typedef struct symo_net_walk {
  symo_net_shape now;
  size_t depth; /* residual blocks that are open */
  symo_net_shape forks[SYMO_NET_MAX_LAYERS];
  bool fresh;                  /* the innermost block is empty */
  size_t taken;                /* layers so far */
  bool tokens, ended;          /* there was an embedding; a head */
  size_t vocabulary, embedded; /* its tokens and width */
} symo_net_walk;

enum { SYMO_NET_MAX_REASON = 192 };

/* Follows one layer.  false, with the reason, if it cannot follow the layers before it; the walk is
 * then invalid. */
bool symo_net_walk_layer(symo_net_walk *walk, const symo_net_layer *layer,
                         char why[SYMO_NET_MAX_REASON]);

/* Rules for the slots of layers; each gives false and the reason.  width makes it the features of
 * the layer's output; room: `times` the current numbers are not too many. */
bool symo_walk_refuse(char why[SYMO_NET_MAX_REASON], const char *text);
bool symo_walk_width(symo_net_walk *walk, size_t width, char why[SYMO_NET_MAX_REASON]);
bool symo_walk_room(const symo_net_walk *walk, size_t times, char why[SYMO_NET_MAX_REASON]);
bool symo_walk_rate(double rate, char why[SYMO_NET_MAX_REASON]);
bool symo_walk_sequence(const symo_net_walk *walk, char why[SYMO_NET_MAX_REASON]);
bool symo_walk_image(const symo_net_walk *walk, char why[SYMO_NET_MAX_REASON]);
bool symo_walk_tokens(const symo_net_walk *walk, char why[SYMO_NET_MAX_REASON]);

/* The shape of the data; the same. */
bool symo_net_walk_input(const symo_net_shape *input, char why[SYMO_NET_MAX_REASON]);

/* "8x8x1" */
void symo_net_shape_text(const symo_net_shape *shape, char text[64]);

/* Positions: 1 for vectors, 0 while steps are open. */
size_t symo_net_positions(const symo_net_shape *shape);

/* Entries of a kernel on an image of that shape. */
size_t symo_net_kernel(const symo_net_layer *layer, const symo_net_shape *shape);

#endif
