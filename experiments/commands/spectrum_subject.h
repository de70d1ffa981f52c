#ifndef SYMO_EXPERIMENTS_COMMANDS_SPECTRUM_SUBJECT_H
#define SYMO_EXPERIMENTS_COMMANDS_SPECTRUM_SUBJECT_H

#include "cli/folder.h"
#include "experiments/models/network_point.h"
#include "experiments/spectrum/exponents.h"
#include "experiments/train/train.h"

/* What symo spectrum looks at, a network by options or the model of a checkpoint, and where it
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

/* Folders, network, data and point, from the options of the command line; `rules`: there is the option
 * --rules.  Exit code, after the error
 * line; inquiry_close in any case. */
int inquiry_open(cli *c, inquiry *q, bool rules);
void inquiry_close(inquiry *q);

/* Which network, on which data. */
void inquiry_set_json(cli *c, json_t *object, const inquiry *q);
void inquiry_print(const inquiry *q);

#endif
