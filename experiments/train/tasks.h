#ifndef SYMO_EXPERIMENTS_TRAIN_TASKS_H
#define SYMO_EXPERIMENTS_TRAIN_TASKS_H

#include "experiments/train/train.h"

/* Every task of `symo train`, X(name) standing for train_task_name.  A new task is a file that
 * defines the table and a row here. */
#define TRAIN_TASK_LIST(X)                                                                         \
  X(teacher_student)                                                                               \
  X(autoencoder)                                                                                   \
  X(classifier)                                                                                    \
  X(gpt)

#define TRAIN_TASK_EXTERN(name) extern const train_task train_task_##name;
TRAIN_TASK_LIST(TRAIN_TASK_EXTERN)
#undef TRAIN_TASK_EXTERN

#endif
