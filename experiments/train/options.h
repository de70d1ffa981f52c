#ifndef SYMO_EXPERIMENTS_TRAIN_OPTIONS_H
#define SYMO_EXPERIMENTS_TRAIN_OPTIONS_H

#include "experiments/train/train.h"

/* The options that say what is trained: the same for `symo train` and `symo sweep`.  Their defaults
 * are those of the task. */

#define TRAIN_TASK_ROW                                                                             \
  {                                                                                                \
    .name = "task", .arg = "TASK", .kind = CLI_OPERAND, .required = true,                          \
    .choices = "teacher-student|autoencoder|classifier", .help = "What is learned"                 \
  }

#define TRAIN_ROWS                                                                                 \
  {.name = "net",                                                                                  \
   .arg = "A-B-C",                                                                                 \
   .kind = CLI_STRING,                                                                             \
   .help = "Network as in symo compare; default: 100-70-40 for teacher-student, "                  \
           "784-256-64-16 (mirrored, as any that does not end where it begins) for autoencoder, "  \
           "784-256-128-10 for classifier, smaller for small images"},                             \
      {.name = "act",                                                                              \
       .arg = "NAME",                                                                              \
       .kind = CLI_CHOICE,                                                                         \
       .choices = "tanh|relu|gelu|linear",                                                         \
       .help = "Activation; default: tanh"},                                                       \
      {.name = "no-bias", .kind = CLI_FLAG, .help = "Leave the biases out"},                       \
      {.name = "data",                                                                             \
       .arg = "DATA",                                                                              \
       .kind = CLI_STRING,                                                                         \
       .help = "mnist, fashion-mnist (folders in $SYMO_DATA, data or here), a folder or file in "  \
               "idx format, digits, a CSV file; default: mnist where it is found, else digits"},   \
      {.name = "data-exponent",                                                                    \
       .arg = "E",                                                                                 \
       .kind = CLI_DOUBLE,                                                                         \
       .min = 0,                                                                                   \
       .max = 300,                                                                                 \
       .help = "teacher-student: variances of the inputs from 1 to 10^-E; default: 5"},            \
      {.name = "train",                                                                            \
       .arg = "N",                                                                                 \
       .kind = CLI_INT,                                                                            \
       .min = 1,                                                                                   \
       .max = 1e9,                                                                                 \
       .help = "Examples to train on; default: all, 5000 for teacher-student"},                    \
      {.name = "test",                                                                             \
       .arg = "N",                                                                                 \
       .kind = CLI_INT,                                                                            \
       .min = 1,                                                                                   \
       .max = 1e9,                                                                                 \
       .help = "Examples held back; default: the test images, a fifth where there are none, 5000 " \
               "for teacher-student"},                                                             \
      {.name = "batch",                                                                            \
       .arg = "N",                                                                                 \
       .kind = CLI_INT,                                                                            \
       .min = 0,                                                                                   \
       .max = 1e9,                                                                                 \
       .help = "Examples in a step, 0 for all; default: all, 512, 128 by task"},                   \
      {.name = "groups",                                                                           \
       .arg = "GROUP",                                                                             \
       .kind = CLI_STRING,                                                                         \
       .help = "Of the hidden spaces; default: what is exact for the activation"},                 \
      {.name = "dtype",                                                                            \
       .arg = "TYPE",                                                                              \
       .kind = CLI_CHOICE,                                                                         \
       .choices = "f32|f64",                                                                       \
       .help = "Number type; default: f32, f64 for teacher-student"},                              \
      {.name = "lr",                                                                               \
       .arg = "R",                                                                                 \
       .kind = CLI_DOUBLE,                                                                         \
       .min = 0,                                                                                   \
       .max = 1e6,                                                                                 \
       .help = "Learning rate; default: the task's for the optimizer, else the optimizer's"},      \
      {.name = "steps",                                                                            \
       .arg = "N",                                                                                 \
       .kind = CLI_INT,                                                                            \
       .min = 0,                                                                                   \
       .max = 1e12,                                                                                \
       .help = "Steps; default: 100 for teacher-student, else 500"},                               \
      {.name = "eval-every",                                                                       \
       .arg = "N",                                                                                 \
       .kind = CLI_INT,                                                                            \
       .min = 0,                                                                                   \
       .max = 1e12,                                                                                \
       .help = "Steps between looks at the examples held back, 0 for the end only; default: 1, "   \
               "100, 50 by task"},                                                                 \
      {.name = "checkpoint-every",                                                                 \
       .arg = "N",                                                                                 \
       .kind = CLI_INT,                                                                            \
       .min = 0,                                                                                   \
       .max = 1e12,                                                                                \
       .help = "Steps between checkpoints, 0 for the end only; default: 100"},                     \
      {.name = "seed",                                                                             \
       .arg = "N",                                                                                 \
       .kind = CLI_INT,                                                                            \
       .min = 0,                                                                                   \
       .max = 9e15,                                                                                \
       .help = "Of the parameters at the start, the order of the examples, the teacher; default: " \
               "1"},                                                                               \
  {                                                                                                \
    .name = "data-seed", .arg = "N", .kind = CLI_INT, .min = 0, .max = 9e15,                       \
    .help = "Of the data, where these shall not change with --seed"                                \
  }

#define TRAIN_SET_ROW                                                                              \
  {                                                                                                \
    .name = "set", .arg = "KEY=VALUE", .kind = CLI_LIST,                                           \
    .help = "An option of the optimizer; rules.1.KEY=VALUE for its rule 1, rules.*.KEY=VALUE for " \
            "all its rules"                                                                        \
  }

/* What was given on the command line, over spec.  An exit code after its error line. */
int train_read_options(cli *c, train_spec *spec);

/* Refuses options that say something else than spec, which is that of a run to be resumed; what may
 * change (steps, eval-every, checkpoint-every) goes into spec. */
int train_check_options(cli *c, const char *directory, train_spec *spec);

#endif
