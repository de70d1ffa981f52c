#ifndef SYMO_EXPERIMENTS_BENCH_GPT_H
#define SYMO_EXPERIMENTS_BENCH_GPT_H

#include "experiments/bench/bench.h"
#include "net/gpt.h"

/* The parts of symo bench gpt. */

/* A transformer of random tokens of its vocabulary, `batch` windows. */
symo_status bench_gpt_net(symo_context *context, const symo_gpt_spec *gpt, size_t batch,
                          symo_net **out);

/* The optimizer that symo train gpt makes of a preset. */
symo_status bench_gpt_optimizer(symo_context *context, symo_layout *layout, const char *preset,
                                int threads, symo_optim **out);

/* Memory and time of a step of the GPT that report->preset names. */
int bench_gpt_preset(bench_report *report);

/* Rows of the operations of a gradient on one thread.  square: seconds a flop of sgemm. */
int bench_gpt_parts(bench_report *report, const char *name, symo_net *net, const void *theta,
                    void *gradient, size_t examples, double square);

#endif
