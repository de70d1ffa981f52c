/* The options that all tasks share, and where those of single tasks stand. */
#include "experiments/train/option.h"

#include <string.h>

#include "experiments/data/data.h"
#include "experiments/inputs/tensors.h"

static const train_option general[] = {
    {.key = "net",
     .arg = "A-B-C",
     .kind = TRAIN_STRING,
     .tasks = "!gpt",
     .fixed = TRAIN_FIXED_IN_CHECKPOINT,
     .group = TRAIN_GROUP_NETWORK,
     TRAIN_FIELD(net),
     .help = "Network as in symo compare; default: 100-70-40 for teacher-student, 784-256-64-16 "
             "(mirrored, as any that does not end where it begins) for autoencoder, "
             "784-256-128-10 for classifier, smaller for small images"},
    {.key = "act",
     .arg = "NAME",
     .kind = TRAIN_STRING,
     .choices = "tanh|relu|gelu|gelu-tanh|linear",
     .initial = "tanh",
     .fixed = TRAIN_FIXED_IN_CHECKPOINT,
     .properties = TRAIN_IN_WEIGHTS,
     .group = TRAIN_GROUP_NETWORK,
     TRAIN_FIELD(act),
     .help = "Activation; default: tanh, gelu for gpt"},
    {.key = "data",
     .arg = "DATA",
     .kind = TRAIN_LINES,
     .properties = TRAIN_IS_FILE,
     .group = TRAIN_GROUP_DATA,
     TRAIN_FIELD(data),
     .help =
         "mnist, fashion-mnist (folders in " SYMO_DATA_PLACES
         "), a folder or file in idx format, digits, a CSV file; default: mnist where it is found, "
         "else digits.  gpt: a text, several one behind the other, or a folder, for its .txt, .md, "
         ".c and .h files; shards of tokens (.bin) of nanoGPT or llm.c, or a folder of them: those "
         "with "
         "val in their names are held back; default: tinyshakespeare.txt in " SYMO_DATA_PLACES
         "; without a byte order mark, CR LF and CR as LF"},
    {.key = "label",
     .arg = "COLUMN",
     .kind = TRAIN_STRING,
     .tasks = "classifier|autoencoder",
     .fixed = TRAIN_FIXED_EXAMPLES,
     .group = TRAIN_GROUP_DATA,
     TRAIN_FIELD(label),
     .help = "Label column of a CSV file, by name or number from 0; autoencoder: it is left out; "
             "default: the last"},
    {.key = "header",
     .arg = "WHAT",
     .kind = TRAIN_STRING,
     .choices = CLI_HEADER_CHOICES,
     .initial = "auto",
     .tasks = "classifier|autoencoder",
     .fixed = TRAIN_FIXED_EXAMPLES,
     .properties = TRAIN_SHOW_DEFAULT,
     .group = TRAIN_GROUP_DATA,
     TRAIN_FIELD(header),
     .help = CLI_HEADER_HELP},
    {.key = "standardize",
     .kind = TRAIN_FLAG,
     .tasks = "classifier|autoencoder",
     .fixed = TRAIN_FIXED_IN_CHECKPOINT,
     .group = TRAIN_GROUP_DATA,
     TRAIN_FIELD(standardize),
     .spellings = {{"standardize", "true",
                    "Inputs to mean 0 and variance 1 by the examples to train on, constant ones "
                    "to 0; kept in the checkpoint; autoencoder: with squared errors instead of "
                    "probabilities"}}},
    {.key = "groups",
     .arg = "GROUP",
     .kind = TRAIN_STRING,
     .initial = "auto",
     .fixed = TRAIN_FIXED_IN_CHECKPOINT,
     .group = TRAIN_GROUP_NUMBERS,
     TRAIN_FIELD(groups),
     .help = "Of the hidden spaces; default: what is exact for the activation"},
    {.key = "layout",
     .arg = "FILE|TEXT",
     .kind = TRAIN_STRING,
     .fixed = TRAIN_FIXED_IN_CHECKPOINT,
     .properties = TRAIN_IS_FILE,
     .group = TRAIN_GROUP_NUMBERS,
     TRAIN_FIELD(layout),
     .help = "Spaces, groups and axes of the network's tensors, in its order, instead of --groups"},
    {.key = "memory",
     .arg = "SIZE",
     .kind = TRAIN_OF_MACHINE,
     .group = TRAIN_GROUP_NUMBERS,
     .help = "Bytes, or as in 2GiB, that network, optimizer and data may take; default: what "
             "there is"},
    {.key = "optimizer",
     .arg = "NAME|FILE",
     .kind = TRAIN_STRING,
     .initial = "symo",
     .fixed = TRAIN_FIXED_IN_CHECKPOINT,
     .properties = TRAIN_IS_FILE | TRAIN_SAME_MODEL,
     .group = TRAIN_GROUP_OPTIMIZER,
     TRAIN_FIELD(optimizer),
     .help = "A preset (symo optimizers lists them), or a JSON file {\"preset\": NAME, KEY: value, "
             "..}; default: symo"},
    {.key = "settings",
     .arg = "KEY=VALUE",
     .kind = TRAIN_LIST,
     .properties = TRAIN_SAME_MODEL,
     .group = TRAIN_GROUP_OPTIMIZER,
     TRAIN_FIELD(settings),
     .spellings =
         {{"set", NULL,
           "An option of the optimizer; rules.1.KEY=VALUE for its rule 1, "
           "rules.*.KEY=VALUE for all its rules, PATTERN:KEY=VALUE for tensors of such names "
           "(h.*.attn*:alpha=1.4); one that nothing looks at and a pattern that nothing "
           "fits are refused"}}},
    {.key = "dtype",
     .arg = "TYPE",
     .kind = TRAIN_STRING,
     .choices = "f32|f64",
     .initial = "f32",
     .fixed = TRAIN_FIXED_IN_CHECKPOINT,
     .group = TRAIN_GROUP_NUMBERS,
     TRAIN_FIELD(dtype),
     .help = "Number type; default: f32, f64 for teacher-student"},
    {.key = "bias",
     .kind = TRAIN_FLAG,
     .initial = "true",
     .fixed = TRAIN_FIXED_IN_CHECKPOINT,
     .properties = TRAIN_IN_WEIGHTS,
     .group = TRAIN_GROUP_NETWORK,
     TRAIN_FIELD(bias),
     .spellings = {{"no-bias", "false",
                    "Leave the biases out; default for teacher-student and gpt"},
                   {"bias", "true", "Keep them; default, but for teacher-student and gpt"}}},
    {.key = "data-exponent",
     .arg = "E",
     .kind = TRAIN_NUMBER,
     .max = 300,
     .initial = "5",
     .tasks = "teacher-student",
     .fixed = TRAIN_FIXED_EXAMPLES,
     .group = TRAIN_GROUP_DATA,
     TRAIN_FIELD(data_exponent),
     .help = "teacher-student: variances of the inputs from 1 to 10^-E; default: 5"},
    {.key = "lr",
     .alias = {"learning-rate", NULL, "nanoGPT's name of --lr"},
     .arg = "R",
     .kind = TRAIN_NUMBER,
     .max = 1e6,
     .initial = "",
     .setting = "lr",
     .properties = TRAIN_SAME_MODEL | TRAIN_OF_OPTIMIZER,
     .group = TRAIN_GROUP_STEPS,
     TRAIN_FIELD(lr),
     .help = "Learning rate; default: the task's for the optimizer, else the optimizer's"},
    {.key = "train",
     .arg = "N",
     .kind = TRAIN_COUNT,
     .min = 1,
     .max = 1e9,
     .tasks = "!gpt",
     .fixed = TRAIN_FIXED_EXAMPLES,
     .properties = TRAIN_ZERO_IS_CHOICE,
     .group = TRAIN_GROUP_DATA,
     TRAIN_FIELD(train),
     .help = "Examples to train on; default: all, 5000 for teacher-student"},
    {.key = "test",
     .arg = "N",
     .kind = TRAIN_COUNT,
     .min = 1,
     .max = 1e9,
     .tasks = "!gpt",
     .fixed = "what is held back must stay so",
     .properties = TRAIN_ZERO_IS_CHOICE,
     .group = TRAIN_GROUP_DATA,
     TRAIN_FIELD(test),
     .help = "Examples held back; default: the test images, a fifth where there are none, 5000 for "
             "teacher-student"},
    {.key = "batch",
     .alias = {"batch-size", NULL, "nanoGPT's name of --batch"},
     .arg = "N",
     .kind = TRAIN_COUNT,
     .max = 1e9,
     .fixed = TRAIN_FIXED_EXAMPLES,
     .group = TRAIN_GROUP_DATA,
     TRAIN_FIELD(batch),
     .help = "Examples in a step, 0 for all; default: all for teacher-student, 512 autoencoder, "
             "128 classifier, 12 gpt (64 with --preset shakespeare-char), and at most those there "
             "are"},
    {.key = "steps",
     .alias = {"max-iters", NULL, "nanoGPT's name of --steps"},
     .arg = "N",
     .kind = TRAIN_COUNT,
     .max = 1e12,
     .initial = "500",
     .properties = TRAIN_SAME_MODEL,
     .group = TRAIN_GROUP_STEPS,
     TRAIN_FIELD(steps),
     .help = "Steps; default: 100 for teacher-student, 2000 for gpt, else 500"},
    {.key = "eval-every",
     .alias = {"eval-interval", NULL, "nanoGPT's name of --eval-every"},
     .arg = "N",
     .kind = TRAIN_COUNT,
     .max = 1e12,
     .initial = "50",
     .properties = TRAIN_SAME_MODEL | TRAIN_SAME_CURVE,
     .group = TRAIN_GROUP_STEPS,
     TRAIN_FIELD(eval_every),
     .help = "Steps between looks at the examples held back, 0 for the end only; default: 1, 100, "
             "50, 250 by task (1000 for --preset gpt2)"},
    {.key = "checkpoint-every",
     .arg = "N",
     .kind = TRAIN_COUNT,
     .max = 1e12,
     .initial = "100",
     .properties = TRAIN_SAME_MODEL | TRAIN_SAME_CURVE | TRAIN_SAME_RUN,
     .group = TRAIN_GROUP_STEPS,
     TRAIN_FIELD(checkpoint_every),
     .help = "Steps between checkpoints, 0 for the end only; default: 100, 250 for gpt"},
    {.key = "seed",
     .arg = "N",
     .kind = TRAIN_COUNT,
     .max = 9e15,
     .initial = "1",
     .fixed = TRAIN_FIXED_EXAMPLES,
     .properties = TRAIN_SAME_CURVE,
     .group = TRAIN_GROUP_STEPS,
     TRAIN_FIELD(seed),
     .help = "Of the parameters at the start, the order of the examples, the teacher; default: 1"},
    {.key = "data-seed",
     .arg = "N",
     .kind = TRAIN_COUNT,
     .max = 9e15,
     .fixed = TRAIN_FIXED_EXAMPLES,
     .properties = TRAIN_SAME_CURVE,
     .group = TRAIN_GROUP_STEPS,
     TRAIN_FIELD(data_seed),
     .help = "Of the data, where these shall not change with --seed"},
    {.key = NULL}};

/* ---- all rows ---- */

enum { MOST_ROWS = 96 };

/* A row and the task that brought it; NULL: none. */
typedef struct owned_row {
  const train_option *option;
  const train_task *task;
} owned_row;

static void add_rows(owned_row rows[MOST_ROWS], size_t *count, const train_option *options,
                     const train_task *task, bool sets) {
  for (const train_option *o = options; o != NULL && o->key != NULL; o++)
    if ((o->kind == TRAIN_SETS) == sets && *count + 1 < MOST_ROWS)
      rows[(*count)++] = (owned_row){o, task};
}

/* First the options that set others, then those of all tasks, then those of each; a row of NULL
 * ends the list. */
static const owned_row *all_rows(void) {
  static owned_row rows[MOST_ROWS];
  size_t count = 0;
  if (rows[0].option != NULL) return rows;
  for (size_t t = 0; train_task_at(t) != NULL; t++)
    add_rows(rows, &count, train_task_at(t)->options, train_task_at(t), true);
  add_rows(rows, &count, general, NULL, false);
  for (size_t t = 0; train_task_at(t) != NULL; t++)
    add_rows(rows, &count, train_task_at(t)->options, train_task_at(t), false);
  return rows;
}

const train_option *train_option_row(size_t index) {
  return index < MOST_ROWS ? all_rows()[index].option : NULL;
}

const train_option *train_option_at(size_t index) {
  const owned_row *rows = all_rows();
  for (size_t i = 0; rows[i].option != NULL; i++)
    if (rows[i].option->kind != TRAIN_OF_MACHINE && index-- == 0) return rows[i].option;
  return NULL;
}

const train_option *train_option_find(const char *key) {
  const train_option *o;
  for (size_t i = 0; (o = train_option_at(i)) != NULL; i++)
    if (strcmp(o->key, key) == 0 || (o->alias.name != NULL && strcmp(o->alias.name, key) == 0))
      return o;
  return NULL;
}

/* The names of the tasks that have the option, or after "!" of those that do not; NULL: all have
 * it. */
const char *train_option_tasks(const train_option *option) {
  const owned_row *rows = all_rows();
  for (size_t i = 0; rows[i].option != NULL; i++)
    if (rows[i].option == option && rows[i].task != NULL) return rows[i].task->name;
  return option->tasks;
}

bool train_option_of_task(const train_option *option, const train_task *task) {
  const char *tasks = train_option_tasks(option);
  if (tasks == NULL) return true;
  const bool without = tasks[0] == '!';
  const size_t length = strlen(task->name);
  for (const char *p = tasks + without; *p != '\0'; p += p[strcspn(p, "|")] == '|') {
    if (strncmp(p, task->name, length) == 0 && (p[length] == '|' || p[length] == '\0'))
      return !without;
    p += strcspn(p, "|");
  }
  return without;
}

bool train_spec_has(const train_task *task, const char *key) {
  const train_option *option = train_option_find(key);
  return option != NULL && train_option_of_task(option, task);
}
