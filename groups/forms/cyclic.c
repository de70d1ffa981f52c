/* The cyclic group C_d: the shifts of d positions on a ring, as under circular padding.
 *
 * Along one axis the orthogonal matrix F of the real discrete Fourier transform has the rows
 *     trivial      1 / sqrt(d)
 *     wave k       sqrt(2/d) cos(2 pi k i / d),  sqrt(2/d) sin(2 pi k i / d)   for 0 < 2k < d
 *     alternating  (-1)^i / sqrt(d)                                            for even d
 * A shift by one turns the pair (a, b) of wave k by 2 pi k / d.  Quarter turns J (a, b) = (-b, a)
 * commute with that, so waves are of complex type (n = 2, n / type = 1) and are held as X and J X,
 * over sqrt(2).
 *
 * On several axes the entries with i2 - i1 = s2, i3 - i1 = s3, .. are shifted among themselves: for
 * every tuple of shifts s the sequence i -> x[i, i + s2, ..] is another copy of R^d.  Copies are
 * numbered [1, J][s2][s3].. .  Check: d^(p-1) (1 + 2 (d-1)/2 + [d even]) = d^p. */
#include <math.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "groups/generators.h"
#include "groups/group.h"

enum { TRIVIAL, ALTERNATING, WAVE, AXES = 4, TILE = 64 };

static size_t shifts(size_t d, int order) {
  size_t count = 1;
  for (int a = 1; a < order; a++) count *= d;
  return count;
}

static int irreps(const symo_group *self, size_t d, symo_irrep *out) {
  out[TRIVIAL] = (symo_irrep){.name = "trivial", .dim = 1, .count = 1};
  out[ALTERNATING] = (symo_irrep){.name = "alternating", .dim = d % 2 ? 0 : 1, .count = 1};
  out[WAVE] = (symo_irrep){.name = "wave",
                           .dim = 1,
                           .count = (d - 1) / 2,
                           .family = true,
                           .ambient = 1,
                           .frame = {2},
                           .type = 2};
  return 3;
}

static int components(const symo_group *self, size_t d, int order, symo_component *out) {
  size_t copies = shifts(d, order);
  int n = 0;
  out[n++] = (symo_component){TRIVIAL, copies};
  if (d % 2 == 0) out[n++] = (symo_component){ALTERNATING, copies};
  if (d > 2) out[n++] = (symo_component){WAVE, 2 * copies};
  return n;
}

/* Between x [i1, i2, .., lanes] and the sequences [i1, s2, .., lanes], s_a = i_a - i1 modulo d: for
 * every i1 each further axis falls into a part that goes round the ring and one that does not. */
static void unroll(int order, symo_nd x, symo_nd along, double alpha, bool back) {
  size_t d = x.n[0];
  for (size_t i = 0; i < d; i++)
    for (int round = 0; round < 1 << (order - 1); round++) {
      symo_nd from = symo_nd_pick(x, 0, i), to = symo_nd_pick(along, 0, i);
      for (int a = 0; a + 1 < order; a++) {
        bool wraps = round >> a & 1;
        size_t n = wraps ? i : d - i;
        from = symo_nd_slice(from, a, wraps ? 0 : i, n);
        to = symo_nd_slice(to, a, wraps ? d - i : 0, n);
      }
      if (back)
        symo_nd_axpy(alpha, to, from);
      else
        symo_nd_copy(alpha, from, to);
    }
}

/* F[row, i], from angles within half a turn: cosines come out even and sines odd to the last bit.
 */
static double fourier(size_t d, size_t row, size_t i) {
  const double turn = 6.283185307179586476925;
  size_t k = (row + 1) / 2, at = k * i % d, least = at < d - at ? at : d - at;
  if (row == 0) return 1 / sqrt((double)d);
  if (2 * k == d) return (at == 0 ? 1 : -1) / sqrt((double)d);
  double angle = turn * (double)least / (double)d, scale = sqrt(2 / (double)d);
  if (row % 2 == 1) return scale * cos(angle);
  return at == least ? scale * sin(angle) : -scale * sin(angle);
}

static size_t first_row(size_t d, int irrep, size_t first) {
  return irrep == TRIVIAL ? 0 : irrep == ALTERNATING ? d - 1 : 1 + 2 * first;
}

/* rows = F[row ..] along, or (back) along = F[row ..]' rows; tiles of F are made as they are
 * needed.
 */
static void transform(symo_dtype t, size_t row, symo_mat rows, symo_mat along, bool back) {
  double tile[TILE * TILE];
  size_t d = along.rows;
  for (size_t r = 0; r < rows.rows; r += TILE)
    for (size_t i = 0; i < d; i += TILE) {
      size_t m = rows.rows - r < TILE ? rows.rows - r : TILE, n = d - i < TILE ? d - i : TILE;
      for (size_t k = 0; k < m * n; k++)
        symo_put(t, tile, k, fourier(d, row + r + k / n, i + k % n));
      symo_mat f = symo_mat_dense(tile, m, n), some = symo_mat_rows(t, rows, r, m);
      symo_mat part = symo_mat_rows(t, along, i, n);
      if (back)
        symo_gemm(t, 1, symo_mat_t(f), some, r > 0, part);
      else
        symo_gemm(t, 1, f, part, i > 0, some);
    }
}

/* Sequences, then rows of their transform. */
static size_t reduced(const symo_group *self, size_t d, int order) {
  return 2 * d * shifts(d, order);
}

static void reduce(const symo_group *self, int order, symo_nd x, symo_nd red) {
  unroll(order, x, symo_nd_dense(x.dtype, red.p, x.nd, x.n), 1, false);
}

/* The rows for given coordinates, behind `before` numbers; those of a wave have no J. */
static symo_nd rows_for(symo_nd coordinates, int irrep, symo_nd work, size_t before) {
  symo_nd x = coordinates;
  if (irrep == WAVE) x.n[2] /= 2;
  return symo_nd_dense(x.dtype, symo_at(x.dtype, work.p, (ptrdiff_t)before), x.nd, x.n);
}

static symo_mat as_matrix(symo_nd dense, size_t rows) {
  return symo_mat_dense(dense.p, rows, symo_nd_size(&dense) / rows);
}

/* Part (0: cosine, 1: sine) of X or J X: coordinates [waves, 2, copies, lanes]. */
static symo_nd part_of(symo_nd coordinates, int unit, size_t part) {
  size_t copies = coordinates.n[2] / 2;
  symo_nd x = symo_nd_slice(coordinates, 2, unit == 1 ? copies : 0, copies);
  return symo_nd_pick(x, 1, part);
}

static void analyze(const symo_group *self, int order, int irrep, symo_nd x, symo_nd red,
                    size_t first, symo_nd out) {
  size_t d = x.n[0], whole = symo_nd_size(&x);
  symo_nd rows = rows_for(out, irrep, red, whole);
  symo_mat along = symo_mat_dense(red.p, d, whole / d);
  transform(x.dtype, first_row(d, irrep, first), as_matrix(rows, irrep == WAVE ? 2 * out.n[0] : 1),
            along, false);
  if (irrep != WAVE) {
    symo_nd_copy(1, rows, out);
    return;
  }
  symo_nd a = symo_nd_pick(rows, 1, 0), b = symo_nd_pick(rows, 1, 1);
  symo_nd_copy(sqrt(0.5), a, part_of(out, 0, 0));
  symo_nd_copy(sqrt(0.5), b, part_of(out, 0, 1));
  symo_nd_copy(-sqrt(0.5), b, part_of(out, 1, 0));
  symo_nd_copy(sqrt(0.5), a, part_of(out, 1, 1));
}

static void synthesize(const symo_group *self, int order, int irrep, symo_nd x, symo_nd work,
                       symo_nd out) {
  size_t d = out.n[0], whole = symo_nd_size(&out);
  symo_nd rows = rows_for(x, irrep, work, whole);
  if (irrep != WAVE) {
    symo_nd_copy(1, x, rows);
  } else {
    symo_nd a = symo_nd_pick(rows, 1, 0), b = symo_nd_pick(rows, 1, 1);
    symo_nd_copy(sqrt(0.5), part_of(x, 0, 0), a);
    symo_nd_axpy(sqrt(0.5), part_of(x, 1, 1), a);
    symo_nd_copy(sqrt(0.5), part_of(x, 0, 1), b);
    symo_nd_axpy(-sqrt(0.5), part_of(x, 1, 0), b);
  }
  symo_nd along = symo_nd_dense(out.dtype, work.p, out.nd, out.n);
  transform(out.dtype, first_row(d, irrep, 0), as_matrix(rows, irrep == WAVE ? 2 * x.n[0] : 1),
            as_matrix(along, d), true);
  unroll(order, out, along, 1, true);
}

/* Every copy of an irrep covers the entries of its shift evenly: cos^2 + sin^2 = 1.  X and J X are
 * orthogonal to each other and different shifts share no entry, so nothing is crossed. */
static void diagonal(const symo_group *self, int order, int irrep, symo_nd m, symo_nd out,
                     void *work) {
  size_t d = out.n[0], units = irrep == WAVE ? 2 : 1;
  if (irrep != WAVE) m = symo_nd_insert(m, 0, 1, 0);
  ptrdiff_t stride = m.s[1];
  m = symo_nd_pick(symo_nd_move(m, 0, m.nd - 1), 0, 0); /* [lanes, waves] */
  m = symo_nd_insert(m, m.nd, units, stride * (ptrdiff_t)shifts(d, order));
  for (int a = 1; a < order; a++, stride *= (ptrdiff_t)d) m = symo_nd_insert(m, 0, d, stride);
  symo_nd sum = symo_nd_insert(out, out.nd, m.n[m.nd - 2], 0); /* over waves and units */
  sum = symo_nd_insert(sum, sum.nd, units, 0);
  unroll(order, sum, symo_nd_insert(m, 0, d, 0), 1 / (double)d, true);
}

static symo_status element_sample(const symo_group *self, size_t dim, symo_rng *rng, double *g,
                                  void *work) {
  size_t by = (size_t)symo_rng_below(rng, dim);
  symo_monomial_identity(self, dim, g);
  for (size_t i = 0; i < dim; i++) g[i] = (double)((i + by) % dim);
  return SYMO_OK;
}

static symo_status generators(const symo_group *self, size_t dim, generator_set *out) {
  if (dim < 2) return SYMO_OK;
  size_t *image = symo_malloc(dim * sizeof *image);
  if (image == NULL) return symo_fail_memory(out->context, "generators");
  for (size_t i = 0; i < dim; i++) image[i] = (i + 1) % dim;
  symo_status status = symo_generator_set_add_monomial(out, image, NULL);
  symo_free(image);
  return status;
}

const symo_group symo_group_cyclic = {
    .name = "cyclic",
    .summary = "the cyclic group C_d: shifts the d coordinates round a ring",
    .irreps_text = "trivial (1), alternating (1, for even d), (d-1)/2 waves of complex type (2)",
    .average = "the circulant matrix with the means of x_i y_{i+s}",
    .exact = "positions under circular padding",
    .max_axes = AXES,
    .irreps = irreps,
    .components = components,
    .reduced = reduced,
    .reduce = reduce,
    .analyze = analyze,
    .synthesize = synthesize,
    .diagonal = diagonal,
    .element_size = symo_monomial_size,
    .element_identity = symo_monomial_identity,
    .element_sample = element_sample,
    .generators = generators,
    .act = symo_monomial_act,
};
