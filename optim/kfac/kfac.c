/* K-FAC as a curvature: for the weight and bias of each site the step is (G (x) A +
 * damping)^(-alpha / 2) u, alpha 2 for the inverse (docs/mathematics.md, section 10), with G and A
 * averages of layer statistics that the problem gives beside its gradient every statistics_every
 * steps.
 *
 *   averages   A <- b A + (1 - b) A_new, b = beta2; with `correction` b (1 - b^(t-1)) / (1 - b^t),
 * so
 *              that all weights are of averages
 *   roots      eigenvectors of both factors, one site at a time, spread over refresh_every steps;
 *              or, where damping is factored, their inverses (inverses.c)
 *   damping    constant: eps added to the block; trace: eps times its mean eigenvalue; factored:
 *              shared between the factors
 *   examples   basis=example, EKFAC: second moments of single examples in the eigenbasis, averaged
 *              as the factors are.  A new basis takes them over as the diagonal matrix that they
 * are:
 *              with R the squares of the entries of V_new V_old', M <- R_g M R_a'
 *   low rank   low_rank.c
 *   kl_clip    the direction d of all sites is shortened so that rate^2 d'F d <= kl_clip
 *
 * Check value: one parameter, F = 4, eps 0, alpha 2: u / 4. */
#include "optim/kfac/kfac.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/linalg.h"
#include "core/text.h"
#include "optim/damping/damping.h"

/* ---- what is refused ---- */

static const char *refuse(const symo_method *m, const symo_layout *layout) {
  (void)layout;
  if (!(m->alpha >= 0 && m->alpha <= 2)) return "alpha must be in [0, 2]";
  if (!(m->beta2 >= 0 && m->beta2 < 1)) return "statistics are averages: beta2 below 1";
  if (m->correction && m->beta2 == 0) return "correction is of averages: beta2 above 0";
  if (m->centered) return "statistics have no part that a group leaves alone (centered false)";
  if (strcmp(m->groups, "layout") != 0) return "statistics know no groups: groups layout";
  if (!m->mean) return "statistics are means: mean true";
  if (m->source == SYMO_SOURCE_MOMENTUM)
    return "statistics are of layers, not of the momentum: source gradient";
  if (m->basis == SYMO_BASIS_ADAM || m->basis == SYMO_BASIS_COLUMN)
    return "second moments are of examples: basis example or none";
  if (!m->solver->chooses && strcmp(m->solver->name, "eigh") != 0)
    return "roots are taken in eigenbases: solver auto or eigh";
  if (m->solver_steps > 0) return "eigenbases take no iterations: solver_steps 0";
  const bool low = m->rank > 0;
  if (m->rank >= 1 && m->rank != floor(m->rank))
    return "rank is a share below 1, or a whole number";
  if (m->rank_share > 0 && !low) return "rank_share chooses a rank up to a cap: set rank";
  if (low && m->basis != SYMO_BASIS_NONE)
    return "second moments need whole bases: rank 0, or basis none";
  if (low && m->refresh_every > 1)
    return "factors of low rank are updated with the statistics: refresh_every 1";
  return NULL;
}

static bool keeps_roots(const symo_method *method) {
  (void)method;
  return true;
}

/* ---- which tensors make up a site ---- */

/* The tensors of the whole layout in [first, first + count) as parts of a block: whole ones, in
 * order, of which the rule has all or none.  *have: it has them. */
static symo_status add_parts(kfac_curvature *c, const curvature_task *task, kfac_block *b,
                             size_t first, size_t count, bool bias, bool *have) {
  const symo_layout *whole = task->whole;
  size_t inside = 0, outside = 0;
  const size_t columns = bias ? 1 : b->where.inputs;
  for (size_t t = 0; t < whole->num_tensors; t++) {
    const layout_tensor *tensor = &whole->tensors[t];
    if (tensor->offset + tensor->size <= first || tensor->offset >= first + count) continue;
    size_t mine = 0;
    while (mine < c->layout->num_tensors && task->tensors[mine] != t) mine++;
    const size_t at = tensor->offset - first, unit = b->where.table ? count : columns;
    if (tensor->offset < first || at + tensor->size > count || at % unit || tensor->size % unit)
      return symo_fail(c->context, SYMO_E_SHAPE,
                       "optim: tensor %s is not whole rows of the matrix of its site (sites are of "
                       "whole tensors)",
                       tensor->name);
    if (mine == c->layout->num_tensors) {
      outside++;
      continue;
    }
    inside++;
    if (c->parts != NULL)
      c->parts[c->num_parts] = (kfac_part){mine, at / columns, tensor->size / columns, bias};
    c->num_parts++, b->num++;
  }
  *have = inside > 0;
  if (inside == 0 || outside == 0) return SYMO_OK;
  return symo_fail(c->context, SYMO_E_UNSUPPORTED,
                   "optim: curvature kfac: the tensors of one site are in several rules (one rule "
                   "for query, key and value)");
}

/* Finds the blocks; the second time, with arrays, writes them. */
static symo_status find_blocks(kfac_curvature *c, const curvature_task *task) {
  symo_status status = SYMO_OK;
  c->num_blocks = c->num_parts = 0;
  for (size_t s = 0; s < task->num_sites; s++) {
    kfac_block b = {.site = s, .where = task->sites[s], .first = c->num_parts, .moments = -1};
    bool weight = false;
    SYMO_TRY(
        add_parts(c, task, &b, b.where.weight, b.where.outputs * b.where.inputs, false, &weight));
    if (b.where.bias != SYMO_NONE)
      SYMO_TRY(add_parts(c, task, &b, b.where.bias, b.where.outputs, true, &b.bias));
    if (b.bias && !weight)
      return symo_fail(
          c->context, SYMO_E_UNSUPPORTED,
          "optim: curvature kfac: a bias goes with its weight (give both to this rule, "
          "or the bias to another)");
    if (!weight) continue;
    if (c->blocks != NULL) c->blocks[c->num_blocks] = b;
    c->num_blocks++;
  }
fail:
  return status;
}

static symo_status check_covered(const kfac_curvature *c) {
  for (size_t t = 0; t < c->layout->num_tensors; t++) {
    bool found = false;
    for (size_t p = 0; p < c->num_parts && !found; p++) found = c->parts[p].tensor == t;
    if (!found)
      return symo_fail(c->context, SYMO_E_UNSUPPORTED,
                       "optim: curvature kfac: tensor %s belongs to no site of layer statistics "
                       "(give it to another rule, adamw say; needs_site true leaves it out)",
                       c->layout->tensors[t].name);
  }
  return SYMO_OK;
}

/* ---- sizes ---- */

/* A step by two inverses, where nothing asks for eigenvectors. */
static bool takes_inverses(const symo_method *m) {
  return m->damping->factored && m->solver->chooses && m->alpha == 2 && m->rank == 0 &&
         m->basis == SYMO_BASIS_NONE && m->skip_tolerance == 0 && m->eps > 0;
}

static void size_side(const kfac_curvature *c, kfac_side *s, size_t n, bool identity) {
  const symo_method *m = &c->method;
  const double wanted = m->rank < 1 ? ceil(m->rank * (double)n) : m->rank;
  *s = (kfac_side){.n = n, .k = n, .identity = identity, .sum = -1, .basis = -1, .values = -1};
  s->inverse = c->inverses;
  if (identity || m->rank == 0) return;
  s->k = wanted < (double)n ? (size_t)fmax(wanted, 1) : n;
  s->tests = s->k + KFAC_OVERSAMPLE < n ? s->k + KFAC_OVERSAMPLE : n;
}

static void name_side(kfac_curvature *c, kfac_side *s) {
  if (s->tests == 0) s->sum = (int)c->num_entries++;
  if (!s->identity) s->basis = (int)c->num_entries++;
  s->values = (int)c->num_entries++;
}

static size_t max_size(size_t a, size_t b) { return a > b ? a : b; }

static symo_status size_blocks(kfac_curvature *c) {
  const size_t size = symo_dtype_size(c->dtype);
  size_t work = 0;
  for (size_t i = 0; i < c->num_blocks; i++) {
    kfac_block *b = &c->blocks[i];
    size_side(c, &b->a, b->where.inputs + (b->bias ? 1 : 0), b->where.table);
    size_side(c, &b->g, b->where.outputs, false);
    if (b->a.n > SYMO_EIGH_MAX || b->g.n > SYMO_EIGH_MAX)
      return symo_fail(
          c->context, SYMO_E_SIZE,
          "optim: curvature kfac: a factor of %zu rows (at most %d; give its weight to "
          "another rule)",
          max_size(b->a.n, b->g.n), SYMO_EIGH_MAX);
    name_side(c, &b->a);
    name_side(c, &b->g);
    if (c->method.basis == SYMO_BASIS_EXAMPLE) b->moments = (int)c->num_entries++;
    work = max_size(work, symo_kfac_apply_work(c, b));
    work = max_size(work, c->inverses ? symo_kfac_inverse_work(c, b) : symo_kfac_root_work(c, b));
    work = max_size(work, max_size(symo_kfac_low_work(&b->a), symo_kfac_low_work(&b->g)));
    c->tests_bytes +=
        symo_padded(b->a.n * b->a.tests * size) + symo_padded(b->g.n * b->g.tests * size);
    c->tests_work = max_size(c->tests_work, symo_padded(symo_orthonormal_panel_work(
                                                c->dtype, max_size(b->a.tests, b->g.tests))));
  }
  c->head = symo_padded((c->num_blocks + 1) * sizeof(double));
  c->work = c->head + work;
  return SYMO_OK;
}

static void destroy(void *self) {
  kfac_curvature *c = self;
  if (c == NULL) return;
  symo_layout_destroy(c->layout);
  symo_free(c->blocks);
  symo_free(c->parts);
  symo_free(c);
}

static symo_status create(const curvature_task *task, void **self) {
  symo_status status = SYMO_OK;
  kfac_curvature *c = symo_calloc(1, sizeof *c);
  if (c == NULL) return symo_fail_memory(task->context, "kfac");
  c->context = task->context;
  c->layout = symo_layout_retain(task->layout);
  c->method = *task->method;
  c->dtype = task->dtype;
  c->damping = task->method->damping->factored ? SYMO_KFAC_FACTORED : SYMO_KFAC_EXACT;
  c->inverses = takes_inverses(task->method);
  SYMO_TRY(find_blocks(c, task));
  c->blocks = symo_calloc(c->num_blocks, sizeof *c->blocks);
  c->parts = symo_calloc(c->num_parts, sizeof *c->parts);
  if (c->blocks == NULL || c->parts == NULL) SYMO_TRY(symo_fail_memory(c->context, "kfac"));
  SYMO_TRY(find_blocks(c, task));
  SYMO_TRY(check_covered(c));
  SYMO_TRY(size_blocks(c));
  *self = c;
  return SYMO_OK;
fail:
  destroy(c);
  return status;
}

/* ---- state ---- */

static size_t num_entries(const void *self) { return ((const kfac_curvature *)self)->num_entries; }
static size_t work_bytes(const void *self) { return ((const kfac_curvature *)self)->work; }

static size_t num_roots(const void *self) {
  const kfac_curvature *c = self;
  return c->method.rank > 0 ? 0 : c->num_blocks;
}

static bool name_of_side(const kfac_side *s, int index, const char *name, const char *side,
                         symo_dtype dtype, symo_state_entry *e) {
  const char *what = index == s->sum                   ? "average"
                     : index == s->basis && s->inverse ? "inverse"
                     : index == s->basis               ? "basis"
                                                       : "values";
  if (index != s->sum && index != s->basis && index != s->values) return false;
  if (index == s->values)
    *e = (symo_state_entry){
        .dtype = SYMO_F64, .order = 1, .shape = {symo_kfac_num_values(s) + KFAC_NUMBERS}};
  else if (index == s->sum && s->identity)
    *e = (symo_state_entry){.dtype = dtype, .order = 1, .shape = {s->n}};
  else
    *e = (symo_state_entry){
        .dtype = dtype, .order = 2, .shape = {index == s->sum ? s->n : s->k, s->n}};
  (void)snprintf(e->name, sizeof e->name, "%.180s.%s.%s", name, side, what);
  return true;
}

static symo_state_entry entry(const void *self, size_t index) {
  const kfac_curvature *c = self;
  symo_state_entry e = {.dtype = c->dtype};
  for (size_t i = 0; i < c->num_blocks; i++) {
    const kfac_block *b = &c->blocks[i];
    const char *name = c->layout->tensors[c->parts[b->first].tensor].name;
    if (name_of_side(&b->a, (int)index, name, "inputs", c->dtype, &e)) return e;
    if (name_of_side(&b->g, (int)index, name, "outputs", c->dtype, &e)) return e;
    if (b->moments != (int)index) continue;
    e = (symo_state_entry){.dtype = c->dtype, .order = 2, .shape = {b->g.n, b->a.n}};
    (void)snprintf(e.name, sizeof e.name, "%.180s.moments", name);
    return e;
  }
  return e;
}

factor_basis symo_kfac_side(const kfac_side *s, void *const *state) {
  const double *numbers = symo_kfac_numbers(s, state);
  return (factor_basis){.n = s->n,
                        .k = s->tests > 0 ? (size_t)numbers[KFAC_ACTIVE] : s->k,
                        .v = s->identity ? NULL : state[s->basis],
                        .values = state[s->values],
                        .tail = numbers[KFAC_TAIL]};
}

bool symo_kfac_pair_of(const kfac_curvature *c, const kfac_block *b, void *const *state,
                       factor_pair *out) {
  *out = (factor_pair){.dtype = c->dtype,
                       .g = symo_kfac_side(&b->g, state),
                       .a = symo_kfac_side(&b->a, state),
                       .moments = b->moments >= 0 ? state[b->moments] : NULL};
  return symo_kfac_numbers(&b->a, state)[KFAC_TAKEN] > 0 &&
         symo_kfac_numbers(&b->g, state)[KFAC_TAKEN] > 0;
}

double symo_kfac_keep(const symo_method *method, uint64_t t) {
  const double b = method->beta2;
  if (t <= 1) return 0;
  if (!method->correction || b == 0) return b;
  return b * (1 - pow(b, (double)(t - 1))) / (1 - pow(b, (double)t));
}

/* ---- the plan ---- */

static double root_flops(const kfac_side *s) {
  const double n = (double)s->n, c = (double)s->tests;
  if (s->identity) return 0;
  return s->tests > 0 ? 8 * n * c * c + 20 * c * c * c : (s->inverse ? 1 : 9) * n * n * n;
}

static double refresh_flops(const void *self, size_t root) {
  const kfac_block *b = &((const kfac_curvature *)self)->blocks[root];
  return root_flops(&b->a) + root_flops(&b->g);
}

/* Of averages alone: the sums are the problem's. */
static double accumulate_flops(const void *self) {
  const kfac_curvature *c = self;
  double sum = 0;
  for (size_t i = 0; i < c->num_blocks; i++) {
    const kfac_side *sides[] = {&c->blocks[i].a, &c->blocks[i].g};
    for (int k = 0; k < 2; k++)
      sum += sides[k]->tests > 0 ? root_flops(sides[k])
                                 : 3 * (double)sides[k]->n * (double)sides[k]->n;
  }
  return sum;
}

static double apply_flops(const void *self) {
  const kfac_curvature *c = self;
  double sum = 0;
  for (size_t i = 0; i < c->num_blocks; i++) {
    const kfac_block *b = &c->blocks[i];
    sum += symo_kfac_apply_flops(c, b);
  }
  return sum;
}

static void describe_side(symo_text *out, const char *what, const kfac_side *s) {
  symo_text_add(out, "%s %zu", what, s->n);
  if (s->identity) symo_text_add(out, " diagonal");
  if (s->tests > 0) symo_text_add(out, " of rank %zu", s->k);
}

static symo_status describe(const void *self, char **text) {
  const kfac_curvature *c = self;
  symo_text out = {0};
  for (size_t i = 0; i < c->num_blocks; i++) {
    const kfac_block *b = &c->blocks[i];
    symo_text_add(&out, "%s%s: ", c->layout->tensors[c->parts[b->first].tensor].name,
                  b->bias ? " with its bias" : "");
    describe_side(&out, "inputs", &b->a);
    describe_side(&out, ", outputs", &b->g);
    symo_text_add(&out, "%s\n", b->moments >= 0 ? ", moments of examples" : "");
  }
  return symo_text_finish(&out, c->context, text);
}

/* Every site by itself. */
static size_t parts(const void *self, size_t *part) {
  const kfac_curvature *c = self;
  for (size_t i = 0; i < c->num_blocks; i++)
    for (size_t p = c->blocks[i].first; p < c->blocks[i].first + c->blocks[i].num; p++)
      part[c->parts[p].tensor] = i;
  return c->num_blocks;
}

static bool key(const void *self, size_t entry, size_t index, char key[CURVATURE_KEY]) {
  const kfac_curvature *c = self;
  if (entry != SYMO_NONE) return false;
  (void)snprintf(key, CURVATURE_KEY, "%s",
                 c->layout->tensors[c->parts[c->blocks[index].first].tensor].name);
  return true;
}

const symo_curvature symo_curvature_kfac = {
    .name = "kfac",
    .summary = "a Kronecker product of layer statistics for every weight, from the problem",
    .sites = true,
    .keeps_roots = keeps_roots,
    .refuse = refuse,
    .create = create,
    .destroy = destroy,
    .num_entries = num_entries,
    .entry = entry,
    .work_bytes = work_bytes,
    .sums_bytes = symo_kfac_sums_bytes,
    .sums = symo_kfac_sums,
    .sums_reads = symo_kfac_sums_reads,
    .parts = parts,
    .key = key,
    .accumulate = symo_kfac_accumulate,
    .num_roots = num_roots,
    .refresh = symo_kfac_refresh,
    .apply = symo_kfac_apply,
    .describe = describe,
    .accumulate_flops = accumulate_flops,
    .refresh_flops = refresh_flops,
    .apply_flops = apply_flops,
};
