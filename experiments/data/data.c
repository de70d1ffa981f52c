/* Data sets: what the name of one means, subsets and standardisation. */
#include "experiments/data/data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __APPLE__
#include <mach-o/dyld.h>
#endif

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "experiments/data/frame.h"
#include "experiments/data/reader.h"

symo_data_options symo_data_options_default(void) {
  return (symo_data_options){.task = SYMO_DATA_AUTO, .teacher_examples = 1000, .target_scale = 3};
}

/* The place of the text among three; 3: it is none of them. */
static int place_of(const char *text, const char *const names[3]) {
  int i = 0;
  while (i < 3 && strcmp(text, names[i]) != 0) i++;
  return i;
}

bool symo_data_header_find(const char *text, symo_data_header *out) {
  static const char *const names[] = {"auto", "yes", "no"};
  const int place = place_of(text, names);
  if (place < 3) *out = (symo_data_header)place;
  return place < 3;
}

bool symo_data_task_find(const char *text, symo_data_task *out) {
  static const char *const names[] = {"auto", "classes", "regression"};
  const int place = place_of(text, names);
  if (place < 3) *out = (symo_data_task)place;
  return place < 3;
}

char **symo_data_copy_texts(size_t count, const char *const *texts) {
  size_t room = 0;
  for (size_t i = 0; i < count; i++) room += sizeof *texts + strlen(texts[i]) + 1;
  char **list = symo_malloc(room);
  if (list == NULL) return NULL;
  char *at = (char *)(list + count);
  for (size_t i = 0; i < count; i++) {
    list[i] = at;
    at += strlen(strcpy(at, texts[i])) + 1;
  }
  return list;
}

void symo_data_drop(symo_dataset *data) {
  symo_free(data->labels);
  symo_free(data->x);
  symo_free(data->y);
  *data = (symo_dataset){0};
}

symo_status symo_data_take(symo_context *context, symo_dataset *data) {
  size_t nx, ny;
  if (!symo_mul_size(data->examples, data->inputs, &nx) ||
      !symo_mul_size(data->examples, data->outputs, &ny))
    return symo_fail(context, SYMO_E_SIZE, "data: %zu %s are too many", data->examples,
                     symo_plural(data->examples, "example", "examples"));
  data->x = symo_calloc(nx, sizeof *data->x);
  data->y = symo_calloc(ny, sizeof *data->y);
  return data->x != NULL && data->y != NULL ? SYMO_OK : symo_fail_memory(context, "data");
}

/* ---- places ---- */

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

bool symo_data_find_user(const char *name, bool (*fits)(const char *path), size_t size,
                         char *path) {
  const char *const places[] = {getenv("SYMO_DATA"), "data", "."};
  for (size_t i = 0; i < sizeof places / sizeof *places; i++)
    if (places[i] != NULL && exists(size, path, places[i], "", name) &&
        (fits == NULL || fits(path)))
      return true;
  return false;
}

static symo_status load_digits(symo_context *context, const symo_data_options *options,
                               symo_dataset *out) {
  char path[4096];
  unsigned char *bytes = NULL;
  size_t size = 0;
  symo_data_options as_csv = *options;
  as_csv.label = NULL;
  as_csv.header = SYMO_DATA_HEADER_NO;
  if (as_csv.task == SYMO_DATA_AUTO) as_csv.task = SYMO_DATA_CLASSES;
  symo_status status = symo_data_find(context, "digits.csv.gz", sizeof path, path);
  if (status == SYMO_OK) status = symo_data_slurp(context, path, NULL, &bytes, &size);
  if (status == SYMO_OK) status = symo_data_read_csv(context, path, bytes, size, &as_csv, out);
  symo_free(bytes);
  if (status != SYMO_OK) return status;
  out->table = false, out->remark[0] = '\0';
  for (size_t i = 0; i < out->examples * out->inputs; i++) out->x[i] /= 16.0;
  return SYMO_OK;
}

/* ---- after reading ---- */

symo_status symo_data_enough(symo_context *context, const char *what, size_t total, size_t wanted) {
  if (wanted <= total) return SYMO_OK;
  return symo_fail(context, SYMO_E_ARGUMENT,
                   "%s: %zu %s, not the %zu that are asked for (ask for fewer, or for all by "
                   "leaving their number out)",
                   what, total, symo_plural(total, "example", "examples"), wanted);
}

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

static symo_status cut(symo_context *context, const char *what, const symo_data_options *options,
                       symo_dataset *d) {
  const size_t wanted = options->max_examples;
  if (wanted == 0 || wanted == d->examples) return SYMO_OK;
  symo_status status = symo_data_enough(context, what, d->examples, wanted);
  if (status != SYMO_OK) return status;
  size_t *index = symo_calloc(wanted, sizeof *index);
  if (index == NULL) return symo_fail_memory(context, "data");
  status = symo_data_subset(context, options->seed, d->examples, wanted, index);
  for (size_t r = 0; r < wanted && status == SYMO_OK; r++) {
    memmove(d->x + r * d->inputs, d->x + index[r] * d->inputs, d->inputs * sizeof *d->x);
    memmove(d->y + r * d->outputs, d->y + index[r] * d->outputs, d->outputs * sizeof *d->y);
  }
  if (status == SYMO_OK) d->examples = wanted;
  symo_free(index);
  return status;
}

static symo_status standardize(symo_context *context, const char *what, symo_dataset *d) {
  symo_data_frame frame = {0};
  symo_status status = symo_data_frame_measure(context, what, d, &frame);
  if (status == SYMO_OK) status = symo_data_frame_apply(context, what, &frame, d);
  symo_data_frame_drop(&frame);
  return status;
}

/* A file or a folder: what the bytes begin with says what they are. */
static symo_status load_file(symo_context *context, const char *what,
                             const symo_data_options *options, symo_dataset *out) {
  char inside[4096];
  const char *path = what;
  unsigned char *bytes = NULL;
  size_t size = 0;
  symo_status status = SYMO_OK;
  if (symo_data_is_directory(what)) {
    path = inside;
    if (!symo_data_find_images(what, "train", sizeof inside, inside) &&
        !symo_data_find_images(what, "t10k", sizeof inside, inside))
      return symo_fail(context, SYMO_E_IO,
                       "%s: a directory without train-images-idx3-ubyte or t10k-images-idx3-ubyte, "
                       "with . for the last but one - or without, plain or .gz (give the directory "
                       "of an MNIST-like set)",
                       what);
  }
  SYMO_TRY(symo_data_slurp(context, path, options->kept, &bytes, &size));
  if (path == inside || symo_data_is_idx(bytes, size))
    status = symo_data_read_idx(context, path, bytes, size, options, out);
  else
    status = symo_data_read_csv(context, path, bytes, size, options, out);
fail:
  symo_free(bytes);
  return status;
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
  else
    status = load_file(context, what, options, &data);
  if (status == SYMO_OK) status = cut(context, what, options, &data);
  if (status == SYMO_OK && options->standardize) status = standardize(context, what, &data);
  if (status != SYMO_OK) {
    symo_data_drop(&data);
    return status;
  }
  *out = data;
  return SYMO_OK;
}
