/* What every row of net/layers.h must satisfy.  A new layer needs one line in `nets`. */
#include <math.h>
#include <stdio.h>

#include "core/alloc.h"
#include "core/linalg.h"
#include "net/gpt.h"
#include "net/layer.h"
#include "net/net_graph.h"
#include "tests/io/test_symmetries_support.h"
#include "tests/net/test_net_support.h"

enum { DIRECTIONS = 3, EXAMPLES = 11, LONGEST = 100 /* no sum of these networks is longer */ };

/* Small networks that have the layer, split by ' '; "*" stands for a dropout layer in front of the
 * last, which text does not name. */
static const char *const nets[SYMO_NET_NUM_KINDS] = {
    [SYMO_NET_DENSE] = "5-4-3 5-3 conv:3x3x2-4-3",
    [SYMO_NET_RECURRENT] = "rnn:4x3-5-2 rnn:3x2-4-4-3 rnn:4x3-5leak0.3-2",
    [SYMO_NET_CONV] = "conv:4x4x2-c3k3-3 conv:6x2-c3k5c-2 conv:4x3x1-c2k3x1-c2k1-2",
    [SYMO_NET_MEAN_POOL] = "conv:4x4x2-p2-3 conv:4x6x1-c2k3-p2x3-2 conv:6x2-p3-2",
    [SYMO_NET_MAX_POOL] = "conv:4x4x2-c3k3-m2-3 conv:4x6x1-c2k3-m2x3-2 conv:6x2-m3-2",
    [SYMO_NET_FLATTEN] = "conv:3x2x2-5-3 conv:4x2-3",
    [SYMO_NET_LAST] = "rnn:4x3-2 rnn:3x2-4-3",
    [SYMO_NET_LAYER_NORM] = "5-6-ln-6-3 rnn:3x2-4-ln-3 conv:3x3x1-c4k3-ln-2",
    [SYMO_NET_RMS_NORM] = "5-6-rms-6-3 rnn:3x2-4-rms-3 conv:3x3x1-c4k3-rms-2",
    [SYMO_NET_FORK] = "5-6-res-6-add-3 5-res-ln-5-res-4-5-add-add-3",
    [SYMO_NET_ADD] = "conv:3x3x1-c2k3-res-c2k3-add-2 rnn:3x2-4-res-4-add-3",
    [SYMO_NET_EMBEDDING] = "gpt:v7-t5-c6-h2-l1 gpt:v5-t3-c4-h1-l1-untied",
    [SYMO_NET_ATTENTION] = "gpt:v7-t5-c6-h3-l2 gpt:v5-t4-c4-h2-l1-f5",
    [SYMO_NET_DROPOUT] = "*5-6-3 *conv:3x3x1-c2k3-4-2",
    [SYMO_NET_HEAD] = "gpt:v7-t4-c6-h2-l1 gpt:v7-t4-c6-h2-l1-untied"};

typedef struct kit {
  const symo_layer *row;
  symo_net_kind kind;
  bool written; /* text is the whole network */
  char text[96];
  symo_context *context;
  symo_rng *rng;
  symo_net_spec spec;
  symo_net *net;
  symo_problem problem;
  size_t size, inputs, outputs, targets;
  double *theta, *x, *y;
} kit;

static void read_spec(kit *k, const char *text, size_t length) {
  k->written = *text != '*';
  if (!k->written) text++, length--;
  (void)snprintf(k->text, sizeof k->text, "%.*s", (int)length, text);
  k->spec = symo_net_spec_default();
  cr_ok(k->context, symo_net_parse(k->context, k->text, &k->spec));
  if (k->written) return;
  symo_net_layer *last = &k->spec.layers[k->spec.num_layers++];
  *last = last[-1];
  last[-1] = (symo_net_layer){.kind = SYMO_NET_DROPOUT, .rate = 0.3};
}

static double draw(kit *k, bool token) {
  double x;
  symo_test_randn(k->rng, &x, 1);
  return token ? (double)symo_rng_below(k->rng, symo_net_vocabulary(&k->spec)) : x;
}

/* A network at a random point.  Dropout is on: its mask is a function of the seed alone. */
static void open_net(kit *k) {
  const bool tokens = symo_net_vocabulary(&k->spec) > 0;
  cr_ok(k->context, symo_net_create(k->context, &k->spec, &k->net));
  k->problem = symo_net_problem(k->net);
  k->size = k->problem.size;
  k->inputs = symo_net_inputs(&k->spec), k->outputs = symo_net_outputs(&k->spec);
  k->targets = symo_net_targets(&k->spec);
  k->theta = net_vector(k->size);
  k->x = net_vector(EXAMPLES * k->inputs), k->y = net_vector(EXAMPLES * k->targets);
  for (size_t i = 0; i < k->size; i++) k->theta[i] = 0.6 * draw(k, false);
  for (size_t i = 0; i < EXAMPLES * k->inputs; i++) k->x[i] = draw(k, tokens);
  for (size_t i = 0; i < EXAMPLES * k->targets; i++) k->y[i] = draw(k, tokens);
  cr_ok(k->context, symo_net_set_data(k->net, EXAMPLES, k->x, k->y));
  symo_net_set_dropout(k->net, true, 5);
}

static void close_net(kit *k) {
  symo_net_destroy(k->net);
  symo_free(k->theta);
  symo_free(k->x);
  symo_free(k->y);
}

static bool has_kind(const symo_net_spec *spec, symo_net_kind kind) {
  bool has = false;
  for (size_t l = 0; l < spec->num_layers; l++) has = has || spec->layers[l].kind == kind;
  return has;
}

/* Every network of every row, with and without biases. */
static void for_each_net(void (*check)(kit *k)) {
  for (int i = 0; i < SYMO_NET_NUM_KINDS; i++) {
    kit k = {.kind = (symo_net_kind)i, .row = symo_layer_of((symo_net_kind)i)};
    cr_assert(k.row != NULL, "row %d lacks name, shape, count or build", i);
    cr_assert(nets[i] != NULL, "%s: no network in this file has it", k.row->name);
    k.context = symo_test_context();
    k.rng = symo_test_rng(k.context, 11);
    for (const char *at = nets[i]; *at != '\0';) {
      const size_t length = strcspn(at, " ");
      for (int bias = 0; bias < 2; bias++) {
        read_spec(&k, at, length);
        k.spec.bias = bias == 1;
        cr_assert(has_kind(&k.spec, k.kind), "%s has no %s", k.text, k.row->name);
        open_net(&k);
        check(&k);
        close_net(&k);
      }
      at += length + (at[length] == ' ' ? 1 : 0);
    }
    symo_rng_destroy(k.rng);
    symo_context_destroy(k.context);
  }
  cr_no_leaks();
}

/* ---- notation ---- */

static bool same_layer(const symo_net_layer *a, const symo_net_layer *b) {
  return a->kind == b->kind && a->width == b->width && a->window[0] == b->window[0] &&
         a->window[1] == b->window[1] && a->circular == b->circular && a->linear == b->linear &&
         a->tied == b->tied && a->count == b->count && a->rate == b->rate;
}

static void check_notation(kit *k) {
  char text[96];
  symo_net_spec again = symo_net_spec_default();
  cr_assert((k->row->parse == NULL) == (k->row->print == NULL), "%s", k->row->name);
  if (!k->written) return;
  symo_net_text(&k->spec, text, sizeof text);
  cr_assert_str_eq(text, k->text, "%s: %s became %s", k->row->name, k->text, text);
  cr_ok(k->context, symo_net_parse(k->context, text, &again));
  cr_assert_eq(again.num_layers, k->spec.num_layers);
  for (size_t l = 0; l < again.num_layers; l++)
    cr_assert(same_layer(&again.layers[l], &k->spec.layers[l]), "%s: layer %zu", text, l + 1);
}

Test(layer_kit, notation_prints_and_parses_back) { for_each_net(check_notation); }

/* ---- shapes, nodes, tensors ---- */

static symo_net_builder begin(kit *k, symo_net *net, const symo_net_shape *shapes) {
  symo_net_builder b = {.net = net, .shape = shapes[0]};
  net->spec = k->spec;
  b.at = symo_build_buffer(&b, 1, k->inputs, false);
  if (shapes[0].axes > 0 && !symo_layer_of(k->spec.layers[0].kind)->tokens)
    symo_build_node(&b, &symo_op_arrange, symo_net_positions(&shapes[0]), shapes[0].features);
  return b;
}

/* One layer: what is built has the shape and the parameters that the slots say, within the room
 * that a network has for each layer. */
static void check_built(kit *k, symo_net_builder *b, const symo_net_layer *layer) {
  const symo_net *net = b->net;
  const symo_layer *row = symo_layer_of(layer->kind);
  const size_t nodes = net->num_nodes, buffers = net->num_buffers, weights = net->num_weights;
  const size_t parameters = net->parameters;
  const double count = row->count(&k->spec, layer, &b->shape);
  row->build(b, layer);
  cr_assert(net->num_nodes <= nodes + 3 && net->num_buffers <= buffers + 5, "%s", row->name);
  cr_assert(net->num_weights <= weights + 2, "%s", row->name);
  cr_assert_eq(symo_build_width(b), b->after.features, "%s in %s", row->name, k->text);
  cr_assert_eq(symo_build_positions(b), symo_net_positions(&b->after), "%s in %s", row->name,
               k->text);
  cr_assert(count == (double)(net->parameters - parameters), "%s in %s: %zu parameters, not %g",
            row->name, k->text, net->parameters - parameters, count);
}

static void check_shapes(kit *k) {
  symo_net_shape shapes[SYMO_NET_MAX_LAYERS + 1];
  symo_net *net = symo_calloc(1, sizeof *net);
  cr_assert(net != NULL);
  cr_ok(k->context, symo_net_shapes(k->context, &k->spec, shapes));
  symo_net_builder b = begin(k, net, shapes);
  for (size_t l = 0; l < k->spec.num_layers; l++) {
    b.shape = shapes[l], b.after = shapes[l + 1], b.last = l + 1 == k->spec.num_layers;
    check_built(k, &b, &k->spec.layers[l]);
  }
  cr_assert_eq(net->parameters, k->size);
  cr_assert(symo_net_count(&k->spec) == (double)k->size);
  symo_free(net);
}

Test(layer_kit, what_is_built_has_the_shape_and_count) { for_each_net(check_shapes); }

/* Numbers in the tensors that the slot of one layer drafts. */
static size_t drafted(symo_net_draft *d, const symo_net_layer *layer) {
  const int before = d->num_tensors;
  size_t numbers = 0;
  symo_layer_of(layer->kind)->tensors(d, layer);
  for (int t = before; t < d->num_tensors; t++) {
    size_t size = 1;
    for (size_t a = 0; a < d->tensors[t].order; a++) size *= d->places[d->tensors[t].axes[a]].dim;
    numbers += size;
  }
  return numbers;
}

static void check_draft(kit *k, const symo_net_shape *shapes) {
  symo_net_draft *d = symo_calloc(1, sizeof *d);
  cr_assert(d != NULL);
  d->spec = &k->spec, d->positions = -1;
  d->now = symo_draft_add_place(d, "in", 0, k->spec.input.features, true);
  for (size_t l = 0; l < k->spec.num_layers; l++) {
    const symo_layer *row = symo_layer_of(k->spec.layers[l].kind);
    d->total += row->weighs;
  }
  for (size_t l = 0; l < k->spec.num_layers; l++) {
    const symo_net_layer *layer = &k->spec.layers[l];
    const symo_layer *row = symo_layer_of(layer->kind);
    d->weights += row->weighs, d->shape = shapes[l];
    cr_assert((double)drafted(d, layer) == row->count(&k->spec, layer, &shapes[l]),
              "%s in %s: the tensors are not its parameters", row->name, k->text);
  }
  symo_free(d);
}

static void check_tensors(kit *k) {
  symo_net_shape shapes[SYMO_NET_MAX_LAYERS + 1];
  symo_layout *layout = NULL;
  bool all = true;
  cr_ok(k->context, symo_net_shapes(k->context, &k->spec, shapes));
  cr_ok(k->context, symo_net_layout(k->context, &k->spec, NULL, &layout));
  cr_assert_eq(symo_layout_num_parameters(layout), k->size, "%s", k->text);
  symo_layout_destroy(layout);
  for (size_t l = 0; l < k->spec.num_layers; l++)
    all = all && symo_layer_of(k->spec.layers[l].kind)->tensors != NULL;
  cr_assert_eq(all, symo_net_vocabulary(&k->spec) == 0, "%s", k->text);
  if (all) check_draft(k, shapes);
}

Test(layer_kit, tensors_cover_the_parameters) { for_each_net(check_tensors); }

/* ---- derivatives ---- */

static double dot(size_t n, const double *a, const double *b) {
  double sum = 0.0;
  for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

/* Directions of length 1. */
static double *directions(kit *k) {
  double *v = net_vector(DIRECTIONS * k->size);
  symo_test_randn(k->rng, v, DIRECTIONS * k->size);
  for (size_t s = 0; s < DIRECTIONS; s++) {
    const double length = sqrt(dot(k->size, v + s * k->size, v + s * k->size));
    for (size_t i = 0; i < k->size; i++) v[s * k->size + i] /= length;
  }
  return v;
}

static void *moved(const kit *k, const double *v, double step) {
  double *theta = net_vector(k->size);
  for (size_t i = 0; i < k->size; i++) theta[i] = k->theta[i] + step * v[i];
  return theta;
}

/* Central differences of fourth order; truncation is of order h^4 times a fifth derivative. */
static const double h = 1e-4, steps[] = {-2.0, -1.0, 1.0, 2.0};
static const double factors[] = {1.0 / 12.0, -2.0 / 3.0, 2.0 / 3.0, -1.0 / 12.0};

static void check_slope(kit *k, const double *v, const double *gradient, double loss) {
  double slope = 0.0, value;
  for (int i = 0; i < 4; i++) {
    double *theta = moved(k, v, h * steps[i]);
    cr_ok(k->context, k->problem.loss(k->problem.self, theta, &value));
    slope += factors[i] * value / h;
    symo_free(theta);
  }
  const double off = fabs(slope - dot(k->size, gradient, v));
  cr_assert(off <= symo_test_bound(SYMO_F64, LONGEST, 1.5 * loss / h),
            "%s in %s: gradient off by %g", k->row->name, k->text, off);
}

static void check_product(kit *k, const double *v, const double *hv, double size) {
  double *slope = net_vector(k->size), *gradient = net_vector(k->size), off = 0.0;
  for (int i = 0; i < 4; i++) {
    double *theta = moved(k, v, h * steps[i]);
    cr_ok(k->context, k->problem.gradient(k->problem.self, theta, NULL, gradient));
    for (size_t j = 0; j < k->size; j++) slope[j] += factors[i] * gradient[j] / h;
    symo_free(theta);
  }
  for (size_t j = 0; j < k->size; j++) off += (slope[j] - hv[j]) * (slope[j] - hv[j]);
  cr_assert(sqrt(off) <= symo_test_bound(SYMO_F64, LONGEST, 1.5 * size / h),
            "%s in %s: product off by %g", k->row->name, k->text, sqrt(off));
  symo_free(slope);
  symo_free(gradient);
}

/* v' G v of the loss by its outputs f and their slopes r: |r|^2 of mse; of tokens the variance of r
 * under softmax(f), the mean over positions. */
static double curvature(const kit *k, const double *f, const double *r) {
  if (k->spec.loss == SYMO_LOSS_MSE) return dot(EXAMPLES * k->outputs, r, r) / EXAMPLES;
  const size_t w = k->outputs / k->targets, rows = EXAMPLES * k->targets;
  double sum = 0.0;
  for (size_t p = 0; p < rows; p++, f += w, r += w) {
    double total = 0.0, mean = 0.0, square = 0.0;
    for (size_t i = 0; i < w; i++) total += exp(f[i]);
    for (size_t i = 0; i < w; i++) mean += exp(f[i]) / total * r[i];
    for (size_t i = 0; i < w; i++) square += exp(f[i]) / total * (r[i] - mean) * (r[i] - mean);
    sum += square;
  }
  return sum / (double)rows;
}

static void check_gauss_newton(kit *k, const double *v, const double *gv) {
  const size_t n = EXAMPLES * k->outputs;
  double *f = net_vector(n), *r = net_vector(n), *at = net_vector(n), largest = 0.0;
  cr_ok(k->context, symo_net_predict(k->net, k->theta, EXAMPLES, k->x, f));
  for (int i = 0; i < 4; i++) {
    double *theta = moved(k, v, h * steps[i]);
    cr_ok(k->context, symo_net_predict(k->net, theta, EXAMPLES, k->x, at));
    for (size_t j = 0; j < n; j++) r[j] += factors[i] * at[j] / h;
    symo_free(theta);
  }
  for (size_t j = 0; j < n; j++) largest = fmax(largest, fabs(f[j]) * (fabs(r[j]) + 1.0));
  const double expected = curvature(k, f, r), found = dot(k->size, v, gv);
  const double scale = largest * (double)k->outputs;
  cr_assert(fabs(found - expected) <= symo_test_bound(SYMO_F64, LONGEST, 3.0 * scale / h),
            "%s in %s: Gauss-Newton %.17g, not %.17g", k->row->name, k->text, found, expected);
  symo_free(f);
  symo_free(r);
  symo_free(at);
}

static void check_derivatives(kit *k) {
  const size_t n = k->size;
  double *v = directions(k), *hv = net_vector(DIRECTIONS * n), *gradient = net_vector(n), loss;
  cr_ok(k->context, k->problem.gradient(k->problem.self, k->theta, &loss, gradient));
  cr_ok(k->context, k->problem.hvp(k->problem.self, k->theta, DIRECTIONS, v, hv));
  for (size_t s = 0; s < DIRECTIONS; s++) {
    check_slope(k, v + s * n, gradient, loss);
    check_product(k, v + s * n, hv + s * n, sqrt(dot(n, gradient, gradient)));
  }
  symo_net_set_dropout(k->net, false, 0); /* as predict has it */
  cr_ok(k->context, k->problem.ggn(k->problem.self, k->theta, DIRECTIONS, v, hv));
  for (size_t s = 0; s < DIRECTIONS; s++) check_gauss_newton(k, v + s * n, hv + s * n);
  symo_free(v);
  symo_free(hv);
  symo_free(gradient);
}

Test(layer_kit, derivatives_are_those_of_the_loss) { for_each_net(check_derivatives); }

/* ---- single examples ---- */

/* Each is the gradient of that example alone, and under dropout, which goes by the place in the data,
 * their mean is the gradient. */
static void check_examples(kit *k) {
  const size_t n = k->size;
  double *g = net_vector(EXAMPLES * n), *one = net_vector(n), *mean = net_vector(n), loss;
  const symo_example_request request = {.count = EXAMPLES, .gradients = g};
  const double bound = symo_test_bound(SYMO_F64, LONGEST, 1.0);
  cr_assert(k->problem.example_gradients != NULL, "%s has no slot `example`", k->row->name);
  cr_ok(k->context, k->problem.example_gradients(k->problem.self, k->theta, &request));
  cr_ok(k->context, k->problem.gradient(k->problem.self, k->theta, &loss, one));
  for (size_t i = 0; i < EXAMPLES * n; i++) mean[i % n] += g[i] / EXAMPLES;
  cr_assert(symo_test_rel(mean, one, n) <= bound, "%s in %s", k->row->name, k->text);
  symo_net_set_dropout(k->net, false, 0);
  cr_ok(k->context, k->problem.example_gradients(k->problem.self, k->theta, &request));
  for (size_t e = 0; e < EXAMPLES; e++) {
    cr_ok(k->context, symo_net_select(k->net, 1, &e));
    cr_ok(k->context, k->problem.gradient(k->problem.self, k->theta, &loss, one));
    const double scale = fmax(symo_test_max(one, n), symo_test_max(mean, n));
    for (size_t i = 0; i < n; i++)
      cr_assert(fabs(g[e * n + i] - one[i]) <= bound * scale, "%s in %s, example %zu", k->row->name,
                k->text, e);
  }
  cr_ok(k->context, symo_net_select(k->net, 0, NULL));
  symo_free(g), symo_free(one), symo_free(mean);
}

Test(layer_kit, gradients_of_single_examples) { for_each_net(check_examples); }

/* ---- float32 ---- */

static symo_status results(const symo_problem *p, const void *theta, const void *v, double *loss,
                           void *gradient, void *hv, void *gv) {
  symo_status status = p->gradient(p->self, theta, loss, gradient);
  if (status == SYMO_OK) status = p->hvp(p->self, theta, DIRECTIONS, v, hv);
  return status == SYMO_OK ? p->ggn(p->self, theta, DIRECTIONS, v, gv) : status;
}

/* Sums are short and products are of order one, but norms and maxima divide and choose: the
 * parameters are rounded first, so that both see the same numbers. */
static void check_float32(kit *k) {
  const size_t n = k->size, all = DIRECTIONS * n;
  double *v = directions(k), *want[3] = {net_vector(n), net_vector(all), net_vector(all)};
  float *got[3], *theta = symo_malloc(n * sizeof *theta), *w = symo_malloc(all * sizeof *w);
  double loss, narrow;
  symo_net *net = NULL;
  symo_net_spec spec = k->spec;
  spec.dtype = SYMO_F32;
  for (int i = 0; i < 3; i++) got[i] = symo_malloc((i == 0 ? n : all) * sizeof **got);
  symo_test_narrow(k->theta, theta, n), symo_test_widen(theta, k->theta, n);
  symo_test_narrow(v, w, all), symo_test_widen(w, v, all);
  for (size_t i = 0; i < EXAMPLES * k->inputs; i++) k->x[i] = (double)(float)k->x[i];
  for (size_t i = 0; i < EXAMPLES * k->targets; i++) k->y[i] = (double)(float)k->y[i];
  cr_ok(k->context, symo_net_set_data(k->net, EXAMPLES, k->x, k->y));
  cr_ok(k->context, symo_net_create(k->context, &spec, &net));
  cr_ok(k->context, symo_net_set_data(net, EXAMPLES, k->x, k->y));
  symo_net_set_dropout(net, true, 5);
  const symo_problem p = symo_net_problem(net);
  cr_ok(k->context, results(&k->problem, k->theta, v, &loss, want[0], want[1], want[2]));
  cr_ok(k->context, results(&p, theta, w, &narrow, got[0], got[1], got[2]));
  const double bound = symo_test_bound(SYMO_F32, LONGEST, 1.0);
  cr_assert(fabs(narrow - loss) <= bound * fabs(loss), "%s in %s", k->row->name, k->text);
  for (int i = 0; i < 3; i++) {
    const double rel = symo_test_rel_dtype(SYMO_F32, got[i], want[i], i == 0 ? n : all);
    cr_assert(rel <= bound, "%s in %s: float32 off by %g", k->row->name, k->text, rel);
    symo_free(got[i]);
    symo_free(want[i]);
  }
  symo_net_destroy(net);
  symo_free(theta);
  symo_free(w);
  symo_free(v);
}

Test(layer_kit, float32_agrees) { for_each_net(check_float32); }

/* ---- lanes, recomputation, allocations ---- */

static void check_lanes(kit *k) {
  double *one = net_vector(k->size), *three = net_vector(k->size), *again = net_vector(k->size);
  double loss, other;
  symo_pool *pool = NULL;
  cr_ok(k->context, symo_pool_create(k->context, 3, &pool));
  cr_ok(k->context, k->problem.gradient(k->problem.self, k->theta, &loss, one));
  symo_net_set_pool(k->net, pool);
  cr_ok(k->context, k->problem.gradient(k->problem.self, k->theta, &other, three));
  cr_ok(k->context, k->problem.gradient(k->problem.self, k->theta, &other, again));
  cr_assert(memcmp(three, again, k->size * sizeof *three) == 0, "%s", k->text);
  const double bound = symo_test_bound(SYMO_F64, LONGEST, 1.0);
  cr_assert(fabs(other - loss) <= bound * fabs(loss), "%s in %s", k->row->name, k->text);
  cr_assert(symo_test_rel(three, one, k->size) <= bound, "%s in %s", k->row->name, k->text);
  symo_net_set_recompute(k->net, true);
  cr_ok(k->context, k->problem.gradient(k->problem.self, k->theta, &other, again));
  cr_assert(memcmp(three, again, k->size * sizeof *three) == 0, "%s, recomputed", k->text);
  symo_net_set_pool(k->net, NULL);
  symo_pool_destroy(pool);
  symo_free(one);
  symo_free(three);
  symo_free(again);
}

Test(layer_kit, lanes_agree) { for_each_net(check_lanes); }

static void check_allocations(kit *k) {
  double *v = directions(k), *hv = net_vector(DIRECTIONS * k->size), *g = net_vector(k->size), loss;
  cr_ok(k->context, results(&k->problem, k->theta, v, &loss, g, hv, hv));
  const size_t calls = symo_alloc_calls();
  cr_ok(k->context, results(&k->problem, k->theta, v, &loss, g, hv, hv));
  cr_ok(k->context, k->problem.loss(k->problem.self, k->theta, &loss));
  cr_assert_eq(symo_alloc_calls(), calls, "%s in %s", k->row->name, k->text);
  symo_free(v);
  symo_free(hv);
  symo_free(g);
}

Test(layer_kit, passes_allocate_nothing) { for_each_net(check_allocations); }

/* ---- symmetries ---- */

static double loss_at(void *self, const symo_layout *layout, const double *theta) {
  const kit *k = self;
  double value = NAN;
  cr_assert_eq(k->size, symo_layout_num_parameters(layout), "%s in %s", k->row->name, k->text);
  cr_assert(k->problem.loss(k->problem.self, theta, &value) == SYMO_OK);
  return value;
}

static void check_graph(kit *k) {
  graph *g = NULL;
  bool all = true;
  for (size_t l = 0; l < k->spec.num_layers; l++)
    all = all && symo_layer_of(k->spec.layers[l].kind)->graph != NULL;
  if (!all) {
    cr_fails(k->context, SYMO_E_ARGUMENT, "is not taken apart here",
             graph_of_net(k->context, &k->spec, &g));
    return;
  }
  cr_ok(k->context, graph_of_net(k->context, &k->spec, &g));
  symo_layout *layout = sym_test_propose(k->context, g, 0);
  symo_net_set_dropout(k->net, false, 0);
  sym_test_invariant(k->context, layout, k->text, loss_at, k);
  symo_layout_destroy(layout);
  cr_ok(k->context, symo_net_layout(k->context, &k->spec, NULL, &layout)); /* by the tensors */
  sym_test_invariant(k->context, layout, k->text, loss_at, k);
  symo_layout_destroy(layout);
  graph_destroy(g);
}

Test(layer_kit, inferred_symmetries_leave_the_loss) { for_each_net(check_graph); }

/* ---- what is refused ---- */

Test(layer_kit, unknown_kinds_have_no_row) {
  cr_assert(symo_layer_of(SYMO_NET_NUM_KINDS) == NULL);
  cr_assert(symo_layer_of((symo_net_kind)99) == NULL);
}
