/* symo lowrank: low rank plus symmetry of a network's curvature, from products alone. */
#include "experiments/commands/spectrum_subject.h"
#include "experiments/models/curvature_prior.h"
#include "experiments/models/network_options.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"

typedef struct job {
  inquiry q;
  symo_problem problem;
  symo_problem_point point;
  symo_operator a;
  symo_plan *plan;
  symo_lowrank_spec spec;
  symo_lowrank_cost cost;
  curvature_prior prior;
  symo_rng *rng;
  symo_lowrank *h; /* the answer */
  symo_lowrank_quality quality;
  size_t residual; /* products to measure it with */
  bool ggn, absolute;
  double seconds;
} job;

static void drop(job *j) {
  symo_lowrank_destroy(j->h);
  symo_plan_destroy(j->plan);
  symo_rng_destroy(j->rng);
  inquiry_close(&j->q);
  symo_free(j);
}

/* ---- making it ---- */

static int read_options(cli *c, job *j) {
  j->spec = symo_lowrank_spec_default();
  j->spec.absolute = false; /* what is measured is an estimate of A */
  j->residual = (size_t)cli_int(c, "residual");
  j->ggn = strcmp(cli_str(c, "matrix"), "ggn") == 0;
  j->absolute = !cli_flag(c, "signed");
  const int code = products_read(c, &j->spec.products, &j->spec.rank, &j->spec.probes);
  return code == CLI_DONE ? curvature_prior_read(c, &j->prior, &j->spec.strength) : code;
}

/* The plan and what it takes; matrices that do not fit are refused before anything is computed. */
static int make_plan(cli *c, job *j) {
  symo_plan_spec spec = symo_plan_spec_default();
  j->problem = symo_net_problem(j->q.subject.net);
  j->point = (symo_problem_point){&j->problem, j->q.subject.theta, j->ggn};
  spec.dtype = j->problem.dtype;
  spec.coupling = SYMO_COUPLED;
  symo_status status = symo_operator_of_problem(cli_context(c), &j->point, &j->a);
  if (status == SYMO_OK) status = symo_plan_create(inquiry_layout(&j->q), &spec, &j->plan);
  if (status == SYMO_OK) status = symo_lowrank_plan(j->plan, &j->spec, &j->cost);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  /* Both triangles of M and of its eigenvectors, some copies at a time. */
  const double stored = symo_plan_cost_of(j->plan).stored_numbers;
  const double bytes = (double)symo_dtype_size(spec.dtype) *
                       (10 * stored + j->cost.stored_numbers + j->cost.work_numbers);
  const double available = cli_memory_available();
  if (bytes <= available) return CLI_DONE;
  return cli_fail(c, CLI_DATA,
                  "lowrank: takes about %s of memory and %s is available: %.3g numbers of the "
                  "structure, %.3g of vectors (lower --products, or give --groups that move more)",
                  cli_format_bytes(bytes).text, cli_format_bytes(available).text, stored,
                  j->cost.work_numbers);
}

static symo_status estimate(cli *c, job *j) {
  const curvature_prior_input known = {cli_context(c), &j->problem, j->q.subject.theta, NULL,
                                       (uint64_t)cli_int(c, "seed") + 0x7072696f};
  symo_hessian *prior = NULL;
  symo_lowrank *absolute = NULL;
  symo_status status;
  SYMO_TRY(symo_rng_create(cli_context(c), (uint64_t)cli_int(c, "seed") + 0x6c616e63, &j->rng));
  SYMO_TRY(curvature_prior_make(&known, j->prior, j->plan, &prior));
  j->spec.prior = prior;
  symo_net_set_comm(j->q.subject.net, cli_ranks(c)); /* products: a part of the examples each */
  const double start = cli_seconds();
  cli_progress(c, "%zu products", j->cost.products);
  SYMO_TRY(symo_lowrank_estimate(j->plan, &j->a, &j->spec, j->rng, &j->h, &j->cost));
  j->seconds = cli_seconds() - start;
  if (j->residual > 0) {
    cli_progress(c, "%zu products more, to measure it", j->residual);
    SYMO_TRY(symo_lowrank_measure(j->h, &j->a, j->residual, j->rng, &j->quality));
  }
  if (!j->absolute) goto fail;
  SYMO_TRY(symo_lowrank_abs(j->h, &absolute));
  symo_lowrank_destroy(j->h);
  j->h = absolute;
fail:
  symo_hessian_destroy(prior);
  return status;
}

/* ---- answers ---- */

static json_t *answer_of(cli *c, const job *j) {
  json_t *o = json_object(), *values = json_array();
  inquiry_set_json(c, o, &j->q);
  cli_set(c, o, "matrix", json_string(cli_str(c, "matrix")));
  cli_set(c, o, "absolute", json_boolean(j->absolute));
  cli_set(c, o, "products", cli_count((double)j->cost.products));
  cli_set(c, o, "iteration", cli_count((double)j->cost.iteration));
  cli_set(c, o, "rank", cli_count((double)j->cost.rank));
  cli_set(c, o, "probes", cli_count((double)j->cost.probes));
  cli_set(c, o, "prior", json_string(curvature_prior_name(j->prior)));
  cli_set(c, o, "prior_strength", cli_number(j->spec.strength));
  cli_set(c, o, "prior_scale", cli_number(j->cost.prior_scale));
  cli_set(c, o, "stored_numbers", cli_count(j->cost.stored_numbers));
  cli_set(c, o, "work_numbers", cli_count(j->cost.work_numbers));
  for (size_t i = 0; i < symo_lowrank_rank(j->h); i++)
    cli_push(c, values, cli_number(symo_lowrank_values(j->h)[i]));
  cli_set(c, o, "leading_eigenvalues", values);
  cli_set(c, o, "trace", cli_number(symo_lowrank_trace(j->h)));
  cli_set(c, o, "frobenius", cli_number(symo_lowrank_frobenius(j->h)));
  if (j->residual > 0) {
    cli_set(c, o, "residual_probes", cli_count((double)j->residual));
    cli_set(c, o, "residual", cli_number(j->quality.relative));
    cli_set(c, o, "residual_error", cli_number(j->quality.error));
    cli_set(c, o, "matrix_norm", cli_number(j->quality.norm));
  }
  cli_set(c, o, "seconds", cli_number(j->seconds));
  return o;
}

static void print(cli *c, const job *j) {
  const symo_lowrank_cost *k = &j->cost;
  inquiry_print(&j->q);
  printf("matrix   %s%s\n", j->ggn ? "Gauss-Newton" : "Hessian",
         j->absolute ? ", its absolute value" : "");
  printf("products %zu: %zu of a Lanczos iteration, of which %zu %s kept, and %zu for the rest\n",
         k->products, k->iteration, k->rank, symo_plural(k->rank, "pair is", "pairs are"),
         k->products - k->iteration);
  printf("prior    %s", curvature_prior_name(j->prior));
  if (j->prior != PRIOR_NONE)
    printf(" times %.3g, of strength %g", k->prior_scale, j->spec.strength);
  printf("\nstored   %.0f numbers; %.3g while it was made\nleading ", k->stored_numbers,
         k->work_numbers);
  for (size_t i = 0; i < symo_lowrank_rank(j->h) && i < 8; i++)
    printf(" %.4g", symo_lowrank_values(j->h)[i]);
  printf("%s\ntrace    %.6g\nnorm     %.6g (Frobenius)\n", symo_lowrank_rank(j->h) > 8 ? " .." : "",
         symo_lowrank_trace(j->h), symo_lowrank_frobenius(j->h));
  if (j->residual > 0) {
    printf("residual |A - M| / |A| = %.4f", j->quality.relative);
    if (!isnan(j->quality.error)) printf(" +- %.4f", j->quality.error);
    printf(" by %zu %s more, |A| = %.4g: for the signed M\n", j->residual,
           symo_plural(j->residual, "product", "products"), j->quality.norm);
  }
  printf("time     %.3g s\n\nwritten to %s: h-lr.safetensors, lowrank.json\n", j->seconds,
         cli_str(c, "out"));
}

static int report(cli *c, const job *j) {
  if (symo_comm_rank(cli_ranks(c)) > 0) return CLI_DONE; /* the first has the folder */
  char *matrix = cli_join(j->q.directory, "h-lr.safetensors"),
       *path = cli_join(j->q.directory, "lowrank.json");
  int code = matrix == NULL || path == NULL ? cli_fail_memory(c) : CLI_DONE;
  if (code == CLI_DONE) {
    symo_status status = symo_lowrank_write(j->h, matrix);
    if (status != SYMO_OK) code = cli_fail_status(c, status);
  }
  if (code == CLI_DONE) code = cli_write_json(c, path, answer_of(c, j));
  symo_free(matrix), symo_free(path);
  if (code != CLI_DONE) return code;
  cli_progress_end(c);
  if (cli_json(c)) return cli_print_json(c, answer_of(c, j));
  print(c, j);
  return CLI_DONE;
}

static int run(cli *c) {
  job *j = symo_calloc(1, sizeof *j);
  if (j == NULL) return cli_fail_memory(c);
  int code = read_options(c, j);
  if (code == CLI_DONE) code = inquiry_open(c, &j->q, 0);
  if (code == CLI_DONE) code = make_plan(c, j);
  if (code == CLI_DONE) {
    symo_status status = estimate(c, j);
    if (status != SYMO_OK) code = cli_fail_status(c, status);
  }
  if (code == CLI_DONE) code = report(c, j);
  drop(j);
  return code;
}

static const cli_option options[] = {
    INQUIRY_ROWS,
    NETWORK_SEED_ROW("Seed of weights, generated data, sampled labels and random vectors"),
    {.name = "matrix",
     .kind = CLI_CHOICE,
     .arg = "WHICH",
     .choices = "hessian|ggn",
     .fallback = "hessian",
     .help = "The Hessian or the Gauss-Newton matrix"},
    PRODUCTS_ROWS("the estimate", "Leading pairs that are kept"),
    CURVATURE_PRIOR_ROWS,
    {.name = "residual",
     .kind = CLI_INT,
     .arg = "PROBES",
     .min = 0,
     .max = 1e6,
     .fallback = "8",
     .help =
         "Products more, with fresh random vectors, to measure how far the estimate is from the "
         "matrix; 0: not measured"},
    {.name = "signed",
     .kind = CLI_FLAG,
     .help = "Write the estimate of the matrix itself, not of its absolute value"},
    NETWORK_DTYPE_ROW,
    {.name = "out",
     .kind = CLI_STRING,
     .arg = "DIR",
     .fallback = "symo-lowrank",
     .help = "Folder for h-lr.safetensors and lowrank.json"},
    {.name = NULL}};

const cli_command cli_command_lowrank = {
    .name = "lowrank",
    .summary = "low rank plus symmetry of a network's curvature, and how good it is",
    .description =
        "Estimates the Hessian of a network (or its Gauss-Newton matrix) from products\n"
        "alone: pairs of a Lanczos iteration, and on the rest of the space a structured\n"
        "matrix of the group of the network, from random vectors.  Nothing of the size of\n"
        "the parameters squared is formed.  symo apply takes the file: products,\n"
        "solutions, powers.  Then measures with fresh random vectors how far the estimate M\n"
        "is from the matrix A: |A - M| / |A| in Frobenius norm, with its standard\n"
        "error.  That is of the signed M; what is written is |M| unless --signed.\n"
        "\n"
        "Under mpirun (make MPI=1) the processes share the examples of products.",
    .example = "symo lowrank --data digits --net 64-128-128-10 --train-steps 100 --out curvature\n"
               "symo apply --hessian curvature/h-lr.safetensors --op solve --damping 0.01 \\\n"
               "  --in grad.safetensors --out step.safetensors",
    .options = options,
    .json = true,
    .ranks = true,
    .run = run};
