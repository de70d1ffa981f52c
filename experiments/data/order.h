#ifndef SYMO_EXPERIMENTS_DATA_ORDER_H
#define SYMO_EXPERIMENTS_DATA_ORDER_H

#include <stddef.h>
#include <stdint.h>
#include <symo/symo.h>

/* Which examples a step takes, seeds for what is random in a run, and checksums of data. */

enum { SYMO_DATA_CHECKSUM = 17 };

/* What random numbers are for: each use has its own stream of the seed. */
typedef enum symo_data_stream {
  SYMO_STREAM_DATA = 1,
  SYMO_STREAM_TEACHER,
  SYMO_STREAM_INIT,
  SYMO_STREAM_ORDER,
  SYMO_STREAM_DROPOUT,
  SYMO_STREAM_EVAL
} symo_data_stream;
uint64_t symo_data_seed(uint64_t seed, symo_data_stream stream, uint64_t index);

/* Which examples a step takes: a new random order each time through the data, and what is left over
 * at its end unused.  A function of seed and step alone, so that runs can be taken up anywhere. */
typedef struct symo_data_order {
  symo_context *context;
  uint64_t seed, epoch; /* epoch: whose order is in rows; UINT64_MAX: none yet */
  size_t examples, batch;
  size_t *rows;
} symo_data_order;

symo_status symo_data_order_create(symo_context *context, uint64_t seed, size_t examples,
                                   size_t batch, symo_data_order *out);
void symo_data_order_drop(symo_data_order *order); /* {0} is accepted */
symo_status symo_data_order_batch(symo_data_order *order, uint64_t step, const size_t **rows);

/* CRC-64/XZ in 16 hexadecimal digits: of a text its bytes, of examples their numbers. */
typedef struct symo_data_bytes {
  const void *data;
  size_t size;
} symo_data_bytes;
void symo_data_checksum(size_t count, const symo_data_bytes *parts, char text[SYMO_DATA_CHECKSUM]);

#endif
