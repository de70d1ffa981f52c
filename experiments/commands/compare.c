/* symo compare: the command. */
#include "cli/folder.h"
#include "experiments/compare/given.h"
#include "experiments/compare/sweep.h"
#include "experiments/models/network_data.h"
#include "experiments/models/network_options.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "io/file.h"

static const cli_option options[] = {
    NETWORK_ROWS,
    {.name = "hessian",
     .kind = CLI_STRING,
     .arg = "FILE",
     .help = "Compare with this Hessian (.npy, over all parameters in layout order), computed "
             "elsewhere, instead of a network's; needs --grad and --layout"},
    {.name = "grad",
     .kind = CLI_STRING,
     .arg = "FILE",
     .help = "With --hessian: the gradient at the same weights (safetensors)"},
    {.name = "layout",
     .kind = CLI_STRING,
     .arg = "FILE|TEXT",
     .help = "With --hessian: spaces, groups and tensors, a JSON file or the short notation"},
    {.name = "param",
     .kind = CLI_STRING,
     .arg = "FILE",
     .help = "With --hessian: the weights themselves, for h-pd and h-star (safetensors)"},
    NETWORK_SEED_ROW("Seed of weights, generated data and sampled labels"),
    {.name = "seeds",
     .kind = CLI_INT,
     .arg = "N",
     .min = 1,
     .max = 64,
     .fallback = "1",
     .help = "Repeat with the seeds S, S+1, and so on"},
    NETWORK_GROUPS_ROW,
    {.name = "damping",
     .kind = CLI_DOUBLE,
     .arg = "D",
     .min = 0,
     .max = 1e30,
     .fallback = "0",
     .help = "Added to the averaged parameter covariance (h-pd, h-star)"},
    {.name = "centered",
     .kind = CLI_FLAG,
     .help =
         "Leave label 0, the part that the group does not move, out of the estimates; default: if "
         "it has more than a tenth of the gradient's square and less than half of the parameters"},
    {.name = "uncentered", .kind = CLI_FLAG, .help = "Keep label 0 in the estimates"},
    {.name = "samples",
     .kind = CLI_INT,
     .arg = "N",
     .min = 1,
     .max = 1e6,
     .fallback = "1",
     .help = "Label draws per example for K-FAC"},
    PRODUCTS_ROWS("h-lr", "Leading pairs that h-lr keeps, and h-lr-all beside it all of them"),
    CURVATURE_PRIOR_ROWS,
    {.name = "ggn",
     .kind = CLI_FLAG,
     .help = "Add the exact Gauss-Newton and empirical Fisher matrices (two more dense "
             "eigendecompositions)"},
    {.name = "sweep",
     .kind = CLI_CHOICE,
     .arg = "WHAT",
     .choices = "{sweeps}",
     .help = "Repeat the comparison at several values of one setting"},
    {.name = "sweep-values",
     .kind = CLI_STRING,
     .arg = "A,B,...",
     .help = "The values of the sweep, instead of the default ones"},
    NETWORK_DTYPE_ROW,
    {.name = "out",
     .kind = CLI_STRING,
     .arg = "DIR",
     .help = "Folder for all output; default: symo-results/NAME, where NAME comes from the data"},
    {.name = "save-all",
     .kind = CLI_FLAG,
     .help = "Also write every estimate as a dense matrix, <name>.npy, and h-lr.safetensors"},
    {.name = "no-plots", .kind = CLI_FLAG, .help = "Draw no pictures"},
    {.name = NULL}};

/* ---- reading the options ---- */

/* What the estimates are to be, whatever they are compared with. */
static int read_estimates(cli *c, compare_spec *spec) {
  spec->damping = cli_double(c, "damping");
  if (cli_flag(c, "centered") && cli_flag(c, "uncentered"))
    return cli_fail(c, CLI_USAGE, "--uncentered: means nothing with --centered (leave one out)");
  spec->center = cli_flag(c, "centered")     ? COMPARE_CENTER_YES
                 : cli_flag(c, "uncentered") ? COMPARE_CENTER_NO
                                             : COMPARE_CENTER_AUTO;
  int code = curvature_prior_read(c, &spec->prior, &spec->prior_strength);
  if (code != CLI_DONE) return code;
  return products_read(c, &spec->products, &spec->rank, &spec->probes);
}

static int read_spec(cli *c, compare_spec *spec) {
  int code = network_spec_read(c, &spec->network);
  if (code == CLI_DONE) code = read_estimates(c, spec);
  spec->samples = (size_t)cli_int(c, "samples");
  spec->ggn = cli_flag(c, "ggn");
  return code;
}

/* symo-results/NAME, NAME being the last part of the data's path without its ending. */
static char *default_directory(const char *data) {
  char name[128];
  size_t length = strlen(data);
  while (length > 1 && data[length - 1] == '/') length--;
  size_t first = length;
  while (first > 0 && data[first - 1] != '/') first--;
  size_t n = strcspn(data + first, ".");
  if (n > length - first) n = length - first;
  (void)snprintf(name, sizeof name, "%.*s", (int)(n < 100 ? n : 100), data + first);
  return cli_join("symo-results", name[0] ? name : "compare");
}

/* ---- the work ---- */

typedef struct job {
  compare_spec spec;
  symo_data_kept kept;
  char *directory, *plots; /* plots NULL: no pictures */
  size_t seeds;
  compare_run *runs; /* [seeds] */
  size_t made;
  const compare_sweep_kind *kind;
  compare_sweep sweep;
  cli_folder lock;
} job;

/* Of several processes the first alone has the folder. */
static bool is_first(const cli *c) { return symo_comm_rank(cli_ranks(c)) == 0; }

static int prepare(cli *c, job *j) {
  int code = read_spec(c, &j->spec);
  if (code != CLI_DONE) return code;
  j->spec.network.kept = &j->kept;
  const char *sweep = cli_str(c, "sweep"), *out = cli_str(c, "out");
  if (sweep != NULL) j->kind = compare_sweep_find(sweep);
  if (sweep == NULL && cli_given(c, "sweep-values"))
    return cli_fail(c, CLI_USAGE, "--sweep-values: there is no sweep (give --sweep WHAT too)");
  if (sweep != NULL && j->spec.network.weights != NULL && !j->kind->keeps_weights)
    return cli_fail(c, CLI_USAGE,
                    "--sweep: with --weights only groups and activation (leave "
                    "--weights out)");
  j->seeds = (size_t)cli_int(c, "seeds");
  if ((j->seeds > 1 || sweep != NULL) && symo_file_is_stream(j->spec.network.groups))
    return cli_fail(c, CLI_IO,
                    "--groups: %s is a pipe or a device, and each run reads it (put it into "
                    "a file)",
                    j->spec.network.groups);
  j->runs = symo_calloc(j->seeds, sizeof *j->runs);
  j->directory = out != NULL ? symo_strdup(out) : default_directory(j->spec.network.data);
  if (j->runs == NULL || j->directory == NULL) return cli_fail_memory(c);
  if (!is_first(c)) return CLI_DONE;
  code = cli_make_directory(c, j->directory);
  if (code == CLI_DONE) code = cli_folder_lock(c, j->directory, &j->lock);
  if (code == CLI_DONE) code = cli_record(c, j->directory, false, symo_get_threads());
  if (code != CLI_DONE || cli_flag(c, "no-plots")) return code;
  j->plots = cli_join(j->directory, "plots");
  if (j->plots == NULL) return cli_fail_memory(c);
  return cli_make_directory(c, j->plots);
}

/* Notes about options that have no effect here. */
static void note_unused(cli *c, const job *j) {
  const network_point *s = &j->runs[0].setup;
  network_data_note(c, s);
  if (cli_given(c, "target-scale") && s->classes)
    cli_note(c, "--target-scale is for targets that are numbers, and these are classes: no effect");
  if (cli_given(c, "train-lr") && s->spec.train_steps == 0 && j->kind == NULL)
    cli_note(c, "--train-lr without --train-steps: no effect");
}

/* The first run is one of all processes; of the others, each has some. */
static int compute(cli *c, job *j) {
  int code = CLI_DONE;
  for (size_t k = 0; k < j->seeds; k++) {
    compare_spec spec = j->spec;
    spec.network.seed += k;
    compare_want want = {.pictures = k == 0 && j->plots != NULL,
                         .save =
                             k == 0 && cli_flag(c, "save-all") && is_first(c) ? j->directory : NULL,
                         .owner = k == 0 ? COMPARE_ALL : compare_run_owner(c, k - 1, j->seeds - 1)};
    if (want.owner == COMPARE_ALL) code = symo_comm_agree(cli_ranks(c), code);
    if (code != CLI_DONE) continue;
    j->made = k + 1;
    code = compare_run_make(c, &spec, &want, &j->runs[k]);
    if (code == CLI_DONE && k == 0 && is_first(c))
      code = compare_write_arrays(c, j->directory, &j->runs[0]);
    if (code != CLI_DONE) continue;
    if (k == 0) note_unused(c, j);
    compare_run_trim(&j->runs[k]);
  }
  code = compare_runs_share(c, code, j->runs + 1, j->seeds - 1);
  if (j->kind == NULL || code != CLI_DONE) return code;
  /* The first run has chosen from the data what the command line left open. */
  compare_spec base = j->spec;
  base.network.net = j->runs[0].setup.spec.net;
  return compare_sweep_make(c, &base, j->kind, cli_str(c, "sweep-values"), j->seeds, &j->sweep);
}

static int draw(cli *c, job *j) {
  static const char *const plain[] = {"matrices", "spectra", "cosines", NULL};
  static const char *const swept[] = {"matrices", "spectra", "cosines", "sweep", NULL};
  static const char *const costs[] = {"matrices", "spectra", "cosines", "sweep", "cost", NULL};
  if (j->plots == NULL) return CLI_DONE;
  int code = compare_plot_matrices(c, j->plots, j->runs);
  if (code == CLI_DONE) code = compare_plot_spectra(c, j->plots, j->runs);
  if (code == CLI_DONE) code = compare_plot_cosines(c, j->plots, j->runs, j->seeds);
  if (code == CLI_DONE && j->kind != NULL) code = compare_plot_sweep(c, j->plots, &j->sweep);
  bool cost = j->kind != NULL && j->kind->costs;
  if (code == CLI_DONE && cost) code = compare_plot_cost(c, j->plots, &j->sweep);
  if (code != CLI_DONE) return code;
  return plot_draw(c, j->directory, j->plots, cost ? costs : j->kind != NULL ? swept : plain);
}

static json_t *answer(cli *c, const job *j) {
  json_t *out = compare_json(c, j->runs, j->seeds);
  if (j->kind != NULL) cli_set(c, out, "sweep", compare_sweep_json(c, &j->sweep));
  return out;
}

static int report(cli *c, job *j) {
  if (!is_first(c)) return CLI_DONE;
  char *path = cli_join(j->directory, "results.json");
  if (path == NULL) return cli_fail_memory(c);
  int code = cli_write_json(c, path, answer(c, j));
  symo_free(path);
  if (code == CLI_DONE) code = draw(c, j);
  if (code != CLI_DONE) return code;
  cli_progress_end(c);
  if (cli_json(c)) return cli_print_json(c, answer(c, j));
  compare_print_header(j->runs, j->seeds);
  compare_print_table(j->runs, j->seeds);
  if (j->kind != NULL) compare_sweep_print(&j->sweep);
  printf("\nwritten to %s: results.json, arrays%s\n", j->directory,
         j->plots != NULL ? ", pictures" : "");
  return CLI_DONE;
}

/* ---- a Hessian from elsewhere ---- */

/* Options that ask a network for something. */
static int check_given(cli *c) {
  static const char *const needed[] = {"grad", "layout"};
  static const char *const network[] = {
      "net",          "act",         "loss",     "no-bias",     "data",     "label",
      "header",       "task",        "weights",  "standardize", "examples", "groups",
      "target-scale", "init-scale",  "dtype",    "seeds",       "sweep",    "samples",
      "ggn",          "train-steps", "train-lr", "sweep-values"};
  const bool given = cli_str(c, "hessian") != NULL;
  for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
    if (given && cli_str(c, needed[i]) == NULL)
      return cli_fail(c, CLI_USAGE, "--%s: is missing (give the file that goes with --hessian)",
                      needed[i]);
    if (!given && cli_given(c, needed[i]))
      return cli_fail(c, CLI_USAGE, "--%s: means nothing without --hessian (give that too)",
                      needed[i]);
  }
  if (!given && cli_given(c, "param"))
    return cli_fail(c, CLI_USAGE, "--param: means nothing without --hessian (give that too)");
  if (given && strcmp(cli_str(c, "prior"), "kfac") == 0)
    return cli_fail(c, CLI_USAGE,
                    "--prior: kfac needs a network, and --hessian has none (give "
                    "zero, identity, gradient or none)");
  for (size_t i = 0; given && i < sizeof network / sizeof *network; i++)
    if (cli_given(c, network[i]))
      return cli_fail(c, CLI_USAGE, "--%s: means nothing with --hessian (leave one out)",
                      network[i]);
  return CLI_DONE;
}

static int run_given(cli *c) {
  compare_spec spec = {.network = {.seed = (uint64_t)cli_int(c, "seed")}};
  const char *out = cli_str(c, "out");
  cli_folder lock = {0};
  compare_run made = {0};
  char *directory = out != NULL ? symo_strdup(out) : default_directory(cli_str(c, "hessian"));
  if (directory == NULL) return cli_fail_memory(c);
  int code = read_estimates(c, &spec);
  if (code == CLI_DONE) code = cli_make_directory(c, directory);
  if (code == CLI_DONE) code = cli_folder_lock(c, directory, &lock);
  const compare_want want = {.save = cli_flag(c, "save-all") ? directory : NULL};
  if (code == CLI_DONE) code = compare_given_make(c, &spec, &want, &made);
  char *path = code == CLI_DONE ? cli_join(directory, "results.json") : NULL;
  if (code == CLI_DONE && path == NULL) code = cli_fail_memory(c);
  if (code == CLI_DONE) code = cli_write_json(c, path, compare_given_json(c, &made));
  cli_progress_end(c);
  if (code == CLI_DONE && cli_json(c)) {
    code = cli_print_json(c, compare_given_json(c, &made));
  } else if (code == CLI_DONE) {
    compare_given_print_header(c, &made);
    compare_print_table(&made, 1);
    printf("\nwritten to %s: results.json\n", directory);
  }
  symo_free(path);
  compare_run_destroy(&made);
  cli_folder_unlock(&lock);
  symo_free(directory);
  return code;
}

static int run(cli *c) {
  int checked = check_given(c);
  if (checked != CLI_DONE) return checked;
  if (cli_str(c, "hessian") != NULL && cli_ranks(c) != NULL)
    return cli_fail(c, CLI_USAGE,
                    "--hessian: works in one process, not in %d (start it without mpirun)",
                    symo_comm_size(cli_ranks(c)));
  if (cli_str(c, "hessian") != NULL) return run_given(c);
  job j = {0};
  int code = symo_comm_agree(cli_ranks(c), prepare(c, &j));
  if (code == CLI_DONE) code = compute(c, &j);
  if (code == CLI_DONE) code = report(c, &j);
  compare_sweep_destroy(&j.sweep);
  for (size_t k = 0; k < j.made; k++) compare_run_destroy(&j.runs[k]);
  symo_data_kept_drop(&j.kept);
  cli_folder_unlock(&j.lock);
  symo_free(j.runs);
  symo_free(j.directory);
  symo_free(j.plots);
  return code;
}

static void list(const char *what, char *out, size_t size) {
  const compare_sweep_kind *kind;
  size_t used = 0;
  (void)what; /* "sweeps": there are no others */
  for (size_t i = 0; (kind = compare_sweep_at(i)) != NULL && used < size; i++)
    used += (size_t)snprintf(out + used, size - used, "%s%s", i > 0 ? "|" : "", kind->name);
}

const cli_command cli_command_compare = {
    .name = "compare",
    .summary = "approximations of the Hessian against the exact one, on a network",
    .description =
        "Computes the exact Hessian of a network at its parameters theta and at the\n"
        "orbit mean theta*, every structured estimate from ONE gradient, those from\n"
        "products with the Hessian (h-lr: low rank plus symmetry), and what others\n"
        "use (Shampoo, K-FAC, Fisher diagonal, identity); says how near each comes\n"
        "to |H|, the Hessian with absolute eigenvalues.  Writes results.json,\n"
        "arrays and pictures.\n"
        "\n"
        "K-FAC treats the positions of a convolution, or the steps of a recurrent layer,\n"
        "as independent (expand form); for norms it takes the diagonal of the Fisher.\n"
        "Shampoo has one factor for each axis of a tensor of order k, to the power 1/k\n"
        "(root: 1/(2k)); weights of dense layers count as matrices.  A sweep over groups\n"
        "also shows the cost of each estimate: numbers to keep, and seconds.\n"
        "\n"
        "With --hessian, --grad and --layout it judges the estimates against a Hessian\n"
        "computed elsewhere; rows and figures that need a network are left out, and no\n"
        "pictures are drawn.\n"
        "\n"
        "Under mpirun (make MPI=1) the processes share the directions of exact Hessians,\n"
        "and of the runs of --seeds and --sweep each takes some.",
    .example = "symo compare --data digits --net 64-32-10 --act tanh --seeds 3\n"
               "symo compare --data teacher --net 3-64-2 --sweep scale --seeds 3 --out out\n"
               "symo compare --data digits --net rnn:8-16-10 --examples 300\n"
               "symo compare --hessian H.npy --grad g.safetensors --layout net.json\n"
               "symo compare --data teacher --net 10-16-5 --act relu --sweep groups \\\n"
               "  --sweep-values 'permutation,scaling(1, permute),wreath(4, permutation 4)'",
    .list = list,
    .options = options,
    .json = true,
    .ranks = true,
    .run = run};
