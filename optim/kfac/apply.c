/* The direction of K-FAC, site by site. */
#include <math.h>
#include <string.h>

#include "core/linalg.h"
#include "core/nd.h"
#include "optim/damping/damping.h"
#include "optim/kfac/kfac.h"

static size_t matrix_bytes(const kfac_curvature *c, const kfac_block *b) {
  return symo_padded(b->a.n * b->g.n * symo_dtype_size(c->dtype));
}

static pair_function function_of(const kfac_curvature *c, double damping, const factor_pair *pair) {
  pair_function f = {c->damping, damping, -c->method.alpha / 2};
  if (c->method.damping->relative)
    f.lambda *= symo_pair_trace(pair) / ((double)pair->a.n * (double)pair->g.n);
  return f;
}

size_t symo_kfac_apply_work(const kfac_curvature *c, const kfac_block *b) {
  const factor_pair most = {
      .dtype = c->dtype, .g = {.n = b->g.n, .k = b->g.k}, .a = {.n = b->a.n, .k = b->a.k}};
  const pair_function f = {c->damping, c->method.eps, -c->method.alpha / 2};
  return 2 * matrix_bytes(c, b) + (c->inverses ? matrix_bytes(c, b) : symo_pair_work(&most, f));
}

double symo_kfac_apply_flops(const kfac_curvature *c, const kfac_block *b) {
  const factor_pair p = {.g = {.n = b->g.n, .k = b->g.k, .v = c},
                         .a = {.n = b->a.n, .k = b->a.k, .v = b->a.identity ? NULL : c}};
  const double full = 2 * (double)b->g.n * (double)b->a.n;
  if (c->inverses) return full * (double)(b->g.n + (b->a.identity ? 0 : b->a.n));
  return symo_pair_flops(&p, (pair_function){c->damping, c->method.eps, -c->method.alpha / 2});
}

/* The part of the matrix of a site that a tensor is, as an array of the shape of the tensor. */
static symo_nd part_of(const kfac_curvature *c, const kfac_block *b, const kfac_part *part,
                       void *matrix) {
  const layout_tensor *t = &c->layout->tensors[part->tensor];
  const size_t columns = b->a.n, inputs = b->where.inputs;
  const ptrdiff_t at = (ptrdiff_t)(part->first * columns + (part->bias ? inputs : 0));
  symo_nd out = symo_nd_dense(c->dtype, symo_at(c->dtype, matrix, at), (int)t->order, t->dim);
  if (b->where.table) { /* stands transposed: [inputs, outputs] */
    out.s[0] = 1, out.s[1] = (ptrdiff_t)columns;
    return out;
  }
  /* Strides are those of a dense [rows, width]; axes of rows step over the whole width. */
  const ptrdiff_t width = part->bias ? 1 : (ptrdiff_t)inputs;
  for (int a = 0; a < out.nd; a++)
    if (out.s[a] >= width) out.s[a] = out.s[a] / width * (ptrdiff_t)columns;
  return out;
}

typedef struct apply_job {
  const kfac_curvature *c;
  void *const *state;
  const curvature_step *step;
  symo_const_vector u;
  symo_vector out;
  char *work;
} apply_job;

static void apply_one(void *arg, size_t index, int worker) {
  const apply_job *j = arg;
  const kfac_curvature *c = j->c;
  const kfac_block *b = &c->blocks[index];
  double *dots = (double *)(void *)j->work;
  char *x = (char *)curvature_work(j->step, j->work, worker) + c->head;
  char *y = x + matrix_bytes(c, b);
  factor_pair pair;
  (void)symo_kfac_pair_of(c, b, j->state, &pair);
  for (size_t p = b->first; p < b->first + b->num; p++) {
    const kfac_part *part = &c->parts[p];
    symo_nd_shift(curvature_stored(&j->step->x, part->tensor),
                  symo_layout_view(c->layout, c->dtype, j->u, part->tensor),
                  part_of(c, b, part, x));
  }
  if (c->inverses)
    symo_kfac_apply_inverses(c, b, j->state, x, y, y + matrix_bytes(c, b));
  else
    symo_pair_apply(&pair, function_of(c, j->step->damping, &pair), x, y, y + matrix_bytes(c, b));
  dots[index] = symo_dot(c->dtype, b->a.n * b->g.n, x, y);
  for (size_t p = b->first; p < b->first + b->num; p++)
    symo_nd_copy(
        1, part_of(c, b, &c->parts[p], y),
        symo_layout_view(c->layout, c->dtype, symo_vector_const(j->out), c->parts[p].tensor));
}

/* With alpha 2 and d = F^-1 u, u'd is d'F d, here of the sites of all processes. *failed: one of them
 * has no direction. */
static double clip(const kfac_curvature *c, const curvature_step *step, const double *dots,
                   bool *failed) {
  curvature_common common = {.number = 1};
  for (size_t i = 0; i < c->num_blocks; i++) common.sum += fmax(dots[i], 0);
  curvature_combine(step, &common);
  *failed = common.failed > 0;
  const double all = step->rate * step->rate * common.sum;
  return c->method.kl_clip > 0 && all > c->method.kl_clip ? sqrt(c->method.kl_clip / all) : 1;
}

symo_status symo_kfac_apply(const void *self, void *const *state, const curvature_step *step,
                            symo_const_vector g, symo_const_vector u, symo_vector out, void *work) {
  const kfac_curvature *c = self;
  apply_job j = {.c = c, .state = state, .step = step, .u = u, .out = out, .work = work};
  factor_pair pair;
  (void)g;
  for (size_t i = 0; i < c->num_blocks; i++)
    if (!symo_kfac_pair_of(c, &c->blocks[i], state, &pair)) return SYMO_NO_CONVERGENCE;
  symo_pool_run(step->pool, c->num_blocks, apply_one, &j);
  bool failed;
  const double factor = clip(c, step, (const double *)work, &failed);
  if (failed) return SYMO_NO_CONVERGENCE;
  for (size_t t = 0; t < c->layout->num_tensors && factor != 1; t++) {
    symo_nd view = symo_layout_view(c->layout, c->dtype, symo_vector_const(out), t);
    symo_nd_copy(factor, view, view);
  }
  return SYMO_OK;
}
