/* From the command line to what is trained. */
#include "experiments/train/options.h"

#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/text.h"
#include "experiments/train/changes.h"
#include "experiments/train/gpt.h"
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

static bool is_flag(const char *key) {
  return strcmp(key, "bias") == 0 || strcmp(key, "tied") == 0 || strcmp(key, "standardize") == 0;
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
  if (is_flag(key)) return SYMO_OK;
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

static bool is_given(cli *c, const char *key) {
  const char *alias = train_spec_alias(key), *value = NULL;
  if (flag_of(c, key, &value)) return true;
  if (is_flag(key)) return false;
  return cli_given(c, key) || (alias != NULL && cli_given(c, alias));
}

/* A file may have more positions, and a tied head where the network is to have its own. */
static bool may_differ(const train_spec *file, const train_spec *spec, const char *key) {
  if (strcmp(key, "block-size") == 0) return spec->gpt.block <= file->gpt.block;
  return strcmp(key, "tied") == 0 && file->gpt.tied;
}

/* Sizes come from the weights to start from; those that were given must be the same. */
static int take_sizes(cli *c, train_spec *spec) {
  static const char *const keys[] = {"n-layer", "n-head", "n-embd", "block-size",
                                     "act",     "bias",   "tied"};
  const char *path = spec->gpt.init_from;
  char ours[TRAIN_SETTINGS], theirs[TRAIN_SETTINGS], remark[160];
  train_spec file = *spec;
  bool tokens;
  symo_status status = train_gpt_sizes(
      cli_context(c), path, is_given(c, "n-head") ? spec->gpt.heads : 0, &file, &tokens, remark);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  if (remark[0] != '\0') cli_note(c, "%s", remark);
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    train_spec_text(spec, keys[i], ours);
    train_spec_text(&file, keys[i], theirs);
    if (!is_given(c, keys[i])) {
      status = train_spec_set(cli_context(c), spec, keys[i], theirs);
      if (status != SYMO_OK) return fail_option(c, status, keys[i]);
    } else if (strcmp(ours, theirs) != 0 && !may_differ(&file, spec, keys[i])) {
      return cli_fail(c, CLI_USAGE, "--%s: %s, but the weights in %s have %s (leave it out)",
                      keys[i], ours, path, theirs);
    }
  }
  return CLI_DONE;
}

int train_read_options(cli *c, train_spec *spec) {
  symo_status status = set_machine(c, spec);
  if (status != SYMO_OK) return cli_fail_flag(c, status, "memory");
  for (size_t i = 0; train_spec_key(i) != NULL; i++) {
    const char *key = train_spec_key(i);
    status = set_from(c, spec, key);
    if (status != SYMO_OK) return fail_option(c, status, key);
  }
  return cli_given(c, "init-from") ? take_sizes(c, spec) : CLI_DONE;
}

/* ---- options of a run that goes on ---- */

/* Options of the optimizer under the names that the command has for them. */
static const struct {
  const char *key, *setting;
} settings_of[] = {{"lr", "lr"},
                   {"min-lr", "min_lr"},
                   {"warmup-iters", "warmup_steps"},
                   {"lr-decay-iters", "total_steps"},
                   {"weight-decay", "weight_decay"},
                   {"grad-clip", "clip_norm"}};

/* Whether "KEY=VALUE;.." sets the key that the setting begins with. */
static bool sets(const char *settings, const char *setting, size_t length) {
  for (const char *s = settings; *s != '\0';) {
    if (strncmp(s, setting, length) == 0 && s[length] == '=') return true;
    s += strcspn(s, ";");
    s += *s == ';';
  }
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
      bool replaced = part == 0 && sets(fresh, s, key);
      for (size_t i = 0; i < sizeof settings_of / sizeof *settings_of && part == 0; i++)
        replaced =
            replaced || (is_given(c, settings_of[i].key) && strlen(settings_of[i].setting) == key &&
                         strncmp(settings_of[i].setting, s, key) == 0);
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
  for (size_t i = 0; train_spec_key(i) != NULL; i++) {
    const char *key = train_spec_key(i), *reason = train_fixed_reason(key);
    train_spec_text(spec, key, ours);
    train_spec_text(&given, key, theirs);
    if (reason != NULL && strcmp(ours, theirs) != 0)
      return cli_fail(c, CLI_USAGE,
                      "--resume: the run in %s has %s \"%s\", not \"%s\", and %s (leave the option "
                      "out, or start a new run)",
                      directory, key, ours, theirs, reason);
  }
  *spec = given;
  return CLI_DONE;
}
