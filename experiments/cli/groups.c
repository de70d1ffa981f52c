/* symo groups: the registry. */
#include "experiments/cli/commands.h"

#include <stdio.h>

static json_t *group_json(cli *c, const symo_group *group) {
  json_t *o = json_object();
  cli_set(c, o, "name", json_string(symo_group_name(group)));
  cli_set(c, o, "summary", json_string(symo_group_summary(group)));
  cli_set(c, o, "irreps", json_string(symo_group_irreps(group)));
  cli_set(c, o, "average", json_string(symo_group_average(group)));
  cli_set(c, o, "exact", json_string(symo_group_exact(group)));
  return o;
}

static int run(cli *c) {
  json_t *list = cli_json(c) ? json_array() : NULL;
  for (size_t i = 0; i < symo_group_count(); i++) {
    const symo_group *group = symo_group_at(i);
    if (list)
      cli_push(c, list, group_json(c, group));
    else
      printf("%s: %s\n  irreps of R^d    %s\n  average of x y'  %s\n  a symmetry of    %s\n",
             symo_group_name(group), symo_group_summary(group), symo_group_irreps(group),
             symo_group_average(group), symo_group_exact(group));
  }
  if (!list) return CLI_DONE;
  json_t *answer = json_object();
  cli_set(c, answer, "groups", list);
  return cli_print_json(c, answer);
}

const cli_command cli_command_groups = {
    .name = "groups",
    .summary = "the groups that a space can carry, and when each is an exact symmetry",
    .description =
        "Prints the registry of groups: the name that layouts use, how the group splits R^d\n"
        "into irreducible parts, what averaging over it leaves of x y', and for which\n"
        "weights the loss really does not change under it.",
    .example = "symo groups",
    .json = true,
    .run = run};
