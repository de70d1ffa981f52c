/* Checks that the M of labels of complex or quaternionic type are real forms of Hermitian matrices,
 * that is, that they commute with the group.
 *
 * The coordinates X~ = [X, JX, ..] of all vectors form a subspace, and X~ M must be in this
 * subspace.  It suffices, with probability one, to test a random vector: scattering and gathering
 * X~ M projects it to the subspace and must not change it. */
#include <math.h>

#include "core/alloc.h"
#include "core/error.h"
#include "hessian/hessian.h"

typedef struct workspace {
  double *flat; /* [P] of the plan's dtype, in fact */
  void **data;
  void *before, *after; /* coordinates */
  char *scratch;
} workspace;

/* |X~ M - its projection| / |X~ M| for one label. */
static double defect(const symo_hessian *h, size_t label, symo_rng *rng, const workspace *r) {
  const symo_plan *plan = h->plan;
  const plan_label *l = &plan->labels[label];
  symo_dtype t = plan->dtype;
  size_t p = plan->layout->parameters, rows = symo_label_rows(l), m = l->m;
  size_t all = l->num_rows > 0 ? l->row[0] : 1;
  symo_vector x = symo_vector_of(t, r->data);
  arena scratch = {.base = r->scratch};
  for (size_t i = 0; i < p; i++) symo_put(t, r->flat, i, symo_rng_normal(rng));
  symo_label_gather(plan, l, symo_vector_const(x), 0, all, r->after, &scratch);
  for (size_t c = 0; c < l->count; c++) {
    ptrdiff_t at = (ptrdiff_t)(c * l->ambient * m);
    symo_gemm(t, 1, symo_mat_dense(symo_at(t, r->after, at), l->ambient, m),
              symo_mat_dense(symo_hessian_member(h, label, c), m, m), 0,
              symo_mat_dense(symo_at(t, r->before, at), l->ambient, m));
  }
  for (size_t i = 0; i < p; i++) symo_put(t, r->flat, i, 0);
  symo_label_scatter(plan, l, r->before, x, &scratch);
  symo_label_gather(plan, l, symo_vector_const(x), 0, all, r->after, &scratch);
  double norm = symo_nrm2(t, rows * m, r->before);
  symo_axpy(t, rows * m, -1, r->before, r->after);
  return norm > 0 ? symo_nrm2(t, rows * m, r->after) / norm : 0;
}

symo_status symo_hessian_check_structure(const symo_hessian *h, const char *what) {
  const symo_plan *plan = h->plan;
  size_t item = symo_dtype_size(plan->dtype), coordinates = 0, scratch = 0;
  for (size_t i = 0; i < plan->num_labels; i++) {
    const plan_label *l = &plan->labels[i];
    if (l->type == 1 || l->dropped) continue;
    size_t bytes = symo_padded(symo_label_rows(l) * l->m * item);
    size_t gather = symo_gather_scratch(plan, l, l->num_rows > 0 ? l->row[0] : 1);
    size_t scatter = symo_scatter_scratch(plan, l);
    coordinates = bytes > coordinates ? bytes : coordinates;
    scratch = gather > scratch ? gather : scratch;
    scratch = scatter > scratch ? scatter : scratch;
  }
  if (coordinates == 0) return SYMO_OK; /* all of real type */
  symo_status status;
  symo_rng *rng = NULL;
  workspace r = {.flat = symo_malloc(plan->layout->parameters * item + 64),
                 .data = symo_malloc(plan->layout->num_tensors * sizeof *r.data),
                 .before = symo_malloc(2 * coordinates),
                 .scratch = symo_malloc(scratch)};
  if (r.flat == NULL || r.data == NULL || r.before == NULL || r.scratch == NULL)
    SYMO_TRY(symo_fail_memory(plan->context, what));
  r.after = (char *)r.before + coordinates;
  SYMO_TRY(symo_rng_create(plan->context, 1, &rng));
  symo_layout_split(plan->layout, plan->dtype, r.flat, r.data);
  for (size_t i = 0; i < plan->num_labels; i++) {
    const plan_label *l = &plan->labels[i];
    if (l->type == 1 || l->dropped) continue;
    double off = defect(h, i, rng, &r);
    if (!(off <= 100 * sqrt(symo_epsilon(plan->dtype))))
      SYMO_TRY(symo_fail(plan->context, SYMO_E_ARGUMENT,
                         "%s: label %s: M is not the real form of a Hermitian matrix: off by %.1e "
                         "(take it from symo_hessian_blocks of the same layout)",
                         what, l->name, off));
  }
fail:
  symo_rng_destroy(rng);
  symo_free(r.flat);
  symo_free(r.data);
  symo_free(r.before);
  symo_free(r.scratch);
  return status;
}
