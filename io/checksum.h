#ifndef SYMO_IO_CHECKSUM_H
#define SYMO_IO_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* CRC-64/XZ, computed in pieces.  Check value: 995DC9BBDF1939FA for "123456789".  It detects every
 * error within 64 consecutive bits, and any other error with probability 1 - 2^-64. */
typedef struct symo_checksum {
  uint64_t value;
  uint64_t table[8][256];
} symo_checksum;

void symo_checksum_start(symo_checksum *sum);
void symo_checksum_add(symo_checksum *sum, const void *bytes, size_t count);
uint64_t symo_checksum_value(const symo_checksum *sum);

#endif
