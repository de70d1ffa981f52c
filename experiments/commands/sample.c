/* symo sample: text from a transformer, token by token, as nanoGPT's sample.py: the logits of the
 * last position divided by the temperature, all but the k largest struck out, and one drawn from
 * their softmax. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "experiments/data/text.h"
#include "experiments/data/tokenizer.h"
#include "experiments/data/unicode.h"
#include "experiments/gpt/options.h"
#include "experiments/gpt/weights.h"
#include "io/file.h"

static const cli_option options[] = {
    GPT_CHECKPOINT_ROW,
    {.name = "prompt",
     .arg = "TEXT",
     .kind = CLI_STRING,
     .help = "Beginning of the text; default: a line feed"},
    {.name = "prompt-file",
     .arg = "FILE",
     .kind = CLI_STRING,
     .help = "File with the beginning of the text"},
    {.name = "tokens",
     .arg = "N",
     .kind = CLI_INT,
     .min = 0,
     .max = 1e9,
     .fallback = "500",
     .help = "Number of tokens after the prompt"},
    {.name = "samples",
     .arg = "K",
     .kind = CLI_INT,
     .min = 1,
     .max = 1e6,
     .fallback = "1",
     .help = "Number of texts"},
    {.name = "temperature",
     .arg = "T",
     .kind = CLI_DOUBLE,
     .min = 0,
     .max = 1e6,
     .fallback = "0.8",
     .help = "Below 1: likelier tokens; above 1: more varied ones; 0: always the likeliest token"},
    {.name = "top-k",
     .arg = "K",
     .kind = CLI_INT,
     .min = 0,
     .max = 1e9,
     .fallback = "200",
     .help = "Draw from the K likeliest tokens only; 0: from all"},
    {.name = "seed",
     .arg = "S",
     .kind = CLI_INT,
     .min = 0,
     .max = 9e15,
     .fallback = "1337",
     .help = "Seed of the random numbers"},
    {.name = "vocab",
     .arg = "FILE",
     .kind = CLI_STRING,
     .help = "GPT-2's vocab.json; default: the tokens that the checkpoint holds"},
    {.name = "merges", .arg = "FILE", .kind = CLI_STRING, .help = "GPT-2's merges.txt"},
    GPT_HEADS_ROW,
    {.name = NULL}};

typedef struct sampler {
  cli *c;
  gpt_weights weights;
  gpt_tokenizer *tokenizer;
  symo_net *net;
  symo_gpt_reader *reader;
  symo_rng *rng;
  uint32_t *prompt; /* [prompted] */
  size_t prompted, wanted, top_k;
  double temperature;
  double *logits, *shares; /* [vocabulary] */
  uint32_t *ids;           /* [prompted + wanted] of the text at hand */
  const char *flag;        /* whose value was at fault; NULL: none */
} sampler;

static void drop(sampler *s) {
  symo_gpt_reader_destroy(s->reader);
  gpt_weights_drop(&s->weights);
  gpt_tokenizer_destroy(s->tokenizer);
  symo_net_destroy(s->net);
  symo_rng_destroy(s->rng);
  symo_free(s->prompt);
  symo_free(s->logits);
  symo_free(s->shares);
  symo_free(s->ids);
}

/* ---- making ---- */

static symo_status make_tokenizer(sampler *s) {
  symo_context *context = cli_context(s->c);
  const char *path = cli_str(s->c, "checkpoint"), *vocab = cli_str(s->c, "vocab"),
             *merges = cli_str(s->c, "merges");
  symo_status status;
  if (vocab != NULL && merges != NULL)
    status = gpt_tokenizer_create_bpe(context, vocab, merges, &s->tokenizer);
  else if (s->weights.tokenizer != NULL)
    status = gpt_tokenizer_from_json(context, path, s->weights.tokenizer, &s->tokenizer);
  else
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "%s: does not say what its tokens are (give --vocab and --merges)", path);
  if (status != SYMO_OK) return status;
  if (gpt_tokenizer_size(s->tokenizer) > s->weights.spec.vocabulary)
    return symo_fail(context, SYMO_E_SHAPE,
                     "%s: has a vocabulary of %zu, but there are %zu %s (give those that it was "
                     "trained with)",
                     path, s->weights.spec.vocabulary, gpt_tokenizer_size(s->tokenizer),
                     symo_plural(gpt_tokenizer_size(s->tokenizer), "token", "tokens"));
  return SYMO_OK;
}

/* A text without line feeds has none among its characters: then the first of these. */
static symo_status default_prompt(sampler *s) {
  uint32_t *ids = NULL;
  size_t count = 0;
  if (gpt_tokenizer_encode(NULL, s->tokenizer, "", "\n", 1, &ids, &count) == SYMO_OK) {
    s->prompt = ids, s->prompted = count;
    return SYMO_OK;
  }
  s->prompt = symo_calloc(1, sizeof *s->prompt);
  s->prompted = 1;
  return s->prompt != NULL ? SYMO_OK : symo_fail_memory(cli_context(s->c), "sample");
}

static symo_status make_prompt(sampler *s) {
  symo_context *context = cli_context(s->c);
  const char *text = cli_str(s->c, "prompt"), *file = cli_str(s->c, "prompt-file");
  const char *where = file != NULL ? file : "the text";
  char *read = NULL;
  size_t length = text != NULL ? strlen(text) : 0;
  symo_status status = SYMO_OK;
  if (text == NULL && file == NULL) return default_prompt(s);
  if (file != NULL) status = symo_file_read_all(context, file, (size_t)1 << 30, &read, &length);
  if (file != NULL && status == SYMO_OK) status = gpt_text_clean(context, file, read, &length);
  if (status == SYMO_OK && length == 0)
    status = symo_fail(context, SYMO_E_ARGUMENT, "%s: is empty (give a character at least)", where);
  if (status == SYMO_OK)
    status = gpt_tokenizer_encode(context, s->tokenizer, where, file != NULL ? read : text, length,
                                  &s->prompt, &s->prompted);
  if (status != SYMO_OK && file == NULL) s->flag = "prompt";
  symo_free(read);
  return status;
}

static symo_status make_net(sampler *s) {
  symo_context *context = cli_context(s->c);
  const symo_gpt_spec *spec = &s->weights.spec;
  symo_net_spec *net = symo_calloc(1, sizeof *net);
  symo_status status = SYMO_OK;
  if (net == NULL) return symo_fail_memory(context, "sample");
  SYMO_TRY(symo_gpt_to_net(context, spec, net));
  SYMO_TRY(symo_net_create(context, net, &s->net));
  SYMO_TRY(symo_gpt_reader_create(s->net, s->weights.theta, &s->reader));
  s->logits = symo_calloc(spec->vocabulary, sizeof *s->logits);
  s->shares = symo_calloc(spec->vocabulary, sizeof *s->shares);
  s->ids = symo_calloc(s->prompted + s->wanted, sizeof *s->ids);
  if (s->logits == NULL || s->shares == NULL || s->ids == NULL)
    status = symo_fail_memory(context, "sample");
fail:
  symo_free(net);
  return status;
}

static symo_status make(sampler *s) {
  const gpt_weights_options how = {.heads = (size_t)cli_int(s->c, "n-head")};
  symo_status status = SYMO_OK;
  s->wanted = (size_t)cli_int(s->c, "tokens");
  s->top_k = (size_t)cli_int(s->c, "top-k");
  s->temperature = cli_double(s->c, "temperature");
  SYMO_TRY(gpt_weights_read(cli_context(s->c), cli_str(s->c, "checkpoint"), &how, &s->weights));
  if (s->weights.remark[0] != '\0') cli_note(s->c, "%s", s->weights.remark);
  SYMO_TRY(make_tokenizer(s));
  SYMO_TRY(make_prompt(s));
  SYMO_TRY(make_net(s));
  SYMO_TRY(symo_rng_create(cli_context(s->c), (uint64_t)cli_int(s->c, "seed"), &s->rng));
fail:
  return status;
}

/* ---- drawing ---- */

/* heap[at] moves down to where no child is smaller. */
static void sift(size_t count, double *heap, size_t at) {
  const double x = heap[at];
  for (size_t child; (child = 2 * at + 1) < count; at = child) {
    if (child + 1 < count && heap[child + 1] < heap[child]) child++;
    if (!(heap[child] < x)) break;
    heap[at] = heap[child];
  }
  heap[at] = x;
}

/* The k-th largest of n numbers, 1 <= k <= n: the least of a heap of the k largest. */
static double kth_largest(size_t n, const double *x, size_t k, double *heap) {
  memcpy(heap, x, k * sizeof *heap);
  for (size_t i = k / 2; i-- > 0;) sift(k, heap, i);
  for (size_t i = k; i < n; i++)
    if (x[i] > heap[0]) heap[0] = x[i], sift(k, heap, 0);
  return heap[0];
}

/* The model may have more rows than there are tokens; the surplus rows are never drawn. */
static uint32_t draw(sampler *s) {
  const size_t n = gpt_tokenizer_size(s->tokenizer);
  size_t best = 0;
  for (size_t i = 1; i < n; i++)
    if (s->logits[i] > s->logits[best]) best = i;
  if (s->temperature <= 0.0) return (uint32_t)best;
  double least = -INFINITY, total = 0.0;
  if (s->top_k > 0 && s->top_k < n) least = kth_largest(n, s->logits, s->top_k, s->shares);
  const double top = s->logits[best];
  for (size_t i = 0; i < n; i++) {
    s->shares[i] = s->logits[i] >= least ? exp((s->logits[i] - top) / s->temperature) : 0.0;
    total += s->shares[i];
  }
  double left = symo_rng_uniform(s->rng) * total;
  for (size_t i = 0; i < n; i++) {
    if (left < s->shares[i]) return (uint32_t)i;
    left -= s->shares[i];
  }
  return (uint32_t)best; /* what rounding leaves over */
}

static void print_token(const sampler *s, uint32_t id) {
  size_t length;
  const char *bytes = gpt_tokenizer_decode(s->tokenizer, id, &length);
  fwrite(bytes, 1, length, stdout);
}

/* One text into s->ids, printed as it comes unless it is for JSON. */
static symo_status sample(sampler *s) {
  const size_t block = s->weights.spec.block, end = s->prompted + s->wanted;
  memcpy(s->ids, s->prompt, s->prompted * sizeof *s->ids);
  for (size_t i = 0; i < s->prompted && !cli_json(s->c); i++) print_token(s, s->ids[i]);
  for (size_t at = s->prompted; at < end; at++) {
    const size_t length = at < block ? at : block;
    symo_status status = symo_gpt_next(s->reader, length, s->ids + at - length, s->logits);
    if (status != SYMO_OK) return status;
    for (size_t i = 0; i < gpt_tokenizer_size(s->tokenizer); i++)
      if (!isfinite(s->logits[i]))
        return symo_fail(cli_context(s->c), SYMO_E_NUMERIC,
                         "%s: the logits are not finite (the training diverged)",
                         cli_str(s->c, "checkpoint"));
    s->ids[at] = draw(s);
    if (cli_json(s->c)) {
      cli_progress(s->c, "%zu of %zu %s", at + 1 - s->prompted, s->wanted,
                   symo_plural(s->wanted, "token", "tokens"));
    } else {
      print_token(s, s->ids[at]);
      fflush(stdout);
    }
  }
  return SYMO_OK;
}

/* ---- answering ---- */

/* What is not UTF-8, as byte pairs may be, becomes U+FFFD; so does U+0000, which jansson's strings
 * cannot hold. */
static json_t *text_of(const sampler *s, size_t count) {
  size_t length = 0, used = 0, size;
  for (size_t i = 0; i < count; i++) {
    gpt_tokenizer_decode(s->tokenizer, s->ids[i], &size);
    length += size;
  }
  char *bytes = symo_malloc(length + 4), *text = symo_malloc(3 * length + 1);
  json_t *out = NULL;
  if (bytes != NULL && text != NULL) {
    length = 0;
    for (size_t i = 0; i < count; i++) {
      const char *token = gpt_tokenizer_decode(s->tokenizer, s->ids[i], &size);
      memcpy(bytes + length, token, size);
      length += size;
    }
    for (size_t at = 0; at<length; at += size> 0 ? size : 1) {
      const uint32_t point = gpt_utf8_read(bytes + at, length - at, &size);
      used += gpt_utf8_write(size > 0 && point > 0 ? point : 0xfffd, text + used);
    }
    out = json_stringn(text, used);
  }
  symo_free(bytes);
  symo_free(text);
  return out;
}

static void push_sample(const sampler *s, json_t *samples) {
  const size_t count = s->prompted + s->wanted;
  json_t *o = json_object(), *tokens = json_array();
  for (size_t i = 0; i < count; i++) cli_push(s->c, tokens, json_integer(s->ids[i]));
  cli_set(s->c, o, "text", text_of(s, count));
  cli_set(s->c, o, "tokens", tokens);
  cli_push(s->c, samples, o);
}

static int check_flags(cli *c) {
  if (cli_given(c, "prompt") && cli_given(c, "prompt-file"))
    return cli_fail(c, CLI_USAGE, "--prompt: there is --prompt-file too (give one of them)");
  if (cli_given(c, "vocab") != cli_given(c, "merges"))
    return cli_fail(c, CLI_USAGE, "--%s: the other file is missing (give --vocab and --merges)",
                    cli_given(c, "vocab") ? "vocab" : "merges");
  return CLI_DONE;
}

/* The texts are taken over. */
static int finish(const sampler *s, symo_status status, json_t *texts) {
  if (status == SYMO_OK && texts != NULL) {
    json_t *o = json_object();
    cli_set(s->c, o, "prompt_tokens", json_integer((json_int_t)s->prompted));
    cli_set(s->c, o, "samples", texts);
    return cli_print_json(s->c, o);
  }
  json_decref(texts);
  if (status == SYMO_OK) return CLI_DONE;
  return s->flag != NULL ? cli_fail_flag(s->c, status, s->flag) : cli_fail_status(s->c, status);
}

static int run(cli *c) {
  sampler s = {.c = c};
  const int64_t samples = cli_int(c, "samples");
  if (check_flags(c) != CLI_DONE) return CLI_USAGE;
  json_t *texts = cli_json(c) ? json_array() : NULL;
  symo_status status = make(&s);
  for (int64_t k = 0; k < samples && status == SYMO_OK; k++) {
    status = sample(&s);
    if (status != SYMO_OK) break;
    if (texts != NULL)
      push_sample(&s, texts);
    else
      printf("\n%s", samples > 1 ? "---------------\n" : "");
  }
  cli_progress_end(c);
  const int code = finish(&s, status, texts);
  drop(&s);
  return code;
}

const cli_command cli_command_sample = {
    .name = "sample",
    .summary = "text from a trained transformer",
    .description = "Continues a prompt token by token, each drawn from the probabilities that the\n"
                   "model gives.  The tokens are those of the checkpoint, or GPT-2's byte pairs.",
    .example = "symo sample --checkpoint runs/gpt/checkpoint.safetensors --prompt 'ROMEO:'\n"
               "symo sample --checkpoint gpt2/model.safetensors --vocab gpt2/vocab.json \\\n"
               "  --merges gpt2/merges.txt --prompt 'Once upon a time' --tokens 50",
    .options = options,
    .json = true,
    .run = run};
