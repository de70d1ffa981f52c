/* Attention against its definition by scalar loops, and its derivatives against differences. */
#include <math.h>
#include <stdint.h>

#include "core/linalg.h"
#include "net/op.h"
#include "tests/support/testing.h"

enum { IN, OUT, LSE, BUFFERS };
enum { CANARY = 8 };

/* The four arrays that go in and the four that come out, in float64; buffers of p positions, n
 * examples, heads of width d, k directions. */
typedef struct attention_case {
  size_t p, n, heads, d, k;
  double rate;
  size_t first; /* example */
  bool gauss_newton;
  size_t in, out;        /* numbers without directions */
  double *x, *g, *t, *u; /* value, cot[out], tan[in], ctan[out] */
  double *y, *x_cot, *y_tan, *x_ctan;
  symo_rng *rng;
  symo_context *context;
} attention_case;

static double *numbers(size_t count) {
  double *x = symo_calloc(count, sizeof *x);
  cr_assert(x != NULL);
  return x;
}

static double *normal(symo_rng *rng, size_t count) {
  double *x = numbers(count);
  symo_test_randn(rng, x, count);
  return x;
}

static attention_case make(size_t p, size_t n, size_t heads, size_t d, size_t k) {
  attention_case c = {.p = p, .n = n, .heads = heads, .d = d, .k = k};
  c.context = symo_test_context();
  c.rng = symo_test_rng(c.context, 7 + p + 10 * n + 100 * heads + 1000 * d);
  c.in = 3 * p * n * heads * d, c.out = p * n * heads * d;
  c.x = normal(c.rng, c.in), c.g = normal(c.rng, c.out);
  c.t = normal(c.rng, c.in * k), c.u = normal(c.rng, c.out * k);
  c.y = numbers(c.out), c.x_cot = numbers(c.in);
  c.y_tan = numbers(c.out * k), c.x_ctan = numbers(c.in * k);
  return c;
}

static void unmake(attention_case *c) {
  double *all[] = {c->x, c->g, c->t, c->u, c->y, c->x_cot, c->y_tan, c->x_ctan};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) symo_free(all[i]);
  symo_rng_destroy(c->rng);
  symo_context_destroy(c->context);
}

static void unmake_last(attention_case *c) {
  unmake(c);
  cr_no_leaks();
}

static void *packed(symo_dtype dtype, const double *x, size_t count) {
  void *to = symo_malloc(count * symo_dtype_size(dtype));
  cr_assert(to != NULL);
  symo_test_pack(dtype, x, to, count);
  return to;
}

static void *not_a_number(symo_dtype dtype, size_t count) {
  void *to = symo_malloc((count + CANARY) * symo_dtype_size(dtype));
  cr_assert(to != NULL);
  for (size_t i = 0; i < count; i++) symo_put(dtype, to, i, (double)NAN);
  for (size_t i = 0; i < CANARY; i++) symo_put(dtype, to, count + i, 17.0);
  return to;
}

static void untouched(symo_dtype dtype, const void *x, size_t count) {
  for (size_t i = 0; i < CANARY; i++) cr_assert(symo_get(dtype, x, count + i) == 17.0);
}

/* All four passes, or the first two.  Nothing may be read before it is written, and the workspace
 * is no larger than the operation says. */
static void run(attention_case *c, symo_dtype dtype, bool tangents) {
  const size_t w = c->heads * c->d, lse = c->p * c->n * c->heads;
  symo_node node = {.op = &symo_op_attention,
                    .in = {IN, -1},
                    .out = {OUT, -1},
                    .saved = {LSE, -1},
                    .in_width = 3 * w,
                    .out_width = w,
                    .in_rows = c->p,
                    .out_rows = c->p,
                    .heads = c->heads,
                    .rate = c->rate,
                    .salt = 5};
  const size_t scratch = symo_op_attention.scratch(&node, tangents ? c->k : 0);
  void *value[BUFFERS] = {packed(dtype, c->x, c->in), not_a_number(dtype, c->out),
                          not_a_number(dtype, lse)};
  void *cot[BUFFERS] = {not_a_number(dtype, c->in), packed(dtype, c->g, c->out), NULL};
  void *tan[BUFFERS] = {packed(dtype, c->t, c->in * c->k), not_a_number(dtype, c->out * c->k),
                        NULL};
  void *ctan[BUFFERS] = {not_a_number(dtype, c->in * c->k), packed(dtype, c->u, c->out * c->k),
                         NULL};
  void *work = not_a_number(dtype, scratch);
  symo_pass pass = {.dtype = dtype,
                    .n = c->n,
                    .k = c->k,
                    .first = c->first,
                    .dropping = c->rate > 0.0,
                    .seed = 99,
                    .scratch = work,
                    .value = value,
                    .cot = cot,
                    .tan = tan,
                    .ctan = ctan,
                    .gauss_newton = c->gauss_newton};
  symo_op_attention.forward(&node, &pass, 2);
  symo_op_attention.backward(&node, &pass);
  if (tangents) {
    symo_op_attention.tangent(&node, 0, &pass);
    symo_op_attention.backward_tangent(&node, 0, &pass);
  }
  symo_test_unpack(dtype, value[OUT], c->y, c->out);
  symo_test_unpack(dtype, cot[IN], c->x_cot, c->in);
  symo_test_unpack(dtype, tan[OUT], c->y_tan, c->out * c->k);
  symo_test_unpack(dtype, ctan[IN], c->x_ctan, c->in * c->k);
  untouched(dtype, value[OUT], c->out), untouched(dtype, value[LSE], lse);
  untouched(dtype, cot[IN], c->in), untouched(dtype, work, scratch);
  for (size_t b = 0; b < BUFFERS; b++)
    symo_free(value[b]), symo_free(cot[b]), symo_free(tan[b]), symo_free(ctan[b]);
  symo_free(work);
}

/* ---- the definition ---- */

typedef struct place {
  size_t at, step; /* of position 0, between positions */
} place;

static place part(const attention_case *c, size_t example, size_t head, size_t which) {
  const size_t w = c->heads * c->d;
  return (place){example * 3 * w + which * w + head * c->d, c->n * 3 * w};
}

static void reference_row(const attention_case *c, size_t example, size_t head, size_t i,
                          double *p) {
  const place q = part(c, example, head, 0), k = part(c, example, head, 1);
  double most = -INFINITY, sum = 0.0;
  for (size_t j = 0; j <= i; j++) {
    p[j] = 0.0;
    for (size_t f = 0; f < c->d; f++)
      p[j] += c->x[q.at + i * q.step + f] * c->x[k.at + j * k.step + f];
    p[j] /= sqrt((double)c->d);
    most = fmax(most, p[j]);
  }
  for (size_t j = 0; j <= i; j++) sum += p[j] = exp(p[j] - most);
  for (size_t j = 0; j <= i; j++) p[j] /= sum;
}

/* Output and cotangent of the input. */
static void reference(const attention_case *c, double *y, double *x_cot) {
  double *p = numbers(c->p), *a = numbers(c->p);
  const double scale = 1.0 / sqrt((double)c->d);
  for (size_t i = 0; i < c->out; i++) y[i] = 0.0;
  for (size_t i = 0; i < c->in; i++) x_cot[i] = 0.0;
  for (size_t e = 0; e < c->n; e++)
    for (size_t h = 0; h < c->heads; h++) {
      const place q = part(c, e, h, 0), k = part(c, e, h, 1), v = part(c, e, h, 2);
      for (size_t i = 0; i < c->p; i++) {
        const size_t o = ((i * c->n + e) * c->heads + h) * c->d;
        double r = 0.0;
        reference_row(c, e, h, i, p);
        for (size_t j = 0; j <= i; j++) {
          a[j] = 0.0;
          for (size_t f = 0; f < c->d; f++) {
            y[o + f] += p[j] * c->x[v.at + j * v.step + f];
            a[j] += c->g[o + f] * c->x[v.at + j * v.step + f];
            x_cot[v.at + j * v.step + f] += p[j] * c->g[o + f];
          }
          r += p[j] * a[j];
        }
        for (size_t j = 0; j <= i; j++)
          for (size_t f = 0; f < c->d; f++) {
            const double s = scale * p[j] * (a[j] - r);
            x_cot[q.at + i * q.step + f] += s * c->x[k.at + j * k.step + f];
            x_cot[k.at + j * k.step + f] += s * c->x[q.at + i * q.step + f];
          }
      }
    }
  symo_free(p), symo_free(a);
}

static const size_t positions[] = {1, 2, 7, 64, 65, 130};
static const size_t widths[] = {1, 5, 16, 32, 33};
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void against_reference(symo_dtype dtype, double bound) {
  for (size_t i = 0; i < COUNT(positions); i++)
    for (size_t heads = 1; heads <= 3; heads++)
      for (size_t n = 1; n <= 3; n++) {
        attention_case c = make(positions[i], n, heads, widths[(i + heads + n) % COUNT(widths)], 1);
        double *y = numbers(c.out), *x_cot = numbers(c.in);
        run(&c, dtype, false);
        reference(&c, y, x_cot);
        const double forward = symo_test_rel(c.y, y, c.out);
        /* With one position only the value has a derivative. */
        const double backward = symo_test_rel(c.x_cot, x_cot, c.in);
        cr_assert(forward <= bound, "p %zu n %zu heads %zu d %zu: %g", c.p, n, heads, c.d, forward);
        cr_assert(backward <= bound, "p %zu n %zu heads %zu d %zu: backward %g", c.p, n, heads, c.d,
                  backward);
        symo_free(y), symo_free(x_cot);
        unmake_last(&c);
      }
}

Test(net_attention, definition) { against_reference(SYMO_F64, 1e-12); }
Test(net_attention, definition_float32) { against_reference(SYMO_F32, 1e-5); }

/* ---- derivatives ---- */

/* Direction s of an array [p, n, k, w] to [p, n, w], and the other way about: x + step t. */
static void direction(const attention_case *c, const double *all, size_t width, size_t s,
                      double *out) {
  for (size_t r = 0; r < c->p * c->n; r++)
    for (size_t f = 0; f < width; f++) out[r * width + f] = all[(r * c->k + s) * width + f];
}

/* Central differences of the first two passes along direction s of value and cotangent. */
static void differences(attention_case *c, size_t s, double *y_tan, double *x_ctan) {
  const double step = 1e-4;
  const size_t w = c->heads * c->d;
  double *x = c->x, *g = c->g, *t = numbers(c->in), *u = numbers(c->out);
  direction(c, c->t, 3 * w, s, t), direction(c, c->u, w, s, u);
  c->x = numbers(c->in), c->g = numbers(c->out);
  for (size_t i = 0; i < c->out; i++) y_tan[i] = 0.0;
  for (size_t i = 0; i < c->in; i++) x_ctan[i] = 0.0;
  /* of fourth order */
  const double at[] = {-2.0, -1.0, 1.0, 2.0}, weight[] = {1.0, -8.0, 8.0, -1.0};
  for (size_t m = 0; m < 4; m++) {
    for (size_t i = 0; i < c->in; i++) c->x[i] = x[i] + at[m] * step * t[i];
    for (size_t i = 0; i < c->out; i++) c->g[i] = g[i] + at[m] * step * u[i];
    run(c, SYMO_F64, false);
    for (size_t i = 0; i < c->out; i++) y_tan[i] += weight[m] * c->y[i] / (12.0 * step);
    for (size_t i = 0; i < c->in; i++) x_ctan[i] += weight[m] * c->x_cot[i] / (12.0 * step);
  }
  symo_free(c->x), symo_free(c->g), symo_free(t), symo_free(u);
  c->x = x, c->g = g;
}

static double inner(size_t count, const double *a, const double *b) {
  double sum = 0.0;
  for (size_t i = 0; i < count; i++) sum += a[i] * b[i];
  return sum;
}

static void check_tangents(attention_case *c, symo_dtype dtype, double bound) {
  const size_t w = c->heads * c->d;
  double *y_tan = numbers(c->out), *x_ctan = numbers(c->in);
  double *y_now = numbers(c->out * c->k), *x_now = numbers(c->in * c->k);
  double *y_one = numbers(c->out), *x_one = numbers(c->in);
  run(c, dtype, true);
  memcpy(y_now, c->y_tan, c->out * c->k * sizeof *y_now);
  memcpy(x_now, c->x_ctan, c->in * c->k * sizeof *x_now);
  for (size_t s = 0; s < c->k; s++) {
    differences(c, s, y_tan, x_ctan);
    direction(c, y_now, w, s, y_one), direction(c, x_now, 3 * w, s, x_one);
    const double forward = symo_test_rel(y_one, y_tan, c->out);
    const double backward = symo_test_rel(x_one, x_ctan, c->in);
    cr_assert(forward <= bound, "p %zu k %zu direction %zu: %g", c->p, c->k, s, forward);
    cr_assert(backward <= bound, "p %zu k %zu direction %zu: backward %g", c->p, c->k, s, backward);
  }
  symo_free(y_tan), symo_free(x_ctan), symo_free(y_now), symo_free(x_now);
  symo_free(y_one), symo_free(x_one);
}

static void tangents(symo_dtype dtype, double rate, double bound) {
  for (size_t i = 0; i < COUNT(positions); i++)
    for (size_t k = 1; k <= 3; k += 2) {
      attention_case c = make(positions[i], 2, 1 + i % 3, widths[(i + k) % COUNT(widths)], k);
      c.rate = rate;
      check_tangents(&c, dtype, bound);
      unmake_last(&c);
    }
}

Test(net_attention, tangents) { tangents(SYMO_F64, 0.0, 1e-9); }
Test(net_attention, tangents_float32) { tangents(SYMO_F32, 0.0, 2e-5); }
Test(net_attention, tangents_dropout) { tangents(SYMO_F64, 0.3, 1e-9); }
Test(net_attention, tangents_dropout_float32) { tangents(SYMO_F32, 0.3, 2e-5); }

/* <x^, t> = <y^, Ry>, by definition of the cotangent, for every direction. */
Test(net_attention, adjoint) {
  for (size_t i = 0; i < COUNT(positions); i++) {
    attention_case c = make(positions[i], 2, 2, 5, 3);
    c.rate = i % 2 == 0 ? 0.0 : 0.4;
    double *t = numbers(c.in), *y_tan = numbers(c.out);
    run(&c, SYMO_F64, true);
    for (size_t s = 0; s < c.k; s++) {
      direction(&c, c.t, 3 * c.heads * c.d, s, t);
      direction(&c, c.y_tan, c.heads * c.d, s, y_tan);
      const double a = inner(c.in, c.x_cot, t), b = inner(c.out, c.g, y_tan);
      const double size = sqrt(inner(c.in, c.x_cot, c.x_cot) * inner(c.in, t, t));
      cr_assert(fabs(a - b) <= symo_test_bound(SYMO_F64, c.p + c.d, size), "p %zu: %g and %g", c.p,
                a, b);
    }
    symo_free(t), symo_free(y_tan);
    unmake_last(&c);
  }
}

/* Gauss-Newton is backward applied to each direction of the cotangent. */
Test(net_attention, gauss_newton) {
  for (size_t i = 0; i < COUNT(positions); i++) {
    attention_case c = make(positions[i], 2, 2, 5, 3);
    c.gauss_newton = true, c.rate = 0.2;
    double *x_ctan = numbers(c.in * c.k), *one = numbers(c.in), *g = c.g;
    run(&c, SYMO_F64, true);
    memcpy(x_ctan, c.x_ctan, c.in * c.k * sizeof *x_ctan);
    c.g = numbers(c.out);
    for (size_t s = 0; s < c.k; s++) {
      direction(&c, c.u, c.heads * c.d, s, c.g);
      direction(&c, x_ctan, 3 * c.heads * c.d, s, one);
      run(&c, SYMO_F64, false);
      cr_assert(symo_test_rel(one, c.x_cot, c.in) <= symo_test_bound(SYMO_F64, c.p + c.d, 1));
    }
    symo_free(c.g), symo_free(x_ctan), symo_free(one);
    c.g = g;
    unmake_last(&c);
  }
}

/* ---- what a position sees ---- */

/* The first positions do not change in a bit when later ones do; nor do examples and heads. */
static void causal(symo_dtype dtype) {
  attention_case c = make(130, 2, 2, 16, 1);
  const size_t w = c.heads * c.d, row = c.n * w;
  const size_t changed[] = {1, 8, 63, 64, 77, 129};
  double *y = numbers(c.out);
  run(&c, dtype, false);
  memcpy(y, c.y, c.out * sizeof *y);
  for (size_t i = COUNT(changed); i-- > 0;) {
    for (size_t j = changed[i] * 3 * row; j < c.in; j++) c.x[j] = 3.0 - c.x[j];
    run(&c, dtype, false);
    cr_assert(memcmp(y, c.y, changed[i] * row * sizeof *y) == 0, "position %zu", changed[i]);
    cr_assert(memcmp(y + changed[i] * row, c.y + changed[i] * row, row * sizeof *y) != 0);
  }
  symo_free(y);
  unmake_last(&c);
}

Test(net_attention, causal) { causal(SYMO_F64); }
Test(net_attention, causal_float32) { causal(SYMO_F32); }

/* Logits of any finite size give finite rows; NaN stays. */
static void extremes(symo_dtype dtype) {
  attention_case c = make(70, 1, 2, 8, 1);
  const size_t row = 3 * c.heads * c.d;
  for (size_t i = 0; i < c.in; i++)
    if (i % row < 2 * c.heads * c.d) c.x[i] *= 1e4;
  run(&c, dtype, true);
  cr_assert(isfinite(symo_test_max(c.y, c.out)) && isfinite(symo_test_max(c.x_cot, c.in)));
  cr_assert(isfinite(symo_test_max(c.y_tan, c.out)) && isfinite(symo_test_max(c.x_ctan, c.in)));
  for (size_t where = 0; where < 3; where++) { /* query, key, value of position 66, second head */
    double *x = &c.x[66 * row + (where * c.heads + 1) * c.d + 3], old = *x;
    *x = (double)NAN;
    run(&c, dtype, true);
    cr_assert(isfinite(symo_test_max(c.y, c.p / 2 * c.heads * c.d)));
    for (size_t i = 66; i < (where == 0 ? 67 : c.p); i++)
      for (size_t f = 0; f < c.d; f++) {
        const double y = c.y[(i * c.heads + 1) * c.d + f];
        cr_assert(isnan(y) || (where == 2 && f != 3), "part %zu position %zu", where, i);
        cr_assert(isfinite(c.y[i * c.heads * c.d + f]), "the other head");
      }
    cr_assert(isnan(c.x_cot[66 * row + c.d]), "part %zu: cotangent of the query", where);
    cr_assert(isnan(c.y_tan[(66 * c.heads + 1) * c.d + 3]), "part %zu: tangent", where);
    *x = old;
  }
  unmake_last(&c);
}

Test(net_attention, extremes) { extremes(SYMO_F64); }
Test(net_attention, extremes_float32) { extremes(SYMO_F32); }

/* ---- dropout ---- */

/* Examples [first, first + n) of a case, as a case. */
static void take_examples(const attention_case *from, size_t first, attention_case *to) {
  const size_t w = from->heads * from->d;
  for (size_t i = 0; i < to->p; i++)
    for (size_t e = 0; e < to->n; e++) {
      const size_t a = i * to->n + e, b = i * from->n + first + e;
      memcpy(to->x + a * 3 * w, from->x + b * 3 * w, 3 * w * sizeof *to->x);
      memcpy(to->g + a * w, from->g + b * w, w * sizeof *to->g);
    }
}

Test(net_attention, dropout_of_chunks) {
  attention_case whole = make(67, 3, 2, 5, 1);
  whole.rate = 0.25;
  run(&whole, SYMO_F64, false);
  const size_t w = whole.heads * whole.d;
  const double bound = symo_test_bound(SYMO_F64, whole.p + whole.d, 1);
  for (size_t first = 0; first < 3; first += first + 1) {
    attention_case chunk = make(67, first + 1, 2, 5, 1);
    chunk.rate = whole.rate, chunk.first = first;
    take_examples(&whole, first, &chunk);
    run(&chunk, SYMO_F64, false);
    for (size_t i = 0; i < chunk.p; i++)
      for (size_t e = 0; e < chunk.n; e++) {
        const size_t a = i * chunk.n + e, b = i * whole.n + first + e;
        cr_assert(symo_test_rel(chunk.y + a * w, whole.y + b * w, w) <= bound);
        cr_assert(symo_test_rel(chunk.x_cot + a * 3 * w, whole.x_cot + b * 3 * w, 3 * w) <= bound);
      }
    unmake(&chunk);
  }
  unmake_last(&whole);
}

/* With value 1 an output is the sum of a row's weights, 1 on the average; with equal scores it
 * counts those that stay. */
Test(net_attention, dropout_mean) {
  attention_case c = make(130, 3, 3, 4, 1);
  c.rate = 0.2;
  for (size_t i = 0; i < c.in; i++)
    c.x[i] = i % (3 * c.heads * c.d) < 2 * c.heads * c.d ? 0.0 : 1.0;
  run(&c, SYMO_F64, false);
  double kept = 0.0, pairs = 0.0, square = 0.0;
  for (size_t i = 0; i < c.p; i++)
    for (size_t e = 0; e < c.n * c.heads; e++) {
      const double count = c.y[(i * c.n * c.heads + e) * c.d] * (double)(i + 1) * (1.0 - c.rate);
      cr_assert(fabs(count - round(count)) <= symo_test_bound(SYMO_F64, i + 1, (double)i + 1));
      const double over = count - (1.0 - c.rate) * (double)(i + 1);
      kept += count, pairs += (double)(i + 1), square += over * over;
    }
  const double variance = c.rate * (1.0 - c.rate) * pairs;
  cr_assert(fabs(kept - (1.0 - c.rate) * pairs) <= 4.0 * sqrt(variance), "%g of %g", kept, pairs);
  cr_assert(fabs(square / variance - 1.0) <= 0.25, "rows hang together: %g", square / variance);
  unmake_last(&c);
}

/* With the unit vectors as values an output is a row of weights.  No two rows, of whatever query,
 * head or example, drop the same keys; two rows agree where both keep or both drop a key. */
Test(net_attention, dropout_apart) {
  attention_case c = make(130, 1, 2, 130, 1);
  c.rate = 0.5;
  const size_t w = c.heads * c.d, rows = c.n * c.heads * c.p, from = 40; /* keys that all see */
  for (size_t i = 0; i < c.in; i++) c.x[i] = 0.0;
  for (size_t j = 0; j < c.p; j++)
    for (size_t e = 0; e < c.n; e++)
      for (size_t h = 0; h < c.heads; h++) c.x[((j * c.n + e) * 3 + 2) * w + h * c.d + j] = 1.0;
  run(&c, SYMO_F64, false);
  double agree = 0.0, pairs = 0.0;
  for (size_t r = from * c.n * c.heads; r < rows; r++)
    for (size_t s = from * c.n * c.heads; s < r; s++) {
      size_t same = 0;
      for (size_t j = 0; j < from; j++) same += (c.y[r * c.d + j] > 0) == (c.y[s * c.d + j] > 0);
      cr_assert(same < from, "rows %zu and %zu", r, s);
      agree += (double)same, pairs += (double)from;
    }
  cr_assert(fabs(agree / pairs - 0.5) <= 0.01, "%g", agree / pairs);
  unmake_last(&c);
}
