/* CSV files as people have them: first lines, separators, decimal commas, labels, and numbers that
 * are none. */
#include "experiments/data/data.h"
#include "tests/support/testing.h"

#include <stdio.h>

typedef struct fixture {
  symo_context *context;
  symo_data_options options;
  symo_dataset data;
} fixture;

static fixture begin(void) {
  return (fixture){.context = symo_test_context(), .options = symo_data_options_default()};
}

static void end(fixture *f) {
  symo_data_drop(&f->data);
  symo_context_destroy(f->context);
  cr_no_leaks();
}

static symo_status try_load(fixture *f, const char *text) {
  const char *path = symo_test_path("table.csv");
  symo_test_write(path, text, strlen(text));
  symo_data_drop(&f->data);
  return symo_data_load(f->context, path, &f->options, &f->data);
}

static void load(fixture *f, const char *text) { cr_ok(f->context, try_load(f, text)); }

static void refused(fixture *f, const char *detail, const char *text) {
  cr_fails(f->context, SYMO_E_FORMAT, detail, try_load(f, text));
  cr_assert(f->data.x == NULL && f->data.labels == NULL);
}

/* The inputs and the classes of a table of two inputs and three records. */
static void is_the_table(const fixture *f, const char *const labels[2]) {
  const symo_dataset *d = &f->data;
  cr_assert(d->examples == 3 && d->inputs == 2 && d->table && d->remark[0] != '\0');
  const double x[] = {1.5, 2, -3.25, 4, 5e-1, 6}, y[] = {1, 0, 0, 1, 1, 0};
  cr_assert(memcmp(d->x, x, sizeof x) == 0);
  cr_assert(d->classes && d->outputs == 2 && memcmp(d->y, y, sizeof y) == 0);
  for (size_t i = 0; i < 2; i++) cr_assert_str_eq(d->labels[i], labels[i]);
}

Test(data_csv, the_same_table) {
  static const char *const numbers[] = {"0", "7"}, *const words[] = {"ant", "bee, red"};
  static const char *const with_numbers[] = {
      "1.5,2,0\n-3.25,4,7\n.5,6,0\n",
      "a,b,c\n1.5,2,0\n-3.25,4,7\n5e-1,6,0",
      "a;b;c\n1,5;2;0\n-3,25;4;7\n0,5;6;0\n",
      "1,5;2;0\n-3,25;4;7,0\n5e-1;6;0\n",
      "a\tb\tc\n1,5\t2\t0\n-3,25\t4\t7\n,5\t6\t0\n",
      "1.5 2 0\n  -3.25\t 4   7 \n0.5 6 0\n",
      "sep=;\n1,5;2;0\n-3,25;4;7\n0,5;6;0\n",
      "sep=,\r\na;1,b,c\r\n1.5,2,0\r\n-3.25,4,7\r\n0.5,6,0\r\n",
      "# written by a program\n#\n1.5 2 0\n-3.25 4 7\n0.5 6 0\n",
      "1.5,2,0,\n-3.25,4,7,\n.5,6,0,\n",
      "a,b,c\n1.5,2,0,\n-3.25,4,7,\n.5,6,0,\n",
      "a,b,c,\n1.5,2,0,\n-3.25,4,7,\n.5,6,0,\n",
      "1,5;2;0;\n-3,25;4;7;\n0,5;6;0;\n",
      "3,2,some,names\n1.5,2,0\n-3.25,4,7\n.5,6,0\n",
      "3,2,x\n1.5,2,0\n-3.25,4,7\n.5,6,0\n",
      "\"a,x\", \"b\" ,c\r\n\"1.5\", 2,0.0\r\n-3.25,\t4,+7\r\n\r\n0.5,6,-0",
      "\xEF\xBB\xBF"
      "1.5,2,0\n-3.25,4,7\n.5,6,0\n"};
  static const char *const with_words[] = {
      "1.5,2,ant\n-3.25,4,\"bee, red\"\n.5,6,ant\n",
      "a,b,c\n1.5,2, ant \n-3.25,4,  \"bee, red\"\n.5,6,\"ant\"\n",
      "a;b;c\n1,5;2;ant\n-3,25;4;bee, red\n0,5;6;ant\n",
      "1.5\t2\tant\n-3.25\t4\tbee, red\n0.5\t6\tant"};
  fixture f = begin();
  f.options.task = SYMO_DATA_CLASSES;
  for (size_t i = 0; i < sizeof with_numbers / sizeof *with_numbers; i++) {
    load(&f, with_numbers[i]);
    is_the_table(&f, numbers);
  }
  f.options.task = SYMO_DATA_AUTO, f.options.table = SYMO_DATA_CLASSES;
  for (size_t i = 0; i < sizeof with_words / sizeof *with_words; i++) {
    load(&f, with_words[i]);
    is_the_table(&f, words);
  }
  end(&f);
}

/* ---- the first line ---- */

Test(data_csv, no_record_is_lost) {
  static const char *const missing[] = {"",  "?",   "-",    "NaN", "nan",  "NA",
                                        ".", "N/A", "NULL", "inf", "-Inf", "1e400"};
  char text[128], detail[64];
  fixture f = begin();
  for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
    for (size_t line = 1; line <= 2; line++) {
      snprintf(text, sizeof text, "1.5,%s,0\n2,%s,1\n3,4,0\n4,4,1\n", line == 1 ? missing[i] : "7",
               line == 2 ? missing[i] : "7");
      snprintf(detail, sizeof detail, "table.csv:%zu:2:", line);
      refused(&f, detail, text);
      cr_assert((strstr(symo_context_detail(f.context), "--header yes") != NULL) == (line == 1));
    }
    snprintf(text, sizeof text, "1.5,2,0\n2,3,%s\n3,4,0\n4,4,1\n", missing[i]);
    refused(&f, "table.csv:2:3:", text);
  }
  end(&f);
}

Test(data_csv, lines_that_could_be_either) {
  static const char *const either[] = {
      "0,1,2\n5,6,0\n7,8,1\n9,9,0\n1,1,1\n",        /* names of a data frame */
      "0,1,2,species\n5,6,7,0\n7,8,1,1\n9,9,0,0\n", /* and one of them a word */
      "0,1,2,species\n5,6,7,ant\n7,8,1,bee\n9,9,0,ant\n1,1,1,bee\n",
      "1,2,3,4\n5,6,7,0\n7,8,1,1\n9,9,0,0\n",
      "2015,2016,2017\n5,6,0\n7,8,1\n9,9,0\n1,1,1\n5,5,0\n", /* the label is in no other line */
      ",a,b\n0,1,0\n1,2,1\n2,3,0\n",                         /* an index without a name */
      "7,size,class\n1,2,0\n3,4,1\n"};
  fixture f = begin();
  for (size_t i = 0; i < sizeof either / sizeof *either; i++) {
    f.options.header = SYMO_DATA_HEADER_AUTO;
    refused(&f, "table.csv:1", either[i]);
    cr_assert(strstr(symo_context_detail(f.context), "--header") != NULL, "%zu", i);
    f.options.header = SYMO_DATA_HEADER_YES;
    load(&f, either[i]);
    cr_assert(strstr(f.data.remark, "the first line holds names") != NULL);
  }
  f.options.header = SYMO_DATA_HEADER_NO;
  load(&f, either[0]);
  cr_assert(f.data.examples == 5 && f.data.x[1] == 1.0);
  refused(&f, "table.csv:1:2: 'size' is not a finite number", either[6]);
  f.options.header = SYMO_DATA_HEADER_AUTO;
  refused(&f, "table.csv:1: holds words and numbers", "1,red,0\n2,blue,1\n");
  load(&f, "1,2,0\n1,3,1\n2,2,0\n4,4,1\n"); /* falls */
  cr_assert(f.data.examples == 4 && strstr(f.data.remark, "data begin in the first line") != NULL);
  load(&f, "1,2,3\n1,3,4\n2,2,3\n4,4,4\n"); /* rises, but its class is a class */
  cr_assert(f.data.examples == 4 && f.data.outputs == 2);
  load(&f, "5.1,3.5,ant\n1,2,bee\n5,5,ant\n5,6,bee\n"); /* a word for a label */
  cr_assert(f.data.examples == 4);
  f.options.label = "y";
  load(&f, "y,1,2\n0,3,4\n1,5,6\n0,7,8\n1,9,9\n"); /* the name that was asked for */
  cr_assert(f.data.examples == 4 && f.data.x[0] == 3.0 && f.data.outputs == 2);
  end(&f);
}

Test(data_csv, sizes_in_the_first_line) {
  fixture f = begin();
  load(&f, "4,2,ant,bee,cat\n1,2,0\n1,3,1\n2,2,0\n4,4,1\n");
  cr_assert(f.data.examples == 4 && strstr(f.data.remark, "holds sizes") != NULL);
  load(&f, "4,2,ant\n1,2,0\n1,3,1\n2,2,0\n4,4,1\n"); /* as many fields as below */
  cr_assert(f.data.examples == 4 && f.data.inputs == 2);
  refused(&f, "says 4 examples, and there are 3", "4,2,ant,bee,cat\n1,2,0\n1,3,1\n2,2,0\n");
  refused(&f, "table.csv:1", "4,2,ant\n1,2,0\n1,3,1\n2,2,0\n");
  refused(&f, "table.csv:1", "4,3,ant,bee,cat\n1,2,0\n1,3,1\n2,2,0\n4,4,1\n");
  load(&f,
       "1,2,yes\n1,3,no\n2,2,yes\n4,4,no\n"); /* the second number is that of inputs by chance */
  cr_assert(f.data.examples == 4 && f.data.outputs == 2);
  refused(&f, "--header yes", "1,2,class\n1,2,0\n1,3,1\n2,2,0\n4,4,1\n");
  f.options.header = SYMO_DATA_HEADER_YES;
  load(&f, "1,2,class\n1,2,0\n1,3,1\n2,2,0\n4,4,1\n");
  cr_assert(f.data.examples == 4 && strstr(f.data.remark, "holds names") != NULL);
  load(&f, "4,2,ant,bee,cat\n1,2,0\n1,3,1\n2,2,0\n4,4,1\n");
  cr_assert(f.data.examples == 4 && strstr(f.data.remark, "holds sizes") != NULL);
  end(&f);
}

/* ---- labels ---- */

Test(data_csv, what_labels_are) {
  fixture f = begin();
  load(&f, "1,b\n2,a\n3,b\n4,a\n"); /* words are classes */
  cr_assert(f.data.classes && f.data.outputs == 2 && f.data.y[1] == 1.0 && f.data.y[2] == 1.0);
  refused(&f, "4 different words in the 4 lines of column 1", "1,b\n2,a\n3,c\n4,d\n");
  refused(&f, "table.csv:3:2: label 'o' is a word among numbers", "1,0\n2,1\n3,o\n4,1\n5,1\n");
  refused(&f, "table.csv:2:2: label '1' is a number among words", "1,a\n2,1\n3,b\n");
  load(&f, "1,3\n2,8\n3,3\n4,8\n");
  cr_assert(f.data.classes && f.data.outputs == 2);
  load(&f, "1,3\n2,8\n3,4\n4,8\n"); /* more than half as many as examples */
  cr_assert(!f.data.classes && f.data.labels == NULL && f.data.y[2] == 4.0);
  f.options.table = SYMO_DATA_REGRESSION;
  load(&f, "1,3\n2,8\n3,3\n4,8\n");
  cr_assert(!f.data.classes && f.data.outputs == 1 && f.data.y[3] == 8.0);
  refused(&f, "table.csv:1:2: label 'a' is a word, but the targets are numbers", "1,a\n2,b\n3,a\n");
  f.options.task = SYMO_DATA_CLASSES; /* before the table's */
  load(&f, "1,a\n2,b\n3,c\n");
  cr_assert(f.data.outputs == 3);
  load(&f, "1,10\n2,9\n3,-1\n");
  cr_assert_str_eq(f.data.labels[0], "-1");
  cr_assert_str_eq(f.data.labels[2], "10");
  refused(&f, "are not classes", "1,0.5\n2,1.5\n3,0.5\n");
  refused(&f, "are not classes", "1,1e300\n2,0\n3,1e300\n"); /* neighbours cannot be told apart */
  refused(&f, "are the same", "1,5\n2,5\n3,5\n");
  refused(&f, "not UTF-8", "1,a\n2,\xff\n3,a\n");
  end(&f);
}

Test(data_csv, labels_that_are_left_out) {
  fixture f = begin();
  f.options.task = SYMO_DATA_NONE;
  load(&f, "1,2,ant\n3,4,5\n6,7,?\n8,9,0.5\n");
  cr_assert(f.data.examples == 4 && f.data.inputs == 2 && !f.data.classes && f.data.labels == NULL);
  cr_assert(f.data.outputs == 1 && f.data.y[1] == 0.0 && f.data.x[7] == 9.0);
  cr_assert(strstr(f.data.remark, "left out: column 2") != NULL);
  refused(&f, "table.csv:2:1", "1,2,ant\n?,4,5\n");
  end(&f);
}

Test(data_csv, labels_of_a_network) {
  static const char *const words[] = {"cat", "ant", "bee"}, *const numbers[] = {"0", "1", "2"};
  fixture f = begin();
  f.options.num_labels = 3, f.options.labels = words;
  load(&f, "1,bee\n2,cat\n3,bee\n");
  const double y[] = {0, 0, 1, 1, 0, 0, 0, 0, 1};
  cr_assert(f.data.outputs == 3 && memcmp(f.data.y, y, sizeof y) == 0);
  cr_assert_str_eq(f.data.labels[1], "ant");
  load(&f, "1,ant\n"); /* one example, one class */
  cr_assert(f.data.outputs == 3 && f.data.y[1] == 1.0);
  cr_fails(f.context, SYMO_E_NAME,
           "table.csv:3:2: label 'dog' is no class of the network, which has "
           "cat, ant, bee",
           try_load(&f, "1,bee\n2,cat\n3,dog\n"));
  f.options.labels = numbers;
  load(&f, "1,2\n2,1.0\n3,+2\n");
  cr_assert(f.data.outputs == 3 && f.data.y[2] == 1.0 && f.data.y[4] == 1.0 && f.data.y[8] == 1.0);
  cr_fails(f.context, SYMO_E_NAME, "table.csv:4:2: label '3'",
           try_load(&f, "x,y\n1,2\n\n2,3\n3,1\n"));
  cr_fails(f.context, SYMO_E_NAME, "label 'ant'", try_load(&f, "1,ant\n2,bee\n"));
  cr_fails(f.context, SYMO_E_NAME, "label '0.5'", try_load(&f, "1,0.5\n2,1\n"));
  end(&f);
}

Test(data_csv, label_columns) {
  fixture f = begin();
  f.options.label = "y";
  cr_fails(f.context, SYMO_E_NAME, "2 columns are named 'y'",
           try_load(&f, "y,a,y\n0,1,2\n1,3,4\n0,5,6\n1,7,7\n"));
  cr_fails(f.context, SYMO_E_NAME, "no column 'y'", try_load(&f, "1.5,2,0\n1,3,1\n"));
  f.options.label = "0";
  load(&f, "y,a,y\n0,1,2\n1,3,4\n0,5,6\n1,7,7\n");
  cr_assert(f.data.classes && f.data.x[0] == 1.0);
  f.options.header = SYMO_DATA_HEADER_YES; /* a name goes before a number */
  load(&f, "2,1,0\n5,6,0\n7,8,1\n9,9,0\n1,1,1\n");
  cr_assert(f.data.x[0] == 5.0 && f.data.outputs == 2);
  end(&f);
}

/* ---- numbers ---- */

Test(data_csv, numbers_that_are_none) {
  static const struct {
    const char *text, *detail;
  } rows[] = {{"1.5,2,0\n0x1F,3,1\n", "table.csv:2:1: '0x1F' is not a finite number: hexadecimal"},
              {"1.5,2,0\n2,1e400,1\n", "table.csv:2:2: '1e400' is not a finite number: beyond"},
              {"1.5,2,0\n2,\"1,234\",1\n", "table.csv:2:2: '1,234'"},
              {"1.5,2,0\n2,1'234,1\n", "separators of thousands"},
              {"1.5;2;0\n2;1,5;1\n", "table.csv:2:2: '1,5' has a decimal comma, and line 1 a"},
              {"1,5;2;0\n2;1.5;1\n", "table.csv:2:2: '1.5' has a decimal point, and line 1 a"},
              {"1,5;2;0\n2;1.234,5;1\n", "table.csv:2:2: '1.234,5'"},
              {"1.5,2,0\n# no more\n2,3,1\n", "comments may stand before"},
              {"1.5,2,0\n2,3,1,\n", "table.csv:2: 4 fields"},
              {"1.5,2,0,\n2,3,1\n", "table.csv:1:4: the field is empty"},
              {"1.5,2,0,\n2,3,1,\n3,4,0,9\n", "table.csv:3:4: a field behind the separator"},
              {"1.5,2,0,\n2,3,1,\n3,4,0\n", "table.csv:3: 3 fields"},
              {"1.5,2,\"1,000\"\n2,3,\"2,000\"\n", "table.csv:1:3: '1,000'"},
              {"a,b,c\n", "no data"},
              {"# only\n# words\n", "no data"},
              {"\xFF\xFE"
               "1,2",
               "UTF-16"},
              {"\xFE\xFF"
               "1,2",
               "UTF-16"}};
  fixture f = begin();
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) refused(&f, rows[i].detail, rows[i].text);
  load(&f, "1.5,2,0\n4.9e-324,1e-999,1\n"); /* small numbers are no failure */
  cr_assert(f.data.x[2] == 4.9e-324 && f.data.x[3] == 0.0);
  end(&f);
}

/* ---- damage and memory ---- */

/* Good files changed at random: read or refused, finite numbers, one class each, nothing left
 * behind. */
Test(data_csv, damaged_files) {
  static const char *const good[] = {"a,b,\"c, d\"\n1.5,2,ant\n-3.25,4,\"b\"\"ee\"\n.5,6,ant\n",
                                     "1,5;2;0;\n-3,25;4;7;\n0,5;6;0;\n",
                                     "# x\n3,2,some,names\n1.5,2,0\n-3.25,4,7\n.5,6,0\n",
                                     "1.5 2 0\r\n  -3.25\t 4   7 \r\n0.5 6 0\r\n"};
  static const char bytes[] = "0123456789,;\t \"\n\r#.-+eEaxN?\xEF\xBB\xBF\xFF";
  fixture f = begin();
  symo_rng *rng = symo_test_rng(f.context, 5);
  size_t read = 0;
  for (size_t i = 0; i < 4000; i++) {
    char text[256];
    snprintf(text, sizeof text, "%s", good[i % 4]);
    for (size_t k = symo_rng_below(rng, 4); k > 0; k--)
      text[symo_rng_below(rng, strlen(text))] = bytes[symo_rng_below(rng, sizeof bytes - 1)];
    if (i % 7 == 0) text[symo_rng_below(rng, strlen(text))] = '\0';
    f.options.header = (symo_data_header)symo_rng_below(rng, 3);
    f.options.task = (symo_data_task)symo_rng_below(rng, 3);
    const symo_status status = try_load(&f, text);
    const symo_dataset *d = &f.data;
    cr_assert(status == SYMO_OK || status == SYMO_E_FORMAT, "%s: %s", text,
              symo_context_detail(f.context));
    if (status != SYMO_OK) continue;
    read++;
    cr_assert(symo_test_max(d->x, d->examples * d->inputs) <= 1e300);
    cr_assert(d->classes == (d->labels != NULL));
    for (size_t r = 0; r < d->examples && d->classes; r++) {
      double sum = 0.0;
      for (size_t c = 0; c < d->outputs; c++) sum += d->y[r * d->outputs + c];
      cr_assert(sum == 1.0);
    }
  }
  cr_assert(read > 400, "%zu", read);
  symo_rng_destroy(rng);
  end(&f);
}

static symo_status load_words(void *self) {
  fixture *f = self;
  const symo_status status = try_load(f, "1.5,2,ant\n-3.25,4,bee\n.5,6,ant\n");
  symo_data_drop(&f->data);
  return status;
}

Test(data_csv, failed_allocations) {
  static const char *const words[] = {"ant", "bee", "cat"};
  fixture f = begin();
  f.options.task = SYMO_DATA_CLASSES;
  for (size_t i = 0; i < 2; i++) {
    if (i == 1) f.options.num_labels = 3, f.options.labels = words;
    cr_assert(symo_test_allocations(load_words, &f) >= 6);
  }
  end(&f);
}
