#ifndef SYMO_EXPERIMENTS_MODELS_SPEC_H
#define SYMO_EXPERIMENTS_MODELS_SPEC_H

#include "experiments/data/data.h"

/* AUTO: by what the gradient at hand says (compare_centers). */
typedef enum compare_center {
  COMPARE_CENTER_AUTO,
  COMPARE_CENTER_YES,
  COMPARE_CENTER_NO
} compare_center;

/* What one run of `symo compare` computes; everything that a sweep may vary. */
typedef struct compare_spec {
  symo_net_spec net;       /* num_layers 0: inputs-32-outputs of the data */
  const char *data;        /* digits, teacher, or a file */
  const char *label;       /* of a CSV file: the column with the labels; NULL: the last */
  const char *groups;      /* auto, a group as compare_groups_make takes it, or a layout */
  const char *weights;     /* a file with the point; NULL: init_scale and train_steps say it */
  const char *groups_flag; /* the option that said so, for failures; NULL: groups */
  symo_data_kept *kept;    /* data that come from a pipe, for runs after the first; NULL: none */
  double target_scale;     /* multiplies targets that are numbers */
  size_t examples;         /* at most; 0: all there are */
  double init_scale;
  size_t train_steps;
  double train_lr;
  uint64_t seed;
  double damping;
  size_t samples;          /* label draws of K-FAC */
  symo_data_task task;     /* what the targets are */
  symo_data_header header; /* of a CSV file */
  compare_center center;   /* whether estimates leave out what the group does not move, label 0 */
  bool any_loss;           /* cross-entropy for classes, else mean squared error */
  bool heads_at_once;      /* auto: the form of transformers that is exact space by space */
  bool standardize;        /* the inputs */
  bool ggn;                /* the exact Gauss-Newton matrix as a row */
} compare_spec;

/* "20-64-5" of the widths; text [size]. */
void compare_net_text(const symo_net_spec *net, char *text, size_t size);

/* Its data are tokens, its loss is theirs. */
bool compare_reads_tokens(const symo_net_spec *net);

/* Indices into P x P entries must fit BLAS's 32-bit integers. */
#define COMPARE_MOST_PARAMETERS 46340.0

/* As a double: widths from the command line may multiply to anything. */
double compare_num_parameters(const symo_net_spec *net);

/* Bytes of the dense matrices that a run holds at its peak, seven of P x P: H, H*, |H|,
 * eigenvectors, one estimate, and the workspace of the eigendecomposition (two). */
double compare_bytes(double parameters);

#endif
