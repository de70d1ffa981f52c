/* The layout of a network's parameters: which axes are one space, and the group of each.
 *
 * A layer with weights opens a space for what it makes.  Whatever treats the features of a space
 * all alike (pools, flatten, norms) leaves it; a residual block makes the space it ends in that
 * which it began with.  The exact group of a hidden space is the largest that commutes with all
 * that is done in it: the activation's, cut down to permutations where the mean of the features or
 * a gain (LayerNorm, RMSNorm) or a maximum over positions is taken, which tell signs and
 * directions apart. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/names.h"
#include "groups/instance.h"
#include "net/gpt.h"
#include "net/layer.h"

/* ---- what both forms share ---- */

static symo_status add_space(symo_context *context, const char *name, size_t dim, const char *text,
                             symo_layout *layout) {
  const symo_group *group = symo_context_find_group(context, text);
  if (group == NULL) group = symo_group_find(text);
  if (group != NULL && !(symo_group_has_parameters(group) && symo_group_find(text) == group))
    return symo_layout_add_space(layout, name, dim, group);
  if (group == NULL && strchr(text, '(') == NULL)
    return symo_fail(context, SYMO_E_NAME,
                     "network layout: unknown group '%s'%s (symo groups lists them)", text,
                     symo_group_suggestion(context, text).text);
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

/* Where scales act, the weights behind a unit go over what those before it are multiplied by; for
 * orthogonal groups that is all the same, and no star is written. */
static bool scales(const symo_layout *layout, const char *space) {
  size_t index = 0;
  return symo_layout_find_space(layout, space, &index) &&
         strcmp(symo_group_name(symo_layout_space_group(layout, index)), "scaling") == 0;
}

/* The layout of a transformer.  Scores q'k = x' Wq' Wk y stay when Wq and Wk are multiplied from
 * the left by one orthogonal matrix within each head, and so does Wo Wv when Wv is by R and Wo by
 * R' from the right; biases of query, key and value ride along.  Hidden units of an MLP may change
 * places.
 *
 * Heads may change places too, if they do so in query, key, value and the dense layer at once.  All
 * of that is one group, (O(d) x O(d)) wr S_h with d = c / h, and there are two ways to write it:
 *
 *   wreath   spaces qk and vo of c features, each with O(d) wr S_h: rotations in each head by
 *            itself, but with heads that move in query and key apart from those in value.  The
 *            product is larger than the group, and no symmetry; its averages are the right ones:
 *            no tensor has an axis on both spaces, and where one with the first stands next to
 *            one with the second the average is zero under either, as -1 in one head, a rotation,
 *            shows.  So this form is the default for averages.
 *   heads    spaces heads of h and qk, vo of d: heads move in all tensors at once, and every head
 *            has the same rotation.  Smaller than the group, but each space by itself is a
 *            symmetry, which is what can be asked of a network. */

typedef enum space_kind { BLOCK, VOCAB, EMBD, HEADS, QK, VO, MLP, NUM_KINDS } space_kind;

static const char *const kinds[NUM_KINDS] = {"block", "vocab", "embd", "heads", "qk", "vo", "mlp"};
static const char kinds_text[] = "block, vocab, embd, heads, qk, vo, mlp";

enum { MAX_GROUP = 256 };

typedef struct gpt_groups {
  char text[NUM_KINDS][MAX_GROUP]; /* "": none was given */
} gpt_groups;

/* Whether features of heads have two axes, the head and the feature in it. */
static bool is_split(const gpt_groups *g) { return g->text[HEADS][0] != '\0'; }

/* ---- what the user says ---- */

/* The end of a part of a list: a comma or semicolon that no bracket holds. */
static const char *end_of(const char *text) {
  int depth = 0;
  for (; *text != '\0'; text++) {
    if (*text == '(' || *text == '[') depth++;
    if (*text == ')' || *text == ']') depth--;
    if (depth == 0 && (*text == ',' || *text == ';')) break;
  }
  return text;
}

static void trim(const char **from, const char **to) {
  while (*from < *to && isspace((unsigned char)**from)) ++*from;
  while (*from < *to && isspace((unsigned char)(*to)[-1])) --*to;
}

static symo_status set_group(symo_context *context, space_kind k, const char *from, const char *to,
                             gpt_groups *out) {
  trim(&from, &to);
  if (from == to || to - from >= MAX_GROUP)
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "network layout: no group for %s (write %s=identity)", kinds[k], kinds[k]);
  memcpy(out->text[k], from, (size_t)(to - from));
  out->text[k][to - from] = '\0';
  return SYMO_OK;
}

/* "qk=orthogonal" */
static symo_status read_part(symo_context *context, const char *from, const char *to,
                             gpt_groups *out) {
  const char *equal = memchr(from, '=', (size_t)(to - from));
  const char *end = equal != NULL ? equal : to;
  trim(&from, &end);
  for (int k = 0; equal != NULL && k < NUM_KINDS; k++)
    if (strlen(kinds[k]) == (size_t)(end - from) &&
        strncmp(kinds[k], from, (size_t)(end - from)) == 0)
      return set_group(context, (space_kind)k, equal + 1, to, out);
  char word[64];
  (void)snprintf(word, sizeof word, "%.*s", (int)(end - from < 63 ? end - from : 63), from);
  return symo_fail(context, SYMO_E_NAME,
                   "network layout: no kind of space '%s'%s (write KIND=GROUP with one of %s)",
                   symo_quoted(word).text, symo_did_you_mean(word, NUM_KINDS, kinds).text,
                   kinds_text);
}

/* A list has '=' outside of brackets. */
static bool is_list(const char *text) {
  int depth = 0;
  for (; *text != '\0'; text++) {
    if (*text == '(' || *text == '[') depth++;
    if (*text == ')' || *text == ']') depth--;
    if (depth == 0 && *text == '=') return true;
  }
  return false;
}

static symo_status read_list(symo_context *context, const char *group, gpt_groups *out) {
  for (const char *at = group;;) {
    const char *end = end_of(at);
    symo_status status = read_part(context, at, end, out);
    if (status != SYMO_OK || *end == '\0') return status;
    at = end + 1;
  }
}

/* The groups that the user did not choose; heads keep theirs. */
static void fill_in(const symo_gpt_spec *gpt, gpt_groups *g) {
  const bool whole = is_split(g) || gpt->heads == 1;
  for (int k = 0; k < NUM_KINDS; k++) {
    char *text = g->text[k];
    if (text[0] != '\0' || k == HEADS) continue;
    if (k < HEADS)
      (void)snprintf(text, MAX_GROUP, "identity");
    else if (k == MLP)
      (void)snprintf(text, MAX_GROUP, "%s", symo_net_exact_group(gpt->activation));
    else if (whole)
      (void)snprintf(text, MAX_GROUP, "orthogonal");
    else
      (void)snprintf(text, MAX_GROUP, "wreath(%zu, orthogonal %zu)", gpt->heads,
                     gpt->width / gpt->heads);
  }
}

static symo_status read_groups(symo_context *context, const symo_gpt_spec *gpt, const char *group,
                               gpt_groups *out) {
  symo_status status = SYMO_OK;
  *out = (gpt_groups){.text = {""}};
  if (group != NULL && strcmp(group, "identity") == 0)
    for (int k = QK; k <= MLP; k++) (void)snprintf(out->text[k], MAX_GROUP, "identity");
  else if (group != NULL && is_list(group))
    status = read_list(context, group, out);
  else if (group != NULL)
    status = set_group(context, MLP, group, group + strlen(group), out);
  fill_in(gpt, out);
  return status;
}

/* ---- spaces ---- */

static symo_status add_gpt_space(symo_context *context, const gpt_groups *g, space_kind k,
                                 size_t number, size_t dim, symo_layout *layout) {
  char name[32];
  (void)snprintf(name, sizeof name, k < HEADS ? "%s" : "%s%zu", kinds[k], number);
  return add_space(context, name, dim, g->text[k], layout);
}

static symo_status add_gpt_spaces(symo_context *context, const symo_gpt_spec *gpt,
                                  const gpt_groups *g, symo_layout *layout) {
  const size_t hidden = gpt->hidden > 0 ? gpt->hidden : 4 * gpt->width;
  const size_t rotated = is_split(g) ? gpt->width / gpt->heads : gpt->width;
  const size_t dims[] = {gpt->block, gpt->vocabulary, gpt->width, gpt->heads,
                         rotated,    rotated,         hidden};
  symo_status status = SYMO_OK;
  for (int k = 0; k < NUM_KINDS && status == SYMO_OK; k++) {
    if (k == HEADS && !is_split(g)) continue;
    for (size_t i = 0; i < (k < HEADS ? 1 : gpt->layers) && status == SYMO_OK; i++)
      status = add_gpt_space(context, g, (space_kind)k, i, dims[k], layout);
  }
  return status;
}

/* ---- tensors ---- */

/* What reads from a space, as "qk*" does, moves by the inverse of what writes to it. */
typedef struct gpt_row {
  const char *name;
  const char *axes[2];
  bool dual[2];
  bool bias; /* only where there are biases */
} gpt_row;

static const gpt_row tables[] = {{"wte.weight", {"vocab", "embd"}, {false, false}, false},
                                 {"wpe.weight", {"block", "embd"}, {false, false}, false}};

static const gpt_row block_rows[] = {{"ln_1.weight", {"embd"}, {false}, false},
                                     {"ln_1.bias", {"embd"}, {false}, true},
                                     {"attn.q.weight", {"qk", "embd"}, {false, true}, false},
                                     {"attn.k.weight", {"qk", "embd"}, {true, true}, false},
                                     {"attn.v.weight", {"vo", "embd"}, {false, true}, false},
                                     {"attn.q.bias", {"qk"}, {false}, true},
                                     {"attn.k.bias", {"qk"}, {true}, true},
                                     {"attn.v.bias", {"vo"}, {false}, true},
                                     {"attn.c_proj.weight", {"embd", "vo"}, {false, true}, false},
                                     {"attn.c_proj.bias", {"embd"}, {false}, true},
                                     {"ln_2.weight", {"embd"}, {false}, false},
                                     {"ln_2.bias", {"embd"}, {false}, true},
                                     {"mlp.c_fc.weight", {"mlp", "embd"}, {false, true}, false},
                                     {"mlp.c_fc.bias", {"mlp"}, {false}, true},
                                     {"mlp.c_proj.weight", {"embd", "mlp"}, {false, true}, false},
                                     {"mlp.c_proj.bias", {"embd"}, {false}, true}};

static const gpt_row final_rows[] = {{"ln_f.weight", {"embd"}, {false}, false},
                                     {"ln_f.bias", {"embd"}, {false}, true}};

static const gpt_row head = {"lm_head.weight", {"vocab", "embd"}, {false, true}, false};

static space_kind kind_of(const char *axis) {
  int k = 0;
  while (k < NUM_KINDS && strcmp(axis, kinds[k]) != 0) k++;
  return (space_kind)k;
}

enum { MAX_AXES = 3 };

static symo_status add_row(const gpt_row *r, const char *prefix, size_t block, bool split,
                           symo_layout *layout) {
  char name[64], space[MAX_AXES][40];
  const char *axes[MAX_AXES];
  size_t order = 0;
  for (size_t a = 0; a < 2 && r->axes[a] != NULL; a++) {
    const space_kind k = kind_of(r->axes[a]);
    if (split && (k == QK || k == VO)) {
      (void)snprintf(space[order], sizeof space[order], "%s%zu", kinds[HEADS], block);
      axes[order] = space[order];
      order++;
    }
    (void)snprintf(space[order], sizeof space[order], k < HEADS ? "%s" : "%s%zu", kinds[k], block);
    if (r->dual[a] && scales(layout, space[order])) strcat(space[order], "*");
    axes[order] = space[order];
    order++;
  }
  (void)snprintf(name, sizeof name, "%s%s", prefix, r->name);
  return symo_layout_add_tensor(layout, name, order, axes);
}

static symo_status add_rows(const symo_gpt_spec *gpt, size_t count, const gpt_row *rows,
                            const char *prefix, size_t block, bool split, symo_layout *layout) {
  symo_status status = SYMO_OK;
  for (size_t i = 0; i < count && status == SYMO_OK; i++)
    if (gpt->bias || !rows[i].bias) status = add_row(&rows[i], prefix, block, split, layout);
  return status;
}

static symo_status fill_gpt(symo_context *context, const symo_gpt_spec *gpt, const char *group,
                            symo_layout *layout) {
  gpt_groups g;
  symo_status status = read_groups(context, gpt, group, &g);
  const bool split = is_split(&g);
  if (status == SYMO_OK) status = add_gpt_spaces(context, gpt, &g, layout);
  if (status == SYMO_OK)
    status = add_rows(gpt, sizeof tables / sizeof *tables, tables, "", 0, split, layout);
  for (size_t i = 0; i < gpt->layers && status == SYMO_OK; i++) {
    char prefix[32];
    (void)snprintf(prefix, sizeof prefix, "h.%zu.", i);
    status =
        add_rows(gpt, sizeof block_rows / sizeof *block_rows, block_rows, prefix, i, split, layout);
  }
  if (status == SYMO_OK)
    status =
        add_rows(gpt, sizeof final_rows / sizeof *final_rows, final_rows, "", 0, split, layout);
  return status == SYMO_OK && !gpt->tied ? add_row(&head, "", 0, split, layout) : status;
}

/* ---- other networks ---- */

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
      status = add_space(context, p->name, p->dim,
                         group != NULL ? group
                         : p->reduced  ? "permutation"
                                       : exact,
                         layout);
  }
  return status;
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
      if (t->reads != (int)a || !scales(layout, axes[a])) continue;
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
  SYMO_TRY(known ? fill_gpt(context, &gpt, group, layout)
                 : fill_drafted(context, spec, shapes, group, layout));
  SYMO_TRY(symo_layout_set_dtype(layout, spec->dtype));
  *out = layout;
  return SYMO_OK;
fail:
  symo_layout_destroy(layout);
  return status;
}
