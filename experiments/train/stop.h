#ifndef SYMO_EXPERIMENTS_TRAIN_STOP_H
#define SYMO_EXPERIMENTS_TRAIN_STOP_H

/* Signals that ask a run to end: SIGINT, SIGTERM and, where it is not ignored, SIGHUP.  The first
 * one is only noted; another one ends the process at once. */
void train_stop_watch(void);
void train_stop_end(void); /* what was before */

int train_stop_signal(void);             /* the one that came; 0: none */
const char *train_stop_name(int signal); /* "SIGINT" */

#endif
