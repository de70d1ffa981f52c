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
#include "net/shape.h"

typedef struct place {
  char name[32];
  size_t dim;
  int same;     /* the space that it turned out to be; -1: itself */
  bool fixed;   /* in, out, kernels, positions */
  bool reduced; /* to permutations */
} place;

enum { MAX_PLACES = 4 * SYMO_NET_MAX_LAYERS + 2, MAX_TENSORS = 3 * SYMO_NET_MAX_LAYERS };

typedef struct tensor {
  char name[32];
  size_t order;
  int axes[4];
  int reads; /* the axis of what goes in, which scales move by their inverses; -1: none */
} tensor;

typedef struct draft {
  const symo_net_spec *spec;
  int num_places, num_tensors;
  place places[MAX_PLACES];
  tensor tensors[MAX_TENSORS];
  int now, positions; /* the space of the features; that of positions after a flatten, or -1 */
  size_t weights, total, norms; /* layers with weights so far and in all, norms so far */
  size_t depth;
  int forks[SYMO_NET_MAX_LAYERS];
  bool recurrent;
} draft;

static int root(const draft *d, int at) {
  while (d->places[at].same >= 0) at = d->places[at].same;
  return at;
}

static int add_place(draft *d, const char *prefix, size_t number, size_t dim, bool fixed) {
  place *p = &d->places[d->num_places];
  *p = (place){.dim = dim, .same = -1, .fixed = fixed};
  (void)snprintf(p->name, sizeof p->name, number > 0 ? "%s%zu" : "%s", prefix, number);
  return d->num_places++;
}

static void add_tensor(draft *d, const char *prefix, size_t number, const char *suffix,
                       size_t order, const int *axes) {
  tensor *t = &d->tensors[d->num_tensors++];
  *t = (tensor){.order = order, .reads = -1};
  if (number > 0)
    (void)snprintf(t->name, sizeof t->name, "%s%zu%s", prefix, number, suffix);
  else
    (void)snprintf(t->name, sizeof t->name, "%s%s", prefix, suffix);
  memcpy(t->axes, axes, order * sizeof *axes);
}

/* A weight: axis 0 is what comes out, axis 1 what goes in. */
static void add_weight(draft *d, const char *prefix, size_t number, size_t order, const int *axes) {
  add_tensor(d, prefix, number, "", order, axes);
  d->tensors[d->num_tensors - 1].reads = 1;
}

/* The space of what a layer with weights makes. */
static int open_space(draft *d, size_t width, const char *name, size_t number) {
  bool last = d->weights == d->total;
  return add_place(d, last ? "out" : name, last ? 0 : number, width, last);
}

static void draft_dense(draft *d, const symo_net_layer *layer) {
  const bool last = d->weights == d->total;
  const int out = open_space(d, layer->width, "h", d->weights);
  const int axes[] = {out, d->now, d->positions};
  if (d->recurrent && last) {
    add_weight(d, "wo", 0, 2, axes);
    if (d->spec->bias) add_tensor(d, "bo", 0, "", 1, axes);
  } else {
    add_weight(d, "w", d->weights, d->positions >= 0 ? 3 : 2, axes);
    if (d->spec->bias) add_tensor(d, "b", d->weights, "", 1, axes);
  }
  d->now = out;
  d->positions = -1;
}

static void draft_recurrent(draft *d, const symo_net_layer *layer) {
  const size_t number = d->total > 2 ? d->weights : 0;
  const int h = open_space(d, layer->width, "h", number);
  add_weight(d, "wx", number, 2, (int[]){h, d->now});
  add_weight(d, "wh", number, 2, (int[]){h, h});
  if (d->spec->bias) add_tensor(d, "b", number, "", 1, &h);
  d->now = h;
}

static void draft_conv(draft *d, const symo_net_layer *layer, size_t axes) {
  int all[4] = {0, d->now, 0, 0};
  for (size_t a = 0; a < axes; a++)
    all[2 + a] = add_place(d,
                           axes == 1 ? "k"
                           : a == 0  ? "kh"
                                     : "kw",
                           d->weights, layer->window[a], true);
  all[0] = open_space(d, layer->width, "h", d->weights);
  add_weight(d, "w", d->weights, 2 + axes, all);
  if (d->spec->bias) add_tensor(d, "b", d->weights, "", 1, all);
  d->now = all[0];
}

static void draft_norm(draft *d, bool layer_norm) {
  const char *name = layer_norm ? "ln" : "rms";
  const int axes[] = {d->now, d->positions};
  const size_t order = d->positions >= 0 ? 2 : 1;
  d->places[root(d, d->now)].reduced = true;
  add_tensor(d, name, ++d->norms, ".gain", order, axes);
  if (layer_norm && d->spec->bias) add_tensor(d, name, d->norms, ".bias", order, axes);
}

/* Two spaces are one: the later takes the name of the earlier.  A flattened image is no one space;
 * what is added to it can then only be left as it is. */
static void unite(draft *d, int a, int b) {
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

static void draft_layer(draft *d, const symo_net_layer *layer, const symo_net_shape *shape) {
  if (symo_net_kind_weighs(layer->kind)) d->weights++;
  switch (layer->kind) {
  case SYMO_NET_DENSE: draft_dense(d, layer); break;
  case SYMO_NET_RECURRENT: draft_recurrent(d, layer); break;
  case SYMO_NET_CONV: draft_conv(d, layer, shape->axes); break;
  case SYMO_NET_MAX_POOL: d->places[root(d, d->now)].reduced = true; break;
  case SYMO_NET_FLATTEN:
    d->positions = add_place(d, "p", d->weights + 1, symo_net_positions(shape), true);
    break;
  case SYMO_NET_LAYER_NORM:
  case SYMO_NET_RMS_NORM: draft_norm(d, layer->kind == SYMO_NET_LAYER_NORM); break;
  case SYMO_NET_FORK: d->forks[d->depth++] = d->now; break;
  case SYMO_NET_ADD: unite(d, d->forks[--d->depth], d->now); break;
  default: break; /* pools, the last step, dropout */
  }
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

static symo_status add_spaces(symo_context *context, const draft *d, const char *group,
                              symo_layout *layout) {
  const char *exact = symo_net_exact_group(d->spec->activation);
  symo_status status = SYMO_OK;
  for (int i = 0; i < d->num_places && status == SYMO_OK; i++) {
    const place *p = &d->places[i];
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

static symo_status fill(symo_context *context, const draft *d, const char *group,
                        symo_layout *layout) {
  symo_status status = add_spaces(context, d, group, layout);
  for (int i = 0; i < d->num_tensors && status == SYMO_OK; i++) {
    const tensor *t = &d->tensors[i];
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

/* Large, so not on the stack. */
static symo_status fill_drafted(symo_context *context, const symo_net_spec *spec,
                                const symo_net_shape *shapes, const char *group,
                                symo_layout *layout) {
  draft *d = symo_calloc(1, sizeof *d);
  if (d == NULL) return symo_fail_memory(context, "network layout");
  d->spec = spec;
  d->positions = -1;
  for (size_t l = 0; l < spec->num_layers; l++) {
    if (symo_net_kind_weighs(spec->layers[l].kind)) d->total++;
    if (spec->layers[l].kind == SYMO_NET_RECURRENT) d->recurrent = true;
  }
  d->now = add_place(d, "in", 0, spec->input.features, true);
  for (size_t l = 0; l < spec->num_layers; l++) draft_layer(d, &spec->layers[l], &shapes[l]);
  symo_status status = fill(context, d, group, layout);
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
  if (!known && spec->layers[0].kind == SYMO_NET_EMBEDDING)
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
