#ifndef SYMO_EXPERIMENTS_TRAIN_OPTION_H
#define SYMO_EXPERIMENTS_TRAIN_OPTION_H

#include "experiments/train/train.h"

/* The options that say what is trained, and how: one row each, of which come the command lines of
 * symo train and symo sweep, their help, ranges and defaults, run.json, and what may change when a
 * run goes on.  Rows of all tasks stand in option.c; a task brings its own (train_task.options).
 * An option with a field is one line of train_spec and one row; an option of the optimizer is a row
 * alone. */

typedef enum train_option_kind {
  TRAIN_STRING,    /* char [size]; one of `choices`, where there are */
  TRAIN_FLAG,      /* bool */
  TRAIN_COUNT,     /* size_t, from min to max */
  TRAIN_NUMBER,    /* double, from min to max; NaN, "" in files: not given */
  TRAIN_LINES,     /* char [size]: an option that is given several times, one a line */
  TRAIN_LIST,      /* char [size]: the same, each "KEY=VALUE" and followed by a semicolon */
  TRAIN_SETS,      /* char [size]: the name of one of the task's presets, which sets others; such
                   * options come first, so that all others take precedence over them */
  TRAIN_SETTING,   /* no field: --KEY R is --set SETTING=R, with R from min to max */
  TRAIN_OF_MACHINE /* not of the spec: it changes nothing in what comes out */
} train_option_kind;

/* Paragraphs of the help, in their order.  In each, options have the order of the rows. */
typedef enum train_option_group {
  TRAIN_GROUP_OPTIMIZER,
  TRAIN_GROUP_NETWORK,
  TRAIN_GROUP_DATA,
  TRAIN_GROUP_NUMBERS,
  TRAIN_GROUP_STEPS,
  TRAIN_GROUP_TASK,
  TRAIN_NUM_GROUPS
} train_option_group;

/* What else is known of an option. */
enum {
  TRAIN_IS_FILE = 1,        /* it is a path, or several */
  TRAIN_ZERO_IS_CHOICE = 2, /* 0, the task's choice, is below min but stands in files */
  TRAIN_SHOW_DEFAULT = 4,   /* the default is that of all tasks, and the help adds it */
  TRAIN_IN_WEIGHTS = 8,     /* --init-from says it */
  TRAIN_SAME_MODEL = 16,    /* the model does not depend on it */
  TRAIN_SAME_CURVE = 32,    /* plots take runs that differ in it for the same */
  TRAIN_SAME_RUN = 64,      /* sweeps take runs that differ in it for the same */
  TRAIN_OF_OPTIMIZER = 128  /* a number that some optimizers do not look at: refused for those */
};

/* A name on the command line.  value: what a flag stands for. */
typedef struct train_spelling {
  const char *name, *value, *help;
} train_spelling;

struct train_option {
  const char *key, *arg, *help, *choices;
  const char *initial;         /* as text; NULL: zero, or "" */
  train_spelling spellings[2]; /* instead of the key and help, or none */
  train_spelling alias;        /* a second name, or none */
  const char *tasks;   /* those that have it, "a|b", or after "!" those that do not; NULL: all */
  const char *fixed;   /* why it cannot change when a run goes on; NULL: it can */
  const char *setting; /* the option of the optimizer that it is, or NULL */
  double min, max;
  size_t offset, size; /* of the field in train_spec */
  train_option_kind kind;
  train_option_group group;
  unsigned properties;
};

#define TRAIN_FIELD(member)                                                                        \
  .offset = offsetof(train_spec, member), .size = sizeof(((train_spec *)0)->member)

/* Reasons of several options. */
#define TRAIN_FIXED_IN_CHECKPOINT "what the checkpoint holds is of that"
#define TRAIN_FIXED_EXAMPLES "the examples of all steps follow from it"

/* The fields of the spec in the order of run.json; NULL past the end. */
const train_option *train_option_at(size_t index);

/* By its key or alias; NULL: there is none. */
const train_option *train_option_find(const char *key);

/* Whether a task has it. */
bool train_option_of_task(const train_option *option, const train_task *task);

/* "a|b": the tasks that have it; "!a|b": those that do not; NULL: all have it. */
const char *train_option_tasks(const train_option *option);

/* The field as text that train_spec_set reads back to the same bits. */
void train_option_text(const train_option *option, const train_spec *spec,
                       char text[TRAIN_SETTINGS]);

/* SYMO_E_ARGUMENT where the optimizer of the spec is the same whatever the value of an option that
 * is TRAIN_OF_OPTIMIZER; other options pass. */
symo_status train_option_check_used(symo_context *context, const train_option *option,
                                    const train_spec *spec);

/* Whether two specs have different values of it. */
bool train_option_differs(const train_option *option, const train_spec *a, const train_spec *b);

/* All rows, those that are not of the spec too, in the order of the rows; NULL past the end. */
const train_option *train_option_row(size_t index);

#endif
