#ifndef SYMO_NET_GPT_H
#define SYMO_NET_GPT_H

#include "net/net.h"

/* GPT-2 (Radford et al. 2019) as nanoGPT has it, as a network: token and position embeddings,
 * blocks x += attention(LN x), x += mlp(LN x) with 4 times as many hidden units, LN, and logits by
 * the transposed token embedding (tied) or a matrix of their own.
 *
 *   gpt:v65-t64-c128-h4-l4     vocabulary, block size (positions), width, heads, blocks;
 *                              f300 hidden units of the MLPs (default 4 c); v may be left out until
 *                              the data say it
 *
 * An example is t tokens, by their ids; its targets are the t next ones.  The loss is the mean over
 * tokens of -log softmax.  Parameters, row-major, in the order of the flat vector, with i from 0:
 *   wte.weight[v, c] wpe.weight[t, c]
 *   h.<i>.ln_1.weight[c] .bias[c]
 *   h.<i>.attn.q.weight[c, c] h.<i>.attn.k.weight h.<i>.attn.v.weight, then their biases [c]: together
 *   they are nanoGPT's c_attn [3 c, c] and its bias [3 c]
 *   h.<i>.attn.c_proj.weight[c, c] .bias[c]
 *   h.<i>.ln_2.weight .bias   h.<i>.mlp.c_fc.weight[f, c] .bias[f]   h.<i>.mlp.c_proj.weight[c, f] .bias[c]
 *   ln_f.weight .bias   lm_head.weight[v, c] unless tied
 * Head j has the features [j c / h, (j + 1) c / h) of query, key and value. */
typedef struct symo_gpt_spec {
  size_t vocabulary, block, width, heads, layers;
  size_t hidden; /* of the MLPs; 0: 4 width */
  bool bias, tied;
  double dropout; /* of embeddings, attention weights and what is added to the stream; [0, 1) */
  symo_activation activation; /* SYMO_ACT_GELU (erf), SYMO_ACT_GELU_TANH; others work too */
  symo_dtype dtype;
} symo_gpt_spec;

/* nanoGPT's defaults: v 0, t 1024, c 768, h 12, l 12, no biases, tied, no dropout, erf, float32. */
symo_gpt_spec symo_gpt_spec_default(void);

/* Layers, loss, activation, bias and dtype of *net.  SYMO_E_ARGUMENT with the number at fault. */
symo_status symo_gpt_to_net(symo_context *context, const symo_gpt_spec *gpt, symo_net_spec *net);

/* The inverse; false if the network is not a GPT of this form. */
bool symo_gpt_of_net(const symo_net_spec *net, symo_gpt_spec *gpt);

/* nanoGPT's start: weights and embeddings normal with deviation 0.02, both c_proj with 0.02 /
 * sqrt(2 l); biases 0, gains 1. */
void symo_gpt_init(const symo_net *net, symo_rng *rng, void *theta);

/* Dropout from now on: which entries fall is a function of seed and place.  Evaluation switches it
 * off by on = false; a network is made with it off. */
void symo_net_set_dropout(symo_net *net, bool on, uint64_t seed);

/* symo_net_set_data for ids of tokens: x, y [examples, t].  Allocates only for more examples than
 * in any call before.  SYMO_E_SHAPE without examples; SYMO_E_ARGUMENT for an id outside the
 * vocabulary, or a network that does not read tokens. */
symo_status symo_net_set_tokens(symo_net *net, size_t examples, const uint32_t *x,
                                const uint32_t *y);

/* The next token of a text that grows.  A reader keeps the keys and values of the positions that it
 * has read.  It borrows the network and the parameters, which must not change while it lives.
 * SYMO_E_ARGUMENT for a network that is not a GPT, SYMO_E_NONFINITE, SYMO_E_MEMORY. */
typedef struct symo_gpt_reader symo_gpt_reader;
symo_status symo_gpt_reader_create(symo_net *net, const void *theta, symo_gpt_reader **out);
void symo_gpt_reader_destroy(symo_gpt_reader *reader);

/* Logits of the last position of one example of `length` tokens (1 <= length <= t), dropout off:
 * out [vocabulary] float64.  Positions up to the first token that differs from those of the call
 * before are not computed again, so that one more token costs one position.  A window that moves
 * gives every token another position, and with it other keys and values: all are computed again.
 * Up to rounding the same as symo_net_predict.  Allocates nothing. */
symo_status symo_gpt_next(symo_gpt_reader *reader, size_t length, const uint32_t *tokens,
                          double *out);

#endif
