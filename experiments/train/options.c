/* From the command line to what is trained. */
#include "experiments/train/options.h"

#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/text.h"
#include "experiments/train/gpt.h"
#include "experiments/train/option.h"
#include "io/optim_spec.h"

/* ---- the options of a command ---- */

static bool is_named(const cli_option *options, const char *name) {
  for (; options->name != NULL; options++)
    if (strcmp(options->name, name) == 0) return true;
  return false;
}

static cli_kind kind_of(const train_option *o) {
  switch (o->kind) {
  case TRAIN_FLAG: return CLI_FLAG;
  case TRAIN_COUNT: return CLI_INT;
  case TRAIN_NUMBER:
  case TRAIN_SETTING: return CLI_DOUBLE;
  case TRAIN_LINES:
  case TRAIN_LIST: return CLI_LIST;
  default: return o->choices != NULL ? CLI_CHOICE : CLI_STRING;
  }
}

static void add_flag(train_flags *out, const cli_option *option) {
  if (out->count + 1 < TRAIN_MOST_FLAGS) out->flags[out->count++] = *option;
}

static void add_spelling(train_flags *out, const train_option *o, const char *name,
                         const char *help) {
  const cli_option flag = {.name = name,
                           .arg = o->arg,
                           .kind = kind_of(o),
                           .choices = o->choices,
                           .min = o->min,
                           .max = o->max,
                           .fallback = o->properties & TRAIN_SHOW_DEFAULT ? o->initial : NULL,
                           .help = help};
  add_flag(out, &flag);
}

static void add_option(train_flags *out, const train_option *o) {
  if (o->spellings[0].name == NULL) add_spelling(out, o, o->key, o->help);
  for (size_t i = 0; i < 2 && o->spellings[i].name != NULL; i++)
    add_spelling(out, o, o->spellings[i].name, o->spellings[i].help);
}

static void add_task(train_flags *out) {
  size_t used = 0;
  for (size_t i = 0; train_task_at(i) != NULL && used < sizeof out->tasks; i++)
    used += (size_t)snprintf(out->tasks + used, sizeof out->tasks - used, "%s%s", i > 0 ? "|" : "",
                             train_task_at(i)->name);
  add_flag(out, &(cli_option){.name = "task",
                              .arg = "TASK",
                              .kind = CLI_OPERAND,
                              .required = true,
                              .choices = out->tasks,
                              .help = "What is learned"});
}

void train_flags_fill(train_flags *out, const cli_option *before, const cli_option *after) {
  const train_option *o;
  out->count = 0;
  add_task(out);
  for (const cli_option *own = before; own->name != NULL; own++) add_flag(out, own);
  for (train_option_group group = 0; group < TRAIN_NUM_GROUPS; group++)
    for (size_t i = 0; (o = train_option_row(i)) != NULL; i++)
      if (o->group == group && !is_named(before, o->key) && !is_named(after, o->key))
        add_option(out, o);
  for (size_t i = 0; (o = train_option_row(i)) != NULL; i++)
    if (o->alias.name != NULL) add_spelling(out, o, o->alias.name, o->alias.help);
  for (const cli_option *own = after; own->name != NULL; own++) add_flag(out, own);
  out->flags[out->count] = (cli_option){.name = NULL};
}

/* ---- from the command line ---- */

/* The value that a flag stands for: NULL where both it and its opposite were given.  False: none
 * was. */
static bool flag_given(cli *c, const train_option *o, const char **value) {
  bool given = false;
  for (size_t i = 0; i < 2 && o->spellings[i].name != NULL; i++)
    if (cli_flag(c, o->spellings[i].name))
      *value = given ? NULL : o->spellings[i].value, given = true;
  return given;
}

/* Several files are one text, line by line. */
symo_status train_read_data(cli *c, train_spec *spec) {
  char text[TRAIN_SETTINGS] = "";
  size_t count, used = 0;
  const char *const *items = cli_list(c, "data", &count);
  for (size_t i = 0; i < count; i++)
    if (used < sizeof text)
      used +=
          (size_t)snprintf(text + used, sizeof text - used, "%s%s", i > 0 ? "\n" : "", items[i]);
  if (used >= sizeof text)
    return symo_fail(cli_context(c), SYMO_E_SIZE,
                     "%zu %s: longer than %d characters (put them "
                     "into one)",
                     count, symo_plural(count, "file", "files"), TRAIN_SETTINGS - 1);
  return count > 0 ? train_spec_set(cli_context(c), spec, "data", text) : SYMO_OK;
}

static symo_status set_settings(cli *c, train_spec *spec) {
  symo_status status = SYMO_OK;
  size_t count;
  const char *const *items = cli_list(c, "set", &count);
  for (size_t i = 0; i < count && status == SYMO_OK; i++)
    status = train_spec_set(cli_context(c), spec, "set", items[i]);
  return status;
}

/* An option that has two names; both may be given if they agree. */
static symo_status set_named(cli *c, train_spec *spec, const train_option *o) {
  char first[TRAIN_SETTINGS], second[TRAIN_SETTINGS];
  const char *alias = o->alias.name;
  const bool other = alias != NULL && cli_given(c, alias);
  symo_status status = SYMO_OK;
  if (cli_given(c, o->key))
    status = train_spec_set(cli_context(c), spec, o->key, cli_str(c, o->key));
  if (status != SYMO_OK || !other) return status;
  train_option_text(o, spec, first);
  status = train_spec_set(cli_context(c), spec, alias, cli_str(c, alias));
  train_option_text(o, spec, second);
  if (status == SYMO_OK && cli_given(c, o->key) && strcmp(first, second) != 0)
    return symo_fail(cli_context(c), SYMO_E_ARGUMENT, "%s, but --%s says %s (give one of them)",
                     first, alias, second);
  return status;
}

static symo_status set_flag(cli *c, train_spec *spec, const train_option *o) {
  const char *value = NULL;
  if (!flag_given(c, o, &value)) return SYMO_OK;
  if (value != NULL) return train_spec_set(cli_context(c), spec, o->key, value);
  return symo_fail(cli_context(c), SYMO_E_ARGUMENT, "given together with its opposite (give one)");
}

static symo_status set_option(cli *c, train_spec *spec, const train_option *o) {
  switch (o->kind) {
  case TRAIN_FLAG: return set_flag(c, spec, o);
  case TRAIN_LINES: return train_read_data(c, spec);
  case TRAIN_LIST: return set_settings(c, spec);
  default: return set_named(c, spec, o);
  }
}

/* No fields: they say nothing about what comes out, but for rounding. */
static symo_status set_machine(cli *c, train_spec *spec) {
  symo_optim_spec budget = symo_optim_spec_default();
  const char *text = cli_str(c, "memory");
  symo_status status =
      text != NULL ? symo_spec_set_common(cli_context(c), &budget, "budget_memory", text) : SYMO_OK;
  spec->threads = cli_given(c, "threads") ? (int)cli_int(c, "threads") : symo_get_threads();
  spec->memory = budget.budget_bytes > 0 ? budget.budget_bytes : cli_memory_available();
  return status;
}

/* The detail may begin with the name that the line begins with. */
static int fail_option(cli *c, symo_status status, const train_option *o) {
  const char *key = o->key, *flag = o->kind == TRAIN_LIST ? o->spellings[0].name : key;
  const char *detail = symo_context_detail(cli_context(c));
  const size_t length = strlen(key);
  if (strncmp(detail, key, length) != 0 || strncmp(detail + length, ": ", 2) != 0)
    return cli_fail_flag(c, status, flag);
  return cli_fail(c, cli_exit_code(status, true), "--%s", detail);
}

static bool is_given(cli *c, const train_option *o) {
  const char *value = NULL;
  if (o->kind == TRAIN_FLAG) return flag_given(c, o, &value);
  if (o->kind == TRAIN_LIST) return cli_given(c, o->spellings[0].name);
  return cli_given(c, o->key) || (o->alias.name != NULL && cli_given(c, o->alias.name));
}

/* A file may have more positions, and a tied head where the network is to have its own. */
static bool may_differ(const train_spec *file, const train_spec *spec, const char *key) {
  if (strcmp(key, "block-size") == 0) return spec->gpt.block <= file->gpt.block;
  return strcmp(key, "tied") == 0 && file->gpt.tied;
}

/* One size comes from the weights to start from; if it was given, it must be the same. */
static int take_size(cli *c, const train_option *o, const train_spec *file, train_spec *spec) {
  char ours[TRAIN_SETTINGS], theirs[TRAIN_SETTINGS];
  train_option_text(o, spec, ours);
  train_option_text(o, file, theirs);
  if (!is_given(c, o)) {
    symo_status status = train_spec_set(cli_context(c), spec, o->key, theirs);
    return status == SYMO_OK ? CLI_DONE : fail_option(c, status, o);
  }
  if (strcmp(ours, theirs) == 0 || may_differ(file, spec, o->key)) return CLI_DONE;
  return cli_fail(c, CLI_USAGE, "--%s: %s, but the weights in %s have %s (leave it out)", o->key,
                  ours, spec->gpt.init_from, theirs);
}

static int take_sizes(cli *c, train_spec *spec) {
  char remark[160];
  const train_option *o;
  train_spec file = *spec;
  bool tokens;
  int code = CLI_DONE;
  symo_status status =
      train_gpt_sizes(cli_context(c), spec->gpt.init_from,
                      cli_given(c, "n-head") ? spec->gpt.heads : 0, &file, &tokens, remark);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  if (remark[0] != '\0') cli_note(c, "%s", remark);
  for (size_t i = 0; code == CLI_DONE && (o = train_option_at(i)) != NULL; i++)
    if (o->properties & TRAIN_IN_WEIGHTS) code = take_size(c, o, &file, spec);
  return code;
}

int train_read_options(cli *c, train_spec *spec) {
  symo_status status = set_machine(c, spec);
  if (status != SYMO_OK) return cli_fail_flag(c, status, "memory");
  const train_option *o;
  for (size_t i = 0; (o = train_option_at(i)) != NULL; i++) {
    status = set_option(c, spec, o);
    if (status != SYMO_OK) return fail_option(c, status, o);
  }
  return cli_given(c, "init-from") ? take_sizes(c, spec) : CLI_DONE;
}

int train_check_used(cli *c, const train_spec *spec) {
  const train_option *o;
  for (size_t i = 0; (o = train_option_at(i)) != NULL; i++) {
    if (!is_given(c, o)) continue;
    symo_status status = train_option_check_used(cli_context(c), o, spec);
    if (status != SYMO_OK) return fail_option(c, status, o);
  }
  if ((cli_given(c, "groups") || cli_given(c, "layout")) && spec->layout[0] != '\0' &&
      strcmp(spec->groups, "auto") != 0)
    return cli_fail(c, CLI_USAGE, "--groups: the groups are those of --layout (give one of them)");
  return CLI_DONE;
}

/* ---- options of a run that goes on ---- */

/* Whether "KEY=VALUE;.." sets the key that the setting begins with. */
static bool sets(const char *settings, const char *setting, size_t length) {
  for (const char *s = settings; *s != '\0';) {
    if (strncmp(s, setting, length) == 0 && s[length] == '=') return true;
    s += strcspn(s, ";");
    s += *s == ';';
  }
  return false;
}

/* Whether an option was given that is the setting, too. */
static bool is_given_otherwise(cli *c, const char *setting, size_t length) {
  const train_option *o;
  for (size_t i = 0; (o = train_option_at(i)) != NULL; i++)
    if (o->setting != NULL && strlen(o->setting) == length &&
        strncmp(o->setting, setting, length) == 0 && is_given(c, o))
      return true;
  return false;
}

/* The settings of old that nothing new takes the place of, then the new ones. */
static symo_status join_settings(cli *c, const char *old, train_spec *given) {
  char fresh[TRAIN_SETTINGS], one[TRAIN_SETTINGS];
  symo_status status = SYMO_OK;
  memcpy(fresh, given->settings, sizeof fresh);
  given->settings[0] = '\0';
  for (int part = 0; part < 2; part++)
    for (const char *s = part == 0 ? old : fresh; *s != '\0' && status == SYMO_OK;) {
      const size_t length = strcspn(s, ";"), key = strcspn(s, "=");
      const bool replaced = part == 0 && (sets(fresh, s, key) || is_given_otherwise(c, s, key));
      snprintf(one, sizeof one, "%.*s", (int)length, s);
      if (!replaced) status = train_spec_set(cli_context(c), given, "set", one);
      s += length + (s[length] == ';');
    }
  return status;
}

int train_check_options(cli *c, const char *directory, train_spec *spec) {
  char ours[TRAIN_SETTINGS], theirs[TRAIN_SETTINGS];
  train_spec given = *spec;
  given.settings[0] = '\0';
  int code = train_read_options(c, &given);
  if (code != CLI_DONE) return code;
  symo_status status = join_settings(c, spec->settings, &given);
  if (status != SYMO_OK) return cli_fail_flag(c, status, "set");
  const train_option *o;
  for (size_t i = 0; (o = train_option_at(i)) != NULL; i++) {
    if (o->fixed == NULL || !train_option_differs(o, spec, &given)) continue;
    train_option_text(o, spec, ours);
    train_option_text(o, &given, theirs);
    return cli_fail(c, CLI_USAGE,
                    "--resume: the run in %s has %s \"%s\", not \"%s\", and %s (leave the option "
                    "out, or start a new run)",
                    directory, o->key, ours, theirs, o->fixed);
  }
  *spec = given;
  return train_check_used(c, spec);
}
