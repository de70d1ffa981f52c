#ifndef SYMO_NET_LAYERS_H
#define SYMO_NET_LAYERS_H

/* The layers of networks.  X(KIND, row): SYMO_NET_KIND names the layer in a spec, and
 * symo_layer_row (net/layer.h) says what it is.  The comments name the fields of symo_net_layer
 * that it uses. */
/* clang-format off */
#define SYMO_NET_LAYERS(X)                                                                         \
  X(DENSE, dense)           /* width, linear, each; of vectors, and of tokens at each position */  \
  X(RECURRENT, recurrent)   /* width; of sequences: h_t = phi(Wx x_t + Wh h_(t-1) + b), h_0 = 0.   \
                               rate, if not 0: the share of a unit that a step replaces */         \
  X(CONV, conv)             /* width: channels; window: the kernel; circular */                    \
  X(MEAN_POOL, mean_pool)   /* window */                                                           \
  X(MAX_POOL, max_pool)     /* window; of equal entries the first counts */                        \
  X(FLATTEN, flatten)       /* to a vector, feature by feature: [features, positions] */           \
  X(LAST, last)             /* of a sequence: the last step */                                     \
  X(LAYER_NORM, layer_norm) /* (x - mean) / sqrt(var + eps) gain + bias over features */           \
  X(RMS_NORM, rms_norm)     /* x / sqrt(mean x^2 + eps) gain */                                    \
  X(FORK, fork)             /* the beginning of a residual block */                                \
  X(ADD, add)               /* its end */                                                          \
  X(EMBEDDING, embedding)   /* the first layer, of tokens: a row of a table [count, width] for the \
                               token and one for the position.  count 0: the vocabulary is open    \
                               until symo_net_set_vocabulary */                                    \
  X(ATTENTION, attention)   /* of tokens: query, key and value, causal attention in `count` heads, \
                               and a dense layer; rate: dropout of the attention weights */        \
  X(DROPOUT, dropout)       /* rate: the share that is zeroed; the rest is scaled by               \
                               1 / (1 - rate) */                                                   \
  X(HEAD, head)             /* the last layer, of tokens: width logits at each position, no bias;  \
                               tied: by the table of the embedding */
/* clang-format on */

#endif
