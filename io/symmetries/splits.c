/* Axes that are read as two: z = (o, i), index = o * dim(i) + i, as a reshape reads the features of
 * queries as heads and what is in a head.
 *
 * By the rules o and i are axes like others, and elements p and q of their groups act on z as the
 * Kronecker product p (x) q: all parts are moved by the same q.  Where every operation treats part
 * after part alike and by itself, each part may have a q of its own, so that z has the wreath
 * product of the group of i with the changes of places of o.  Hence what could mix the parts marks
 * the split (sym_mix), and at the end a split that is not marked becomes a wreath product on z; any
 * other becomes two axes of the tensors.  A wreath product needs more: all atoms that move with o
 * and i belong to splits, because a tensor on i alone has only one q, and spaces with equal o change
 * places together.  The layout moves each by itself; that gives the same averages as long as no
 * vector is left in place by the group of a part, as in signed-permutation and orthogonal. */
#include "core/text.h"
#include "io/symmetries/classes.h"

#include <assert.h>
#include <string.h>

static bool same(const sym_state *s, size_t a, size_t b) {
  return sym_class(s, a) == sym_class(s, b);
}

void sym_split_atom(sym_state *s, size_t atom, size_t outer, size_t *out_outer, size_t *out_inner) {
  for (size_t i = 0; i < s->num_splits; i++) {
    const sym_split *split = &s->splits[i];
    if (!same(s, split->whole, atom) || sym_dim(s, split->outer) != outer) continue;
    *out_outer = split->outer, *out_inner = split->inner;
    return;
  }
  assert(s->num_splits < s->split_room);
  sym_split split = {.whole = atom, .node = s->here};
  split.outer = sym_atom_new(s, outer, ".parts");
  split.inner = sym_atom_new(s, sym_dim(s, atom) / outer, ".part");
  s->atoms[split.outer].base = s->atoms[split.inner].base = s->atoms[atom].base;
  s->splits[s->num_splits++] = split;
  *out_outer = split.outer, *out_inner = split.inner;
}

void sym_join_axis(sym_state *s, sym_value *v, size_t axis) {
  for (size_t at = v->start[axis]; at + 1 < v->start[axis + 1];) {
    size_t found = s->num_splits;
    for (size_t i = 0; i < s->num_splits && found == s->num_splits; i++)
      if (same(s, s->splits[i].outer, v->atoms[at]) &&
          same(s, s->splits[i].inner, v->atoms[at + 1]))
        found = i;
    if (found == s->num_splits) {
      at++;
      continue;
    }
    v->atoms[at] = s->splits[found].whole;
    size_t last = v->start[v->order];
    memmove(&v->atoms[at + 1], &v->atoms[at + 2], (last - at - 2) * sizeof *v->atoms);
    for (size_t a = axis + 1; a <= v->order; a++) v->start[a]--;
    at = v->start[axis]; /* the whole may be a part again */
  }
}

bool sym_is_inner(const sym_state *s, size_t atom) {
  for (size_t i = 0; i < s->num_splits; i++)
    if (same(s, s->splits[i].inner, atom)) return true;
  return false;
}

size_t sym_outer_of(const sym_state *s, const sym_value *v, size_t at) {
  for (size_t i = 0; i < s->num_splits; i++) {
    if (!same(s, s->splits[i].inner, v->atoms[at])) continue;
    for (size_t k = 0; k < v->start[v->order]; k++)
      if (same(s, s->splits[i].outer, v->atoms[k])) return k;
  }
  return SIZE_MAX;
}

void sym_mix_atom(sym_state *s, size_t atom) {
  for (size_t i = 0; i < s->num_splits; i++)
    if (same(s, s->splits[i].inner, atom)) s->splits[i].mixed = true;
}

void sym_mix(sym_state *s, const sym_value *v) {
  for (size_t i = 0; i < v->start[v->order]; i++) sym_mix_atom(s, v->atoms[i]);
}

void sym_mix_orphans(sym_state *s, const sym_value *v) {
  for (size_t i = 0; i < v->start[v->order]; i++)
    if (sym_outer_of(s, v, i) == SIZE_MAX) sym_mix_atom(s, v->atoms[i]);
}

/* ---- after the last rule ---- */

static symo_status disagree(sym_state *s, const sym_split *x, const sym_split *y) {
  const size_t atoms[] = {x->whole, x->outer, x->inner, y->outer, y->inner};
  s->here = y->node;
  symo_status status = sym_reserve(s);
  for (size_t i = 0; i < 5 && status == SYMO_OK; i++)
    sym_limit_atom(s, atoms[i], SYM_IDENTITY, false, "it is read as %zu parts and as %zu elsewhere",
                   sym_dim(s, y->outer), sym_dim(s, x->outer));
  return status;
}

/* Two splits of one axis are one split, and what is put together from the same two axes is the same
 * axis, until nothing changes. */
symo_status sym_close_splits(sym_state *s) {
  symo_status status = SYMO_OK;
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = 0; i < s->num_splits; i++)
      for (size_t j = 0; j < i; j++) {
        const sym_split x = s->splits[j], y = s->splits[i];
        bool parts = same(s, x.outer, y.outer) && same(s, x.inner, y.inner);
        bool whole = same(s, x.whole, y.whole);
        if (parts == whole || sym_dim(s, x.whole) != sym_dim(s, y.whole)) continue;
        if (sym_dim(s, x.outer) != sym_dim(s, y.outer)) continue; /* below */
        sym_unite(s, x.whole, y.whole);
        sym_unite(s, x.outer, y.outer);
        sym_unite(s, x.inner, y.inner);
        changed = true;
      }
  }
  for (size_t i = 0; i < s->num_splits && status == SYMO_OK; i++)
    for (size_t j = 0; j < i && status == SYMO_OK; j++)
      if (same(s, s->splits[i].whole, s->splits[j].whole) &&
          sym_dim(s, s->splits[i].outer) != sym_dim(s, s->splits[j].outer))
        status = disagree(s, &s->splits[j], &s->splits[i]);
  return status;
}

/* ---- which form ---- */

typedef struct resolver {
  sym_state *s;
  sym_level *level;
} resolver;

static bool lower(resolver *r, size_t atom, sym_level level) {
  size_t root = sym_class(r->s, atom);
  if (r->level[root] <= level) return false;
  r->level[root] = level;
  return true;
}

/* The group of the whole bounds those of its axes; where both stand still, so does the whole. */
static void lower_levels(resolver *r) {
  sym_state *s = r->s;
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = 0; i < s->num_splits; i++) {
      const sym_split *split = &s->splits[i];
      size_t whole = sym_class(s, split->whole), copies = s->atoms[whole].copies;
      sym_level bound = r->level[whole];
      if (copies > 0) { /* heads of an attention: no rotations among them */
        if (copies != sym_dim(s, split->outer)) bound = SYM_IDENTITY;
        changed = lower(r, split->outer, SYM_PERMUTATION) || changed;
      }
      changed = lower(r, split->outer, bound) || changed;
      changed = lower(r, split->inner, bound) || changed;
      if (r->level[sym_class(s, split->outer)] == SYM_IDENTITY &&
          r->level[sym_class(s, split->inner)] == SYM_IDENTITY)
        changed = lower(r, split->whole, SYM_IDENTITY) || changed;
    }
  }
}

/* Whether every atom that moves with `atom` is the outer (or the inner) axis of some split; inner
 * ones of splits of the same whole. */
static bool only_parts(const sym_state *s, size_t atom, bool inner, size_t whole) {
  for (size_t a = 0; a < s->num_atoms; a++) {
    if (!same(s, a, atom)) continue;
    bool found = false;
    for (size_t i = 0; i < s->num_splits && !found; i++) {
      const sym_split *split = &s->splits[i];
      found = inner ? split->inner == a && same(s, split->whole, whole) : split->outer == a;
    }
    if (!found) return false;
  }
  return true;
}

static bool is_wreath(const resolver *r, const sym_split *split) {
  const sym_state *s = r->s;
  sym_level inner = r->level[sym_class(s, split->inner)];
  if (inner == SYM_IDENTITY || r->level[sym_class(s, split->outer)] == SYM_IDENTITY) return false;
  for (size_t i = 0; i < s->num_splits; i++) {
    const sym_split *other = &s->splits[i];
    bool mine = same(s, other->whole, split->whole);
    if (mine && other->mixed) return false;
    if (same(s, other->whole, split->inner)) return false; /* the part is read as two again */
    if (!mine && same(s, other->outer, split->outer) && inner < SYM_SIGNED_PERMUTATION)
      return false;
  }
  return only_parts(s, split->outer, false, split->whole) &&
         only_parts(s, split->inner, true, split->whole);
}

/* Outer axes that are shared with a split of two axes are axes of tensors, so that whoever shares
 * them has two axes too. */
static void choose_forms(const resolver *r, bool *wreath) {
  const sym_state *s = r->s;
  for (size_t i = 0; i < s->num_splits; i++) wreath[i] = is_wreath(r, &s->splits[i]);
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = 0; i < s->num_splits; i++)
      for (size_t j = 0; j < s->num_splits && wreath[i]; j++)
        if (!wreath[j] && same(s, s->splits[i].outer, s->splits[j].outer)) {
          wreath[i] = false;
          changed = true;
        }
  }
}

/* The split of an axis that tensors have as two; NULL: they have it as one. */
static const sym_split *split_of(const resolver *r, size_t atom, const bool *wreath) {
  const sym_state *s = r->s;
  if (r->level[sym_class(s, atom)] == SYM_IDENTITY) return NULL;
  for (size_t i = 0; i < s->num_splits; i++)
    if (same(s, s->splits[i].whole, atom)) return wreath[i] ? NULL : &s->splits[i];
  return NULL;
}

static symo_status expand(resolver *r, sym_parameter *p, const bool *wreath) {
  for (size_t a = 0; a < p->order;) {
    const sym_split *split = split_of(r, p->atom[a], wreath);
    if (split == NULL) {
      a++;
      continue;
    }
    r->s->here = p->node;
    if (p->order == SYMO_MAX_ORDER)
      return sym_refuse(r->s, SYMO_E_UNSUPPORTED, "tensor %s has more than %d axes (split fewer)",
                        p->name, (int)SYMO_MAX_ORDER);
    memmove(&p->atom[a + 1], &p->atom[a], (p->order - a) * sizeof *p->atom);
    memmove(&p->dual[a + 1], &p->dual[a], (p->order - a) * sizeof *p->dual);
    memmove(&p->glued[a + 1], &p->glued[a], (p->order - a) * sizeof *p->glued);
    p->order++;
    p->atom[a] = split->outer, p->atom[a + 1] = split->inner;
    p->glued[a + 1] = false;
  }
  return SYMO_OK;
}

/* Whether some tensor has the axis. */
static bool has_axis(const sym_state *s, size_t atom) {
  for (size_t t = 0; t < s->num_parameters; t++)
    for (size_t a = 0; a < s->parameters[t].order; a++)
      if (same(s, s->parameters[t].atom[a], atom)) return true;
  return false;
}

symo_status sym_resolve_splits(sym_state *s, sym_level *level, bool *scales, size_t *owner) {
  resolver r = {s, level};
  bool *wreath = s->wreath;
  lower_levels(&r);
  choose_forms(&r, wreath);
  for (size_t i = 0; i < s->num_splits; i++) {
    const sym_split *split = &s->splits[i];
    size_t whole = sym_class(s, split->whole), inner = sym_class(s, split->inner);
    scales[whole] = scales[inner] = scales[sym_class(s, split->outer)] = false;
    if (!wreath[i] || level[whole] == SYM_IDENTITY) continue;
    level[whole] = level[inner];
    owner[inner] = whole;
    s->atoms[whole].copies = sym_dim(s, split->outer);
    s->atoms[whole].together = sym_class(s, split->outer) + 1;
  }
  symo_status status = SYMO_OK;
  for (size_t t = 0; t < s->num_parameters && status == SYMO_OK; t++)
    status = expand(&r, &s->parameters[t], wreath);
  for (size_t i = 0; i < s->num_splits; i++) {
    const size_t whole = sym_class(s, s->splits[i].whole);
    const size_t parts[] = {s->splits[i].outer, s->splits[i].inner};
    for (size_t k = 0; k < 2 && level[whole] == SYM_IDENTITY; k++)
      if (!has_axis(s, parts[k])) owner[sym_class(s, parts[k])] = whole;
  }
  return status;
}
