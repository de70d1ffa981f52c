/* Windows of tokens: of a text by its characters or a tokenizer, or of a Markov chain.
 *
 * Window r has the tokens [r t, (r + 1) t), and as targets those one further on.  The chain goes
 * from a token to the next by softmax(2 z) with one row of normal z for each token, so that the
 * best prediction is far from uniform, and knows nothing before the last token. */
#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "experiments/data/reader.h"
#include "experiments/data/text.h"
#include "experiments/data/tokenizer.h"

enum { CHAIN_TOKENS = 8, MOST_CHAIN_TOKENS = 4096 };

static symo_status cut(symo_context *context, size_t count, const uint32_t *ids, size_t wanted,
                       symo_dataset *out) {
  const size_t t = out->inputs;
  if (count < t + 1)
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "data: %zu %s are no window of %zu and the next (give a longer text)", count,
                     symo_plural(count, "token", "tokens"), t);
  out->examples = (count - 1) / t;
  if (wanted < out->examples) out->examples = wanted;
  symo_status status = symo_data_take(context, out);
  for (size_t i = 0; status == SYMO_OK && i < out->examples * t; i++)
    out->x[i] = (double)ids[i], out->y[i] = (double)ids[i + 1];
  return status;
}

/* ---- a chain ---- */

/* Distribution functions of the rows, up to a factor. */
static void make_rows(size_t v, symo_rng *rng, double *rows) {
  for (size_t i = 0; i < v; i++) {
    double sum = 0.0;
    for (size_t j = 0; j < v; j++) rows[i * v + j] = sum += exp(2.0 * symo_rng_normal(rng));
  }
}

static uint32_t next(size_t v, const double *row, symo_rng *rng) {
  const double at = symo_rng_uniform(rng) * row[v - 1];
  size_t token = 0;
  while (token + 1 < v && row[token] <= at) token++;
  return (uint32_t)token;
}

static symo_status make_chain(symo_context *context, size_t v, size_t wanted, uint64_t seed,
                              symo_dataset *out) {
  symo_rng *rng = NULL;
  symo_status status = SYMO_OK;
  size_t count;
  if (v > MOST_CHAIN_TOKENS || !symo_mul_size(wanted, out->inputs, &count) || count > UINT32_MAX)
    return symo_fail(context, SYMO_E_SIZE, "data teacher: %zu %s, %zu %s of %zu are too many", v,
                     symo_plural(v, "token", "tokens"), wanted,
                     symo_plural(wanted, "window", "windows"), out->inputs);
  double *rows = symo_calloc(v * v, sizeof *rows);
  uint32_t *ids = symo_calloc(count + 1, sizeof *ids);
  if (rows == NULL || ids == NULL) {
    status = symo_fail_memory(context, "data teacher");
    goto fail;
  }
  SYMO_TRY(symo_rng_create(context, seed, &rng));
  make_rows(v, rng, rows);
  for (size_t i = 1; i <= count; i++) ids[i] = next(v, rows + ids[i - 1] * v, rng);
  SYMO_TRY(cut(context, count + 1, ids, wanted, out));
fail:
  symo_rng_destroy(rng);
  symo_free(rows);
  symo_free(ids);
  return status;
}

/* ---- a text ---- */

static symo_status make_tokenizer(symo_context *context, const gpt_text *text,
                                  const symo_data_options *options, gpt_tokenizer **out) {
  if (options->tokenizer == NULL) return gpt_text_tokenizer(context, text, out);
  return gpt_tokenizer_from_json(context, options->tokenizer_from, options->tokenizer, out);
}

static symo_status read_text(symo_context *context, const char *path,
                             const symo_data_options *options, size_t wanted, symo_net_spec *net,
                             symo_dataset *out) {
  gpt_text text = {0};
  gpt_tokenizer *tokenizer = NULL;
  uint32_t *ids = NULL;
  size_t count = 0;
  symo_status status = SYMO_OK;
  SYMO_TRY(gpt_text_read(context, 1, &path, options->kept, &text));
  SYMO_TRY(make_tokenizer(context, &text, options, &tokenizer));
  SYMO_TRY(symo_net_set_vocabulary(context, net, gpt_tokenizer_size(tokenizer)));
  SYMO_TRY(gpt_text_encode(context, &text, 0, gpt_text_size(&text), tokenizer, &ids, &count));
  SYMO_TRY(cut(context, count, ids, wanted, out));
fail:
  symo_free(ids);
  gpt_tokenizer_destroy(tokenizer);
  gpt_text_drop(&text);
  return status;
}

symo_status symo_data_load_tokens(symo_context *context, const char *what,
                                  const symo_data_options *options, symo_net_spec *net,
                                  symo_dataset *out) {
  const bool chain = strcmp(what, "teacher") == 0;
  const size_t wanted =
      options->max_examples > 0 ? options->max_examples : options->teacher_examples;
  symo_dataset made = {.inputs = symo_net_inputs(net), .outputs = symo_net_inputs(net)};
  symo_status status = SYMO_OK;
  if (!chain && (strncmp(what, "teacher:", 8) == 0 || strcmp(what, "digits") == 0))
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "data: '%s' has no tokens (give teacher or the path of a text)", what);
  if (chain && symo_net_vocabulary(net) == 0)
    status = symo_net_set_vocabulary(context, net, CHAIN_TOKENS);
  if (status == SYMO_OK)
    status = chain ? make_chain(context, symo_net_vocabulary(net), wanted, options->seed, &made)
                   : read_text(context, what, options, wanted, net, &made);
  if (status == SYMO_OK)
    status = symo_data_enough(context, what, made.examples, options->max_examples);
  if (status == SYMO_OK)
    *out = made;
  else
    symo_data_drop(&made);
  return status;
}
