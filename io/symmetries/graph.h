#ifndef SYMO_IO_SYMMETRIES_GRAPH_H
#define SYMO_IO_SYMMETRIES_GRAPH_H

#include <stdbool.h>
#include <symo/layout.h>

/* A network as a list of operations, each made from values of earlier ones: what docs/graphs.md
 * describes.  A value is what one example gives at one place, with axes such as [steps, features]
 * or [channels, height, width]; operations hold the names of the parameter tensors they use. */

/* X(name, as text, fewest and most values it is made from) */
#define GRAPH_OP_LIST(X)                                                                           \
  X(INPUT, "input", 0, 0)                                                                          \
  X(PARAMETER, "parameter", 0, 0)                                                                  \
  X(DENSE, "dense", 1, 1)                                                                          \
  X(CONV1D, "conv1d", 1, 1)                                                                        \
  X(CONV2D, "conv2d", 1, 1)                                                                        \
  X(RECURRENT, "recurrent", 1, 1)                                                                  \
  X(EMBEDDING, "embedding", 1, 1)                                                                  \
  X(ATTENTION, "attention", 1, 2)                                                                  \
  X(ACTIVATION, "activation", 1, 1)                                                                \
  X(LAYERNORM, "layernorm", 1, 1)                                                                  \
  X(RMSNORM, "rmsnorm", 1, 1)                                                                      \
  X(BATCHNORM, "batchnorm", 1, 1)                                                                  \
  X(SOFTMAX, "softmax", 1, 1)                                                                      \
  X(DROPOUT, "dropout", 1, 1)                                                                      \
  X(POOL, "pool", 1, 1)                                                                            \
  X(REDUCE, "reduce", 1, 1)                                                                        \
  X(FLATTEN, "flatten", 1, 1)                                                                      \
  X(RESHAPE, "reshape", 1, 1)                                                                      \
  X(SLICE, "slice", 1, 1)                                                                          \
  X(REPEAT, "repeat", 1, 1)                                                                        \
  X(CONCAT, "concat", 2, GRAPH_MAX_FROM)                                                           \
  X(TRANSPOSE, "transpose", 1, 1)                                                                  \
  X(ADD, "add", 2, GRAPH_MAX_FROM)                                                                 \
  X(MULTIPLY, "multiply", 2, 2)                                                                    \
  X(ENTRYWISE, "entrywise", 2, GRAPH_MAX_FROM)                                                     \
  X(MATMUL, "matmul", 2, 2)                                                                        \
  X(OPAQUE, "opaque", 1, GRAPH_MAX_FROM)                                                           \
  X(OUTPUT, "output", 1, 1)

/* Parameter tensors by what they do in an operation: X(name, key) */
#define GRAPH_ROLE_LIST(X)                                                                         \
  X(WEIGHT, "weight")                                                                              \
  X(WEIGHT_HIDDEN, "weight_hidden")                                                                \
  X(BIAS, "bias")                                                                                  \
  X(BIAS_HIDDEN, "bias_hidden")                                                                    \
  X(GAIN, "gain")                                                                                  \
  X(QUERY, "query")                                                                                \
  X(QUERY_BIAS, "query_bias")                                                                      \
  X(KEY, "key")                                                                                    \
  X(KEY_BIAS, "key_bias")                                                                          \
  X(VALUE, "value")                                                                                \
  X(VALUE_BIAS, "value_bias")                                                                      \
  X(QKV, "qkv")                                                                                    \
  X(QKV_BIAS, "qkv_bias")                                                                          \
  X(PROJECTION, "projection")                                                                      \
  X(PROJECTION_BIAS, "projection_bias")

enum {
  GRAPH_MAX_FROM = 8,
  GRAPH_MAX_SIZES = SYMO_MAX_ORDER,
  GRAPH_MAX_NODES = 4096,
  GRAPH_MAX_NAME = 96 /* of a node: spaces are named after it, with an ending */
};

#define GRAPH_OP_ENUM(name, text, fewest, most) GRAPH_##name,
#define GRAPH_ROLE_ENUM(name, key) ROLE_##name,
typedef enum graph_op { GRAPH_OP_LIST(GRAPH_OP_ENUM) GRAPH_NUM_OPS } graph_op;
typedef enum graph_role { GRAPH_ROLE_LIST(GRAPH_ROLE_ENUM) GRAPH_NUM_ROLES } graph_role;
#undef GRAPH_OP_ENUM
#undef GRAPH_ROLE_ENUM

/* One operation.  Which fields it uses: docs/graphs.md; the others are zero. */
typedef struct graph_node {
  graph_op op;
  const char *name;
  size_t num_from, from[GRAPH_MAX_FROM]; /* earlier nodes */
  size_t order, sizes[GRAPH_MAX_SIZES];  /* shape, kernel, window, or order of a transpose */
  size_t num_strides, strides[GRAPH_MAX_SIZES];
  size_t num_positions, positions[GRAPH_MAX_SIZES]; /* behind windows, if given */
  size_t in, out, rows;                             /* in: 0 or what is expected of the value */
  size_t axis;
  size_t heads, head_dim, value_dim;
  const char *function; /* activation, recurrent, entrywise; opaque: what it is */
  /* max, average, mean, sum, last, one; elman, leaky, lstm, gru; zero, circular, none */
  const char *kind;
  bool last, causal, rotary, transposed, depthwise;
  const char *tensor[GRAPH_NUM_ROLES];
} graph_node;

typedef struct graph {
  symo_context *context;
  const char *where; /* the file, or what else failures name */
  symo_dtype dtype;
  size_t num_nodes, room;
  graph_node *nodes;
  size_t num_strings, string_room;
  char **strings;
} graph;

symo_status graph_create(symo_context *context, const char *where, graph **out);
void graph_destroy(graph *g); /* NULL is accepted */

/* Appends a copy.  The texts must belong to the graph (graph_keep) or live as long.  Refused: a
 * name that is missing, taken or no name, `from` that is no earlier node, too few or too many of
 * them. */
symo_status graph_add(graph *g, const graph_node *node);

/* A copy of the text that lives as long as the graph; NULL (detail left) when out of memory. */
const char *graph_keep(graph *g, const char *text);

const char *graph_op_name(graph_op op);
bool graph_op_find(const char *name, graph_op *out);
void graph_op_takes(graph_op op, size_t *fewest, size_t *most); /* values it is made from */
const char *graph_role_key(graph_role role);

/* The node of that name. */
bool graph_find(const graph *g, const char *name, size_t *index);

/* "nodes[3] (dense h1)" */
typedef struct graph_place {
  char text[192];
} graph_place;
graph_place graph_place_of(const graph *g, size_t node);

/* Reads the JSON of docs/graphs.md: graph_json.c.  where: the file, for failures. */
symo_status graph_read_json(symo_context *context, const char *path, graph **out);
symo_status graph_parse_json(symo_context *context, const char *where, const char *text,
                             size_t length, graph **out);

#endif
