#ifndef SYMO_TESTS_IO_TEST_SYMMETRIES_SUPPORT_H
#define SYMO_TESTS_IO_TEST_SYMMETRIES_SUPPORT_H

#include "io/symmetries/infer.h"
#include "tests/support/testing.h"

/* The layout that is found; window as in sym_infer. */
symo_layout *sym_test_propose(symo_context *context, const graph *g, double window);
graph *sym_test_parse(symo_context *context, const char *text);

/* A graph as JSON: an input x of the shape (NULL: none), the nodes, and the output of the last,
 * which is y; ' stands for ". */
void sym_test_wrap(char *text, size_t size, const char *shape, const char *nodes);

/* The loss of random parameters stays when one space of the layout after the other is moved.  what:
 * for the message. */
typedef double sym_test_loss(void *self, const symo_layout *layout, const double *theta);
void sym_test_invariant(symo_context *context, symo_layout *layout, const char *what,
                        sym_test_loss *loss, void *self);

#endif
