/* The wreath product K wr S_h on R^h (x) R^k: h copies of R^k, each acted on by its own element of
 * K, and permuted (attention heads); and the power K^h, the same without permutations.  Index:
 * copy * k + i.
 *
 * On one axis everything follows from the closed forms of K on R^k, with the copies as one more
 * axis:
 *     trivial    the trivial part of K, summed over the copies, over sqrt(h)
 *     standard   the trivial part of K less its mean over the copies, dimension h - 1
 *     each-V     for every other irrep V of K: its coordinates in every copy, dimension h dim V
 * each with as many copies (in the sense of multiplicity) as in K, and of the same type: the last
 * is the representation that V induces, irreducible because the copies of V differ under K^h.
 * Where coordinates of K are views of the tensor, so are those of each-V.
 *
 * Under the power the copies of V are a family of h irreps, and the trivial part of K is trivial in
 * every copy: h times as many copies, copy after copy, and no standard part.
 *
 * K without closed forms on one axis is decomposed numerically when the group is made. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/text.h"
#include "groups/instance.h"

enum { TRIVIAL, STANDARD, EACH, NAME = 56 };

typedef struct member {
  symo_irrep irrep;
  int inner;     /* the irrep of K */
  int rows;      /* of its row axes, without that of a family */
  bool family;   /* it is one of K's families */
  size_t copies; /* multiplicity on one axis */
  char name[NAME];
} member;

typedef struct wreath {
  group_instance instance;
  const symo_group *inner; /* what K's coordinates come from: K, or its numerical decomposition */
  size_t copies, dim;      /* h, k */
  bool permutes;           /* K wr S_h, not K^h */
  int num_members;
  member *members;
} wreath;

static const wreath *of(const symo_group *self) { return (const wreath *)(const void *)self; }

static const symo_group *part_of(const wreath *w) { return w->instance.spec.parts[0].group; }

static int irreps(const symo_group *self, size_t dim, symo_irrep *out) {
  const wreath *w = of(self);
  for (int k = 0; k < w->num_members; k++) {
    out[k] = w->members[k].irrep;
    out[k].name = w->members[k].name;
  }
  return w->num_members;
}

static int components(const symo_group *self, size_t dim, int order, symo_component *out) {
  const wreath *w = of(self);
  int n = 0;
  for (int k = 0; k < w->num_members; k++)
    if (w->members[k].copies > 0 && w->members[k].irrep.dim > 0)
      out[n++] = (symo_component){k, w->members[k].copies};
  return n;
}

/* ---- coordinates ---- */

/* [h k, lanes] as [k, h, lanes]. */
static symo_nd split(const wreath *w, symo_nd x) {
  x.n[0] = w->dim;
  return symo_nd_insert(x, 1, w->copies, x.s[0] * (ptrdiff_t)w->dim);
}

/* The axis of h in coordinates of the group, [family][h][rows of K][copies][lanes], and in those of
 * K, [family][rows of K][copies][h][lanes]. */
static int outer_axis(const member *v) { return v->family ? 1 : 0; }
static int inner_axis(const member *v) { return outer_axis(v) + v->rows + 1; }

/* Trivial coordinates of the power, [h copies, ..], as those of K in every copy, [copies, h, ..]. */
static symo_nd trivial_to_inner(const wreath *w, symo_nd x) {
  const size_t copies = w->members[TRIVIAL].copies / w->copies;
  x.n[0] = copies;
  return symo_nd_insert(x, 1, w->copies, x.s[0] * (ptrdiff_t)copies);
}

static symo_nd to_inner(const member *v, symo_nd x) {
  return symo_nd_move(x, outer_axis(v), inner_axis(v));
}

static bool view(const symo_group *self, int order, int irrep, symo_nd x, symo_nd *out) {
  const wreath *w = of(self);
  const member *v = &w->members[irrep];
  symo_nd seen;
  if (irrep < EACH || w->inner->view == NULL) return false;
  if (!w->inner->view(w->inner, 1, v->inner, split(w, x), &seen)) return false;
  *out = symo_nd_move(seen, inner_axis(v), outer_axis(v));
  return true;
}

static size_t inner_reduced(const wreath *w) {
  return w->inner->reduced == NULL ? 0 : w->inner->reduced(w->inner, w->dim, 1);
}

/* What K needs in every copy, and under permutations its trivial coordinates there and their mean. */
static size_t reduced(const symo_group *self, size_t dim, int order) {
  const wreath *w = of(self);
  if (!w->permutes) return w->copies * inner_reduced(w);
  return w->copies * inner_reduced(w) + (w->copies + 1) * w->members[TRIVIAL].copies;
}

/* Dense [first, h, lanes], or without h, in the work space behind `*used` numbers for the lanes of
 * x = [k, h, lanes]. */
static symo_nd take(symo_nd x, size_t first, bool each, symo_nd work, size_t *used) {
  symo_nd y = x;
  y.n[0] = first;
  if (!each) y = symo_nd_pick(y, 1, 0);
  y = symo_nd_dense(x.dtype, symo_at(x.dtype, work.p, (ptrdiff_t)*used), y.nd, y.n);
  *used += symo_nd_size(&y);
  return y;
}

/* The coordinates of K in x = [k, some of h, lanes]; `first` cuts a family of K. */
static void analyze_inner(const wreath *w, int inner, symo_nd x, symo_nd work, size_t first,
                          symo_nd out) {
  symo_nd seen;
  size_t used = 0;
  if (w->inner->view != NULL && w->inner->view(w->inner, 1, inner, x, &seen)) {
    symo_nd_copy(1, seen, out);
    return;
  }
  symo_nd red = take(x, inner_reduced(w), true, work, &used);
  if (w->inner->reduce != NULL) {
    symo_nd_fill(0, red);
    w->inner->reduce(w->inner, 1, x, red);
  }
  w->inner->analyze(w->inner, 1, inner, x, red, first, out);
}

static void analyze(const symo_group *self, int order, int irrep, symo_nd x, symo_nd red,
                    size_t first, symo_nd out) {
  const wreath *w = of(self);
  const member *v = &w->members[irrep];
  double h = (double)w->copies;
  x = split(w, x);
  if (irrep >= EACH) {
    if (!v->family) x = symo_nd_slice(x, 1, first, out.n[0]);
    analyze_inner(w, v->inner, x, red, v->family ? first : 0, to_inner(v, out));
    return;
  }
  if (!w->permutes) {
    analyze_inner(w, TRIVIAL, x, red, 0, trivial_to_inner(w, out));
    return;
  }
  size_t used = symo_nd_size(&x) / w->dim * inner_reduced(w);
  symo_nd each = take(x, v->copies, true, red, &used); /* [copies, h, lanes] */
  analyze_inner(w, TRIVIAL, x, red, 0, each);
  if (irrep == TRIVIAL) {
    symo_nd_fill(0, out);
    symo_nd_axpy(1 / sqrt(h), each, symo_nd_insert(out, 1, w->copies, 0));
    return;
  }
  symo_nd mean = take(x, v->copies, false, red, &used), to = symo_nd_move(out, 0, 1);
  symo_nd_fill(0, mean);
  symo_nd_axpy(1 / h, each, symo_nd_insert(mean, 1, w->copies, 0));
  symo_nd_copy(1, symo_nd_slice(each, 1, first, to.n[1]), to);
  symo_nd_axpy(-1, symo_nd_insert(mean, 1, to.n[1], 0), to);
}

static void synthesize(const symo_group *self, int order, int irrep, symo_nd x, symo_nd work,
                       symo_nd out) {
  const wreath *w = of(self);
  const member *v = &w->members[irrep];
  out = split(w, out);
  size_t used = symo_nd_size(&out) / w->dim * inner_reduced(w), none = 0;
  if (irrep == TRIVIAL && !w->permutes) {
    x = trivial_to_inner(w, x);
  } else if (irrep == TRIVIAL) { /* the same in every copy */
    symo_nd each = take(out, v->copies, true, work, &used);
    symo_nd_copy(1 / sqrt((double)w->copies), symo_nd_insert(x, 1, w->copies, 0), each);
    x = each;
  } else {
    x = to_inner(v, x);
  }
  symo_nd red = take(out, inner_reduced(w), true, work, &none);
  w->inner->synthesize(w->inner, 1, v->inner, x, red, out);
}

/* The same of m, [copies, copies if crossed, lanes], where products of two copies of h are left out. */
static symo_nd trivial_moments(const wreath *w, bool crossed, symo_nd m) {
  const size_t copies = w->members[TRIVIAL].copies / w->copies;
  ptrdiff_t step = 0;
  for (int a = 0; a < (crossed ? 2 : 1); a++) {
    step += m.s[a] * (ptrdiff_t)copies;
    m.n[a] = copies;
  }
  return symo_nd_insert(m, crossed ? 2 : 1, w->copies, step);
}

/* What K adds in every copy; for its trivial part under S_h, times the diagonal of J = 11'/h or of
 * I - J.  There is no room to scale m in, so the sum is scaled, there and back. */
static void diagonal(const symo_group *self, int order, int irrep, symo_nd m, symo_nd out,
                     void *work) {
  const wreath *w = of(self);
  const member *v = &w->members[irrep];
  double h = (double)w->copies, scale = 1;
  int lanes = (v->family ? 1 : 0) + (self->cross ? 2 : 1);
  if (irrep == TRIVIAL && w->permutes) scale = h;
  if (irrep == STANDARD) scale = h / (h - 1);
  if (irrep == TRIVIAL && !w->permutes)
    m = trivial_moments(w, self->cross, m);
  else if (v->irrep.family && !v->family) /* of the copies */
    m = symo_nd_move(m, 0, lanes);
  else
    m = symo_nd_insert(m, lanes, w->copies, 0);
  out = split(w, out);
  if (scale != 1) symo_nd_copy(scale, out, out);
  w->inner->diagonal(w->inner, 1, v->inner, m, out, work);
  if (scale != 1) symo_nd_copy(1 / scale, out, out);
}

static size_t diagonal_work(const symo_group *self, int order, int irrep) {
  const wreath *w = of(self);
  return w->inner->diagonal_work == NULL
             ? 0
             : w->inner->diagonal_work(w->inner, 1, w->members[irrep].inner);
}

/* ---- elements: h of K, one behind the other, then where each copy goes ---- */

static size_t element_size(const symo_group *self, size_t dim) {
  const wreath *w = of(self);
  return w->copies * (part_of(w)->element_size(part_of(w), w->dim) + 1);
}

static size_t sample_work(const symo_group *self, size_t dim) {
  const wreath *w = of(self);
  const symo_group *k = part_of(w);
  return k->sample_work == NULL ? 0 : k->sample_work(k, w->dim);
}

static void element_identity(const symo_group *self, size_t dim, double *g) {
  const wreath *w = of(self);
  const symo_group *k = part_of(w);
  size_t size = k->element_size(k, w->dim);
  for (size_t a = 0; a < w->copies; a++) {
    k->element_identity(k, w->dim, g + a * size);
    g[w->copies * size + a] = (double)a;
  }
}

static symo_status element_sample(const symo_group *self, size_t dim, symo_rng *rng, double *g,
                                  void *work) {
  const wreath *w = of(self);
  const symo_group *k = part_of(w);
  size_t size = k->element_size(k, w->dim);
  double *image = g + w->copies * size;
  for (size_t a = 0; a < w->copies; a++) {
    symo_status status = k->element_sample(k, w->dim, rng, g + a * size, work);
    if (status != SYMO_OK) return status;
    image[a] = (double)a;
  }
  for (size_t a = w->copies; a > 1 && w->permutes; a--) {
    size_t b = (size_t)symo_rng_below(rng, a);
    double swapped = image[a - 1];
    image[a - 1] = image[b];
    image[b] = swapped;
  }
  return SYMO_OK;
}

static void act(const symo_group *self, size_t dim, const double *g, bool inverse, bool dual,
                symo_nd x, symo_nd out, void *work) {
  const wreath *w = of(self);
  const symo_group *k = part_of(w);
  size_t size = k->element_size(k, w->dim);
  x = split(w, x);
  out = split(w, out);
  for (size_t a = 0; a < w->copies; a++) {
    size_t image = (size_t)g[w->copies * size + a];
    symo_nd from = symo_nd_pick(x, 1, inverse ? image : a);
    symo_nd to = symo_nd_pick(out, 1, inverse ? a : image);
    k->act(k, w->dim, g + a * size, inverse, dual, from, to, work);
  }
}

/* ---- generators: K on the first copy; two copies exchanged, all copies one further.  Of the power: K
 * on every copy ---- */

static symo_status add_permutation(const wreath *w, bool cycle, size_t *image, generator_set *out) {
  for (size_t a = 0; a < w->copies; a++) {
    size_t to = cycle ? (a + 1) % w->copies : a < 2 ? 1 - a : a;
    for (size_t i = 0; i < w->dim; i++) image[a * w->dim + i] = to * w->dim + i;
  }
  return symo_generator_set_add_monomial(out, image, NULL);
}

static symo_status generators(const symo_group *self, size_t dim, generator_set *out) {
  const wreath *w = of(self);
  generator_set *part = NULL;
  symo_status status;
  size_t *image = symo_malloc(dim * sizeof *image);
  if (image == NULL) return symo_fail_memory(out->context, "generators");
  SYMO_TRY(symo_generator_set_create(out->context, w->dim, &part));
  SYMO_TRY(symo_group_add_generators(part_of(w), w->dim, part));
  for (size_t a = 0; a < (w->permutes ? 1 : w->copies); a++)
    SYMO_TRY(symo_generator_set_embed_sum(out, part, a * w->dim));
  if (w->permutes && w->copies > 1) SYMO_TRY(add_permutation(w, false, image, out));
  if (w->permutes && w->copies > 2) SYMO_TRY(add_permutation(w, true, image, out));
fail:
  symo_generator_set_destroy(part);
  symo_free(image);
  return status;
}

/* ---- making one ---- */

static void finish(group_instance *self) {
  wreath *w = (wreath *)self;
  symo_group_destroy((symo_group *)(uintptr_t)w->inner);
  symo_free(w->members);
}

/* One irrep, K's with the copies as one more row axis, or as a family. */
static symo_status add_member(symo_context *context, wreath *w, const symo_irrep *v, int inner,
                              size_t copies) {
  member *to = &w->members[w->num_members++];
  *to = (member){
      .irrep = *v, .inner = inner, .rows = v->ambient, .family = v->family, .copies = copies};
  snprintf(to->name, NAME, "each-%s", v->name);
  if (!w->permutes) {
    if (v->family)
      return symo_fail(
          context, SYMO_E_UNSUPPORTED,
          "group power: irrep %s of %s is a family already (use sum with the parts one by "
          "one)",
          v->name, part_of(w)->name);
    to->irrep.family = true;
    to->irrep.count = w->copies;
    return SYMO_OK;
  }
  bool fits = symo_mul_size(v->dim, w->copies, &to->irrep.dim);
  if (v->ambient + 1 > SYMO_MAX_FRAME || !fits)
    return symo_fail(context, SYMO_E_UNSUPPORTED,
                     "group wreath: irrep %s of %s has %d row axes, one more is too many (nest "
                     "wreath products less deeply)",
                     v->name, part_of(w)->name, v->ambient);
  to->irrep.ambient = v->ambient + 1;
  to->irrep.frame[0] = w->copies;
  for (int a = 0; a < v->ambient; a++) to->irrep.frame[a + 1] = v->frame[a];
  return SYMO_OK;
}

/* Asks K for its irreps on one axis. */
static symo_status describe(symo_context *context, wreath *w) {
  const symo_group *k = w->inner;
  symo_status status = SYMO_OK;
  size_t room = k->max_irreps > 0 ? (size_t)k->max_irreps : SYMO_MAX_IRREPS;
  symo_irrep *theirs = symo_calloc(room, sizeof *theirs);
  symo_component *parts = symo_calloc(room, sizeof *parts);
  w->members = symo_calloc(room + 1, sizeof *w->members);
  if (theirs == NULL || parts == NULL || w->members == NULL)
    SYMO_TRY(symo_fail_memory(context, "group"));
  k->irreps(k, w->dim, theirs);
  int n = k->components(k, w->dim, 1, parts);
  w->num_members = EACH;
  w->members[TRIVIAL] = (member){.irrep = {.dim = 1, .count = 1}, .name = "trivial"};
  w->members[STANDARD] =
      (member){.irrep = {.dim = w->copies - 1, .count = 1, .ambient = 1}, .name = "standard"};
  w->members[STANDARD].irrep.frame[0] = w->copies;
  for (int c = 0; c < n; c++) {
    if (parts[c].irrep == 0)
      w->members[TRIVIAL].copies = w->members[STANDARD].copies = parts[c].copies;
    else
      SYMO_TRY(add_member(context, w, &theirs[parts[c].irrep], parts[c].irrep, parts[c].copies));
  }
  if (!w->permutes) {
    w->members[STANDARD].copies = 0;
    w->members[TRIVIAL].copies *= w->copies; /* at most the dimension */
  }
  w->instance.group.max_irreps = (int)room + 1;
  w->instance.group.cross = k->cross;
  if (part_of(w)->generators == NULL) w->instance.group.generators = NULL;
fail:
  symo_free(theirs);
  symo_free(parts);
  return status;
}

static symo_status check(symo_context *context, const symo_group *row,
                         const symo_group_spec *spec) {
  const symo_group_part *p = spec->parts;
  size_t dim;
  if (spec->copies == 0)
    return symo_fail(context, SYMO_E_ARGUMENT, "group %s: 0 copies (give at least 1)", row->name);
  if (spec->num_parts != 1 || p == NULL || p->group == NULL)
    return symo_fail(context, SYMO_E_ARGUMENT, "group %s: %zu %s (give one, with its dimension)",
                     row->name, p == NULL ? 0 : spec->num_parts,
                     symo_plural(p == NULL ? 0 : spec->num_parts, "group", "groups"));
  if (symo_group_has_parameters(p->group))
    return symo_fail(context, SYMO_E_NAME,
                     "group %s: %s has parameters (use what symo_group_create makes of it)",
                     row->name, p->group->name);
  if (p->group->structure != NULL)
    return symo_fail(context, SYMO_E_UNSUPPORTED,
                     "group %s: %s does not act by orthogonal matrices (use another group)",
                     row->name, p->group->name);
  size_t own = symo_group_dim(p->group);
  if (p->dim == 0 || (own != 0 && own != p->dim))
    return symo_fail(context, SYMO_E_SHAPE, "group %s: %s on dimension %zu, but it acts on %zu",
                     row->name, p->group->name, p->dim, own == 0 ? 1 : own);
  if (!symo_mul_size(spec->copies, p->dim, &dim) || dim > 2147483647)
    return symo_fail(context, SYMO_E_SIZE, "group %s: the dimension passes 2147483647", row->name);
  if (spec->dim != 0 && spec->dim != dim)
    return symo_fail(context, SYMO_E_SHAPE,
                     "group %s: dim is %zu, but %zu %s of dimension %zu make %zu (leave "
                     "one out)",
                     row->name, spec->dim, spec->copies,
                     symo_plural(spec->copies, "copy", "copies"), p->dim, dim);
  return SYMO_OK;
}

static symo_status create(symo_context *context, const symo_group *row, const symo_group_spec *spec,
                          symo_group **out) {
  group_instance *g;
  symo_status status = check(context, row, spec);
  if (status != SYMO_OK) return status;
  size_t k = spec->parts[0].dim;
  status = symo_group_instance_from_spec(context, row, spec, sizeof(wreath), spec->copies * k, &g);
  if (status != SYMO_OK) return status;
  wreath *w = (wreath *)g;
  g->finish = finish;
  w->copies = spec->copies;
  w->dim = k;
  w->permutes = row == &symo_group_wreath;
  SYMO_TRY(symo_group_resolve(context, spec->parts[0].group, k, 1u << 1, &w->inner));
  SYMO_TRY(describe(context, w));
  *out = &g->group;
  return SYMO_OK;
fail:
  symo_group_destroy(&g->group);
  return status;
}

static size_t dim_of(const symo_group_spec *spec) {
  size_t dim;
  bool fits = symo_mul_size(symo_group_dim_of_parts(spec), spec->copies, &dim);
  return fits ? dim : SIZE_MAX;
}

static const group_parameter parameters[] = {
    {.name = "copies",
     .kind = GROUP_SIZE,
     .offset = offsetof(symo_group_spec, copies),
     .least = 1,
     .what = "number of copies",
     .advice = "how many copies of the inner group, for example 4"},
    {.name = "inner", .kind = GROUP_PART},
    {.name = NULL}};

/* What the two have in common. */
#define OF_COPIES                                                                                  \
  .max_axes = 1, .irreps = irreps, .components = components, .view = view, .reduced = reduced,     \
  .analyze = analyze, .synthesize = synthesize, .diagonal = diagonal,                              \
  .diagonal_work = diagonal_work, .element_size = element_size, .sample_work = sample_work,        \
  .element_identity = element_identity, .element_sample = element_sample,                          \
  .generators = generators, .act = act, .create = create, .parameters = parameters,                \
  .dim_of = dim_of

const symo_group symo_group_wreath = {
    .name = "wreath",
    .summary = "K wr S_h: h copies of a space, each under its own element of K, and permuted",
    .irreps_text = "for every irrep of K one of dimension h times its own; its trivial part as S_h",
    .average = "O(k) wr S_h: (x'y/hk) I",
    .exact = "attention heads, and other groups of units that may be exchanged",
    .stable = true,
    .example = "wreath(4, orthogonal 16)",
    OF_COPIES};

const symo_group symo_group_power = {
    .name = "power",
    .summary = "K^h: h copies of a space, each under its own element of K",
    .irreps_text = "for every irrep of K a family of h; its trivial part in every copy",
    .average = "O(k)^h: (x_a'y_a/k) I for every copy a",
    .exact = "attention heads, each by itself",
    .example = "power(4, orthogonal 16)",
    OF_COPIES};
