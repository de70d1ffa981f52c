#ifndef SYMO_CLI_PLUGIN_H
#define SYMO_CLI_PLUGIN_H

#include "cli/cli.h"

/* --plugin: groups from shared objects (symo/plugin.h), which run code of the user's. */

typedef struct cli_plugin {
  void *handle;
  const symo_group **groups; /* [count], kept by the context */
  size_t count;
} cli_plugin;

#define CLI_PLUGIN_ROW                                                                             \
  {                                                                                                \
    .name = "plugin", .arg = "FILE.so", .kind = CLI_LIST,                                          \
    .help = "A shared object that adds groups; layouts use them by name. Its code is run"          \
  }

/* Loads all that --plugin names, in order, and says so on stderr.  Exit codes: 3 for what is no
 * plugin, 4 for what cannot be opened. */
int cli_load_plugins(cli *c);

/* After the context, whose groups call their code to the end. */
void cli_unload_plugins(cli *c);

/* The groups of all plugins; NULL past the end. */
const symo_group *cli_plugin_group(const cli *c, size_t index);

#endif
