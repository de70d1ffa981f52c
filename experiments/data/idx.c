/* The idx format of MNIST: a magic number 0 0 type dimensions, the sizes as big-endian 32-bit
 * numbers, then the numbers.  Images: 0x00000803 (unsigned bytes, three dimensions); labels:
 * 0x00000801. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "core/alloc.h"
#include "core/error.h"
#include "experiments/data/reader.h"

enum { IMAGES = 0x803, LABELS = 0x801, MAX_PATH = 4096 };

static size_t word(const unsigned char *p) {
  return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | (size_t)p[3];
}

bool symo_data_is_idx(const char *path) {
  unsigned char head[4];
  gzFile file = gzopen(path, "rb");
  if (file == NULL) return false;
  bool is = gzread(file, head, 4) == 4 && (word(head) == IMAGES || word(head) == LABELS);
  gzclose(file);
  return is;
}

/* Checks the head of a file against its length; sizes: [dimensions]. */
static symo_status check_head(symo_context *context, const char *path, const unsigned char *bytes,
                              size_t size, size_t magic, size_t sizes[3]) {
  const size_t dimensions = magic & 0xff, head = 4 + 4 * dimensions;
  size_t count = 1;
  if (size < 4 || word(bytes) != magic)
    return symo_fail(context, SYMO_E_FORMAT,
                     "%s: not an idx file of %s (its first bytes are not 0x%08zx)", path,
                     magic == IMAGES ? "images" : "labels", magic);
  if (size < head)
    return symo_fail(context, SYMO_E_FORMAT, "%s: ends within its header (fetch it again)", path);
  for (size_t i = 0; i < dimensions; i++) {
    sizes[i] = word(bytes + 4 + 4 * i);
    if (sizes[i] == 0)
      return symo_fail(context, SYMO_E_FORMAT, "%s: size %zu of the header is 0", path, i);
    if (!symo_mul_size(count, sizes[i], &count))
      return symo_fail(context, SYMO_E_SIZE, "%s: the sizes of the header are too large", path);
  }
  if (size - head != count)
    return symo_fail(context, SYMO_E_FORMAT,
                     "%s: %zu bytes of data, but the header promises %zu (fetch it again)", path,
                     size - head, count);
  return SYMO_OK;
}

/* In a directory, the images of the training set, else of the test set. */
static symo_status image_path(symo_context *context, const char *path, char images[MAX_PATH]) {
  static const char *const names[] = {"train-images-idx3-ubyte", "train-images-idx3-ubyte.gz",
                                      "t10k-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz"};
  if (strlen(path) + 64 > MAX_PATH)
    return symo_fail(context, SYMO_E_ARGUMENT, "%s: the path is too long", path);
  if (!symo_data_is_directory(path)) {
    strcpy(images, path);
    return SYMO_OK;
  }
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(images, MAX_PATH, "%s/%s", path, names[i]);
    if (access(images, R_OK) == 0) return SYMO_OK;
  }
  return symo_fail(context, SYMO_E_IO,
                   "%s: no train-images-idx3-ubyte or t10k-images-idx3-ubyte (.gz) in there (give "
                   "the directory of an MNIST-like set)",
                   path);
}

/* The labels stand beside the images: "images-idx3" becomes "labels-idx1", with .gz or without. */
static symo_status label_path(symo_context *context, const char *images, char labels[MAX_PATH]) {
  const char *base = strrchr(images, '/');
  char *at = NULL;
  strcpy(labels, images);
  at = strstr(labels + (base == NULL ? 0 : base - images), "images-idx3");
  if (at == NULL)
    return symo_fail(
        context, SYMO_E_ARGUMENT,
        "%s: the name does not hold 'images-idx3', so the file of the labels cannot be "
        "told (rename it as MNIST does)",
        images);
  memcpy(at, "labels-idx1", 11);
  if (access(labels, R_OK) == 0) return SYMO_OK;
  size_t length = strlen(labels);
  if (length > 3 && strcmp(labels + length - 3, ".gz") == 0)
    labels[length - 3] = '\0';
  else
    strcat(labels, ".gz");
  if (access(labels, R_OK) == 0) return SYMO_OK;
  return symo_fail(context, SYMO_E_IO, "%s: the labels '%s' are not beside it (put them there)",
                   images, labels);
}

/* Only the examples that are wanted become float64. */
static symo_status convert(symo_context *context, const symo_data_options *options,
                           const unsigned char *pixels, const unsigned char *labels, size_t total,
                           symo_dataset *out) {
  const size_t wanted = options->max_examples;
  size_t *index = NULL, classes = 0;
  symo_status status = SYMO_OK;
  for (size_t r = 0; r < total; r++)
    if ((size_t)labels[r] + 1 > classes) classes = (size_t)labels[r] + 1;
  out->classes = options->task != SYMO_DATA_REGRESSION;
  out->outputs = out->classes ? classes : 1;
  out->examples = total;
  if (wanted > 0 && wanted < total) {
    index = symo_calloc(wanted, sizeof *index);
    if (index == NULL) return symo_fail_memory(context, "data");
    SYMO_TRY(symo_data_subset(context, options->seed, total, wanted, index));
    out->examples = wanted;
  }
  SYMO_TRY(symo_data_take(context, out));
  for (size_t r = 0; r < out->examples; r++) {
    size_t from = index == NULL ? r : index[r];
    for (size_t j = 0; j < out->inputs; j++)
      out->x[r * out->inputs + j] = (double)pixels[from * out->inputs + j] / 255.0;
    if (out->classes)
      out->y[r * out->outputs + labels[from]] = 1.0;
    else
      out->y[r] = (double)labels[from];
  }
fail:
  symo_free(index);
  return status;
}

symo_status symo_data_read_idx(symo_context *context, const char *path,
                               const symo_data_options *options, symo_dataset *out) {
  char images[MAX_PATH], labels[MAX_PATH];
  unsigned char *pixel_bytes = NULL, *label_bytes = NULL;
  size_t pixel_size = 0, label_size = 0, sizes[3] = {0}, count[3] = {0};
  symo_status status = SYMO_OK;
  SYMO_TRY(image_path(context, path, images));
  SYMO_TRY(symo_data_slurp(context, images, &pixel_bytes, &pixel_size));
  SYMO_TRY(check_head(context, images, pixel_bytes, pixel_size, IMAGES, sizes));
  SYMO_TRY(label_path(context, images, labels));
  SYMO_TRY(symo_data_slurp(context, labels, &label_bytes, &label_size));
  SYMO_TRY(check_head(context, labels, label_bytes, label_size, LABELS, count));
  if (count[0] != sizes[0]) {
    status = symo_fail(context, SYMO_E_FORMAT,
                       "%s: %zu labels for %zu images in %s (take files of one set)", labels,
                       count[0], sizes[0], images);
    goto fail;
  }
  out->inputs = sizes[1] * sizes[2];
  SYMO_TRY(convert(context, options, pixel_bytes + 16, label_bytes + 8, sizes[0], out));
fail:
  symo_free(pixel_bytes);
  symo_free(label_bytes);
  return status;
}
