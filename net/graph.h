#ifndef SYMO_NET_GRAPH_H
#define SYMO_NET_GRAPH_H

#include <stdatomic.h>

#include "core/pool.h"
#include "net/op.h"

/* The inside of a network: nodes, buffers and their workspace, all planned at create.  Buffer 0 is
 * the input.  Shared by the files of this folder only. */
enum {
  SYMO_NET_MAX_NODES = 3 * SYMO_NET_MAX_LAYERS + 2,
  SYMO_NET_MAX_BUFFERS = 5 * SYMO_NET_MAX_LAYERS + 3,
  SYMO_NET_MAX_WEIGHTS = 2 * SYMO_NET_MAX_LAYERS
};

/* Sizes fixed at create.  Examples are taken `rows` at a time at most; arrays over directions hold
 * up to direction_rows examples times directions. */
typedef struct symo_net_sizes {
  size_t chunk;          /* examples in a chunk of losses and gradients, at most */
  size_t rows;           /* of all else */
  size_t block;          /* directions in a block of hvp and ggn */
  size_t product_rows;   /* examples times directions wanted there: tangents stay in cache */
  size_t direction_rows; /* examples times directions, at most */
  size_t hessian_rows;   /* examples in a chunk of the dense Hessian */
  size_t batch_numbers;  /* per example and batch of its seeds: curvatures kept */
  size_t panel_rows;     /* rows and columns of its products, at most */
  size_t panel_columns;
} symo_net_sizes;

typedef enum symo_net_part { SYMO_NET_INPUTS, SYMO_NET_TARGETS } symo_net_part;

/* What one thread needs to take losses and gradients of its part of the examples. */
typedef struct symo_net_lane {
  void *memory;
  void *value[SYMO_NET_MAX_BUFFERS], *cot[SYMO_NET_MAX_BUFFERS];
  void *value_now[SYMO_NET_MAX_BUFFERS]; /* value, with the data of the pass as the input */
  void *labels, *scratch;
  void *gradient; /* NULL for the first, which adds to the caller's */
  double loss, score;
  symo_status status;     /* of layer statistics */
  symo_factor_sums *sums; /* [num_sites], while they are taken */
  atomic_size_t passed;   /* the last node that backward has passed for good, num_nodes: none */
} symo_net_lane;

typedef struct symo_net_sum symo_net_sum; /* gradient_sum.c */

struct symo_net {
  symo_context *context;
  symo_net_spec spec;
  size_t parameters;
  size_t num_nodes, num_buffers;
  symo_node nodes[SYMO_NET_MAX_NODES]; /* topological; the last is the loss */
  size_t num_weights;
  size_t weights[SYMO_NET_MAX_WEIGHTS]; /* their nodes: dense and recurrent */
  size_t num_sites; /* of layer statistics; the first num_weights are the weights */
  symo_factor_site sites[SYMO_NET_MAX_WEIGHTS + 2];
  size_t site_of[SYMO_NET_MAX_NODES];            /* the first site of a node; SYMO_NONE */
  size_t same_outputs[SYMO_NET_MAX_WEIGHTS + 2]; /* a site whose d are those of this one;
                                                    SYMO_NONE */
  bool plain;                                    /* only dense layers */
  bool tokens[2];                                /* by symo_net_part: ids of tokens, uint32 */
  size_t inputs, outputs, targets;               /* numbers of an example */
  size_t widths[SYMO_NET_MAX_BUFFERS], positions[SYMO_NET_MAX_BUFFERS];
  bool hidden[SYMO_NET_MAX_BUFFERS]; /* carries cotangents and tangents; false: saved, or without
                                        parameters before it */
  symo_net_sizes sizes;

  /* Segments are runs of nodes; those of a residual block are one, and so are those between
   * blocks. */
  size_t num_segments, segments[SYMO_NET_MAX_NODES]; /* first nodes */

  /* For losses and gradients (lanes.c), allocated by the first of them. */
  symo_pool *pool;       /* NULL: one lane; not ours */
  const symo_comm *comm; /* NULL: one process; not ours */
  symo_net_sum *sum;     /* of the gradients of all processes */
  size_t num_owners, bucket_bytes;
  symo_reduction_part *owners; /* see symo_net_set_reduction */
  bool recompute;
  bool dropping;         /* dropout is on */
  uint64_t seed;         /* of dropout */
  symo_net_times *times; /* of operations; NULL: not measured */
  size_t num_lanes;
  symo_net_lane *lanes;
  void *sums_memory; /* layer statistics of all lanes but the first (factors.c) */
  symo_factor_sums *sums;
  size_t sums_bytes;

  /* For all else: values and cotangents, which share no memory; allocated by the first user. */
  void *whole;
  void *value[SYMO_NET_MAX_BUFFERS], *cot[SYMO_NET_MAX_BUFFERS];
  void *value_now[SYMO_NET_MAX_BUFFERS]; /* value, with the data of the pass as the input */
  void *labels; /* [rows, targets]: targets of chosen examples, or others than the data's */
  void *scratch;

  /* For products and dense Hessians, the same. */
  void *tangents, *cotangent_tangents; /* the arenas */
  void *tan[SYMO_NET_MAX_BUFFERS], *ctan[SYMO_NET_MAX_BUFFERS];
  void *tan_now[SYMO_NET_MAX_BUFFERS]; /* of the current pass; NULL before its first node */
  void *scores; /* [direction_rows]: of products with the empirical Fisher matrix */
  void *packs;  /* v_rows, v_columns, hv_rows, hv_columns, each [block * parameters] */
  void *panels; /* workspace of the dense Hessian of plain networks */
  bool touched[SYMO_NET_MAX_NODES];

  /* While a caller holds theta (symo_problem.hold), values of a single chunk that were made there
   * serve again. */
  const void *held;  /* NULL: none */
  bool held_hessian; /* second derivatives will be asked for */
  int held_order;    /* of the forward pass whose values there are; -1: none */
  bool held_cot;     /* cotangents too */
  double held_loss;
  symo_net_counts counts;

  size_t total;         /* examples there are */
  size_t room;          /* examples that x and y have room for */
  void *x, *y;          /* the data, of the dtype, or uint32 where they are tokens; NULL before
                           symo_net_set_data; y may be x */
  size_t examples;      /* that the loss is on */
  const size_t *chosen; /* which; NULL: all */
};

/* Sizes and segments; SYMO_E_SIZE. */
symo_status symo_net_plan(symo_net *net);

/* Allocates what is not there yet: symo_net_allocate_whole what symo_net_pass and symo_net_pass_on
 * need, symo_net_allocate_products also tangents.  SYMO_E_MEMORY, SYMO_E_SIZE. */
symo_status symo_net_allocate_whole(symo_net *net);
symo_status symo_net_allocate_products(symo_net *net);
symo_status symo_net_allocate_lanes(symo_net *net);
void symo_net_free_lanes(symo_net *net);

/* Examples in a chunk when there are `examples` in all and at most `rows` fit into one: chunks
 * of nearly equal size. */
size_t symo_net_chunk(size_t examples, size_t rows);

/* Converts inputs or targets of `examples` to the type that the network holds.  SYMO_E_ARGUMENT for
 * a number that is not a token where tokens are expected. */
symo_status symo_net_convert(symo_net *net, symo_net_part part, size_t examples,
                             const double *values, void *out);

/* Where inputs and targets of the chosen examples [first, first + n) stand; x_room, y_room: [n,
 * inputs] and [n, outputs], where they are put together if they must. */
void symo_net_chunk_data(const symo_net *net, size_t first, size_t n, void *x_room, void *y_room,
                         void **x, const void **y);

/* A pass over examples [first, first + n) of the data; the runners below work on it. */
symo_pass symo_net_pass(symo_net *net, const void *theta, size_t first, size_t n);

/* The same over n examples for which the caller has set net->value_now and, if wanted, targets. */
symo_pass symo_net_pass_on(symo_net *net, const void *theta, size_t n);

/* The forward pass, and backward where `cot`, unless what is held serves. */
void symo_net_values(symo_net *net, symo_pass *pass, int order, bool cot);

/* Those of this process: [*first, *first + the result). */
size_t symo_net_own_examples(const symo_net *net, size_t *first);

/* Whether all examples are one chunk whose values may be kept. */
bool symo_net_holds(const symo_net *net, const void *theta);

/* Packs k directions, both forms, into the first two of the packed blocks and clears the others;
 * gives the first node that any of them touches, num_nodes when all are zero. */
size_t symo_net_load(symo_net *net, size_t k, const void *v, void *pack[4]);

/* Examples in a chunk of products for k directions; directions in a block of them. */
size_t symo_net_product_chunk(const symo_net *net, const void *theta, size_t k);
size_t symo_net_product_block(const symo_net *net, const void *theta);

/* Slots of the problem: pass.c. */
void symo_net_hold(void *self, const void *theta, bool hessian);

/* lanes.c */
symo_status symo_net_loss(void *self, const void *theta, double *loss);
symo_status symo_net_gradient(void *self, const void *theta, double *loss, void *grad);
symo_status symo_net_take_factors(void *self, const void *theta, double *loss, void *grad,
                                  const symo_factor_request *request);

/* rows.c */
size_t symo_net_rows(void *self);
symo_status symo_net_row_residual(void *self, const void *theta, void *w);
symo_status symo_net_row_product(void *self, const void *theta, size_t k, const void *v, void *sv);
symo_status symo_net_row_transposed(void *self, const void *theta, size_t k, const void *u,
                                    void *su);
symo_status symo_net_example_product(void *self, const void *theta, size_t k, const void *v,
                                     void *out);
symo_status symo_net_example_transposed(void *self, const void *theta, size_t k, const void *u,
                                        void *out);

/* And of single examples: examples.c.  Whether every operation with parameters has the slot. */
bool symo_net_has_examples(const symo_net *net);
size_t symo_net_examples(void *self);
symo_status symo_net_example_gradients(void *self, const void *theta,
                                       const symo_example_request *request);
symo_status symo_net_sampled_gradient(void *self, const void *theta, uint64_t seed,
                                      double *examples, void *grad);

void symo_net_forward(symo_net *net, symo_pass *pass, int order, bool loss);
void symo_net_backward(symo_net *net, symo_pass *pass);

/* The same, values recomputed where the network does that; seeded: the caller has written the
 * cotangents of the outputs. */
void symo_net_backward_all(symo_net *net, symo_pass *pass, bool seeded);

/* From node `first` on; all tangents before it are zero, but, when `seeded`, that of what it reads,
 * which the caller has written in net->tan. */
void symo_net_tangent(symo_net *net, symo_pass *pass, size_t first, bool seeded);

/* From the outputs down; the caller has written their ctan. */
void symo_net_back_from_outputs(symo_net *net, symo_pass *pass);

/* From the loss down to node `last`, inclusive. */
void symo_net_backward_tangent(symo_net *net, symo_pass *pass, size_t last);

/* SYMO_OK when there are data and theta is finite. */
symo_status symo_net_ready(symo_net *net, const void *theta, const char *where);

/* The Hessian slot. */
symo_status symo_net_dense_hessian(void *self, const void *theta, double *hessian);

/* Numbers in net->panels. */
size_t symo_net_panel_numbers(const symo_net *net);

#endif
