/* From the options that networks take to a spec. */
#include "experiments/compare/options.h"

#include <string.h>

#include "experiments/compare/source.h"

static int read_net(cli *c, compare_spec *spec) {
  const char *loss = cli_str(c, "loss"), *net = cli_str(c, "net");
  bool teacher = compare_is_teacher(spec->data);
  if (net == NULL && strcmp(spec->data, "digits") == 0) net = "64-32-10";
  if (net == NULL && strcmp(spec->data, "teacher") == 0) net = "3-64-2";
  if (net != NULL) {
    symo_status status = symo_net_parse(cli_context(c), net, &spec->net);
    if (status != SYMO_OK) return cli_fail_flag(c, status, "net");
  } else {
    spec->net.num_layers = 0;
  }
  const bool tokens = compare_reads_tokens(&spec->net);
  const char *act = tokens && !cli_given(c, "act") ? "gelu" : cli_str(c, "act");
  if (tokens && loss != NULL)
    return cli_fail(c, CLI_USAGE, "--loss: a transformer has that of tokens (leave it out)");
  spec->any_loss = loss == NULL && !teacher && !tokens;
  if (loss == NULL) loss = tokens ? "tokens" : teacher ? "mse" : "cross-entropy";
  if (!symo_loss_find(loss, &spec->net.loss) || !symo_activation_find(act, &spec->net.activation))
    return cli_fail(c, CLI_USAGE, "--loss, --act: unknown loss or activation (--help lists them)");
  spec->net.bias = !cli_flag(c, "no-bias");
  spec->net.dtype = strcmp(cli_str(c, "dtype"), "f32") == 0 ? SYMO_F32 : SYMO_F64;
  return CLI_DONE;
}

int compare_read_network(cli *c, compare_spec *spec) {
  *spec = (compare_spec){.net = symo_net_spec_default(),
                         .data = cli_str(c, "data"),
                         .label = cli_str(c, "label"),
                         .standardize = cli_flag(c, "standardize"),
                         .target_scale = cli_double(c, "target-scale"),
                         .groups = cli_str(c, "groups"),
                         .examples = (size_t)cli_int(c, "examples"),
                         .init_scale = cli_double(c, "init-scale"),
                         .train_steps = (size_t)cli_int(c, "train-steps"),
                         .train_lr = cli_double(c, "train-lr"),
                         .seed = (uint64_t)cli_int(c, "seed")};
  return read_net(c, spec);
}
