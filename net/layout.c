/* The layout of a network's parameters: which axes are one space, and the group of each.
 *
 * A layer with weights opens a space for what it makes.  Whatever treats the features of a space
 * all alike (pools, flatten, norms) leaves it; a residual block makes the space it ends in that
 * which it began with.  The exact group of a hidden space is the largest that commutes with all
 * that is done in it: the activation's, cut down to permutations where the mean of the features or
 * a gain (LayerNorm, RMSNorm) or a maximum over positions is taken, which tell signs and
 * directions apart. */
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "net/gpt_layout.h"
#include "net/layer.h"

static int root(const symo_net_draft *d, int at) {
  while (d->places[at].same >= 0) at = d->places[at].same;
  return at;
}

int symo_draft_add_place(symo_net_draft *d, const char *prefix, size_t number, size_t dim,
                         bool fixed) {
  symo_draft_place *p = &d->places[d->num_places];
  *p = (symo_draft_place){.dim = dim, .same = -1, .fixed = fixed};
  (void)snprintf(p->name, sizeof p->name, number > 0 ? "%s%zu" : "%s", prefix, number);
  return d->num_places++;
}

void symo_draft_add_tensor(symo_net_draft *d, const char *prefix, size_t number, const char *suffix,
                           size_t order, const int *axes) {
  symo_draft_tensor *t = &d->tensors[d->num_tensors++];
  *t = (symo_draft_tensor){.order = order, .reads = -1};
  if (number > 0)
    (void)snprintf(t->name, sizeof t->name, "%s%zu%s", prefix, number, suffix);
  else
    (void)snprintf(t->name, sizeof t->name, "%s%s", prefix, suffix);
  memcpy(t->axes, axes, order * sizeof *axes);
}

void symo_draft_add_weight(symo_net_draft *d, const char *prefix, size_t number, size_t order,
                           const int *axes) {
  symo_draft_add_tensor(d, prefix, number, "", order, axes);
  d->tensors[d->num_tensors - 1].reads = 1;
}

int symo_draft_open_space(symo_net_draft *d, size_t width, const char *name, size_t number) {
  bool last = d->weights == d->total;
  return symo_draft_add_place(d, last ? "out" : name, last ? 0 : number, width, last);
}

void symo_draft_reduce(symo_net_draft *d) { d->places[root(d, d->now)].reduced = true; }

/* A flattened image is no one space;
 * what is added to it can then only be left as it is. */
void symo_draft_unite(symo_net_draft *d, int a, int b) {
  a = root(d, a), b = root(d, b);
  if (a == b) return;
  if (d->places[a].dim != d->places[b].dim) {
    d->places[a].fixed = d->places[b].fixed = true;
    return;
  }
  if (a > b) {
    int keep = a;
    a = b, b = keep;
  }
  d->places[b].same = a;
  d->places[a].reduced |= d->places[b].reduced;
  d->places[a].fixed |= d->places[b].fixed;
}

symo_status symo_net_add_space(symo_context *context, const char *name, size_t dim,
                               const char *text, symo_layout *layout) {
  const symo_group *group = symo_context_find_group(context, text);
  if (group == NULL) group = symo_group_find(text);
  if (group != NULL && !(symo_group_has_parameters(group) && symo_group_find(text) == group))
    return symo_layout_add_space(layout, name, dim, group);
  if (group == NULL && strchr(text, '(') == NULL)
    return symo_fail(context, SYMO_E_NAME,
                     "network layout: unknown group '%s' (symo groups lists them)", text);
  symo_layout *alone = NULL;
  size_t room = strlen(text) + 2 * strlen(name) + 40;
  char *whole = symo_malloc(room);
  if (whole == NULL) return symo_fail_memory(context, "network layout");
  (void)snprintf(whole, room, "%s: %s %zu; x[%s]", name, text, dim, name);
  symo_status status = symo_layout_parse(context, whole, &alone);
  symo_free(whole);
  if (status == SYMO_E_SHAPE)
    return symo_fail(context, status,
                     "network layout: space %s has dimension %zu, and %s acts on another (choose "
                     "another group or width)",
                     name, dim, text);
  if (status == SYMO_OK)
    status = symo_layout_add_space(layout, name, dim, symo_layout_space_group(alone, 0));
  symo_layout_destroy(alone);
  return status;
}

static symo_status add_spaces(symo_context *context, const symo_net_draft *d, const char *group,
                              symo_layout *layout) {
  const char *exact = symo_net_exact_group(d->spec->activation);
  symo_status status = SYMO_OK;
  for (int i = 0; i < d->num_places && status == SYMO_OK; i++) {
    const symo_draft_place *p = &d->places[i];
    if (p->same >= 0) continue;
    if (p->fixed)
      status = symo_layout_add_space(layout, p->name, p->dim, symo_group_find("identity"));
    else
      status = symo_net_add_space(context, p->name, p->dim,
                                  group != NULL ? group
                                  : p->reduced  ? "permutation"
                                                : exact,
                                  layout);
  }
  return status;
}

/* Where scales act, the weights behind a unit go over what those before it are multiplied by; for
 * orthogonal groups that is all the same, and no star is written. */
bool symo_net_scales(const symo_layout *layout, const char *space) {
  size_t index = 0;
  return symo_layout_find_space(layout, space, &index) &&
         strcmp(symo_group_name(symo_layout_space_group(layout, index)), "scaling") == 0;
}

static symo_status fill(symo_context *context, const symo_net_draft *d, const char *group,
                        symo_layout *layout) {
  symo_status status = add_spaces(context, d, group, layout);
  for (int i = 0; i < d->num_tensors && status == SYMO_OK; i++) {
    const symo_draft_tensor *t = &d->tensors[i];
    const char *axes[4];
    char dual[40];
    for (size_t a = 0; a < t->order; a++) {
      axes[a] = d->places[root(d, t->axes[a])].name;
      if (t->reads != (int)a || !symo_net_scales(layout, axes[a])) continue;
      (void)snprintf(dual, sizeof dual, "%s*", axes[a]);
      axes[a] = dual;
    }
    status = symo_layout_add_tensor(layout, t->name, t->order, axes);
  }
  return status;
}

static symo_status draft_layer(symo_context *context, symo_net_draft *d, size_t l,
                               const symo_net_shape *shape) {
  const symo_net_layer *layer = &d->spec->layers[l];
  const symo_layer *row = symo_layer_of(layer->kind);
  if (row->tensors == NULL)
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "network layout: layer %zu (%s) has none (write the layout by hand)", l + 1,
                     row->name);
  d->weights += row->weighs;
  d->shape = *shape;
  row->tensors(d, layer);
  return SYMO_OK;
}

/* Large, so not on the stack. */
static symo_status fill_drafted(symo_context *context, const symo_net_spec *spec,
                                const symo_net_shape *shapes, const char *group,
                                symo_layout *layout) {
  symo_net_draft *d = symo_calloc(1, sizeof *d);
  if (d == NULL) return symo_fail_memory(context, "network layout");
  d->spec = spec;
  d->positions = -1;
  for (size_t l = 0; l < spec->num_layers; l++) {
    const symo_layer *row = symo_layer_of(spec->layers[l].kind);
    d->total += row->weighs;
    d->recurrent = d->recurrent || row->recurrent;
  }
  d->now = symo_draft_add_place(d, "in", 0, spec->input.features, true);
  symo_status status = SYMO_OK;
  for (size_t l = 0; l < spec->num_layers && status == SYMO_OK; l++)
    status = draft_layer(context, d, l, &shapes[l]);
  if (status == SYMO_OK) status = fill(context, d, group, layout);
  symo_free(d);
  return status;
}

symo_status symo_net_layout(symo_context *context, const symo_net_spec *spec, const char *group,
                            symo_layout **out) {
  symo_net_shape shapes[SYMO_NET_MAX_LAYERS + 1];
  symo_gpt_spec gpt;
  symo_layout *layout = NULL;
  symo_status status = symo_net_shapes(context, spec, shapes);
  if (status != SYMO_OK) return status;
  const bool known = symo_gpt_of_net(spec, &gpt);
  if (!known && symo_layer_of(spec->layers[0].kind)->tokens)
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "network layout: of tokens only networks of gpt.h have one");
  SYMO_TRY(symo_layout_create(context, &layout));
  SYMO_TRY(known ? symo_gpt_fill_layout(context, &gpt, group, layout)
                 : fill_drafted(context, spec, shapes, group, layout));
  SYMO_TRY(symo_layout_set_dtype(layout, spec->dtype));
  *out = layout;
  return SYMO_OK;
fail:
  symo_layout_destroy(layout);
  return status;
}
