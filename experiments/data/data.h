#ifndef SYMO_EXPERIMENTS_DATA_DATA_H
#define SYMO_EXPERIMENTS_DATA_DATA_H

#include "net/net.h"

enum { SYMO_DATA_REMARK = 640 };

/* Data sets: what networks are trained and Hessians are taken on. */
typedef struct symo_dataset {
  size_t examples, inputs, outputs;
  bool classes; /* y holds one-hot rows */
  bool table;   /* it came from a CSV file */
  double *x;    /* [examples, inputs] row-major */
  double *y;    /* [examples, outputs] */
  char *
      *labels; /* [outputs] the classes as the file has them, one block; NULL: they have no names */
  char remark[SYMO_DATA_REMARK]; /* of CSV files: how the file was read, for people; else "" */
} symo_dataset;

/* What the targets are.  NONE: the labels are passed over, whatever they are; outputs is 1 and y
 * 0. */
typedef enum symo_data_task {
  SYMO_DATA_AUTO,
  SYMO_DATA_CLASSES,
  SYMO_DATA_REGRESSION,
  SYMO_DATA_NONE
} symo_data_task;

/* Whether the first line of a CSV file holds names. */
typedef enum symo_data_header {
  SYMO_DATA_HEADER_AUTO,
  SYMO_DATA_HEADER_YES,
  SYMO_DATA_HEADER_NO
} symo_data_header;

/* What was read of pipes, to be read again in the same process: a data set has two files at most,
 * images and labels.  {0} at first. */
typedef struct symo_data_kept {
  struct {
    char *path;
    unsigned char *bytes;
    size_t size;
  } files[2];
} symo_data_kept;
void symo_data_kept_drop(symo_data_kept *kept); /* {0} is accepted */

typedef struct symo_data_options {
  /* AUTO: classes for digits and idx files, numbers for teachers, and for CSV files what `table`
   * says; if that is AUTO too: classes where the labels are words, or whole numbers of which there
   * are 2 to 100 different ones and at most half as many as examples. */
  symo_data_task task, table;
  symo_data_header header;
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
  size_t num_labels;   /* 0: the classes are those of the file */
  const char *const
      *labels;          /* the classes of CSV and idx files, in this order: others are refused */
  symo_data_kept *kept; /* NULL: pipes can be read once only */
} symo_data_options;

symo_data_options symo_data_options_default(void);

/* "auto", "yes", "no"; "auto", "classes", "regression".  false: none of them. */
bool symo_data_header_find(const char *text, symo_data_header *out);
bool symo_data_task_find(const char *text, symo_data_task *out);

/* Loads `what`, each file read once, from beginning to end, so that it may be a pipe:
 *   digits          the shipped set: 1797 x 64, pixels divided by 16
 *   teacher         x ~ N(0, I), targets from the network of options->teacher with weights and
 *                   biases N(0, 1/fan_in) (fan_in: inputs of the layer).  Numbers are centred,
 *                   decorrelated and given the standard deviation target_scale; as classes: the
 *                   largest output
 *   teacher:20-9-5  the same with these widths
 *   a directory, or an image file in idx format, plain or gzipped (MNIST): images
 *                   train-images-idx3-ubyte with labels train-labels-idx1-ubyte beside it, or with
 *                   a dot before idx; pixels divided by 255.  The classes are 0 to the largest label
 *   anything else   a CSV file, plain or gzipped.  Fields are separated by commas, semicolons, tabs
 *                   or blanks, quoted or not; with semicolons and tabs numbers may have decimal
 *                   commas.  Lines may all end with a separator, and begin with # before the first
 *                   record.  A missing value anywhere is refused.
 *
 * The first line of a CSV file holds names where all of its fields are words, or one of them is
 * `label`; it is data where all are numbers, but for a word in the column of the label.  Refused,
 * unless `header` says what it is: names and numbers mixed, and rising whole numbers that are 0, 1,
 * 2, .. or 1, 2, 3, 4, .. or whose label is found in no other line.  "examples,inputs,names.." with
 * the numbers of both is passed over.
 *
 * Labels are all words or all numbers.  As classes numbers must be whole; the different values,
 * ascending, or the different words in the order of their bytes are the classes.
 * SYMO_E_IO, SYMO_E_FORMAT (detail file:line:field), SYMO_E_NAME (label column, a label that
 * options->labels does not have), SYMO_E_ARGUMENT, SYMO_E_SIZE, SYMO_E_MEMORY. */
symo_status symo_data_load(symo_context *context, const char *what,
                           const symo_data_options *options, symo_dataset *out);

/* Tokens for a network that reads them, whose vocabulary is set if it was open: `teacher`, a random
 * Markov chain (8 tokens if the network leaves it open), or a text file by its characters or by
 * options->tokenizer.
 * Consecutive windows, options->max_examples of them (0: teacher_examples, or as many as there are);
 * outputs is the number of targets.  Of the other options only `seed` and `kept` count.  SYMO_E_IO,
 * SYMO_E_FORMAT, SYMO_E_NAME for a character that the tokenizer does not have, SYMO_E_ARGUMENT,
 * SYMO_E_SHAPE where the network has fewer tokens, SYMO_E_SIZE, SYMO_E_MEMORY. */
symo_status symo_data_load_tokens(symo_context *context, const char *what,
                                  const symo_data_options *options, symo_net_spec *net,
                                  symo_dataset *out);

/* Gives the arrays back and zeroes the struct; {0} is accepted. */
void symo_data_drop(symo_dataset *data);

/* The path of a shipped file, looked for as experiments/data/files/README.md says.  SYMO_E_IO. */
symo_status symo_data_find(symo_context *context, const char *name, size_t size, char *path);

/* Data that a user brings, a file or a folder by its name: the first of these places that has it,
 * and for which `fits`, where it is not NULL, says so of its path.  path [size]; false: no place
 * has it. */
#define SYMO_DATA_PLACES "$SYMO_DATA, ./data or ."
bool symo_data_find_user(const char *name, bool (*fits)(const char *path), size_t size, char *path);

/* The images of the part "train" or "t10k" of a folder, under one of their names; path [size].
 * false: there are none. */
bool symo_data_find_images(const char *folder, const char *part, size_t size, char *path);

/* Whether the folder has images to train on. */
bool symo_data_has_images(const char *folder);

#endif
