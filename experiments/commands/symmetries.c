/* symo symmetries: spaces and groups from the operations of a network. */
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "experiments/commands/commands.h"
#include "experiments/inputs/tensors.h"
#include "io/symmetries/report.h"
#include "net/net_graph.h"

/* ---- answers ---- */

static const char *const kind_words[] = {
    [SYM_BINDING] = "because", [SYM_WEAKER] = "passes", [SYM_REMARK] = "besides"};

static int print_json(cli *c, const sym_proposal *p, const symo_layout *layout) {
  char *text = NULL;
  symo_status status = sym_report(cli_context(c), p, layout, &text);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  json_t *o = json_loads(text, 0, NULL);
  symo_free(text);
  return cli_print_json(c, o);
}

static void print_space(const sym_proposal *p, size_t space) {
  const sym_space *s = &p->spaces[space];
  printf("\n%s, dimension %zu: %s\n  on      ", s->name, s->dim, sym_group_text_of(p, space).text);
  for (size_t t = 0; t < p->num_tensors; t++)
    for (size_t a = 0; a < p->tensors[t].order; a++)
      if (p->tensors[t].space[a] == space)
        printf(" %s axis %zu%s", p->tensors[t].name, a, p->tensors[t].dual[a] ? "*" : "");
  printf("\n");
  for (size_t i = 0; i < p->num_notes; i++)
    if (p->notes[i].space == space)
      printf("  %-8s %s\n", kind_words[p->notes[i].kind], p->notes[i].text);
}

static int print_text(cli *c, const sym_proposal *p, const symo_layout *layout) {
  char *text = NULL;
  symo_status status = symo_layout_to_text(layout, &text);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  printf("%zu %s, %zu %s, %zu %s\n", p->num_spaces, symo_plural(p->num_spaces, "space", "spaces"),
         p->num_tensors, symo_plural(p->num_tensors, "tensor", "tensors"),
         symo_layout_num_parameters(layout),
         symo_plural(symo_layout_num_parameters(layout), "parameter", "parameters"));
  for (size_t i = 0; i < p->num_spaces; i++) print_space(p, i);
  printf("\n%s\n", text);
  symo_free(text);
  return CLI_DONE;
}

/* ---- the network ---- */

static int open_net(cli *c, graph **out) {
  symo_net_spec spec = symo_net_spec_default();
  symo_status status = symo_net_parse(cli_context(c), cli_str(c, "net"), &spec);
  if (status != SYMO_OK) return cli_fail_flag(c, status, "net");
  (void)symo_activation_find(cli_str(c, "act"), &spec.activation);
  spec.bias = !cli_flag(c, "no-bias");
  status = graph_of_net(cli_context(c), &spec, out);
  return status == SYMO_OK ? CLI_DONE : cli_fail_flag(c, status, "net");
}

static int open_graph(cli *c, graph **out) {
  bool net = cli_given(c, "net"), file = cli_given(c, "graph");
  if (net == file)
    return cli_fail(c, CLI_USAGE,
                    net ? "--graph: given together with --net (take one of them)"
                        : "--net: is missing (give --net or --graph)");
  if (net) return open_net(c, out);
  const char *alone = cli_given(c, "act") ? "act" : cli_given(c, "no-bias") ? "no-bias" : NULL;
  if (alone != NULL)
    return cli_fail(c, CLI_USAGE, "--%s: means nothing with --graph (the file says it)", alone);
  symo_status status = graph_read_json(cli_context(c), cli_str(c, "graph"), out);
  return status == SYMO_OK ? CLI_DONE : cli_fail_status(c, status);
}

static int answer(cli *c, const sym_proposal *p, const symo_layout *layout) {
  if (cli_given(c, "out")) {
    symo_status status = symo_layout_write_json(layout, cli_str(c, "out"));
    if (status != SYMO_OK) return cli_fail_status(c, status);
  }
  return cli_json(c) ? print_json(c, p, layout) : print_text(c, p, layout);
}

static int run(cli *c) {
  graph *g = NULL;
  sym_proposal *p = NULL;
  symo_layout *layout = NULL;
  int code = open_graph(c, &g);
  if (code != CLI_DONE) return code;
  symo_status status = sym_infer(g, cli_double(c, "scaling"), &p);
  if (status == SYMO_OK) status = sym_proposal_layout(cli_context(c), p, &layout);
  code = status == SYMO_OK ? answer(c, p, layout) : cli_fail_status(c, status);
  symo_layout_destroy(layout);
  sym_proposal_destroy(p);
  graph_destroy(g);
  return code;
}

static const cli_option options[] = {
    {.name = "net",
     .arg = "NET",
     .kind = CLI_STRING,
     .help = "A network as symo compare takes it: 20-64-5, rnn:8-16-4, conv:8x8x1-c8k3-p2-10"},
    {.name = "act",
     .arg = "NAME",
     .kind = CLI_CHOICE,
     .choices = "tanh|relu|gelu|linear",
     .fallback = "tanh",
     .help = "Its activation"},
    {.name = "no-bias", .kind = CLI_FLAG, .help = "Leave its biases out"},
    {.name = "graph",
     .arg = "FILE",
     .kind = CLI_STRING,
     .help = "Any network, as the JSON list of its operations that docs/graphs.md describes"},
    {.name = "scaling",
     .arg = "WINDOW",
     .kind = CLI_DOUBLE,
     .min = 1e-6,
     .max = 20,
     .help = "Where units may be rescaled, as under relu, take scaling with this window and "
             "permutations instead of permutations"},
    {.name = "out", .arg = "LAYOUT.json", .kind = CLI_STRING, .help = "Write the layout there"},
    {.name = NULL}};

const cli_command cli_command_symmetries = {
    .name = "symmetries",
    .summary = "spaces and groups of a network, found from its operations",
    .description =
        "Goes through the operations of a network: axes that must move together become one\n"
        "space, and each space gets the largest of identity, permutation, signed-permutation\n"
        "and orthogonal that all operations on it pass; heads of attention get a wreath\n"
        "product.  For each space: the tensors and axes it stands on, why the group is no\n"
        "larger (because), what would pass more (passes), and symmetries that the layout\n"
        "does not hold (besides).  Then the layout, in the short notation.",
    .example = "symo symmetries --net 20-64-5 --act relu --scaling 1 --out layout.json\n"
               "symo symmetries --graph experiments/examples/graph-gpt-block.json",
    .options = options,
    .json = true,
    .run = run};
