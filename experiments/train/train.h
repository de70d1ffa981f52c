#ifndef SYMO_EXPERIMENTS_TRAIN_TRAIN_H
#define SYMO_EXPERIMENTS_TRAIN_TRAIN_H

#include "experiments/cli/cli.h"

/* Training.  A task (one file and one row in tasks.h) makes a model of a spec: a layout, a problem
 * and the examples it is on.  The loop (run.h), checkpoints, metrics, sweeps and pictures know
 * models only. */

typedef struct train_task train_task;

enum { TRAIN_TEXT = 1024, TRAIN_SETTINGS = 4096 };

/* What is to be trained, and how.  Fields are set from texts by their names (train_spec_set); the
 * table in spec.c says which there are. */
typedef struct train_spec {
  const train_task *task;
  char net[TRAIN_TEXT]; /* "": the task's choice, from the data */
  char act[16];
  char data[TRAIN_TEXT];         /* "": the task's choice */
  char groups[256];              /* of hidden spaces; "auto": what is exact for the activation */
  char optimizer[TRAIN_TEXT];    /* preset or file */
  char settings[TRAIN_SETTINGS]; /* of the optimizer: "key=value;key=value;" */
  char dtype[8];
  bool bias;
  double data_exponent;     /* teacher-student: variances from 1 to 10^-E */
  double lr;                /* NaN: that of the optimizer, or the task's for it */
  size_t train, test;       /* examples; 0: the task's choice */
  size_t batch;             /* examples in a step; 0: all */
  size_t steps, eval_every; /* eval_every 0: at the end only */
  size_t checkpoint_every;  /* 0: at the end only */
  size_t seed, data_seed;   /* data_seed 0: seed */
  bool whole;               /* no field: nothing is held back, for those who want the loss of all */
} train_spec;

/* A model and its examples.  theta: numbers of problem.dtype in the order of the layout.
 *   init      the parameters at the start
 *   batch_of  makes the examples of step `step` (from 0 on), which depend on nothing else, those
 *             that the problem is on
 *   evaluate  loss and, for classes, accuracy (else NaN) on the examples held back; the problem is
 *             on others after that until the next batch.  NULL: there are none
 *   score     the same on all examples that were loaded for training, in their order
 * Functions return a status with its detail in the context. */
typedef struct train_model {
  symo_layout *layout;
  symo_problem problem;
  void *self;
  size_t examples, test_examples, batch;  /* batch: examples in a step */
  char net[TRAIN_TEXT], data[TRAIN_TEXT]; /* what was chosen */
  symo_status (*init)(void *self, symo_rng *rng, void *theta);
  symo_status (*batch_of)(void *self, uint64_t step);
  symo_status (*evaluate)(void *self, const void *theta, double *loss, double *accuracy);
  symo_status (*score)(void *self, const void *theta, double *loss, double *accuracy);
  void (*destroy)(void *self);
} train_model;

void train_model_destroy(train_model *model);

/* Settings of an optimizer that suit a task, unless the user says otherwise. */
typedef struct train_tuned {
  const char *optimizer, *settings; /* optimizer NULL ends the list */
} train_tuned;

struct train_task {
  const char *name, *summary;
  const char *defaults; /* "steps=100;bias=false;": fields that differ from the general defaults */
  const train_tuned *tuned; /* or NULL */
  symo_status (*create)(symo_context *context, const train_spec *spec, train_model *out);
};

const train_task *train_task_at(size_t index); /* NULL past the end */
const train_task *train_task_find(const char *name);

/* ---- specs ---- */

/* General defaults, then the task's. */
train_spec train_spec_default(const train_task *task);

/* A field by its name; SYMO_E_NAME, SYMO_E_ARGUMENT.  "set" adds a setting of the optimizer. */
symo_status train_spec_set(symo_context *context, train_spec *spec, const char *key,
                           const char *value);

/* {"format": 1, "task": "..", "options": {..}}, and back.  where: the file. */
json_t *train_spec_to_json(const train_spec *spec);
symo_status train_spec_from_json(symo_context *context, const char *where, json_t *object,
                                 train_spec *out);

/* The names of the fields; NULL past the end. */
const char *train_spec_key(size_t index);
/* The field as text that train_spec_set reads back to the same bits. */
void train_spec_text(const train_spec *spec, const char *key, char text[TRAIN_SETTINGS]);

/* ---- random numbers ---- */

/* What random numbers are for: each use has its own stream of the seed. */
typedef enum train_stream { TRAIN_DATA = 1, TRAIN_TEACHER, TRAIN_INIT, TRAIN_ORDER } train_stream;
uint64_t train_seed(uint64_t seed, train_stream stream, uint64_t index);

/* Which examples a step takes: a new random order each time through the data, and what is left over
 * at its end unused.  A function of seed and step alone, so that runs can be taken up anywhere. */
typedef struct train_order {
  symo_context *context;
  uint64_t seed, epoch; /* epoch: whose order is in rows; UINT64_MAX: none yet */
  size_t examples, batch;
  size_t *rows;
} train_order;

symo_status train_order_create(symo_context *context, uint64_t seed, size_t examples, size_t batch,
                               train_order *out);
void train_order_drop(train_order *order); /* {0} is accepted */
symo_status train_order_batch(train_order *order, uint64_t step, const size_t **rows);

/* ---- optimizers ---- */

/* The spec of the optimizer: the preset or file, the task's settings for it, --lr, settings. */
symo_status train_optimizer_spec(symo_context *context, const train_spec *spec,
                                 symo_optim_spec **out);

#endif
