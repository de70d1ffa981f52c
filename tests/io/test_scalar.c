/* Number types of files: F16 and BF16 exhaustively against the definition, conversions. */
#include "io/scalar.h"

#include <math.h>

#include "tests/support/testing.h"

/* (-1)^s 2^(e - 15) (1 + m / 1024), and its special cases, by ldexp. */
static double half_by_definition(unsigned bits) {
  unsigned exponent = (bits >> 10) & 31, mantissa = bits & 1023;
  double sign = bits >> 15 ? -1.0 : 1.0;
  if (exponent == 31) return mantissa != 0 ? (double)NAN : sign * (double)INFINITY;
  if (exponent == 0) return sign * ldexp((double)mantissa, -24);
  return sign * ldexp(1024.0 + (double)mantissa, (int)exponent - 25);
}

Test(io_scalar, f16_equals_its_definition) {
  for (unsigned bits = 0; bits < 65536; ++bits) {
    double expected = half_by_definition(bits);
    double got = (double)symo_float_of_f16((uint16_t)bits);
    bool same = isnan(expected) ? isnan(got) : got == expected && signbit(got) == signbit(expected);
    cr_assert(same, "0x%04x: %g instead of %g", bits, got, expected);
  }
}

Test(io_scalar, bf16_is_the_upper_half_of_f32) {
  for (unsigned bits = 0; bits < 65536; ++bits) {
    float got = symo_float_of_bf16((uint16_t)bits);
    uint32_t back;
    memcpy(&back, &got, 4);
    cr_assert(back == (uint32_t)bits << 16);
  }
  cr_assert(symo_float_of_bf16(0x3FC0) == 1.5f);
}

Test(io_scalar, types_are_found_by_name) {
  symo_scalar type = SYMO_SCALAR_COUNT;
  for (int i = 0; i < SYMO_SCALAR_COUNT; ++i) {
    cr_assert(symo_scalar_find(symo_scalar_name((symo_scalar)i), &type) && (int)type == i);
    cr_assert(symo_scalar_size(type) >= 1 && symo_scalar_size(type) <= 8);
  }
  cr_assert(!symo_scalar_find("F80", &type) && !symo_scalar_find("f64", &type));
}

Test(io_scalar, converts_between_all_real_types) {
  const double wide[] = {1.0, -0.0, 0.1, 1e300, (double)INFINITY};
  const float narrow[] = {1.0f, -2.5f, 1e30f};
  double d[5];
  float f[5];
  size_t bad = 99;
  cr_assert(symo_scalar_convert(SYMO_SCALAR_F64, wide, 5, SYMO_F64, d, &bad));
  cr_assert(memcmp(d, wide, sizeof wide) == 0);
  cr_assert(!symo_scalar_convert(SYMO_SCALAR_F64, wide, 5, SYMO_F32, f, &bad) && bad == 3);
  cr_assert(f[0] == 1.0f && signbit(f[1]) && f[2] == 0.1f);
  cr_assert(symo_scalar_convert(SYMO_SCALAR_F64, wide + 4, 1, SYMO_F32, f, &bad) && isinf(f[0]));
  cr_assert(symo_scalar_convert(SYMO_SCALAR_F32, narrow, 3, SYMO_F64, d, &bad));
  cr_assert(d[1] == -2.5 && d[2] == (double)1e30f);
  /* Not aligned to its type. */
  unsigned char bytes[1 + sizeof narrow];
  memcpy(bytes + 1, narrow, sizeof narrow);
  cr_assert(symo_scalar_convert(SYMO_SCALAR_F32, bytes + 1, 3, SYMO_F64, d, &bad) && d[0] == 1.0);
}
