/* Recognises generators of a group for which the closed forms of a row of the registry hold.
 *
 * Let G be a subgroup of a group H of the registry.  Every matrix that commutes with H commutes
 * with G.  So if both commutants have the same dimension, they are the same algebra, and the
 * projections to irreps, the multiplicities and the types are the same.  Then the closed forms of H
 * hold for G, even if G is smaller than H.  For example, the alternating group has the same
 * commutant on R^d (x) R^d as S_d if d >= 6, since it acts on four points in the same way.
 *
 *   permutation         G of permutations, as many orbits on tuples as S_d: one for each way to say
 *                       which entries are equal.
 *   signed-permutation  the same with signs, where every entry must stand an even number of times.
 *   sign-flip           G of sign changes: the d characters and their products by two are all
 *                       different and not trivial.
 *   orthogonal          Lie generators turn coordinate planes that join all coordinates: the group
 *                       has SO(d), whose invariants of four vectors at most are those of O(d) for
 *                       d >= 5 (Weyl, The Classical Groups, 1946, ch. II: determinants take d). */
#include <math.h>
#include <stdlib.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/hash.h"
#include "groups/group.h"
#include "groups/numeric/orbits.h"

static bool has_signs(const generator_set *set) {
  for (size_t i = 0; i < set->num_monomial * set->dim; i++)
    if (set->sign[i] < 0) return true;
  return false;
}

/* ---- permutations and signed permutations ---- */

/* Ways to part k things into at most d sets, all of them even if asked for. */
static size_t ways(size_t k, size_t d, bool even) {
  static const size_t blocks[SYMO_TUPLES + 1][SYMO_TUPLES + 1] = {
      {1, 0, 0, 0, 0}, {0, 1, 0, 0, 0}, {0, 1, 1, 0, 0}, {0, 1, 3, 1, 0}, {0, 1, 7, 6, 1}};
  static const size_t even_blocks[SYMO_TUPLES + 1][SYMO_TUPLES + 1] = {
      {1, 0, 0, 0, 0}, {0, 0, 0, 0, 0}, {0, 1, 0, 0, 0}, {0, 0, 0, 0, 0}, {0, 1, 3, 0, 0}};
  size_t sum = 0;
  for (size_t m = 0; m <= SYMO_TUPLES && m <= d; m++) sum += (even ? even_blocks : blocks)[k][m];
  return sum;
}

size_t symo_set_partitions(size_t k, size_t d) { return ways(k, d, false); }

static symo_status moves_freely(const generator_set *set, bool even, unsigned orders, bool *out) {
  size_t counts[SYMO_TUPLES + 1];
  bool counted;
  symo_status status = symo_tuple_orbits(set, symo_tuples_of(orders), &counted, counts);
  *out = status == SYMO_OK && counted;
  for (size_t p = 1; p <= 2; p++)
    for (size_t q = p; q <= 2; q++)
      if ((orders >> p & 1) && (orders >> q & 1))
        *out = *out && counts[p + q] == ways(p + q, set->dim, even);
  return status;
}

/* ---- sign changes ---- */

static int ascending(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

/* Characters are sums (xor) of one random word for each generator that changes the sign: equal ones
 * have equal words, so that different words prove different characters. */
static symo_status flips_freely(const generator_set *set, bool *out) {
  size_t d = set->dim, count = d + d * (d - 1) / 2 + 1, n = 0;
  *out = false;
  for (size_t k = 0; k < set->num_monomial * d; k++)
    if (set->image[k] != k % d) return SYMO_OK;
  uint64_t *words = symo_calloc(count, sizeof *words);
  if (words == NULL) return symo_fail_memory(set->context, "group");
  for (size_t k = 0; k < set->num_monomial; k++)
    for (size_t i = 0; i < d; i++)
      if (set->sign[k * d + i] < 0) words[i] ^= symo_hash(k);
  for (n = d; n + 1 < count;)
    for (size_t i = 0; i < d; i++)
      for (size_t j = 0; j < i; j++) words[n++] = words[i] ^ words[j];
  words[n] = 0; /* the trivial one */
  qsort(words, count, sizeof *words, ascending);
  *out = true;
  for (size_t k = 1; k < count; k++) *out = *out && words[k] != words[k - 1];
  symo_free(words);
  return SYMO_OK;
}

/* ---- rotations ---- */

/* Whether a turns one coordinate plane alone, and which. */
static bool is_plane(size_t d, const double *a, size_t *row, size_t *column) {
  size_t found = 0;
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < d; j++) {
      if (fabs(a[i * d + j]) <= 0) continue;
      if (j < i) {
        *row = i;
        *column = j;
        found++;
      } else if (fabs(a[j * d + i]) <= 0) {
        return false;
      }
    }
  return found == 1;
}

static symo_status turns_freely(const generator_set *set, bool *out) {
  size_t d = set->dim, parts = d, i, j;
  *out = false;
  if (d < 5 || set->num_lie == 0) return SYMO_OK;
  size_t *part = symo_malloc(d * sizeof *part);
  if (part == NULL) return symo_fail_memory(set->context, "group");
  for (size_t k = 0; k < d; k++) part[k] = k;
  for (size_t k = 0; k < set->num_lie; k++) {
    if (!is_plane(d, set->lie + k * d * d, &i, &j) || part[i] == part[j]) continue;
    size_t from = part[i], to = part[j];
    for (size_t n = 0; n < d; n++)
      if (part[n] == from) part[n] = to;
    parts--;
  }
  symo_free(part);
  *out = parts == 1;
  return SYMO_OK;
}

symo_status symo_group_recognise(const generator_set *set, unsigned orders,
                                 const symo_group **out) {
  bool free = false, monomial = set->num_dense + set->num_lie == 0, even = has_signs(set);
  symo_status status = SYMO_OK;
  *out = NULL;
  if (orders >> 3 != 0 || symo_generator_set_count(set) == 0) return SYMO_OK;
  status = turns_freely(set, &free);
  if (status == SYMO_OK && free) *out = &symo_group_orthogonal;
  if (status != SYMO_OK || free || !monomial) return status;
  if (even) status = flips_freely(set, &free);
  if (status == SYMO_OK && free) *out = &symo_group_sign_flip;
  if (status != SYMO_OK || free) return status;
  status = moves_freely(set, even, orders, &free);
  if (status == SYMO_OK && free)
    *out = even ? &symo_group_signed_permutation : &symo_group_permutation;
  return status;
}
