#ifndef SYMO_CORE_HASH_H
#define SYMO_CORE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Hashes of 64 bits; none of them resists an adversary. */

#define SYMO_GOLDEN UINT64_C(0x9e3779b97f4a7c15) /* 2^64 over the golden ratio, odd */

/* The finaliser of SplitMix64 (Steele, Lea, Flood 2014), a bijection: each bit of x changes about
 * half of the bits of the result. */
static inline uint64_t symo_hash_mix(uint64_t x) {
  x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
  return x ^ x >> 31;
}

/* The first number of SplitMix64 with this seed: unlike the finaliser it moves 0. */
static inline uint64_t symo_hash(uint64_t x) { return symo_hash_mix(x + SYMO_GOLDEN); }

/* Number n, from 0, of the sequence of SplitMix64 with this seed. */
static inline uint64_t symo_hash_join(uint64_t seed, uint64_t n) {
  return symo_hash(seed + n * SYMO_GOLDEN);
}

/* FNV-1a (Fowler, Noll, Vo). */
static inline uint64_t symo_hash_bytes(const void *bytes, size_t count) {
  uint64_t h = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < count; i++)
    h = (h ^ ((const unsigned char *)bytes)[i]) * UINT64_C(0x100000001b3);
  return h;
}

#endif
