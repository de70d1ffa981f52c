/* The checksum of files: CRC-64/XZ. */
#include "io/checksum.h"

#include <stdint.h>

#include "tests/support/testing.h"

Test(io_checksum, has_its_check_value) {
  symo_checksum sum;
  symo_checksum_start(&sum);
  cr_assert_eq(symo_checksum_value(&sum), 0);
  symo_checksum_add(&sum, "123456789", 9);
  cr_assert_eq(symo_checksum_value(&sum), 0x995DC9BBDF1939FAu);
}

/* In pieces of any length, and against the definition bit by bit. */
Test(io_checksum, in_pieces) {
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, 8);
  unsigned char bytes[300];
  for (size_t i = 0; i < sizeof bytes; ++i) bytes[i] = (unsigned char)symo_rng_below(rng, 256);
  uint64_t wanted = ~(uint64_t)0;
  for (size_t i = 0; i < sizeof bytes; ++i)
    for (int bit = 0; bit < 8; ++bit) {
      uint64_t low = (wanted ^ (uint64_t)(bytes[i] >> bit)) & 1;
      wanted = wanted >> 1 ^ (low ? 0xC96C5795D7870F42u : 0);
    }
  for (int round = 0; round < 50; ++round) {
    symo_checksum sum;
    symo_checksum_start(&sum);
    for (size_t at = 0; at < sizeof bytes;) {
      size_t n = (size_t)symo_rng_below(rng, 40);
      if (n > sizeof bytes - at) n = sizeof bytes - at;
      symo_checksum_add(&sum, bytes + at, n);
      at += n;
    }
    cr_assert_eq(symo_checksum_value(&sum), ~wanted);
  }
  symo_rng_destroy(rng);
  symo_context_destroy(context);
  cr_no_leaks();
}
