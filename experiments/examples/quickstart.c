#include <stdio.h>
#include <symo/symo.h>

int main(void) {
  double w[4][2] = {{.1, .4}, {-.3, .2}, {.5, -.1}, {.2, .3}}, b[4] = {.1, -.2, .3, .1};
  double dw[4][2], db[4];
  symo_const_vector gradient = {.dtype = SYMO_F64, .data = (const void *[]){w, b}};
  symo_vector step = {.dtype = SYMO_F64, .data = (void *[]){dw, db}};
  const char *layout = "in: identity 2; h: signed-permutation 4; w[h,in] b[h]";
  symo_hessian *hessian = NULL;
  char detail[SYMO_MAX_DETAIL];

  int failed = symo_hessian_open(layout, "h-g", gradient, NULL, &hessian, detail) ||
               symo_hessian_solve(hessian, 1e-3, gradient, step);
  if (failed)
    fprintf(stderr, "%s\n", hessian == NULL ? detail : symo_hessian_detail(hessian));
  else
    printf("Newton step of b: %.6f %.6f ...\n", db[0], db[1]);
  symo_hessian_destroy(hessian);
  return failed;
}
