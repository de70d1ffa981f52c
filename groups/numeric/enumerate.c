/* The elements of a finite group, found by multiplying what there is by every generator until
 * nothing is new: breadth first, so every element is a shortest word in the generators and rounding
 * errors are those of a word, at most the number of elements long.
 *
 * Signed permutations are kept and compared as codes.  Other matrices count as equal within 1e-6 in
 * every entry.  They are looked up by three projections on fixed random directions of 1-norm 1,
 * each cut into cells: a matrix within the tolerance lies in the same cell or, near its edge, in
 * the next one, and both are looked into. */
#include <math.h>
#include <string.h>
#include <symo/layout.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/linalg.h"
#include "core/text.h"
#include "groups/generators.h"
#include "groups/rotation.h"

enum { KEYS = 3 };

static const double EQUAL = 1e-6, CELL = 5e-5;
static const size_t MOST_BYTES = (size_t)1 << 30;

typedef struct closure {
  symo_context *context;
  size_t d, generators, count, room, most; /* elements: found, room for, that fit 1 GiB */
  size_t cap, row;                         /* row: bytes of an element */
  bool codes;                              /* elements are codes, not matrices */
  unsigned char *elements;                 /* [room][row] */
  uint64_t *hash;                          /* [room] */
  uint64_t *table;                         /* [slots], 1 + the number of an element, or 0 */
  size_t slots;                            /* a power of two, more than twice the count */
  unsigned char *generator;                /* [generators][row] */
  unsigned char *product;                  /* [row] */
  double *direction;                       /* [KEYS][d * d] */
} closure;

static void *element(const closure *c, size_t index) { return c->elements + index * c->row; }

/* ---- the table ---- */

static void table_insert(closure *c, size_t index) {
  size_t at = (size_t)c->hash[index] & (c->slots - 1);
  while (c->table[at] != 0) at = (at + 1) & (c->slots - 1);
  c->table[at] = index + 1;
}

static bool same(const closure *c, size_t index, const void *x) {
  if (c->codes) return memcmp(element(c, index), x, c->row) == 0;
  const double *a = element(c, index), *b = x;
  for (size_t i = 0; i < c->d * c->d; i++)
    if (!(fabs(a[i] - b[i]) <= EQUAL)) return false;
  return true;
}

static bool table_holds(const closure *c, uint64_t hash, const void *x) {
  for (size_t at = (size_t)hash & (c->slots - 1); c->table[at] != 0;
       at = (at + 1) & (c->slots - 1)) {
    size_t index = (size_t)c->table[at] - 1;
    if (c->hash[index] == hash && same(c, index, x)) return true;
  }
  return false;
}

static uint64_t hash_codes(const closure *c, const uint32_t *code) {
  uint64_t h = c->d;
  for (size_t i = 0; i < c->d; i++) h = symo_hash(h ^ code[i]);
  return h;
}

static uint64_t hash_cells(const int64_t *cell) {
  uint64_t h = 0;
  for (int k = 0; k < KEYS; k++) h = symo_hash(h ^ (uint64_t)cell[k]);
  return h;
}

/* Whether x is known; *hash: under which number it is to be kept if not. */
static bool find(const closure *c, const void *x, uint64_t *hash) {
  if (c->codes) {
    *hash = hash_codes(c, x);
    return table_holds(c, *hash, x);
  }
  int64_t low[KEYS], high[KEYS], own[KEYS];
  for (int k = 0; k < KEYS; k++) {
    double key = symo_dot(SYMO_F64, c->d * c->d, c->direction + (size_t)k * c->d * c->d, x);
    own[k] = (int64_t)floor(key / CELL);
    low[k] = (int64_t)floor((key - EQUAL) / CELL);
    high[k] = (int64_t)floor((key + EQUAL) / CELL);
  }
  *hash = hash_cells(own);
  for (unsigned corner = 0; corner < 1U << KEYS; corner++) {
    int64_t cell[KEYS];
    bool fresh = true; /* not the same cell as a corner before */
    for (int k = 0; k < KEYS; k++) {
      bool upper = (corner >> k & 1U) != 0;
      cell[k] = upper ? high[k] : low[k];
      fresh = fresh && !(upper && high[k] == low[k]);
    }
    if (fresh && table_holds(c, hash_cells(cell), x)) return true;
  }
  return false;
}

/* ---- elements ---- */

static symo_status widen(closure *c) {
  size_t room = c->room == 0 ? 64 : 2 * c->room;
  if (room > c->most) room = c->most;
  if (room > c->cap) room = c->cap;
  unsigned char *elements = symo_malloc(room * c->row);
  uint64_t *hash = symo_malloc(room * sizeof *hash);
  size_t slots = c->slots == 0 ? 64 : c->slots;
  while (slots <= 2 * room) slots *= 2;
  uint64_t *table = symo_calloc(slots, sizeof *table);
  if (elements == NULL || hash == NULL || table == NULL) {
    symo_free(elements);
    symo_free(hash);
    symo_free(table);
    return symo_fail_memory(c->context, "closure");
  }
  if (c->count != 0) {
    memcpy(elements, c->elements, c->count * c->row);
    memcpy(hash, c->hash, c->count * sizeof *hash);
  }
  symo_free(c->elements);
  symo_free(c->hash);
  symo_free(c->table);
  c->elements = elements;
  c->hash = hash;
  c->table = table;
  c->room = room;
  c->slots = slots;
  for (size_t k = 0; k < c->count; k++) table_insert(c, k);
  return SYMO_OK;
}

static symo_status keep_new(closure *c, const void *x, uint64_t hash) {
  if (c->count == c->cap)
    return symo_fail(c->context, SYMO_E_SIZE,
                     "closure: more than %zu %s (raise the cap, or do without enumeration)", c->cap,
                     symo_plural(c->cap, "element", "elements"));
  if (c->count == c->most)
    return symo_fail(c->context, SYMO_E_SIZE,
                     "closure: %zu %s of R^%zu fill 1 GiB, and there are more (do without "
                     "enumeration)",
                     c->count, symo_plural(c->count, "element", "elements"), c->d);
  symo_status status = c->count == c->room ? widen(c) : SYMO_OK;
  if (status != SYMO_OK) return status;
  memcpy(element(c, c->count), x, c->row);
  c->hash[c->count] = hash;
  table_insert(c, c->count++);
  return SYMO_OK;
}

/* product := generator k times element e. */
static void form_product(closure *c, size_t k, size_t e) {
  void *g = c->generator + k * c->row, *x = element(c, e);
  size_t d = c->d;
  if (c->codes)
    symo_code_product(d, g, x, (uint32_t *)(void *)c->product);
  else
    symo_gemm(SYMO_F64, 1, symo_mat_dense(g, d, d), symo_mat_dense(x, d, d), 0,
              symo_mat_dense(c->product, d, d));
}

static symo_status grow(closure *c) {
  uint64_t hash;
  symo_status status;
  SYMO_TRY(widen(c));
  if (c->codes)
    symo_code_identity(c->d, (uint32_t *)(void *)c->product);
  else
    symo_rotation_identity(c->d, (double *)(void *)c->product);
  (void)find(c, c->product, &hash);
  SYMO_TRY(keep_new(c, c->product, hash));
  for (size_t e = 0; e < c->count; e++)
    for (size_t k = 0; k < c->generators; k++) {
      form_product(c, k, e);
      if (!find(c, c->product, &hash)) SYMO_TRY(keep_new(c, c->product, hash));
    }
fail:
  return status;
}

/* ---- from a set ---- */

/* Lie generators that are not zero: with one of them there is no end. */
static size_t moving(const generator_set *set) {
  size_t size = set->dim * set->dim, count = 0;
  for (size_t k = 0; k < set->num_lie; k++) {
    bool zero = true;
    for (size_t n = 0; n < size; n++) zero = zero && set->lie[k * size + n] == 0;
    count += !zero;
  }
  return count;
}

/* Matrices are first made orthogonal to rounding: a defect would grow with the words. */
static void fill_generators(closure *c, const generator_set *set, uint32_t *code, double *scratch) {
  size_t d = c->d;
  for (size_t k = 0; k < c->generators; k++) {
    void *to = c->generator + k * c->row;
    if (k >= set->num_monomial) {
      memcpy(to, set->dense + (k - set->num_monomial) * d * d, c->row);
      symo_rotation_correct(d, to, scratch);
      continue;
    }
    symo_code_set(d, set->image + k * d, set->sign + k * d, c->codes ? to : code);
    if (!c->codes) symo_code_expand(d, code, to);
  }
}

/* Fixed, as good as random: no two elements of a group that arises lie on one point. */
static void fill_directions(closure *c) {
  size_t size = c->d * c->d;
  for (size_t k = 0; k < KEYS; k++) {
    double sum = 0, *direction = c->direction + k * size;
    for (size_t n = 0; n < size; n++) {
      direction[n] = (double)(symo_hash(k * size + n) >> 11) * 0x1p-52 - 1;
      sum += fabs(direction[n]);
    }
    symo_scal(SYMO_F64, size, 1 / sum, direction);
  }
}

static void closure_clear(closure *c) {
  symo_free(c->elements);
  symo_free(c->hash);
  symo_free(c->table);
  symo_free(c->generator);
  symo_free(c->product);
  symo_free(c->direction);
}

/* element_bytes: what an element is going to take at the end; 0: nothing.  The caller clears. */
static symo_status closure_find(closure *c, const generator_set *set, size_t cap,
                                size_t element_bytes) {
  size_t d = set->dim, infinite = moving(set), bytes;
  if (infinite != 0)
    return symo_fail(set->context, SYMO_E_SIZE,
                     "closure: infinite, for there are %zu Lie generators (do without enumeration)",
                     infinite);
  c->context = set->context;
  c->d = d;
  c->cap = cap;
  c->codes = set->num_dense == 0;
  c->generators = set->num_monomial + set->num_dense;
  c->row = c->codes ? d * sizeof(uint32_t) : d * d * sizeof(double);
  /* with its hash and its share of the table */
  c->most = MOST_BYTES / (c->row + 5 * sizeof(uint64_t));
  if (element_bytes != 0 && c->most > MOST_BYTES / element_bytes)
    c->most = MOST_BYTES / element_bytes;
  symo_status status = SYMO_E_MEMORY;
  uint32_t *code = symo_malloc(d * sizeof *code);
  double *scratch = symo_malloc((c->codes ? 1 : 2 * d * d) * sizeof *scratch);
  c->product = symo_malloc(c->row);
  c->direction = symo_malloc((c->codes ? 1 : KEYS * d * d) * sizeof *c->direction);
  if (symo_mul_size(c->generators, c->row, &bytes)) c->generator = symo_malloc(bytes);
  if (code == NULL || scratch == NULL || c->product == NULL || c->direction == NULL ||
      c->generator == NULL) {
    status = symo_fail_memory(c->context, "closure");
  } else {
    fill_generators(c, set, code, scratch);
    if (!c->codes) fill_directions(c);
    status = grow(c);
  }
  symo_free(code);
  symo_free(scratch);
  return status;
}

symo_status symo_enumerate_count(const generator_set *set, size_t cap, size_t *count) {
  closure c = {.count = 0};
  symo_status status = closure_find(&c, set, cap, 0);
  if (status == SYMO_OK) *count = c.count;
  closure_clear(&c);
  return status;
}

symo_status symo_enumerate(const generator_set *set, size_t cap, size_t *count, double **out) {
  closure c = {.count = 0};
  size_t size = set->dim * set->dim;
  symo_status status = closure_find(&c, set, cap, size * sizeof(double));
  if (status == SYMO_OK) {
    double *elements = symo_malloc(c.count * size * sizeof *elements);
    if (elements == NULL) {
      status = symo_fail_memory(set->context, "closure");
    } else {
      for (size_t k = 0; c.codes && k < c.count; k++)
        symo_code_expand(c.d, element(&c, k), elements + k * size);
      if (!c.codes) memcpy(elements, c.elements, c.count * c.row);
      *count = c.count;
      *out = elements;
    }
  }
  closure_clear(&c);
  return status;
}
