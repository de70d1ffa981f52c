/* Data sets: every reader on good, odd and hostile files. */
#define _DEFAULT_SOURCE
#include "experiments/data/data.h"
#include "tests/support/testing.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

typedef struct fixture {
  symo_context *context;
  symo_data_options options;
  symo_dataset data;
  const char *what;
} fixture;

static fixture begin(void) {
  setenv("SYMO_DATA", "experiments/data/files", 0);
  return (fixture){.context = symo_test_context(), .options = symo_data_options_default()};
}

static void end(fixture *f) {
  symo_data_drop(&f->data);
  symo_context_destroy(f->context);
  cr_no_leaks();
}

static const char *text_file(const char *text) {
  const char *path = symo_test_path("table.csv");
  symo_test_write(path, text, strlen(text));
  return path;
}

static void load(fixture *f, const char *what) {
  symo_data_drop(&f->data);
  cr_ok(f->context, symo_data_load(f->context, what, &f->options, &f->data));
}

static void check_sizes(const fixture *f, size_t examples, size_t inputs, size_t outputs) {
  cr_assert(f->data.examples == examples && f->data.inputs == inputs && f->data.outputs == outputs,
            "%zu x %zu, %zu", f->data.examples, f->data.inputs, f->data.outputs);
}

/* CSV text that must be refused, with `detail` in the message and nothing left behind. */
static void refused(fixture *f, symo_status expected, const char *detail, const char *text) {
  symo_dataset untouched = {.examples = 77};
  const char *path = text_file(text);
  cr_fails(f->context, expected, detail, symo_data_load(f->context, path, &f->options, &untouched));
  cr_assert(untouched.examples == 77 && untouched.x == NULL);
}

Test(data, digits) {
  fixture f = begin();
  load(&f, "digits");
  check_sizes(&f, 1797, 64, 10);
  cr_assert(f.data.classes);
  double low = 1.0, high = 0.0;
  for (size_t i = 0; i < 1797 * 64; i++) {
    low = fmin(low, f.data.x[i]);
    high = fmax(high, f.data.x[i]);
  }
  cr_assert(low == 0.0 && high == 1.0);
  cr_assert(f.data.x[2] == 5.0 / 16.0 && f.data.y[0] == 1.0 && f.data.y[1 * 10 + 1] == 1.0);
  for (size_t r = 0; r < 1797; r++) {
    double sum = 0.0;
    for (size_t i = 0; i < 10; i++) sum += f.data.y[r * 10 + i];
    cr_assert(sum == 1.0);
  }
  f.options.max_examples = 100, f.options.seed = 3;
  load(&f, "digits");
  check_sizes(&f, 100, 64, 10);
  double first = f.data.x[50 * 64 + 20];
  load(&f, "digits");
  cr_assert(f.data.x[50 * 64 + 20] == first);
  f.options.task = SYMO_DATA_REGRESSION;
  load(&f, "digits");
  check_sizes(&f, 100, 64, 1);
  end(&f);
}

Test(data, digits_not_found) {
  fixture f = begin();
  char path[64];
  cr_fails(f.context, SYMO_E_IO, "SYMO_DATA",
           symo_data_find(f.context, "no-such-file.csv", sizeof path, path));
  end(&f);
}

Test(data, csv_regression) {
  fixture f = begin();
  load(&f, text_file("1,2.5,-3e2\n4,5,6.25\n"));
  check_sizes(&f, 2, 2, 1);
  cr_assert(!f.data.classes && f.data.x[1] == 2.5 && f.data.x[2] == 4.0);
  cr_assert(f.data.y[0] == -300.0 && f.data.y[1] == 6.25);
  end(&f);
}

Test(data, csv_forms) {
  static const char *const same[] = {"a,b,c\n1,2,3\n4,5,6\n",
                                     "a;b;c\r\n1;2;3\r\n4;5;6",
                                     "a\tb\tc\n1\t2\t3\n4\t5\t6\n\n\n",
                                     "\"a,1\",\"b\"\"x\",c\n\"1\",2,\"3\"\n\n 4 , 5 ,\"6\" \n",
                                     "\xEF\xBB\xBF"
                                     "a,b,c\r1,2,3\r4,5,6\r",
                                     "1,2,3\n4,5,6\n",
                                     "2,2,x,y,z\n1,2,3\n4,5,6\n"};
  fixture f = begin();
  for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
    load(&f, text_file(same[i]));
    check_sizes(&f, 2, 2, 1);
    cr_assert(f.data.x[0] == 1 && f.data.x[1] == 2 && f.data.x[2] == 4 && f.data.x[3] == 5, "%zu",
              i);
    cr_assert(f.data.y[0] == 3 && f.data.y[1] == 6);
  }
  end(&f);
}

Test(data, csv_label_column) {
  fixture f = begin();
  const char *path = text_file("kind,size,weight\n7,1,10\n-2,3,30\n7,5,50\n-2,7,70\n");
  f.options.label = "kind";
  load(&f, path);
  check_sizes(&f, 4, 2, 2);
  cr_assert(f.data.classes && f.data.y[1] == 1.0 && f.data.y[2] == 1.0 && f.data.x[1] == 10.0);
  f.options.label = "1";
  load(&f, path);
  check_sizes(&f, 4, 2, 1);
  cr_assert(f.data.y[3] == 7.0 && f.data.x[0] == 7.0 && f.data.x[1] == 10.0);
  f.options.label = "weight", f.options.task = SYMO_DATA_CLASSES;
  load(&f, path);
  check_sizes(&f, 4, 2, 4);
  for (size_t i = 0; i < 3; i++) {
    f.options.label = (const char *[]){"colour", "3", "-1"}[i];
    cr_fails(f.context, SYMO_E_NAME, "no column",
             symo_data_load(f.context, path, &f.options, &f.data));
  }
  end(&f);
}

Test(data, csv_standardize_and_subset) {
  fixture f = begin();
  f.options.standardize = true;
  load(&f, text_file("1,5,0.5\n2,5,0.25\n3,5,1.5\n6,5,2\n"));
  double mean = 0.0, square = 0.0;
  for (size_t r = 0; r < 4; r++)
    mean += f.data.x[2 * r] / 4, square += f.data.x[2 * r] * f.data.x[2 * r] / 4;
  cr_assert(fabs(mean) <= 1e-15 && fabs(square - 1.0) <= 1e-14);
  for (size_t r = 0; r < 4; r++) cr_assert(f.data.x[2 * r + 1] == 0.0);
  f.options.standardize = false;
  f.options.max_examples = 2;
  for (f.options.seed = 0; f.options.seed < 20; f.options.seed++) {
    load(&f, text_file("1,5,0.5\n2,5,0.25\n3,5,1.5\n6,5,2\n"));
    check_sizes(&f, 2, 2, 1);
    cr_assert(f.data.x[0] < f.data.x[2], "order of the file");
    cr_assert(f.data.x[1] == 5.0 && f.data.x[3] == 5.0);
  }
  end(&f);
}

Test(data, csv_refusals) {
  fixture f = begin();
  refused(&f, SYMO_E_FORMAT, "no data", "");
  refused(&f, SYMO_E_FORMAT, "no data", " \n\n\r\n");
  refused(&f, SYMO_E_FORMAT, "no data", "a,b,c\n");
  refused(&f, SYMO_E_FORMAT, "one column", "1\n2\n");
  refused(&f, SYMO_E_FORMAT, "table.csv:2:2: the field is empty", "1,2,3\n4,,6\n");
  refused(&f, SYMO_E_FORMAT, "table.csv:3:3: the field is empty", "a,b,c\n1,2,3\n4,5,\n");
  refused(&f, SYMO_E_FORMAT, "table.csv:3:1: 'x' is not", "1,2,3\n4,5,6\nx,8,9\n");
  refused(&f, SYMO_E_FORMAT, "is a word among numbers", "1,2,3\n4,5,setosa\n");
  refused(&f, SYMO_E_FORMAT, "table.csv:2:1: 'nan'", "1,2,3\nnan,5,6\n");
  refused(&f, SYMO_E_FORMAT, "'1e999'", "1,2,3\n1e999,5,6\n");
  refused(&f, SYMO_E_FORMAT, "'0x10'", "1,2,3\n0x10,5,6\n");
  refused(&f, SYMO_E_FORMAT, "table.csv:2: 2 fields", "1,2,3\n4,5\n");
  refused(&f, SYMO_E_FORMAT, "table.csv:3: 4 fields", "1,2,3\n4,5,6\n7,8,9,10\n");
  refused(&f, SYMO_E_FORMAT, "table.csv:2: 3 fields", "a,b\n1,2,3\n4,5,6\n");
  refused(&f, SYMO_E_FORMAT, "table.csv:1: holds words and numbers", "2,7,x,y\n1,2,3\n4,5,6\n");
  refused(&f, SYMO_E_FORMAT, "table.csv:2:2: the quote is not closed", "1,2,3\n4,\"5,6\n");
  refused(&f, SYMO_E_FORMAT, "behind a closing quote", "1,2,3\n4,\"5\"x,6\n");
  f.options.task = SYMO_DATA_CLASSES;
  refused(&f, SYMO_E_FORMAT, "classes", "1,2,3.5\n4,5,6\n");
  f.options.task = SYMO_DATA_AUTO;
  char *wide = symo_calloc(1, 1 << 20);
  memset(wide, '9', (1 << 20) - 1);
  refused(&f, SYMO_E_FORMAT, "too long", wide);
  /* Many columns and many short lines: what is reserved is bounded by the file. */
  for (size_t i = 0; i < (1 << 20) - 1; i++)
    wide[i] = i % 2 == 0 ? '1' : i < (1 << 19) - 1 ? ',' : '\n';
  symo_alloc_reset_peak();
  refused(&f, SYMO_E_FORMAT, "fields", wide);
  cr_assert(symo_alloc_peak_bytes() < (size_t)64 << 20);
  symo_free(wide);
  const char *path = symo_test_path("nul.csv");
  symo_test_write(path, "1,2\n3,\0004\n", 9);
  cr_fails(f.context, SYMO_E_FORMAT, "NUL", symo_data_load(f.context, path, &f.options, &f.data));
  cr_fails(f.context, SYMO_E_IO, "nowhere.csv",
           symo_data_load(f.context, "nowhere.csv", &f.options, &f.data));
  end(&f);
}

Test(data, csv_gzip) {
  fixture f = begin();
  const char *path = symo_test_path("packed.csv.gz");
  gzFile file = gzopen(path, "wb");
  for (int i = 0; i < 4000; i++) gzprintf(file, "%d,%d,%d.5\n", i, i * 7919 % 1000, i);
  gzclose(file);
  load(&f, path);
  check_sizes(&f, 4000, 2, 1);
  unsigned char bytes[65536];
  FILE *plain = fopen(path, "rb");
  size_t size = fread(bytes, 1, sizeof bytes, plain);
  fclose(plain);
  const char *cut = symo_test_path("cut.csv.gz");
  for (size_t keep = 20; keep < size; keep += size / 7) {
    symo_test_write(cut, bytes, keep);
    symo_status status = symo_data_load(f.context, cut, &f.options, &f.data);
    cr_assert(status == SYMO_E_FORMAT, "%zu of %zu bytes: %s", keep, size,
              symo_status_name(status));
  }
  bytes[size / 2] ^= 0x55;
  symo_test_write(cut, bytes, size);
  cr_fails(f.context, SYMO_E_FORMAT, "cut.csv.gz",
           symo_data_load(f.context, cut, &f.options, &f.data));
  end(&f);
}

Test(data, teacher) {
  fixture f = begin();
  symo_net_spec net = symo_net_spec_default();
  cr_ok(f.context, symo_net_parse(f.context, "5-8-3", &net));
  f.options.teacher = &net, f.options.teacher_examples = 4000;
  load(&f, "teacher");
  check_sizes(&f, 4000, 5, 3);
  cr_assert(!f.data.classes);
  double square = 0.0;
  for (size_t i = 0; i < 20000; i++) square += f.data.x[i] * f.data.x[i] / 20000;
  cr_assert(fabs(square - 1.0) < 0.05);
  for (size_t i = 0; i < 3; i++) /* targets: mean 0, covariance 9 I */
    for (size_t j = 0; j <= i; j++) {
      double mean = 0.0, product = 0.0;
      for (size_t r = 0; r < 4000; r++) {
        mean += f.data.y[3 * r + i] / 4000;
        product += f.data.y[3 * r + i] * f.data.y[3 * r + j] / 4000;
      }
      cr_assert(fabs(mean) <= 1e-12 && fabs(product - (i == j ? 9.0 : 0.0)) <= 1e-9);
    }
  double first = f.data.y[100];
  load(&f, "teacher");
  cr_assert(f.data.y[100] == first && isfinite(first) && first != 0.0);
  f.options.seed = 1;
  load(&f, "teacher:4-9-6");
  check_sizes(&f, 4000, 4, 6);
  net.loss = SYMO_LOSS_CROSS_ENTROPY;
  f.options.max_examples = 50;
  load(&f, "teacher");
  check_sizes(&f, 50, 5, 3);
  cr_assert(f.data.classes);
  for (size_t r = 0; r < 50; r++)
    cr_assert(f.data.y[3 * r] + f.data.y[3 * r + 1] + f.data.y[3 * r + 2] == 1.0);
  cr_fails(f.context, SYMO_E_ARGUMENT, "network",
           symo_data_load(f.context, "teacher:4-x", &f.options, &f.data));
  f.options.teacher = NULL;
  cr_fails(f.context, SYMO_E_ARGUMENT, "teacher",
           symo_data_load(f.context, "teacher", &f.options, &f.data));
  end(&f);
}

/* ---- idx ---- */

enum { IMAGES = 5, PIXELS = 6 };
static unsigned char image_bytes[16 + IMAGES * PIXELS], label_bytes[8 + IMAGES];

static void idx_bytes(void) {
  const unsigned char image_head[16] = {0, 0, 8, 3, 0, 0, 0, IMAGES, 0, 0, 0, 2, 0, 0, 0, 3};
  const unsigned char label_head[8] = {0, 0, 8, 1, 0, 0, 0, IMAGES};
  memcpy(image_bytes, image_head, sizeof image_head);
  memcpy(label_bytes, label_head, sizeof label_head);
  for (size_t i = 0; i < IMAGES * PIXELS; i++) image_bytes[16 + i] = (unsigned char)(i * 5);
  for (size_t i = 0; i < IMAGES; i++) label_bytes[8 + i] = (unsigned char)(i % 3);
}

static const char *write_idx(void) {
  symo_test_write(symo_test_path("train-labels-idx1-ubyte"), label_bytes, sizeof label_bytes);
  const char *path = symo_test_path("train-images-idx3-ubyte");
  symo_test_write(path, image_bytes, sizeof image_bytes);
  return path;
}

Test(data, idx) {
  fixture f = begin();
  idx_bytes();
  const char *path = write_idx();
  for (size_t i = 0; i < 2; i++) {
    load(&f, i == 0 ? path : symo_test_dir());
    check_sizes(&f, IMAGES, PIXELS, 3);
    cr_assert(f.data.classes && f.data.x[7] == 35.0 / 255.0 && f.data.y[3 + 1] == 1.0);
  }
  f.options.max_examples = 2;
  load(&f, path);
  check_sizes(&f, 2, PIXELS, 3);
  f.options.task = SYMO_DATA_REGRESSION;
  f.options.max_examples = 0;
  load(&f, path);
  check_sizes(&f, IMAGES, PIXELS, 1);
  cr_assert(f.data.y[2] == 2.0);
  end(&f);
}

Test(data, idx_refusals) {
  fixture f = begin();
  idx_bytes();
  const char *path = write_idx();
  for (size_t keep = 4; keep < sizeof image_bytes; keep += 5) {
    symo_test_write(path, image_bytes, keep);
    symo_status status = symo_data_load(f.context, path, &f.options, &f.data);
    cr_assert(status == SYMO_E_FORMAT, "%zu bytes: %s", keep, symo_status_name(status));
  }
  image_bytes[4] = 0xff; /* four thousand million images */
  cr_fails(f.context, SYMO_E_FORMAT, "promises",
           symo_data_load(f.context, write_idx(), &f.options, &f.data));
  memset(image_bytes + 4, 0xff, 12);
  cr_fails(f.context, SYMO_E_SIZE, "too large",
           symo_data_load(f.context, write_idx(), &f.options, &f.data));
  idx_bytes();
  image_bytes[11] = 0;
  cr_fails(f.context, SYMO_E_FORMAT, "is 0",
           symo_data_load(f.context, write_idx(), &f.options, &f.data));
  idx_bytes();
  label_bytes[3] = 3;
  cr_fails(f.context, SYMO_E_FORMAT, "not an idx file of labels",
           symo_data_load(f.context, write_idx(), &f.options, &f.data));
  idx_bytes();
  write_idx();
  label_bytes[7] = IMAGES - 1;
  symo_test_write(symo_test_path("train-labels-idx1-ubyte"), label_bytes, sizeof label_bytes - 1);
  cr_fails(f.context, SYMO_E_FORMAT, "labels for",
           symo_data_load(f.context, path, &f.options, &f.data));
  path = symo_test_path("pictures");
  symo_test_write(path, image_bytes, sizeof image_bytes);
  cr_fails(f.context, SYMO_E_ARGUMENT, "images-idx3",
           symo_data_load(f.context, path, &f.options, &f.data));
  path = symo_test_path("other-images-idx3-ubyte.gz");
  symo_test_write(path, image_bytes, sizeof image_bytes);
  cr_fails(f.context, SYMO_E_IO, "labels", symo_data_load(f.context, path, &f.options, &f.data));
  cr_fails(f.context, SYMO_E_IO, "directory",
           symo_data_load(f.context, "experiments", &f.options, &f.data));
  end(&f);
}

/* ---- memory ---- */

static symo_status load_and_drop(void *self) {
  fixture *f = self;
  symo_status status = symo_data_load(f->context, f->what, &f->options, &f->data);
  symo_data_drop(&f->data);
  return status;
}

Test(data, allocation_failures) {
  fixture f = begin();
  symo_net_spec net = symo_net_spec_default();
  cr_ok(f.context, symo_net_parse(f.context, "2-3-1", &net));
  idx_bytes();
  f.options.teacher = &net, f.options.teacher_examples = 5, f.options.max_examples = 2;
  const char *all[] = {text_file("1,2,3\n4,5,6\n7,8,9\n"), write_idx(), "teacher"};
  for (size_t i = 0; i < 3; i++) {
    f.what = all[i];
    cr_assert(symo_test_allocations(load_and_drop, &f) >= 4);
  }
  end(&f);
}
