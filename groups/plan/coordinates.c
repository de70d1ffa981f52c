/* The transform of tensors to isotypic coordinates and its transpose, by strided views.
 *
 * The piece of a tensor in a label is a product over the spaces on its axes, so the transform
 * handles one occurrence of a space at a time.  Between steps the array is a view whose axes have
 * tags: axes of the tensor that are not yet transformed, row axes of X, column axes of X.  A step
 * moves the axes of one occurrence to the front, calls the functions of the group, and changes the
 * tags.  If the coordinates of the group are a view of the tensor, the step costs nothing. */
#include <assert.h>

#include "core/alloc.h"
#include "groups/plan/plan.h"

enum { ROW = 0, COLUMN = 32, SECOND = 48, RAW = 64 }; /* SECOND: of a diagonal, see expand */

typedef struct tagged {
  symo_nd x;
  int tag[SYMO_ND_MAX];
} tagged;

static void *arena_allocate(arena *a, size_t bytes) {
  size_t start = symo_padded(a->used);
  a->used = start + bytes;
  if (a->used > a->most) a->most = a->used;
  return a->base == NULL ? NULL : a->base + start;
}

/* The axes of v in the order of the given tags. */
static symo_nd arrange(const tagged *v, const int *tags, int nd) {
  assert(nd == v->x.nd);
  symo_nd out = v->x;
  for (int i = 0; i < nd; i++) {
    int j = 0;
    while (v->tag[j] != tags[i]) j++;
    out.n[i] = v->x.n[j];
    out.s[i] = v->x.s[j];
  }
  return out;
}

static void sort_axes(tagged *v) {
  for (int i = 1; i < v->x.nd; i++)
    for (int j = i; j > 0 && v->tag[j - 1] > v->tag[j]; j--) {
      v->x = symo_nd_swap(v->x, j, j - 1);
      int tag = v->tag[j];
      v->tag[j] = v->tag[j - 1];
      v->tag[j - 1] = tag;
    }
}

/* The tensor of a piece: axes of occurrences are RAW, identity axes are columns already. */
static tagged start(const symo_plan *plan, const plan_piece *piece, symo_const_vector x) {
  const layout_tensor *t = &plan->layout->tensors[piece->tensor];
  tagged v;
  v.x = x.data == NULL ? symo_nd_dense(plan->dtype, NULL, (int)t->order, t->dim)
                       : symo_layout_view(plan->layout, plan->dtype, x, piece->tensor);
  for (int a = 0; a < (int)t->order; a++) v.tag[a] = COLUMN + a;
  for (int o = 0; o < piece->num_occurrences; o++)
    for (int k = 0; k < piece->occ[o].order; k++)
      v.tag[piece->occ[o].axis[k]] = RAW + piece->occ[o].axis[k];
  return v;
}

/* Tags of the axes of one occurrence before (raw) or after the transform; returns how many. */
static int raw_tags(const occurrence *o, int *tags) {
  for (int k = 0; k < o->order; k++) tags[k] = RAW + o->axis[k];
  return o->order;
}

static int coordinate_tags(const occurrence *o, bool diagonal, int *tags) {
  int n = 0;
  if (o->family_row >= 0) tags[n++] = ROW + o->family_row;
  for (int k = 0; !diagonal && k < o->irrep.ambient; k++) tags[n++] = ROW + o->ambient_row + k;
  tags[n++] = COLUMN + o->axis[0];
  if (diagonal && o->group->cross) tags[n++] = SECOND + o->axis[0];
  return n;
}

/* Appends to tags[0..n) the tags of v that are not among the first `skip` of `without`. */
static int append_lanes(const tagged *v, const int *without, int skip, int *tags, int n) {
  for (int i = 0; i < v->x.nd; i++) {
    bool own = false;
    for (int k = 0; k < skip; k++) own = own || v->tag[i] == without[k];
    if (!own) tags[n++] = v->tag[i];
  }
  return n;
}

static bool owns_first_row(const occurrence *o) {
  return o->family_row == 0 || (o->family_row < 0 && o->irrep.ambient > 0 && o->ambient_row == 0);
}

/* Applies all occurrences that are views; done[o] says which. */
static tagged apply_views(const plan_piece *piece, tagged v, bool *done) {
  for (int i = 0; i < piece->num_occurrences; i++) {
    const occurrence *o = &piece->occ[i];
    int raw[SYMO_MAX_REPEAT], before[SYMO_ND_MAX], after[SYMO_ND_MAX];
    int skip = raw_tags(o, raw);
    raw_tags(o, before);
    int nd = append_lanes(&v, raw, skip, before, skip);
    symo_nd front = arrange(&v, before, nd), seen;
    done[i] = o->group->view != NULL && o->group->view(o->group, o->order, o->number, front, &seen);
    if (!done[i]) continue;
    int n = coordinate_tags(o, false, after);
    n = append_lanes(&v, raw, skip, after, n);
    assert(n == seen.nd);
    v.x = seen;
    for (int k = 0; k < n; k++) v.tag[k] = after[k];
  }
  return v;
}

bool symo_piece_view(const symo_plan *plan, const plan_label *label, const plan_piece *piece,
                     symo_const_vector x, symo_nd *out) {
  (void)label;
  bool done[SYMO_MAX_ORDER];
  tagged v = apply_views(piece, start(plan, piece, x), done);
  for (int i = 0; i < piece->num_occurrences; i++)
    if (!done[i]) return false;
  sort_axes(&v);
  *out = v.x;
  return true;
}

/* X of a piece inside dense coordinates [rows, m], the first row axis cut to n. */
static tagged coordinates_of(const symo_plan *plan, const plan_label *label,
                             const plan_piece *piece, size_t n, const void *x) {
  const layout_tensor *t = &plan->layout->tensors[piece->tensor];
  tagged v = {.x = {.dtype = plan->dtype}};
  v.x.p = symo_at(plan->dtype, x, (ptrdiff_t)piece->column);
  ptrdiff_t stride = 1;
  int further[SYMO_MAX_ORDER] = {0};
  size_t width[SYMO_MAX_ORDER];
  for (size_t a = 0; a < t->order; a++) width[a] = t->dim[a];
  for (int o = 0; o < piece->num_occurrences; o++) {
    width[piece->occ[o].axis[0]] = piece->occ[o].copies;
    for (int k = 1; k < piece->occ[o].order; k++) further[piece->occ[o].axis[k]] = 1;
  }
  for (int a = (int)t->order - 1; a >= 0; a--) {
    if (further[a]) continue;
    v.x = symo_nd_insert(v.x, 0, width[a], stride);
    stride *= (ptrdiff_t)width[a];
  }
  int k = 0;
  for (int a = 0; a < (int)t->order; a++)
    if (!further[a]) v.tag[label->num_rows + k++] = COLUMN + a;
  stride = (ptrdiff_t)label->m;
  for (int r = label->num_rows - 1; r >= 0; r--) {
    size_t rows = r == 0 ? n : label->row[r];
    v.x = symo_nd_insert(v.x, 0, rows, stride);
    v.tag[r] = ROW + r;
    stride *= (ptrdiff_t)rows;
  }
  return v;
}

/* ---- to coordinates ---- */

/* The occurrences that must be computed, in the order in which to do it: the one that is cut first
 * (if one may be), then those that shrink the array, then the others. */
static int pending(const plan_piece *piece, const bool *done, bool cut, int *out) {
  int n = 0;
  for (int pass = 0; pass < 3; pass++)
    for (int i = 0; i < piece->num_occurrences; i++) {
      const occurrence *o = &piece->occ[i];
      int when = cut && owns_first_row(o) ? 0 : o->number == 0 ? 1 : 2;
      if (!done[i] && when == pass) out[n++] = i;
    }
  return n;
}

static tagged fresh(symo_dtype dtype, const size_t *n, const int *tags, int nd, arena *scratch) {
  size_t size = 1;
  for (int i = 0; i < nd; i++) size *= n[i];
  tagged v;
  v.x = symo_nd_dense(dtype, arena_allocate(scratch, size * symo_dtype_size(dtype)), nd, n);
  for (int i = 0; i < nd; i++) v.tag[i] = tags[i];
  return v;
}

/* [reduced, lanes] for the lanes of x, whose first axes are those of the occurrence. */
static symo_nd reduced_space(const occurrence *o, symo_nd x, arena *scratch) {
  int tags[SYMO_ND_MAX] = {0};
  size_t shape[SYMO_ND_MAX] = {0};
  shape[0] = o->group->reduced == NULL ? 0 : o->group->reduced(o->group, x.n[0], o->order);
  for (int i = o->order; i < x.nd; i++) shape[1 + i - o->order] = x.n[i];
  return fresh(x.dtype, shape, tags, 1 + x.nd - o->order, scratch).x;
}

static void *diagonal_space(const occurrence *o, arena *scratch) {
  size_t (*bytes)(const symo_group *self, int order, int irrep) = o->group->diagonal_work;
  return bytes == NULL ? NULL : arena_allocate(scratch, bytes(o->group, o->order, o->number));
}

/* One computed step of gathering. */
static tagged analyze(const plan_label *label, const occurrence *o, tagged v, size_t first,
                      size_t n, const tagged *last, arena *scratch) {
  int raw[SYMO_MAX_REPEAT], before[SYMO_ND_MAX], after[SYMO_ND_MAX];
  size_t shape[SYMO_ND_MAX] = {0};
  int skip = raw_tags(o, raw);
  raw_tags(o, before);
  int nd = append_lanes(&v, raw, skip, before, skip);
  symo_nd x = arrange(&v, before, nd);
  int own = coordinate_tags(o, false, after);
  int total = append_lanes(&v, raw, skip, after, own);
  bool cut = owns_first_row(o);
  for (int i = 0; i < own; i++)
    shape[i] = i == own - 1 ? o->copies : after[i] == ROW && cut ? n : label->row[after[i] - ROW];
  for (int i = own; i < total; i++) shape[i] = x.n[skip + i - own];
  tagged to = last != NULL ? *last : fresh(x.dtype, shape, after, total, scratch);
  symo_nd out = arrange(&to, after, total);
  size_t kept = scratch->used;
  symo_nd red = reduced_space(o, x, scratch);
  if (scratch->base != NULL && o->group->reduce != NULL) {
    symo_nd_fill(0, red);
    o->group->reduce(o->group, o->order, x, red);
  }
  if (scratch->base != NULL)
    o->group->analyze(o->group, o->order, o->number, x, red, cut ? first : 0, out);
  scratch->used = kept;
  return to;
}

static void gather_piece(const symo_plan *plan, const plan_label *label, const plan_piece *piece,
                         symo_const_vector x, size_t first, size_t n, void *out, arena *scratch) {
  bool done[SYMO_MAX_ORDER];
  int todo[SYMO_MAX_ORDER];
  tagged target = coordinates_of(plan, label, piece, n, out);
  tagged v = apply_views(piece, start(plan, piece, x), done);
  for (int i = 0; i < v.x.nd && label->num_rows > 0; i++)
    if (v.tag[i] == ROW) v.x = symo_nd_slice(v.x, i, first, n);
  int count = pending(piece, done, true, todo);
  scratch->used = 0;
  for (int i = 0; i < count; i++)
    v = analyze(label, &piece->occ[todo[i]], v, first, n, i + 1 == count ? &target : NULL, scratch);
  if (count == 0 && scratch->base != NULL) {
    sort_axes(&v);
    symo_nd_copy(1, v.x, target.x);
  }
}

void symo_label_gather(const symo_plan *plan, const plan_label *label, symo_const_vector x,
                       size_t first, size_t n, void *out, arena *scratch) {
  for (size_t p = 0; p < label->num_pieces; p++)
    gather_piece(plan, label, &label->pieces[p], x, first, n, out, scratch);
}

void symo_label_gather_tensor(const symo_plan *plan, const plan_label *label, size_t tensor,
                              symo_const_vector x, void *out, arena *scratch) {
  const size_t rows = symo_label_indices(label);
  for (size_t p = 0; p < label->num_pieces; p++)
    if (label->pieces[p].tensor == tensor)
      gather_piece(plan, label, &label->pieces[p], x, 0, rows, out, scratch);
}

/* ---- from coordinates ---- */

/* Runs the transposed steps from src into y; diagonal: spreads an M's diagonal instead, with a
 * second column axis for occurrences whose copies do not lie apart. */
static void expand(const plan_piece *piece, tagged src, tagged y, const bool *done, bool diagonal,
                   arena *scratch) {
  int todo[SYMO_MAX_ORDER];
  int count = pending(piece, done, false, todo);
  scratch->used = 0;
  if (count == 0 && scratch->base != NULL) {
    sort_axes(&y);
    sort_axes(&src);
    symo_nd_axpy(1, src.x, y.x);
  }
  for (int i = count - 1; i >= 0; i--) { /* what grows the array comes last */
    const occurrence *o = &piece->occ[todo[i]];
    int own[SYMO_ND_MAX], before[SYMO_ND_MAX], after[SYMO_ND_MAX];
    size_t shape[SYMO_ND_MAX];
    int skip = coordinate_tags(o, diagonal, own);
    for (int k = 0; k < skip; k++) before[k] = own[k];
    int nd = append_lanes(&src, own, skip, before, skip);
    symo_nd x = arrange(&src, before, nd);
    int raw = raw_tags(o, after);
    int total = append_lanes(&src, own, skip, after, raw);
    for (int k = 0; k < total; k++) {
      int j = 0; /* y has the raw axes; lanes are as in x */
      if (k < raw)
        while (y.tag[j] != after[k]) j++;
      shape[k] = k < raw ? y.x.n[j] : x.n[skip + k - raw];
    }
    tagged to = i == 0 ? y : fresh(x.dtype, shape, after, total, scratch);
    symo_nd out = arrange(&to, after, total);
    size_t kept = scratch->used;
    symo_nd work = diagonal ? x : reduced_space(o, out, scratch);
    void *room = diagonal ? diagonal_space(o, scratch) : NULL;
    if (scratch->base != NULL) {
      if (i > 0) symo_nd_fill(0, to.x);
      if (diagonal)
        o->group->diagonal(o->group, o->order, o->number, x, out, room);
      else
        o->group->synthesize(o->group, o->order, o->number, x, work, out);
    }
    scratch->used = kept;
    src = to;
  }
}

static void scatter_piece(const symo_plan *plan, const plan_label *label, const plan_piece *piece,
                          const void *x, symo_const_vector y, arena *scratch) {
  bool done[SYMO_MAX_ORDER];
  tagged to = apply_views(piece, start(plan, piece, y), done);
  tagged from = coordinates_of(plan, label, piece, symo_label_indices(label), x);
  expand(piece, from, to, done, false, scratch);
}

void symo_label_scatter(const symo_plan *plan, const plan_label *label, const void *coordinates,
                        symo_vector y, arena *scratch) {
  for (size_t p = 0; p < label->num_pieces; p++)
    scatter_piece(plan, label, &label->pieces[p], coordinates, symo_vector_const(y), scratch);
}

void symo_label_scatter_tensor(const symo_plan *plan, const plan_label *label, size_t tensor,
                               const void *coordinates, symo_vector y, arena *scratch) {
  for (size_t p = 0; p < label->num_pieces; p++)
    if (label->pieces[p].tensor == tensor)
      scatter_piece(plan, label, &label->pieces[p], coordinates, symo_vector_const(y), scratch);
}

/* A new axis in front. */
static void push_axis(tagged *v, size_t n, ptrdiff_t stride, int tag) {
  for (int k = v->x.nd; k > 0; k--) v->tag[k] = v->tag[k - 1];
  v->x = symo_nd_insert(v->x, 0, n, stride);
  v->tag[0] = tag;
}

static bool has_cross(const plan_piece *piece, int axis) {
  for (int i = 0; i < piece->num_occurrences; i++)
    if (piece->occ[i].axis[0] == axis) return piece->occ[i].group->cross;
  return false;
}

static void diagonal_piece(const symo_plan *plan, const plan_label *label, const plan_piece *piece,
                           const void *m, symo_const_vector y, arena *scratch) {
  static const bool none[SYMO_MAX_ORDER] = {false};
  tagged from = coordinates_of(plan, label, piece, symo_label_indices(label), m);
  ptrdiff_t stride = (ptrdiff_t)(label->m * label->m); /* of the families */
  tagged diagonal = {.x = {.dtype = plan->dtype}};
  size_t corner = piece->column * (label->m + 1);
  diagonal.x.p = symo_at(plan->dtype, m, (ptrdiff_t)corner);
  for (int i = from.x.nd - 1; i >= 0; i--) {
    bool column = from.tag[i] >= COLUMN;
    if (!column && from.tag[i] - ROW >= label->num_families) continue;
    ptrdiff_t s = column ? from.x.s[i] * (ptrdiff_t)(label->m + 1) : stride;
    if (!column) stride *= (ptrdiff_t)from.x.n[i];
    if (column && has_cross(piece, from.tag[i] - COLUMN)) {
      push_axis(&diagonal, from.x.n[i], from.x.s[i], from.tag[i] - COLUMN + SECOND);
      s -= from.x.s[i];
    }
    push_axis(&diagonal, from.x.n[i], s, from.tag[i]);
  }
  expand(piece, diagonal, start(plan, piece, y), none, true, scratch);
}

void symo_label_diagonal(const symo_plan *plan, const plan_label *label, const void *m,
                         symo_vector y, arena *scratch) {
  for (size_t p = 0; p < label->num_pieces; p++)
    diagonal_piece(plan, label, &label->pieces[p], m, symo_vector_const(y), scratch);
}

/* ---- sizes ---- */

size_t symo_label_rows(const plan_label *label) {
  size_t rows = 1;
  for (int r = 0; r < label->num_rows; r++) rows *= label->row[r];
  return rows;
}

size_t symo_label_stride(const plan_label *label) {
  size_t rows = 1;
  for (int r = 1; r < label->num_rows; r++) rows *= label->row[r];
  return rows;
}

static const symo_const_vector nowhere = {0};

size_t symo_gather_scratch(const symo_plan *plan, const plan_label *label, size_t n) {
  arena measure = {0};
  symo_label_gather(plan, label, nowhere, 0, n, NULL, &measure);
  return measure.most + 64;
}

size_t symo_scatter_scratch(const symo_plan *plan, const plan_label *label) {
  arena measure = {0};
  symo_label_scatter(plan, label, NULL, (symo_vector){0}, &measure);
  return measure.most + 64;
}

size_t symo_diagonal_scratch(const symo_plan *plan, const plan_label *label) {
  arena measure = {0};
  symo_label_diagonal(plan, label, NULL, (symo_vector){0}, &measure);
  return measure.most + 64;
}
