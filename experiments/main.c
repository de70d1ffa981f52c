/* The `symo` command. */
#include "experiments/commands/commands.h"

#define COMMAND_ROW(name) &cli_command_##name,
static const cli_command *const commands[] = {CLI_COMMAND_LIST(COMMAND_ROW) NULL};

int main(int argc, char **argv) { return cli_main(commands, argc, argv); }
