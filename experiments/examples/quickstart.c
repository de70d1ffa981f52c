#include <stdio.h>
#include <symo/symo.h>

int main(void) {
  double w[4][2] = {{.1, .4}, {-.3, .2}, {.5, -.1}, {.2, .3}}, b[4] = {.1, -.2, .3, .1};
  double dw[4][2], db[4]; /* your arrays, where they lie: nothing is copied */
  symo_const_vector gradient = {.dtype = SYMO_F64, .data = (const void *[]){w, b}};
  symo_vector step = {.dtype = SYMO_F64, .data = (void *[]){dw, db}};
  symo_context *context;
  symo_layout *layout;
  symo_plan *plan;
  symo_hessian *hessian;
  const char *text = "in: identity 2; h: signed-permutation 4; w[h,in] b[h]";
  if (symo_context_create(&context)) return 1;
  if (symo_layout_parse(context, text, &layout) || symo_plan_create(layout, NULL, &plan) ||
      symo_estimate(plan, NULL, 1, &gradient, NULL, &hessian) || /* NULL: h-g, of one gradient */
      symo_hessian_solve(hessian, 1e-3, gradient, step))
    return fprintf(stderr, "%s\n", symo_context_detail(context)), 1;
  printf("Newton step of b: %.6f %.6f ...\n", db[0], db[1]);
  symo_hessian_destroy(hessian);
  symo_plan_destroy(plan);
  symo_layout_destroy(layout);
  symo_context_destroy(context);
  return 0;
}
