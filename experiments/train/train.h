#ifndef SYMO_EXPERIMENTS_TRAIN_TRAIN_H
#define SYMO_EXPERIMENTS_TRAIN_TRAIN_H

#include "cli/cli.h"
#include "core/pool.h"
#include "experiments/data/order.h"
#include "net/net.h"

/* Training.  A task (one file and one row in tasks.h) makes a model of a spec: a layout, a problem
 * and the examples it is on.  The loop (run.h), checkpoints, metrics, sweeps and pictures know
 * models only. */

typedef struct train_task train_task;
typedef struct train_option train_option;

/* TRAIN_TEXT: any path and more; TRAIN_SETTINGS: the longest field, and room for the paths of
 * several texts. */
enum { TRAIN_TEXT = 4160, TRAIN_SETTINGS = 32768, TRAIN_REMARK = 1024, TRAIN_MOST_RULES = 4 };

/* Fields of the task gpt, named as in nanoGPT. */
typedef struct train_gpt {
  char preset[32];
  size_t layers, heads, width, block;
  size_t accumulation; /* batches of `batch` windows in a step */
  double dropout;
  bool tied;
  char vocab[TRAIN_TEXT], merges[TRAIN_TEXT]; /* files of byte-pair tokens; "": characters */
  char init_from[TRAIN_TEXT];                 /* weights to start from; "": none */
  size_t eval_iters;                          /* batches in an evaluation */
  size_t warmup, decay;                       /* in steps; decay 0: as many as there are steps */
  double min_lr;                              /* NaN: a tenth of lr */
  double adamw_lr; /* of what adamw does, beside a method for matrices too */
  double beta1, beta2, weight_decay, grad_clip;
  size_t vocabulary; /* no field: of a checkpoint, at least; 0: that of the tokens */
} train_gpt;

/* What is to be trained, and how.  Fields are set from texts by their names (train_spec_set); the
 * rows of option.h say which there are. */
typedef struct train_spec {
  const train_task *task;
  char net[TRAIN_TEXT]; /* "": the task's choice, from the data */
  char act[16];
  char data[TRAIN_SETTINGS];     /* "": the task's choice; several texts, one a line */
  char label[256];               /* of a CSV file: column of the labels; "": the last */
  char header[8];                /* of a CSV file: auto, yes, no */
  bool standardize;              /* inputs, by means and scales of those to train on */
  char groups[256];              /* of hidden spaces; "auto": what is exact for the activation */
  char optimizer[TRAIN_TEXT];    /* preset or file */
  char settings[TRAIN_SETTINGS]; /* of the optimizer: "key=value;key=value;" */
  char dtype[8];
  bool bias;
  double data_exponent;     /* teacher-student: variances from 1 to 10^-E */
  char task_net[16];        /* teacher-student: dense or rnn */
  size_t pulse;             /* teacher-student of sequences: steps with inputs; 0: see above */
  double gain;              /* teacher-student: recurrent weights are N(0, gain^2 / width) */
  double lr;                /* NaN: that of the optimizer, or the task's for it */
  size_t train, test;       /* examples; 0: the task's choice */
  size_t batch;             /* examples in a step; 0: all */
  bool any_batch;           /* no field: batch is a default, for as many examples as there are */
  size_t steps, eval_every; /* eval_every 0: at the end only */
  size_t checkpoint_every;  /* 0: at the end only */
  size_t seed, data_seed;   /* data_seed 0: seed */
  train_gpt gpt;
  char layout[TRAIN_TEXT]; /* file that takes the place of groups; "": none */
  /* No fields, since they say nothing about what comes out: */
  bool whole;                  /* nothing is held back, for those who want the loss of all */
  char checkpoint[TRAIN_TEXT]; /* whose network and tokens are taken; "": made of the data */
  char kept[TRAIN_TEXT];       /* checkpoint whose classes and scales are taken; "": of the data */
  char expected[SYMO_DATA_CHECKSUM]; /* of the data (train_check_data); "": any */
  double memory;                     /* bytes that may be taken; 0: any number */
  int threads;                       /* 0: not known yet */
} train_spec;

/* A stretch of the parameters under the name that it has in files. */
typedef struct train_item {
  const char *name; /* kept by the layout, or by whoever made the item */
  size_t order, shape[SYMO_MAX_ORDER], offset;
} train_item;

/* A model and its examples.  theta: numbers of problem.dtype in the order of the layout.
 *   init      the parameters at the start
 *   batch_of  makes the examples of step `step` (from 0 on), which depend on nothing else, those
 *             that the problem is on
 *   evaluate  loss and, for classes, accuracy (else NaN) on the examples held back; the problem is
 *             on others after that until the next batch.  NULL: there are none
 *   score     the same on all examples that were loaded for training, in their order
 *   evaluate_train  the loss on examples to train on, as evaluate has it for those held back; NULL:
 *             it is not asked for
 *   set_pool  lets the network work on several threads; NULL: it cannot
 *   set_comm  lets it take its part of the examples among several processes; NULL: it cannot
 * Functions return a status with its detail in the context. */
typedef struct train_model {
  symo_layout *layout;
  symo_problem problem;
  symo_net *network; /* that the problem is of */
  void *self;
  size_t examples, test_examples, batch; /* batch: examples in a step */
  size_t tokens;                         /* in a step; 0: the examples have none */
  double bytes;                          /* that the network and the data take; 0: not known */
  size_t num_items;                      /* how checkpoints name the parameters; 0: as the layout */
  train_item *items;                     /* [num_items] */
  size_t num_texts;                      /* what checkpoints hold beside them, key and text */
  char *(*texts)[2];                     /* [num_texts] */
  char net[TRAIN_TEXT], data[TRAIN_TEXT]; /* what was chosen */
  char remark[TRAIN_REMARK];              /* how the data were read, for people; "": as always */
  char
      checksum[SYMO_DATA_CHECKSUM]; /* of the examples, by symo_data_checksum; "": none were read */
  symo_status (*init)(void *self, symo_rng *rng, void *theta);
  symo_status (*batch_of)(void *self, uint64_t step);
  symo_status (*evaluate)(void *self, const void *theta, double *loss, double *accuracy);
  symo_status (*score)(void *self, const void *theta, double *loss, double *accuracy);
  symo_status (*evaluate_train)(void *self, const void *theta, double *loss);
  void (*set_pool)(void *self, symo_pool *pool);
  void (*set_comm)(void *self, const symo_comm *comm);
  void (*destroy)(void *self);
} train_model;

void train_model_destroy(train_model *model);

/* A configuration by its name, as what differs from the defaults of the task. */
typedef struct train_preset {
  const char *name, *settings; /* name NULL ends the list */
} train_preset;

struct train_task {
  const char *name;
  const char *description; /* in the help: lines of at most 64 columns */
  const char *defaults; /* "steps=100;bias=false;": fields that differ from the general defaults */
  const train_preset *presets; /* or NULL */
  const train_option *options; /* of this task alone, or NULL; a key of NULL ends them */
  /* What the task changes in presets of optimizers, under what files, --lr and settings say, and
   * the rules that are made of the method in the end, rules [TRAIN_MOST_RULES].  NULL: as the
   * library has them. */
  symo_status (*method)(symo_context *context, const train_spec *spec, symo_method *method);
  symo_status (*rules)(symo_context *context, const train_spec *spec, const symo_method *method,
                       size_t *num, symo_rule *rules);
  symo_status (*create)(symo_context *context, const train_spec *spec, train_model *out);
};

const train_task *train_task_at(size_t index); /* NULL past the end */
const train_task *train_task_find(const char *name);

/* ---- specs ---- */

/* General defaults, then the task's. */
train_spec train_spec_default(const train_task *task);

/* A field by its name, or its other name; SYMO_E_NAME, SYMO_E_ARGUMENT, also for one that the task
 * does not have.  "set" adds a setting of the optimizer, "preset" sets
 * all that the task's preset of that name does. */
symo_status train_spec_set(symo_context *context, train_spec *spec, const char *key,
                           const char *value);

/* {"format": 1, "task": "..", "options": {..}}, and back.  where: the file. */
json_t *train_spec_to_json(const train_spec *spec);
symo_status train_spec_from_json(symo_context *context, const char *where, json_t *object,
                                 train_spec *out);

/* Whether a task has the option of that name. */
bool train_spec_has(const train_task *task, const char *key);
/* ---- files ---- */

/* Refuses pipes for files that are read more than once: those of optimizer, layout and tokens, and
 * with `again` the data.  SYMO_E_IO. */
symo_status train_check_files(symo_context *context, const train_spec *spec, bool again);

/* ---- data ---- */

/* That the data `what` are those which are expected: SYMO_E_FORMAT. */
symo_status train_check_data(symo_context *context, const char *expected, const char *what,
                             const char *checksum);

/* ---- optimizers ---- */

/* The spec of the optimizer: the preset or file, the task's changes, --lr, settings.  changes:
 * NULL, or an object that takes in what the task changed, {"KEY": {"preset": .., "task": ..}}. */
symo_status train_optimizer_spec(symo_context *context, const train_spec *spec, json_t *changes,
                                 symo_optim_spec **out);

#endif
