#ifndef SYMO_EXPERIMENTS_COMMANDS_VERIFY_H
#define SYMO_EXPERIMENTS_COMMANDS_VERIFY_H

#include "cli/cli.h"

/* The two questions of symo verify.  Exit codes, after the error line. */
int verify_layout(cli *c); /* are the closed forms of a layout right? */
int verify_net(cli *c);    /* is its group a symmetry of this network? */

/* Elements to draw where --samples is not given. */
enum { VERIFY_LAYOUT_SAMPLES = 2000, VERIFY_LAYOUT_LEAST = 200 };
size_t verify_samples(const cli *c, size_t otherwise);

#endif
