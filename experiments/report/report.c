/* symo report: what a folder holds, as one page. */
#include "experiments/report/report.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/folder.h"
#include "core/alloc.h"
#include "core/error.h"
#include "io/file.h"
#include "io/json.h"

/* What a command leaves in its folder, in the order of the search. */
typedef struct report_kind {
  const char *command, *file; /* the file that tells it */
  const char *files[3];       /* JSON that becomes tables, the first being `file`; NULL ends them */
  bool curves, metrics;
} report_kind;

static const report_kind kinds[] = {
    {"compare", "results.json", {"results.json"}, false, false},
    {"sweep", "sweep.json", {"sweep.json"}, true, false},
    {"spectrum", "spectrum.json", {"spectrum.json", "exponents.json"}, false, false},
    {"spectrum", "exponents.json", {"exponents.json"}, false, false},
    {"train", "run.json", {"run.json", "summary.json"}, true, true},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* *out: written where all is well, the caller's. */
static int read_json(cli *c, const char *directory, const char *name, json_t **out) {
  char *path = cli_join(directory, name), *text = NULL;
  size_t length = 0;
  json_t *read = NULL;
  if (path == NULL) return cli_fail_memory(c);
  symo_status status = symo_file_read_all(cli_context(c), path, (size_t)1 << 30, &text, &length);
  if (status == SYMO_OK) status = symo_json_parse(cli_context(c), path, text, length, &read);
  if (status == SYMO_OK)
    status =
        symo_json_expect(cli_context(c), path, "", read, JSON_OBJECT, "the file of a run of symo");
  if (status == SYMO_OK)
    *out = read;
  else
    json_decref(read);
  symo_free(text);
  symo_free(path);
  return status == SYMO_OK ? CLI_DONE : cli_fail_status(c, status);
}

static int find_kind(cli *c, const char *directory, const report_kind **out) {
  for (size_t i = 0; i < KINDS; i++)
    if (cli_folder_has(directory, kinds[i].file)) {
      *out = &kinds[i];
      return CLI_DONE;
    }
  return cli_fail(c, CLI_IO,
                  "%s: no results.json, sweep.json, spectrum.json, exponents.json or run.json in "
                  "it (give a folder "
                  "that symo compare, sweep, spectrum or train wrote)",
                  directory);
}

/* ---- how it was made ---- */

/* A word as a shell would need it. */
static void add_word(symo_text *out, const char *word) {
  if (*word != '\0' && strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                    "_-+=./,:@%") == strlen(word)) {
    symo_text_add(out, "%s", word);
    return;
  }
  symo_text_add(out, "'");
  for (const char *p = word; *p; p++) symo_text_add(out, *p == '\'' ? "'\\''" : "%c", *p);
  symo_text_add(out, "'");
}

/* {"commands": [{"words": [..], ..}, ..]} */
static symo_status check_record(symo_context *context, const char *path, const json_t *record) {
  const json_t *commands = json_object_get(record, "commands");
  symo_status status =
      symo_json_expect(context, path, "commands", commands, JSON_ARRAY, "as symo writes it");
  for (size_t i = 0; status == SYMO_OK && i < json_array_size(commands); i++) {
    const json_t *words = json_object_get(json_array_get(commands, i), "words");
    status = symo_json_expect(context, path, "words", words, JSON_ARRAY, "as symo writes it");
    for (size_t k = 0; status == SYMO_OK && k < json_array_size(words); k++)
      status = symo_json_expect(context, path, "words", json_array_get(words, k), JSON_STRING,
                                "as symo writes it");
  }
  return status;
}

static int add_commands(report_page *page, const char *directory, const json_t *record) {
  const json_t *commands = json_object_get(record, "commands");
  symo_text text = {0};
  char *all = NULL, *path = cli_join(directory, CLI_RECORD);
  if (path == NULL) return cli_fail_memory(page->c);
  symo_status status = check_record(cli_context(page->c), path, record);
  symo_free(path);
  if (status != SYMO_OK) return cli_fail_status(page->c, status);
  for (size_t i = 0; i < json_array_size(commands); i++) {
    const json_t *words = json_object_get(json_array_get(commands, i), "words");
    for (size_t k = 0; k < json_array_size(words); k++) {
      const char *word = json_string_value(json_array_get(words, k));
      symo_text_add(&text, "%s", k > 0 ? " " : "");
      add_word(&text, word != NULL ? word : "");
    }
    symo_text_add(&text, "\n");
  }
  status = symo_text_finish(&text, cli_context(page->c), &all);
  if (status != SYMO_OK) return cli_fail_status(page->c, status);
  symo_text_add(&page->text, "<pre>");
  report_escape(page, all);
  symo_text_add(&page->text, "</pre>\n");
  symo_free(all);
  return CLI_DONE;
}

/* The seeds of results.json: that of each run, or its own. */
static char *seeds_of(const json_t *results) {
  const json_t *runs = json_object_get(results, "runs"), *seed = json_object_get(results, "seed");
  symo_text text = {0};
  char *out = NULL;
  for (size_t i = 0; i < json_array_size(runs); i++)
    symo_text_add(&text, "%s%lld", i > 0 ? " " : "",
                  (long long)json_integer_value(json_object_get(json_array_get(runs, i), "seed")));
  if (json_array_size(runs) == 0 && json_is_integer(seed))
    symo_text_add(&text, "%lld", (long long)json_integer_value(seed));
  symo_text_add(&text, "%s", "");
  return symo_text_finish(&text, NULL, &out) == SYMO_OK ? out : NULL;
}

/* Folder, version, build and threads of the last command, and the seeds; NULL: out of memory. */
static json_t *origin_of(const json_t *record, const char *seeds) {
  static const char *const keys[] = {"folder", "version", "build", "threads"};
  const json_t *commands = json_object_get(record, "commands");
  const json_t *last = json_array_get(commands, json_array_size(commands) - 1);
  json_t *origin = json_object();
  bool good = origin != NULL;
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    json_t *value = json_object_get(last, keys[i]);
    if (value != NULL) good = good && json_object_set(origin, keys[i], value) == 0;
  }
  if (seeds[0] != '\0')
    good = good && json_object_set_new(origin, "seeds", json_string(seeds)) == 0;
  if (good) return origin;
  json_decref(origin);
  return NULL;
}

static int add_origin(report_page *page, const char *directory, const char *seeds) {
  cli *c = page->c;
  json_t *record = NULL, *origin = NULL;
  int code = CLI_DONE;
  report_heading(page, "How it was made");
  if (cli_folder_has(directory, CLI_RECORD)) code = read_json(c, directory, CLI_RECORD, &record);
  if (code != CLI_DONE) return code;
  if (record != NULL)
    code = add_commands(page, directory, record);
  else
    symo_text_add(&page->text, "<p>The folder has no %s: the command is not known.</p>\n",
                  CLI_RECORD);
  if (code == CLI_DONE && (origin = origin_of(record, seeds)) == NULL) code = cli_fail_memory(c);
  if (code == CLI_DONE) report_object(page, "Where, and by which program", origin);
  json_decref(origin);
  json_decref(record);
  return code;
}

/* ---- pictures ---- */

static bool ends(const char *name, const char *end) {
  const size_t length = strlen(name), tail = strlen(end);
  return length > tail && strcmp(name + length - tail, end) == 0;
}

/* Large drawings, such as matrices entry by entry, are shown as PNG. */
static const long large_svg = 2000000;

static bool is_shown(const char *directory, const char *name) {
  const bool svg = ends(name, ".svg");
  if (!svg && !ends(name, ".png")) return false;
  char other[256], *path = cli_join(directory, name);
  (void)snprintf(other, sizeof other, "%.*s.png", (int)(strlen(name) - 4), name);
  FILE *file = path != NULL && svg ? fopen(path, "rb") : NULL;
  const bool large = file != NULL && fseek(file, 0, SEEK_END) == 0 && ftell(file) > large_svg &&
                     cli_folder_has(directory, other);
  if (file != NULL) (void)fclose(file);
  if (!svg) { /* beside a drawing it is shown only where that is large */
    (void)snprintf(other, sizeof other, "%.*s.svg", (int)(strlen(name) - 4), name);
    symo_free(path);
    return !cli_folder_has(directory, other) || !is_shown(directory, other);
  }
  symo_free(path);
  return !large;
}

static int add_pictures(report_page *page, const char *directory) {
  struct dirent **names = NULL;
  const int count = scandir(directory, &names, NULL, alphasort);
  int code = CLI_DONE;
  for (int i = 0; i < count; i++) {
    if (code == CLI_DONE && is_shown(directory, names[i]->d_name))
      code = report_picture(page, directory, names[i]->d_name);
    free(names[i]);
  }
  free(names);
  return code;
}

/* ---- the page ---- */

static int add_tables(report_page *page, const report_kind *kind, const char *directory,
                      char **seeds) {
  int code = CLI_DONE;
  for (size_t i = 0; i < 3 && kind->files[i] != NULL && code == CLI_DONE; i++) {
    json_t *results = NULL;
    if (!cli_folder_has(directory, kind->files[i])) continue;
    code = read_json(page->c, directory, kind->files[i], &results);
    if (code == CLI_DONE) report_object(page, kind->files[i], results);
    if (code == CLI_DONE && *seeds == NULL && (*seeds = seeds_of(results)) == NULL)
      code = cli_fail_memory(page->c);
    json_decref(results);
  }
  return code;
}

static int make(report_page *page, const report_kind *kind, const char *directory) {
  char *seeds = NULL, title[600];
  (void)snprintf(title, sizeof title, "symo %s: %.500s", kind->command, directory);
  report_begin(page, title);
  report_heading(page, "Pictures");
  int code = kind->curves ? report_curves(page, directory, &seeds) : CLI_DONE;
  if (code == CLI_DONE) code = add_pictures(page, directory);
  if (code == CLI_DONE && page->figures == 0)
    symo_text_add(&page->text, "<p>There are none in the folder (gnuplot draws them).</p>\n");
  report_heading(page, "Figures");
  if (code == CLI_DONE) code = add_tables(page, kind, directory, &seeds);
  if (code == CLI_DONE && kind->metrics) code = report_metrics(page, directory);
  if (code == CLI_DONE) code = add_origin(page, directory, seeds != NULL ? seeds : "");
  report_end(page);
  symo_free(seeds);
  return code;
}

static int write_page(report_page *page, const report_kind *kind, const char *path) {
  cli *c = page->c;
  char *text = NULL;
  symo_status status = symo_text_finish(&page->text, cli_context(c), &text);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  int code = cli_write_file(c, path, text, strlen(text));
  symo_free(text);
  if (code != CLI_DONE) return code;
  if (!cli_json(c)) {
    printf("%s: %zu %s, %zu %s\n", path, page->figures,
           symo_plural(page->figures, "picture", "pictures"), page->tables,
           symo_plural(page->tables, "table", "tables"));
    return CLI_DONE;
  }
  json_t *o = json_object();
  cli_set(c, o, "report", json_string(path));
  cli_set(c, o, "command", json_string(kind->command));
  cli_set(c, o, "pictures", json_integer((json_int_t)page->figures));
  cli_set(c, o, "tables", json_integer((json_int_t)page->tables));
  return cli_print_json(c, o);
}

static int run(cli *c) {
  const char *directory = cli_str(c, "DIR");
  const report_kind *kind = NULL;
  report_page page = {.c = c};
  char *own = NULL;
  int code = find_kind(c, directory, &kind);
  if (code == CLI_DONE && !cli_given(c, "out") &&
      (own = cli_join(directory, "report.html")) == NULL)
    code = cli_fail_memory(c);
  if (code == CLI_DONE) code = make(&page, kind, directory);
  if (code == CLI_DONE)
    code = write_page(&page, kind, own != NULL ? own : cli_str(c, "out"));
  else
    symo_free(page.text.text);
  symo_free(own);
  return code;
}

static const cli_option options[] = {
    {.name = "DIR",
     .kind = CLI_OPERAND,
     .required = true,
     .help = "A folder that symo compare, train, sweep or spectrum wrote"},
    {.name = "out",
     .arg = "FILE",
     .kind = CLI_STRING,
     .help = "The page; default: report.html in the folder"},
    {.name = NULL}};

const cli_command cli_command_report = {
    .name = "report",
    .summary = "a run as one page of HTML, with its pictures, figures and command",
    .description =
        "Writes a page that needs no other file and no network: the pictures of the folder,\n"
        "curves of the losses, all figures of its JSON files as tables, the command, the\n"
        "version, the linear algebra and the seeds.  Numbers have four digits; the attribute\n"
        "data-value of a cell has the whole number, as it stands in the file.  Curves differ\n"
        "by dashes as well as by colours.",
    .example = "symo compare --net 64-16-10 --data digits --out runs/compare\n"
               "symo report runs/compare",
    .options = options,
    .json = true,
    .run = run};
