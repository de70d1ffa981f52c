/* Seeds, the order of examples, and checksums of them. */
#include "experiments/data/order.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/text.h"
#include "io/checksum.h"

/* Neighbouring seeds become unrelated. */
uint64_t symo_data_seed(uint64_t seed, symo_data_stream stream, uint64_t index) {
  return symo_hash(symo_hash(symo_hash(seed) ^ (uint64_t)stream) ^ index);
}

void symo_data_checksum(size_t count, const symo_data_bytes *parts, char text[SYMO_DATA_CHECKSUM]) {
  symo_checksum sum;
  symo_checksum_start(&sum);
  for (size_t i = 0; i < count; i++) symo_checksum_add(&sum, parts[i].data, parts[i].size);
  snprintf(text, SYMO_DATA_CHECKSUM, "%016" PRIx64, symo_checksum_value(&sum));
}

symo_status symo_data_order_create(symo_context *context, uint64_t seed, size_t examples,
                                   size_t batch, symo_data_order *out) {
  if (examples == 0 || batch > examples)
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "batch: %zu of %zu %s (take a smaller batch, or 0 for all)", batch, examples,
                     symo_plural(examples, "example", "examples"));
  size_t *rows = symo_calloc(examples, sizeof *rows);
  if (rows == NULL) return symo_fail_memory(context, "order of examples");
  *out = (symo_data_order){.context = context, .seed = seed, .epoch = UINT64_MAX};
  out->examples = examples, out->batch = batch == 0 ? examples : batch, out->rows = rows;
  return SYMO_OK;
}

void symo_data_order_drop(symo_data_order *order) {
  symo_free(order->rows);
  *order = (symo_data_order){0};
}

/* Fisher and Yates; each epoch from the order of the data, so that none needs those before. */
static symo_status shuffle(symo_data_order *order, uint64_t epoch) {
  symo_rng *rng = NULL;
  symo_status status =
      symo_rng_create(order->context, symo_data_seed(order->seed, SYMO_STREAM_ORDER, epoch), &rng);
  if (status != SYMO_OK) return status;
  for (size_t i = 0; i < order->examples; i++) order->rows[i] = i;
  for (size_t i = order->examples; i-- > 1;) {
    const size_t other = (size_t)symo_rng_below(rng, i + 1), keep = order->rows[i];
    order->rows[i] = order->rows[other];
    order->rows[other] = keep;
  }
  order->epoch = epoch;
  symo_rng_destroy(rng);
  return SYMO_OK;
}

symo_status symo_data_order_batch(symo_data_order *order, uint64_t step, const size_t **rows) {
  const uint64_t batches = order->examples / order->batch, epoch = step / batches;
  if (epoch != order->epoch) {
    symo_status status = shuffle(order, epoch);
    if (status != SYMO_OK) return status;
  }
  *rows = order->rows + (step % batches) * order->batch;
  return SYMO_OK;
}
