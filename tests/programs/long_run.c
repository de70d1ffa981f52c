/* A million steps of small models: memory stays what it is, parameters finite and within bounds, and
 * the covariances that an optimizer keeps positive semi-definite.  Usage: long_run [STEPS]. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <symo/symo.h>

#include "core/alloc.h"
#include "core/linalg.h"

enum { SIZE = 4 * 3 + 4, TENSORS = 2, MOST = 64 };
static const char text[] = "i: identity 3; h: signed-permutation 4; w[h,i] b[h]";
static const char *const methods[] = {"shampoo lr=0.001 beta2=0.999", "symo-published lr=0.001",
                                      "adamw lr=0.001", "muon lr=0.001", "soap lr=0.001"};
enum { METHODS = sizeof methods / sizeof *methods };

/* Covariances of the state, of which the lower triangle is kept: finite, and no eigenvalue is
 * negative beyond rounding. */
static long seen; /* matrices that were looked at */
static int check_matrices(symo_optim_state *state, const char *method, long step) {
  int failures = 0;
  for (size_t e = 0; e < symo_optim_state_num_entries(state); e++) {
    const symo_state_entry entry = symo_optim_state_entry(state, e);
    const size_t n = entry.order >= 2 ? entry.shape[entry.order - 1] : 0;
    if (strstr(entry.name, "covariance") == NULL || n < 2 || n > MOST ||
        entry.shape[entry.order - 2] != n)
      continue;
    static double a[MOST * MOST], w[MOST], work[8 * MOST * MOST];
    double most = 0;
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j <= i; j++) {
        a[i * n + j] = a[j * n + i] = symo_get(entry.dtype, entry.data, i * n + j);
        most = fmax(most, fabs(a[i * n + j]));
      }
    const bool sound = isfinite(most) && symo_eigvalsh(SYMO_F64, n, a, w, work) == SYMO_OK;
    seen++;
    if (!sound || !(w[0] >= -1e-12 * fmax(w[n - 1], 0))) {
      printf("%s, step %ld: %s: entries up to %g, eigenvalues from %g to %g\n", method, step,
             entry.name, most, w[0], w[n - 1]);
      failures++;
    }
  }
  return failures;
}

/* Gradients of |theta - target|^2 / 2 with noise. */
static int walk(const char *method, long steps) {
  symo_optim_state *state = NULL;
  double theta[SIZE] = {0}, g[SIZE], target[SIZE], largest = 0;
  const void *grads[TENSORS];
  void *params[TENSORS];
  char detail[SYMO_MAX_DETAIL];
  symo_layout *layout = NULL;
  uint64_t x = 88172645463325252u;
  int failures = 0;
  if (symo_optim_open(text, method, SYMO_F64, &state, detail) != SYMO_OK ||
      symo_layout_parse(NULL, text, &layout) != SYMO_OK) {
    printf("%s: %s\n", method, detail);
    return 1;
  }
  symo_layout_split(layout, SYMO_F64, theta, params);
  symo_layout_split_const(layout, SYMO_F64, g, grads);
  for (size_t i = 0; i < SIZE; i++) target[i] = 1 - (double)i / 8;
  const size_t bytes = symo_alloc_live_bytes(), calls = symo_alloc_calls();
  for (long t = 0; t < steps && failures == 0; t++) {
    for (size_t i = 0; i < SIZE; i++) {
      x ^= x << 13, x ^= x >> 7, x ^= x << 17;
      g[i] = theta[i] - target[i] + (double)(x >> 11) / 9007199254740992.0 - 0.5;
    }
    if (symo_optim_step(state, symo_const_vector_of(SYMO_F64, grads),
                        symo_vector_of(SYMO_F64, params), NULL) != SYMO_OK) {
      printf("%s, step %ld: %s\n", method, t, symo_optim_state_detail(state));
      failures++;
    }
    for (size_t i = 0; i < SIZE; i++) largest = fmax(largest, isnan(theta[i]) ? INFINITY : fabs(theta[i]));
    if (t % (steps / 10 + 1) == 0) failures += check_matrices(state, method, t);
  }
  failures += check_matrices(state, method, steps);
  if (symo_alloc_live_bytes() != bytes || symo_alloc_calls() != calls) {
    printf("%s: %zu bytes are held, and were %zu\n", method, symo_alloc_live_bytes(), bytes);
    failures++;
  }
  double off = 0;
  for (size_t i = 0; i < SIZE; i++) off = fmax(off, fabs(theta[i] - target[i]));
  if (!(largest < 10) || !(off < 2)) {
    printf("%s: parameters up to %g, and %g from where they should be\n", method, largest, off);
    failures++;
  }
  printf("%-32s %ld steps, %zu bytes throughout, %.3f from the minimum\n", method, steps, bytes, off);
  symo_layout_destroy(layout);
  symo_optim_state_destroy(state);
  return failures;
}

int main(int argc, char **argv) {
  const long steps = argc > 1 ? strtol(argv[1], NULL, 10) : 1000000;
  int failures = symo_set_threads(1) != SYMO_OK;
  for (size_t m = 0; m < METHODS; m++) failures += walk(methods[m], steps);
  if (seen < 8) failures++, printf("only %ld matrices were looked at\n", seen);
  printf("%ld matrices looked at\n", seen);
  if (symo_alloc_live_blocks() != 0) printf("%zu blocks are left\n", symo_alloc_live_blocks());
  return failures != 0 || symo_alloc_live_blocks() != 0;
}
