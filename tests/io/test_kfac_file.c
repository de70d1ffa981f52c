/* Files of K-FAC operators, of which one number or one piece of metadata is another: what is no operator
 * is refused with the entry. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <symo/symo.h>

#include "tests/support/files.h"
#include "tests/support/testing.h"

enum { SIZE = 12, SITES = 2 };
static const symo_factor_site sites[SITES] = {
    {.weight = 0, .bias = 6, .outputs = 2, .inputs = 3},
    {.weight = 8, .bias = SYMO_NONE, .outputs = 2, .inputs = 2, .table = true}};

static symo_kfac *operator_of(symo_context *context) {
  static double a[16] = {4, 0, 0, 0, 1, 3, 0, 0, 0, 0.2, 2, 0, 0.5, 0, 0, 1}, g[4] = {2, 0, 0.5, 1},
                m[8] = {1, 2, 3, 4, 5, 6, 7, 8}, counts[2] = {3, 1};
  symo_kfac *kfac = NULL;
  symo_factor_sums sums = {.dtype = SYMO_F64,
                           .bias = true,
                           .inputs = a,
                           .outputs = g,
                           .moments = m,
                           .input_count = 4,
                           .output_count = 4};
  cr_ok(context, symo_kfac_create(context, SIZE, SITES, sites, &kfac));
  cr_ok(context, symo_kfac_set(kfac, 0, &sums));
  cr_ok(context, symo_kfac_set_moments(kfac, 0, &sums));
  sums.bias = false, sums.inputs = counts, sums.moments = NULL;
  cr_ok(context, symo_kfac_set(kfac, 1, &sums));
  return kfac;
}

/* Number `index` of an entry becomes value. */
static void change(const char *path, const char *entry, size_t index, double value) {
  size_t size;
  uint64_t header;
  unsigned char *bytes = symo_test_slurp(path, &size);
  memcpy(&header, bytes, sizeof header);
  json_t *object = json_loadb((char *)bytes + 8, header, 0, NULL);
  const json_t *offsets = json_object_get(json_object_get(object, entry), "data_offsets");
  cr_assert(offsets != NULL, "no entry %s", entry);
  const size_t at = 8 + header + (size_t)json_integer_value(json_array_get(offsets, 0)) + 8 * index;
  memcpy(bytes + at, &value, sizeof value);
  json_decref(object);
  FILE *file = fopen(path, "wb");
  cr_assert(fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
  free(bytes);
}

Test(kfac_file, numbers_that_are_none_of_an_operator) {
  static const struct {
    const char *entry;
    size_t index;
    double value;
    symo_status status;
    const char *text;
  } cases[] = {
      {"0.inputs.values", 1, -1, SYMO_E_FORMAT, "0.inputs.values: below zero"},
      {"0.inputs.values", 3, (double)NAN, SYMO_E_NONFINITE, "0.inputs.values holds NaN"},
      {"0.outputs.values", 0, -0.5, SYMO_E_FORMAT, "0.outputs.values: below zero"},
      {"1.inputs.values", 1, -2, SYMO_E_FORMAT, "1.inputs.values: below zero"},
      {"0.inputs.vectors", 15, (double)INFINITY, SYMO_E_NONFINITE, "0.inputs.vectors holds NaN"},
      {"0.outputs.vectors", 3, (double)NAN, SYMO_E_NONFINITE, "0.outputs.vectors holds NaN"},
      {"0.tails", 0, -1, SYMO_E_FORMAT, "0.inputs.values: below zero"},
      {"0.tails", 1, -1, SYMO_E_FORMAT, "0.outputs.values: below zero"},
      {"0.moments", 7, (double)NAN, SYMO_E_NONFINITE, "0.moments holds NaN"},
      {"diagonal", SIZE - 1, (double)NAN, SYMO_E_NONFINITE, "entry diagonal holds NaN"},
      {"0.site", 0, 0.5, SYMO_E_FORMAT, "0.site: no sizes"},
      {"0.site", 1, -2, SYMO_E_FORMAT, "0.site: no sizes"},
      {"0.site", 2, -1, SYMO_E_FORMAT, "0.site: no sizes"},
      {"0.site", 3, 1e300, SYMO_E_FORMAT, "0.site: no sizes"},
      {"0.site", 0, 11, SYMO_E_FORMAT, "site 0"},          /* leaves the vector */
      {"1.site", 4, 0, SYMO_E_FORMAT, "1.inputs.vectors"}, /* no table: a basis is missing */
  };
  symo_context *context = symo_test_context();
  symo_kfac *kfac = operator_of(context), *read = NULL;
  const char *path = symo_test_path("kfac.safetensors");
  cr_ok(context, symo_kfac_write(kfac, path));
  cr_ok(context, symo_kfac_read(context, path, &read));
  cr_assert(symo_kfac_trace(read) == symo_kfac_trace(kfac));
  symo_kfac_destroy(read);
  read = NULL;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    cr_ok(context, symo_kfac_write(kfac, path));
    change(path, cases[i].entry, cases[i].index, cases[i].value);
    cr_fails(context, cases[i].status, cases[i].text, symo_kfac_read(context, path, &read));
    cr_assert(read == NULL, "case %zu", i);
  }
  symo_kfac_destroy(kfac);
  symo_context_destroy(context);
  cr_no_leaks();
}
