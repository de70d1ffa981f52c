/* Pointwise functions by what they commute with.  f(P x) = P f(x) for permutations P, always; odd
 * ones also for signs, positively homogeneous ones (f(c x) = c f(x), c > 0) for scales, and linear
 * ones for everything. */
#include "io/symmetries/classes.h"

#include <stdio.h>
#include <string.h>

#define ODD "is odd, so units may change places and sign"
#define HOMOGENEOUS                                                                                \
  "is positively homogeneous, so units may change places and be rescaled, but not change sign"
#define PLAIN "is neither odd nor homogeneous, so units may only change places"
#define EVEN "is even, so signs do not pass to the next layer and units only change places"
#define EVEN_REMARK                                                                                \
  "f(-x) = f(x): the sign of a unit's incoming weights alone is free (sign flips of the rows, "    \
  "which "                                                                                         \
  "leave the outgoing weights as they are)"

static const sym_function functions[] = {
    {"linear", SYM_ORTHOGONAL, true, "lets everything pass", NULL},
    {"identity", SYM_ORTHOGONAL, true, "lets everything pass", NULL},
    {"none", SYM_ORTHOGONAL, true, "lets everything pass", NULL},
    {"tanh", SYM_SIGNED_PERMUTATION, false, ODD, NULL},
    {"sin", SYM_SIGNED_PERMUTATION, false, ODD, NULL},
    {"atan", SYM_SIGNED_PERMUTATION, false, ODD, NULL},
    {"asinh", SYM_SIGNED_PERMUTATION, false, ODD, NULL},
    {"erf", SYM_SIGNED_PERMUTATION, false, ODD, NULL},
    {"softsign", SYM_SIGNED_PERMUTATION, false, ODD, NULL},
    {"hardtanh", SYM_SIGNED_PERMUTATION, false, ODD, NULL},
    {"tanhshrink", SYM_SIGNED_PERMUTATION, false, ODD, NULL},
    {"softshrink", SYM_SIGNED_PERMUTATION, false, ODD, NULL},
    {"hardshrink", SYM_SIGNED_PERMUTATION, false, ODD, NULL},
    {"relu", SYM_PERMUTATION, true, HOMOGENEOUS, NULL},
    {"leaky-relu", SYM_PERMUTATION, true, HOMOGENEOUS, NULL},
    {"abs", SYM_PERMUTATION, true, HOMOGENEOUS, EVEN_REMARK},
    {"cos", SYM_PERMUTATION, false, EVEN, EVEN_REMARK},
    {"square", SYM_PERMUTATION, false, EVEN, EVEN_REMARK},
    {"gelu", SYM_PERMUTATION, false, PLAIN, NULL},
    {"silu", SYM_PERMUTATION, false, PLAIN, NULL},
    {"swish", SYM_PERMUTATION, false, PLAIN, NULL},
    {"mish", SYM_PERMUTATION, false, PLAIN, NULL},
    {"elu", SYM_PERMUTATION, false, PLAIN, NULL},
    {"selu", SYM_PERMUTATION, false, PLAIN, NULL},
    {"celu", SYM_PERMUTATION, false, PLAIN, NULL},
    {"relu6", SYM_PERMUTATION, false, PLAIN, NULL},
    {"sigmoid", SYM_PERMUTATION, false, PLAIN, NULL},
    {"hard-sigmoid", SYM_PERMUTATION, false, PLAIN, NULL},
    {"hard-swish", SYM_PERMUTATION, false, PLAIN, NULL},
    {"softplus", SYM_PERMUTATION, false, PLAIN, NULL},
    {"exp", SYM_PERMUTATION, false, PLAIN, NULL}};

static const sym_function unknown = {
    "", SYM_PERMUTATION, false,
    "is not known to be odd or homogeneous, so units may only change places", NULL};

const sym_function *sym_function_find(const char *name) {
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
    if (strcmp(name, functions[i].name) == 0) return &functions[i];
  return &unknown;
}

void sym_limit_function(sym_state *s, const sym_value *v, const char *name) {
  const sym_function *f = sym_function_find(name);
  char text[SYM_TEXT];
  (void)snprintf(text, sizeof text, "%.60s %s", name, f->why);
  sym_limit_value(s, v, f->level, f->scales, text);
  for (size_t i = 0; f->remark != NULL && i < v->start[v->order]; i++)
    sym_remark(s, v->atoms[i], "%s", f->remark);
}
