#ifndef SYMO_EXPERIMENTS_MODELS_NETWORK_SPEC_H
#define SYMO_EXPERIMENTS_MODELS_NETWORK_SPEC_H

#include "experiments/data/data.h"

/* Which network, on which data, with which groups, at which point. */
typedef struct network_spec {
  symo_net_spec net;       /* num_layers 0: inputs-32-outputs of the data */
  const char *data;        /* digits, teacher, or a file */
  const char *label;       /* of a CSV file: the column with the labels; NULL: the last */
  const char *groups;      /* auto, a group as network_layout_make takes it, or a layout */
  const char *weights;     /* a file with the point; NULL: init_scale and train_steps say it */
  const char *groups_flag; /* the option that said so, for failures; NULL: groups */
  symo_data_kept *kept;    /* data that come from a pipe, for runs after the first; NULL: none */
  double target_scale;     /* multiplies targets that are numbers */
  size_t examples;         /* at most; 0: all there are */
  double init_scale;
  size_t train_steps;
  double train_lr;
  uint64_t seed;
  symo_data_task task;     /* what the targets are */
  symo_data_header header; /* of a CSV file */
  bool any_loss;           /* cross-entropy for classes, else mean squared error */
  bool heads_at_once;      /* auto: the form of transformers that is exact space by space */
  bool standardize;        /* the inputs */
} network_spec;

#endif
