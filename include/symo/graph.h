#ifndef SYMO_GRAPH_H
#define SYMO_GRAPH_H

#include <symo/layout.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Finds the layout of a network from its operations: which axes of the parameter tensors form a
 * space, the group of each space, and why.  `symo symmetries --graph` prints the same.
 *
 * graph: a JSON text that lists the operations; docs/graphs.md describes it, and the rules.  What
 * is found is a symmetry of the loss for any data and any parameters.  Spaces whose "together"
 * names others are the exception: to change the places of copies in one of them alone is none, but
 * gives the same averages.
 *
 * window: where units may be rescaled, a number > 0 asks for the group scaling with this window and
 * permutations instead of permutations; 0 does not.
 *
 * report: the findings as a JSON text, which the caller frees with symo_free; may be NULL.
 *   {"parameters": 36,
 *    "spaces": [{"name": "h", "dim": 4, "group": "signed-permutation", "scaling": false,
 *                "together": [], "axes": [{"tensor": "w", "axis": 0}, ..],
 *                "reasons": [..], "weaker": [..], "other": [..]}, ..],
 *    "layout": {..}}
 * scaling: whether units may be rescaled; together: spaces whose copies change places with those of
 * this space; reasons: what allows no larger group; weaker: what would; other: symmetries that the
 * layout does not hold.
 *
 * Tensors keep their names, and have the order of first use.  A tensor may have more axes than in
 * the network, of the same size together, where its axis is flattened or read as several.  *layout
 * and *report are written on success only.
 *
 *   SYMO_E_FORMAT       the text is no JSON, or a key is missing or unknown; or an operation has no
 *                       use; the detail names the node
 *   SYMO_E_NAME         an operation, a node or a choice that there is not
 *   SYMO_E_SHAPE        sizes do not fit; the detail names the node and the axis
 *   SYMO_E_SIZE, SYMO_E_UNSUPPORTED  too large, or too many axes
 *   SYMO_E_ARGUMENT     window is negative, above 20 or NaN
 * Cost: a few microseconds for each operation. */
symo_status symo_graph_layout(symo_context *context, const char *graph, double window,
                              symo_layout **layout, char **report);

#ifdef __cplusplus
}
#endif
#endif
