/* symo groups: the registry, and the generators of a group. */
#include "cli/plugin.h"
#include "experiments/commands/commands.h"
#include "experiments/inputs/tensors.h"

#include "core/names.h"
#include "groups/instance.h"
#include "groups/plan/group_text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* ---- the registry ---- */

static const group_parameter *parameters_of(const symo_group *group) {
  return symo_group_needs_parameters(group) ? group->parameters : NULL;
}

/* Those of the registry, then those of plugins. */
static const symo_group *group_at(const cli *c, size_t index) {
  size_t own = symo_group_count();
  return index < own ? symo_group_at(index) : cli_plugin_group(c, index - own);
}

static json_t *parameters_json(cli *c, const symo_group *group) {
  json_t *list = json_array();
  for (const group_parameter *p = parameters_of(group); p && p->name; p++)
    cli_push(c, list, json_string(p->name));
  return list;
}

static json_t *group_json(cli *c, const symo_group *group) {
  json_t *o = json_object();
  cli_set(c, o, "name", json_string(symo_group_name(group)));
  cli_set(c, o, "summary", json_string(symo_group_summary(group)));
  cli_set(c, o, "parameters", parameters_json(c, group));
  cli_set(c, o, "irreps", json_string(symo_group_irreps(group)));
  cli_set(c, o, "average", json_string(symo_group_average(group)));
  cli_set(c, o, "exact", json_string(symo_group_exact(group)));
  return o;
}

static void print_group(const symo_group *group) {
  const group_parameter *p = parameters_of(group);
  printf("%s: %s\n", symo_group_name(group), symo_group_summary(group));
  for (bool first = true; p && p->name; p++, first = false)
    printf("%s%s", first ? "  parameters       " : ", ", p->name);
  if (p != NULL)
    printf("%s%s\n", group->example ? "; for short " : "; in layout files only",
           group->example ? group->example : "");
  printf("  irreps of R^d    %s\n  average of x y'  %s\n  a symmetry of    %s\n",
         symo_group_irreps(group), symo_group_average(group), symo_group_exact(group));
}

static int list_groups(cli *c) {
  json_t *list = cli_json(c) ? json_array() : NULL;
  const symo_group *group = NULL;
  for (size_t i = 0; (group = group_at(c, i)); i++) {
    if (list)
      cli_push(c, list, group_json(c, group));
    else
      print_group(group);
  }
  if (!list) return CLI_DONE;
  json_t *answer = json_object();
  cli_set(c, answer, "groups", list);
  return cli_print_json(c, answer);
}

/* ---- generators ---- */

enum { LARGEST_PRINTED = 1024 };

/* Numbered as restrictions count them: permutations, matrices, then those of the Lie algebra. */

static bool has_signs(const generator_set *g, size_t i) {
  for (size_t j = 0; j < g->dim; j++)
    if (g->sign[i * g->dim + j] < 0) return true;
  return false;
}

static json_t *matrix_json(cli *c, const double *matrix, size_t dim) {
  json_t *rows = json_array();
  for (size_t i = 0; i < dim; i++) {
    json_t *row = json_array();
    for (size_t j = 0; j < dim; j++) cli_push(c, row, cli_number(matrix[i * dim + j]));
    cli_push(c, rows, row);
  }
  return rows;
}

/* y[image[j]] = sign[j] x[j]: as a list of images, or as a matrix if there are signs. */
static json_t *monomial_json(cli *c, const generator_set *g, size_t i) {
  const size_t *image = g->image + i * g->dim;
  json_t *list = json_array();
  if (!has_signs(g, i)) {
    for (size_t j = 0; j < g->dim; j++) cli_push(c, list, cli_count((double)image[j]));
    return list;
  }
  for (size_t row = 0; row < g->dim; row++) {
    json_t *entries = json_array();
    for (size_t j = 0; j < g->dim; j++)
      cli_push(c, entries, json_integer(image[j] == row ? g->sign[i * g->dim + j] : 0));
    cli_push(c, list, entries);
  }
  return list;
}

/* The space of a layout file whose custom group is this one. */
static int generators_json(cli *c, const generator_set *g) {
  json_t *space = json_object(), *finite = json_array(), *lie = json_array();
  size_t square = g->dim * g->dim;
  for (size_t i = 0; i < g->num_monomial; i++)
    cli_push(c, finite, monomial_json(c, g, symo_generator_set_index(g, i)));
  for (size_t i = 0; i < g->num_dense; i++)
    cli_push(c, finite, matrix_json(c, g->dense + i * square, g->dim));
  for (size_t i = 0; i < g->num_lie; i++)
    cli_push(c, lie, matrix_json(c, g->lie + i * square, g->dim));
  cli_set(c, space, "dim", cli_count((double)g->dim));
  cli_set(c, space, "group", json_string("custom"));
  cli_set(c, space, "generators", finite);
  cli_set(c, space, "lie_generators", lie);
  return cli_print_json(c, space);
}

static void print_monomial(const generator_set *g, size_t i) {
  bool signs = has_signs(g, i);
  printf("%s ", signs ? "signed permutation" : "permutation");
  for (size_t j = 0; j < g->dim; j++) {
    const char *sign = g->sign[i * g->dim + j] < 0 ? "-" : "+";
    printf(" %s%zu", signs ? sign : "", g->image[i * g->dim + j]);
  }
  printf("\n");
}

static void print_matrix(const char *kind, const double *matrix, size_t dim) {
  printf("%s\n", kind);
  for (size_t i = 0; i < dim; i++) {
    printf("     ");
    for (size_t j = 0; j < dim; j++) printf(" %5.4g", matrix[i * dim + j] + 0.0); /* no -0 */
    printf("\n");
  }
}

static int print_generators(const generator_set *g) {
  size_t square = g->dim * g->dim, number = 0;
  for (size_t i = 0; i < g->num_monomial; i++) {
    printf("%3zu  ", number++);
    print_monomial(g, symo_generator_set_index(g, i));
  }
  for (size_t i = 0; i < g->num_dense; i++) {
    printf("%3zu  ", number++);
    print_matrix("matrix", g->dense + i * square, g->dim);
  }
  for (size_t i = 0; i < g->num_lie; i++) {
    printf("%3zu  ", number++);
    print_matrix("antisymmetric, exp(t A) for all t", g->lie + i * square, g->dim);
  }
  if (number == 0) printf("none: the trivial group\n");
  return CLI_DONE;
}

/* The text begins with a name that is no group: says which ones there are. */
static int unknown_group(cli *c, const char *name) {
  const char *names[64];
  const symo_group *group = NULL;
  size_t n = 0;
  for (size_t i = 0; n < 64 && (group = group_at(c, i)); i++) names[n++] = symo_group_name(group);
  return cli_unknown(c, "--generators", name, n, names, "symo groups lists them");
}

static int read_group(cli *c, const char *text, symo_group_use *use) {
  symo_notation r = {cli_context(c), "--generators", "\"cyclic 5\"", text, text};
  char name[SYMO_MAX_NAME + 1];
  if (symo_notation_word(&r, false, name) && !symo_group_lookup(cli_context(c), name))
    return unknown_group(c, name);
  r.at = text;
  symo_status status = symo_notation_group(&r, "--generators", use);
  if (status == SYMO_OK) {
    symo_notation_blank(&r);
    if (*r.at != '\0') status = symo_notation_expected(&r, "the end");
  }
  if (status == SYMO_OK) return CLI_DONE;
  symo_group_destroy(use->made);
  use->made = NULL;
  return cli_fail(c, status == SYMO_E_MEMORY ? CLI_NUMERIC : CLI_USAGE, "%s",
                  symo_context_detail(cli_context(c)));
}

static int show_generators(cli *c) {
  symo_group_use use = {0};
  generator_set *set = NULL;
  int code = read_group(c, cli_str(c, "generators"), &use);
  if (code != CLI_DONE) return code;
  if (use.dim > LARGEST_PRINTED) {
    symo_group_destroy(use.made);
    return cli_fail(c, CLI_USAGE, "--generators: dimension %zu (give at most %d)", use.dim,
                    LARGEST_PRINTED);
  }
  symo_status status = symo_generator_set_create(cli_context(c), use.dim, &set);
  if (status == SYMO_OK) status = symo_group_add_generators(use.group, use.dim, set);
  if (status != SYMO_OK)
    code = cli_fail_status(c, status);
  else
    code = cli_json(c) ? generators_json(c, set) : print_generators(set);
  symo_generator_set_destroy(set);
  symo_group_destroy(use.made);
  return code;
}

static int run(cli *c) { return cli_given(c, "generators") ? show_generators(c) : list_groups(c); }

static const cli_option options[] = {
    {.name = "generators",
     .arg = "GROUP",
     .kind = CLI_STRING,
     .help = "Print the numbered generators of this group instead. Give its name and dimension in "
             "the short notation of layouts: \"cyclic 5\" or \"wreath(3, orthogonal 2)\". With "
             "--json the answer is a space of a layout file"},
    {.name = NULL}};

const cli_command cli_command_groups = {
    .name = "groups",
    .summary = "the groups that a space can carry, and when each is an exact symmetry",
    .description =
        "Prints the registry of groups: the name that layouts use, the parameters, how the\n"
        "group splits R^d into irreducible parts, what averaging over it leaves of x y', and\n"
        "for which weights the loss really does not change under it.  Groups of --plugin\n"
        "come last.",
    .example = "symo groups\n"
               "symo groups --generators \"signed-permutation 3\"",
    .options = options,
    .json = true,
    .run = run};
