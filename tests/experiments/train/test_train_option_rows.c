/* The rows of options: each says what its field is, and the command lines say what it says. */
#include <stdio.h>
#include <string.h>

#include "experiments/commands/commands.h"
#include "experiments/train/option.h"
#include "tests/support/testing.h"

static const cli_option *flag_of(const cli_command *command, const char *name) {
  const cli_option *flag;
  for (size_t i = 0; (flag = command->option_at(i)) != NULL; i++)
    if (strcmp(flag->name, name) == 0) return flag;
  return NULL;
}

static bool is_bounded(const train_option *o) {
  return o->kind == TRAIN_COUNT || o->kind == TRAIN_NUMBER || o->kind == TRAIN_SETTING;
}

Test(train_options, rows_say_what_their_fields_are) {
  static const size_t sizes[] = {[TRAIN_FLAG] = sizeof(bool),
                                 [TRAIN_COUNT] = sizeof(size_t),
                                 [TRAIN_NUMBER] = sizeof(double),
                                 [TRAIN_SETTING] = 0,
                                 [TRAIN_OF_MACHINE] = 0};
  const train_option *o, *other;
  for (size_t i = 0; (o = train_option_row(i)) != NULL; i++) {
    const bool text = o->kind == TRAIN_STRING || o->kind == TRAIN_LINES || o->kind == TRAIN_LIST ||
                      o->kind == TRAIN_SETS;
    cr_assert(text ? o->size >= 8 && o->size <= TRAIN_SETTINGS : o->size == sizes[o->kind], "%s",
              o->key);
    cr_assert(o->offset + o->size <= sizeof(train_spec), "%s", o->key);
    cr_assert(is_bounded(o) == (o->max > 0) && o->min <= o->max, "%s", o->key);
    cr_assert((o->help != NULL) != (o->spellings[0].help != NULL), "%s", o->key);
    cr_assert(o->kind != TRAIN_SETTING || (o->setting != NULL && o->initial == NULL), "%s", o->key);
    cr_assert(o->kind != TRAIN_FLAG || o->spellings[0].value != NULL, "%s", o->key);
    for (size_t k = 0; k < i; k++) {
      other = train_option_row(k);
      cr_assert(strcmp(other->key, o->key) != 0, "%s", o->key);
      cr_assert(o->size == 0 || other->offset + other->size <= o->offset ||
                    o->offset + o->size <= other->offset,
                "%s and %s are the same field", o->key, other->key);
    }
  }
}

/* By any name, with the range of the row; but for the whole that stands in files alone. */
Test(train_options, command_lines_are_made_of_rows) {
  const cli_command *const commands[] = {&cli_command_train, &cli_command_sweep};
  const train_option *o;
  for (size_t c = 0; c < 2; c++)
    for (size_t i = 0; (o = train_option_row(i)) != NULL; i++) {
      const char *names[] = {o->spellings[0].name != NULL ? o->spellings[0].name : o->key,
                             o->spellings[1].name, o->alias.name};
      for (size_t n = 0; n < 3; n++) {
        if (names[n] == NULL) continue;
        const cli_option *flag = flag_of(commands[c], names[n]);
        cr_assert(flag != NULL, "%s: %s", commands[c]->name, names[n]);
        cr_assert(flag->min == o->min && flag->max == o->max, "%s", names[n]);
        cr_assert(flag->choices == o->choices && flag->help != NULL, "%s", names[n]);
      }
    }
}

/* A value below or above the range is refused wherever it comes from, and the ends are taken. */
Test(train_options, ranges_hold_for_files_and_grids) {
  symo_context *context = symo_test_context();
  char text[TRAIN_SETTINGS];
  const train_option *o;
  for (size_t t = 0; train_task_at(t) != NULL; t++)
    for (size_t i = 0; (o = train_option_at(i)) != NULL; i++) {
      train_spec spec = train_spec_default(train_task_at(t));
      if (!is_bounded(o) || !train_option_of_task(o, spec.task)) continue;
      const double low = o->properties & TRAIN_ZERO_IS_CHOICE ? 0 : o->min;
      const double values[] = {low, o->max, low - 1, 2 * o->max};
      for (size_t v = 0; v < 4; v++) {
        snprintf(text, sizeof text, "%.17g", values[v]);
        if (v < 2)
          cr_ok(context, train_spec_set(context, &spec, o->key, text));
        else
          cr_fails(context, SYMO_E_ARGUMENT, o->key, train_spec_set(context, &spec, o->key, text));
      }
    }
  symo_context_destroy(context);
  cr_no_leaks();
}

/* What the help of options that set others lists is what the task has. */
Test(train_options, choices_of_presets_are_those_of_the_task) {
  const train_option *o;
  size_t found = 0;
  for (size_t t = 0; train_task_at(t) != NULL; t++)
    for (size_t i = 0; (o = train_option_at(i)) != NULL; i++) {
      char list[256] = "";
      if (o->kind != TRAIN_SETS || !train_option_of_task(o, train_task_at(t))) continue;
      for (const train_preset *p = train_task_at(t)->presets; p->name != NULL; p++) {
        const size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", used > 0 ? "|" : "", p->name);
      }
      cr_assert(strcmp(list, o->choices) == 0, "%s", list);
      found++;
    }
  cr_assert(found == 2, "gpt has --preset, teacher-student --task-net: %zu", found);
}

/* The help of symo train lists the tasks there are, descriptions in lines of at most 64 columns. */
Test(train_options, help_lists_the_tasks) {
  char list[4096] = "", first[64];
  cli_command_train.list("no such list", list, sizeof list);
  cr_assert_str_eq(list, "");
  cli_command_train.list("tasks", list, sizeof list);
  for (size_t t = 0; train_task_at(t) != NULL; t++) {
    (void)snprintf(first, sizeof first, "  %-15s  %.20s", train_task_at(t)->name,
                   train_task_at(t)->description);
    cr_assert(strstr(list, first) != NULL, "%s", first);
  }
  for (const char *line = list; *line != '\0'; line += strcspn(line, "\n") + 1)
    cr_assert_leq(strcspn(line, "\n"), 19 + 64, "%s", line);
  cr_assert(strstr(cli_command_train.description, "{tasks}") != NULL);
}
