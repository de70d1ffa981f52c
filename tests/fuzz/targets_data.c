/* Targets: data, tokens, graphs, networks, runs, the command line.  See targets.h. */
#include <stdlib.h>
#include <string.h>

#include "cli/parse.h"
#include "core/alloc.h"
#include "experiments/commands/commands.h"
#include "experiments/data/bpe.h"
#include "experiments/data/reader.h"
#include "experiments/data/tokenizer.h"
#include "experiments/train/train.h"
#include "io/json.h"
#include "io/symmetries/infer.h"
#include "net/net_graph.h"
#include "tests/fuzz/targets.h"

/* ---- data ---- */

/* The first byte says how. */
void fuzz_csv(const uint8_t *data, size_t size) {
  static const char *const labels[] = {NULL, "0", "kind", "2"};
  symo_context *context = fuzz_context();
  symo_data_options options = symo_data_options_default();
  symo_dataset out = {.examples = 0};
  const uint8_t how = size > 0 ? data[0] : 0;
  options.header = (symo_data_header)(how % 3);
  options.table = (symo_data_task)(how / 3 % 4);
  options.label = labels[how / 12 % 4];
  char *text = fuzz_text(size > 0 ? data + 1 : data, size > 0 ? size - 1 : 0);
  symo_status status = symo_data_read_csv(context, "file.csv", (unsigned char *)text,
                                          size > 0 ? size - 1 : 0, &options, &out);
  fuzz_detail(context, status);
  FUZZ_CHECK(status != SYMO_OK || out.examples * out.inputs <= size);
  symo_data_drop(&out);
  free(text);
  fuzz_end(context);
}

/* Cuts the data in two: the first two bytes are the length of the first part. */
static size_t cut(const uint8_t **data, size_t *size) {
  if (*size < 2) return *size = 0;
  size_t first = (size_t)(*data)[0] | (size_t)(*data)[1] << 8;
  *data += 2;
  *size -= 2;
  return first < *size ? first : *size;
}

/* Images and labels, gzipped or not. */
void fuzz_idx(const uint8_t *data, size_t size) {
  const size_t first = cut(&data, &size);
  symo_context *context = fuzz_context();
  symo_data_options options = symo_data_options_default();
  symo_dataset out = {.examples = 0};
  unsigned char *bytes = NULL;
  size_t length = 0;
  const char *path = fuzz_file("train-images-idx3-ubyte", data, first);
  (void)fuzz_file("train-labels-idx1-ubyte", data + first, size - first);
  symo_status status = symo_data_slurp(context, path, NULL, &bytes, &length);
  fuzz_detail(context, status);
  if (status == SYMO_OK && symo_data_is_idx(bytes, length))
    fuzz_detail(context, symo_data_read_idx(context, path, bytes, length, &options, &out));
  symo_free(bytes);
  symo_data_drop(&out);
  fuzz_end(context);
}

/* ---- tokens ---- */

/* vocab.json and merges.txt. */
void fuzz_byte_pairs(const uint8_t *data, size_t size) {
  static const char text[] = "hello, hello world 12\n";
  const size_t first = cut(&data, &size);
  symo_context *context = fuzz_context();
  gpt_bpe bpe = {.size = 0};
  uint32_t *ids = NULL;
  size_t count = 0;
  const char *vocab = fuzz_file("vocab", data, first);
  const char *merges = fuzz_file("merges", data + first, size - first);
  symo_status status = gpt_bpe_load(context, vocab, merges, &bpe);
  fuzz_detail(context, status);
  if (status == SYMO_OK) {
    status = gpt_bpe_encode(context, &bpe, "text", text, strlen(text), &ids, &count);
    fuzz_detail(context, status);
    for (size_t i = 0; status == SYMO_OK && i < count; i++) FUZZ_CHECK(ids[i] < bpe.size);
  }
  symo_free(ids);
  gpt_bpe_drop(&bpe);
  fuzz_end(context);
}

/* The tokens of a checkpoint; the same bytes are a text too. */
void fuzz_tokenizer(const uint8_t *data, size_t size) {
  symo_context *context = fuzz_context();
  gpt_tokenizer *tokenizer = NULL, *again = NULL;
  uint32_t *ids = NULL;
  size_t count = 0;
  char *text = fuzz_text(data, size), *json = NULL;
  if (strstr(text, "vocab") == NULL) /* reads no files */
    fuzz_detail(context, gpt_tokenizer_from_json(context, "file", text, &tokenizer));
  gpt_tokenizer_destroy(tokenizer);
  tokenizer = NULL;
  symo_status status = gpt_tokenizer_create_characters(context, "file", text, size, &tokenizer);
  fuzz_detail(context, status);
  if (status == SYMO_OK) {
    FUZZ_CHECK(gpt_tokenizer_encode(context, tokenizer, "file", text, size, &ids, &count) ==
               SYMO_OK);
    for (size_t i = 0, at = 0; i < count; i++) {
      size_t length = 0;
      const char *bytes = gpt_tokenizer_decode(tokenizer, ids[i], &length);
      FUZZ_CHECK(at + length <= size && memcmp(bytes, text + at, length) == 0);
      at += length;
    }
    FUZZ_CHECK(gpt_tokenizer_to_json(context, tokenizer, &json) == SYMO_OK);
    FUZZ_CHECK(gpt_tokenizer_from_json(context, "file", json, &again) == SYMO_OK);
    FUZZ_CHECK(gpt_tokenizer_size(again) == gpt_tokenizer_size(tokenizer));
  }
  symo_free(ids);
  symo_free(json);
  gpt_tokenizer_destroy(again);
  gpt_tokenizer_destroy(tokenizer);
  free(text);
  fuzz_end(context);
}

/* ---- graphs and networks ---- */

static void infer(symo_context *context, const graph *g) {
  sym_proposal *proposal = NULL;
  symo_layout *layout = NULL;
  fuzz_detail(context, sym_infer(g, 0, &proposal));
  if (proposal != NULL) fuzz_detail(context, sym_proposal_layout(context, proposal, &layout));
  symo_layout_destroy(layout);
  sym_proposal_destroy(proposal);
}

void fuzz_graph(const uint8_t *data, size_t size) {
  symo_context *context = fuzz_context();
  graph *g = NULL;
  char *text = fuzz_text(data, size);
  fuzz_detail(context, graph_parse_json(context, "file", text, size, &g));
  if (g != NULL) infer(context, g);
  graph_destroy(g);
  free(text);
  fuzz_end(context);
}

void fuzz_network(const uint8_t *data, size_t size) {
  static symo_net_spec spec, again;
  symo_context *context = fuzz_context();
  graph *g = NULL;
  char *text = fuzz_text(data, size), written[4096], rewritten[4096];
  spec = again = symo_net_spec_default();
  symo_status status = symo_net_parse(context, text, &spec);
  fuzz_detail(context, status);
  if (status == SYMO_OK) {
    symo_net_text(&spec, written, sizeof written);
    if (strlen(written) + 1 < sizeof written) {
      FUZZ_CHECK(symo_net_parse(context, written, &again) == SYMO_OK);
      symo_net_text(&again, rewritten, sizeof rewritten);
      FUZZ_CHECK(strcmp(written, rewritten) == 0);
    }
    fuzz_detail(context, graph_of_net(context, &spec, &g));
    if (g != NULL) infer(context, g);
  }
  graph_destroy(g);
  free(text);
  fuzz_end(context);
}

/* ---- runs and the command line ---- */

void fuzz_run_json(const uint8_t *data, size_t size) {
  symo_context *context = fuzz_context();
  json_t *object = NULL, *written = NULL;
  static train_spec spec, again;
  char *text = fuzz_text(data, size);
  symo_status status = symo_json_parse(context, "run.json", text, size, &object);
  fuzz_detail(context, status);
  if (status == SYMO_OK) {
    status = train_spec_from_json(context, "run.json", object, &spec);
    fuzz_detail(context, status);
  }
  if (status == SYMO_OK) {
    written = train_spec_to_json(&spec);
    FUZZ_CHECK(written != NULL);
    FUZZ_CHECK(train_spec_from_json(context, "run.json", written, &again) == SYMO_OK);
  }
  json_decref(written);
  json_decref(object);
  free(text);
  fuzz_end(context);
}

/* The command line, a word a line; what it asks for is not done. */
void fuzz_command(const uint8_t *data, size_t size) {
#define FUZZ_ROW(name) &cli_command_##name,
  static const cli_command *const commands[] = {CLI_COMMAND_LIST(FUZZ_ROW)};
  enum { WORDS = 64, COMMANDS = sizeof commands / sizeof *commands };
  char *text = fuzz_text(data, size), *words[WORDS];
  int count = 0;
  cli c;
  memset(&c, 0, sizeof c);
  c.context = fuzz_context();
  for (char *at = size > 0 ? text + 1 : NULL; at != NULL && count < WORDS;) {
    words[count++] = at;
    at = strchr(at, '\n');
    if (at != NULL) *at++ = '\0';
  }
  const int code = cli_parse(&c, commands[size > 0 ? data[0] % COMMANDS : 0], count, words);
  FUZZ_CHECK(code == CLI_DONE || code == CLI_USAGE);
  cli_release(&c);
  free(text);
  fuzz_end(c.context);
}
