/* Plans: the labels of a layout and the pieces of tensors that lie in them. */
#include "groups/plan/plan.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"

symo_plan_spec symo_plan_spec_default(void) {
  return (symo_plan_spec){.dtype = SYMO_ANY, .coupling = SYMO_COUPLED, .centered = false};
}

static bool is_identity(const symo_plan *plan, size_t space) {
  return plan->spaces[space].group == &symo_group_identity;
}

/* The non-identity spaces on a tensor, ascending, each with its axes. */
static int find_occurrences(const symo_plan *plan, size_t tensor, occurrence *out) {
  const layout_tensor *t = &plan->layout->tensors[tensor];
  int n = 0;
  for (int a = 0; a < (int)t->order; a++) {
    size_t space = t->space[a];
    if (is_identity(plan, space)) continue;
    int i = 0;
    while (i < n && out[i].space < space) i++;
    if (i < n && out[i].space == space) {
      out[i].axis[out[i].order++] = a;
      continue;
    }
    memmove(&out[i + 1], &out[i], (size_t)(n - i) * sizeof *out);
    out[i] = (occurrence){.space = space, .group = plan->spaces[space].group, .order = 1};
    out[i].axis[0] = a;
    n++;
  }
  return n;
}

static bool same_key(const plan_label *label, int n, const size_t *space, const int *irrep) {
  if (label->num_keys != n) return false;
  for (int i = 0; i < n; i++)
    if (label->key_space[i] != space[i] || label->key_irrep[i] != irrep[i]) return false;
  return true;
}

static symo_status name_label(const symo_plan *plan, plan_label *label) {
  const symo_layout *layout = plan->layout;
  char text[(SYMO_MAX_ORDER + 1) * (SYMO_MAX_NAME + 64)] = "";
  size_t used = 0;
  if (plan->coupling == SYMO_BLOCKED)
    used += (size_t)snprintf(text, sizeof text, "%s/", layout->tensors[label->tensor].name);
  if (label->num_keys == 0) snprintf(text + used, sizeof text - used, "trivial");
  for (int i = 0; i < label->num_keys; i++) {
    size_t space = label->key_space[i];
    used += (size_t)snprintf(text + used, sizeof text - used, "%s%s:%s", i > 0 ? "," : "",
                             layout->spaces[space].name,
                             plan->spaces[space].irreps[label->key_irrep[i]].name);
  }
  label->name = symo_strdup(text);
  return label->name == NULL ? symo_fail_memory(plan->context, "plan") : SYMO_OK;
}

static symo_status too_large(const symo_plan *plan, const char *what) {
  return symo_fail(plan->context, SYMO_E_SIZE, "plan: %s: too large to address (use other groups)",
                   what);
}

/* Sizes and row axes of a new label from its key; order[i]: the key whose axes come i-th. */
static symo_status shape_label(const symo_plan *plan, plan_label *label, const int *order) {
  label->dim = label->count = label->ambient = label->type = label->hermitian = 1;
  const int keys = label->num_keys;
  size_t axes = 0;
  bool fits = true;
  const symo_irrep *irrep[SYMO_MAX_ORDER];
  for (int i = 0; i < keys; i++) {
    irrep[i] = &plan->spaces[label->key_space[order[i]]].irreps[label->key_irrep[order[i]]];
    axes += (size_t)irrep[i]->ambient + irrep[i]->family;
  }
  if (axes > SYMO_MAX_ROWS)
    return symo_fail(plan->context, SYMO_E_UNSUPPORTED,
                     "plan: label %s has %zu row axes, more than %d (use fewer or simpler groups)",
                     label->name, axes, SYMO_MAX_ROWS);
  for (int i = 0; i < keys; i++) {
    fits = fits && symo_mul_size(label->dim, irrep[i]->dim, &label->dim);
    fits = fits && symo_mul_size(label->count, irrep[i]->count, &label->count);
    /* Of the units of a product of algebras, those are symmetric of which an even number of factors
     * is not. */
    size_t skew = label->type - label->hermitian;
    label->hermitian += skew * (irrep[i]->type - 1);
    label->type *= irrep[i]->type;
    label->key_family[order[i]] = irrep[i]->family ? label->num_rows : -1;
    if (irrep[i]->family) label->row[label->num_rows++] = irrep[i]->count;
  }
  label->num_families = label->num_rows;
  for (int i = 0; i < keys; i++) {
    label->key_ambient[order[i]] = irrep[i]->ambient > 0 ? label->num_rows : -1;
    for (int k = 0; k < irrep[i]->ambient; k++) {
      label->row[label->num_rows++] = irrep[i]->frame[k];
      fits = fits && symo_mul_size(label->ambient, irrep[i]->frame[k], &label->ambient);
    }
  }
  /* Rows, count * ambient, are part of the entries of a tensor, and no more than these. */
  fits = fits && label->ambient <= 2147483647;
  return fits ? SYMO_OK : too_large(plan, label->name);
}

/* The label of a key, made if it is new.  *out may move when labels are added. */
static symo_status find_label(symo_plan *plan, size_t tensor, int n, const size_t *space,
                              const int *irrep, const int *order, size_t *out) {
  bool blocked = plan->coupling == SYMO_BLOCKED;
  for (size_t i = 0; i < plan->num_labels; i++) {
    const plan_label *label = &plan->labels[i];
    if ((!blocked || label->tensor == tensor) && same_key(label, n, space, irrep)) {
      *out = i;
      return SYMO_OK;
    }
  }
  if (plan->num_labels == plan->room) {
    size_t room = plan->room == 0 ? 8 : 2 * plan->room;
    plan_label *grown = symo_calloc(room, sizeof *grown);
    if (grown == NULL) return symo_fail_memory(plan->context, "plan");
    if (plan->num_labels > 0) memcpy(grown, plan->labels, plan->num_labels * sizeof *grown);
    symo_free(plan->labels);
    plan->labels = grown;
    plan->room = room;
  }
  plan_label *label = &plan->labels[plan->num_labels];
  *label = (plan_label){.num_keys = n, .tensor = tensor};
  label->dropped = plan->centered && n == 0;
  for (int i = 0; i < n; i++) {
    label->key_space[i] = space[i];
    label->key_irrep[i] = irrep[i];
  }
  symo_status status = name_label(plan, label);
  if (status != SYMO_OK) return status;
  *out = plan->num_labels++;
  return shape_label(plan, label, order);
}

static symo_status append_piece(symo_plan *plan, plan_label *label, const plan_piece *piece) {
  if (label->num_pieces == label->room) {
    size_t room = label->room == 0 ? 4 : 2 * label->room;
    plan_piece *grown = symo_calloc(room, sizeof *grown);
    if (grown == NULL) return symo_fail_memory(plan->context, "plan");
    if (label->num_pieces > 0) memcpy(grown, label->pieces, label->num_pieces * sizeof *grown);
    symo_free(label->pieces);
    label->pieces = grown;
    label->room = room;
  }
  label->pieces[label->num_pieces] = *piece;
  label->pieces[label->num_pieces].column = label->m;
  label->num_pieces++;
  label->m += piece->width;
  return label->m <= 2147483647 ? SYMO_OK : too_large(plan, label->name);
}

/* Puts one piece (occurrences with chosen components) into its label. */
static symo_status place_piece(symo_plan *plan, plan_piece *piece, bool trivial_only) {
  const layout_tensor *t = &plan->layout->tensors[piece->tensor];
  size_t space[SYMO_MAX_ORDER], index = 0;
  int irrep[SYMO_MAX_ORDER], axis[SYMO_MAX_ORDER], order[SYMO_MAX_ORDER] = {0}, n = 0;
  piece->width = 1;
  for (size_t a = 0; a < t->order; a++)
    if (is_identity(plan, t->space[a])) piece->width *= t->dim[a];
  for (int i = 0; i < piece->num_occurrences; i++) {
    const occurrence *o = &piece->occ[i];
    piece->width *= o->copies;
    if (o->number == 0) continue;
    int at = n;
    for (; at > 0 && axis[order[at - 1]] > o->axis[0]; at--) order[at] = order[at - 1];
    order[at] = n;
    axis[n] = o->axis[0];
    space[n] = o->space;
    irrep[n++] = o->number;
  }
  if (trivial_only != (n == 0)) return SYMO_OK;
  symo_status status = find_label(plan, piece->tensor, n, space, irrep, order, &index);
  if (status != SYMO_OK) return status;
  plan_label *label = &plan->labels[index];
  for (int i = 0, key = 0; i < piece->num_occurrences; i++) {
    occurrence *o = &piece->occ[i];
    o->family_row = o->number > 0 ? label->key_family[key] : -1;
    o->ambient_row = o->number > 0 ? label->key_ambient[key] : -1;
    key += o->number > 0;
  }
  return append_piece(plan, label, piece);
}

/* All pieces of one tensor: the product of the components of its occurrences. */
static symo_status place_tensor(symo_plan *plan, size_t tensor, bool trivial_only) {
  plan_piece piece = {.tensor = tensor};
  int chosen[SYMO_MAX_ORDER] = {0};
  piece.num_occurrences = find_occurrences(plan, tensor, piece.occ);
  assert(piece.num_occurrences <= SYMO_MAX_ORDER);
  for (;;) {
    for (int i = 0; i < piece.num_occurrences; i++) {
      occurrence *o = &piece.occ[i];
      const plan_space *s = &plan->spaces[o->space];
      const symo_component *c = &s->components[o->order][chosen[i]];
      o->number = c->irrep;
      o->copies = c->copies;
      o->irrep = s->irreps[o->number];
    }
    symo_status status = place_piece(plan, &piece, trivial_only);
    if (status != SYMO_OK) return status;
    int i = piece.num_occurrences - 1;
    for (; i >= 0; i--) {
      const occurrence *o = &piece.occ[i];
      if (++chosen[i] < plan->spaces[o->space].num_components[o->order]) break;
      chosen[i] = 0;
    }
    if (i < 0) return SYMO_OK;
  }
}

/* What the groups say of themselves, asked once. */
static symo_status describe_spaces(symo_plan *plan) {
  const symo_layout *layout = plan->layout;
  plan->spaces = symo_calloc(layout->num_spaces + 1, sizeof *plan->spaces);
  if (plan->spaces == NULL) return symo_fail_memory(plan->context, "plan");
  for (size_t i = 0; i < layout->num_spaces; i++) {
    plan_space *s = &plan->spaces[i];
    size_t dim = layout->spaces[i].dim;
    s->group = layout->spaces[i].resolved;
    size_t room = s->group->max_irreps > 0 ? (size_t)s->group->max_irreps : SYMO_MAX_IRREPS;
    s->irreps = symo_calloc(room, sizeof *s->irreps);
    if (s->irreps == NULL) return symo_fail_memory(plan->context, "plan");
    s->num_irreps = s->group->irreps(s->group, dim, s->irreps);
    for (int k = 0; k < s->num_irreps; k++)
      if (s->irreps[k].type == 0) s->irreps[k].type = 1;
    if (s->group == &symo_group_identity) continue;
    for (size_t t = 0; t < layout->num_tensors; t++) {
      int order = 0;
      for (size_t a = 0; a < layout->tensors[t].order; a++)
        order += layout->tensors[t].space[a] == i;
      if (order == 0 || s->components[order] != NULL) continue;
      s->components[order] = symo_calloc(room, sizeof **s->components);
      if (s->components[order] == NULL) return symo_fail_memory(plan->context, "plan");
      s->num_components[order] = s->group->components(s->group, dim, order, s->components[order]);
    }
  }
  return SYMO_OK;
}

/* True if every piece is a view that BLAS (or, for families, the elementwise kernels) can take when
 * the tensors are row-major. */
static bool label_is_views(const symo_plan *plan, const plan_label *label) {
  for (size_t p = 0; p < label->num_pieces; p++) {
    symo_nd view;
    symo_mat mat;
    const plan_piece *piece = &label->pieces[p];
    if (!symo_piece_view(plan, label, piece, (symo_const_vector){0}, &view)) return false;
    if (label->num_families > 0 ? label->ambient > 1 : !symo_nd_matrix(view, label->num_rows, &mat))
      return false;
  }
  return true;
}

symo_status symo_plan_create(symo_layout *layout, const symo_plan_spec *spec, symo_plan **out) {
  return symo_plan_create_panel(layout, spec, 0, out);
}

symo_status symo_plan_create_panel(symo_layout *layout, const symo_plan_spec *spec, size_t panel,
                                   symo_plan **out) {
  if (layout == NULL) return SYMO_E_ARGUMENT;
  if (out == NULL) return symo_fail_null(layout->context, "plan_create", "out");
  symo_plan_spec chosen = spec == NULL ? symo_plan_spec_default() : *spec;
  symo_status status;
  if (layout->num_tensors == 0)
    return symo_fail(layout->context, SYMO_E_ARGUMENT, "plan: the layout has no tensors (add one)");
  if (chosen.dtype != SYMO_ANY && symo_dtype_size(chosen.dtype) == 0)
    return symo_fail(layout->context, SYMO_E_DTYPE, "plan: dtype %d (must be f32 or f64)",
                     (int)chosen.dtype);
  if (chosen.coupling != SYMO_COUPLED && chosen.coupling != SYMO_BLOCKED)
    return symo_fail(layout->context, SYMO_E_ARGUMENT,
                     "plan: coupling %d (must be SYMO_COUPLED or SYMO_BLOCKED)",
                     (int)chosen.coupling);
  symo_plan *plan = symo_calloc(1, sizeof *plan);
  if (plan == NULL) return symo_fail_memory(layout->context, "plan");
  plan->context = layout->context;
  plan->layout = symo_layout_retain(layout);
  atomic_init(&plan->references, 1);
  plan->dtype = chosen.dtype != SYMO_ANY ? chosen.dtype : layout->dtype;
  if (plan->dtype == SYMO_ANY) plan->dtype = SYMO_F64;
  plan->coupling = chosen.coupling;
  plan->centered = chosen.centered;
  SYMO_TRY(symo_moments_check(layout));
  SYMO_TRY(symo_layout_resolve(layout));
  SYMO_TRY(describe_spaces(plan));
  for (int pass = 0; pass < 2; pass++)
    for (size_t i = 0; i < layout->num_tensors; i++) SYMO_TRY(place_tensor(plan, i, pass == 0));
  SYMO_TRY(symo_moments_create(plan));
  for (size_t i = 0; i < plan->num_labels; i++)
    plan->labels[i].views = label_is_views(plan, &plan->labels[i]);
  /* Panels of a twentieth of the parameters: extra memory stays small, BLAS calls stay long. */
  if (panel == 0) panel = layout->parameters / 20 > 65536 ? layout->parameters / 20 : 65536;
  plan->panel = panel;
  *out = plan;
  return SYMO_OK;
fail:
  symo_plan_destroy(plan);
  return status;
}

symo_plan *symo_plan_retain(symo_plan *plan) {
  atomic_fetch_add(&plan->references, 1);
  return plan;
}

void symo_plan_destroy(symo_plan *plan) {
  if (plan == NULL || atomic_fetch_sub(&plan->references, 1) > 1) return;
  for (size_t i = 0; i < plan->num_labels; i++) {
    symo_free(plan->labels[i].name);
    symo_free(plan->labels[i].pieces);
  }
  symo_free(plan->labels);
  for (size_t i = 0; plan->spaces != NULL && i < plan->layout->num_spaces; i++) {
    symo_free(plan->spaces[i].irreps);
    for (int p = 0; p <= SYMO_MAX_REPEAT; p++) symo_free(plan->spaces[i].components[p]);
  }
  symo_free(plan->spaces);
  symo_moments_destroy(plan->moments);
  symo_layout_destroy(plan->layout);
  symo_free(plan);
}

bool symo_plan_equal(const symo_plan *a, const symo_plan *b) {
  return a == b || (a->dtype == b->dtype && a->coupling == b->coupling &&
                    a->centered == b->centered && symo_layout_equal(a->layout, b->layout));
}

symo_dtype symo_plan_dtype(const symo_plan *plan) { return plan == NULL ? SYMO_ANY : plan->dtype; }
symo_coupling symo_plan_coupling(const symo_plan *plan) {
  return plan == NULL ? SYMO_COUPLED : plan->coupling;
}
bool symo_plan_centered(const symo_plan *plan) { return plan != NULL && plan->centered; }
const symo_layout *symo_plan_layout(const symo_plan *plan) {
  return plan == NULL ? NULL : plan->layout;
}
size_t symo_plan_num_labels(const symo_plan *plan) { return plan == NULL ? 0 : plan->num_labels; }

/* The label, or NULL after the detail was written. */
static const plan_label *label_at(const symo_plan *plan, const char *where, size_t label) {
  if (plan != NULL && label < plan->num_labels) return &plan->labels[label];
  if (plan != NULL) symo_fail_index(plan->context, where, "label", label, "plan", plan->num_labels);
  return NULL;
}

symo_label_info symo_plan_label(const symo_plan *plan, size_t label) {
  const plan_label *l = label_at(plan, "plan_label", label);
  if (l == NULL) return (symo_label_info){0};
  return (symo_label_info){.name = l->name,
                           .dim = l->dim,
                           .count = l->count,
                           .multiplicity = l->m,
                           .type = l->type,
                           .num_tensors = l->num_pieces,
                           .views = l->views,
                           .dropped = l->dropped};
}

symo_space_info symo_plan_space(const symo_plan *plan, size_t space) {
  if (plan == NULL) return (symo_space_info){0};
  if (space >= plan->layout->num_spaces) {
    symo_fail_index(plan->context, "plan_space", "space", space, "layout",
                    plan->layout->num_spaces);
    return (symo_space_info){0};
  }
  const symo_group *own = plan->layout->spaces[space].group, *used = plan->spaces[space].group;
  symo_space_info info = symo_group_info(used);
  if (own->structure != NULL) own = own->structure(own);
  bool unused = used == &symo_group_identity;
  if (own != used && !unused && !symo_group_is_instance(used)) info.recognised = used->name;
  return info;
}

symo_piece_info symo_plan_piece(const symo_plan *plan, size_t label, size_t piece) {
  const symo_piece_info none = {.tensor = SYMO_NONE};
  const plan_label *l = label_at(plan, "plan_piece", label);
  if (l == NULL) return none;
  if (piece >= l->num_pieces) {
    symo_fail_index(plan->context, "plan_piece", "piece", piece, "label", l->num_pieces);
    return none;
  }
  const plan_piece *p = &l->pieces[piece];
  return (symo_piece_info){.tensor = p->tensor, .column = p->column, .width = p->width};
}
