/* CRC-64 with the polynomial of ECMA-182, least significant bit first, start and end inverted: the
 * remainder of the message over GF(2).  Eight bytes a turn: table[k][b] is what byte b gives k
 * bytes further on (Kounavis, Berry 2008, "slicing by 8").  Check value: "123456789" gives
 * 0x995DC9BBDF1939FA. */
#include "io/checksum.h"

#include <string.h>

static const uint64_t polynomial = 0xC96C5795D7870F42u; /* bits reversed */

void symo_checksum_start(symo_checksum *sum) {
  for (uint64_t byte = 0; byte < 256; ++byte) {
    uint64_t x = byte;
    for (int bit = 0; bit < 8; ++bit) x = (x & 1) != 0 ? x >> 1 ^ polynomial : x >> 1;
    sum->table[0][byte] = x;
  }
  for (int k = 1; k < 8; ++k)
    for (int byte = 0; byte < 256; ++byte) {
      uint64_t x = sum->table[k - 1][byte];
      sum->table[k][byte] = x >> 8 ^ sum->table[0][x & 255];
    }
  sum->value = ~(uint64_t)0;
}

void symo_checksum_add(symo_checksum *sum, const void *bytes, size_t count) {
  const unsigned char *p = bytes;
  const uint64_t(*t)[256] = (const uint64_t(*)[256])sum->table;
  uint64_t x = sum->value;
  for (; count >= 8; count -= 8, p += 8) {
    uint64_t word; /* little-endian, as everywhere in io/ */
    memcpy(&word, p, sizeof word);
    word ^= x;
    x = t[7][word & 255] ^ t[6][word >> 8 & 255] ^ t[5][word >> 16 & 255] ^ t[4][word >> 24 & 255] ^
        t[3][word >> 32 & 255] ^ t[2][word >> 40 & 255] ^ t[1][word >> 48 & 255] ^ t[0][word >> 56];
  }
  for (; count > 0; --count) x = x >> 8 ^ sum->table[0][(x ^ *p++) & 255];
  sum->value = x;
}

uint64_t symo_checksum_value(const symo_checksum *sum) { return ~sum->value; }
