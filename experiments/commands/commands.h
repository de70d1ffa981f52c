#ifndef SYMO_EXPERIMENTS_COMMANDS_COMMANDS_H
#define SYMO_EXPERIMENTS_COMMANDS_COMMANDS_H

#include "cli/cli.h"

/* Every command of `symo`, in the order of `symo help`: X(name) stands for the table
 * cli_command_name. A new command is a file that defines the table and a row here. */
#define CLI_COMMAND_LIST(X)                                                                        \
  X(groups)                                                                                        \
  X(layout)                                                                                        \
  X(estimate)                                                                                      \
  X(apply)                                                                                         \
  X(info)                                                                                          \
  X(transport)                                                                                     \
  X(symmetries)                                                                                    \
  X(verify)                                                                                        \
  X(compare)                                                                                       \
  X(spectrum)                                                                                      \
  X(lowrank)                                                                                       \
  X(landscape)                                                                                     \
  X(gradients)                                                                                     \
  X(train)                                                                                         \
  X(eval)                                                                                          \
  X(sample)                                                                                        \
  X(export)                                                                                        \
  X(sweep)                                                                                         \
  X(plot)                                                                                          \
  X(report)                                                                                        \
  X(optimizers)                                                                                    \
  X(step)                                                                                          \
  X(plan)                                                                                          \
  X(bench)                                                                                         \
  X(doctor)

#define CLI_COMMAND_EXTERN(name) extern const cli_command cli_command_##name;
CLI_COMMAND_LIST(CLI_COMMAND_EXTERN)
#undef CLI_COMMAND_EXTERN

#endif
