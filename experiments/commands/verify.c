/* symo verify: the command, and which of its two questions is asked. */
#include "experiments/commands/verify.h"

#include "experiments/commands/commands.h"
#include "experiments/models/network_options.h"

#include <string.h>

static const cli_option options[] = {
    {.name = "layout",
     .arg = "FILE|TEXT",
     .kind = CLI_STRING,
     .help = "Check the closed forms of this layout: a JSON file, or the short notation \"in: "
             "identity 20; h: signed-permutation 64; w[h,in] b[h]\""},
    NETWORK_ROWS,
    NETWORK_GROUPS_ROW,
    NETWORK_DTYPE_ROW,
    {.name = "tolerance",
     .kind = CLI_DOUBLE,
     .arg = "T",
     .min = 0,
     .max = 1e30,
     .help =
         "With a network: pass if no defect is above T; default: pass only if the group is exact"},
    {.name = "samples",
     .arg = "N",
     .kind = CLI_INT,
     .min = 1,
     .max = 1e9,
     .help = "Number of group elements to draw; default: 2000 for a layout (at least 200), 8 for "
             "each space of a network"},
    {.name = "seed",
     .arg = "S",
     .kind = CLI_INT,
     .min = 0,
     .max = 9007199254740992.0,
     .fallback = "1",
     .help = "Seed of everything that is drawn"},
    {.name = NULL}};

size_t verify_samples(const cli *c, size_t otherwise) {
  return cli_given(c, "samples") ? (size_t)cli_int(c, "samples") : otherwise;
}

/* An option that is for networks only, and was given; NULL if there is none. */
static const char *for_networks(const cli *c) {
  for (const cli_option *o = options; o->name != NULL; o++) {
    bool both = strcmp(o->name, "layout") == 0 || strcmp(o->name, "samples") == 0 ||
                strcmp(o->name, "seed") == 0;
    if (!both && cli_given(c, o->name)) return o->name;
  }
  return NULL;
}

static int run(cli *c) {
  const char *other = for_networks(c);
  if (cli_given(c, "layout")) {
    if (other != NULL)
      return cli_fail(c, CLI_USAGE,
                      "--%s: means nothing with --layout (for a network with a layout: --net and "
                      "--groups)",
                      other);
    size_t samples = verify_samples(c, VERIFY_LAYOUT_SAMPLES);
    if (samples < VERIFY_LAYOUT_LEAST)
      return cli_fail(c, CLI_USAGE, "--samples: %zu is out of range (with --layout: at least %d)",
                      samples, VERIFY_LAYOUT_LEAST);
    return verify_layout(c);
  }
  if (!cli_given(c, "net") && !cli_given(c, "data") && !cli_given(c, "weights"))
    return cli_fail(c, CLI_USAGE,
                    "symo verify: there is nothing to verify (give --layout, or --net and --data)");
  return verify_net(c);
}

const cli_command cli_command_verify = {
    .name = "verify",
    .summary = "closed forms against sampling; is a group a symmetry of a network?",
    .description =
        "With --layout: draws elements of the layout's group, applies them to fixed random\n"
        "vectors, and compares the averages with the closed forms: each pair of tensors\n"
        "through random bilinear probes and, for few parameters, every entry.  Deviations\n"
        "are in standard errors.  The bound for all entries together is wider, so that a\n"
        "false alarm is as unlikely as with a single entry.  Scaling with a window above 4\n"
        "has heavy tails: 2000 samples can be too few for it, 50000 are enough.\n"
        "\n"
        "With --net or --data (options as for symo compare): draws elements of the group,\n"
        "first of one space at a time, then of all spaces together, and compares loss and\n"
        "gradient at the moved weights with what a symmetry predicts.  The relative\n"
        "difference is the defect.  A group is exact up to a defect of 1e-9 (f64) or 1e-4\n"
        "(f32), approximate up to 0.3, and wrong above.  If there is no defect, the test is\n"
        "repeated at larger random weights: a defect there means that these weights cannot\n"
        "tell (they may be too small for the number type).  The defect of a tensor is that\n"
        "of its part of the gradient.  For transformers, auto moves the heads of all\n"
        "tensors together, by the same rotation in each head.",
    .example = "symo verify --layout net.json --samples 5000 --seed 3\n"
               "symo verify --data teacher --net 3-16-2 --act relu --groups signed-permutation\n"
               "symo verify --weights checkpoint.safetensors --data text.txt --examples 64 \\\n"
               "  --groups 'heads=permutation; embd=orthogonal'",
    .no = "a closed form is off by more than 5 standard errors; a group is no exact symmetry, or\n"
          "     these weights cannot tell",
    .options = options,
    .json = true,
    .run = run};
