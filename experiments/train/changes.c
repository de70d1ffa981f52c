/* What is changed when a run is taken up again. */
#include "experiments/train/changes.h"

#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "experiments/train/option.h"
#include "optim/update/update.h"

static void add(json_t *changes, const char *key, const char *old, const char *new) {
  json_object_set_new(changes, key, json_pack("[ss]", old, new));
}

void train_changes_of_options(const train_spec *old, const train_spec *new, json_t *changes) {
  char before[TRAIN_SETTINGS], after[TRAIN_SETTINGS];
  const train_option *o;
  for (size_t i = 0; (o = train_option_at(i)) != NULL; i++) {
    train_option_text(o, old, before);
    train_option_text(o, new, after);
    if (strcmp(before, after) != 0) add(changes, o->key, before, after);
  }
}

/* Whether all rules have the same change of an option as rule 0. */
static bool is_of_all(symo_context *context, const symo_optim_spec *old, const symo_optim_spec *new,
                      const char *key) {
  char first[2][128], other[2][128];
  for (size_t r = 0; r < old->num_rules; r++) {
    char(*text)[128] = r == 0 ? first : other;
    (void)symo_method_get(context, &old->rules[r].method, key, text[0]);
    (void)symo_method_get(context, &new->rules[r].method, key, text[1]);
    if (r > 0 && (strcmp(first[0], other[0]) != 0 || strcmp(first[1], other[1]) != 0)) return false;
  }
  return true;
}

static symo_status option_change(symo_context *context, const symo_optim_spec *old,
                                 const symo_optim_spec *new, const char *key, json_t *changes) {
  char before[128], after[128], name[192];
  const bool all = is_of_all(context, old, new, key);
  for (size_t r = 0; r < (all ? 1 : old->num_rules); r++) {
    symo_status status = symo_method_get(context, &old->rules[r].method, key, before);
    if (status == SYMO_OK) status = symo_method_get(context, &new->rules[r].method, key, after);
    if (status != SYMO_OK) return status;
    if (strcmp(before, after) == 0) continue;
    if (all)
      snprintf(name, sizeof name, "rules.*.%s", key);
    else
      snprintf(name, sizeof name, "rules.%zu.%s", r, key);
    add(changes, name, before, after);
  }
  return SYMO_OK;
}

static void rate_change(const symo_optim_spec *old, const symo_optim_spec *new, size_t rule,
                        uint64_t step, json_t *changes) {
  char before[32], after[32], name[64];
  snprintf(before, sizeof before, "%.6g", symo_schedule_rate(&old->rules[rule].method, step));
  snprintf(after, sizeof after, "%.6g", symo_schedule_rate(&new->rules[rule].method, step));
  if (strcmp(before, after) == 0) return;
  snprintf(name, sizeof name, "rules.%zu rate of step %llu", rule, (unsigned long long)step);
  add(changes, name, before, after);
}

symo_status train_changes_of_optimizer(symo_context *context, const symo_optim_spec *old,
                                       const symo_optim_spec *new, uint64_t step, json_t *changes) {
  symo_status status = SYMO_OK;
  if (old->num_rules != new->num_rules) return SYMO_OK;
  for (size_t i = 0; i < symo_method_num_options() && status == SYMO_OK; i++)
    status = option_change(context, old, new, symo_method_option(i)->key, changes);
  for (size_t r = 0; r < old->num_rules && status == SYMO_OK; r++)
    rate_change(old, new, r, step + 1, changes);
  return status;
}

void train_changes_print(cli *c, const char *directory, uint64_t step, const json_t *changes) {
  const char *key;
  json_t *value, *object = (json_t *)(uintptr_t)changes; /* only read: the macro wants it so */
  json_object_foreach(object, key, value) {
    const char *old = json_string_value(json_array_get(value, 0));
    const char *new = json_string_value(json_array_get(value, 1));
    cli_note(c, "%s: from step %llu on: %s: %s -> %s", directory, (unsigned long long)step, key,
             old[0] != '\0' ? old : "default", new[0] != '\0' ? new : "default");
  }
}
