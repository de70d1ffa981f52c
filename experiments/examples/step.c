#include <stdio.h>
#include <symo/symo.h>

/* Your gradient.  Here it is that of the sum over i of (w_i0 - 1)^2 + w_i1^2 + b_i^2. */
static void backward(double w[4][2], double b[4], double dw[4][2], double db[4]) {
  for (int i = 0; i < 4; i++) {
    dw[i][0] = 2 * (w[i][0] - 1);
    dw[i][1] = 2 * w[i][1];
    db[i] = 2 * b[i];
  }
}

int main(void) {
  double w[4][2] = {{.1, .4}, {-.3, .2}, {.5, -.1}, {.2, .3}}, b[4] = {.1, -.2, .3, .1};
  double dw[4][2], db[4]; /* your arrays, where they lie: nothing is copied */
  symo_vector parameters = {.dtype = SYMO_F64, .data = (void *[]){w, b}};
  symo_const_vector gradient = {.dtype = SYMO_F64, .data = (const void *[]){dw, db}};
  const char *layout = "in: identity 2; h: signed-permutation 4; w[h,in] b[h]";
  symo_optim_state *optim = NULL;
  char detail[SYMO_MAX_DETAIL];

  int failed = symo_optim_open(layout, "symo lr=0.03", SYMO_F64, &optim, detail);
  for (int step = 0; step < 100 && !failed; step++) {
    backward(w, b, dw, db);
    failed = symo_optim_step(optim, gradient, parameters, NULL);
  }
  if (failed)
    fprintf(stderr, "%s\n", optim == NULL ? detail : symo_optim_state_detail(optim));
  else
    printf("w[0]: %.3f %.3f, b[0]: %.3f\n", w[0][0], w[0][1], b[0]);
  symo_optim_state_destroy(optim);
  return failed != 0;
}
