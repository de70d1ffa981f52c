/* Targets: files of operators, of generators, of weights, of tokens, and the lines of a run.  See
 * targets.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <symo/symo.h>
#include <unistd.h>

#include "core/alloc.h"
#include "experiments/data/shards.h"
#include "experiments/gpt/weights.h"
#include "experiments/train/metrics.h"
#include "tests/fuzz/targets.h"

enum { MOST_PARAMETERS = 48 };

/* Both are NaN, or they are the same. */
static bool same(double a, double b) { return isnan(a) ? isnan(b) : a == b; }

/* ---- operators ---- */

void fuzz_lowrank_file(const uint8_t *data, size_t size) {
  symo_context *context = fuzz_context();
  symo_lowrank *h = NULL, *again = NULL;
  char *once = NULL, *twice = NULL;
  const char *other = fuzz_path("again");
  symo_status status = symo_lowrank_read(context, fuzz_file("file", data, size), &h);
  fuzz_detail(context, status);
  FUZZ_CHECK((h != NULL) == (status == SYMO_OK));
  if (h != NULL) {
    FUZZ_CHECK(symo_lowrank_write(h, other) == SYMO_OK);
    FUZZ_CHECK(symo_lowrank_read(context, other, &again) == SYMO_OK);
    FUZZ_CHECK(symo_lowrank_describe(h, &once) == SYMO_OK);
    FUZZ_CHECK(symo_lowrank_describe(again, &twice) == SYMO_OK);
    FUZZ_CHECK(strcmp(once, twice) == 0);
    FUZZ_CHECK(same(symo_lowrank_trace(h), symo_lowrank_trace(again)));
  }
  symo_free(once);
  symo_free(twice);
  symo_lowrank_destroy(again);
  symo_lowrank_destroy(h);
  fuzz_end(context);
}

/* What is read can be asked: eigenvalues, products, roots. */
static void try_kfac(symo_context *context, const symo_kfac *kfac) {
  double values[MOST_PARAMETERS], x[MOST_PARAMETERS], y[MOST_PARAMETERS];
  const size_t n = symo_kfac_size(kfac);
  if (n == 0 || n > MOST_PARAMETERS) return;
  for (size_t i = 0; i < n; i++) x[i] = (double)i - 3;
  fuzz_detail(context, symo_kfac_eigenvalues(kfac, values));
  fuzz_detail(context, symo_kfac_matvec(kfac, x, y));
  fuzz_detail(context, symo_kfac_power(kfac, -0.5, SYMO_KFAC_EXACT, 1e-3, x, y));
}

void fuzz_kfac_file(const uint8_t *data, size_t size) {
  symo_context *context = fuzz_context();
  symo_kfac *kfac = NULL, *again = NULL;
  const char *other = fuzz_path("again");
  symo_status status = symo_kfac_read(context, fuzz_file("file", data, size), &kfac);
  fuzz_detail(context, status);
  FUZZ_CHECK((kfac != NULL) == (status == SYMO_OK));
  if (kfac != NULL) {
    try_kfac(context, kfac);
    FUZZ_CHECK(symo_kfac_write(kfac, other) == SYMO_OK);
    FUZZ_CHECK(symo_kfac_read(context, other, &again) == SYMO_OK);
    FUZZ_CHECK(symo_kfac_size(again) == symo_kfac_size(kfac));
    FUZZ_CHECK(same(symo_kfac_trace(again), symo_kfac_trace(kfac)));
    FUZZ_CHECK(same(symo_kfac_stored(again), symo_kfac_stored(kfac)));
  }
  symo_kfac_destroy(again);
  symo_kfac_destroy(kfac);
  fuzz_end(context);
}

/* "generators_file" of a custom group. */
void fuzz_generators(const uint8_t *data, size_t size) {
  static const char text[] =
      "{\"spaces\": {\"h\": {\"dim\": 3, \"group\": \"custom\", \"generators_file\": \"file\"}}, "
      "\"tensors\": [{\"name\": \"b\", \"axes\": [\"h\"]}]}";
  symo_context *context = fuzz_context();
  symo_layout *layout = NULL, *again = NULL;
  char *json = NULL;
  static const char *path;
  (void)fuzz_file("file", data, size);
  if (path == NULL) path = fuzz_file("layout.json", (const uint8_t *)text, strlen(text));
  symo_status status = symo_layout_read_json(context, path, &layout);
  fuzz_detail(context, status);
  if (layout != NULL) {
    FUZZ_CHECK(symo_layout_to_json(layout, &json) == SYMO_OK);
    FUZZ_CHECK(symo_layout_from_json(context, json, &again) == SYMO_OK);
  }
  symo_free(json);
  symo_layout_destroy(again);
  symo_layout_destroy(layout);
  fuzz_end(context);
}

/* ---- transformers: weights and tokens ---- */

void fuzz_weights(const uint8_t *data, size_t size) {
  symo_context *context = fuzz_context();
  const gpt_weights_options options = {.dtype = SYMO_ANY};
  gpt_weights weights = {.count = 0};
  symo_status status = gpt_weights_read(context, fuzz_file("file", data, size), &options, &weights);
  fuzz_detail(context, status);
  /* Every parameter has at least two bytes in the file, but for tied heads and biases. */
  FUZZ_CHECK(status != SYMO_OK || weights.count <= 2 * size);
  gpt_weights_drop(&weights);
  fuzz_end(context);
}

void fuzz_shards(const uint8_t *data, size_t size) {
  symo_context *context = fuzz_context();
  gpt_text text = {.count = 0};
  size_t room = 0;
  const char *path = fuzz_file("file.bin", data, size);
  for (int i = 0; i < 2; i++) { /* the second one stands behind the first */
    symo_status status = symo_shard_add(context, path, NULL, &room, &text);
    fuzz_detail(context, status);
    FUZZ_CHECK(text.count <= (size_t)(i + 1) * size && text.count <= room);
  }
  symo_free(text.ids);
  fuzz_end(context);
}

/* ---- lines of a run ---- */

/* The first byte is the step that a run goes on from. */
void fuzz_metrics(const uint8_t *data, size_t size) {
  static const char *const keys[] = {"loss", "tokens_per_s"};
  symo_context *context = fuzz_context();
  train_curve curve = {.count = 0};
  train_metrics metrics = {.context = NULL};
  double medians[2], seconds, optimizer_seconds;
  const uint64_t step = size > 0 ? data[0] % 8 : 0;
  (void)fuzz_file("metrics.jsonl", size > 0 ? data + 1 : data, size > 0 ? size - 1 : 0);
  symo_status status = train_curve_read(context, fuzz_folder(), &curve);
  fuzz_detail(context, status);
  FUZZ_CHECK(status != SYMO_OK || curve.count <= size);
  train_curve_drop(&curve);
  fuzz_detail(context, train_metrics_medians(context, fuzz_folder(), 2, keys, medians));
  status = train_metrics_open(context, fuzz_folder(), step, &metrics, &seconds, &optimizer_seconds);
  fuzz_detail(context, status);
  FUZZ_CHECK(status == SYMO_OK && metrics.lost <= step); /* what is damaged is mended */
  if (metrics.damaged != NULL) FUZZ_CHECK(unlink(metrics.damaged) == 0);
  train_metrics_close(&metrics);
  FUZZ_CHECK(train_curve_read(context, fuzz_folder(), &curve) ==
             SYMO_OK); /* the lines that it needs */
  FUZZ_CHECK(curve.count == step);
  train_curve_drop(&curve);
  fuzz_end(context);
}
