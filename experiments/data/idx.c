/* The idx format of MNIST: a magic number 0 0 type dimensions, the sizes as big-endian 32-bit
 * numbers, then the numbers.  Images: 0x00000803 (unsigned bytes, three dimensions); labels:
 * 0x00000801. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "experiments/data/reader.h"

enum { IMAGES = 0x803, LABELS = 0x801 };

static size_t word(const unsigned char *p) {
  return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | (size_t)p[3];
}

bool symo_data_is_idx(const unsigned char *bytes, size_t size) {
  return size >= 4 && (word(bytes) == IMAGES || word(bytes) == LABELS);
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
                     "%s: %zu %s of data, but the header promises %zu (fetch it again)", path,
                     size - head, symo_plural(size - head, "byte", "bytes"), count);
  return SYMO_OK;
}

/* ---- names ---- */

/* Both are in use, and .gz behind either. */
static const char *const image_names[] = {"images-idx3", "images.idx3"};
static const char *const label_names[] = {"labels-idx1", "labels.idx1"};
enum { FORMS = 2, NAME = 11 }; /* NAME: characters of each */

bool symo_data_find_images(const char *folder, const char *part, size_t size, char *path) {
  for (size_t i = 0; i < FORMS; i++)
    for (size_t packed = 0; packed < 2; packed++) {
      const int length = snprintf(path, size, "%s/%s-%s-ubyte%s", folder, part, image_names[i],
                                  packed ? ".gz" : "");
      if (length > 0 && (size_t)length < size && access(path, R_OK) == 0) return true;
    }
  return false;
}

bool symo_data_has_images(const char *folder) {
  char path[4096];
  return symo_data_find_images(folder, "train", sizeof path, path);
}

/* The labels stand beside the images, under the name that belongs to theirs, or in the other form,
 * with .gz or without. */
static symo_status label_path(symo_context *context, const char *images, char **out) {
  const char *base = strrchr(images, '/'), *at = NULL;
  size_t form = 0, length = strlen(images);
  base = base == NULL ? images : base + 1;
  for (; form < FORMS && (at = strstr(base, image_names[form])) == NULL;) form++;
  if (at == NULL)
    return symo_fail(
        context, SYMO_E_ARGUMENT,
        "%s: the name does not hold 'images-idx3' or 'images.idx3', so the file of the "
        "labels cannot be told (give a file named as MNIST's)",
        images);
  char *labels = symo_malloc(length + sizeof ".gz");
  if (labels == NULL) return symo_fail_memory(context, images);
  const bool packed = length > 3 && strcmp(images + length - 3, ".gz") == 0;
  for (size_t i = 0; i < 2 * FORMS; i++) {
    memcpy(labels, images, length + 1);
    memcpy(labels + (at - images), label_names[(form + i / 2) % FORMS], NAME);
    if (i % 2 == 1 && packed) labels[length - 3] = '\0';
    if (i % 2 == 1 && !packed) memcpy(labels + length, ".gz", sizeof ".gz");
    if (access(labels, R_OK) != 0) continue;
    *out = labels;
    return SYMO_OK;
  }
  memcpy(labels, images, length + 1);
  memcpy(labels + (at - images), label_names[form], NAME);
  symo_status status = symo_fail(
      context, SYMO_E_IO, "%s: the labels '%s' are not beside it (put them there)", images, labels);
  symo_free(labels);
  return status;
}

/* ---- contents ---- */

/* The classes 0 .. count - 1, or those of the options: where[label] is the place of a label. */
static symo_status number_classes(symo_context *context, const char *path,
                                  const symo_data_options *options, size_t total,
                                  const unsigned char *labels, size_t where[256],
                                  symo_dataset *out) {
  char text[256][4];
  const char *names[256];
  for (size_t v = 0; v < 256; v++) {
    snprintf(text[v], sizeof text[v], "%zu", v);
    names[v] = text[v], where[v] = options->num_labels > 0 ? SIZE_MAX : v;
    for (size_t i = 0; i < options->num_labels; i++)
      if (strcmp(options->labels[i], text[v]) == 0) where[v] = i;
  }
  size_t count = options->num_labels;
  for (size_t r = 0; r < total; r++) {
    if (options->num_labels == 0 && (size_t)labels[r] + 1 > count) count = (size_t)labels[r] + 1;
    if (where[labels[r]] == SIZE_MAX)
      return symo_fail(context, SYMO_E_NAME,
                       "%s: label %u of image %zu is none of the %zu %s of the network (take "
                       "images of these classes)",
                       path, (unsigned)labels[r], r, count, symo_plural(count, "class", "classes"));
  }
  out->outputs = count;
  out->labels = symo_data_copy_texts(count, options->num_labels > 0 ? options->labels : names);
  return out->labels != NULL ? SYMO_OK : symo_fail_memory(context, path);
}

/* Only the examples that are wanted become float64. */
static symo_status convert(symo_context *context, const char *path,
                           const symo_data_options *options, const unsigned char *pixels,
                           const unsigned char *labels, size_t total, symo_dataset *out) {
  const size_t wanted = options->max_examples;
  size_t *index = NULL, where[256];
  symo_status status = SYMO_OK;
  out->classes = options->task != SYMO_DATA_REGRESSION && options->task != SYMO_DATA_NONE;
  out->outputs = 1;
  out->examples = total;
  if (out->classes) SYMO_TRY(number_classes(context, path, options, total, labels, where, out));
  SYMO_TRY(symo_data_enough(context, path, total, wanted));
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
      out->y[r * out->outputs + where[labels[from]]] = 1.0;
    else
      out->y[r] = options->task == SYMO_DATA_NONE ? 0.0 : (double)labels[from];
  }
fail:
  symo_free(index);
  return status;
}

symo_status symo_data_read_idx(symo_context *context, const char *path, const unsigned char *bytes,
                               size_t size, const symo_data_options *options, symo_dataset *out) {
  char *labels = NULL;
  unsigned char *label_bytes = NULL;
  size_t label_size = 0, sizes[3] = {0}, count[3] = {0};
  symo_status status = SYMO_OK;
  SYMO_TRY(check_head(context, path, bytes, size, IMAGES, sizes));
  SYMO_TRY(label_path(context, path, &labels));
  SYMO_TRY(symo_data_slurp(context, labels, options->kept, &label_bytes, &label_size));
  SYMO_TRY(check_head(context, labels, label_bytes, label_size, LABELS, count));
  if (count[0] != sizes[0]) {
    status =
        symo_fail(context, SYMO_E_FORMAT, "%s: %zu %s for %zu %s in %s (take files of one set)",
                  labels, count[0], symo_plural(count[0], "label", "labels"), sizes[0],
                  symo_plural(sizes[0], "image", "images"), path);
    goto fail;
  }
  out->inputs = sizes[1] * sizes[2];
  SYMO_TRY(convert(context, labels, options, bytes + 16, label_bytes + 8, sizes[0], out));
fail:
  symo_free(labels);
  symo_free(label_bytes);
  return status;
}
