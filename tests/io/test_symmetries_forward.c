/* Loops over definitions, for the tests of symmetries: nothing here knows about groups. */
#include "tests/io/test_symmetries_forward.h"

#include <math.h>

#include "tests/support/testing.h"

enum { MOST = 4096, NODES = 48, AXES = 8 };

typedef struct array {
  size_t order, shape[AXES], size;
  double x[MOST];
} array;

typedef struct world {
  const graph *g;
  const symo_layout *layout;
  const double *theta;
  symo_rng *rng;
  array *values;
} world;

static const double *parameter(const world *w, const graph_node *n, graph_role role) {
  size_t index;
  if (n->tensor[role] == NULL) return NULL;
  cr_assert(symo_layout_find_tensor(w->layout, n->tensor[role], &index));
  return w->theta + symo_layout_tensor_offset(w->layout, index);
}

static void reshape(array *a, size_t order, const size_t *shape) {
  a->order = order;
  a->size = 1;
  for (size_t i = 0; i < order; i++) a->size *= a->shape[i] = shape[i];
  cr_assert(a->size <= MOST);
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double clamp(double x, double low, double high) { return fmin(fmax(x, low), high); }
static double linear_f(double x) { return x; }
static double softsign(double x) { return x / (1 + fabs(x)); }
static double hardtanh(double x) { return clamp(x, -1, 1); }
static double tanhshrink(double x) { return x - tanh(x); }
static double softshrink(double x) { return x - clamp(x, -.5, .5); }
static double hardshrink(double x) { return fabs(x) > .5 ? x : 0; }
static double relu(double x) { return fmax(x, 0); }
static double leaky(double x) { return fmax(x, .1 * x); }
static double square(double x) { return x * x; }
static double gelu(double x) { return x * .5 * (1 + erf(x / sqrt(2))); }
static double silu(double x) { return x * sigmoid(x); }
static double softplus(double x) { return log1p(exp(x)); }
static double mish(double x) { return x * tanh(softplus(x)); }
static double elu(double x) { return x > 0 ? x : expm1(x); }
static double selu(double x) { return 1.05 * (x > 0 ? x : 1.67 * expm1(x)); }
static double celu(double x) { return x > 0 ? x : 2 * expm1(x / 2); }
static double relu6(double x) { return clamp(x, 0, 6); }
static double hard_sigmoid(double x) { return clamp(x / 6 + .5, 0, 1); }
static double hard_swish(double x) { return x * hard_sigmoid(x); }

static const struct {
  const char *name;
  double (*f)(double);
} functions[] = {{"linear", linear_f},
                 {"identity", linear_f},
                 {"none", linear_f},
                 {"tanh", tanh},
                 {"sin", sin},
                 {"atan", atan},
                 {"asinh", asinh},
                 {"erf", erf},
                 {"softsign", softsign},
                 {"hardtanh", hardtanh},
                 {"tanhshrink", tanhshrink},
                 {"softshrink", softshrink},
                 {"hardshrink", hardshrink},
                 {"relu", relu},
                 {"leaky-relu", leaky},
                 {"abs", fabs},
                 {"cos", cos},
                 {"square", square},
                 {"gelu", gelu},
                 {"silu", silu},
                 {"swish", silu},
                 {"mish", mish},
                 {"elu", elu},
                 {"selu", selu},
                 {"celu", celu},
                 {"relu6", relu6},
                 {"sigmoid", sigmoid},
                 {"hard-sigmoid", hard_sigmoid},
                 {"hard-swish", hard_swish},
                 {"softplus", softplus},
                 {"exp", exp}};

const char *sym_forward_name(size_t index) {
  return index < sizeof functions / sizeof *functions ? functions[index].name : NULL;
}

double sym_forward_function(const char *name, double x) {
  size_t i = 0;
  while (sym_forward_name(i) != NULL && strcmp(sym_forward_name(i), name) != 0) i++;
  cr_assert(sym_forward_name(i) != NULL, "%s", name);
  return functions[i].f(x);
}

/* y [rows, out] = x [rows, in] W' + b. */
static void linear(size_t rows, size_t in, size_t out, const double *x, const double *weight,
                   const double *bias, bool transposed, double *y) {
  for (size_t r = 0; r < rows; r++)
    for (size_t o = 0; o < out; o++) {
      double sum = bias != NULL ? bias[o] : 0;
      for (size_t i = 0; i < in; i++)
        sum += x[r * in + i] * (transposed ? weight[i * out + o] : weight[o * in + i]);
      y[r * out + o] = sum;
    }
}

static void dense(const world *w, const graph_node *n, const array *x, array *y) {
  size_t in = x->shape[x->order - 1];
  reshape(y, x->order, x->shape);
  y->shape[y->order - 1] = n->out;
  y->size = x->size / in * n->out;
  linear(x->size / in, in, n->out, x->x, parameter(w, n, ROLE_WEIGHT), parameter(w, n, ROLE_BIAS),
         n->transposed, y->x);
}

static void conv(const world *w, const graph_node *n, const array *x, array *y) {
  bool two = n->op == GRAPH_CONV2D, circular = n->kind != NULL && strcmp(n->kind, "circular") == 0;
  size_t c = x->shape[0], h = two ? x->shape[1] : 1, l = x->shape[x->order - 1];
  size_t kh = two ? n->sizes[0] : 1, kw = n->sizes[n->order - 1];
  const double *k = parameter(w, n, ROLE_WEIGHT), *b = parameter(w, n, ROLE_BIAS);
  reshape(y, x->order, x->shape);
  y->size = y->size / c * n->out, y->shape[0] = n->out;
  for (size_t o = 0; o < n->out; o++)
    for (size_t p = 0; p < h * l; p++) {
      double sum = b != NULL ? b[o] : 0;
      for (size_t i = 0; i < c; i++)
        for (size_t q = 0; q < kh * kw; q++) {
          if (n->depthwise && i != o) continue;
          long row = (long)(p / l) + (long)(q / kw) - (long)(kh / 2);
          long column = (long)(p % l) + (long)(q % kw) - (long)(kw / 2);
          if (circular) row = (row + (long)h) % (long)h, column = (column + (long)l) % (long)l;
          if (row < 0 || column < 0 || row >= (long)h || column >= (long)l) continue;
          sum += k[(n->depthwise ? o : o * c + i) * kh * kw + q] *
                 x->x[i * h * l + (size_t)row * l + (size_t)column];
        }
      y->x[o * h * l + p] = sum;
    }
}

/* Windows of two along the last axis. */
static void pool(const graph_node *n, const array *x, array *y) {
  size_t l = x->shape[x->order - 1];
  cr_assert(x->order == 2 && n->sizes[0] == 2);
  reshape(y, 2, (size_t[]){x->shape[0], l / 2});
  for (size_t r = 0; r < x->shape[0]; r++)
    for (size_t p = 0; p < l / 2; p++) {
      double a = x->x[r * l + 2 * p], b = x->x[r * l + 2 * p + 1];
      y->x[r * (l / 2) + p] = strcmp(n->kind, "max") == 0 ? fmax(a, b) : (a + b) / 2;
    }
}

static void recurrent(const world *w, const graph_node *n, const array *x, array *y) {
  size_t steps = x->shape[0], in = x->shape[1], d = n->out;
  bool lstm = n->kind && strcmp(n->kind, "lstm") == 0, gru = n->kind && strcmp(n->kind, "gru") == 0;
  size_t gates = lstm ? 4 : gru ? 3 : 1;
  bool leaky = n->kind && strcmp(n->kind, "leaky") == 0;
  double h[64] = {0}, c[64] = {0}, a[256], b[256];
  cr_assert(d <= 64);
  reshape(y, n->last ? 1 : 2, n->last ? (size_t[]){d} : (size_t[]){steps, d});
  for (size_t t = 0; t < steps; t++) {
    linear(1, in, gates * d, x->x + t * in, parameter(w, n, ROLE_WEIGHT),
           parameter(w, n, ROLE_BIAS), false, a);
    linear(1, d, gates * d, h, parameter(w, n, ROLE_WEIGHT_HIDDEN),
           parameter(w, n, ROLE_BIAS_HIDDEN), false, b);
    for (size_t i = 0; i < d; i++) {
      if (lstm) {
        c[i] = sigmoid(a[d + i] + b[d + i]) * c[i] +
               sigmoid(a[i] + b[i]) * tanh(a[2 * d + i] + b[2 * d + i]);
        h[i] = sigmoid(a[3 * d + i] + b[3 * d + i]) * tanh(c[i]);
      } else if (gru) {
        double z = sigmoid(a[d + i] + b[d + i]);
        h[i] = (1 - z) * tanh(a[2 * d + i] + sigmoid(a[i] + b[i]) * b[2 * d + i]) + z * h[i];
      } else {
        c[i] = leaky ? 0.7 * c[i] + 0.3 * (a[i] + b[i]) : a[i] + b[i];
        h[i] = sym_forward_function(n->function ? n->function : "tanh", c[i]);
      }
    }
    memcpy(y->x + (n->last ? 0 : t * d), h, d * sizeof *h);
  }
}

static void attention(const world *w, const graph_node *n, const array *x, array *y) {
  const array *memory = &w->values[n->from[n->num_from - 1]];
  size_t t = x->shape[0], u = memory->shape[0], e = memory->shape[1], d = x->shape[1],
         k = n->head_dim ? n->head_dim : d / n->heads;
  size_t v = n->value_dim ? n->value_dim : k, h = n->heads, out = n->out ? n->out : d;
  static double q[MOST], key[MOST], value[MOST], mixed[MOST];
  const double *fused = parameter(w, n, ROLE_QKV), *fused_bias = parameter(w, n, ROLE_QKV_BIAS);
  linear(t, d, h * k, x->x, fused ? fused : parameter(w, n, ROLE_QUERY),
         fused ? fused_bias : parameter(w, n, ROLE_QUERY_BIAS), false, q);
  linear(u, e, h * k, memory->x, fused ? fused + h * k * d : parameter(w, n, ROLE_KEY),
         fused_bias ? fused_bias + h * k : parameter(w, n, ROLE_KEY_BIAS), false, key);
  linear(u, e, h * v, memory->x, fused ? fused + 2 * h * k * d : parameter(w, n, ROLE_VALUE),
         fused_bias ? fused_bias + 2 * h * k : parameter(w, n, ROLE_VALUE_BIAS), false, value);
  for (size_t head = 0; head < h; head++)
    for (size_t a = 0; a < t; a++) {
      double score[64], total = 0;
      for (size_t b = 0; b < u; b++) {
        double sum = 0;
        for (size_t i = 0; i < k; i++)
          sum += q[a * h * k + head * k + i] * key[b * h * k + head * k + i];
        total += score[b] = n->causal && b > a ? 0 : exp(sum / sqrt((double)k));
      }
      for (size_t i = 0; i < v; i++) {
        double sum = 0;
        for (size_t b = 0; b < u; b++) sum += score[b] / total * value[b * h * v + head * v + i];
        mixed[a * h * v + head * v + i] = sum;
      }
    }
  reshape(y, 2, (size_t[]){t, out});
  linear(t, h * v, out, mixed, parameter(w, n, ROLE_PROJECTION),
         parameter(w, n, ROLE_PROJECTION_BIAS), false, y->x);
}

/* Along `axis`: lanes of stride `step`, [outer][n][step]. */
static void normalise(const world *w, const graph_node *n, const array *x, array *y) {
  bool batch = n->op == GRAPH_BATCHNORM, rms = n->op == GRAPH_RMSNORM,
       soft = n->op == GRAPH_SOFTMAX;
  const double *gain = parameter(w, n, ROLE_GAIN), *bias = parameter(w, n, ROLE_BIAS);
  size_t d = x->shape[batch ? n->axis : x->order - 1], step = 1;
  reshape(y, x->order, x->shape);
  for (size_t a = batch ? n->axis + 1 : x->order; a < x->order; a++) step *= x->shape[a];
  /* batch: over all but the axis; else over the axis. */
  for (size_t i = 0; i < x->size; i++) {
    double sum = 0, squares = 0, count = 0;
    size_t unit = i / step % d;
    for (size_t j = 0; j < x->size; j++) {
      if (batch ? j / step % d != unit : j / d != i / d) continue;
      sum += soft ? exp(x->x[j]) : x->x[j], squares += x->x[j] * x->x[j], count++;
    }
    double mean = rms ? 0 : sum / count;
    y->x[i] = soft ? exp(x->x[i]) / sum
                   : (x->x[i] - mean) / sqrt(squares / count - mean * mean + 1e-3) *
                             (gain ? gain[unit] : 1) +
                         (bias ? bias[unit] : 0);
  }
}

static void reduce(const graph_node *n, const array *x, array *y) {
  size_t d = x->shape[n->axis], step = 1, shape[AXES], order = 0;
  for (size_t a = 0; a < x->order; a++)
    if (a != n->axis) shape[order++] = x->shape[a];
  for (size_t a = n->axis + 1; a < x->order; a++) step *= x->shape[a];
  reshape(y, order, shape);
  for (size_t i = 0; i < y->size; i++) {
    const double *lane = x->x + i / step * d * step + i % step;
    double sum = 0, most = -INFINITY;
    for (size_t k = 0; k < d; k++) sum += lane[k * step], most = fmax(most, lane[k * step]);
    y->x[i] = n->kind[0] == 'l'   ? lane[(d - 1) * step]
              : n->kind[0] == 'o' ? lane[d / 2 * step]
              : n->kind[1] == 'a' ? most
              : n->kind[0] == 's' ? sum
                                  : sum / (double)d;
  }
}

/* The entry of x that meets entry j of y, axes from the last backwards. */
static double met(const array *x, const array *y, size_t j) {
  size_t at = 0, step = 1;
  for (size_t k = 1; k <= x->order; k++) {
    size_t d = x->shape[x->order - k];
    at += (d == 1 ? 0 : j % y->shape[y->order - k]) * step;
    step *= d, j /= y->shape[y->order - k];
  }
  return x->x[at];
}

static void meet(const world *w, const graph_node *n, array *y) {
  size_t shape[AXES], order = 0;
  for (size_t i = 0; i < n->num_from; i++)
    if (w->values[n->from[i]].order > order) order = w->values[n->from[i]].order;
  for (size_t k = 1; k <= order; k++) {
    shape[order - k] = 1;
    for (size_t i = 0; i < n->num_from; i++) {
      const array *x = &w->values[n->from[i]];
      if (k <= x->order && x->shape[x->order - k] != 1) shape[order - k] = x->shape[x->order - k];
    }
  }
  reshape(y, order, shape);
  for (size_t j = 0; j < y->size; j++) {
    double sum = met(&w->values[n->from[0]], y, j);
    for (size_t i = 1; i < n->num_from; i++) {
      double x = met(&w->values[n->from[i]], y, j);
      sum = n->op == GRAPH_ADD ? sum + x : n->op == GRAPH_MULTIPLY ? sum * x : sum / (1 + x * x);
    }
    y->x[j] = sum;
  }
}

/* Along one axis: the lengths of what is before and behind it. */
static void around(const array *x, size_t axis, size_t *before, size_t *behind) {
  *before = *behind = 1;
  for (size_t a = 0; a < axis; a++) *before *= x->shape[a];
  for (size_t a = axis + 1; a < x->order; a++) *behind *= x->shape[a];
}

static void slice(const graph_node *n, const array *x, array *y) {
  size_t before, behind, d = x->shape[n->axis];
  around(x, n->axis, &before, &behind);
  reshape(y, x->order, x->shape);
  y->shape[n->axis] = n->out;
  y->size = before * n->out * behind;
  for (size_t i = 0; i < y->size; i++)
    y->x[i] = x->x[(i / behind / n->out * d + i / behind % n->out % d) * behind + i % behind];
}

static void concat(const world *w, const graph_node *n, array *y) {
  size_t before, behind, total = 0, at = 0;
  const array *x = &w->values[n->from[0]];
  around(x, n->axis, &before, &behind);
  for (size_t i = 0; i < n->num_from; i++) total += w->values[n->from[i]].shape[n->axis];
  reshape(y, x->order, x->shape);
  y->shape[n->axis] = total;
  y->size = before * total * behind;
  for (size_t i = 0; i < n->num_from; i++) {
    x = &w->values[n->from[i]];
    size_t d = x->shape[n->axis];
    for (size_t k = 0; k < x->size; k++)
      y->x[(k / behind / d * total + at + k / behind % d) * behind + k % behind] = x->x[k];
    at += d;
  }
}

static void opaque(const graph_node *n, const array *x, array *y) {
  double sum = 0;
  for (size_t i = 0; i < x->size; i++) sum += (double)(i + 1) * x->x[i];
  reshape(y, n->order, n->sizes);
  for (size_t i = 0; i < y->size; i++) y->x[i] = sin(sum + (double)i);
}

static void transpose(const graph_node *n, const array *x, array *y) {
  size_t shape[AXES], step[AXES] = {0};
  for (size_t a = 0; a < n->order; a++) {
    shape[a] = x->shape[n->sizes[a]];
    step[a] = 1;
    for (size_t b = n->sizes[a] + 1; b < x->order; b++) step[a] *= x->shape[b];
  }
  reshape(y, n->order, shape);
  for (size_t i = 0; i < y->size; i++) {
    size_t rest = i, at = 0;
    for (size_t a = n->order; a-- > 0;) at += rest % shape[a] * step[a], rest /= shape[a];
    y->x[i] = x->x[at];
  }
}

static void matmul(const world *w, const graph_node *n, array *y) {
  const array *a = &w->values[n->from[0]], *b = &w->values[n->from[1]];
  size_t order = a->order > b->order ? a->order : b->order, shape[AXES], lanes = 1;
  size_t rows = a->shape[a->order - 2], in = a->shape[a->order - 1];
  size_t out = b->shape[b->order - (n->transposed ? 2 : 1)];
  for (size_t k = 3; k <= order; k++) {
    size_t x = k <= a->order ? a->shape[a->order - k] : 1;
    size_t z = k <= b->order ? b->shape[b->order - k] : 1;
    lanes *= shape[order - k] = x > z ? x : z;
  }
  shape[order - 2] = rows, shape[order - 1] = out;
  reshape(y, order, shape);
  for (size_t lane = 0; lane < lanes; lane++) {
    size_t rest = lane, at_a = 0, at_b = 0, step_a = 1, step_b = 1;
    for (size_t k = 3; k <= order; k++) {
      size_t x = k <= a->order ? a->shape[a->order - k] : 1;
      size_t z = k <= b->order ? b->shape[b->order - k] : 1;
      at_a += (x == 1 ? 0 : rest % shape[order - k]) * step_a, step_a *= x;
      at_b += (z == 1 ? 0 : rest % shape[order - k]) * step_b, step_b *= z;
      rest /= shape[order - k];
    }
    linear(rows, in, out, a->x + at_a * rows * in, b->x + at_b * in * out, NULL, !n->transposed,
           y->x + lane * rows * out);
  }
}

static void embed(const world *w, const graph_node *n, const array *x, array *y) {
  const double *table = parameter(w, n, ROLE_WEIGHT);
  reshape(y, 2, (size_t[]){x->shape[0], n->out});
  for (size_t t = 0; t < x->size; t++)
    memcpy(y->x + t * n->out, table + (size_t)fabs(3 * x->x[t]) % n->rows * n->out,
           n->out * sizeof *y->x);
}

/* An operation on the last `order` axes, for each place of those before. */
static void each(const world *w, const graph_node *n, size_t order, const array *x, array *y,
                 void (*f)(const world *, const graph_node *, const array *, array *)) {
  static array one, made;
  size_t first = x->order - order, places = 1, shape[AXES];
  for (size_t a = 0; a < first; a++) places *= shape[a] = x->shape[a];
  reshape(&one, order, x->shape + first);
  for (size_t p = 0; p < places; p++) {
    memcpy(one.x, x->x + p * one.size, one.size * sizeof *one.x);
    f(w, n, &one, &made);
    if (p == 0) memcpy(shape + first, made.shape, made.order * sizeof *shape);
    if (p == 0) reshape(y, first + made.order, shape);
    memcpy(y->x + p * made.size, made.x, made.size * sizeof *made.x);
  }
}

static void evaluate(const world *w, const graph_node *n, array *y) {
  const array *x = &w->values[n->num_from > 0 ? n->from[0] : 0];
  switch (n->op) {
  case GRAPH_INPUT:
    reshape(y, n->order, n->sizes);
    symo_test_randn(w->rng, y->x, y->size);
    break;
  case GRAPH_PARAMETER:
    reshape(y, n->order, n->sizes);
    memcpy(y->x, parameter(w, n, ROLE_WEIGHT), y->size * sizeof *y->x);
    break;
  case GRAPH_DENSE: dense(w, n, x, y); break;
  case GRAPH_CONV1D: each(w, n, 2, x, y, conv); break;
  case GRAPH_CONV2D: each(w, n, 3, x, y, conv); break;
  case GRAPH_RECURRENT: each(w, n, 2, x, y, recurrent); break;
  case GRAPH_EMBEDDING: embed(w, n, x, y); break;
  case GRAPH_ATTENTION: attention(w, n, x, y); break;
  case GRAPH_LAYERNORM:
  case GRAPH_RMSNORM:
  case GRAPH_BATCHNORM:
  case GRAPH_SOFTMAX: normalise(w, n, x, y); break;
  case GRAPH_POOL: pool(n, x, y); break;
  case GRAPH_REDUCE: reduce(n, x, y); break;
  case GRAPH_TRANSPOSE: transpose(n, x, y); break;
  case GRAPH_ADD:
  case GRAPH_ENTRYWISE:
  case GRAPH_MULTIPLY: meet(w, n, y); break;
  case GRAPH_MATMUL: matmul(w, n, y); break;
  case GRAPH_SLICE:
  case GRAPH_REPEAT: slice(n, x, y); break;
  case GRAPH_CONCAT: concat(w, n, y); break;
  case GRAPH_OPAQUE: opaque(n, x, y); break;
  case GRAPH_RESHAPE:
    *y = *x;
    reshape(y, n->order, n->sizes);
    break;
  case GRAPH_FLATTEN:
    *y = *x;
    reshape(y, 1, &x->size);
    break;
  default:
    *y = *x;
    if (n->op == GRAPH_ACTIVATION)
      for (size_t i = 0; i < y->size; i++) y->x[i] = sym_forward_function(n->function, x->x[i]);
  }
}

double sym_forward(const graph *g, const symo_layout *layout, const double *theta, uint64_t seed) {
  symo_context *context = symo_test_context();
  world w = {g, layout, theta, symo_test_rng(context, seed), NULL};
  double loss = 0;
  cr_assert(g->num_nodes <= NODES);
  w.values = symo_calloc(NODES, sizeof *w.values);
  cr_assert(w.values != NULL);
  for (size_t i = 0; i < g->num_nodes; i++) {
    const graph_node *n = &g->nodes[i];
    evaluate(&w, n, &w.values[i]);
    for (size_t k = 0; n->op == GRAPH_OUTPUT && k < w.values[i].size; k++)
      loss += w.values[i].x[k] * (w.values[i].x[k] * (double)(k + 1) + symo_rng_normal(w.rng));
  }
  symo_free(w.values);
  symo_rng_destroy(w.rng);
  symo_context_destroy(context);
  return loss;
}
