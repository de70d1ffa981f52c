/* Groups with parameters in layout files: round trips, what is refused. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/error.h"
#include "groups/plan/layout.h"
#include "io/layout_json.h"
#include "tests/support/files.h"
#include "tests/support/testing.h"

static symo_context *context;
static void setup(void) { context = symo_test_context(); }
static void teardown(void) {
  symo_context_destroy(context);
  if (symo_alloc_live_blocks() != 0) abort(); /* cr_assert does not count here */
}
TestSuite(io_group_json, .init = setup, .fini = teardown);

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { TEXT = SYMO_TEST_SPACE_TEXT };

static symo_layout *read_space(const char *space) {
  char text[TEXT];
  symo_layout *layout = NULL;
  symo_test_space(space, text);
  symo_status status = symo_layout_from_json(context, text, &layout);
  cr_assert(status == SYMO_OK, "%s: %s: %s", space, symo_status_name(status),
            symo_context_detail(context));
  return layout;
}

static void space_refused(symo_status expected, const char *detail, const char *space) {
  char text[TEXT];
  symo_layout *layout = NULL;
  symo_test_space(space, text);
  symo_status status = symo_layout_parse_json(context, "L.json", text, strlen(text), &layout);
  const char *said = symo_context_detail(context);
  cr_assert(status == expected && layout == NULL, "%s: %s: %s", space, symo_status_name(status),
            said);
  cr_assert(strstr(said, detail) != NULL, "%s: no \"%s\" in \"%s\"", space, detail, said);
  cr_assert(strncmp(said, "L.json: ", 8) == 0 && strchr(said, '\n') == NULL, "%s", said);
}

/* As written by the library. */
static const char *const spaces[] = {
    "{\"dim\": 4, \"group\": \"cyclic\"}",
    "{\"dim\": 4, \"group\": \"dihedral\"}",
    "{\"dim\": 4, \"group\": \"scaling\", \"window\": 1, \"signs\": false, \"permute\": false}",
    "{\"dim\": 4, \"group\": \"scaling\", \"window\": 0.1, \"signs\": true, \"permute\": true}",
    "{\"dim\": 6, \"group\": \"wreath\", \"copies\": 3, "
    "\"inner\": {\"dim\": 2, \"group\": \"orthogonal\"}}",
    "{\"dim\": 6, \"group\": \"product\", \"factors\": [{\"dim\": 2, \"group\": \"sign-flip\"}, "
    "{\"dim\": 3, \"group\": \"permutation\"}]}",
    "{\"dim\": 5, \"group\": \"sum\", \"parts\": [{\"dim\": 2, \"group\": \"orthogonal\"}, "
    "{\"dim\": 3, \"group\": \"permutation\"}]}",
    "{\"dim\": 4, \"group\": \"restriction\", \"of\": {\"dim\": 4, \"group\": \"permutation\"}, "
    "\"generators\": [1]}",
    "{\"dim\": 4, \"group\": \"restriction\", \"of\": {\"dim\": 4, \"group\": \"permutation\"}, "
    "\"generators\": []}",
    "{\"dim\": 3, \"group\": \"custom\", \"generators\": [[1, 2, 0], [1, 0, 2], "
    "[[-1, 0, 0], [0, 1, 0], [0, 0, 1]]]}",
    "{\"dim\": 2, \"group\": \"custom\", \"generators\": [[[0.6, -0.8], [0.8, 0.6]]], "
    "\"lie_generators\": [[[0, 1], [-1, 0]]]}",
    "{\"dim\": 1, \"group\": \"custom\", \"generators\": [[0], [[-1]]]}",
    "{\"dim\": 5, \"group\": \"custom\", \"generators\": []}",
    "{\"dim\": 6, \"group\": \"sum\", \"parts\": [{\"dim\": 4, \"group\": \"wreath\", \"copies\": "
    "2, \"inner\": {\"dim\": 2, \"group\": \"custom\", \"generators\": [[1, 0]]}}, {\"dim\": 2, "
    "\"group\": \"product\", \"factors\": [{\"dim\": 2, \"group\": \"cyclic\"}]}]}",
};

Test(io_group_json, what_is_written_reads_as_the_same) {
  for (size_t i = 0; i < COUNT(spaces); ++i) {
    char text[TEXT], *written = NULL;
    symo_layout *layout = read_space(spaces[i]), *again = NULL;
    symo_test_space(spaces[i], text);
    cr_ok(context, symo_layout_to_json(layout, &written));
    cr_assert_str_eq(written, text);
    cr_ok(context, symo_layout_from_json(context, written, &again));
    cr_assert(symo_layout_equal(layout, again), "%s", text);
    symo_free(written);
    symo_layout_destroy(layout);
    symo_layout_destroy(again);
  }
}

Test(io_group_json, dimensions_may_be_left_out) {
  static const struct {
    const char *space;
    size_t dim;
  } rows[] = {
      {"{\"group\": \"wreath\", \"copies\": 3, \"inner\": {\"group\": \"orthogonal\", \"dim\": 2}}",
       6},
      {"{\"group\": \"product\", \"factors\": [{\"group\": \"cyclic\", \"dim\": 4}, {\"group\": "
       "\"permutation\", \"dim\": 3}]}",
       12},
      {"{\"group\": \"sum\", \"parts\": [{\"group\": \"cyclic\", \"dim\": 4}, {\"group\": "
       "\"custom\", \"generators\": [[1, 2, 0]]}]}",
       7},
      {"{\"group\": \"restriction\", \"of\": {\"group\": \"permutation\", \"dim\": 4}, "
       "\"generators\": [0]}",
       4},
      {"{\"group\": \"custom\", \"lie_generators\": [[[0, 1], [-1, 0]]]}", 2},
      {"{\"group\": \"scaling\", \"dim\": 7}", 7},
  };
  for (size_t i = 0; i < COUNT(rows); ++i) {
    symo_layout *layout = read_space(rows[i].space);
    cr_assert_eq(symo_layout_space_dim(layout, 0), rows[i].dim);
    symo_layout_destroy(layout);
  }
}

/* A product of random plane rotations, and a random antisymmetric matrix. */
static void random_generators(symo_rng *rng, size_t d, double *q, double *a) {
  for (size_t i = 0; i < d * d; ++i) q[i] = i % (d + 1) == 0;
  for (size_t i = 0; i + 1 < d; ++i)
    for (size_t j = i + 1; j < d; ++j) {
      double t = symo_rng_normal(rng), c = cos(t), s = sin(t);
      for (size_t k = 0; k < d; ++k) {
        double x = q[i * d + k], y = q[j * d + k];
        q[i * d + k] = c * x - s * y;
        q[j * d + k] = s * x + c * y;
      }
      a[i * d + j] = 1e3 * t * t * t / (double)d;
      a[j * d + i] = -a[i * d + j];
    }
  for (size_t i = 0; i < d; ++i) a[i * d + i] = i % 2 ? 0 : -0.0;
}

static const symo_generators *generators_of(const symo_layout *layout) {
  return &symo_group_get_spec(symo_layout_space_group(layout, 0))->generators;
}

Test(io_group_json, generators_keep_all_their_bits) {
  enum { D = 5 };
  symo_rng *rng = symo_test_rng(context, 31);
  for (int round = 0; round < 20; ++round) {
    double q[D * D], a[D * D];
    size_t image[D] = {1, 2, 3, 4, 0};
    symo_group_spec spec = symo_group_spec_default("custom");
    symo_group *group = NULL;
    symo_layout *layout = NULL, *again = NULL;
    const char *axes[] = {"h"}, *path = symo_test_path("bits.json");
    random_generators(rng, D, q, a);
    spec.generators = (symo_generators){D, 1, 1, 1, image, q, a};
    cr_ok(context, symo_group_create(context, &spec, &group));
    cr_ok(context, symo_layout_create(context, &layout));
    cr_ok(context, symo_layout_add_space(layout, "h", D, group));
    cr_ok(context, symo_layout_add_tensor(layout, "b", 1, axes));
    symo_group_destroy(group);
    cr_ok(context, symo_layout_write_json(layout, path));
    cr_ok(context, symo_layout_read_json(context, path, &again));
    const symo_generators *g = generators_of(again);
    cr_assert(g->dim == D && g->num_permutations == 1 && g->num_matrices == 1 && g->num_lie == 1);
    cr_assert(memcmp(g->permutations, image, sizeof image) == 0);
    cr_assert(memcmp(g->matrices, q, sizeof q) == 0);
    cr_assert(memcmp(g->lie, a, sizeof a) == 0);
    symo_layout_destroy(layout);
    symo_layout_destroy(again);
  }
  symo_rng_destroy(rng);
}

static const struct {
  symo_status status;
  const char *detail, *space;
} wrong[] = {
    /* keys */
    {SYMO_E_FORMAT,
     "spaces.h.inner.copys: unknown key (known: dim, group, copies, inner; did you "
     "mean \"copies\"?)",
     "{\"group\": \"wreath\", \"copies\": 2, \"inner\": {\"group\": \"wreath\", \"copys\": 2}}"},
    {SYMO_E_FORMAT, "spaces.h.window: unknown key (known: dim, group",
     "{\"dim\": 3, \"group\": \"permutation\", \"window\": 1}"},
    {SYMO_E_FORMAT, "spaces.h.copies: is missing",
     "{\"group\": \"wreath\", \"inner\": {\"group\": \"orthogonal\", \"dim\": 2}}"},
    {SYMO_E_FORMAT, "spaces.h.inner: is missing", "{\"group\": \"wreath\", \"copies\": 2}"},
    {SYMO_E_FORMAT, "spaces.h.factors: is missing", "{\"group\": \"product\"}"},
    {SYMO_E_FORMAT, "spaces.h.parts: is empty", "{\"group\": \"sum\", \"parts\": []}"},
    {SYMO_E_FORMAT, "spaces.h.of: is missing", "{\"group\": \"restriction\", \"generators\": []}"},
    {SYMO_E_FORMAT, "spaces.h.generators: is missing",
     "{\"group\": \"restriction\", \"of\": {\"group\": \"permutation\", \"dim\": 3}}"},
    {SYMO_E_FORMAT, "spaces.h: a custom group needs generators",
     "{\"group\": \"custom\", \"dim\": 3}"},
    {SYMO_E_FORMAT, "spaces.h.dim: is missing", "{\"group\": \"scaling\", \"window\": 1}"},
    {SYMO_E_FORMAT, "spaces.h.factors[1].dim: is missing",
     "{\"group\": \"product\", \"factors\": [{\"group\": \"cyclic\", \"dim\": 2}, {\"group\": "
     "\"permutation\"}]}"},
    {SYMO_E_NAME, "spaces.h.factors[0].group: unknown group \"cyclc\" (known: ",
     "{\"group\": \"product\", \"factors\": [{\"group\": \"cyclc\", \"dim\": 2}]}"},
    /* types and values */
    {SYMO_E_FORMAT, "spaces.h.window: must be a number above 0",
     "{\"dim\": 2, \"group\": \"scaling\", \"window\": \"1\"}"},
    {SYMO_E_ARGUMENT, "spaces.h.window: must be a number above 0",
     "{\"dim\": 2, \"group\": \"scaling\", \"window\": 0}"},
    {SYMO_E_ARGUMENT, "spaces.h.window: must be a number above 0",
     "{\"dim\": 2, \"group\": \"scaling\", \"window\": -1.5}"},
    {SYMO_E_FORMAT, "spaces.h.signs: must be true or false, not a whole number",
     "{\"dim\": 2, \"group\": \"scaling\", \"signs\": 1}"},
    {SYMO_E_ARGUMENT, "spaces.h.copies: 0 is not a number of copies (take 1 or more)",
     "{\"group\": \"wreath\", \"copies\": 0, \"inner\": {\"group\": \"orthogonal\", \"dim\": 2}}"},
    {SYMO_E_FORMAT, "spaces.h.copies: must be a whole number",
     "{\"group\": \"wreath\", \"copies\": 2.5, \"inner\": {\"group\": \"cyclic\", \"dim\": 2}}"},
    {SYMO_E_FORMAT, "spaces.h.inner: must be an object {...}, not a string",
     "{\"group\": \"wreath\", \"copies\": 2, \"inner\": \"orthogonal 2\"}"},
    {SYMO_E_FORMAT, "spaces.h.factors: must be a list [...], not an object",
     "{\"group\": \"product\", \"factors\": {\"group\": \"cyclic\", \"dim\": 2}}"},
    {SYMO_E_ARGUMENT, "spaces.h.generators[0]: -1 is not the number of a generator",
     "{\"group\": \"restriction\", \"of\": {\"group\": \"cyclic\", \"dim\": 2}, \"generators\": "
     "[-1]}"},
    /* dimensions */
    {SYMO_E_SHAPE, "spaces.h: wreath: dimension 12, but the parameters give 6 (leave it out",
     "{\"dim\": 12, \"group\": \"wreath\", \"copies\": 3, \"inner\": {\"group\": \"orthogonal\", "
     "\"dim\": 2}}"},
    {SYMO_E_SHAPE, "spaces.h.factors[0]: sum: dimension 4, but the parameters give 3",
     "{\"group\": \"product\", \"factors\": [{\"group\": \"sum\", \"dim\": 4, \"parts\": "
     "[{\"group\": \"cyclic\", \"dim\": 3}]}]}"},
    {SYMO_E_SIZE, "spaces.h: wreath: the dimension is above 2147483647",
     "{\"group\": \"wreath\", \"copies\": 2000000000, \"inner\": {\"group\": \"permutation\", "
     "\"dim\": 2000000000}}"},
    {SYMO_E_SIZE, "spaces.h: product: the dimension is above 2147483647",
     "{\"group\": \"product\", \"factors\": [{\"group\": \"cyclic\", \"dim\": "
     "9000000000000000000}, "
     "{\"group\": \"cyclic\", \"dim\": 9000000000000000000}]}"},
    {SYMO_E_SIZE, "spaces.h: sum: the dimension is above 2147483647",
     "{\"group\": \"sum\", \"parts\": [{\"group\": \"identity\", \"dim\": 2000000000}, "
     "{\"group\": \"identity\", \"dim\": 2000000000}]}"},
    {SYMO_E_SIZE, "spaces.h: sum: dimension 1000000000 (at most 4096",
     "{\"group\": \"sum\", \"parts\": [{\"group\": \"orthogonal\", \"dim\": 1000000000}]}"},
    {SYMO_E_SIZE, "spaces.h: restriction: dimension 60000 (at most 4096",
     "{\"group\": \"restriction\", \"of\": {\"group\": \"orthogonal\", \"dim\": 60000}, "
     "\"generators\": [0]}"},
    {SYMO_E_SIZE, "spaces.h: scaling: dimension 3000000000",
     "{\"group\": \"scaling\", \"dim\": 3000000000}"},
    /* custom */
    {SYMO_E_FORMAT, "spaces.h.generators: must be a list [...], not an object",
     "{\"group\": \"custom\", \"generators\": {}}"},
    {SYMO_E_FORMAT, "spaces.h.generators[0]: must be a list [...], not a whole number",
     "{\"group\": \"custom\", \"generators\": [1, 0]}"},
    {SYMO_E_FORMAT, "spaces.h: neither dim nor a generator",
     "{\"group\": \"custom\", \"generators\": []}"},
    {SYMO_E_SHAPE, "spaces.h.generators[0]: is empty",
     "{\"group\": \"custom\", \"generators\": "
     "[[]]}"},
    {SYMO_E_SHAPE,
     "spaces.h.generators[1]: 3 entries, but 2 are wanted (a permutation is a list of dim whole",
     "{\"group\": \"custom\", \"generators\": [[1, 0], [0, 1, 2]]}"},
    {SYMO_E_SHAPE, "spaces.h.generators[0]: 4 entries, but 2 are wanted",
     "{\"dim\": 2, \"group\": \"custom\", \"generators\": [[0, 1, 1, 0]]}"},
    {SYMO_E_SHAPE, "spaces.h.generators[0]: 2 rows, but 3 are wanted",
     "{\"dim\": 3, \"group\": \"custom\", \"generators\": [[[0, 1], [1, 0]]]}"},
    {SYMO_E_SHAPE, "spaces.h.generators[0][1]: 3 numbers, but 2 are wanted",
     "{\"group\": \"custom\", \"generators\": [[[0, 1], [1, 0, 0]]]}"},
    {SYMO_E_FORMAT, "spaces.h.generators[0][1]: must be a list [...], not a whole number",
     "{\"group\": \"custom\", \"generators\": [[[0, 1], 1]]}"},
    {SYMO_E_FORMAT, "spaces.h.generators[0][0][1]: must be a number, not null",
     "{\"group\": \"custom\", \"generators\": [[[0, null], [1, 0]]]}"},
    {SYMO_E_FORMAT, "spaces.h.generators[0][1]: not an image from 0 to 1",
     "{\"group\": \"custom\", \"generators\": [[1, 0.0]]}"},
    {SYMO_E_ARGUMENT, "spaces.h.generators[0][0]: not an image from 0 to 1",
     "{\"group\": \"custom\", \"generators\": [[2, 0]]}"},
    {SYMO_E_ARGUMENT, "spaces.h.generators[0][1]: not an image from 0 to 1",
     "{\"group\": \"custom\", \"generators\": [[0, -1]]}"},
    {SYMO_E_ARGUMENT, "spaces.h.generators[0][0]: not an image from 0 to 0",
     "{\"group\": \"custom\", \"generators\": [[1]]}"},
    {SYMO_E_FORMAT, "spaces.h.lie_generators[0][0]: must be a list [...], not a whole number",
     "{\"group\": \"custom\", \"lie_generators\": [[1, 0]]}"},
    {SYMO_E_FORMAT, "spaces.h.generators_file: must be a string",
     "{\"group\": \"custom\", \"generators_file\": 3}"},
    {SYMO_E_FORMAT, "spaces.h.generators_file: stands beside generators in the layout",
     "{\"group\": \"custom\", \"generators_file\": \"g\", \"lie_generators\": []}"},
    {SYMO_E_UNSUPPORTED, "spaces.h.generators_file: is taken in layout files only",
     "{\"group\": \"custom\", \"generators_file\": \"g.safetensors\"}"},
};

Test(io_group_json, refusals_name_the_place) {
  for (size_t i = 0; i < COUNT(wrong); ++i)
    space_refused(wrong[i].status, wrong[i].detail, wrong[i].space);
}

/* Messages of symo_group_create are passed on, with the place of the group in front. */
Test(io_group_json, passes_on_what_the_group_says) {
  static const char *const bad[] = {
      "{\"group\": \"custom\", \"generators\": [[1, 1, 0]]}",
      "{\"group\": \"custom\", \"generators\": [[[1, 0.5], [0, 1]]]}",
      "{\"group\": \"custom\", \"lie_generators\": [[[0, 1], [1, 0]]]}",
      "{\"group\": \"restriction\", \"of\": {\"group\": \"permutation\", \"dim\": 3}, "
      "\"generators\": [77]}",
  };
  for (size_t i = 0; i < COUNT(bad); ++i)
    space_refused(SYMO_E_ARGUMENT, "L.json: spaces.h: group ", bad[i]);
}

/* sum(sum(.. permutation 2)), `depth` groups in all. */
static void nested(int depth, char text[TEXT]) {
  size_t n = 0;
  for (int i = 1; i < depth; ++i)
    n += (size_t)snprintf(text + n, TEXT - n, "{\"group\": \"sum\", \"parts\": [");
  n += (size_t)snprintf(text + n, TEXT - n, "{\"group\": \"permutation\", \"dim\": 2}");
  for (int i = 1; i < depth; ++i) n += (size_t)snprintf(text + n, TEXT - n, "]}");
}

Test(io_group_json, nesting_is_limited) {
  char space[TEXT];
  nested(8, space);
  symo_layout_destroy(read_space(space));
  nested(9, space);
  space_refused(SYMO_E_UNSUPPORTED,
                "parts[0].parts[0]: groups within groups more than 8 deep (make it flatter)",
                space);
}

/* A matrix announces a size that the other items do not have: nothing is taken for them. */
Test(io_group_json, no_memory_for_what_is_not_there) {
  enum { D = 400, ITEMS = 4000 };
  size_t room = 4 * D * D + 8 * ITEMS + 4096, n = 0;
  char *text = malloc(room);
  cr_assert(text != NULL);
  n += (size_t)snprintf(text + n, room - n,
                        "{\"tensors\": [], \"spaces\": {\"h\": {\"group\": \"custom\", "
                        "\"generators\": [[");
  for (size_t i = 0; i < D; ++i) {
    n += (size_t)snprintf(text + n, room - n, "%s[", i > 0 ? "," : "");
    for (size_t j = 0; j < D; ++j)
      n += (size_t)snprintf(text + n, room - n, "%s%d", j > 0 ? "," : "", i == j);
    n += (size_t)snprintf(text + n, room - n, "]");
  }
  n += (size_t)snprintf(text + n, room - n, "]");
  for (size_t i = 0; i < ITEMS; ++i) n += (size_t)snprintf(text + n, room - n, ",[[]]");
  n += (size_t)snprintf(text + n, room - n, "]}}}");
  symo_layout *layout = NULL;
  symo_alloc_reset_peak();
  size_t before = symo_alloc_peak_bytes();
  cr_fails(context, SYMO_E_SHAPE, "generators[1]: 1 rows, but 400 are wanted",
           symo_layout_parse_json(context, "L.json", text, n, &layout));
  cr_assert(symo_alloc_peak_bytes() - before < 1 << 20);
  free(text);
}

/* ---- groups of the context ---- */

static size_t one_irrep(void *self, size_t d) {
  (void)self, (void)d;
  return 1;
}
static void trivial(void *self, size_t d, size_t index, symo_group_irrep *out) {
  (void)self, (void)index;
  *out = (symo_group_irrep){.name = "trivial", .dim = 1, .type = SYMO_REAL, .multiplicity = {1, d}};
}
static void same(void *self, size_t d, int axes, size_t lanes, const double *x, double *out) {
  (void)self;
  memcpy(out, x, (axes == 1 ? d : d * d) * lanes * sizeof *x);
}
static const symo_generators *no_generators(void *self, size_t d) {
  static symo_generators none;
  (void)self;
  none.dim = d;
  return &none;
}

static void add_mine(const char *name) {
  symo_group *group = NULL;
  symo_group_ops ops = {.size = sizeof ops,
                        .name = name,
                        .summary = "nothing moves",
                        .exact = "all weights",
                        .max_axes = 1,
                        .num_irreps = one_irrep,
                        .irrep = trivial,
                        .analyze = same,
                        .synthesize = same,
                        .generators = no_generators};
  cr_ok(context, symo_group_from_ops(context, &ops, &group));
  cr_ok(context, symo_context_add_group(context, group));
  symo_group_destroy(group);
}

Test(io_group_json, finds_groups_of_the_context) {
  char *text = NULL;
  add_mine("mine");
  symo_layout *layout = read_space("{\"dim\": 3, \"group\": \"mine\"}"), *again = NULL;
  cr_assert(symo_layout_space_group(layout, 0) == symo_context_find_group(context, "mine"));
  cr_ok(context, symo_layout_to_json(layout, &text));
  cr_assert(strstr(text, "{\"dim\": 3, \"group\": \"mine\"}") != NULL);
  cr_ok(context, symo_layout_from_json(context, text, &again));
  cr_assert(symo_layout_equal(layout, again));
  symo_layout_destroy(layout);
  symo_layout_destroy(again);
  symo_free(text);
  layout = read_space("{\"group\": \"sum\", \"parts\": [{\"dim\": 3, \"group\": \"mine\"}, "
                      "{\"dim\": 2, \"group\": \"permutation\"}]}");
  cr_assert_eq(symo_layout_space_dim(layout, 0), 5);
  symo_layout_destroy(layout);
  space_refused(SYMO_E_FORMAT, "spaces.h.copies: unknown key",
                "{\"dim\": 3, \"group\": \"mine\", \"copies\": 2}");
}

/* ---- failures, files ---- */

static symo_status read_all(void *self) {
  symo_status status = SYMO_OK;
  (void)self;
  for (size_t i = 0; i < COUNT(spaces) && status == SYMO_OK; ++i) {
    char text[TEXT], *written = NULL;
    symo_layout *layout = NULL;
    symo_test_space(spaces[i], text);
    status = symo_layout_parse_json(context, "L.json", text, strlen(text), &layout);
    if (status == SYMO_OK) status = symo_layout_to_json(layout, &written);
    symo_free(written);
    symo_layout_destroy(layout);
  }
  return status;
}

Test(io_group_json, survives_failing_allocations) {
  cr_assert(symo_test_allocations(read_all, NULL) > 60);
}

/* Changed texts are read or refused, and nothing else happens. */
Test(io_group_json, survives_random_changes) {
  symo_rng *rng = symo_test_rng(context, 12);
  for (int round = 0; round < 4000; ++round) {
    char text[TEXT];
    symo_test_space(spaces[symo_rng_below(rng, COUNT(spaces))], text);
    size_t size = strlen(text);
    for (uint64_t k = 1 + symo_rng_below(rng, 4); k > 0; --k)
      text[symo_rng_below(rng, size)] = symo_rng_below(rng, 2)
                                            ? (char)symo_rng_below(rng, 256)
                                            : "{}[],:\"0-*e.123"[symo_rng_below(rng, 15)];
    symo_layout *layout = NULL;
    symo_status status = symo_layout_parse_json(context, "L.json", text, size, &layout);
    cr_assert(status <= 0 && (status == SYMO_OK) == (layout != NULL));
    symo_layout_destroy(layout);
  }
  symo_rng_destroy(rng);
}

/* Estimates of layouts with such groups, through a Hessian file and back, bit for bit. */
Test(io_group_json, hessian_files_keep_the_groups) {
  symo_rng *rng = symo_test_rng(context, 13);
  for (size_t i = 0; i < COUNT(spaces); ++i) {
    double w[64], x[64], y[64], z[64];
    const void *gradient[2], *in[2];
    void *out[2], *out_again[2];
    symo_layout *layout = read_space(spaces[i]);
    symo_plan *plan = NULL;
    symo_hessian *hessian = NULL, *again = NULL;
    size_t n = symo_layout_num_parameters(layout);
    const char *path = symo_test_path("H.safetensors");
    cr_assert(n <= COUNT(w));
    symo_test_randn(rng, w, n);
    symo_test_randn(rng, x, n);
    symo_layout_split_const(layout, SYMO_F64, w, gradient);
    symo_layout_split_const(layout, SYMO_F64, x, in);
    symo_layout_split(layout, SYMO_F64, y, out);
    symo_layout_split(layout, SYMO_F64, z, out_again);
    symo_plan_spec spec = symo_plan_spec_default();
    spec.dtype = SYMO_F64;
    cr_ok(context, symo_plan_create(layout, &spec, &plan));
    symo_const_vector grads = symo_const_vector_of(SYMO_F64, gradient);
    cr_ok(context, symo_estimate(plan, NULL, 1, &grads, NULL, &hessian));
    cr_ok(context, symo_hessian_write(hessian, path));
    cr_ok(context, symo_hessian_read(context, path, &again));
    cr_assert(symo_layout_equal(layout, symo_plan_layout(symo_hessian_plan(again))));
    symo_const_vector input = symo_const_vector_of(SYMO_F64, in);
    cr_ok(context, symo_hessian_matvec(hessian, input, symo_vector_of(SYMO_F64, out)));
    cr_ok(context, symo_hessian_matvec(again, input, symo_vector_of(SYMO_F64, out_again)));
    cr_assert(memcmp(y, z, n * sizeof *y) == 0, "%s", spaces[i]);
    symo_hessian_destroy(hessian);
    symo_hessian_destroy(again);
    symo_plan_destroy(plan);
    symo_layout_destroy(layout);
  }
  symo_rng_destroy(rng);
}
