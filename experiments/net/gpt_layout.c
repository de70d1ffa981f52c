/* The layout of a transformer.  Scores q'k = x' Wq' Wk y stay when Wq and Wk are multiplied from
 * the left by one orthogonal matrix within each head, and so does Wo Wv when Wv is by R and Wo by
 * R' from the right; biases of query, key and value ride along.  Heads may change places if they
 * do so in query, key, value and the dense layer at once: two spaces say more than that, and each
 * by itself is a symmetry within heads only.  Hidden units of an MLP may change places. */
#include "experiments/net/gpt_layout.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"

typedef enum kind { BLOCK, VOCAB, EMBD, QK, VO, MLP, NUM_KINDS } kind;

static const char *const kinds[NUM_KINDS] = {"block", "vocab", "embd", "qk", "vo", "mlp"};
static const char kinds_text[] = "block, vocab, embd, qk, vo, mlp";

enum { MAX_GROUP = 256 };

typedef struct groups {
  char text[NUM_KINDS][MAX_GROUP];
} groups;

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

static symo_status read_groups(symo_context *context, const symo_gpt_spec *gpt, const char *group,
                               groups *out) {
  for (int k = 0; k < NUM_KINDS; k++) (void)snprintf(out->text[k], MAX_GROUP, "identity");
  if (group != NULL && strcmp(group, "identity") == 0) return SYMO_OK;
  for (int k = QK; k <= VO; k++)
    if (gpt->heads == 1)
      (void)snprintf(out->text[k], MAX_GROUP, "orthogonal");
    else
      (void)snprintf(out->text[k], MAX_GROUP, "wreath(%zu, orthogonal %zu)", gpt->heads,
                     gpt->width / gpt->heads);
  (void)snprintf(out->text[MLP], MAX_GROUP, "%s", symo_net_exact_group(gpt->activation));
  if (group == NULL) return SYMO_OK;
  if (!is_list(group)) return set(context, MLP, group, group + strlen(group), out);
  for (const char *at = group;;) {
    const char *end = end_of(at);
    symo_status status = read_part(context, at, end, out);
    if (status != SYMO_OK || *end == '\0') return status;
    at = end + 1;
  }
}

/* ---- spaces ---- */

static symo_status add_space(symo_context *context, const groups *g, kind k, size_t number,
                             size_t dim, symo_layout *layout) {
  char name[32];
  (void)snprintf(name, sizeof name, k < QK ? "%s" : "%s%zu", kinds[k], number);
  return symo_net_add_space(context, name, dim, g->text[k], layout);
}

static symo_status add_spaces(symo_context *context, const symo_gpt_spec *gpt, const groups *g,
                              symo_layout *layout) {
  const size_t hidden = gpt->hidden > 0 ? gpt->hidden : 4 * gpt->width;
  const size_t dims[] = {gpt->block, gpt->vocabulary, gpt->width, gpt->width, gpt->width, hidden};
  symo_status status = SYMO_OK;
  for (int k = 0; k < NUM_KINDS && status == SYMO_OK; k++)
    for (size_t i = 0; i < (k < QK ? 1 : gpt->layers) && status == SYMO_OK; i++)
      status = add_space(context, g, (kind)k, i, dims[k], layout);
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

static bool numbered(const char *axis) {
  for (int k = QK; k < NUM_KINDS; k++)
    if (strcmp(axis, kinds[k]) == 0) return true;
  return false;
}

static symo_status add_row(const row *r, const char *prefix, size_t block, symo_layout *layout) {
  char name[64], space[2][40];
  const char *axes[2];
  size_t order = 0;
  for (; order < 2 && r->axes[order] != NULL; order++) {
    (void)snprintf(space[order], sizeof space[order], numbered(r->axes[order]) ? "%s%zu" : "%s",
                   r->axes[order], block);
    if (r->dual[order] && symo_net_scales(layout, space[order])) strcat(space[order], "*");
    axes[order] = space[order];
  }
  (void)snprintf(name, sizeof name, "%s%s", prefix, r->name);
  return symo_layout_add_tensor(layout, name, order, axes);
}

static symo_status add_rows(const symo_gpt_spec *gpt, size_t count, const row *rows,
                            const char *prefix, size_t block, symo_layout *layout) {
  symo_status status = SYMO_OK;
  for (size_t i = 0; i < count && status == SYMO_OK; i++)
    if (gpt->bias || !rows[i].bias) status = add_row(&rows[i], prefix, block, layout);
  return status;
}

symo_status symo_gpt_fill_layout(symo_context *context, const symo_gpt_spec *gpt, const char *group,
                                 symo_layout *layout) {
  groups g;
  symo_status status = read_groups(context, gpt, group, &g);
  if (status == SYMO_OK) status = add_spaces(context, gpt, &g, layout);
  if (status == SYMO_OK)
    status = add_rows(gpt, sizeof tables / sizeof *tables, tables, "", 0, layout);
  for (size_t i = 0; i < gpt->layers && status == SYMO_OK; i++) {
    char prefix[32];
    (void)snprintf(prefix, sizeof prefix, "h.%zu.", i);
    status = add_rows(gpt, sizeof block_rows / sizeof *block_rows, block_rows, prefix, i, layout);
  }
  if (status == SYMO_OK)
    status = add_rows(gpt, sizeof final_rows / sizeof *final_rows, final_rows, "", 0, layout);
  return status == SYMO_OK && !gpt->tied ? add_row(&head, "", 0, layout) : status;
}
