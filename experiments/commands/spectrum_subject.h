#ifndef SYMO_EXPERIMENTS_COMMANDS_SPECTRUM_SUBJECT_H
#define SYMO_EXPERIMENTS_COMMANDS_SPECTRUM_SUBJECT_H

#include "cli/folder.h"
#include "experiments/models/network_options.h"
#include "experiments/models/network_point.h"
#include "experiments/spectrum/exponents.h"
#include "experiments/train/train.h"

/* What symo spectrum, landscape and lowrank look at, a network by options or the model of a checkpoint, and where it
 * writes. */
typedef struct inquiry {
  network_point point;
  train_spec spec;
  train_model model;
  char *path;   /* of the checkpoint; NULL: a network by options */
  void *theta;  /* of the checkpoint */
  size_t *rows; /* [examples] */
  uint64_t step;
  spectrum_subject subject;
  char net[TRAIN_TEXT], data[TRAIN_TEXT];
  char *directory, *plots; /* plots NULL: no pictures */
  char *rules;             /* file for an optimizer; NULL: none */
  cli_folder lock;
} inquiry;

/* Options that not every command has: --rules; --no-plots, and pictures. */
enum { INQUIRY_RULES = 1, INQUIRY_PLOTS = 2 };

/* Folders, network, data and point, from the options of the command line.  Exit code, after the error
 * line; inquiry_close in any case. */
int inquiry_open(cli *c, inquiry *q, int options);

/* The layout of the network; it belongs to the inquiry. */
symo_layout *inquiry_layout(const inquiry *q);
void inquiry_close(inquiry *q);

/* A command that is one inquiry: opened, measured, closed.  Exit code, after the error line. */
int inquiry_run(cli *c, int options, int (*measure)(cli *c, inquiry *q));

/* Which network, on which data. */
void inquiry_set_json(cli *c, json_t *object, const inquiry *q);
void inquiry_print(const inquiry *q);

/* The options that inquiry_open reads, besides --seed and --dtype. */
#define INQUIRY_ROWS                                                                               \
  {.name = "checkpoint",                                                                           \
   .arg = "FILE",                                                                                  \
   .kind = CLI_STRING,                                                                             \
   .help = "A file of symo train, which says network and data; --data and --examples may say "     \
           "others"},                                                                              \
      NETWORK_ROWS, NETWORK_GROUPS_ROW

#endif
