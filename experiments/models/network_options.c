/* From the options that networks take to a spec. */
#include "experiments/models/network_options.h"

#include <string.h>

#include "experiments/models/network_data.h"
#include "experiments/models/network_weights.h"

/* A file that says the point leaves nothing to draw or train. */
static int check_weights(cli *c) {
  static const char *const others[] = {"init-scale", "train-steps", "train-lr"};
  for (size_t i = 0; cli_given(c, "weights") && i < sizeof others / sizeof *others; i++)
    if (cli_given(c, others[i]))
      return cli_fail(c, CLI_USAGE, "--%s: means nothing with --weights (leave one out)",
                      others[i]);
  return CLI_DONE;
}

static int read_net(cli *c, network_spec *spec) {
  const char *loss = cli_str(c, "loss"), *net = cli_str(c, "net");
  bool teacher = network_data_is_teacher(spec->data);
  bool found = false;
  if (net == NULL && spec->weights != NULL) {
    int code = network_weights_has_gpt(c, spec->weights, &found);
    if (code != CLI_DONE) return code;
    /* What is about to be read says all of this. */
    if (found) net = "gpt:t1-c1-h1-l1";
  }
  if (net == NULL && strcmp(spec->data, "digits") == 0) net = "64-32-10";
  if (net == NULL && strcmp(spec->data, "teacher") == 0) net = "3-64-2";
  if (net != NULL) {
    symo_status status = symo_net_parse(cli_context(c), net, &spec->net);
    if (status != SYMO_OK) return cli_fail_flag(c, status, "net");
  } else {
    spec->net.num_layers = 0;
  }
  const bool tokens = symo_net_reads_tokens(&spec->net);
  const char *act = tokens && !cli_given(c, "act") ? "gelu" : cli_str(c, "act");
  if (tokens && loss != NULL)
    return cli_fail(c, CLI_USAGE, "--loss: a transformer has that of tokens (leave it out)");
  spec->any_loss = loss == NULL && !tokens && (!teacher || spec->task == SYMO_DATA_CLASSES);
  if (loss != NULL && strcmp(loss, "cross-entropy") == 0 && spec->task == SYMO_DATA_REGRESSION)
    return cli_fail(c, CLI_USAGE,
                    "--loss: cross-entropy is of classes, not of --task regression "
                    "(leave one out)");
  if (loss == NULL) loss = tokens ? "tokens" : teacher ? "mse" : "cross-entropy";
  if (!symo_loss_find(loss, &spec->net.loss) || !symo_activation_find(act, &spec->net.activation))
    return cli_fail(c, CLI_USAGE, "--loss, --act: unknown loss or activation (--help lists them)");
  spec->net.bias = !cli_flag(c, "no-bias");
  spec->net.dtype = strcmp(cli_str(c, "dtype"), "f32") == 0 ? SYMO_F32 : SYMO_F64;
  return tokens && spec->weights != NULL ? network_weights_fit(c, !found, spec) : CLI_DONE;
}

int network_spec_read(cli *c, network_spec *spec) {
  *spec = (network_spec){.net = symo_net_spec_default(),
                         .data = cli_str(c, "data"),
                         .label = cli_str(c, "label"),
                         .standardize = cli_flag(c, "standardize"),
                         .target_scale = cli_double(c, "target-scale"),
                         .groups = cli_str(c, "groups"),
                         .examples = (size_t)cli_int(c, "examples"),
                         .weights = cli_str(c, "weights"),
                         .init_scale = cli_double(c, "init-scale"),
                         .train_steps = (size_t)cli_int(c, "train-steps"),
                         .train_lr = cli_double(c, "train-lr"),
                         .seed = (uint64_t)cli_int(c, "seed")};
  int code = check_weights(c);
  (void)symo_data_task_find(cli_str(c, "task"), &spec->task);
  (void)symo_data_header_find(cli_str(c, "header"), &spec->header);
  return code == CLI_DONE ? read_net(c, spec) : code;
}
