/* Random elements of a group given by generators: product replacement (Celler, Leedham-Green,
 * Murray, Niemeyer and O'Brien 1995) with the accumulator of Leedham-Green and Murray ("rattle").
 *
 * N slots hold words that together generate the group.  A step multiplies one slot by another or
 * its inverse, from a random side; words grow exponentially and the slots become independent of
 * where they began.  The element is a product: a random subproduct of the generators themselves
 * (Babai 1991), then, over the last steps, every second time the slot just changed.
 *
 *   slots  n + 5 for n generators, at least 10, at most 24 (signed permutations: 64).
 *   steps  signed permutations: 40 a slot, 10 of them with the accumulator.  They are exact and
 *          O(d) each, so there are enough for long cycles and few generators.  A slot begins as one
 *          generator; those in excess are shared out at random, several multiplied into a slot.
 *          other matrices: 13 a slot, 3 with the accumulator.  A rounding error of a generator
 *          grows with the length of the words, some e^6 to e^13, and more steps would drift out of
 *          a finite group: elements are within 1e-11 of it.  A slot begins as a random subproduct
 *          times one generator, for planar rotations mix slowly when each stands alone.
 *          What is still seen after that is a single small angle: of rotations by 2 pi / n, with n
 *          some hundreds and given as matrices, a few in a hundred stay near the identity.
 *
 * A one-parameter group exp(tA) gives, each time that it is used, the element of a new t, normal
 * with a standard deviation of 64 over a bound of A's frequencies: a frequency of w times that
 * bound is covered but for exp(-(64 w)^2 / 2). */
#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/linalg.h"
#include "groups/generators.h"
#include "groups/rotation.h"

enum {
  LEAST_SLOTS = 10,
  MOST_SLOTS = 24,
  MOST_CODE_SLOTS = 64,
  CODE_STEPS = 30, /* a slot; then the last ones, with the accumulator */
  CODE_LAST_STEPS = 10,
  STEPS = 10,
  LAST_STEPS = 3,
  SPREAD = 64 /* of t */
};

/* The slots by either kind of storage; buffers are exchanged, never copied. */
typedef struct rattle {
  const generator_set *set;
  symo_rng *rng;
  size_t d, slots;
} rattle;

static bool all_monomial(const generator_set *set) { return set->num_dense + set->num_lie == 0; }

static size_t slot_count(const generator_set *set) {
  size_t most = all_monomial(set) ? MOST_CODE_SLOTS : MOST_SLOTS;
  size_t n = symo_generator_set_count(set);
  return n + 5 > most ? most : n + 5 < LEAST_SLOTS ? LEAST_SLOTS : n + 5;
}

static bool coin(symo_rng *rng) { return symo_rng_below(rng, 2) != 0; }

/* The steps: change slot i by slot j, from the left or the right, j inverted or not. */
typedef struct move {
  size_t i, j;
  bool left, inverse;
} move;

static move draw_move(const rattle *r) {
  move m;
  m.i = (size_t)symo_rng_below(r->rng, r->slots);
  m.j = (size_t)symo_rng_below(r->rng, r->slots - 1);
  m.j += m.j >= m.i;
  unsigned bits = (unsigned)symo_rng_below(r->rng, 4);
  m.left = (bits & 1U) != 0;
  m.inverse = (bits & 2U) != 0;
  return m;
}

/* ---- signed permutations ---- */

typedef struct code_slots {
  uint32_t *slot[MOST_CODE_SLOTS], *element, *spare, *other;
} code_slots;

/* *target := x *target, or *target x. */
static void code_multiply(size_t d, uint32_t **target, const uint32_t *x, bool left,
                          uint32_t **spare) {
  uint32_t *out = *spare;
  if (left)
    symo_code_product(d, x, *target, out);
  else
    symo_code_product(d, *target, x, out);
  *spare = *target;
  *target = out;
}

static void code_generator(const rattle *r, code_slots *s, size_t k, uint32_t **target) {
  size_t d = r->d;
  symo_code_set(d, r->set->image + k * d, r->set->sign + k * d, s->other);
  if (coin(r->rng)) { /* its inverse */
    uint32_t *straight = s->other;
    symo_code_inverse(d, straight, s->spare);
    s->other = s->spare;
    s->spare = straight;
  }
  code_multiply(d, target, s->other, true, &s->spare);
}

static size_t code_step(const rattle *r, code_slots *s) {
  move m = draw_move(r);
  const uint32_t *x = s->slot[m.j];
  if (m.inverse) {
    symo_code_inverse(r->d, x, s->other);
    x = s->other;
  }
  code_multiply(r->d, &s->slot[m.i], x, m.left, &s->spare);
  return m.i;
}

static void code_element(const rattle *r, double *q, void *work) {
  size_t d = r->d, n = r->set->num_monomial, used = n > r->slots ? n : r->slots;
  code_slots s;
  uint32_t *next = work;
  for (size_t k = 0; k < r->slots; k++, next += d) {
    s.slot[k] = next;
    symo_code_identity(d, next);
  }
  s.element = next;
  s.spare = next + d;
  s.other = next + 2 * d;
  symo_code_identity(d, s.element);
  for (size_t k = 0; k < used; k++) {
    size_t slot = n > r->slots ? (size_t)symo_rng_below(r->rng, r->slots) : k;
    code_generator(r, &s, k % n, &s.slot[slot]);
  }
  for (size_t k = 0; k < n; k++)
    if (coin(r->rng)) code_generator(r, &s, k, &s.element);
  for (size_t k = 0; k < CODE_STEPS * r->slots; k++) code_step(r, &s);
  for (size_t k = 0; k < CODE_LAST_STEPS * r->slots; k++) {
    size_t i = code_step(r, &s);
    if (coin(r->rng)) code_multiply(d, &s.element, s.slot[i], true, &s.spare);
  }
  symo_code_expand(d, s.element, q);
}

/* ---- matrices ---- */

typedef struct dense_slots {
  double *slot[MOST_SLOTS], *element, *spare, *scratch;
} dense_slots;

static void multiply(size_t d, double **target, const double *x, bool left, bool inverse,
                     double **spare) {
  symo_mat a = symo_mat_dense((void *)(uintptr_t)x, d, d), b = symo_mat_dense(*target, d, d);
  if (inverse) a = symo_mat_t(a);
  symo_gemm(SYMO_F64, 1, left ? a : b, left ? b : a, 0, symo_mat_dense(*spare, d, d));
  double *old = *target;
  *target = *spare;
  *spare = old;
}

static void permute_rows(size_t d, const size_t *image, const signed char *sign, bool inverse,
                         double **target, double **spare) {
  double *old = *target, *out = *spare;
  for (size_t i = 0; i < d; i++) {
    const double *from = old + (inverse ? image[i] : i) * d;
    double *to = out + (inverse ? i : image[i]) * d;
    for (size_t j = 0; j < d; j++) to[j] = sign[i] * from[j];
  }
  *target = out;
  *spare = old;
}

/* *target := g *target for g the generator k, its inverse, or an element of its group. */
static void dense_generator(const rattle *r, dense_slots *s, size_t k, double **target) {
  const generator_set *set = r->set;
  size_t d = r->d;
  bool inverse = coin(r->rng);
  if (k < set->num_monomial) {
    permute_rows(d, set->image + k * d, set->sign + k * d, inverse, target, &s->spare);
    return;
  }
  k -= set->num_monomial;
  if (k < set->num_dense) {
    multiply(d, target, set->dense + k * d * d, true, inverse, &s->spare);
    return;
  }
  k -= set->num_dense;
  double t = SPREAD * symo_rng_normal(r->rng);
  symo_rotation_exp(d, set->lie + k * d * d, t, *target, s->scratch);
}

/* A random subproduct of all generators, in their order or against it from any of them on: the
 * finite ones every second time, the others always. */
static void dense_sweep(const rattle *r, dense_slots *s, double **target) {
  size_t n = symo_generator_set_count(r->set), finite = n - r->set->num_lie;
  size_t first = (size_t)symo_rng_below(r->rng, n);
  bool backwards = coin(r->rng);
  for (size_t k = 0; k < n; k++) {
    size_t g = (first + (backwards ? n - k : k)) % n;
    if (g >= finite || coin(r->rng)) dense_generator(r, s, g, target);
  }
}

/* Defects grow with the words too, to 1e-9 at the very most; the end's correction squares that. */
static size_t dense_step(const rattle *r, dense_slots *s) {
  move m = draw_move(r);
  multiply(r->d, &s->slot[m.i], s->slot[m.j], m.left, m.inverse, &s->spare);
  return m.i;
}

static void dense_element(const rattle *r, double *q, void *work) {
  size_t d = r->d, size = d * d, n = symo_generator_set_count(r->set);
  dense_slots s;
  double *next = work;
  for (size_t k = 0; k < r->slots; k++, next += size) {
    s.slot[k] = next;
    symo_rotation_identity(d, next);
  }
  s.element = next;
  s.spare = next + size;
  s.scratch = next + 2 * size;
  symo_rotation_identity(d, s.element);
  for (size_t k = 0; k < r->slots; k++) {
    dense_sweep(r, &s, &s.slot[k]);
    dense_generator(r, &s, k % n, &s.slot[k]);
  }
  for (size_t k = 0; k < r->slots; k++) symo_rotation_correct(d, s.slot[k], s.scratch);
  dense_sweep(r, &s, &s.element);
  symo_rotation_correct(d, s.element, s.scratch);
  for (size_t k = 0; k < STEPS * r->slots; k++) dense_step(r, &s);
  for (size_t k = 0; k < LAST_STEPS * r->slots; k++) {
    size_t i = dense_step(r, &s);
    if (coin(r->rng)) multiply(d, &s.element, s.slot[i], true, false, &s.spare);
  }
  symo_rotation_correct(d, s.element, s.scratch);
  memcpy(q, s.element, size * sizeof *q);
}

/* ---- both ---- */

/* The slots, the element, a spare one and scratch; SIZE_MAX where that overflows, which no
 * allocation meets. */
size_t symo_random_element_work(const generator_set *set) {
  size_t d = set->dim, slots = slot_count(set), bytes;
  if (all_monomial(set)) return (slots + 3) * d * sizeof(uint32_t);
  size_t matrices = slots + 2 + SYMO_EXP_SCRATCH;
  return symo_mul_size(matrices, d * d * sizeof(double), &bytes) ? bytes : SIZE_MAX;
}

void symo_random_element(const generator_set *set, symo_rng *rng, double *q, void *work) {
  rattle r = {set, rng, set->dim, slot_count(set)};
  if (symo_generator_set_count(set) == 0)
    symo_rotation_identity(set->dim, q);
  else if (all_monomial(set))
    code_element(&r, q, work);
  else
    dense_element(&r, q, work);
}
