/* Failure paths: bad arguments, and memory that runs out at every place. */
#include <math.h>
#include <stdlib.h>

#include "core/linalg.h"
#include "tests/support/world.h"

static const char net[] =
    "i: identity 2; h: signed-permutation 3; p: permutation 3; f: sign-flip 2;"
    "o: orthogonal 2; w[h,i] b[h] v[p,h] c[p] r[p,p] d[f,o,o] s[]";

/* One of everything. */
typedef struct stage {
  symo_world w;
  symo_plan *plan;
  symo_hessian *h;
  symo_test_batch x;
  symo_element *g;
} stage;

static void open_stage(stage *s) {
  symo_world_open(&s->w, 111);
  symo_world_parse(&s->w, net);
  s->plan = symo_world_plan(&s->w, SYMO_F64, SYMO_COUPLED, false);
  s->h = symo_world_definite(&s->w, s->plan);
  s->x = symo_test_batch_make(s->w.layout, SYMO_F64, s->w.rng, 3);
  cr_ok(s->w.context, symo_element_create(s->w.layout, &s->g));
}

static void close_stage(stage *s) {
  symo_element_destroy(s->g);
  symo_test_batch_free(&s->x);
  symo_hessian_destroy(s->h);
  symo_plan_destroy(s->plan);
  symo_world_close(&s->w);
}

/* ---- memory -----------------------------------------------------------------------------------
 */

static symo_status keep(symo_status status, symo_hessian *const *h) {
  cr_assert((*h != NULL) == (status == SYMO_OK), "*out is written on success only");
  symo_hessian_destroy(*h);
  return status;
}

static symo_status do_estimate(stage *s, const char *name, bool scale) {
  symo_estimate_spec spec = {symo_estimator_find(name), 0, scale};
  symo_hessian *h = NULL;
  return keep(symo_estimate(s->plan, &spec, 2, s->x.in, s->x.in + 1, &h), &h);
}

static symo_status estimate_h_g(void *s) { return do_estimate(s, "h-g", true); }
static symo_status estimate_h_pd(void *s) { return do_estimate(s, "h-pd", false); }
static symo_status estimate_h_star(void *s) { return do_estimate(s, "h-star", false); }
static symo_status estimate_one(void *self) {
  stage *s = self;
  symo_hessian *h = NULL;
  return keep(symo_estimate(s->plan, NULL, 1, s->x.in, NULL, &h), &h);
}

/* Where work space is refused the message says how much it is: here some kilobytes. */
Test(failures, work_space_that_is_refused_is_told) {
  stage s;
  bool told = false;
  open_stage(&s);
  for (long n = 0;; n++) {
    symo_alloc_fail_after(n);
    const symo_status status = estimate_one(&s);
    symo_alloc_fail_after(-1);
    if (status == SYMO_OK) break;
    const char *detail = symo_context_detail(s.w.context);
    if (strstr(detail, "work space") == NULL) continue;
    cr_assert(strstr(detail, "for 0.000 GiB of work space") != NULL, "%s", detail);
    told = true;
  }
  cr_assert(told);
  close_stage(&s);
}

static symo_status layout_parse(void *self) {
  stage *s = self;
  symo_layout *out = NULL;
  symo_status status = symo_layout_parse(s->w.context, net, &out);
  cr_assert((out != NULL) == (status == SYMO_OK));
  symo_layout_destroy(out);
  return status;
}

static symo_status layout_build(void *self) {
  stage *s = self;
  symo_layout *out = NULL;
  char name[] = "s0";
  const char *const axes[] = {"sa", "sb"};
  symo_status status = symo_layout_create(s->w.context, &out);
  for (int i = 0; status == SYMO_OK && i < 20; i++) {
    name[1] = (char)('a' + i);
    status = symo_layout_add_space(out, name, 2, symo_group_find("permutation"));
  }
  for (int i = 0; status == SYMO_OK && i < 20; i++) {
    name[1] = (char)('a' + i);
    status = symo_layout_add_tensor(out, name, 2, axes);
  }
  symo_layout_destroy(out);
  return status;
}

static symo_status layout_text(void *self) {
  stage *s = self;
  char *out = NULL;
  symo_status status = symo_layout_to_text(s->w.layout, &out);
  cr_assert((out != NULL) == (status == SYMO_OK));
  symo_free(out);
  return status;
}

static symo_status plan_create(void *self) {
  stage *s = self;
  symo_status status = SYMO_OK;
  for (int blocked = 0; status == SYMO_OK && blocked < 2; blocked++) {
    symo_plan_spec spec = {SYMO_F64, blocked ? SYMO_BLOCKED : SYMO_COUPLED, true};
    symo_plan *out = NULL;
    status = symo_plan_create(s->w.layout, &spec, &out);
    cr_assert((out != NULL) == (status == SYMO_OK));
    symo_plan_destroy(out);
  }
  return status;
}

static symo_status plan_describe(void *self) {
  stage *s = self;
  char *out = NULL;
  symo_status status = symo_plan_describe(s->plan, &out);
  cr_assert((out != NULL) == (status == SYMO_OK));
  symo_free(out);
  return status;
}

static symo_status plan_mean(void *self) {
  stage *s = self;
  return symo_plan_mean(s->plan, s->x.in[0], symo_test_out(&s->x.vectors[2]));
}

static symo_status reynolds(void *self) {
  stage *s = self;
  symo_hessian *h = NULL;
  double *a = symo_dense_identity(s->w.n, 1);
  symo_status status = symo_reynolds(s->plan, a, &h);
  free(a);
  return keep(status, &h);
}

static symo_status identity(void *self) {
  symo_hessian *h = NULL;
  return keep(symo_hessian_identity(((stage *)self)->plan, 2, &h), &h);
}

static symo_status power(void *self) {
  symo_hessian *h = NULL;
  return keep(symo_hessian_power(((stage *)self)->h, -0.3, 0.1, &h), &h);
}

static symo_status absolute(void *self) {
  symo_hessian *h = NULL;
  return keep(symo_hessian_abs(((stage *)self)->h, &h), &h);
}

static symo_status sum(void *self) {
  symo_hessian *h = NULL;
  return keep(symo_hessian_add(1, ((stage *)self)->h, 1, ((stage *)self)->h, &h), &h);
}

static symo_status solve(void *self) {
  stage *s = self;
  return symo_hessian_solve(s->h, 0.1, s->x.in[0], symo_test_out(&s->x.vectors[2]));
}

static symo_status matvec(void *self) {
  stage *s = self;
  return symo_hessian_matvec(s->h, s->x.in[0], symo_test_out(&s->x.vectors[2]));
}

static symo_status diagonal(void *self) {
  stage *s = self;
  return symo_hessian_diagonal(s->h, symo_test_out(&s->x.vectors[2]));
}

static symo_status sample(void *self) {
  stage *s = self;
  return symo_hessian_sample(s->h, 0.1, s->w.rng, symo_test_out(&s->x.vectors[2]));
}

static symo_status dense(void *self) {
  stage *s = self;
  double *a = symo_dense_new(s->w.n, s->w.n);
  symo_status status = symo_hessian_dense(s->h, a);
  free(a);
  return status;
}

static symo_status block(void *self) {
  double a[64];
  return symo_hessian_block(((stage *)self)->h, 0, 1, a);
}

static symo_status logdet(void *self) {
  double out;
  return symo_hessian_logdet(((stage *)self)->h, 0, &out);
}

static symo_status eigenvalues(void *self) {
  size_t count = 0, *multiplicities = NULL;
  double *values = NULL;
  symo_status status =
      symo_hessian_eigenvalues(((stage *)self)->h, &count, &values, &multiplicities);
  cr_assert((values != NULL) == (status == SYMO_OK) && (count > 0) == (status == SYMO_OK));
  symo_free(values);
  symo_free(multiplicities);
  return status;
}

static symo_status describe(void *self) {
  char *out = NULL;
  symo_status status = symo_hessian_describe(((stage *)self)->h, &out);
  cr_assert((out != NULL) == (status == SYMO_OK));
  symo_free(out);
  return status;
}

static symo_status element(void *self) {
  stage *s = self;
  symo_element *g = NULL;
  symo_status status = symo_element_create(s->w.layout, &g);
  if (status == SYMO_OK) status = symo_element_sample(g, s->w.rng);
  if (status == SYMO_OK) status = symo_element_act(g, s->x.in[0], symo_test_out(&s->x.vectors[2]));
  symo_element_destroy(g);
  return status;
}

static symo_status generator(void *self) {
  symo_rng *rng = NULL;
  symo_status status = symo_rng_create(((stage *)self)->w.context, 1, &rng);
  symo_rng_destroy(rng);
  return status;
}

static const struct {
  const char *name;
  symo_status (*operation)(void *self);
} operations[] = {{"estimate h-g with scale", estimate_h_g},
                  {"estimate h-pd", estimate_h_pd},
                  {"estimate h-star", estimate_h_star},
                  {"estimate from one gradient", estimate_one},
                  {"layout parse", layout_parse},
                  {"layout build", layout_build},
                  {"layout to text", layout_text},
                  {"plan create", plan_create},
                  {"plan describe", plan_describe},
                  {"plan mean", plan_mean},
                  {"reynolds", reynolds},
                  {"identity", identity},
                  {"power", power},
                  {"abs", absolute},
                  {"add", sum},
                  {"solve", solve},
                  {"matvec", matvec},
                  {"diagonal", diagonal},
                  {"sample", sample},
                  {"dense", dense},
                  {"block", block},
                  {"logdet", logdet},
                  {"eigenvalues", eigenvalues},
                  {"describe", describe},
                  {"element", element},
                  {"generator", generator}};

Test(failures, memory_may_run_out_anywhere) {
  stage s;
  open_stage(&s);
  for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
    size_t taken = symo_test_allocations(operations[i].operation, &s);
    cr_assert(taken >= 1, "%s takes no memory", operations[i].name);
    symo_alloc_fail_after(0);
    cr_assert_eq(operations[i].operation(&s), SYMO_E_MEMORY);
    symo_alloc_fail_after(-1);
    cr_assert(strstr(symo_context_detail(s.w.context), "memory") != NULL, "%s: \"%s\"",
              operations[i].name, symo_context_detail(s.w.context));
  }
  close_stage(&s);
}
