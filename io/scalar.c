/* Number types of files.  F16 is IEEE 754 binary16: sign, 5 bits of exponent (bias 15), 10 of
 * mantissa; BF16 is the upper half of a binary32.  Check values: 0x3C00 -> 1, 0x0001 -> 2^-24,
 * 0x7BFF -> 65504. */
#include "io/scalar.h"

#include <math.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the files are little-endian and are read as they lie: this needs a little-endian machine"
#endif

static const struct {
  const char *name;
  size_t bytes;
} rows[] = {
#define SCALAR_ROW(name, bytes) {#name, bytes},
    SYMO_SCALAR_LIST(SCALAR_ROW)
#undef SCALAR_ROW
};

const char *symo_scalar_name(symo_scalar type) { return rows[type].name; }
size_t symo_scalar_size(symo_scalar type) { return rows[type].bytes; }

bool symo_scalar_find(const char *name, symo_scalar *out) {
  for (int i = 0; i < SYMO_SCALAR_COUNT; ++i) {
    if (strcmp(rows[i].name, name) != 0) continue;
    *out = (symo_scalar)i;
    return true;
  }
  return false;
}

bool symo_scalar_is_real(symo_scalar type) {
  return type == SYMO_SCALAR_F64 || type == SYMO_SCALAR_F32 || type == SYMO_SCALAR_F16 ||
         type == SYMO_SCALAR_BF16;
}

symo_scalar symo_scalar_of(symo_dtype dtype) {
  return dtype == SYMO_F32 ? SYMO_SCALAR_F32 : SYMO_SCALAR_F64;
}

static float float_of_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

float symo_float_of_bf16(uint16_t half) { return float_of_bits((uint32_t)half << 16); }

float symo_float_of_f16(uint16_t half) {
  uint32_t sign = (uint32_t)(half >> 15) << 31;
  uint32_t exponent = (half >> 10) & 31u, mantissa = half & 1023u;
  if (exponent == 31) return float_of_bits(sign | 0x7F800000u | mantissa << 13);
  if (exponent == 0) {
    float tiny = (float)mantissa * 0x1p-24f;
    return sign != 0 ? -tiny : tiny;
  }
  return float_of_bits(sign | (exponent + 112) << 23 | mantissa << 13);
}

/* Number i of an array that need not be aligned. */
static double load(symo_scalar from, const unsigned char *src, size_t i) {
  double d;
  float f;
  uint16_t h;
  switch (from) {
  case SYMO_SCALAR_F64: memcpy(&d, src + 8 * i, sizeof d); return d;
  case SYMO_SCALAR_F32: memcpy(&f, src + 4 * i, sizeof f); return (double)f;
  case SYMO_SCALAR_F16: memcpy(&h, src + 2 * i, sizeof h); return (double)symo_float_of_f16(h);
  default: memcpy(&h, src + 2 * i, sizeof h); return (double)symo_float_of_bf16(h);
  }
}

bool symo_scalar_convert(symo_scalar from, const void *src, size_t n, symo_dtype to, void *dst,
                         size_t *bad) {
  if (from == symo_scalar_of(to)) {
    if (n > 0) memcpy(dst, src, n * symo_scalar_size(from));
    return true;
  }
  for (size_t i = 0; i < n; ++i) {
    double x = load(from, src, i);
    if (to == SYMO_F64) {
      memcpy((double *)dst + i, &x, sizeof x);
      continue;
    }
    float y = (float)x;
    if (isinf(y) && isfinite(x)) {
      *bad = i;
      return false;
    }
    memcpy((float *)dst + i, &y, sizeof y);
  }
  return true;
}
