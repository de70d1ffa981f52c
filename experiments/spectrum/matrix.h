#ifndef SYMO_EXPERIMENTS_SPECTRUM_MATRIX_H
#define SYMO_EXPERIMENTS_SPECTRUM_MATRIX_H

#include "net/net.h"

/* The matrices of a network: every tensor of two axes and more, as [first axis, the others], so that
 * a convolution is [outputs, inputs x kernel]. */
typedef struct spectrum_place {
  char name[SYMO_MAX_NAME + 1];
  const char *kind; /* "convolution", "attention-query", .., for people and tables */
  size_t rows, cols, offset;
  size_t weight; /* which of the network's weights it is rows of; SYMO_NONE: of none (embeddings) */
  size_t first;  /* row of that weight */
} spectrum_place;

/* *out: [*count], the caller's (symo_free). */
symo_status spectrum_places(symo_context *context, const symo_net *net, size_t *count,
                            spectrum_place **out);

#endif
