/* A model of one's own: loss, gradient and Hessian-vector product in a table, from which come the
 * exact Hessian and its average over the group.  Here units that see each other only through their
 * sum, L = sum_i t_i^4 / 4 + (sum_i t_i)^2 / 2: permuting the units changes nothing, so near equal
 * parameters the average over the permutations is the Hessian itself. */
#include <math.h>
#include <stdio.h>
#include <symo/symo.h>

enum { UNITS = 6 };

static double total(const double *t) {
  double sum = 0;
  for (int i = 0; i < UNITS; i++) sum += t[i];
  return sum;
}

static symo_status loss(void *self, const void *theta, double *out) {
  const double *t = theta;
  (void)self;
  *out = 0.5 * total(t) * total(t);
  for (int i = 0; i < UNITS; i++) *out += 0.25 * pow(t[i], 4);
  return SYMO_OK;
}

static symo_status gradient(void *self, const void *theta, double *value, void *grad) {
  const double *t = theta;
  double *g = grad;
  for (int i = 0; i < UNITS; i++) g[i] = pow(t[i], 3) + total(t);
  return value == NULL ? SYMO_OK : loss(self, theta, value);
}

static symo_status hvp(void *self, const void *theta, size_t k, const void *v, void *hv) {
  const double *t = theta, *x = v;
  double *y = hv;
  (void)self;
  for (size_t d = 0; d < k; d++, x += UNITS, y += UNITS)
    for (int i = 0; i < UNITS; i++) y[i] = 3 * t[i] * t[i] * x[i] + total(x);
  return SYMO_OK;
}

/* Distance of the exact Hessian at theta from its average over the permutations. */
static symo_status distance(symo_context *context, const symo_plan *plan, const double *theta,
                            double *out) {
  symo_problem problem = {.name = "sums", .size = UNITS, .dtype = SYMO_F64};
  double exact[UNITS * UNITS], averaged[UNITS * UNITS], difference = 0, norm = 0;
  symo_hessian *average;
  problem.loss = loss;
  problem.gradient = gradient;
  problem.hvp = hvp;
  symo_status status = symo_problem_hessian(context, &problem, theta, exact);
  if (status == SYMO_OK) status = symo_reynolds(plan, exact, &average);
  if (status != SYMO_OK) return status;
  status = symo_hessian_dense(average, averaged);
  symo_hessian_destroy(average);
  for (int i = 0; i < UNITS * UNITS; i++) {
    difference += pow(exact[i] - averaged[i], 2);
    norm += exact[i] * exact[i];
  }
  *out = sqrt(difference / norm);
  return status;
}

int main(void) {
  double equal[UNITS] = {.5, .5, .5, .5, .5, .5}, apart[UNITS] = {.1, .9, .5, -.3, 1.2, .4}, d[2];
  symo_context *context;
  symo_layout *layout = NULL;
  symo_plan *plan = NULL;
  if (symo_context_create(&context)) return 1;
  int failed = symo_layout_parse(context, "units: permutation 6; t[units]", &layout) ||
               symo_plan_create(layout, NULL, &plan) || distance(context, plan, equal, &d[0]) ||
               distance(context, plan, apart, &d[1]);
  if (failed)
    fprintf(stderr, "%s\n", symo_context_detail(context));
  else
    printf("|H - average of H| / |H|: %.3f at equal parameters, %.3f apart\n", d[0], d[1]);
  symo_plan_destroy(plan);
  symo_layout_destroy(layout);
  symo_context_destroy(context);
  return failed;
}
