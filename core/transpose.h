#ifndef SYMO_CORE_TRANSPOSE_H
#define SYMO_CORE_TRANSPOSE_H

#include <stddef.h>
#include <string.h>

#include "core/vector.h"

/* For kernels: symo_transpose_f32, symo_transpose_f64.  y[j ys + i] := x[i xs + j] for i, j below
 * SYMO_TRANSPOSE: eight shuffles for sixteen numbers.  symo_mirror_f32, symo_mirror_f64: what rows
 * [first, end) and columns [j, last) of a row-major p [n, n] have below the diagonal, to above
 * it. */
enum { SYMO_TRANSPOSE = 4 };

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define SYMO_SHUFFLES
#endif
#endif

#define SYMO_KERNELS "core/transpose.inc"
#include "core/real.h"

#endif
