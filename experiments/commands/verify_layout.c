/* symo verify --layout: closed forms against sampling from the group.
 *
 * Fixed normal vectors x and y, and N elements g drawn by Haar measure.  In closed form the average
 * of S(g) = (a b' + b a') / 2, a = rho(g) x, b = rho(g) y, is A = (C(x + y) - C(x - y)) / 4, where
 * C(v) is the covariance estimate from the gradient v; that of a is the orbit mean of x.  For each
 * pair of tensors s <= t and probes k = 1 .. K, with fixed normal u_k on s and v_k on t, the mean
 * of q = u_k' S v_k over the sample is set against u_k' A v_k in units of its standard error.  On
 * few parameters every entry of S is looked at as well. */
#include "experiments/commands/sampling.h"

#include "experiments/commands/verify.h"
#include "experiments/inputs/tensors.h"

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const double threshold = 5;

/* ---- the closed forms ---- */

static symo_status covariance(const symo_plan *plan, const double *v, symo_hessian **out) {
  const symo_layout *layout = symo_plan_layout(plan);
  const void **data = symo_calloc(symo_layout_num_tensors(layout), sizeof *data);
  if (!data) return SYMO_E_MEMORY;
  symo_layout_split_const(layout, SYMO_F64, v, data);
  symo_estimate_spec spec = symo_estimate_spec_default();
  spec.estimator = symo_estimator_find("covariance");
  symo_const_vector grad = symo_const_vector_of(SYMO_F64, data);
  symo_status status = symo_estimate(plan, &spec, 1, &grad, NULL, out);
  symo_free(data);
  return status;
}

/* A, by polarisation. */
static symo_status closed_form(const symo_plan *plan, const double *x, const double *y,
                               symo_hessian **out) {
  symo_status status = SYMO_OK;
  symo_hessian *plus = NULL, *minus = NULL;
  size_t n = symo_layout_num_parameters(symo_plan_layout(plan));
  double *v = symo_calloc(n, sizeof *v);
  if (!v) SYMO_TRY(SYMO_E_MEMORY);
  for (size_t i = 0; i < n; i++) v[i] = x[i] + y[i];
  SYMO_TRY(covariance(plan, v, &plus));
  for (size_t i = 0; i < n; i++) v[i] = x[i] - y[i];
  SYMO_TRY(covariance(plan, v, &minus));
  SYMO_TRY(symo_hessian_add(0.25, plus, -0.25, minus, out));
fail:
  symo_free(v);
  symo_hessian_destroy(plus);
  symo_hessian_destroy(minus);
  return status;
}

/* ---- answers ---- */

static const char *tensor(const sampling *s, size_t t) {
  return symo_layout_tensor_name(s->layout, t);
}

static int print_json(cli *c, const sampling *s, const sampling_result *r, bool pass) {
  json_t *o = json_object(), *blocks = json_array(), *means = json_array();
  for (size_t b = 0; b < s->num_blocks; b++) {
    json_t *block = json_object();
    cli_set(c, block, "row", json_string(tensor(s, s->blocks[b].row)));
    cli_set(c, block, "column", json_string(tensor(s, s->blocks[b].column)));
    cli_set(c, block, "deviation", cli_number(r->blocks[b]));
    cli_push(c, blocks, block);
  }
  for (size_t t = 0; t < s->num_tensors; t++) {
    json_t *mean = json_object();
    cli_set(c, mean, "tensor", json_string(tensor(s, t)));
    cli_set(c, mean, "deviation", cli_number(r->means[t]));
    cli_push(c, means, mean);
  }
  cli_set(c, o, "pass", json_boolean(pass));
  cli_set(c, o, "samples", cli_count((double)s->samples));
  cli_set(c, o, "seed", cli_count((double)cli_int(c, "seed")));
  cli_set(c, o, "parameters", cli_count((double)s->size));
  cli_set(c, o, "probes", cli_count((double)s->probes));
  cli_set(c, o, "threshold", cli_number(threshold));
  cli_set(c, o, "largest_deviation", cli_number(r->largest));
  cli_set(c, o, "blocks", blocks);
  cli_set(c, o, "means", means);
  json_t *entries = s->dense ? json_object() : json_null();
  if (s->dense) {
    cli_set(c, entries, "tested", cli_count((double)s->num_entries));
    cli_set(c, entries, "deviation", cli_number(r->entries));
    cli_set(c, entries, "threshold", cli_number(sampling_threshold(s->num_entries, threshold)));
  }
  cli_set(c, o, "entries", entries);
  return cli_print_json(c, o);
}

enum { SHOWN = 40 };

typedef struct line {
  size_t block;
  double deviation;
} line;

/* Worst first; equal ones in the order of the layout. */
static int by_deviation(const void *a, const void *b) {
  const line *x = a, *y = b;
  if (x->deviation != y->deviation) return x->deviation < y->deviation ? 1 : -1;
  return x->block < y->block ? -1 : x->block > y->block;
}

static int print_text(cli *c, const sampling *s, const sampling_result *r, bool pass) {
  line *lines = symo_calloc(s->num_blocks, sizeof *lines);
  if (!lines) return cli_fail_status(c, symo_fail_memory(cli_context(c), "verify"));
  for (size_t b = 0; b < s->num_blocks; b++) lines[b] = (line){b, r->blocks[b]};
  qsort(lines, s->num_blocks, sizeof *lines, by_deviation);
  printf("%zu %s, %zu %s drawn, %zu %s for each pair of tensors\n\n", s->size,
         symo_plural(s->size, "parameter", "parameters"), s->samples,
         symo_plural(s->samples, "element", "elements"), s->probes,
         symo_plural(s->probes, "probe", "probes"));
  printf("largest deviation from the closed form, in standard errors\n");
  for (size_t i = 0; i < s->num_blocks && i < SHOWN; i++) {
    const sampling_block *b = &s->blocks[lines[i].block];
    printf("  %7.2f  %s x %s\n", lines[i].deviation, tensor(s, b->row), tensor(s, b->column));
  }
  if (s->num_blocks > SHOWN)
    printf("  and %zu %s with smaller ones (--json prints all)\n", s->num_blocks - SHOWN,
           symo_plural(s->num_blocks - SHOWN, "pair", "pairs"));
  for (size_t t = 0; t < s->num_tensors && t < SHOWN; t++)
    printf("  %7.2f  mean of %s\n", r->means[t], tensor(s, t));
  if (s->dense)
    printf("  %7.2f  all %zu %s (bound for so many: %.2f)\n", r->entries, s->num_entries,
           symo_plural(s->num_entries, "entry", "entries"),
           sampling_threshold(s->num_entries, threshold));
  printf("\n%s: the largest is %.2f, the bound %.0f\n", pass ? "PASS" : "FAIL", r->largest,
         threshold);
  symo_free(lines);
  return CLI_DONE;
}

/* ---- running ---- */

static symo_status draw(cli *c, sampling *s, symo_element *element, symo_rng *rng) {
  symo_status status = SYMO_OK;
  double shown = cli_seconds();
  for (size_t i = 0; i < s->samples; i++) {
    SYMO_TRY(symo_element_sample(element, rng));
    SYMO_TRY(sampling_add(s, element));
    if (cli_seconds() - shown < 0.2) continue;
    shown = cli_seconds();
    cli_progress(c, "verify: %zu of %zu %s", i + 1, s->samples,
                 symo_plural(s->samples, "element", "elements"));
  }
fail:
  cli_progress_end(c);
  return status;
}

static symo_status compute(cli *c, symo_layout *layout, sampling *s, sampling_result *r) {
  symo_status status = SYMO_OK;
  symo_plan *plan = NULL;
  symo_hessian *hessian = NULL;
  symo_element *element = NULL;
  symo_rng *rng = NULL;
  symo_plan_spec spec = symo_plan_spec_default();
  spec.dtype = SYMO_F64;
  SYMO_TRY(symo_plan_create(layout, &spec, &plan));
  SYMO_TRY(symo_rng_create(cli_context(c), (uint64_t)cli_int(c, "seed"), &rng));
  SYMO_TRY(symo_element_create(layout, &element));
  SYMO_TRY(sampling_create(cli_context(c), plan, verify_samples(c, VERIFY_LAYOUT_SAMPLES), rng, s));
  SYMO_TRY(closed_form(plan, s->x, s->y, &hessian));
  SYMO_TRY(draw(c, s, element, rng));
  SYMO_TRY(sampling_compare(s, plan, hessian, r));
fail:
  symo_rng_destroy(rng);
  symo_element_destroy(element);
  symo_hessian_destroy(hessian);
  symo_plan_destroy(plan);
  return status;
}

int verify_layout(cli *c) {
  symo_layout *layout = NULL;
  int code = cli_open_layout(c, &layout);
  if (code != CLI_DONE) return code;
  sampling s = {0};
  sampling_result r = {0};
  symo_status status = compute(c, layout, &s, &r);
  if (status != SYMO_OK) {
    code = cli_fail_status(c, status);
  } else {
    bool bound = !s.dense || r.entries <= sampling_threshold(s.num_entries, threshold);
    bool pass = r.largest <= threshold && bound;
    code = cli_json(c) ? print_json(c, &s, &r, pass) : print_text(c, &s, &r, pass);
    if (code == CLI_DONE && !pass) code = CLI_NO;
  }
  sampling_drop(&s, &r);
  symo_layout_destroy(layout);
  return code;
}
