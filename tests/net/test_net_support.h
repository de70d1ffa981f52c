#ifndef SYMO_TESTS_NET_TEST_NET_SUPPORT_H
#define SYMO_TESTS_NET_TEST_NET_SUPPORT_H

/* A network with random parameters and data, and an oracle for its loss that shares no code with
 * it. */
#include "net/net.h"
#include "tests/support/testing.h"

typedef struct net_case {
  symo_context *context;
  symo_rng *rng;
  symo_net_spec spec;
  symo_net *net;
  symo_problem problem;
  size_t size, examples, inputs, outputs; /* size: parameters */
  double *theta;                          /* [size] float64 */
  void *packed;                           /* theta of the dtype of the spec */
  double *x, *y;
} net_case;

/* Every combination of activation, loss and bias; 0 <= index < NUM_COMBINATIONS. */
enum { NUM_COMBINATIONS = 24 };
symo_net_spec net_combination(size_t index, const char *widths);
const char *net_spec_text(const symo_net_spec *spec);

/* Parameters scale * N(0, 1), inputs N(0, 1), targets N(0, 1) or random distributions;
 * tokens: any of the vocabulary. */
net_case net_case_create(const symo_net_spec *spec, size_t examples, double scale, uint64_t seed);
void net_case_drop(net_case *c);
void net_case_destroy(net_case *c); /* and asserts that nothing leaked */

/* Outputs by the definition of each layer: `a` holds the example, then the outputs; it has room for
 * NET_ORACLE_ROOM numbers, as many as any layer may have. */
enum { NET_ORACLE_ROOM = 512 };
void net_oracle_outputs(const symo_net_spec *spec, const double *theta, long double *a);

/* The mean loss by the definition, one example and one unit at a time, in long double. */
long double net_oracle_loss(const net_case *c, const double *theta);

/* Everything that holds for the derivatives of one network: gradient against differences of the
 * oracle's loss, products against differences of gradients, structure, dense Hessian. */
void net_check_gradient(net_case *c);
void net_check_hvp(net_case *c);
void net_check_structure(net_case *c, bool gauss_newton);
void net_check_dense(net_case *c);
void net_check_ggn(net_case *c);     /* is J' Q J */
void net_check_float32(net_case *c); /* float32 agrees */

/* The largest relative change of the loss (of a float64 case) under elements of the group of
 * symo_net_layout. */
double net_defect(net_case *c, const char *group, size_t elements);

/* Vectors of n numbers, given back with symo_free. */
double *net_vector(size_t n);
double *net_random(net_case *c, size_t n);

/* Products of float64 cases: hvp or, with gauss_newton, ggn; k directions. */
double *net_product(net_case *c, bool gauss_newton, const double *theta, size_t k, const double *v);

/* The dense Hessian (or Gauss-Newton matrix) by products with unit vectors. */
double *net_dense(net_case *c, bool gauss_newton);

#endif
