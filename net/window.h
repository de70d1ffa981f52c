#ifndef SYMO_NET_WINDOW_H
#define SYMO_NET_WINDOW_H

#include "net/op.h"

/* Walking over windows of the positions of a node's input, first axis outermost everywhere. */

/* Positions in a window, and of the image. */
size_t symo_window_size(const symo_node *node);

enum { SYMO_WINDOW_NONE = -1 }; /* outside the image */

/* Where entry `entry` of the window of output position `position` lies: for a kernel, which is
 * centred at the position, and for a pool, whose windows stand side by side. */
ptrdiff_t symo_window_kernel(const symo_node *node, size_t position, size_t entry);
size_t symo_window_pool(const symo_node *node, size_t position, size_t entry);

#endif
