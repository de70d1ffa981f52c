/* Hashes, against published values. */
#include "core/hash.h"

#include "tests/support/testing.h"

/* The sequence for seed 1234567, as Vigna's splitmix64.c prints it; and that for seed 0. */
Test(hash, splitmix64) {
  static const uint64_t published[] = {6457827717110365317u, 3203168211198807973u,
                                       9817491932198370423u, 4593380528125082431u,
                                       16408922859458223821u};
  for (uint64_t n = 0; n < 5; n++) cr_assert(symo_hash_join(1234567, n) == published[n]);
  cr_assert(symo_hash_join(0, 0) == 0xe220a8397b1dcdafu);
  cr_assert(symo_hash_join(0, 1) == 0x6e789e6aa1b965f4u);
  cr_assert(symo_hash_mix(0) == 0 && symo_hash(0) == 0xe220a8397b1dcdafu);
}

/* The test vectors of draft-eastlake-fnv. */
Test(hash, fnv_1a) {
  static const struct {
    const char *text;
    uint64_t hash;
  } published[] = {
      {"", 0xcbf29ce484222325u}, {"a", 0xaf63dc4c8601ec8cu}, {"foobar", 0x85944171f73967e8u}};
  for (size_t i = 0; i < 3; i++)
    cr_assert(symo_hash_bytes(published[i].text, strlen(published[i].text)) == published[i].hash);
  cr_assert(symo_hash_bytes("\0", 1) == 0xaf63bd4c8601b7dfu); /* (basis ^ 0) * prime */
}
