/* symo spectrum: how the curvature of a network is spread. */
#include "experiments/commands/spectrum_subject.h"
#include "experiments/models/network_options.h"
#include "experiments/plot/plot.h"
#include "experiments/spectrum/density.h"

#include <stdio.h>
#include <string.h>

#include "core/alloc.h"

static const cli_option options[] = {
    INQUIRY_ROWS,
    NETWORK_SEED_ROW("Seed of weights, generated data, sampled labels and resampled points"),
    {.name = "matrix",
     .kind = CLI_CHOICE,
     .arg = "WHICH",
     .choices = "hessian|ggn|fisher",
     .fallback = "hessian",
     .help = "Whose spectrum: the Hessian's, the Gauss-Newton matrix's or the empirical Fisher "
             "matrix's"},
    {.name = "eigenpairs",
     .kind = CLI_INT,
     .arg = "N",
     .min = 0,
     .max = 1e4,
     .fallback = "10",
     .help = "Leading ones, by absolute value"},
    {.name = "probes",
     .kind = CLI_INT,
     .arg = "N",
     .min = 2,
     .max = 1e6,
     .fallback = "8",
     .help = "Random vectors for traces and density"},
    {.name = "steps",
     .kind = CLI_INT,
     .arg = "N",
     .min = 1,
     .max = 1e4,
     .fallback = "30",
     .help = "Lanczos iterations from each of them: products, and nodes of the density"},
    {.name = "exponents",
     .kind = CLI_FLAG,
     .help = "Instead, per matrix: how curvature along the singular directions of the gradient "
             "follows the "
             "singular values"},
    {.name = "range",
     .kind = CLI_DOUBLE,
     .arg = "R",
     .min = 1e-12,
     .max = 1,
     .fallback = "0.001",
     .help = "exponents: directions count as long as their singular value is R of the largest"},
    {.name = "directions",
     .kind = CLI_INT,
     .arg = "N",
     .min = 0,
     .max = 1e6,
     .fallback = "48",
     .help = "exponents: measured per matrix at most, even in log k where there are more; 0: all"},
    {.name = "eigenvalues",
     .kind = CLI_INT,
     .arg = "N",
     .min = 0,
     .max = 1e4,
     .fallback = "10",
     .help = "exponents: of each matrix's own block of the Hessian, the largest by absolute value; "
             "0: none"},
    {.name = "samples",
     .kind = CLI_INT,
     .arg = "N",
     .min = 1,
     .max = 1e6,
     .fallback = "1",
     .help = "exponents: label draws per example for the Kronecker factors"},
    {.name = "resamples",
     .kind = CLI_INT,
     .arg = "N",
     .min = 0,
     .max = 1e6,
     .fallback = "200",
     .help = "exponents: resampled fits for the 95 % intervals; 0: none"},
    {.name = "rules",
     .arg = "FILE",
     .kind = CLI_STRING,
     .help = "exponents: also write an optimizer here, spectral-newton with the measured exponent "
             "for each matrix, as symo train --optimizer takes it"},
    NETWORK_DTYPE_ROW,
    {.name = "out",
     .kind = CLI_STRING,
     .arg = "DIR",
     .fallback = "symo-spectrum",
     .help = "Folder for spectrum.json or exponents.json, and pictures"},
    {.name = "no-plots", .kind = CLI_FLAG, .help = "Draw no pictures"},
    {.name = NULL}};

/* ---- options ---- */

/* Options of the one question mean nothing to the other. */
static int check_options(cli *c) {
  static const char *const of_exponents[] = {"range",   "directions", "eigenvalues",
                                             "samples", "resamples",  NULL};
  static const char *const of_spectra[] = {"matrix", "eigenpairs", "probes", "steps", NULL};
  const bool exponents = cli_flag(c, "exponents");
  const char *const *others = exponents ? of_spectra : of_exponents;
  for (size_t i = 0; others[i] != NULL; i++)
    if (cli_given(c, others[i]))
      return cli_fail(c, CLI_USAGE, "--%s: means nothing with%s --exponents (leave it out)",
                      others[i], exponents ? "" : "out");
  return CLI_DONE;
}

/* ---- answers ---- */

/* What is in `found` behind what the answer has already; found is taken over. */
static void join(cli *c, json_t *answer, json_t *found) {
  const char *key;
  json_t *value;
  json_object_foreach(found, key, value) cli_set(c, answer, key, json_incref(value));
  json_decref(found);
}

static int write_answer(cli *c, const inquiry *q, const char *name, json_t *answer) {
  char *path = cli_join(q->directory, name);
  if (path == NULL) {
    json_decref(answer);
    return cli_fail_memory(c);
  }
  int code = cli_write_json(c, path, answer);
  symo_free(path);
  return code;
}

static json_t *exponents_answer(cli *c, const inquiry *q, const spectrum_options *o,
                                const spectrum_exponents *e) {
  json_t *answer = json_object();
  inquiry_set_json(c, answer, q);
  cli_set(c, answer, "least_singular_value", cli_number(o->range));
  cli_set(c, answer, "directions", json_integer((json_int_t)o->directions));
  join(c, answer, spectrum_exponents_json(c, e));
  return answer;
}

static int report_exponents(cli *c, const inquiry *q, const spectrum_options *o,
                            const spectrum_exponents *e) {
  static const char *const pictures[] = {"alignment", "decay", NULL};
  int code = write_answer(c, q, "exponents.json", exponents_answer(c, q, o, e));
  if (code == CLI_DONE && q->plots != NULL) code = spectrum_exponents_plot(c, q->plots, e);
  if (code == CLI_DONE && q->plots != NULL) code = plot_draw(c, q->directory, q->plots, pictures);
  if (code == CLI_DONE && q->rules != NULL)
    code = cli_write_json(c, q->rules, spectrum_rules_json(c, e));
  if (code != CLI_DONE) return code;
  cli_progress_end(c);
  if (cli_json(c)) return cli_print_json(c, exponents_answer(c, q, o, e));
  inquiry_print(q);
  printf("point    loss %.6g, |gradient| %.3g\n", e->loss, e->gradient);
  printf("range    directions with singular values of %g of the largest and more, at most %zu\n"
         "         measured a matrix\n\n",
         o->range, o->directions);
  spectrum_exponents_print(e);
  printf("\nwritten to %s: exponents.json%s\n", cli_str(c, "out"),
         q->plots != NULL ? ", alignment and decay as pictures" : "");
  if (q->rules != NULL)
    printf("written to %s: an optimizer with these exponents\n", cli_str(c, "rules"));
  return CLI_DONE;
}

static int measure_exponents(cli *c, inquiry *q) {
  spectrum_options o = spectrum_options_default();
  spectrum_exponents e = {0};
  o.range = cli_double(c, "range");
  o.directions = (size_t)cli_int(c, "directions");
  o.eigenvalues = (size_t)cli_int(c, "eigenvalues");
  o.samples = (size_t)cli_int(c, "samples");
  o.resamples = (size_t)cli_int(c, "resamples");
  o.seed = (uint64_t)cli_int(c, "seed");
  symo_status status = spectrum_exponents_measure(&q->subject, &o, &e);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  int code = report_exponents(c, q, &o, &e);
  spectrum_exponents_drop(&e);
  return code;
}

static const char *const matrices[] = {"Hessian", "Gauss-Newton", "empirical Fisher"};

static symo_problem_matrix matrix_of(cli *c) {
  const char *name = cli_str(c, "matrix");
  return strcmp(name, "ggn") == 0      ? SYMO_MATRIX_GGN
         : strcmp(name, "fisher") == 0 ? SYMO_MATRIX_FISHER
                                       : SYMO_MATRIX_HESSIAN;
}

static json_t *density_answer(cli *c, const inquiry *q, const spectrum_density *d) {
  json_t *answer = json_object();
  inquiry_set_json(c, answer, q);
  cli_set(c, answer, "matrix", json_string(cli_str(c, "matrix")));
  join(c, answer, spectrum_density_json(c, d));
  return answer;
}

static int report_density(cli *c, const inquiry *q, const spectrum_density *d) {
  static const char *const pictures[] = {"density", "tensors", NULL};
  if (symo_comm_rank(cli_ranks(c)) > 0) return CLI_DONE; /* the first has the folder */
  int code = write_answer(c, q, "spectrum.json", density_answer(c, q, d));
  if (code == CLI_DONE && q->plots != NULL) code = spectrum_density_plot(c, q->plots, d);
  if (code == CLI_DONE && q->plots != NULL) code = plot_draw(c, q->directory, q->plots, pictures);
  if (code != CLI_DONE) return code;
  cli_progress_end(c);
  if (cli_json(c)) return cli_print_json(c, density_answer(c, q, d));
  inquiry_print(q);
  printf("point    loss %.6g, |gradient| %.3g\nmatrix   %s, %zu products\n", d->loss, d->gradient,
         matrices[matrix_of(c)], d->products);
  spectrum_density_print(d);
  printf("\nwritten to %s: spectrum.json%s\n", cli_str(c, "out"),
         q->plots != NULL ? ", density and tensors as pictures" : "");
  return CLI_DONE;
}

static int measure_density(cli *c, inquiry *q) {
  spectrum_density_options o = spectrum_density_options_default();
  spectrum_density d = {0};
  o.matrix = matrix_of(c);
  o.count = (size_t)cli_int(c, "eigenpairs");
  o.probes = (size_t)cli_int(c, "probes");
  o.steps = (size_t)cli_int(c, "steps");
  o.seed = (uint64_t)cli_int(c, "seed");
  symo_net_set_comm(q->subject.net,
                    cli_ranks(c)); /* products, gradient: a part of the examples each */
  symo_status status = spectrum_density_measure(&q->subject, &o, &d);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  int code = report_density(c, q, &d);
  spectrum_density_drop(&d);
  return code;
}

static int run(cli *c) {
  int code = check_options(c);
  if (code != CLI_DONE) return code;
  if (cli_flag(c, "exponents") && cli_ranks(c) != NULL)
    return cli_fail(c, CLI_USAGE,
                    "--exponents: works in one process, not in %d (start it without mpirun)",
                    symo_comm_size(cli_ranks(c)));
  inquiry *q = symo_calloc(1, sizeof *q);
  if (q == NULL) return cli_fail_memory(c);
  code = inquiry_open(c, q, INQUIRY_RULES | INQUIRY_PLOTS);
  if (code == CLI_DONE)
    code = cli_flag(c, "exponents") ? measure_exponents(c, q) : measure_density(c, q);
  inquiry_close(q);
  symo_free(q);
  return code;
}

const cli_command cli_command_spectrum = {
    .name = "spectrum",
    .summary = "how the curvature of a network is spread over directions",
    .description =
        "Leading eigenpairs of the Hessian (or the Gauss-Newton or the empirical Fisher\n"
        "matrix, the mean of g g' over the examples) by Lanczos\n"
        "iterations, and of what tensors they are; from random probes the trace of every\n"
        "tensor's block and, by quadrature, the density of all eigenvalues and their\n"
        "participation ratio, (sum |lambda|)^2 / sum lambda^2.  Errors are those of the\n"
        "mean over probes.  Writes spectrum.json and pictures.\n"
        "\n"
        "With --exponents: writes the gradient of every matrix (a convolution as outputs\n"
        "x inputs and kernel) as sum_k sigma_k u_k v_k' and takes the curvature h_k\n"
        "along u_k v_k', by products with the Hessian and with the Gauss-Newton matrix.\n"
        "Fits h_k ~ sigma_k^alpha, sigma_k ~ k^-gamma and h sorted ~ k^-s by robust\n"
        "regression on logarithms, with 95 % intervals from resampled points.  Says how\n"
        "far s is from alpha gamma; how far the decay of the eigenvalues of the matrix's\n"
        "own block of the Hessian (s eig) is; and how far alpha is from 2 + slope, the\n"
        "slope of Phi_k = (u'Bu)(v'Av) / sigma_k^2 with the Kronecker factors A, B of the\n"
        "layer.  PR: (sum h)^2 / sum h^2; zeta: the same of k^-s.  (arXiv 2606.02596)",
    .example = "symo spectrum --data digits --net 64-32-10 --train-steps 100\n"
               "symo spectrum --exponents --checkpoint runs/mnist/checkpoint.safetensors \\\n"
               "  --examples 500 --out exponents --rules measured.json\n"
               "symo train classifier --optimizer measured.json --set 'rules.*.lr=0.008'",
    .options = options,
    .json = true,
    .ranks = true,
    .run = run};
