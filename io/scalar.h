#ifndef SYMO_IO_SCALAR_H
#define SYMO_IO_SCALAR_H

#include <stdbool.h>
#include <stdint.h>
#include <symo/layout.h>

/* The number types that occur in files, all little-endian, with their safetensors names. */
#define SYMO_SCALAR_LIST(X)                                                                        \
  X(F64, 8)                                                                                        \
  X(F32, 4)                                                                                        \
  X(F16, 2)                                                                                        \
  X(BF16, 2)                                                                                       \
  X(I64, 8)                                                                                        \
  X(U64, 8)                                                                                        \
  X(I32, 4)                                                                                        \
  X(U32, 4)                                                                                        \
  X(I16, 2)                                                                                        \
  X(U16, 2)                                                                                        \
  X(I8, 1)                                                                                         \
  X(U8, 1)                                                                                         \
  X(BOOL, 1)                                                                                       \
  X(F8_E4M3, 1)                                                                                    \
  X(F8_E5M2, 1)

typedef enum symo_scalar {
#define SYMO_SCALAR_ENUM(name, bytes) SYMO_SCALAR_##name,
  SYMO_SCALAR_LIST(SYMO_SCALAR_ENUM)
#undef SYMO_SCALAR_ENUM
      SYMO_SCALAR_COUNT
} symo_scalar;

const char *symo_scalar_name(symo_scalar type); /* "F64" */
size_t symo_scalar_size(symo_scalar type);      /* bytes */
bool symo_scalar_find(const char *name, symo_scalar *out);

/* F64, F32, F16 and BF16: what symo_scalar_convert takes. */
bool symo_scalar_is_real(symo_scalar type);
symo_scalar symo_scalar_of(symo_dtype dtype); /* F32 or F64 */

float symo_float_of_f16(uint16_t half);
float symo_float_of_bf16(uint16_t half);

/* dst[i] = src[i], n numbers of type `from` into n of type `to`; they must not overlap.  Equal
 * types are copied bit for bit; rounding is to nearest.  False, with the index in *bad, if a finite
 * number does not fit `to`; dst is then partly written. */
bool symo_scalar_convert(symo_scalar from, const void *src, size_t n, symo_dtype to, void *dst,
                         size_t *bad);

#endif
