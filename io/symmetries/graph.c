/* Networks as lists of operations (docs/graphs.md). */
#include "io/symmetries/graph.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/names.h"
#include "core/text.h"

static const struct {
  const char *name;
  size_t fewest, most;
} ops[] = {
#define OP_ROW(name, text, fewest, most) {text, fewest, most},
    GRAPH_OP_LIST(OP_ROW)
#undef OP_ROW
};

static const char *const role_keys[] = {
#define ROLE_ROW(name, key) key,
    GRAPH_ROLE_LIST(ROLE_ROW)
#undef ROLE_ROW
};

const char *graph_op_name(graph_op op) { return ops[op].name; }
const char *graph_role_key(graph_role role) { return role_keys[role]; }

void graph_op_takes(graph_op op, size_t *fewest, size_t *most) {
  *fewest = ops[op].fewest, *most = ops[op].most;
}

bool graph_op_find(const char *name, graph_op *out) {
  for (size_t i = 0; i < GRAPH_NUM_OPS; i++)
    if (strcmp(name, ops[i].name) == 0) {
      *out = (graph_op)i;
      return true;
    }
  return false;
}

symo_status graph_create(symo_context *context, const char *where, graph **out) {
  graph *g = symo_calloc(1, sizeof *g);
  if (g == NULL) return symo_fail_memory(context, where);
  g->context = context;
  g->where = where;
  g->where = graph_keep(g, where);
  if (g->where == NULL) {
    graph_destroy(g);
    return SYMO_E_MEMORY;
  }
  *out = g;
  return SYMO_OK;
}

void graph_destroy(graph *g) {
  if (g == NULL) return;
  for (size_t i = 0; i < g->num_strings; i++) symo_free(g->strings[i]);
  symo_free(g->strings);
  symo_free(g->nodes);
  symo_free(g);
}

/* Room for one more; false when out of memory, or past what a size_t holds. */
static bool make_room(void **array, size_t *room, size_t used, size_t size) {
  if (used < *room) return true;
  size_t wanted = *room == 0 ? 16 : 2 * *room;
  void *grown = symo_calloc(wanted, size);
  if (grown == NULL) return false;
  if (used > 0) memcpy(grown, *array, used * size);
  symo_free(*array);
  *array = grown;
  *room = wanted;
  return true;
}

const char *graph_keep(graph *g, const char *text) {
  void *array = g->strings;
  bool room = make_room(&array, &g->string_room, g->num_strings, sizeof *g->strings);
  g->strings = array;
  char *copy = room ? symo_strdup(text) : NULL;
  if (copy == NULL)
    (void)symo_fail_memory(g->context, g->where);
  else
    g->strings[g->num_strings++] = copy;
  return copy;
}

bool graph_find(const graph *g, const char *name, size_t *index) {
  for (size_t i = 0; i < g->num_nodes; i++)
    if (g->nodes[i].name != NULL && strcmp(g->nodes[i].name, name) == 0) {
      *index = i;
      return true;
    }
  return false;
}

graph_place graph_place_of(const graph *g, size_t node) {
  graph_place place;
  const graph_node *n = &g->nodes[node];
  (void)snprintf(place.text, sizeof place.text, "nodes[%zu] (%s%s%s)", node, ops[n->op].name,
                 n->name != NULL ? " " : "", n->name != NULL ? n->name : "");
  return place;
}

static bool is_name(const char *name, size_t longest) {
  size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-/");
  return n > 0 && n <= longest && name[n] == '\0';
}

static symo_status check_tensors(const graph *g, const graph_node *node) {
  for (size_t i = 0; i < GRAPH_NUM_ROLES; i++)
    if (node->tensor[i] != NULL && !is_name(node->tensor[i], SYMO_MAX_NAME))
      return symo_fail(g->context, SYMO_E_NAME,
                       "%s: nodes[%zu].%s: \"%s\" is not a name (letters, digits, '_', '.', '-', "
                       "'/', at most %d)",
                       g->where, g->num_nodes, role_keys[i], symo_quoted(node->tensor[i]).text,
                       (int)SYMO_MAX_NAME);
  return SYMO_OK;
}

static symo_status check_name(const graph *g, const graph_node *node) {
  size_t found, here = g->num_nodes;
  if (node->name == NULL) {
    if (node->op == GRAPH_OUTPUT) return SYMO_OK;
    return symo_fail(g->context, SYMO_E_FORMAT,
                     "%s: nodes[%zu].name: is missing (a name such as \"h%zu\", for the nodes made "
                     "from it)",
                     g->where, here, here);
  }
  if (!is_name(node->name, GRAPH_MAX_NAME))
    return symo_fail(g->context, SYMO_E_NAME,
                     "%s: nodes[%zu].name: \"%s\" is not a name (letters, digits, '_', '.', '-', "
                     "'/', at most %d)",
                     g->where, here, symo_quoted(node->name).text, (int)GRAPH_MAX_NAME);
  if (graph_find(g, node->name, &found))
    return symo_fail(g->context, SYMO_E_NAME,
                     "%s: nodes[%zu].name: %s is the name of nodes[%zu] (take another)", g->where,
                     here, node->name, found);
  return SYMO_OK;
}

symo_status graph_add(graph *g, const graph_node *node) {
  size_t here = g->num_nodes;
  if (here == GRAPH_MAX_NODES)
    return symo_fail(g->context, SYMO_E_SIZE, "%s: nodes: more than %d (use a smaller graph)",
                     g->where, (int)GRAPH_MAX_NODES);
  symo_status status = check_name(g, node);
  if (status == SYMO_OK) status = check_tensors(g, node);
  if (status != SYMO_OK) return status;
  if (node->num_from < ops[node->op].fewest || node->num_from > ops[node->op].most)
    return symo_fail(g->context, SYMO_E_SHAPE,
                     "%s: nodes[%zu].from: %zu %s for %s (takes %zu to %zu)", g->where, here,
                     node->num_from, symo_plural(node->num_from, "value", "values"),
                     ops[node->op].name, ops[node->op].fewest, ops[node->op].most);
  for (size_t i = 0; i < node->num_from; i++)
    if (node->from[i] >= here || g->nodes[node->from[i]].op == GRAPH_OUTPUT)
      return symo_fail(g->context, SYMO_E_ARGUMENT,
                       "%s: nodes[%zu].from: node %zu is no earlier value (take one before it)",
                       g->where, here, node->from[i]);
  void *array = g->nodes;
  bool room = make_room(&array, &g->room, here, sizeof *g->nodes);
  g->nodes = array;
  if (!room) return symo_fail_memory(g->context, g->where);
  g->nodes[g->num_nodes++] = *node;
  return SYMO_OK;
}
