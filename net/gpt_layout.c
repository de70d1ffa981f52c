/* The layout of a transformer.  Scores q'k = x' Wq' Wk y stay when Wq and Wk are multiplied from
 * the left by one orthogonal matrix within each head, and so does Wo Wv when Wv is by R and Wo by
 * R' from the right; biases of query, key and value ride along.  Hidden units of an MLP may change
 * places.
 *
 * Heads may change places too, if they do so in query, key, value and the dense layer at once.  All
 * of that is one group, (O(d) x O(d)) wr S_h with d = c / h, and there are two ways to write it:
 *
 *   wreath   spaces qk and vo of c features, each with O(d) wr S_h: rotations in each head by itself,
 *            but with heads that move in query and key apart from those in value.  The product is
 *            larger than the group, and no symmetry; its averages are the right ones.  For no tensor
 *            has an axis on both spaces, and where one with the first stands next to one with the
 *            second the average is zero under either, as -1 in one head, a rotation, shows.  So it is
 *            for averages that this form is the default.
 *   heads    spaces heads of h and qk, vo of d: heads move in all tensors at once, and every head has
 *            the same rotation.  Smaller than the group, but each space by itself is a symmetry, which
 *            is what can be asked of a network. */
#include "net/gpt_layout.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"

typedef enum kind { BLOCK, VOCAB, EMBD, HEADS, QK, VO, MLP, NUM_KINDS } kind;

static const char *const kinds[NUM_KINDS] = {"block", "vocab", "embd", "heads", "qk", "vo", "mlp"};
static const char kinds_text[] = "block, vocab, embd, heads, qk, vo, mlp";

enum { MAX_GROUP = 256 };

typedef struct groups {
  char text[NUM_KINDS][MAX_GROUP]; /* "": none was given */
} groups;

/* Whether features of heads have two axes, the head and the feature in it. */
static bool is_split(const groups *g) { return g->text[HEADS][0] != '\0'; }

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

static symo_status set(symo_context *context, kind k, const char *from, const char *to,
                       groups *out) {
  trim(&from, &to);
  if (from == to || to - from >= MAX_GROUP)
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "network layout: no group for %s (write %s=identity)", kinds[k], kinds[k]);
  memcpy(out->text[k], from, (size_t)(to - from));
  out->text[k][to - from] = '\0';
  return SYMO_OK;
}

/* "qk=orthogonal" */
static symo_status read_part(symo_context *context, const char *from, const char *to, groups *out) {
  const char *equal = memchr(from, '=', (size_t)(to - from));
  const char *end = equal != NULL ? equal : to;
  trim(&from, &end);
  for (int k = 0; equal != NULL && k < NUM_KINDS; k++)
    if (strlen(kinds[k]) == (size_t)(end - from) &&
        strncmp(kinds[k], from, (size_t)(end - from)) == 0)
      return set(context, (kind)k, equal + 1, to, out);
  return symo_fail(context, SYMO_E_NAME,
                   "network layout: no kind of space '%.*s' (write KIND=GROUP with one of %s)",
                   (int)(end - from), from, kinds_text);
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

static symo_status read_list(symo_context *context, const char *group, groups *out) {
  for (const char *at = group;;) {
    const char *end = end_of(at);
    symo_status status = read_part(context, at, end, out);
    if (status != SYMO_OK || *end == '\0') return status;
    at = end + 1;
  }
}

/* What the user left open; heads stay where nothing was said about them. */
static void fill_in(const symo_gpt_spec *gpt, groups *g) {
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
                               groups *out) {
  symo_status status = SYMO_OK;
  *out = (groups){.text = {""}};
  if (group != NULL && strcmp(group, "identity") == 0)
    for (int k = QK; k <= MLP; k++) (void)snprintf(out->text[k], MAX_GROUP, "identity");
  else if (group != NULL && is_list(group))
    status = read_list(context, group, out);
  else if (group != NULL)
    status = set(context, MLP, group, group + strlen(group), out);
  fill_in(gpt, out);
  return status;
}

/* ---- spaces ---- */

static symo_status add_space(symo_context *context, const groups *g, kind k, size_t number,
                             size_t dim, symo_layout *layout) {
  char name[32];
  (void)snprintf(name, sizeof name, k < HEADS ? "%s" : "%s%zu", kinds[k], number);
  return symo_net_add_space(context, name, dim, g->text[k], layout);
}

static symo_status add_spaces(symo_context *context, const symo_gpt_spec *gpt, const groups *g,
                              symo_layout *layout) {
  const size_t hidden = gpt->hidden > 0 ? gpt->hidden : 4 * gpt->width;
  const size_t rotated = is_split(g) ? gpt->width / gpt->heads : gpt->width;
  const size_t dims[] = {gpt->block, gpt->vocabulary, gpt->width, gpt->heads,
                         rotated,    rotated,         hidden};
  symo_status status = SYMO_OK;
  for (int k = 0; k < NUM_KINDS && status == SYMO_OK; k++) {
    if (k == HEADS && !is_split(g)) continue;
    for (size_t i = 0; i < (k < HEADS ? 1 : gpt->layers) && status == SYMO_OK; i++)
      status = add_space(context, g, (kind)k, i, dims[k], layout);
  }
  return status;
}

/* ---- tensors ---- */

/* What reads from a space, as "qk*" does, moves by the inverse of what writes to it. */
typedef struct row {
  const char *name;
  const char *axes[2];
  bool dual[2];
  bool bias; /* only where there are biases */
} row;

static const row tables[] = {{"wte.weight", {"vocab", "embd"}, {false, false}, false},
                             {"wpe.weight", {"block", "embd"}, {false, false}, false}};

static const row block_rows[] = {{"ln_1.weight", {"embd"}, {false}, false},
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

static const row final_rows[] = {{"ln_f.weight", {"embd"}, {false}, false},
                                 {"ln_f.bias", {"embd"}, {false}, true}};

static const row head = {"lm_head.weight", {"vocab", "embd"}, {false, true}, false};

static kind kind_of(const char *axis) {
  int k = 0;
  while (k < NUM_KINDS && strcmp(axis, kinds[k]) != 0) k++;
  return (kind)k;
}

enum { MAX_AXES = 3 };

static symo_status add_row(const row *r, const char *prefix, size_t block, bool split,
                           symo_layout *layout) {
  char name[64], space[MAX_AXES][40];
  const char *axes[MAX_AXES];
  size_t order = 0;
  for (size_t a = 0; a < 2 && r->axes[a] != NULL; a++) {
    const kind k = kind_of(r->axes[a]);
    if (split && (k == QK || k == VO)) {
      (void)snprintf(space[order], sizeof space[order], "%s%zu", kinds[HEADS], block);
      axes[order] = space[order];
      order++;
    }
    (void)snprintf(space[order], sizeof space[order], k < HEADS ? "%s" : "%s%zu", kinds[k], block);
    if (r->dual[a] && symo_net_scales(layout, space[order])) strcat(space[order], "*");
    axes[order] = space[order];
    order++;
  }
  (void)snprintf(name, sizeof name, "%s%s", prefix, r->name);
  return symo_layout_add_tensor(layout, name, order, axes);
}

static symo_status add_rows(const symo_gpt_spec *gpt, size_t count, const row *rows,
                            const char *prefix, size_t block, bool split, symo_layout *layout) {
  symo_status status = SYMO_OK;
  for (size_t i = 0; i < count && status == SYMO_OK; i++)
    if (gpt->bias || !rows[i].bias) status = add_row(&rows[i], prefix, block, split, layout);
  return status;
}

symo_status symo_gpt_fill_layout(symo_context *context, const symo_gpt_spec *gpt, const char *group,
                                 symo_layout *layout) {
  groups g;
  symo_status status = read_groups(context, gpt, group, &g);
  const bool split = is_split(&g);
  if (status == SYMO_OK) status = add_spaces(context, gpt, &g, layout);
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
