/* Sums of statistics of a site (symo/factors.h): cleared, and joined, each number of them. */
#include <stdio.h>
#include <symo/factors.h>
#include <unistd.h>

#include "core/linalg.h"
#include "tests/support/testing.h"

enum { OUTPUTS = 2, INPUTS = 3, ROWS = INPUTS + 1, ROOM = ROWS * ROWS };

typedef struct arrays {
  double inputs[ROOM], outputs[ROOM], moments[ROOM];
} arrays;

static symo_factor_sums fill(symo_dtype dtype, double first, bool moments, arrays *a) {
  for (size_t i = 0; i < ROOM; i++) {
    symo_put(dtype, a->inputs, i, first + (double)i);
    symo_put(dtype, a->outputs, i, first - 3 * (double)i);
    symo_put(dtype, a->moments, i, 3 * first + (double)i);
  }
  return (symo_factor_sums){.dtype = dtype,
                            .bias = true,
                            .inputs = a->inputs,
                            .outputs = a->outputs,
                            .moments = moments ? a->moments : NULL,
                            .input_count = first,
                            .output_count = 2 * first,
                            .input_trace = 5 * first,
                            .output_trace = 7 * first};
}

Test(factors, sums_are_joined_and_cleared) {
  const symo_factor_site site = {.outputs = OUTPUTS, .inputs = INPUTS, .bias = 6};
  for (int dtype = SYMO_F32; dtype <= SYMO_F64; dtype++)
    for (int moments = 0; moments < 2; moments++) {
      const symo_dtype t = (symo_dtype)dtype;
      arrays a, b;
      symo_factor_sums sums = fill(t, 10, moments, &a), more = fill(t, 1, true, &b);
      symo_factor_sums_join(&site, &sums, &more);
      for (size_t i = 0; i < ROOM; i++) {
        const double at = (double)i;
        const bool is_moment = moments && i < OUTPUTS * ROWS, is_output = i < OUTPUTS * OUTPUTS;
        cr_assert(symo_get(t, a.inputs, i) == 11 + 2 * at);
        cr_assert(symo_get(t, a.outputs, i) == (is_output ? 11 - 6 * at : 10 - 3 * at));
        cr_assert(symo_get(t, a.moments, i) == (is_moment ? 33 + 2 * at : 30 + at));
        cr_assert(symo_get(t, b.inputs, i) == 1 + at, "what is added stays");
      }
      cr_assert(sums.input_count == 11 && sums.output_count == 22);
      cr_assert(sums.input_trace == 55 && sums.output_trace == 77);
      symo_factor_sums_clear(&site, &sums);
      for (size_t i = 0; i < ROOM; i++) {
        cr_assert(symo_get(t, a.inputs, i) == 0);
        cr_assert((symo_get(t, a.outputs, i) == 0) == (i < OUTPUTS * OUTPUTS));
        cr_assert((symo_get(t, a.moments, i) == 0) == (moments && i < OUTPUTS * ROWS));
      }
      cr_assert(sums.input_count == 0 && sums.output_count == 0);
      cr_assert(sums.input_trace == 0 && sums.output_trace == 0);
    }
}

/* A site without numbers adds none, and neither the library nor BLAS says anything. */
Test(factors, sums_of_a_site_without_numbers) {
  const symo_factor_site site = {.bias = SYMO_NONE};
  const double number = 1;
  const symo_factor_rows rows = {
      .examples = 2, .repeats = 3, .inputs = &number, .outputs = &number};
  const int before[] = {dup(1), dup(2)};
  FILE *said = tmpfile();
  cr_assert(said != NULL && dup2(fileno(said), 1) == 1 && dup2(fileno(said), 2) == 2);
  for (int sharing = SYMO_SHARING_EXPAND; sharing <= SYMO_SHARING_REDUCE; sharing++)
    for (int dtype = SYMO_F32; dtype <= SYMO_F64; dtype++) {
      arrays a;
      symo_factor_sums sums = fill((symo_dtype)dtype, 0, false, &a);
      sums.bias = false, sums.sharing = (symo_sharing)sharing;
      cr_ok(NULL, symo_factor_sums_add(NULL, &site, &sums, &rows));
      cr_assert(sums.input_count == (sharing == SYMO_SHARING_REDUCE ? 2 : 6));
      cr_assert(sums.output_count == 2);
      cr_assert(symo_get((symo_dtype)dtype, a.inputs, 0) == 0);
      cr_assert(symo_get((symo_dtype)dtype, a.outputs, 0) == 0);
    }
  fflush(NULL);
  dup2(before[0], 1);
  dup2(before[1], 2);
  cr_assert_eq(lseek(fileno(said), 0, SEEK_END), 0);
  fclose(said);
  cr_no_leaks();
}
