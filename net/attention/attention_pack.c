/* Copies between the network's strided rows and contiguous workspace. */
#include "net/attention/attention.h"

#include <string.h>

#include "core/vector.h"

enum { LANES = SYMO_ATTENTION_LANES, SQUARE = 16 };

/* Rows of two arrays, from .. to numbers apart. */
typedef struct extent {
  size_t rows, cols, room;
  ptrdiff_t from, to;
} extent;

#define SYMO_KERNELS "net/attention/attention_pack.inc"
#include "core/real.h"

void symo_attention_pack(symo_dtype dtype, double factor, symo_mat from, symo_mat to) {
  const extent at = {from.rows, from.cols, to.cols, from.rs, to.rs};
  SYMO_BY_TYPE(dtype, scale, &at, factor, NULL, from.p, to.p);
  if (to.rows > from.rows)
    memset(symo_at(dtype, to.p, (ptrdiff_t)from.rows * to.rs), 0,
           (to.rows - from.rows) * to.cols * symo_dtype_size(dtype));
}

void symo_attention_unpack(symo_dtype dtype, double factor, const void *over, symo_mat from,
                           symo_mat to) {
  const extent at = {to.rows, to.cols, to.cols, from.rs, to.rs};
  SYMO_BY_TYPE(dtype, scale, &at, factor, over, from.p, to.p);
}

void symo_attention_turn(symo_dtype dtype, symo_mat from, symo_mat to) {
  if (to.rows > from.cols || to.cols > from.rows)
    memset(to.p, 0, to.rows * to.cols * symo_dtype_size(dtype));
  SYMO_BY_TYPE(dtype, turn, from, to.p, to.cols);
}

void symo_attention_dots(symo_dtype dtype, symo_mat a, symo_mat b, void *out) {
  const extent at = {a.rows, a.cols, a.cols, a.rs, b.rs};
  SYMO_BY_TYPE(dtype, dots, &at, a.p, b.p, out);
}
