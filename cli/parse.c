/* The walker of option tables.  `--name value` and `--name=value` mean the same; `--` ends the
 * options; an option may stand once unless its row says otherwise.  Every value is checked against
 * its row here, so commands only see what their table allows. */
#include "cli/parse.h"

#include "core/alloc.h"
#include "core/names.h"
#include "core/text.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const cli_option common_rows[] = {
    {.name = "threads",
     .arg = "N",
     .kind = CLI_INT,
     .min = 1,
     .max = CLI_MOST_THREADS,
     .help = "Threads for the linear algebra; default: the choice of the BLAS library"},
    CLI_PLUGIN_ROW,
    {.name = "help", .kind = CLI_FLAG, .help = "Print this text"},
    {.name = "json",
     .kind = CLI_FLAG,
     .help = "Print the answer as JSON; nothing else goes to stdout"}};

static const cli_option *own_row(const cli_command *command, size_t index) {
  if (command->option_at) return command->option_at(index);
  return command->options && command->options[index].name ? &command->options[index] : NULL;
}

const cli_option *cli_row(const cli_command *command, size_t index) {
  size_t own = 0;
  while (own <= index && own_row(command, own)) own++;
  if (index < own) return own_row(command, index);
  size_t common = sizeof common_rows / sizeof common_rows[0] - (command->json ? 0 : 1);
  return index - own < common ? &common_rows[index - own] : NULL;
}

/* ---- what was given ---- */

static cli_value *find(const cli *c, const char *name, size_t length) {
  for (size_t i = 0; i < c->count; i++) {
    const char *own = c->values[i].option->name;
    if (strncmp(own, name, length) == 0 && own[length] == '\0') return &c->values[i];
  }
  return NULL;
}

static const cli_value *value_of(const cli *c, const char *name) {
  const cli_value *v = find(c, name, strlen(name));
  assert(v && "the option stands in the table of the command");
  return v;
}

bool cli_given(const cli *c, const char *name) { return value_of(c, name)->given > 0; }
bool cli_flag(const cli *c, const char *name) { return value_of(c, name)->given > 0; }
const char *cli_str(const cli *c, const char *name) { return value_of(c, name)->text; }
int64_t cli_int(const cli *c, const char *name) { return (int64_t)value_of(c, name)->number; }
double cli_double(const cli *c, const char *name) { return value_of(c, name)->number; }
bool cli_json(const cli *c) { return c->command->json && cli_flag(c, "json"); }

const char *const *cli_list(const cli *c, const char *name, size_t *count) {
  const cli_value *v = value_of(c, name);
  *count = v->count;
  return v->list;
}

/* ---- checking a value against its row ---- */

/* "--name", or the placeholder of an operand. */
static void label_of(const cli_option *o, char *out, size_t size) {
  (void)snprintf(out, size, "%s%s", o->kind == CLI_OPERAND ? "" : "--", o->name);
}

static int out_of_range(cli *c, const cli_option *o, const char *text) {
  bool low = isfinite(o->min), high = isfinite(o->max);
  if (low && high)
    return cli_fail(c, CLI_USAGE, "--%s: %s is out of range (give a number from %s to %s)", o->name,
                    text, symo_decimal_of(o->min).text, symo_decimal_of(o->max).text);
  return cli_fail(c, CLI_USAGE, "--%s: %s is out of range (give a number of %s %s)", o->name, text,
                  low ? "at least" : "at most", symo_decimal_of(low ? o->min : o->max).text);
}

/* Whole numbers may be typed as 1e6: float64 holds them exactly below 2^53, and rows end there. */
static int check_number(cli *c, cli_value *v) {
  const cli_option *o = v->option;
  double x = 0;
  bool whole = o->kind == CLI_INT;
  if (!symo_decimal_read(v->text, NULL, &x) || (whole && x != floor(x)))
    return cli_fail(c, CLI_USAGE, "--%s: \"%s\" is not a %s (give %s)", o->name, v->text,
                    whole ? "whole number" : "finite number",
                    whole ? "digits, or a form like 1e6" : "a decimal number such as 0.1 or 1e-3");
  bool bounded = o->min != 0 || o->max != 0;
  if (bounded && (x < o->min || x > o->max)) return out_of_range(c, o, v->text);
  if (whole && fabs(x) > 9007199254740992.0)
    return cli_fail(c, CLI_USAGE, "--%s: %s is out of range (give a number below 2^53)", o->name,
                    v->text);
  v->number = x;
  return CLI_DONE;
}

enum { MAX_CHOICES = 64, MAX_CHOICE = 63 };

/* Whether text is one of "a|b|c"; fills the list of them for the suggestion. */
static int check_choice(cli *c, const cli_option *o, const char *text) {
  char names[MAX_CHOICES][MAX_CHOICE + 1];
  const char *list[MAX_CHOICES];
  size_t n = 0;
  char room[960];
  const char *choices = cli_expand(c->command, o->choices, room, sizeof room);
  for (const char *p = choices; *p && n < MAX_CHOICES; n++) {
    size_t length = strcspn(p, "|");
    assert(length <= MAX_CHOICE);
    memcpy(names[n], p, length);
    names[n][length] = '\0';
    list[n] = names[n];
    if (strcmp(names[n], text) == 0) return CLI_DONE;
    p += length + (p[length] == '|');
  }
  char what[160];
  label_of(o, what, sizeof what);
  char hint[1024];
  (void)snprintf(hint, sizeof hint, "choose one of %s", choices);
  for (char *p = hint; *p; p++)
    if (*p == '|') *p = ' ';
  return cli_unknown(c, what, text, n, list, hint);
}

static int check(cli *c, cli_value *v) {
  const cli_option *o = v->option;
  if (!v->text) return CLI_DONE;
  if (o->kind == CLI_INT || o->kind == CLI_DOUBLE) return check_number(c, v);
  if (o->kind != CLI_FLAG && o->choices) return check_choice(c, o, v->text);
  if (o->kind != CLI_FLAG && v->text[0] == '\0') {
    char what[160];
    label_of(o, what, sizeof what);
    return cli_fail(c, CLI_USAGE, "%s: the value is empty (give %s)", what, o->arg);
  }
  return CLI_DONE;
}

/* ---- walking the command line ---- */

static int unknown_option(cli *c, const char *word, size_t length) {
  const char *names[64];
  char given[128];
  size_t n = 0;
  for (size_t i = 0; i < c->count && n < 64; i++)
    if (c->values[i].option->kind != CLI_OPERAND) names[n++] = c->values[i].option->name;
  (void)snprintf(given, sizeof given, "%.*s", (int)(length < 100 ? length : 100), word);
  return cli_fail(c, CLI_USAGE, "--%s: %s has no such option%s (symo %s --help lists them)", given,
                  c->command->name, symo_did_you_mean(given, n, names).text, c->command->name);
}

/* The next operand that has no value yet takes the word. */
static int take_operand(cli *c, const char *word) {
  for (size_t i = 0; i < c->count; i++) {
    cli_value *v = &c->values[i];
    if (v->option->kind != CLI_OPERAND || v->given) continue;
    v->given = 1;
    v->text = word;
    return check(c, v);
  }
  return cli_fail(c, CLI_USAGE, "%s: \"%s\" is one word too many (symo %s --help shows the usage)",
                  c->command->name, word, c->command->name);
}

static int set(cli *c, cli_value *v, const char *text) {
  const cli_option *o = v->option;
  if (v->given && o->kind != CLI_LIST)
    return cli_fail(c, CLI_USAGE, "--%s: given twice (give it once)", o->name);
  v->given++;
  v->text = text;
  if (o->kind == CLI_LIST) v->list[v->count++] = text;
  return check(c, v);
}

/* argv[at] begins with "--"; *at moves to the last word used. */
static int take_option(cli *c, int argc, char **argv, int *at) {
  const char *word = argv[*at] + 2;
  size_t length = strcspn(word, "=");
  cli_value *v = find(c, word, length);
  if (!v || v->option->kind == CLI_OPERAND) return unknown_option(c, word, length);
  bool joined = word[length] == '=';
  if (v->option->kind == CLI_FLAG) {
    if (joined)
      return cli_fail(c, CLI_USAGE, "--%s: takes no value (give it alone)", v->option->name);
    return set(c, v, "");
  }
  if (joined) return set(c, v, word + length + 1);
  /* A value may begin with one dash, as negative numbers do, but not with two. */
  if (*at + 1 >= argc || strncmp(argv[*at + 1], "--", 2) == 0)
    return cli_fail(c, CLI_USAGE, "--%s: the value is missing (give %s)", v->option->name,
                    v->option->arg);
  return set(c, v, argv[++*at]);
}

static int finish(cli *c) {
  for (size_t i = 0; i < c->count; i++) {
    cli_value *v = &c->values[i];
    const cli_option *o = v->option;
    if (v->given) continue;
    if (o->required) {
      char what[160];
      label_of(o, what, sizeof what);
      return cli_fail(c, CLI_USAGE, "%s: %s is missing (symo %s --help shows the usage)",
                      c->command->name, what, c->command->name);
    }
    v->text = o->fallback;
    if (o->kind == CLI_LIST && o->fallback) v->list[v->count++] = o->fallback;
    int code = check(c, v);
    assert(code == CLI_DONE && "the default is valid");
    if (code != CLI_DONE) return code;
  }
  return CLI_DONE;
}

static int prepare(cli *c, const cli_command *command, int argc) {
  c->command = command;
  while (cli_row(command, c->count)) c->count++;
  c->values = symo_calloc(c->count, sizeof *c->values);
  if (!c->values) {
    c->count = 0;
    return cli_fail_memory(c);
  }
  for (size_t i = 0; i < c->count; i++) {
    c->values[i].option = cli_row(command, i);
    if (c->values[i].option->kind != CLI_LIST) continue;
    c->values[i].list = symo_calloc((size_t)argc + 1, sizeof *c->values[i].list);
    if (!c->values[i].list) return cli_fail_memory(c);
  }
  return CLI_DONE;
}

int cli_parse(cli *c, const cli_command *command, int argc, char **argv) {
  int code = prepare(c, command, argc);
  if (code != CLI_DONE) return code;
  for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
    c->help = c->help || strcmp(argv[i], "--help") == 0;
  }
  if (c->help) return CLI_DONE;
  bool options = true;
  for (int i = 0; i < argc; i++) {
    if (options && strcmp(argv[i], "--") == 0) {
      options = false;
      continue;
    }
    bool dashes = options && strncmp(argv[i], "--", 2) == 0;
    if (options && !dashes && argv[i][0] == '-' && argv[i][1])
      return cli_fail(c, CLI_USAGE,
                      "%s: no such option (options begin with two dashes; symo %s "
                      "--help lists them)",
                      argv[i], command->name);
    code = dashes ? take_option(c, argc, argv, &i) : take_operand(c, argv[i]);
    if (code != CLI_DONE) return code;
  }
  return finish(c);
}

void cli_release(cli *c) {
  for (size_t i = 0; i < c->count; i++) symo_free(c->values[i].list);
  symo_free(c->values);
  c->values = NULL;
  c->count = 0;
}
