/* The frame of the command line: tables of options, messages, exit codes, files. */
#include "tests/support/testing.h"

#include "cli/parse.h"
#include "experiments/commands/sampling.h"
#include "experiments/inputs/tensors.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- a command to try
 * ---------------------------------------------------------------------------- */

static const cli_option options[] = {
    {.name = "WHAT", .kind = CLI_OPERAND, .choices = "this|that", .help = "The operand"},
    {.name = "file", .arg = "FILE", .kind = CLI_STRING, .required = true, .help = "A file"},
    {.name = "steps",
     .arg = "N",
     .kind = CLI_INT,
     .min = 1,
     .max = 1e6,
     .fallback = "100",
     .help = "How many"},
    {.name = "rate",
     .arg = "X",
     .kind = CLI_DOUBLE,
     .min = 0,
     .max = INFINITY,
     .fallback = "0.5",
     .help = "How fast"},
    {.name = "shift", .arg = "X", .kind = CLI_DOUBLE, .help = "No bounds, no default"},
    {.name = "act",
     .arg = "A",
     .kind = CLI_CHOICE,
     .choices = "tanh|relu",
     .fallback = "tanh",
     .help = "Which"},
    {.name = "grad", .arg = "FILE", .kind = CLI_LIST, .help = "Some"},
    {.name = "kind",
     .arg = "K",
     .kind = CLI_LIST,
     .choices = "a|b",
     .fallback = "a",
     .help = "Some"},
    {.name = "fast", .kind = CLI_FLAG, .help = "Faster"},
    {.name = NULL}};

static int result;
static int run(cli *c) {
  printf("%s\n", cli_str(c, "file"));
  return result;
}

static const cli_command trial = {.name = "trial",
                                  .summary = "a command to try",
                                  .description = "Does nothing.",
                                  .example = "symo trial --file x",
                                  .no = "told so",
                                  .options = options,
                                  .json = true,
                                  .run = run};
static const cli_command *const commands[] = {&trial, NULL};

/* ---- what it writes
 * ------------------------------------------------------------------------------ */

typedef struct capture {
  FILE *file;
  int fd, saved;
} capture;

static capture begin_capture(int fd) {
  capture c = {.file = tmpfile(), .fd = fd, .saved = dup(fd)};
  cr_assert(c.file != NULL && c.saved >= 0);
  fflush(NULL);
  dup2(fileno(c.file), fd);
  return c;
}

static void end_capture(capture *c, char *text, size_t size) {
  fflush(NULL);
  dup2(c->saved, c->fd);
  close(c->saved);
  rewind(c->file);
  size_t n = fread(text, 1, size - 1, c->file);
  text[n] = '\0';
  fclose(c->file);
}

enum { TEXT = 8192, WORDS = 32 };

/* The words of a line, split at single spaces; "_" stands for an empty one. */
static int split_line(const char *line, char *copy, char **words) {
  int n = 0;
  snprintf(copy, TEXT, "%s", line);
  for (char *p = strtok(copy, " "); p && n < WORDS; p = strtok(NULL, " ")) {
    if (strcmp(p, "_") == 0) *p = '\0';
    words[n++] = p;
  }
  return n;
}

static int parse(cli *c, const char *line, char *copy, char *message) {
  char *words[WORDS];
  int n = split_line(line, copy, words);
  capture error = begin_capture(2);
  int code = cli_parse(c, &trial, n, words);
  end_capture(&error, message, TEXT);
  return code;
}

/* ---- values
 * -------------------------------------------------------------------------------------- */

Test(cli, defaults_come_from_the_rows) {
  cli c = {0};
  char copy[TEXT], message[TEXT];
  cr_assert_eq(parse(&c, "--file x", copy, message), CLI_DONE, "%s", message);
  size_t n = 0;
  cr_assert_str_eq(cli_str(&c, "file"), "x");
  cr_assert_null(cli_str(&c, "WHAT"));
  cr_assert_eq(cli_int(&c, "steps"), 100);
  cr_assert_eq(cli_double(&c, "rate"), 0.5);
  cr_assert_str_eq(cli_str(&c, "act"), "tanh");
  cr_assert_eq(cli_list(&c, "kind", &n)[0][0], 'a');
  cr_assert_eq(n, 1);
  cli_list(&c, "grad", &n);
  cr_assert_eq(n, 0);
  cr_assert(!cli_flag(&c, "fast") && !cli_given(&c, "steps") && !cli_json(&c));
  cli_release(&c);
  cr_no_leaks();
}

Test(cli, both_forms_and_lists) {
  cli c = {0};
  char copy[TEXT], message[TEXT];
  const char *line = "that --file=a=b --steps 1e3 --rate=2 --shift -3.5 --grad g1 --grad=g2 --fast "
                     "--kind b --act=relu --json --threads 2";
  cr_assert_eq(parse(&c, line, copy, message), CLI_DONE, "%s", message);
  size_t n = 0;
  cr_assert_str_eq(cli_str(&c, "WHAT"), "that");
  cr_assert_str_eq(cli_str(&c, "file"), "a=b");
  cr_assert_eq(cli_int(&c, "steps"), 1000);
  cr_assert_eq(cli_double(&c, "shift"), -3.5);
  const char *const *grads = cli_list(&c, "grad", &n);
  cr_assert_eq(n, 2);
  cr_assert_str_eq(grads[1], "g2");
  cli_list(&c, "kind", &n);
  cr_assert_eq(n, 1, "what is given takes the place of the default");
  cr_assert(cli_flag(&c, "fast") && cli_json(&c) && cli_given(&c, "threads"));
  cli_release(&c);
  cr_no_leaks();
}

Test(cli, a_double_dash_ends_the_options) {
  cli c = {0};
  char copy[TEXT], message[TEXT];
  cr_assert_eq(parse(&c, "--file x -- --that", copy, message), CLI_USAGE);
  cr_assert(strstr(message, "--that") != NULL, "%s", message);
  cli_release(&c);
}

/* ---- errors
 * -------------------------------------------------------------------------------------- */

static const struct {
  const char *line, *text;
} mistakes[] = {{"", "trial: --file is missing"},
                {"--file", "--file: the value is missing"},
                {"--file --fast", "--file: the value is missing"},
                {"--file _", "--file: the value is empty"},
                {"--file=", "--file: the value is empty"},
                {"--file a --file b", "--file: given twice"},
                {"--file a --fast --fast", "--fast: given twice"},
                {"--file a --fast=1", "--fast: takes no value"},
                {"--file a --stops 3", "did you mean \"steps\"?"},
                {"--file a --what that", "--what: trial has no such option"},
                {"--file a --", NULL},
                {"--file a -f", "-f: no such option"},
                {"--file a --steps 0", "0 is out of range (give a number from 1 to 1000000)"},
                {"--file a --steps 1000001", "out of range"},
                {"--file a --steps 1.5", "not a whole number"},
                {"--file a --steps 12x", "not a whole number"},
                {"--file a --steps _", "not a whole number"},
                {"--file a --steps 0x10", "not a whole number"},
                {"--file a --rate nan", "not a finite number"},
                {"--file a --rate inf", "not a finite number"},
                {"--file a --rate 1e999", "not a finite number"},
                {"--file a --rate -1", "give a number of at least 0"},
                {"--file a --act tanhh", "did you mean \"tanh\"? (choose one of tanh relu)"},
                {"--file a --act _", "there is no \"\""},
                {"--file a --kind c", "--kind: there is no \"c\""},
                {"--file a --threads 0", "--threads: 0 is out of range"},
                {"--file a thus", "WHAT: there is no \"thus\""},
                {"--file a this that", "\"that\" is one word too many"}};

Test(cli, every_mistake_is_named_in_one_line) {
  for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
    cli c = {0};
    char copy[TEXT], message[TEXT];
    int code = parse(&c, mistakes[i].line, copy, message);
    cli_release(&c);
    if (!mistakes[i].text) {
      cr_assert_eq(code, CLI_DONE, "%s: %s", mistakes[i].line, message);
      continue;
    }
    cr_assert_eq(code, CLI_USAGE, "%s", mistakes[i].line);
    cr_assert(strncmp(message, "symo: error: ", 13) == 0, "%s", message);
    cr_assert(strstr(message, mistakes[i].text) != NULL, "%s: %s", mistakes[i].line, message);
    cr_assert(strchr(message, '\n') == message + strlen(message) - 1, "%s", message);
    cr_assert(strchr(message, '(') != NULL, "what to do: %s", message);
  }
  cr_no_leaks();
}

Test(cli, messages_are_one_line_whatever_is_in_them) {
  cli c = {0};
  char message[TEXT];
  capture error = begin_capture(2);
  cr_assert_eq(cli_fail(&c, CLI_IO, "a\nb\033[2J%s", "c\r"), CLI_IO);
  end_capture(&error, message, TEXT);
  cr_assert_str_eq(message, "symo: error: a b?[2Jc?\n");
}

Test(cli, out_of_memory_is_told_and_nothing_leaks) {
  for (long n = 0; n < 3; n++) {
    cli c = {0};
    char copy[TEXT], message[TEXT];
    symo_alloc_fail_after(n);
    int code = parse(&c, "--file x", copy, message);
    symo_alloc_fail_after(-1);
    cli_release(&c);
    cr_assert_eq(code, CLI_NUMERIC);
    cr_assert(strstr(message, "out of memory") != NULL);
    cr_no_leaks();
  }
}

/* ---- statuses
 * ------------------------------------------------------------------------------------ */

Test(cli, statuses_become_exit_codes) {
  static const struct {
    symo_status status;
    int data, flag;
  } rows[] = {{SYMO_OK, 0, 0},          {SYMO_SINGULAR, 5, 5},
              {SYMO_INDEFINITE, 5, 5},  {SYMO_NO_CONVERGENCE, 5, 5},
              {SYMO_E_ARGUMENT, 3, 2},  {SYMO_E_NAME, 3, 2},
              {SYMO_E_SHAPE, 3, 3},     {SYMO_E_DTYPE, 3, 3},
              {SYMO_E_NONFINITE, 3, 3}, {SYMO_E_SIZE, 3, 3},
              {SYMO_E_MEMORY, 5, 5},    {SYMO_E_UNSUPPORTED, 3, 3},
              {SYMO_E_FORMAT, 3, 3},    {SYMO_E_IO, 4, 4},
              {SYMO_E_NUMERIC, 5, 5}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    cr_assert_eq(cli_exit_code(rows[i].status, false), rows[i].data, "row %zu", i);
    cr_assert_eq(cli_exit_code(rows[i].status, true), rows[i].flag, "row %zu", i);
  }
}

/* ---- the whole program
 * --------------------------------------------------------------------------- */

static int program(const char *line, char *out, char *message) {
  char copy[TEXT], *words[WORDS];
  int n = split_line(line, copy, words);
  capture error = begin_capture(2), answer = begin_capture(1);
  int code = cli_main(commands, n, words);
  end_capture(&answer, out, TEXT);
  end_capture(&error, message, TEXT);
  return code;
}

Test(cli, the_program_runs_commands) {
  char out[TEXT], message[TEXT];
  for (result = CLI_DONE; result <= CLI_NUMERIC; result++) {
    cr_assert_eq(program("symo trial --file x", out, message), result);
    cr_assert_str_eq(out, "x\n");
    cr_assert_str_eq(message, "");
  }
  result = CLI_DONE;
  cr_assert_eq(program("symo --version", out, message), CLI_DONE);
  cr_assert(strncmp(out, "symo " SYMO_VERSION_STRING "\n", 5) == 0, "%s", out);
  cr_assert_eq(program("symo", out, message), CLI_USAGE);
  cr_assert_eq(program("symo trail", out, message), CLI_USAGE);
  cr_assert(strstr(message, "did you mean \"trial\"?") != NULL, "%s", message);
  cr_assert_eq(program("symo --file x", out, message), CLI_USAGE);
  cr_assert_str_eq(out, "");
  cr_no_leaks();
}

Test(cli, help_tells_every_option_with_its_default) {
  char out[TEXT], again[TEXT], message[TEXT];
  cr_assert_eq(program("symo help", out, message), CLI_DONE);
  cr_assert(strstr(out, trial.summary) != NULL, "%s", out);
  cr_assert_eq(program("symo trial --help", out, message), CLI_DONE);
  cr_assert_eq(program("symo help trial", again, message), CLI_DONE);
  cr_assert_str_eq(out, again);
  cr_assert_str_eq(message, "");
  const cli_option *o = NULL;
  for (size_t i = 0; (o = cli_row(&trial, i)); i++) {
    cr_assert(strstr(out, o->name) != NULL, "%s", o->name);
    cr_assert(strstr(out, o->help) != NULL, "%s", o->name);
  }
  const char *parts[] = {"Usage: symo trial [WHAT] --file FILE [OPTIONS]",
                         "Default: 100.",
                         "From 1 to 1000000.",
                         "One of: tanh relu.",
                         "May be repeated.",
                         "Required.",
                         "symo trial --file x",
                         "  1  told so",
                         "  5  numerical failure",
                         "--json",
                         "--threads N"};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
    cr_assert(strstr(out, parts[i]) != NULL, "%s", parts[i]);
  cr_assert_eq(program("symo help trial too", out, message), CLI_USAGE);
  cr_assert_eq(program("symo help nothing", out, message), CLI_USAGE);
}

/* ---- files and JSON
 * ------------------------------------------------------------------------------ */

Test(cli, json_keeps_order_and_has_no_nan) {
  cli c = {.command = &trial};
  json_t *o = json_object();
  cli_set(&c, o, "z", cli_number(0.1));
  cli_set(&c, o, "a", cli_number(NAN));
  cli_set(&c, o, "b", cli_count(1e6));
  char out[TEXT];
  capture answer = begin_capture(1);
  cr_assert_eq(cli_print_json(&c, o), CLI_DONE);
  end_capture(&answer, out, TEXT);
  cr_assert_str_eq(out, "{\n  \"z\": 0.1,\n  \"a\": null,\n  \"b\": 1000000\n}\n");
}

/* Numbers have a point in every locale, on the way in and out. */
Test(cli, numbers_have_a_point_in_every_locale) {
  static const char *const locales[] = {"C", "de_DE.utf8", "fr_FR.utf8", "ps_AF.utf8"};
  for (size_t i = 0; i < sizeof locales / sizeof *locales; i++) {
    if (setlocale(LC_ALL, locales[i]) == NULL) continue;
    cli c = {0};
    char copy[TEXT], message[TEXT];
    cr_assert_eq(parse(&c, "--file x --rate 0.25 --steps 1.5e1", copy, message), CLI_DONE, "%s: %s",
                 locales[i], message);
    cr_assert_eq(cli_double(&c, "rate"), 0.25);
    cr_assert_eq(cli_int(&c, "steps"), 15);
    json_t *o = json_object();
    cli_set(&c, o, "x", cli_number(0.3));
    cli_set(&c, o, "y", cli_number(-1.5e-7));
    cli_set(&c, o, "z", cli_number(2));
    char out[TEXT];
    capture answer = begin_capture(1);
    cr_assert_eq(cli_print_json(&c, o), CLI_DONE);
    end_capture(&answer, out, TEXT);
    cr_assert_str_eq(out, "{\n  \"x\": 0.3,\n  \"y\": -1.5e-7,\n  \"z\": 2.0\n}\n", "%s",
                     locales[i]);
    cli_release(&c);
    cr_assert_eq(parse(&c, "--file x --rate 0,25", copy, message), CLI_USAGE, "%s", locales[i]);
    cli_release(&c);
  }
  setlocale(LC_ALL, "C");
  cr_no_leaks();
}

static long json_left;
static void *scarce(size_t size) { return json_left-- > 0 ? malloc(size) : NULL; }

Test(cli, json_that_does_not_fit_is_no_answer) {
  symo_context *context = symo_test_context();
  json_set_alloc_funcs(scarce, free);
  int code = CLI_NUMERIC;
  for (long n = 0; code != CLI_DONE; n++) {
    char out[TEXT], message[TEXT];
    cli c = {.command = &trial, .context = context};
    capture answer = begin_capture(1), error = begin_capture(2);
    json_left = n;
    json_t *o = json_object(), *list = json_array();
    cli_push(&c, list, cli_number(0.5));
    cli_set(&c, o, "list", list);
    cli_set(&c, o, "name", json_string("x"));
    code = cli_print_json(&c, o);
    end_capture(&error, message, TEXT);
    end_capture(&answer, out, TEXT);
    cr_assert_lt(n, 1000);
    if (code == CLI_DONE) continue;
    cr_assert_eq(code, CLI_NUMERIC);
    cr_assert(strstr(message, "out of memory") != NULL, "%ld: %s", n, message);
    cr_assert_str_eq(out, "", "a part of an answer");
  }
  symo_context_destroy(context);
}

Test(cli, directories_and_files) {
  symo_context *context = symo_test_context();
  cli c = {.command = &trial, .context = context};
  char message[TEXT], *deep = cli_join(symo_test_dir(), "a/b//c"), *file = cli_join(deep, "x.json");
  struct stat s;
  capture error = begin_capture(2);
  cr_assert_eq(cli_make_directory(&c, deep), CLI_DONE);
  cr_assert_eq(cli_make_directory(&c, deep), CLI_DONE, "it may be there already");
  cr_assert_eq(cli_write_json(&c, file, json_array()), CLI_DONE);
  cr_assert(stat(file, &s) == 0 && s.st_size == 3);
  cr_assert_eq(cli_make_directory(&c, file), CLI_IO, "a file is none");
  char *missing = cli_join(file, "y");
  cr_assert_eq(cli_write_file(&c, missing, "", 0), CLI_IO);
  end_capture(&error, message, TEXT);
  cr_assert(strstr(message, "x.json") != NULL, "%s", message);
  unlink(file);
  symo_free(deep);
  symo_free(file);
  symo_free(missing);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(cli, bytes_are_rounded_for_people) {
  cr_assert_str_eq(cli_format_bytes(12).text, "12 bytes");
  cr_assert_str_eq(cli_format_bytes(999.9).text, "1 kB");
  cr_assert_str_eq(cli_format_bytes(8e15).text, "8 PB");
  cr_assert(cli_memory_available() > 1e6);
}

/* ---- the statistics of verify
 * -------------------------------------------------------------------- */

Test(cli, bounds_for_many_deviations) {
  cr_assert(fabs(sampling_threshold(1, 5) - 5) <= 1e-12);
  /* 2 (1 - Phi(z)) of z = 6 is 1.973175e-9, of z = 5 it is 5.733031e-7: 290.548 times as much. */
  cr_assert(fabs(sampling_threshold(291, 5) - 6) <= 1e-3);
  cr_assert(sampling_threshold(80200, 5) > sampling_threshold(1000, 5));
}

Test(cli, deviations_in_standard_errors) {
  /* Values 1 and 3 in turn, 100 of them: sum of squares 100, variance 100 / 99. */
  sampling_moment m = {.mean = 2, .squares = 100};
  cr_assert(fabs(sampling_deviation(m, 100, 2.5, 0) - 0.5 * sqrt(99)) <= 1e-12);
  sampling_moment constant = {.mean = 1, .squares = 0};
  cr_assert(sampling_deviation(constant, 100, 1 + 1e-15, 1) < 1);
  cr_assert(sampling_deviation(constant, 100, 1.001, 1) > 5, "a constant that is wrong");
  cr_assert(!(sampling_deviation(m, 100, NAN, 1) <= 5));
}
