/* From the command line to what is trained. */
#include "experiments/train/options.h"

#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "io/optim_spec.h"

/* Names that are flags or have them beside: false where none was given. */
static bool flag_of(cli *c, const char *key, const char **value) {
  static const struct {
    const char *key, *flag, *value;
  } flags[] = {{"bias", "bias", "true"},
               {"bias", "no-bias", "false"},
               {"standardize", "standardize", "true"},
               {"tied", "tied", "true"},
               {"tied", "untied", "false"}};
  bool given = false;
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
    if (strcmp(flags[i].key, key) == 0 && cli_flag(c, flags[i].flag))
      *value = given ? NULL : flags[i].value, given = true;
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
                     "%zu files: longer than %d characters (put them "
                     "into one)",
                     count, TRAIN_SETTINGS - 1);
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

/* A field that has two names; both may be given if they agree. */
static symo_status set_named(cli *c, train_spec *spec, const char *key) {
  char first[TRAIN_SETTINGS], second[TRAIN_SETTINGS];
  const char *alias = train_spec_alias(key);
  const bool other = alias != NULL && cli_given(c, alias);
  symo_status status = SYMO_OK;
  if (cli_given(c, key)) status = train_spec_set(cli_context(c), spec, key, cli_str(c, key));
  if (status != SYMO_OK || !other) return status;
  train_spec_text(spec, key, first);
  status = train_spec_set(cli_context(c), spec, alias, cli_str(c, alias));
  train_spec_text(spec, key, second);
  if (status == SYMO_OK && cli_given(c, key) && strcmp(first, second) != 0)
    return symo_fail(cli_context(c), SYMO_E_ARGUMENT, "%s, but --%s says %s (give one of them)",
                     first, alias, second);
  return status;
}

static symo_status set_from(cli *c, train_spec *spec, const char *key) {
  const char *value = NULL;
  if (flag_of(c, key, &value)) {
    if (value != NULL) return train_spec_set(cli_context(c), spec, key, value);
    return symo_fail(cli_context(c), SYMO_E_ARGUMENT,
                     "given together with its opposite (give one)");
  }
  if (strcmp(key, "bias") == 0 || strcmp(key, "tied") == 0 || strcmp(key, "standardize") == 0)
    return SYMO_OK;
  if (strcmp(key, "data") == 0) return train_read_data(c, spec);
  if (strcmp(key, "settings") == 0) return set_settings(c, spec);
  return set_named(c, spec, key);
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
static int fail_option(cli *c, symo_status status, const char *key) {
  const char *flag = strcmp(key, "settings") == 0 ? "set" : key;
  const char *detail = symo_context_detail(cli_context(c));
  const size_t length = strlen(key);
  if (strncmp(detail, key, length) != 0 || strncmp(detail + length, ": ", 2) != 0)
    return cli_fail_flag(c, status, flag);
  return cli_fail(c, cli_exit_code(status, true), "--%s", detail);
}

int train_read_options(cli *c, train_spec *spec) {
  symo_status status = set_machine(c, spec);
  if (status != SYMO_OK) return cli_fail_flag(c, status, "memory");
  for (size_t i = 0; train_spec_key(i) != NULL; i++) {
    const char *key = train_spec_key(i);
    status = set_from(c, spec, key);
    if (status != SYMO_OK) return fail_option(c, status, key);
  }
  return CLI_DONE;
}

int train_check_options(cli *c, const char *directory, train_spec *spec) {
  static const char *const free_keys[] = {"steps", "eval-every", "checkpoint-every"};
  char ours[TRAIN_SETTINGS], theirs[TRAIN_SETTINGS];
  train_spec given = *spec;
  given.settings[0] = '\0';
  int code = train_read_options(c, &given);
  if (code != CLI_DONE) return code;
  size_t settings;
  (void)cli_list(c, "set", &settings);
  if (settings == 0) memcpy(given.settings, spec->settings, sizeof given.settings);
  for (size_t i = 0; train_spec_key(i) != NULL; i++) {
    const char *key = train_spec_key(i);
    bool may = false;
    for (size_t k = 0; k < 3; k++) may = may || strcmp(key, free_keys[k]) == 0;
    train_spec_text(spec, key, ours);
    train_spec_text(&given, key, theirs);
    if (!may && strcmp(ours, theirs) != 0)
      return cli_fail(c, CLI_USAGE,
                      "--resume: the run in %s has %s \"%s\", not \"%s\" (leave the option out, or "
                      "start a new run)",
                      directory, key, ours, theirs);
  }
  *spec = given;
  return CLI_DONE;
}
