#ifndef SYMO_NET_LAYER_H
#define SYMO_NET_LAYER_H

#include "net/graph.h"
#include "net/shape.h"

/* What a layer is: one row, which ends the file of the layer.  Reading text (parse.c), following
 * shapes (spec.c), building nodes (net.c), drafting the layout (layout.c) and describing the
 * network by operations (io/symmetries) walk the layers of a spec and call the slots; none of them
 * knows a layer by name. */

/* ---- text ---- */

typedef enum symo_net_family {
  SYMO_FAMILY_DENSE,
  SYMO_FAMILY_RNN,
  SYMO_FAMILY_CONV,
  SYMO_FAMILY_GPT
} symo_net_family;

/* The text, and its current part [part, end), which is read up to `at`. */
typedef struct symo_net_reader {
  symo_context *context;
  const char *text, *part, *end, *at;
  symo_net_family family;
  symo_net_spec spec;
  symo_net_walk walk;
} symo_net_reader;

/* Fails and names the part and its position. */
symo_status symo_read_refuse(const symo_net_reader *r, const char *why);

/* Appends a layer to the spec, or refuses it where it cannot stand. */
symo_status symo_read_add(symo_net_reader *r, symo_net_layer layer);

/* These move r->at past what they find.  A number lies in 1 to 1000000000; a window is "3", for
 * both axes, or "3x5"; a width is a number that is the whole part (else it fails). */
bool symo_read_number(symo_net_reader *r, size_t *out);
bool symo_read_letter(symo_net_reader *r, char c);
bool symo_read_window(symo_net_reader *r, symo_net_layer *layer);
symo_status symo_read_width(symo_net_reader *r, size_t *out);

/* The text that is written; what does not fit into `size` is cut off. */
typedef struct symo_net_writer {
  char *text;
  size_t size, at;
} symo_net_writer;

/* Writes before, text and, if it is not 0, number. */
void symo_write(symo_net_writer *w, const char *before, const char *text, size_t number);
void symo_write_window(symo_net_writer *w, const char *before, const symo_net_layer *layer);

/* ---- nodes ---- */

/* Under construction: the buffer that the next node reads, and the open residual blocks. */
typedef struct symo_net_builder {
  symo_net *net;
  int at;
  size_t depth;
  int skips[SYMO_NET_MAX_LAYERS];
  symo_net_shape shape, after; /* of the input and the output of the current layer */
  bool last;                   /* it is the last layer */
  bool dense;                  /* of its row */
} symo_net_builder;

/* Positions and width of the buffer that the next node reads. */
size_t symo_build_positions(const symo_net_builder *b);
size_t symo_build_width(const symo_net_builder *b);

/* A node from the last buffer to a new one, which becomes the last. */
symo_node *symo_build_node(symo_net_builder *b, const symo_op *op, size_t positions, size_t width);

/* A buffer that a node alone uses: `hidden` ones carry derivatives too, the others values. */
int symo_build_buffer(symo_net_builder *b, size_t positions, size_t width, bool hidden);

/* Gives a node its parameters [rows, columns] and a bias [rows], the next of the flat vector. */
void symo_build_parameters(symo_net_builder *b, symo_node *node, size_t rows, size_t columns,
                           bool bias);

/* As before, of a weight matrix that symo_net_get_weight lists. */
void symo_build_weight(symo_net_builder *b, symo_node *node, size_t rows, size_t columns,
                       bool bias);

/* A dense node; the activation of the spec. */
void symo_build_dense(symo_net_builder *b, size_t width, bool bias);
void symo_build_activation(symo_net_builder *b);

/* ---- tensors ---- */

typedef struct symo_draft_place {
  char name[32];
  size_t dim;
  int same;     /* the space that it turned out to be; -1: itself */
  bool fixed;   /* in, out, kernels, positions */
  bool reduced; /* to permutations */
} symo_draft_place;

typedef struct symo_draft_tensor {
  char name[32];
  size_t order;
  int axes[4];
  int reads; /* the axis of what goes in, which scales move by their inverses; -1: none */
} symo_draft_tensor;

enum {
  SYMO_DRAFT_PLACES = 4 * SYMO_NET_MAX_LAYERS + 2,
  SYMO_DRAFT_TENSORS = 3 * SYMO_NET_MAX_LAYERS
};

/* The layout under construction. */
typedef struct symo_net_draft {
  const symo_net_spec *spec;
  int num_places, num_tensors;
  symo_draft_place places[SYMO_DRAFT_PLACES];
  symo_draft_tensor tensors[SYMO_DRAFT_TENSORS];
  symo_net_shape shape; /* of the input of the current layer */
  int now, positions;   /* the space of the features; that of positions after a flatten, or -1 */
  size_t weights, total, norms; /* layers with weights so far and in all, norms so far */
  size_t depth;
  int forks[SYMO_NET_MAX_LAYERS];
  bool recurrent;
} symo_net_draft;

/* A space called prefix<number>, or prefix where the number is 0. */
int symo_draft_add_place(symo_net_draft *d, const char *prefix, size_t number, size_t dim,
                         bool fixed);

/* The space of what a layer with weights gives: out for the last, else name<number>. */
int symo_draft_open_space(symo_net_draft *d, size_t width, const char *name, size_t number);

/* Restricts the current space to permutations. */
void symo_draft_reduce(symo_net_draft *d);

/* Two spaces are one: the later takes the name of the earlier. */
void symo_draft_unite(symo_net_draft *d, int a, int b);

/* A tensor prefix<number>suffix; of a weight axis 0 is what goes out and axis 1 what goes in. */
void symo_draft_add_tensor(symo_net_draft *d, const char *prefix, size_t number, const char *suffix,
                           size_t order, const int *axes);
void symo_draft_add_weight(symo_net_draft *d, const char *prefix, size_t number, size_t order,
                           const int *axes);

/* ---- operations ---- */

enum { SYMO_TRACE_NAME = 48, SYMO_TRACE_TENSORS = 3, SYMO_TRACE_AXES = 3 };

/* One operation of docs/graphs.md by its names there. */
typedef struct symo_trace_step {
  const char *op;
  char name[SYMO_TRACE_NAME];
  size_t num_from, from[2]; /* none: the current value */
  size_t out, order, sizes[SYMO_TRACE_AXES], axis;
  const char *function, *kind;
  size_t num_tensors;
  struct {
    const char *role;
    char name[SYMO_TRACE_NAME];
  } tensors[SYMO_TRACE_TENSORS];
} symo_trace_step;

/* A network as a list of operations.  `emit` appends one, which becomes the current value. */
typedef struct symo_net_trace symo_net_trace;
struct symo_net_trace {
  const symo_net_spec *spec;
  symo_net_shape shape;                /* of the input of the current layer */
  size_t value, count;                 /* the current value, values so far */
  size_t weights, total, norms, depth; /* as in a draft */
  size_t forks[SYMO_NET_MAX_LAYERS];
  bool recurrent; /* as in a draft */
  bool sequence;  /* positions are steps */
  bool flat;      /* a single axis */
  symo_status (*emit)(symo_net_trace *t, const symo_trace_step *step);
};

#if defined(__GNUC__)
#define SYMO_TRACE_FORMAT(at) __attribute__((format(printf, at, at + 1)))
#else
#define SYMO_TRACE_FORMAT(at)
#endif
/* Adds a tensor by its role; names the step and emits it. */
SYMO_TRACE_FORMAT(3)
void symo_trace_tensor(symo_trace_step *step, const char *role, const char *format, ...);
SYMO_TRACE_FORMAT(3)
symo_status symo_trace_emit(symo_net_trace *t, symo_trace_step step, const char *format, ...);

/* The activation of the spec. */
symo_status symo_trace_activation(symo_net_trace *t);

/* Moves features behind the positions, or back in front of them. */
symo_status symo_trace_transpose(symo_net_trace *t, bool back);

/* ---- the row ---- */

typedef struct symo_layer {
  const char *name;     /* in messages */
  const char *notation; /* in text, as an example; without `parse` the whole part.  NULL: text does
                           not name it, another layer adds it */
  bool weighs;          /* opens a space of its own, and is counted */
  bool dense;           /* its weight is one matrix, whatever the axes of its tensor; networks of
                           such layers alone are plain */
  bool recurrent;       /* the last weight of a network with it is wo */
  bool sequence;        /* its positions are steps; text of a network with it begins with rnn: */
  bool tokens;          /* the first layer: reads tokens by their numbers, `count` of them */
  bool outputs;         /* may be the last layer */
  bool logits;          /* has outputs at each position, of a token each */

  /* Reads the current part; *mine false: it is another layer.  print writes it back.  NULL: see
   * notation. */
  symo_status (*parse)(symo_net_reader *r, bool *mine);
  void (*print)(const symo_net_layer *layer, symo_net_writer *w);

  /* Follows an example through the layer; false, with the reason, where it cannot stand. */
  bool (*shape)(symo_net_walk *walk, const symo_net_layer *layer, char why[SYMO_NET_MAX_REASON]);

  /* Its parameters, as a double: sizes from a command line may multiply to anything. */
  double (*count)(const symo_net_spec *spec, const symo_net_layer *layer,
                  const symo_net_shape *before);

  /* Adds its nodes: at most 3, with 5 buffers and 2 weights. */
  void (*build)(symo_net_builder *b, const symo_net_layer *layer);

  /* Adds its spaces and tensors, in the order of its parameters.  NULL: networks with this layer
   * have no layout but that of gpt.h. */
  void (*tensors)(symo_net_draft *d, const symo_net_layer *layer);

  /* Emits its operations.  NULL: its symmetries cannot be inferred. */
  symo_status (*graph)(symo_net_trace *t, const symo_net_layer *layer);
} symo_layer;

/* The slots of layers without parameters. */
double symo_layer_count_none(const symo_net_spec *spec, const symo_net_layer *layer,
                             const symo_net_shape *before);
void symo_layer_no_tensors(symo_net_draft *d, const symo_net_layer *layer);

#define SYMO_LAYER_DECLARE(KIND, row) extern const symo_layer symo_layer_##row;
SYMO_NET_LAYERS(SYMO_LAYER_DECLARE)
#undef SYMO_LAYER_DECLARE

/* NULL: unknown, or a row that lacks name, shape, count or build. */
const symo_layer *symo_layer_of(symo_net_kind kind);

#endif
