/* Layouts, plans and estimates for tests; see world.h. */
#include "tests/support/world.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/linalg.h"

void symo_world_open(symo_world *w, uint64_t seed) {
  *w = (symo_world){.context = symo_test_context()};
  w->rng = symo_test_rng(w->context, seed);
}

static void name_layout(symo_world *w) {
  char *text;
  cr_ok(w->context, symo_layout_to_text(w->layout, &text));
  snprintf(w->text, sizeof w->text, "%s", text);
  symo_free(text);
  w->n = symo_layout_num_parameters(w->layout);
}

void symo_world_random(symo_world *w, unsigned groups, size_t elements, size_t parameters) {
  symo_world_drop(w);
  w->layout = oracle_random_layout(w->context, w->rng, groups, elements, parameters);
  name_layout(w);
}

void symo_world_parse(symo_world *w, const char *text) {
  symo_world_drop(w);
  cr_ok(w->context, symo_layout_parse(w->context, text, &w->layout));
  name_layout(w);
}

void symo_world_drop(symo_world *w) {
  symo_layout_destroy(w->layout);
  w->layout = NULL;
}

void symo_world_close(symo_world *w) {
  symo_world_drop(w);
  symo_rng_destroy(w->rng);
  symo_context_destroy(w->context);
  cr_no_leaks();
}

symo_plan *symo_world_plan(symo_world *w, symo_dtype dtype, symo_coupling coupling, bool centered) {
  symo_plan_spec spec = {dtype, coupling, centered};
  symo_plan *plan;
  cr_ok(w->context, symo_plan_create(w->layout, &spec, &plan));
  return plan;
}

/* M = random symmetric, or 1 + (spread) R'R / m: eigenvalues from 1 to about 10. */
static symo_hessian *from_random_blocks(symo_world *w, const symo_plan *plan, bool definite) {
  size_t labels = symo_plan_num_labels(plan);
  void **blocks = calloc(labels + 1, sizeof *blocks);
  symo_dtype t = symo_plan_dtype(plan);
  for (size_t l = 0; l < labels; l++) {
    symo_label_info info = symo_plan_label(plan, l);
    size_t m = info.multiplicity;
    if (info.dropped) continue;
    blocks[l] = malloc(info.count * m * m * sizeof(double));
    double *r = malloc(m * m * sizeof *r);
    for (size_t c = 0; c < info.count; c++) {
      symo_test_randn(w->rng, r, m * m);
      for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < m; j++) {
          double sum = i == j ? 1 : 0;
          for (size_t k = 0; k < m; k++) sum += 2 * r[k * m + i] * r[k * m + j] / (double)m;
          if (!definite) sum = i >= j ? r[i * m + j] : r[j * m + i];
          symo_put(t, blocks[l], (c * m + i) * m + j, sum);
        }
    }
    free(r);
  }
  symo_hessian *h;
  cr_ok(w->context, symo_hessian_from_blocks(plan, (const void *const *)blocks, &h));
  for (size_t l = 0; l < labels; l++) free(blocks[l]);
  free(blocks);
  return h;
}

symo_hessian *symo_world_indefinite(symo_world *w, const symo_plan *plan) {
  return from_random_blocks(w, plan, false);
}

symo_hessian *symo_world_definite(symo_world *w, const symo_plan *plan) {
  return from_random_blocks(w, plan, true);
}

symo_status symo_world_try(symo_world *w, const symo_test_case *how, const symo_test_batch *grads,
                           const symo_test_batch *params, symo_plan **plan, symo_hessian **out) {
  const symo_estimator *e = symo_estimator_find(how->estimator);
  symo_estimate_spec spec = {e, how->damping, how->scale};
  cr_assert(e != NULL, "no estimator %s", how->estimator);
  *plan = symo_world_plan(w, how->dtype, symo_estimator_coupling(e), how->centered);
  return symo_estimate(*plan, &spec, grads->count, grads->in, params == NULL ? NULL : params->in,
                       out);
}

symo_hessian *symo_world_estimate(symo_world *w, const symo_test_case *how,
                                  const symo_test_batch *grads, const symo_test_batch *params,
                                  symo_plan **plan) {
  symo_hessian *h = NULL;
  cr_ok(w->context, symo_world_try(w, how, grads, params, plan, &h));
  cr_assert_str_eq(symo_hessian_name(h), how->estimator);
  return h;
}

double *symo_world_dense(symo_world *w, const symo_test_case *how, const symo_test_batch *grads,
                         const symo_test_batch *params) {
  symo_plan *plan;
  symo_hessian *h = symo_world_estimate(w, how, grads, params, &plan);
  double *out = symo_dense_of(h);
  symo_hessian_destroy(h);
  symo_plan_destroy(plan);
  return out;
}

symo_layout *symo_test_letters(symo_context *context, const symo_group *group, size_t dim,
                               const char *tensors) {
  symo_layout *layout;
  cr_ok(context, symo_layout_create(context, &layout));
  cr_ok(context, symo_layout_add_space(layout, "h", dim, group));
  cr_ok(context, symo_layout_add_space(layout, "i", 2, symo_group_find("identity")));
  cr_ok(context, symo_layout_add_space(layout, "k", 3, symo_group_find("permutation")));
  for (char name[2] = "a"; *tensors; name[0]++) {
    char letters[SYMO_MAX_ORDER][2] = {{0}};
    const char *axes[SYMO_MAX_ORDER];
    size_t order = 0;
    for (; *tensors && *tensors != ' '; tensors++) {
      letters[order][0] = *tensors;
      axes[order] = letters[order];
      order++;
    }
    if (*tensors == ' ') tensors++;
    cr_ok(context, symo_layout_add_tensor(layout, name, order, axes));
  }
  return layout;
}
