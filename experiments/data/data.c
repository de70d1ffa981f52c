/* Data sets: what the name of one means, subsets and standardisation. */
#include "experiments/data/data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __APPLE__
#include <mach-o/dyld.h>
#endif

#include "core/alloc.h"
#include "core/error.h"
#include "experiments/data/reader.h"

symo_data_options symo_data_options_default(void) {
  return (symo_data_options){.task = SYMO_DATA_AUTO, .teacher_examples = 1000, .target_scale = 3};
}

void symo_data_drop(symo_dataset *data) {
  symo_free(data->x);
  symo_free(data->y);
  *data = (symo_dataset){0};
}

symo_status symo_data_take(symo_context *context, symo_dataset *data) {
  size_t nx, ny;
  if (!symo_mul_size(data->examples, data->inputs, &nx) ||
      !symo_mul_size(data->examples, data->outputs, &ny))
    return symo_fail(context, SYMO_E_SIZE, "data: %zu examples are too many", data->examples);
  data->x = symo_calloc(nx, sizeof *data->x);
  data->y = symo_calloc(ny, sizeof *data->y);
  return data->x != NULL && data->y != NULL ? SYMO_OK : symo_fail_memory(context, "data");
}

/* ---- shipped files ---- */

/* The folder of the running program; false where the system does not say. */
static bool program_folder(char *folder, size_t size) {
#ifdef __APPLE__
  uint32_t room = (uint32_t)size;
  if (_NSGetExecutablePath(folder, &room) != 0) return false;
#else
  ssize_t length = readlink("/proc/self/exe", folder, size - 1);
  if (length <= 0 || (size_t)length >= size - 1) return false;
  folder[length] = '\0';
#endif
  char *slash = strrchr(folder, '/');
  if (slash == NULL) return false;
  *slash = '\0';
  return true;
}

static bool exists(size_t size, char *path, const char *base, const char *folder,
                   const char *name) {
  int length = snprintf(path, size, "%s%s/%s", base, folder, name);
  return length > 0 && (size_t)length < size && access(path, R_OK) == 0;
}

symo_status symo_data_find(symo_context *context, const char *name, size_t size, char *path) {
  static const char *const beside[] = {"/../share/symo/data", "/../experiments/data/files",
                                       "/../../experiments/data/files"};
  char folder[4096];
  const char *set = getenv("SYMO_DATA");
  if (set != NULL && exists(size, path, set, "", name)) return SYMO_OK;
  if (program_folder(folder, sizeof folder))
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++)
      if (exists(size, path, folder, beside[i], name)) return SYMO_OK;
#ifdef SYMO_DATADIR
  if (exists(size, path, SYMO_DATADIR, "", name)) return SYMO_OK;
#endif
#ifdef SYMO_SOURCE_DATADIR
  if (exists(size, path, SYMO_SOURCE_DATADIR, "", name)) return SYMO_OK;
#endif
  return symo_fail(context, SYMO_E_IO,
                   "data: the shipped file '%s' is not found (set SYMO_DATA to the folder of it, "
                   "experiments/data/files in the source)",
                   name);
}

static symo_status load_digits(symo_context *context, const symo_data_options *options,
                               symo_dataset *out) {
  char path[4096];
  symo_data_options as_csv = *options;
  as_csv.label = NULL;
  if (as_csv.task == SYMO_DATA_AUTO) as_csv.task = SYMO_DATA_CLASSES;
  symo_status status = symo_data_find(context, "digits.csv.gz", sizeof path, path);
  if (status == SYMO_OK) status = symo_data_read_csv(context, path, &as_csv, out);
  if (status != SYMO_OK) return status;
  for (size_t i = 0; i < out->examples * out->inputs; i++) out->x[i] /= 16.0;
  return SYMO_OK;
}

/* ---- after reading ---- */

symo_status symo_data_subset(symo_context *context, uint64_t seed, size_t total, size_t wanted,
                             size_t *index) {
  symo_rng *rng = NULL;
  symo_status status = symo_rng_create(context, seed, &rng);
  if (status != SYMO_OK) return status;
  /* Selection sampling: each is taken with probability (still wanted) / (still to come). */
  size_t taken = 0;
  for (size_t i = 0; taken < wanted; i++)
    if (symo_rng_uniform(rng) * (double)(total - i) < (double)(wanted - taken)) index[taken++] = i;
  symo_rng_destroy(rng);
  return SYMO_OK;
}

static symo_status cut(symo_context *context, const symo_data_options *options, symo_dataset *d) {
  const size_t wanted = options->max_examples;
  if (wanted == 0 || wanted >= d->examples) return SYMO_OK;
  size_t *index = symo_calloc(wanted, sizeof *index);
  if (index == NULL) return symo_fail_memory(context, "data");
  symo_status status = symo_data_subset(context, options->seed, d->examples, wanted, index);
  for (size_t r = 0; r < wanted && status == SYMO_OK; r++) {
    memmove(d->x + r * d->inputs, d->x + index[r] * d->inputs, d->inputs * sizeof *d->x);
    memmove(d->y + r * d->outputs, d->y + index[r] * d->outputs, d->outputs * sizeof *d->y);
  }
  if (status == SYMO_OK) d->examples = wanted;
  symo_free(index);
  return status;
}

static void standardize(symo_dataset *d) {
  const double n = (double)d->examples;
  for (size_t j = 0; j < d->inputs; j++) {
    double mean = 0.0, square = 0.0;
    for (size_t r = 0; r < d->examples; r++) mean += d->x[r * d->inputs + j] / n;
    for (size_t r = 0; r < d->examples; r++) {
      double e = d->x[r * d->inputs + j] - mean;
      square += e * e / n;
    }
    /* A constant column leaves rounding errors, which are not to be blown up. */
    bool constant = !(sqrt(square) > 1e-13 * fabs(mean));
    for (size_t r = 0; r < d->examples; r++) {
      double *x = &d->x[r * d->inputs + j];
      *x = constant ? 0.0 : (*x - mean) / sqrt(square);
    }
  }
}

bool symo_data_is_csv(const char *what) {
  return strcmp(what, "digits") != 0 && strcmp(what, "teacher") != 0 &&
         strncmp(what, "teacher:", 8) != 0 && !symo_data_is_directory(what) &&
         !symo_data_is_idx(what);
}

symo_status symo_data_load(symo_context *context, const char *what,
                           const symo_data_options *options, symo_dataset *out) {
  symo_dataset data = {0};
  symo_status status;
  if (strcmp(what, "digits") == 0)
    status = load_digits(context, options, &data);
  else if (strcmp(what, "teacher") == 0)
    status = symo_data_make_teacher(context, NULL, options, &data);
  else if (strncmp(what, "teacher:", 8) == 0)
    status = symo_data_make_teacher(context, what + 8, options, &data);
  else if (symo_data_is_directory(what) || symo_data_is_idx(what))
    status = symo_data_read_idx(context, what, options, &data);
  else
    status = symo_data_read_csv(context, what, options, &data);
  if (status == SYMO_OK) status = cut(context, options, &data);
  if (status != SYMO_OK) {
    symo_data_drop(&data);
    return status;
  }
  if (options->standardize) standardize(&data);
  *out = data;
  return SYMO_OK;
}
