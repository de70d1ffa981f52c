#ifndef SYMO_EXPERIMENTS_DATA_DATA_H
#define SYMO_EXPERIMENTS_DATA_DATA_H

#include "experiments/net/net.h"

/* Data sets: what networks are trained and Hessians are taken on. */
typedef struct symo_dataset {
  size_t examples, inputs, outputs;
  bool classes; /* y holds one-hot rows */
  double *x;    /* [examples, inputs] row-major */
  double *y;    /* [examples, outputs] */
} symo_dataset;

/* What the targets are.  AUTO: classes for digits and idx files, and for CSV files whose label
 * column holds whole numbers of which there are 2 to 100 different ones and at most half as many as
 * examples; regression otherwise, and for teachers. */
typedef enum symo_data_task {
  SYMO_DATA_AUTO,
  SYMO_DATA_CLASSES,
  SYMO_DATA_REGRESSION
} symo_data_task;

typedef struct symo_data_options {
  symo_data_task task;
  const char *label;   /* CSV: name, or else 0-based number, of the label column; NULL: last */
  bool standardize;    /* inputs to mean 0 and variance 1, constant columns to 0 */
  size_t max_examples; /* 0: all; else a random subset of that many, in the order of the file */
  uint64_t seed;       /* of the subset and of teachers */
  const symo_net_spec *teacher; /* network of `teacher`; its loss says whether the targets are
                                   classes (unless task does); NULL where no teacher is asked for */
  size_t teacher_examples;      /* default 1000; max_examples goes first */
  const char *tokenizer; /* of texts, as gpt_tokenizer_to_json makes it; NULL: the characters of the
                            text itself */
  const char *tokenizer_from; /* the file that it is from, for failures */
  double target_scale; /* standard deviation of a teacher's targets that are numbers; default 3 */
} symo_data_options;

symo_data_options symo_data_options_default(void);

/* Loads `what`:
 *   digits          the shipped set: 1797 x 64, pixels divided by 16
 *   teacher         x ~ N(0, I), targets from the network of options->teacher with weights and
 * biases N(0, 1/fan_in) (fan_in: inputs of the layer).  Numbers are centred, decorrelated and given
 * the standard deviation target_scale; as classes: the largest output teacher:20-9-5  the same with
 * these widths a directory, or an image file in idx format, plain or gzipped (MNIST): images
 *                   train-images-idx3-ubyte with labels train-labels-idx1-ubyte beside it; pixels
 *                   divided by 255
 *   anything else   a CSV file, plain or gzipped: commas, semicolons or tabs, fields quoted or not,
 * a first line with names where not all of its fields are numbers.  A first line
 *                   "examples,inputs,..." of another number of fields is passed over.  Labels that
 * are to be classes must be whole numbers; the different values, ascending, are the classes
 * SYMO_E_IO, SYMO_E_FORMAT (detail file:line:field), SYMO_E_NAME (label column), SYMO_E_ARGUMENT,
 * SYMO_E_SIZE, SYMO_E_MEMORY. */
symo_status symo_data_load(symo_context *context, const char *what,
                           const symo_data_options *options, symo_dataset *out);

/* Tokens for a network that reads them, whose vocabulary is set if it was open: `teacher`, a random
 * Markov chain (8 tokens if the network leaves it open), or a text file by its characters or by
 * options->tokenizer.
 * Consecutive windows, options->max_examples of them (0: teacher_examples), as many as there are;
 * outputs is the number of targets.  Of the other options only `seed` counts.  SYMO_E_IO,
 * SYMO_E_FORMAT, SYMO_E_NAME for a character that the tokenizer does not have, SYMO_E_ARGUMENT, SYMO_E_SHAPE where the network has fewer tokens, SYMO_E_SIZE,
 * SYMO_E_MEMORY. */
symo_status symo_data_load_tokens(symo_context *context, const char *what,
                                  const symo_data_options *options, symo_net_spec *net,
                                  symo_dataset *out);

/* Whether `what` names a CSV file, by elimination: it may not be there. */
bool symo_data_is_csv(const char *what);

/* Gives the arrays back and zeroes the struct; {0} is accepted. */
void symo_data_drop(symo_dataset *data);

/* The path of a shipped file, looked for as experiments/data/files/README.md says.  SYMO_E_IO. */
symo_status symo_data_find(symo_context *context, const char *name, size_t size, char *path);

#endif
