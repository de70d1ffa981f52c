#ifndef SYMO_EXPERIMENTS_MODELS_NETWORK_LAYOUT_H
#define SYMO_EXPERIMENTS_MODELS_NETWORK_LAYOUT_H

#include "experiments/models/network_point.h"

/* The layout of a setup, from spec.groups: "auto"; one group for all hidden spaces, by the name it
 * has in the context or the registry or in the short notation of layouts without its dimension; a
 * layout, as a file or a text.  Exit code, after the error line. */
int network_layout_make(cli *c, network_point *setup);

/* That the tensors of a layout are those of the network, in its order: SYMO_E_SHAPE.  split: an
 * axis of the network may be several of the layout. */
symo_status network_layout_check(symo_context *context, const char *where, const symo_layout *own,
                                 const symo_layout *layout, bool split);

/* The group of a space in the short notation without its dimension, "scaling(1, permute)"; of one
 * that has no notation, its name.  text [size], cut off if longer. */
void network_group_text(const symo_layout *layout, size_t space, char *text, size_t size);

#endif
