/* Means, scales and classes that stay with a network; images under both names and with the classes
 * of another set; pipes. */
#include "experiments/data/frame.h"
#include "tests/support/testing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file.h"
#include "io/safetensors.h"

/* ---- frames ---- */

Test(data_frame, means_and_scales) {
  symo_context *context = symo_test_context();
  /* Ordinary, constant, almost constant, huge, tiny. */
  double x[] = {1, 7, 0.1 + 0.2, 1e300, 3e-310, 3, 7, 0.3, -1e300, -3e-310};
  symo_dataset data = {.examples = 2, .inputs = 5, .x = x};
  symo_data_frame frame = {0};
  cr_ok(context, symo_data_frame_measure(context, "x", &data, &frame));
  cr_assert(frame.mean[0] == 2.0 && frame.mean[5] == 1.0);
  cr_assert(frame.mean[6] == 0.0 && frame.mean[7] == 0.0 && frame.mean[8] == 1e300);
  cr_ok(context, symo_data_frame_apply(context, "x", &frame, &data));
  const double expected[] = {-1, 0, 0, 1, 1, 1, 0, 0, -1, -1};
  cr_assert(symo_test_rel(x, expected, 10) <= 1e-12);
  data.inputs = 4;
  cr_fails(context, SYMO_E_SHAPE, "has 4 inputs, but the means and scales are of 5",
           symo_data_frame_apply(context, "x", &frame, &data));
  symo_data_frame_drop(&frame);
  double far[] = {1.7e308, 1.7e308, -1.7e308};
  data = (symo_dataset){.examples = 3, .inputs = 1, .x = far};
  cr_fails(context, SYMO_E_NONFINITE, "x: input 0 has numbers too large",
           symo_data_frame_measure(context, "x", &data, &frame));
  symo_context_destroy(context);
  cr_no_leaks();
}

static void write_file(const char *path, const char *labels, const char *inputs) {
  const symo_safetensors_text texts[] = {{"labels", labels}, {"inputs", inputs}};
  const double number = 1.0;
  const symo_safetensors_item item = {
      .name = "w", .type = SYMO_SCALAR_F64, .order = 1, .shape = {1}, .data = &number};
  symo_context *context = symo_test_context();
  cr_ok(context, symo_safetensors_write(context, path, 2, texts, 1, &item));
  symo_context_destroy(context);
}

static symo_status read_back(symo_context *context, const char *path, symo_data_frame *out) {
  symo_safetensors *file = NULL;
  cr_ok(context, symo_safetensors_open(context, path, &file));
  symo_status status = symo_data_frame_read(context, path, file, out);
  symo_safetensors_close(file);
  return status;
}

Test(data_frame, survives_a_file) {
  symo_context *context = symo_test_context();
  const char *path = symo_test_path("frame.safetensors");
  char *labels = NULL, *inputs = NULL;
  double x[] = {0.1, 1e-17, 0.3, 1e17};
  const symo_dataset data = {.examples = 2, .inputs = 2, .x = x};
  symo_data_frame frame = {0}, back = {0};
  cr_ok(context, symo_data_frame_number(context, 12, &frame));
  cr_assert_str_eq(frame.labels[11], "11");
  cr_ok(context, symo_data_frame_measure(context, "x", &data, &frame));
  cr_ok(context, symo_data_frame_to_json(context, &frame, &labels, &inputs));
  write_file(path, labels, inputs);
  cr_ok(context, read_back(context, path, &back));
  cr_assert(back.num_labels == 12 && back.inputs == 2);
  cr_assert(memcmp(back.mean, frame.mean, 4 * sizeof *back.mean) == 0);
  for (size_t i = 0; i < 12; i++) cr_assert_str_eq(back.labels[i], frame.labels[i]);
  symo_data_frame_drop(&back);
  symo_data_frame_drop(&frame);
  static const char *const broken[][2] = {{"{}", "{}"},
                                          {"[1]", "{\"mean\": [], \"scale\": []}"},
                                          {"[]", "[]"},
                                          {"[]", "{\"mean\": [1], \"scale\": []}"},
                                          {"[]", "{\"mean\": [\"1\"], \"scale\": [1]}"}};
  for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
    write_file(path, broken[i][0], broken[i][1]);
    cr_assert_eq(read_back(context, path, &back), SYMO_E_FORMAT, "%zu", i);
    cr_assert(back.labels == NULL && back.mean == NULL);
  }
  free(labels);
  free(inputs);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* ---- images ---- */

enum { IMAGES = 12 };

/* Images of one pixel with labels 0 .. classes - 1. */
static void write_images(const char *images, const char *labels, size_t classes) {
  unsigned char x[16 + IMAGES] = {0, 0, 8, 3, 0, 0, 0, IMAGES, 0, 0, 0, 1, 0, 0, 0, 1};
  unsigned char y[8 + IMAGES] = {0, 0, 8, 1, 0, 0, 0, IMAGES};
  for (size_t i = 0; i < IMAGES; i++) y[8 + i] = (unsigned char)(i % classes), x[16 + i] = 51;
  symo_test_write(symo_test_path(images), x, sizeof x);
  symo_test_write(symo_test_path(labels), y, sizeof y);
}

Test(data_frame, images_under_either_name) {
  static const char *const names[][2] = {{"train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
                                         {"train-images.idx3-ubyte", "train-labels.idx1-ubyte"},
                                         {"train-images.idx3-ubyte", "train-labels-idx1-ubyte"},
                                         {"t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte"},
                                         {"train-images.idx3-ubyte.gz", "train-labels.idx1-ubyte"}};
  symo_context *context = symo_test_context();
  symo_data_options options = symo_data_options_default();
  char path[512];
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    symo_dataset data = {0};
    write_images(names[i][0], names[i][1], 3);
    cr_ok(context, symo_data_load(context, symo_test_dir(), &options, &data));
    cr_assert(data.examples == IMAGES && data.outputs == 3 && data.x[0] == 0.2);
    cr_assert_str_eq(data.labels[2], "2");
    symo_data_drop(&data);
    cr_assert(symo_data_find_images(symo_test_dir(), names[i][0][1] == 'r' ? "train" : "t10k",
                                    sizeof path, path));
    for (size_t k = 0; k < 2; k++) unlink(symo_test_path(names[i][k]));
    cr_assert(!symo_data_find_images(symo_test_dir(), "train", sizeof path, path));
  }
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(data_frame, images_of_fewer_classes) {
  static const char *const labels[] = {"0", "1", "2", "3"};
  symo_context *context = symo_test_context();
  symo_data_options options = symo_data_options_default();
  symo_dataset data = {0};
  write_images("train-images-idx3-ubyte", "train-labels-idx1-ubyte", 3);
  options.num_labels = 4, options.labels = labels;
  cr_ok(context, symo_data_load(context, symo_test_dir(), &options, &data));
  cr_assert(data.outputs == 4 && data.y[1 * 4 + 1] == 1.0 && data.y[4 * 4 + 1] == 1.0);
  symo_data_drop(&data);
  options.num_labels = 2;
  cr_fails(context, SYMO_E_NAME, "label 2 of image 2",
           symo_data_load(context, symo_test_dir(), &options, &data));
  symo_context_destroy(context);
  cr_no_leaks();
}

/* ---- pipes ---- */

Test(data_frame, a_pipe_is_read_once_and_kept) {
  symo_context *context = symo_test_context();
  symo_data_options options = symo_data_options_default();
  symo_data_kept kept = {0};
  symo_dataset data = {0};
  int ends[2];
  char path[64], rows[2400];
  for (size_t i = 0; i < 300; i++) memcpy(rows + 8 * i, i % 2 ? "1.5,3,1\n" : "2.5,4,0\n", 8);
  cr_assert(pipe(ends) == 0 && write(ends[1], rows, sizeof rows) == sizeof rows);
  close(ends[1]);
  snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
  cr_assert(symo_file_is_stream(path) && !symo_file_is_stream("Makefile"));
  options.kept = &kept;
  for (size_t i = 0; i < 2; i++) {
    cr_ok(context, symo_data_load(context, path, &options, &data));
    cr_assert_eq(data.examples, 300);
    symo_data_drop(&data);
  }
  options.kept = NULL;
  cr_fails(context, SYMO_E_IO, "gives nothing", symo_data_load(context, path, &options, &data));
  close(ends[0]);
  symo_data_kept_drop(&kept);
  symo_context_destroy(context);
  cr_no_leaks();
}
