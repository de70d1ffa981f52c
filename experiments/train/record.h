#ifndef SYMO_EXPERIMENTS_TRAIN_RECORD_H
#define SYMO_EXPERIMENTS_TRAIN_RECORD_H

#include "experiments/train/train.h"

/* What run.json holds beside the spec:
 *   folder   where the run was begun; relative paths in its options are meant from there
 *   data     checksum of the examples (train_model), or ""
 *   changed_by_task  what the task changed in the preset of the optimizer
 *   threads, memory  of --threads and --memory, where the run was given them
 *   plugins  files of --plugin, where it was given some
 *   history  what was changed when it was taken up again:
 *            [{"step": N, "changes": {KEY: [OLD, NEW]}}],
 *            KEY being an option, or rules.N.KEY (N: * for all rules) of the optimizer */
typedef struct train_record {
  char folder[TRAIN_TEXT]; /* "": not known */
  char data[SYMO_DATA_CHECKSUM];
  json_t *history; /* NULL: none */
  json_t *by_task; /* of train_optimizer_spec; written only */
  int threads;     /* 0: not given */
  double memory;   /* bytes; 0: not given */
  json_t *plugins; /* NULL: none */
} train_record;

void train_record_drop(train_record *record); /* {0} is accepted */

/* run.json of a folder; record may be NULL. */
int train_read_run(cli *c, const char *directory, train_spec *out, train_record *record);
int train_write_run(cli *c, const char *directory, const train_spec *spec,
                    const train_record *record);

/* What the command line says of the machine (--threads, --memory, --plugin) goes into the record; where
 * it says nothing, what the record has goes into the spec.  Plugins are code, which runs only where
 * it is asked for: CLI_USAGE where the record has some and the command line none. */
int train_record_keep(cli *c, const char *directory, train_record *record, train_spec *spec);

/* Makes the folder that relative paths of the run are meant from the working directory, unless it
 * is not there any more, or a file of the run is missing there that is here. */
void train_go_home(const train_spec *spec, const char *folder);

/* The same for the run that a checkpoint lies beside, if there is one.  *absolute: its path, to be
 * used from now on (symo_free). */
symo_status train_go_home_of(symo_context *context, const char *path, char **absolute);

/* Lines that are paths of something that is there become absolute, if they all fit. */
void train_absolute(char lines[TRAIN_SETTINGS]);

/* The absolute path of the working directory; "" where it has none. */
void train_here(char folder[TRAIN_TEXT]);

#endif
