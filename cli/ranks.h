#ifndef SYMO_CLI_RANKS_H
#define SYMO_CLI_RANKS_H

#include <stdbool.h>

#include "core/comm.h"

/* Processes that a launcher (mpirun) started together.  `make MPI=1` compiles ranks_mpi.c, any
 * other build ranks_one.c, which only knows of a launcher.  For cli.c alone. */

/* Before anything else.  NULL: this process is by itself. */
const symo_comm *cli_ranks_begin(void);

/* How many processes the launcher says it started; 1: none, or it does not say. */
int cli_ranks_launched(void);

/* Whether the program can work in several processes at all. */
bool cli_ranks_known(void);

/* At the end of a process: waits until the others are at theirs.  False if they are not after
 * `seconds`; a negative number waits for ever. */
bool cli_ranks_meet(double seconds);

/* The last thing that a process does where they have met; or it ends all of them at once. */
void cli_ranks_end(void);
void cli_ranks_abort(int code);

#endif
