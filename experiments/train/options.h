#ifndef SYMO_EXPERIMENTS_TRAIN_OPTIONS_H
#define SYMO_EXPERIMENTS_TRAIN_OPTIONS_H

#include "experiments/inputs/data.h"
#include "experiments/train/train.h"

/* The options that say what is trained: the same for `symo train` and `symo sweep`.  Their defaults
 * are those of the task. */

#define TRAIN_TASK_ROW                                                                             \
  {                                                                                                \
    .name = "task", .arg = "TASK", .kind = CLI_OPERAND, .required = true,                          \
    .choices = "teacher-student|autoencoder|classifier|gpt", .help = "What is learned"             \
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
       .choices = "tanh|relu|gelu|gelu-tanh|linear",                                               \
       .help = "Activation; default: tanh, gelu for gpt"},                                         \
      {.name = "no-bias",                                                                          \
       .kind = CLI_FLAG,                                                                           \
       .help = "Leave the biases out; default for teacher-student and gpt"},                       \
      {.name = "bias",                                                                             \
       .kind = CLI_FLAG,                                                                           \
       .help = "Keep them; default, but for teacher-student and gpt"},                             \
      {.name = "data",                                                                             \
       .arg = "DATA",                                                                              \
       .kind = CLI_LIST,                                                                           \
       .help = "mnist, fashion-mnist (folders in $SYMO_DATA, data or here), a folder or file in "  \
               "idx format, digits, a CSV file; default: mnist where it is found, else digits.  "  \
               "gpt: a text, several one behind the other; default: tinyshakespeare.txt where it " \
               "is found, else the sources of libsymo; without a byte order mark, CR LF and CR "   \
               "as LF"},                                                                           \
      {.name = "label",                                                                            \
       .arg = "COLUMN",                                                                            \
       .kind = CLI_STRING,                                                                         \
       .help = "Label column of a CSV file, by name or number from 0; autoencoder: it is left "    \
               "out; default: the last"},                                                          \
      CLI_HEADER_ROW,                                                                              \
      {.name = "standardize",                                                                      \
       .kind = CLI_FLAG,                                                                           \
       .help = "Inputs to mean 0 and variance 1 by the examples to train on, constant ones to 0; " \
               "kept in the checkpoint; autoencoder: with squared errors instead of "              \
               "probabilities"},                                                                   \
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
       .help = "Examples in a step, 0 for all; default: all for teacher-student, 512 "             \
               "autoencoder, 128 "                                                                 \
               "classifier, 12 gpt (64 with --preset shakespeare-char), and at most those "        \
               "there are"},                                                                       \
      {.name = "groups",                                                                           \
       .arg = "GROUP",                                                                             \
       .kind = CLI_STRING,                                                                         \
       .help = "Of the hidden spaces; default: what is exact for the activation"},                 \
      {.name = "layout",                                                                           \
       .arg = "FILE|TEXT",                                                                         \
       .kind = CLI_STRING,                                                                         \
       .help = "Spaces, groups and axes of the network's tensors, in its order, instead of "       \
               "--groups"},                                                                        \
      {.name = "memory",                                                                           \
       .arg = "SIZE",                                                                              \
       .kind = CLI_STRING,                                                                         \
       .help = "Bytes, or as in 2GiB, that network, optimizer and data may take; default: what "   \
               "there is"},                                                                        \
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
       .help = "Steps; default: 100 for teacher-student, 2000 for gpt, else 500"},                 \
      {.name = "eval-every",                                                                       \
       .arg = "N",                                                                                 \
       .kind = CLI_INT,                                                                            \
       .min = 0,                                                                                   \
       .max = 1e12,                                                                                \
       .help = "Steps between looks at the examples held back, 0 for the end only; default: 1, "   \
               "100, 50, 250 by task (1000 for --preset gpt2)"},                                   \
      {.name = "checkpoint-every",                                                                 \
       .arg = "N",                                                                                 \
       .kind = CLI_INT,                                                                            \
       .min = 0,                                                                                   \
       .max = 1e12,                                                                                \
       .help = "Steps between checkpoints, 0 for the end only; default: 100, 250 for gpt"},        \
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

/* Of the task gpt, and the names that nanoGPT has for what others have too. */
#define TRAIN_GPT_ROWS                                                                             \
  {.name = "preset",                                                                               \
   .arg = "NAME",                                                                                  \
   .kind = CLI_CHOICE,                                                                             \
   .choices = "cpu|shakespeare-char|gpt2",                                                         \
   .help = "gpt: nanoGPT's settings, under what else is given: its README's for a "                \
           "CPU, its shakespeare-char, GPT-2 of 124M; default: cpu"},                              \
      {.name = "n-layer",                                                                          \
       .arg = "N",                                                                                 \
       .kind = CLI_INT,                                                                            \
       .min = 1,                                                                                   \
       .max = 1e4,                                                                                 \
       .help = "gpt: Blocks; default: 4"},                                                         \
      {.name = "n-head",                                                                           \
       .arg = "N",                                                                                 \
       .kind = CLI_INT,                                                                            \
       .min = 1,                                                                                   \
       .max = 1e5,                                                                                 \
       .help = "gpt: Heads; default: 4"},                                                          \
      {.name = "n-embd",                                                                           \
       .arg = "N",                                                                                 \
       .kind = CLI_INT,                                                                            \
       .min = 1,                                                                                   \
       .max = 1e6,                                                                                 \
       .help = "gpt: Width; default: 128"},                                                        \
      {.name = "block-size",                                                                       \
       .arg = "N",                                                                                 \
       .kind = CLI_INT,                                                                            \
       .min = 1,                                                                                   \
       .max = 1e7,                                                                                 \
       .help = "gpt: Tokens of an example; default: 64"},                                          \
      {.name = "gradient-accumulation-steps",                                                      \
       .arg = "N",                                                                                 \
       .kind = CLI_INT,                                                                            \
       .min = 1,                                                                                   \
       .max = 1e6,                                                                                 \
       .help = "gpt: Batches in a step; default: 1"},                                              \
      {.name = "dropout",                                                                          \
       .arg = "R",                                                                                 \
       .kind = CLI_DOUBLE,                                                                         \
       .min = 0,                                                                                   \
       .max = 0.999,                                                                               \
       .help = "gpt: Share that is left out; default: 0"},                                         \
      {.name = "tied", .kind = CLI_FLAG, .help = "gpt: Logits by the token embedding; default"},   \
      {.name = "untied", .kind = CLI_FLAG, .help = "gpt: Logits by a matrix of their own"},        \
      {.name = "vocab",                                                                            \
       .arg = "FILE",                                                                              \
       .kind = CLI_STRING,                                                                         \
       .help = "gpt: vocab.json of byte pairs, with --merges; default: characters"},               \
      {.name = "merges",                                                                           \
       .arg = "FILE",                                                                              \
       .kind = CLI_STRING,                                                                         \
       .help = "gpt: merges.txt of byte pairs"},                                                   \
      {.name = "init-from",                                                                        \
       .arg = "FILE",                                                                              \
       .kind = CLI_STRING,                                                                         \
       .help = "gpt: Weights to start from: a checkpoint, or safetensors of nanoGPT or "           \
               "Hugging Face's GPT-2"},                                                            \
      {.name = "eval-iters",                                                                       \
       .arg = "N",                                                                                 \
       .kind = CLI_INT,                                                                            \
       .min = 1,                                                                                   \
       .max = 1e9,                                                                                 \
       .help = "gpt: Batches of each text in an evaluation, the same ones each time; "             \
               "default: 20"},                                                                     \
      {.name = "warmup-iters",                                                                     \
       .arg = "N",                                                                                 \
       .kind = CLI_INT,                                                                            \
       .min = 0,                                                                                   \
       .max = 1e12,                                                                                \
       .help = "gpt: Steps in which the rate rises; default: 100"},                                \
      {.name = "lr-decay-iters",                                                                   \
       .arg = "N",                                                                                 \
       .kind = CLI_INT,                                                                            \
       .min = 0,                                                                                   \
       .max = 1e12,                                                                                \
       .help = "gpt: Where the cosine ends; default: with the run"},                               \
      {.name = "min-lr",                                                                           \
       .arg = "R",                                                                                 \
       .kind = CLI_DOUBLE,                                                                         \
       .min = 0,                                                                                   \
       .max = 1e6,                                                                                 \
       .help = "gpt: The rate there; default: a tenth of --lr"},                                   \
      {.name = "adamw-lr",                                                                         \
       .arg = "R",                                                                                 \
       .kind = CLI_DOUBLE,                                                                         \
       .min = 0,                                                                                   \
       .max = 1e6,                                                                                 \
       .help = "gpt: Of adamw, also for embeddings, norms and biases beside a method for "         \
               "matrices; default: 1e-3"},                                                         \
      {.name = "beta1",                                                                            \
       .arg = "R",                                                                                 \
       .kind = CLI_DOUBLE,                                                                         \
       .min = 0,                                                                                   \
       .max = 0.9999999,                                                                           \
       .help = "gpt: Of adamw, also beside a method for matrices; default: 0.9"},                  \
      {.name = "beta2",                                                                            \
       .arg = "R",                                                                                 \
       .kind = CLI_DOUBLE,                                                                         \
       .min = 0,                                                                                   \
       .max = 0.9999999,                                                                           \
       .help = "gpt: Of the same; default: 0.99"},                                                 \
      {.name = "weight-decay",                                                                     \
       .arg = "R",                                                                                 \
       .kind = CLI_DOUBLE,                                                                         \
       .min = 0,                                                                                   \
       .max = 1e6,                                                                                 \
       .help = "gpt: Of tensors with two axes, by any method that decays parameters "              \
               "themselves; default: 0.1"},                                                        \
      {.name = "grad-clip",                                                                        \
       .arg = "R",                                                                                 \
       .kind = CLI_DOUBLE,                                                                         \
       .min = 0,                                                                                   \
       .max = 1e30,                                                                                \
       .help = "gpt: Largest norm of the gradient over all tensors, 0 for any; default: 1"},       \
      {.name = "learning-rate",                                                                    \
       .arg = "R",                                                                                 \
       .kind = CLI_DOUBLE,                                                                         \
       .min = 0,                                                                                   \
       .max = 1e6,                                                                                 \
       .help = "nanoGPT's name of --lr"},                                                          \
      {.name = "batch-size",                                                                       \
       .arg = "N",                                                                                 \
       .kind = CLI_INT,                                                                            \
       .min = 0,                                                                                   \
       .max = 1e9,                                                                                 \
       .help = "nanoGPT's name of --batch"},                                                       \
      {.name = "max-iters",                                                                        \
       .arg = "N",                                                                                 \
       .kind = CLI_INT,                                                                            \
       .min = 0,                                                                                   \
       .max = 1e12,                                                                                \
       .help = "nanoGPT's name of --steps"},                                                       \
  {                                                                                                \
    .name = "eval-interval", .arg = "N", .kind = CLI_INT, .min = 0, .max = 1e12,                   \
    .help = "nanoGPT's name of --eval-every"                                                       \
  }

#define TRAIN_SET_ROW                                                                              \
  {                                                                                                \
    .name = "set", .arg = "KEY=VALUE", .kind = CLI_LIST,                                           \
    .help = "An option of the optimizer; rules.1.KEY=VALUE for its rule 1, rules.*.KEY=VALUE for " \
            "all its rules"                                                                        \
  }

/* What was given on the command line, over spec.  Two names of one thing that say different things
 * are refused.  An exit code after its error line. */
int train_read_options(cli *c, train_spec *spec);

/* --data, of which there may be several: one a line. */
symo_status train_read_data(cli *c, train_spec *spec);

/* The same over spec, which is that of a run to be resumed: what cannot change
 * (train_fixed_reason) is refused.  Settings are joined: a new one takes the place of the old one
 * of its key. */
int train_check_options(cli *c, const char *directory, train_spec *spec);

#endif
