#ifndef SYMO_EXPERIMENTS_INPUTS_OPTIMIZER_H
#define SYMO_EXPERIMENTS_INPUTS_OPTIMIZER_H

#include "cli/cli.h"

/* --optimizer and --set, for the commands that take an optimizer. */

#define CLI_OPTIMIZER_ROW                                                                          \
  {                                                                                                \
    .name = "optimizer", .arg = "NAME|FILE", .kind = CLI_STRING, .required = true,                 \
    .help =                                                                                        \
        "A preset (symo optimizers lists them), or a JSON file {\"preset\": NAME, KEY: value, "    \
        "..}"                                                                                      \
  }

#define CLI_SET_ROW                                                                                \
  {                                                                                                \
    .name = "set", .arg = "KEY=VALUE", .kind = CLI_LIST,                                           \
    .help = "An option of the optimizer (symo optimizers NAME shows all with their values); "      \
            "rules.1.KEY=VALUE for rule 1, rules.*.KEY=VALUE for all rules; PATTERN:KEY=VALUE "    \
            "for tensors of such names (h.*.attn*:alpha=1.4); one that nothing looks at and a "    \
            "pattern that nothing fits are refused"                                                \
  }

/* The spec of --optimizer, with `extra` settings "key=value" (from other flags, [num_extra]) and
 * then those of --set; --threads goes into it.  An exit code, after the error line unless it is
 * CLI_DONE. */
int cli_read_optimizer(cli *c, size_t num_extra, const char *const *extra, symo_optim_spec **out);

/* The options that --set names, [*count]: what may differ from the spec of a state that is read,
 * since it was asked for.  symo_free. */
int cli_changed_options(cli *c, size_t *count, const char ***list);

#endif
