/* Kernels of float32 and float64 from one source.  A file with kernels writes
 *
 *     #define SYMO_KERNELS "core/nd_kernels.inc"
 *     #include "core/real.h"
 *
 * and the .inc file is compiled twice.  It writes `real` for the type of the numbers, KERNEL(axpy)
 * for a function, which becomes axpy_f32 and axpy_f64, and MATH(sqrt) for sqrtf or sqrt.  Sums in
 * float64 say (double)x, results (real)x: one of the two casts changes nothing. */
#define real float
#define KERNEL(name) name##_f32
#define MATH(name) name##f
#include SYMO_KERNELS
#undef real
#undef KERNEL
#undef MATH
#define real double
#define KERNEL(name) name##_f64
#define MATH(name) name
#include SYMO_KERNELS
#undef real
#undef KERNEL
#undef MATH
#undef SYMO_KERNELS

/* Calls the kernel of the type that is chosen at run time. */
#ifndef SYMO_BY_TYPE
#define SYMO_BY_TYPE(dtype, name, ...)                                                             \
  ((dtype) == SYMO_F32 ? name##_f32(__VA_ARGS__) : name##_f64(__VA_ARGS__))
#endif
