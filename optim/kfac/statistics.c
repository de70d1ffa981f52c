/* What K-FAC asks a problem for, and its averages. */
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/hash.h"
#include "core/linalg.h"
#include "core/nd.h"
#include "optim/kfac/kfac.h"

static size_t sum_numbers(const kfac_side *s) {
  return s->identity ? s->n : s->n * (s->tests > 0 ? s->tests : s->n);
}

size_t symo_kfac_sums_bytes(const void *self) {
  const kfac_curvature *c = self;
  const size_t size = symo_dtype_size(c->dtype);
  size_t bytes = c->tests_work + c->tests_bytes;
  for (size_t i = 0; i < c->num_blocks; i++) {
    const kfac_block *b = &c->blocks[i];
    bytes += symo_padded(sum_numbers(&b->a) * size) + symo_padded(sum_numbers(&b->g) * size);
    if (b->moments >= 0) bytes += symo_padded(b->g.n * b->a.n * size);
  }
  return bytes;
}

static void *take(char **memory, size_t numbers, symo_dtype dtype) {
  void *at = *memory;
  *memory += symo_padded(numbers * symo_dtype_size(dtype));
  return at;
}

/* Test vectors that cannot be made are zero, which leaves the factor as it is. */
static void take_tests(const kfac_curvature *c, const kfac_side *s, void *const *state,
                       uint64_t seed, void *work, char **memory, size_t *columns,
                       const void **tests) {
  if (s->tests == 0) return;
  void *at = take(memory, s->n * s->tests, c->dtype);
  *columns = symo_kfac_num_tests(c, s, state);
  *tests = at;
  if (symo_kfac_tests(c, s, state, *columns, seed, at, work) != SYMO_OK)
    memset(at, 0, s->n * *columns * symo_dtype_size(c->dtype));
}

void symo_kfac_sums(const void *self, void *const *state, uint64_t step, void *memory,
                    symo_factor_sums *sums) {
  const kfac_curvature *c = self;
  char *at = (char *)memory + c->tests_work;
  for (size_t i = 0; i < c->num_blocks; i++) {
    const kfac_block *b = &c->blocks[i];
    symo_factor_sums *s = &sums[b->site];
    factor_pair pair;
    s->sharing = c->method.sharing;
    s->bias = b->bias;
    s->inputs = take(&at, sum_numbers(&b->a), c->dtype);
    s->outputs = take(&at, sum_numbers(&b->g), c->dtype);
    const uint64_t seed = symo_hash_join(step, i);
    take_tests(c, &b->a, state, symo_hash(2 * seed), memory, &at, &s->input_columns,
               &s->input_tests);
    take_tests(c, &b->g, state, symo_hash(2 * seed + 1), memory, &at, &s->output_columns,
               &s->output_tests);
    if (b->moments < 0) continue;
    void *moments = take(&at, b->g.n * b->a.n, c->dtype);
    if (!symo_kfac_pair_of(c, b, state, &pair)) continue; /* no basis yet */
    s->moments = moments;
    s->input_basis = pair.a.v, s->output_basis = pair.g.v;
  }
}

/* Bases and their values, for test vectors and for moments. */
static bool reads(const kfac_block *b, const kfac_side *s, size_t entry) {
  return (s->tests > 0 || b->moments >= 0) && ((int)entry == s->basis || (int)entry == s->values);
}

size_t symo_kfac_sums_reads(const void *self, size_t entry) {
  const kfac_curvature *c = self;
  for (size_t i = 0; i < c->num_blocks; i++) {
    const kfac_block *b = &c->blocks[i];
    if (reads(b, &b->a, entry) || reads(b, &b->g, entry)) return c->parts[b->first].tensor;
  }
  return SYMO_NONE;
}

/* ---- averages ---- */

/* average <- keep average + (1 - keep) sum / count. */
static void average(symo_dtype dtype, size_t n, double keep, const void *sum, double count,
                    void *to) {
  if (keep == 0)
    memset(to, 0, n * symo_dtype_size(dtype));
  else
    symo_scal(dtype, n, keep, to);
  symo_axpy(dtype, n, (1 - keep) / count, sum, to);
}

static symo_status take_side(const kfac_curvature *c, const kfac_side *s, void *const *state,
                             size_t columns, const void *tests, const void *sum, double count,
                             double trace, double keep, void *work) {
  const size_t n = columns > 0 ? columns * s->n : sum_numbers(s);
  if (!symo_all_finite(c->dtype, n, sum)) return SYMO_E_NONFINITE;
  if (s->tests > 0)
    return symo_kfac_low_update(c, s, state, columns, tests, sum, count, trace, keep, work);
  average(c->dtype, n, keep, sum, count, state[s->sum]);
  if (c->method.rank > 0) symo_kfac_take_diagonal(c, s, state); /* there are no roots */
  return SYMO_OK;
}

typedef struct take_job {
  const kfac_curvature *c;
  void *const *state;
  const curvature_step *step;
  char *work;
  double keep;
} take_job;

static void take_one(void *arg, size_t index, int worker) {
  const take_job *j = arg;
  const kfac_curvature *c = j->c;
  const kfac_block *b = &c->blocks[index];
  const symo_factor_sums *s = &j->step->sums[b->site];
  double *statuses = (double *)(void *)j->work;
  char *room = (char *)curvature_work(j->step, j->work, worker) + c->head;
  symo_status status = take_side(c, &b->a, j->state, s->input_columns, s->input_tests, s->inputs,
                                 s->input_count, s->input_trace, j->keep, room);
  if (status == SYMO_OK)
    status = take_side(c, &b->g, j->state, s->output_columns, s->output_tests, s->outputs,
                       s->output_count, s->output_trace, j->keep, room);
  const size_t n = b->g.n * b->a.n;
  if (status == SYMO_OK && s->moments != NULL && symo_all_finite(c->dtype, n, s->moments))
    average(c->dtype, n, c->method.beta2, s->moments, s->output_count, j->state[b->moments]);
  statuses[index] = (double)status;
}

symo_status symo_kfac_accumulate(const void *self, void *const *state, const curvature_step *step,
                                 symo_const_vector x, void *work) {
  const kfac_curvature *c = self;
  take_job j = {.c = c, .state = state, .step = step, .work = work};
  (void)x;
  j.keep = symo_kfac_keep(&c->method, step->updates);
  symo_pool_run(step->pool, c->num_blocks, take_one, &j);
  for (size_t i = 0; i < c->num_blocks; i++) {
    const symo_status status = (symo_status)((double *)work)[i];
    if (status == SYMO_E_NONFINITE)
      return symo_fail(c->context, status,
                       "optim: layer statistics of tensor %s hold NaN or infinity (lower the "
                       "learning rate, or give a damping)",
                       c->layout->tensors[c->parts[c->blocks[i].first].tensor].name);
    if (status < 0) return status;
  }
  return SYMO_OK;
}
