/* Networks in JSON (docs/graphs.md).  Which operation takes which key is one table; what is not in it is
 * refused with its path. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/names.h"
#include "core/text.h"
#include "io/file.h"
#include "io/json.h"
#include "io/symmetries/graph.h"

enum { LARGEST_FILE = 1 << 24, AT = 32, PATH = 80, ITEM = 112, MOST_KEYS = 40 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BIT(op) (1ul << GRAPH_##op)
#define CONVS (BIT(CONV1D) | BIT(CONV2D))
#define NORMS (BIT(LAYERNORM) | BIT(RMSNORM) | BIT(BATCHNORM))

typedef enum key_kind { SIZE, SIZES, INDEX, INDICES, TEXT, TRUTH, TENSOR } key_kind;

/* A key, where it goes, and the operations that need it or may have it.  choices: "a|b". */
typedef struct key_row {
  const char *key;
  key_kind kind;
  size_t offset, count_offset;
  unsigned long needed, allowed;
  const char *choices;
} key_row;

#define AT_NODE(member) offsetof(graph_node, member)
#define SIZES_AT(member, count) AT_NODE(member), AT_NODE(count)
#define TENSOR_ROW(role, key, needed, allowed)                                                     \
  { key, TENSOR, AT_NODE(tensor) + sizeof(const char *) * ROLE_##role, 0, needed, allowed, NULL }

static const key_row keys[] = {
    {"shape", SIZES, SIZES_AT(sizes, order),
     BIT(INPUT) | BIT(PARAMETER) | BIT(RESHAPE) | BIT(OPAQUE), 0, NULL},
    {"kernel", SIZES, SIZES_AT(sizes, order), CONVS, 0, NULL},
    {"window", SIZES, SIZES_AT(sizes, order), BIT(POOL), 0, NULL},
    {"order", INDICES, SIZES_AT(sizes, order), BIT(TRANSPOSE), 0, NULL},
    {"stride", SIZES, SIZES_AT(strides, num_strides), 0, CONVS | BIT(POOL), NULL},
    {"positions", SIZES, SIZES_AT(positions, num_positions), 0, CONVS | BIT(POOL), NULL},
    {"out", SIZE, AT_NODE(out), 0,
     BIT(DENSE) | CONVS | BIT(RECURRENT) | BIT(EMBEDDING) | BIT(SLICE) | BIT(REPEAT),
     BIT(ATTENTION), NULL},
    {"in", SIZE, AT_NODE(in), 0, 0, BIT(DENSE) | CONVS | BIT(RECURRENT), NULL},
    {"rows", SIZE, AT_NODE(rows), 0, BIT(EMBEDDING), 0, NULL},
    {"axis", INDEX, AT_NODE(axis), 0,
     BIT(REDUCE) | BIT(BATCHNORM) | BIT(SLICE) | BIT(REPEAT) | BIT(CONCAT), 0, NULL},
    {"heads", SIZE, AT_NODE(heads), 0, BIT(ATTENTION), 0, NULL},
    {"head_dim", SIZE, AT_NODE(head_dim), 0, 0, BIT(ATTENTION), NULL},
    {"value_dim", SIZE, AT_NODE(value_dim), 0, 0, BIT(ATTENTION), NULL},
    {"function", TEXT, AT_NODE(function), 0, BIT(ACTIVATION) | BIT(ENTRYWISE) | BIT(OPAQUE),
     BIT(RECURRENT), NULL},
    {"padding", TEXT, AT_NODE(kind), 0, 0, CONVS, "zero|circular|none"},
    {"kind", TEXT, AT_NODE(kind), 0, BIT(POOL), 0, "max|average"},
    {"kind", TEXT, AT_NODE(kind), 0, BIT(REDUCE), 0, "mean|sum|max|last|one"},
    {"cell", TEXT, AT_NODE(kind), 0, 0, BIT(RECURRENT), "elman|leaky|lstm|gru"},
    {"loss", TEXT, AT_NODE(kind), 0, 0, BIT(OUTPUT), NULL},
    {"last", TRUTH, AT_NODE(last), 0, 0, BIT(RECURRENT), NULL},
    {"causal", TRUTH, AT_NODE(causal), 0, 0, BIT(ATTENTION), NULL},
    {"rotary", TRUTH, AT_NODE(rotary), 0, 0, BIT(ATTENTION), NULL},
    {"depthwise", TRUTH, AT_NODE(depthwise), 0, 0, CONVS, NULL},
    {"transposed", TRUTH, AT_NODE(transposed), 0, 0, BIT(DENSE) | BIT(MATMUL), NULL},
    TENSOR_ROW(WEIGHT, "weight",
               BIT(DENSE) | CONVS | BIT(RECURRENT) | BIT(EMBEDDING) | BIT(PARAMETER), 0),
    TENSOR_ROW(WEIGHT_HIDDEN, "weight_hidden", BIT(RECURRENT), 0),
    TENSOR_ROW(BIAS, "bias", 0,
               BIT(DENSE) | CONVS | BIT(RECURRENT) | BIT(LAYERNORM) | BIT(BATCHNORM)),
    TENSOR_ROW(BIAS_HIDDEN, "bias_hidden", 0, BIT(RECURRENT)),
    TENSOR_ROW(GAIN, "gain", 0, NORMS),
    TENSOR_ROW(QUERY, "query", 0, BIT(ATTENTION)),
    TENSOR_ROW(QUERY_BIAS, "query_bias", 0, BIT(ATTENTION)),
    TENSOR_ROW(KEY, "key", 0, BIT(ATTENTION)),
    TENSOR_ROW(KEY_BIAS, "key_bias", 0, BIT(ATTENTION)),
    TENSOR_ROW(VALUE, "value", 0, BIT(ATTENTION)),
    TENSOR_ROW(VALUE_BIAS, "value_bias", 0, BIT(ATTENTION)),
    TENSOR_ROW(QKV, "qkv", 0, BIT(ATTENTION)),
    TENSOR_ROW(QKV_BIAS, "qkv_bias", 0, BIT(ATTENTION)),
    TENSOR_ROW(PROJECTION, "projection", 0, BIT(ATTENTION)),
    TENSOR_ROW(PROJECTION_BIAS, "projection_bias", 0, BIT(ATTENTION))};

typedef struct reader {
  graph *g;
  json_t *nodes;
  size_t index; /* of the node that is read */
} reader;

static symo_status expect(const reader *r, const char *at, const json_t *value, json_type type,
                          const char *advice) {
  return symo_json_expect(r->g->context, r->g->where, at, value, type, advice);
}

static symo_status read_size(const reader *r, const char *at, const json_t *value, bool zero,
                             size_t *out) {
  symo_status status = expect(r, at, value, JSON_INTEGER, "a size, for example 64");
  if (status != SYMO_OK) return status;
  json_int_t number = json_integer_value(value);
  if (number < (zero ? 0 : 1) || number > INT32_MAX)
    return symo_fail(r->g->context, SYMO_E_ARGUMENT,
                     "%s: %s: %lld is out of range (take %d to %ld)", r->g->where, at,
                     (long long)number, zero ? 0 : 1, (long)INT32_MAX);
  *out = (size_t)number;
  return SYMO_OK;
}

/* A list of sizes, or one alone. */
static symo_status read_sizes(const reader *r, const char *at, json_t *value, bool zero,
                              size_t *count, size_t *sizes) {
  if (json_is_integer(value)) {
    *count = 1;
    return read_size(r, at, value, zero, sizes);
  }
  symo_status status = expect(r, at, value, JSON_ARRAY, "a list of sizes, for example [8, 8]");
  if (status != SYMO_OK) return status;
  size_t n = json_array_size(value);
  if (n > GRAPH_MAX_SIZES)
    return symo_fail(r->g->context, SYMO_E_SIZE, "%s: %s: %zu %s (at most %d)", r->g->where, at, n,
                     symo_plural(n, "size", "sizes"), (int)GRAPH_MAX_SIZES);
  for (size_t i = 0; i < n && status == SYMO_OK; i++) {
    char item[ITEM];
    (void)snprintf(item, sizeof item, "%s[%zu]", at, i);
    status = read_size(r, item, json_array_get(value, i), zero, &sizes[i]);
  }
  if (status == SYMO_OK) *count = n;
  return status;
}

static bool is_choice(const char *text, const char *choices) {
  size_t n = strlen(text);
  for (const char *p = choices; n > 0 && p != NULL; p = strchr(p, '|'), p = p ? p + 1 : NULL)
    if (strncmp(p, text, n) == 0 && (p[n] == '|' || p[n] == '\0')) return true;
  return false;
}

static symo_quote suggest_choice(const char *text, const char *choices) {
  symo_suggestion s = {.name = text};
  for (const char *p = choices; *p;) {
    const size_t length = strcspn(p, "|");
    symo_suggestion_offer(&s, p, length);
    p += length + (p[length] == '|');
  }
  return symo_suggestion_text(&s);
}

static symo_status read_text(const reader *r, const char *at, const json_t *value,
                             const key_row *row, const char **out) {
  symo_status status = expect(r, at, value, JSON_STRING,
                              row->kind == TENSOR ? "the name of a parameter tensor"
                              : row->choices      ? row->choices
                                                  : "a name such as \"tanh\"");
  if (status != SYMO_OK) return status;
  const char *text = json_string_value(value);
  if (row->choices != NULL && !is_choice(text, row->choices))
    return symo_fail(r->g->context, SYMO_E_NAME, "%s: %s: there is no \"%s\"%s (choose %s)",
                     r->g->where, at, symo_quoted(text).text,
                     suggest_choice(text, row->choices).text, row->choices);
  if (text[0] == '\0')
    return symo_fail(r->g->context, SYMO_E_NAME, "%s: %s: is empty (give a name)", r->g->where, at);
  *out = graph_keep(r->g, text);
  return *out == NULL ? SYMO_E_MEMORY : SYMO_OK;
}

static symo_status read_key(const reader *r, const char *at, json_t *value, const key_row *row,
                            graph_node *node) {
  char *field = (char *)node + row->offset;
  switch (row->kind) {
  case SIZE:
  case INDEX: return read_size(r, at, value, row->kind == INDEX, (size_t *)(void *)field);
  case SIZES:
  case INDICES:
    return read_sizes(r, at, value, row->kind == INDICES,
                      (size_t *)(void *)((char *)node + row->count_offset),
                      (size_t *)(void *)field);
  case TRUTH:
    if (!json_is_boolean(value)) return expect(r, at, value, JSON_TRUE, "true or false");
    *(bool *)(void *)field = json_is_true(value);
    return SYMO_OK;
  default: return read_text(r, at, value, row, (const char **)(void *)field);
  }
}

/* ---- from ---- */

static symo_status unknown_value(const reader *r, const char *at, const char *name) {
  const char *known[GRAPH_MAX_NODES];
  size_t count = 0, index;
  json_t *node;
  json_array_foreach(r->nodes, index, node) {
    const char *other = json_string_value(json_object_get(node, "name"));
    if (other == NULL || strcmp(other, name) != 0) continue;
    return symo_fail(r->g->context, SYMO_E_NAME,
                     "%s: %s: \"%s\" is made %s (nodes stand in the order in which they are "
                     "computed; a loop over time is the op recurrent)",
                     r->g->where, at, symo_quoted(name).text,
                     index == r->index ? "by this very node" : "by a later node");
  }
  for (size_t i = 0; i < r->g->num_nodes; i++)
    if (r->g->nodes[i].name != NULL) known[count++] = r->g->nodes[i].name;
  return symo_fail(r->g->context, SYMO_E_NAME, "%s: %s: there is no node \"%s\" (name one%s)",
                   r->g->where, at, symo_quoted(name).text,
                   symo_did_you_mean(name, count, known).text);
}

static symo_status read_from(const reader *r, const char *at, const json_t *value, size_t *out) {
  symo_status status = expect(r, at, value, JSON_STRING, "the name of an earlier node");
  if (status != SYMO_OK) return status;
  const char *name = json_string_value(value);
  if (!graph_find(r->g, name, out)) return unknown_value(r, at, name);
  if (r->g->nodes[*out].op == GRAPH_OUTPUT)
    return symo_fail(r->g->context, SYMO_E_NAME,
                     "%s: %s: %s is an output (take what it is made of)", r->g->where, at, name);
  return SYMO_OK;
}

static symo_status read_froms(const reader *r, const char *at, json_t *value, graph_node *node) {
  size_t most, fewest;
  graph_op_takes(node->op, &fewest, &most);
  if (most == 0) return SYMO_OK;
  if (json_is_string(value) && fewest <= 1) {
    node->num_from = 1;
    return read_from(r, at, value, node->from);
  }
  symo_status status =
      expect(r, at, value, fewest > 1 || json_is_array(value) ? JSON_ARRAY : JSON_STRING,
             "the names of the nodes it is made from");
  if (status != SYMO_OK) return status;
  size_t n = json_array_size(value);
  if (n < fewest || n > most)
    return symo_fail(r->g->context, SYMO_E_SHAPE, "%s: %s: %zu %s for %s (takes %zu to %zu)",
                     r->g->where, at, n, symo_plural(n, "node", "nodes"), graph_op_name(node->op),
                     fewest, most);
  for (size_t i = 0; i < n && status == SYMO_OK; i++) {
    char item[ITEM];
    (void)snprintf(item, sizeof item, "%s[%zu]", at, i);
    status = read_from(r, item, json_array_get(value, i), &node->from[i]);
  }
  node->num_from = n;
  return status;
}

/* ---- nodes ---- */

static symo_status read_op(const reader *r, const char *at, const json_t *value, graph_op *op) {
  const char *names[GRAPH_NUM_OPS];
  symo_status status = expect(r, at, value, JSON_STRING, "an operation such as \"dense\"");
  if (status != SYMO_OK || graph_op_find(json_string_value(value), op)) return status;
  char list[400] = "";
  for (size_t i = 0, n = 0; i < GRAPH_NUM_OPS && n < sizeof list; i++) {
    names[i] = graph_op_name((graph_op)i);
    n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i > 0 ? ", " : "", names[i]);
  }
  const char *name = json_string_value(value);
  return symo_fail(r->g->context, SYMO_E_NAME, "%s: %s: unknown operation \"%s\" (known: %s%s)",
                   r->g->where, at, symo_quoted(name).text, list,
                   symo_did_you_mean(name, GRAPH_NUM_OPS, names).text);
}

static symo_status read_keys(const reader *r, const char *at, json_t *object, graph_node *node) {
  size_t fewest, most;
  const char *known[MOST_KEYS] = {"op", "name"};
  size_t count = 2;
  unsigned long bit = 1ul << node->op;
  graph_op_takes(node->op, &fewest, &most);
  if (most > 0) known[count++] = "from";
  for (size_t i = 0; i < COUNT(keys); i++)
    if ((keys[i].needed | keys[i].allowed) & bit) known[count++] = keys[i].key;
  symo_status status = symo_json_check_keys(r->g->context, r->g->where, at, object, count, known);
  for (size_t i = 0; i < COUNT(keys) && status == SYMO_OK; i++) {
    char path[PATH];
    json_t *value = json_object_get(object, keys[i].key);
    if (!((keys[i].needed | keys[i].allowed) & bit)) continue;
    if (value == NULL && !(keys[i].needed & bit)) continue;
    (void)snprintf(path, sizeof path, "%s.%s", at, keys[i].key);
    status = read_key(r, path, value, &keys[i], node);
  }
  return status;
}

static symo_status read_node(const reader *r, json_t *object) {
  char at[AT], path[PATH];
  graph_node node = {0};
  symo_status status;
  (void)snprintf(at, sizeof at, "nodes[%zu]", r->index);
  SYMO_TRY(expect(r, at, object, JSON_OBJECT, "{\"op\": \"input\", \"name\": \"x\", ...}"));
  (void)snprintf(path, sizeof path, "%s.op", at);
  SYMO_TRY(read_op(r, path, json_object_get(object, "op"), &node.op));
  const json_t *name = json_object_get(object, "name");
  if (name != NULL) {
    static const key_row row = {.kind = TEXT};
    (void)snprintf(path, sizeof path, "%s.name", at);
    SYMO_TRY(read_text(r, path, name, &row, &node.name));
  }
  SYMO_TRY(read_keys(r, at, object, &node));
  (void)snprintf(path, sizeof path, "%s.from", at);
  SYMO_TRY(read_froms(r, path, json_object_get(object, "from"), &node));
  return graph_add(r->g, &node);
fail:
  return status;
}

static symo_status read_document(reader *r, json_t *root) {
  static const char *const known[] = {"dtype", "nodes"};
  symo_status status;
  SYMO_TRY(expect(r, "", root, JSON_OBJECT, "{\"nodes\": [...]}"));
  SYMO_TRY(symo_json_check_keys(r->g->context, r->g->where, "", root, COUNT(known), known));
  const json_t *dtype = json_object_get(root, "dtype");
  if (dtype != NULL) {
    static const key_row row = {.kind = TEXT, .choices = "f32|f64"};
    const char *name = NULL;
    SYMO_TRY(read_text(r, "dtype", dtype, &row, &name));
    r->g->dtype = strcmp(name, "f32") == 0 ? SYMO_F32 : SYMO_F64;
  }
  r->nodes = json_object_get(root, "nodes");
  SYMO_TRY(expect(r, "nodes", r->nodes, JSON_ARRAY,
                  "[{\"op\": \"input\", \"name\": \"x\", \"shape\": [20]}, ...]"));
  json_t *node;
  json_array_foreach(r->nodes, r->index, node) SYMO_TRY(read_node(r, node));
  return SYMO_OK;
fail:
  return status;
}

symo_status graph_parse_json(symo_context *context, const char *where, const char *text,
                             size_t length, graph **out) {
  reader r = {0};
  json_t *root = NULL;
  symo_status status;
  SYMO_TRY(graph_create(context, where, &r.g));
  SYMO_TRY(symo_json_parse(context, where, text, length, &root));
  SYMO_TRY(read_document(&r, root));
  json_decref(root);
  *out = r.g;
  return SYMO_OK;
fail:
  json_decref(root);
  graph_destroy(r.g);
  return status;
}

symo_status graph_read_json(symo_context *context, const char *path, graph **out) {
  char *text = NULL;
  size_t length = 0;
  symo_status status = symo_file_read_all(context, path, LARGEST_FILE, &text, &length);
  if (status == SYMO_OK) status = graph_parse_json(context, path, text, length, out);
  symo_free(text);
  return status;
}
