#ifndef SYMO_EXPERIMENTS_BENCH_GPT_H
#define SYMO_EXPERIMENTS_BENCH_GPT_H

#include "experiments/bench/bench.h"

/* The parts of symo bench gpt. */

/* The optimizer that symo train gpt makes of a preset. */
symo_status bench_gpt_optimizer(symo_context *context, symo_layout *layout, const char *preset,
                                int threads, symo_optim **out);

/* Memory and time of a step of the GPT that report->preset names. */
int bench_gpt_preset(bench_report *report);

#endif
