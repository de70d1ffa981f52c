#include "tests/net/test_net_support.h"

#include <math.h>
#include <stdio.h>

symo_net_spec net_combination(size_t index, const char *widths) {
  symo_net_spec spec = symo_net_spec_default();
  cr_assert_eq(symo_net_parse(NULL, widths, &spec), SYMO_OK);
  spec.activation = (symo_activation)(index % 4);
  spec.loss = (symo_loss)(index / 4 % 3);
  spec.bias = index / 12 == 0;
  return spec;
}

const char *net_spec_text(const symo_net_spec *spec) {
  static char text[256], net[128];
  symo_net_text(spec, net, sizeof net);
  snprintf(text, sizeof text, "%s %s %s %s", net, symo_activation_name(spec->activation),
           symo_loss_name(spec->loss), spec->bias ? "bias" : "no bias");
  return text;
}

double *net_vector(size_t n) {
  double *x = symo_calloc(n, sizeof *x);
  cr_assert(x != NULL);
  return x;
}

double *net_random(net_case *c, size_t n) {
  double *x = net_vector(n);
  symo_test_randn(c->rng, x, n);
  return x;
}

static void distributions(net_case *c) {
  for (size_t r = 0; r < c->examples; r++) {
    double *y = c->y + r * c->outputs, sum = 0.0;
    for (size_t i = 0; i < c->outputs; i++) sum += y[i] = y[i] * y[i] + 0.01;
    for (size_t i = 0; i < c->outputs; i++) y[i] /= sum;
  }
}

static void tokens(net_case *c) {
  const size_t numbers = c->examples * c->inputs;
  const uint64_t vocabulary = symo_net_vocabulary(&c->spec);
  for (size_t i = 0; i < numbers; i++) {
    c->x[i] = (double)symo_rng_below(c->rng, vocabulary);
    c->y[i] = (double)symo_rng_below(c->rng, vocabulary);
  }
}

net_case net_case_create(const symo_net_spec *spec, size_t examples, double scale, uint64_t seed) {
  net_case c = {.spec = *spec, .examples = examples};
  c.context = symo_test_context();
  c.rng = symo_test_rng(c.context, seed);
  cr_ok(c.context, symo_net_create(c.context, spec, &c.net));
  c.problem = symo_net_problem(c.net);
  c.size = symo_net_num_parameters(c.net);
  c.inputs = symo_net_inputs(spec), c.outputs = symo_net_outputs(spec);
  c.theta = net_random(&c, c.size);
  for (size_t i = 0; i < c.size; i++) c.theta[i] *= scale;
  c.packed = symo_malloc(c.size * symo_dtype_size(spec->dtype));
  symo_test_pack(spec->dtype, c.theta, c.packed, c.size);
  c.x = net_random(&c, examples * c.inputs);
  c.y = net_random(&c, examples * c.outputs);
  if (symo_net_reads_tokens(spec))
    tokens(&c);
  else if (spec->loss != SYMO_LOSS_MSE)
    distributions(&c); /* inside (0, 1) too */
  cr_ok(c.context, symo_net_set_data(c.net, examples, c.x, c.y));
  return c;
}

void net_case_drop(net_case *c) {
  symo_free(c->theta);
  symo_free(c->packed);
  symo_free(c->x);
  symo_free(c->y);
  symo_net_destroy(c->net);
  symo_rng_destroy(c->rng);
  symo_context_destroy(c->context);
}

void net_case_destroy(net_case *c) {
  net_case_drop(c);
  cr_no_leaks();
}

/* Of one output. */
static long double oracle_term(symo_loss loss, long double f, long double top, long double sum,
                               long double target) {
  if (loss == SYMO_LOSS_MSE) return (f - target) * (f - target) / 2.0L;
  if (loss == SYMO_LOSS_CROSS_ENTROPY) return -target * (f - top - logl(sum));
  return target * log1pl(expl(-f)) + (1.0L - target) * log1pl(expl(f));
}

long double net_oracle_loss(const net_case *c, const double *theta) {
  long double total = 0.0L, a[NET_ORACLE_ROOM];
  for (size_t r = 0; r < c->examples; r++) {
    const double *y = c->y + r * c->outputs;
    for (size_t j = 0; j < c->inputs; j++) a[j] = (long double)c->x[r * c->inputs + j];
    net_oracle_outputs(&c->spec, theta, a);
    long double top = a[0], sum = 0.0L;
    for (size_t i = 0; i < c->outputs; i++) top = fmaxl(top, a[i]);
    for (size_t i = 0; i < c->outputs; i++) sum += expl(a[i] - top);
    for (size_t i = 0; i < c->outputs; i++)
      total += oracle_term(c->spec.loss, a[i], top, sum, (long double)y[i]);
  }
  return total / (long double)c->examples;
}

double *net_product(net_case *c, bool gauss_newton, const double *theta, size_t k,
                    const double *v) {
  double *out = net_vector(k * c->size);
  cr_ok(c->context,
        (gauss_newton ? c->problem.ggn : c->problem.hvp)(c->problem.self, theta, k, v, out));
  return out;
}

double *net_dense(net_case *c, bool gauss_newton) {
  double *unit = net_vector(c->size * c->size);
  for (size_t i = 0; i < c->size; i++) unit[i * c->size + i] = 1.0;
  double *out = net_product(c, gauss_newton, c->theta, c->size, unit);
  symo_free(unit);
  return out;
}

double net_defect(net_case *c, const char *group, size_t elements) {
  symo_layout *layout;
  symo_element *g;
  double *moved = net_vector(c->size), loss, other, most = 0.0;
  const void *from[64];
  void *to[64];
  cr_ok(c->context, symo_net_layout(c->context, &c->spec, group, &layout));
  cr_assert_eq(symo_layout_num_parameters(layout), c->size);
  cr_ok(c->context, symo_element_create(layout, &g));
  symo_layout_split_const(layout, SYMO_F64, c->theta, from);
  symo_layout_split(layout, SYMO_F64, moved, to);
  cr_ok(c->context, c->problem.loss(c->problem.self, c->theta, &loss));
  for (size_t i = 0; i < elements; i++) {
    cr_ok(c->context, symo_element_sample(g, c->rng));
    cr_ok(c->context,
          symo_element_act(g, symo_const_vector_of(SYMO_F64, from), symo_vector_of(SYMO_F64, to)));
    cr_ok(c->context, c->problem.loss(c->problem.self, moved, &other));
    most = fmax(most, fabs(other - loss) / loss);
  }
  symo_free(moved);
  symo_element_destroy(g);
  symo_layout_destroy(layout);
  return most;
}
