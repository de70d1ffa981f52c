/* Counting the orbits of index tuples by stabilisers (Schreier and Sims; see Seress, Permutation
 * Group Algorithms, 2003, ch. 4).
 *
 * The orbits of (k+1)-tuples that begin with a given k-tuple are those of its stabiliser on points.
 * If g is a random element and u takes the point b to g b, then u^-1 g is a random element of the
 * stabiliser of b.  Some of these generate it, all but certainly.
 *
 * An element of the stabiliser of a tuple (signs aside) multiplies it by a sign; a tuple whose
 * stabiliser has both signs carries no invariant.
 *
 * Check value: S_d, d >= 4, has 1, 2, 5, 15 orbits of 1- to 4-tuples; the signed permutations
 * 0, 1, 0, 4; shifts 1, d, d^2, d^3. */
#include "groups/numeric/orbits.h"

#include <string.h>
#include <symo/layout.h>

#include "core/alloc.h"
#include "core/error.h"
#include "groups/rotation.h"

enum {
  MOST_NODES = 3000,
  MOST_POINTS = 1 << 20,
  RANDOM = 24,
  BURN_IN = 40,
  STEPS = 8,
  LEAST_SLOTS = 10,
  UNSEEN = 2
};

typedef struct chain {
  const generator_set *set;
  symo_rng *rng;
  size_t d, most, nodes;
  size_t *counts;
  bool counted, plain; /* plain: no signs at all */
} chain;

/* A stabiliser: `num` elements as codes; sign[k]: 1 if element k changes the sign of its tuple. */
typedef struct stabiliser {
  size_t num;
  uint32_t *code;
  unsigned char *sign;
} stabiliser;

static bool is_identity(size_t d, const uint32_t *code) {
  for (size_t i = 0; i < d; i++)
    if (code[i] != 2 * i) return false;
  return true;
}

static void stabiliser_release(stabiliser *s) {
  symo_free(s->code);
  symo_free(s->sign);
}

static bool stabiliser_create(size_t d, size_t room, stabiliser *s) {
  s->num = 0;
  s->code = symo_malloc((room + 1) * d * sizeof *s->code);
  s->sign = symo_malloc(room + 1);
  return s->code != NULL && s->sign != NULL;
}

/* ---- orbits of points ---- */

typedef struct points { /* [d] each */
  uint32_t *queue, *by; /* by: the element that led to a point, or the number of them */
  unsigned char *sign;  /* of the point beside the first of its orbit; UNSEEN */
} points;

/* The orbit of `start`: queue[0 .. *length); false if it meets itself with the other sign. */
static bool orbit_of(const chain *c, const stabiliser *s, size_t start, const points *p,
                     size_t *length) {
  bool alive = true;
  size_t end = 1;
  p->queue[0] = (uint32_t)start;
  p->sign[start] = 0;
  p->by[start] = (uint32_t)s->num;
  for (size_t begin = 0; begin < end; begin++) {
    size_t i = p->queue[begin];
    for (size_t k = 0; k < s->num; k++) {
      uint32_t image = s->code[k * c->d + i];
      unsigned char sign = (unsigned char)(p->sign[i] ^ (image & 1) ^ s->sign[k]);
      size_t to = image >> 1;
      if (p->sign[to] == UNSEEN) {
        p->sign[to] = sign;
        p->by[to] = (uint32_t)k;
        p->queue[end++] = (uint32_t)to;
      } else if (p->sign[to] != sign) {
        alive = false;
      }
    }
  }
  *length = end;
  return alive;
}

/* ---- random elements ---- */

typedef struct walk { /* product replacement, with the sign that each slot gives to the tuple */
  size_t slots;
  uint32_t *code, *inverse, *spare;
  unsigned char *sign;
} walk;

static void walk_step(const chain *c, const walk *w, size_t *changed) {
  size_t d = c->d, i = symo_rng_below(c->rng, w->slots), j = symo_rng_below(c->rng, w->slots - 1);
  j += j >= i;
  unsigned bits = (unsigned)symo_rng_below(c->rng, 4);
  uint32_t *to = w->code + i * d;
  const uint32_t *by = w->code + j * d;
  if (bits & 1) {
    symo_code_inverse(d, by, w->inverse);
    by = w->inverse;
  }
  if (bits & 2)
    symo_code_product(d, by, to, w->spare);
  else
    symo_code_product(d, to, by, w->spare);
  memcpy(to, w->spare, d * sizeof *to);
  w->sign[i] ^= w->sign[j];
  *changed = i;
}

static void walk_start(const chain *c, const stabiliser *s, const walk *w) {
  size_t d = c->d, changed;
  for (size_t k = 0; k < w->slots; k++) {
    memcpy(w->code + k * d, s->code + k % s->num * d, d * sizeof *w->code);
    w->sign[k] = s->sign[k % s->num];
  }
  for (size_t k = 0; k < BURN_IN * w->slots; k++) walk_step(c, w, &changed);
}

/* Adds u^-1 g to `to`, g a slot of the walk and u the element of the tree that takes `start` to its
 * image; inverse: [num, d]. */
static void add_stabilising(const chain *c, const stabiliser *s, const points *p, const walk *w,
                            const uint32_t *inverse, size_t slot, size_t start, stabiliser *to) {
  size_t d = c->d;
  uint32_t *g = to->code + to->num * d;
  unsigned char sign = w->sign[slot];
  memcpy(g, w->code + slot * d, d * sizeof *g);
  while (g[start] >> 1 != start) {
    size_t k = p->by[g[start] >> 1];
    symo_code_product(d, inverse + k * d, g, w->spare);
    memcpy(g, w->spare, d * sizeof *g);
    sign ^= s->sign[k];
  }
  to->sign[to->num] = (unsigned char)(sign ^ (g[start] & 1));
  if (to->sign[to->num] != 0 || !is_identity(d, g)) to->num++;
}

/* Elements of the stabiliser of `start` in s; p holds its orbit. */
static symo_status stabilise(const chain *c, const stabiliser *s, const points *p, size_t start,
                             stabiliser *to) {
  size_t d = c->d, slots = s->num + 5 > LEAST_SLOTS ? s->num + 5 : LEAST_SLOTS, slot;
  walk w = {.slots = slots};
  uint32_t *inverse = symo_malloc(s->num * d * sizeof *inverse);
  w.code = symo_malloc((slots + 2) * d * sizeof *w.code);
  w.sign = symo_malloc(slots);
  bool all =
      stabiliser_create(d, RANDOM, to) && inverse != NULL && w.code != NULL && w.sign != NULL;
  if (all) {
    w.inverse = w.code + slots * d;
    w.spare = w.inverse + d;
    for (size_t k = 0; k < s->num; k++) symo_code_inverse(d, s->code + k * d, inverse + k * d);
    walk_start(c, s, &w);
    for (size_t n = 0; n < RANDOM; n++) {
      for (size_t k = 0; k < STEPS; k++) walk_step(c, &w, &slot);
      add_stabilising(c, s, p, &w, inverse, slot, start, to);
    }
  }
  symo_free(inverse);
  symo_free(w.code);
  symo_free(w.sign);
  return all ? SYMO_OK : symo_fail_memory(c->set->context, "orbits");
}

/* ---- the chain ---- */

static bool is_fixed(const chain *c, const stabiliser *s, size_t point) {
  for (size_t k = 0; k < s->num; k++)
    if (s->code[k * c->d + point] != 2 * point) return false;
  return true;
}

/* Adds the tuples that go on from one of length `length` with stabiliser s, `weight` times.  Points
 * that s fixes have s itself as their stabiliser: they are counted once, with their number. */
static symo_status count_from(chain *c, size_t length, const stabiliser *s, size_t weight) {
  symo_status status = SYMO_OK;
  size_t d = c->d, orbit = 0, fixed = 0;
  if (s->num == 0) { /* nothing moves: every tuple by itself */
    for (size_t k = length + 1; k <= c->most; k++) c->counts[k] += weight *= d;
    return SYMO_OK;
  }
  if (++c->nodes > MOST_NODES || c->nodes * d > MOST_POINTS) {
    c->counted = false;
    return SYMO_OK;
  }
  points p = {.queue = symo_malloc(2 * d * sizeof *p.queue), .sign = symo_malloc(d)};
  if (p.queue == NULL || p.sign == NULL) SYMO_TRY(symo_fail_memory(c->set->context, "orbits"));
  p.by = p.queue + d;
  memset(p.sign, UNSEEN, d);
  for (size_t start = 0; start < d && c->counted; start++) {
    if (p.sign[start] != UNSEEN) continue;
    c->counts[length + 1] += orbit_of(c, s, start, &p, &orbit) ? weight : 0;
    if (length + 1 == c->most) continue;
    if (c->plain && is_fixed(c, s, start)) {
      fixed++;
      continue;
    }
    stabiliser next = {0};
    status = stabilise(c, s, &p, start, &next);
    if (status == SYMO_OK) status = count_from(c, length + 1, &next, weight);
    stabiliser_release(&next);
    if (status != SYMO_OK) break;
  }
  if (status == SYMO_OK && fixed > 0) status = count_from(c, length + 1, s, weight * fixed);
fail:
  symo_free(p.queue);
  symo_free(p.sign);
  return status;
}

symo_status symo_tuple_orbits(const generator_set *set, size_t most, bool *counted,
                              size_t counts[SYMO_TUPLES + 1]) {
  symo_status status = SYMO_OK;
  chain c = {.set = set, .d = set->dim, .most = most, .counts = counts};
  c.counted = c.plain = true;
  stabiliser all = {0};
  size_t d = set->dim;
  memset(counts, 0, (SYMO_TUPLES + 1) * sizeof *counts);
  *counted = false;
  if (set->num_dense + set->num_lie > 0 || d > UINT16_MAX / 2) return SYMO_OK;
  SYMO_TRY(symo_rng_create(set->context, 1, &c.rng));
  if (!stabiliser_create(d, set->num_monomial, &all))
    SYMO_TRY(symo_fail_memory(set->context, "orbits"));
  for (size_t k = 0; k < set->num_monomial; k++) {
    symo_code_set(d, set->image + k * d, set->sign + k * d, all.code + all.num * d);
    all.sign[all.num] = 0;
    all.num += !is_identity(d, all.code + all.num * d);
  }
  for (size_t i = 0; i < set->num_monomial * d; i++) c.plain = c.plain && set->sign[i] > 0;
  SYMO_TRY(count_from(&c, 0, &all, 1));
  *counted = c.counted;
fail:
  stabiliser_release(&all);
  symo_rng_destroy(c.rng);
  return status;
}

static size_t commutant_of(unsigned orders, const size_t counts[SYMO_TUPLES + 1]) {
  size_t sum = 0;
  for (unsigned p = 1; p <= 2; p++)
    for (unsigned q = 1; q <= 2; q++)
      if ((orders >> p & 1) && (orders >> q & 1)) sum += counts[p + q];
  return sum;
}

symo_status symo_commutant_count(const generator_set *set, unsigned orders, size_t *count) {
  bool counted;
  size_t counts[SYMO_TUPLES + 1];
  symo_status status = symo_tuple_orbits(set, symo_tuples_of(orders), &counted, counts);
  *count = status == SYMO_OK && counted ? commutant_of(orders, counts) : 0;
  return status;
}
