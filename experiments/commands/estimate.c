/* symo estimate: a structured Hessian from gradients (and the parameters they were taken at). */
#include "experiments/commands/commands.h"
#include "experiments/inputs/tensors.h"
#include "experiments/models/curvature_prior.h"

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "groups/plan/plan.h"
#include "hessian/estimator.h"

#include <symo/lowrank.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A file, and which of the vectors it holds: [first, first + count). */
typedef struct source {
  const char *path;
  size_t first, count;
} source;

typedef struct job {
  symo_layout *layout;
  symo_plan *plan;
  symo_hessian *hessian;
  symo_estimate_spec spec;
  size_t num_files, num_params;
  size_t count; /* gradients: a file of --grad may hold several */
  size_t num_sources;
  source *sources;           /* files in the order of the vectors */
  size_t num_probes;         /* pairs of --probe and --product */
  const char *prior;         /* of --prior; NULL: none */
  double prior_scale;        /* what it is multiplied with in the estimate */
  cli_vector *vectors;       /* [vectors_of]: gradients, parameters, probes, products */
  symo_const_vector *grads;  /* [count + num_probes]: gradients, then products */
  symo_const_vector *params; /* [count + num_probes] or NULL: parameters, then probes */
  double seconds;
} job;

static size_t vectors_of(const job *j) { return j->count + j->num_params + 2 * j->num_probes; }

static void drop(job *j) {
  symo_hessian_destroy(j->hessian);
  symo_plan_destroy(j->plan);
  symo_layout_destroy(j->layout);
  for (size_t i = 0; j->vectors && i < vectors_of(j); i++) cli_drop_vector(&j->vectors[i]);
  symo_free(j->vectors);
  symo_free(j->sources);
  symo_free(j->grads);
  symo_free(j->params);
}

/* ---- what was asked ---- */

/* Pairs (v, A v): least squares, with gradients beside them or not, or the mean. */
static int check_probes(cli *c, job *j) {
  size_t products;
  const char *name = cli_str(c, "estimator");
  (void)cli_list(c, "probe", &j->num_probes);
  (void)cli_list(c, "product", &products);
  (void)cli_list(c, "grad", &j->num_files);
  if (products != j->num_probes)
    return cli_fail(c, CLI_USAGE,
                    "--product: given %zu times for %zu of --probe (give one for each)", products,
                    j->num_probes);
  if (j->num_files == 0 && j->num_probes == 0)
    return cli_fail(
        c, CLI_USAGE,
        "estimate: --grad is missing (give a gradient, or pairs of --probe and --product)");
  if (name == NULL && j->num_probes == 0)
    return cli_fail(c, CLI_USAGE,
                    "estimate: --estimator is missing (symo estimate --help shows the usage)");
  if (j->num_probes > 0 && name != NULL && strcmp(name, "h-star") != 0)
    return cli_fail(c, CLI_USAGE, "--probe: means nothing for %s (it is for h-star)", name);
  if (cli_flag(c, "average") && (j->num_probes == 0 || j->num_files > 0))
    return cli_fail(c, CLI_USAGE,
                    "--average: is for pairs of --probe and --product alone (leave it out)");
  j->prior = strcmp(cli_str(c, "prior"), "none") != 0 ? cli_str(c, "prior") : NULL;
  if (j->prior != NULL && (j->num_probes == 0 || j->num_files > 0 || cli_flag(c, "average")))
    return cli_fail(
        c, CLI_USAGE,
        "--prior: is for least squares from pairs of --probe and --product alone (leave "
        "it out)");
  if (j->prior == NULL && cli_given(c, "prior-strength"))
    return cli_fail(c, CLI_USAGE,
                    "--prior-strength: means nothing without --prior (give one, or leave it out)");
  if (cli_double(c, "damping") > 0 && j->num_probes > 0 && j->num_files == 0)
    return cli_fail(c, CLI_USAGE,
                    "--damping: means nothing for probes alone (give it to symo apply)");
  return CLI_DONE;
}

static int check_flags(cli *c, job *j) {
  int code = check_probes(c, j);
  if (code != CLI_DONE) return code;
  const char *name = cli_str(c, "estimator") != NULL ? cli_str(c, "estimator") : "h-star";
  j->spec = symo_estimate_spec_default();
  j->spec.estimator = symo_estimator_find(name);
  if (!j->spec.estimator) /* the choices of the row are the registry of the library */
    return cli_fail(c, CLI_USAGE, "--estimator: there is no \"%s\" (symo estimate --help)", name);
  j->spec.damping = cli_double(c, "damping");
  j->spec.scale = cli_flag(c, "scale");
  bool needs = symo_estimator_needs_parameters(j->spec.estimator);
  char scalable[256];
  symo_estimator_list(symo_estimator_can_scale, ", ", " and ", scalable, sizeof scalable);
  if (j->spec.scale && !symo_estimator_can_scale(j->spec.estimator))
    return cli_fail(c, CLI_USAGE, "--scale: means nothing for %s (it is for %s)", name, scalable);
  (void)cli_list(c, "param", &j->num_params);
  if (j->num_params > 0 && j->num_files == 0)
    return cli_fail(c, CLI_USAGE, "--param: means nothing without --grad (leave it out)");
  if (j->num_params == 0 && j->num_files > 0 && (needs || j->spec.scale))
    return cli_fail(c, CLI_USAGE,
                    "--param: is missing, and %s%s needs the parameters (give the file "
                    "of the parameters at which the gradient was taken)",
                    name, j->spec.scale ? " with --scale" : "");
  const char *out = cli_str(c, "out"), *dense = cli_str(c, "dense");
  if (out && dense && strcmp(out, dense) == 0)
    return cli_fail(c, CLI_USAGE, "--dense: %s is the file of --out too (give another name)",
                    dense);
  if (j->spec.damping > 0 && !needs) {
    cli_note(c, "--damping is added to the averaged parameters, which %s does not use: no effect",
             name);
    j->spec.damping = 0;
  }
  return CLI_DONE;
}

/* A dense matrix that does not fit is refused before anything is computed. */
static int check_dense(cli *c, const job *j) {
  const char *path = cli_str(c, "dense");
  if (!path) return CLI_DONE;
  double n = (double)symo_layout_num_parameters(j->layout), bytes = 8 * n * n;
  double available = cli_memory_available();
  if (bytes <= available) return CLI_DONE;
  return cli_fail(c, CLI_DATA,
                  "--dense: %s: a %.0f x %.0f matrix takes %s of memory and %s is available (leave "
                  "--dense out; symo apply works on the file of --out)",
                  path, n, n, cli_format_bytes(bytes).text, cli_format_bytes(available).text);
}

/* ---- reading ---- */

static const char *path_of(const cli *c, const job *j, size_t i) {
  size_t n = 0;
  if (i < j->num_files) return cli_list(c, "grad", &n)[i];
  i -= j->num_files;
  if (i < j->num_params) return cli_list(c, "param", &n)[i];
  i -= j->num_params;
  return i < j->num_probes ? cli_list(c, "probe", &n)[i]
                           : cli_list(c, "product", &n)[i - j->num_probes];
}

/* How many vectors the files hold, and of them how many gradients. */
static int list_sources(cli *c, job *j) {
  size_t first = 0;
  j->num_sources = j->num_files + j->num_params + 2 * j->num_probes;
  j->sources = symo_calloc(j->num_sources, sizeof *j->sources);
  if (!j->sources) return cli_fail_memory(c);
  for (size_t i = 0; i < j->num_sources; i++) {
    source *s = &j->sources[i];
    *s = (source){.path = path_of(c, j, i), .first = first, .count = 1};
    int code = i < j->num_files ? cli_count_vectors(c, j->layout, s->path, &s->count) : CLI_DONE;
    if (code != CLI_DONE) return code;
    first += s->count;
    if (i + 1 == j->num_files) j->count = first;
  }
  if (j->num_params <= 1 || j->num_params == j->count) return CLI_DONE;
  return cli_fail(c, CLI_USAGE,
                  "--param: given %zu times for %zu %s (give one for all, or one for each --grad)",
                  j->num_params, j->count, symo_plural(j->count, "gradient", "gradients"));
}

/* Files that are stacks hold gradients alone. */
static int read_source(cli *c, job *j, size_t i, symo_dtype dtype) {
  const source *s = &j->sources[i];
  for (size_t k = 0; k < s->count; k++) cli_drop_vector(&j->vectors[s->first + k]);
  return i < j->num_files
             ? cli_read_vectors(c, j->layout, s->path, dtype, s->count, &j->vectors[s->first])
             : cli_read_vector(c, j->layout, s->path, dtype, &j->vectors[s->first]);
}

/* The layout says which number type, else the data: float64 if any of it is. */
static int read_vectors(cli *c, job *j) {
  int code = list_sources(c, j);
  if (code != CLI_DONE) return code;
  const size_t total = vectors_of(j), num_probes = j->num_probes, pairs = j->count + num_probes;
  const bool with_params = j->num_params > 0 || num_probes > 0;
  symo_dtype wanted = symo_layout_dtype(j->layout), widest = SYMO_F32;
  j->vectors = symo_calloc(total, sizeof *j->vectors);
  j->grads = symo_calloc(pairs, sizeof *j->grads);
  if (with_params) j->params = symo_calloc(pairs, sizeof *j->params);
  symo_const_vector *params = j->params;
  if (!j->vectors || !j->grads || (with_params && !params))
    return cli_fail_status(c, symo_fail_memory(cli_context(c), "estimate"));
  for (size_t i = 0; i < j->num_sources && code == CLI_DONE; i++) {
    code = read_source(c, j, i, wanted);
    if (j->vectors[j->sources[i].first].dtype == SYMO_F64) widest = SYMO_F64;
  }
  for (size_t i = 0; i < j->num_sources && code == CLI_DONE; i++)
    if (j->vectors[j->sources[i].first].dtype != widest) code = read_source(c, j, i, widest);
  for (size_t i = 0; i < j->count && code == CLI_DONE; i++) {
    j->grads[i] = cli_const_vector(&j->vectors[i]);
    if (!params) continue;
    params[i] = cli_const_vector(&j->vectors[j->count + (j->num_params > 1 ? i : 0)]);
  }
  const cli_vector *probes = j->vectors + j->count + j->num_params;
  for (size_t i = 0; i < num_probes && code == CLI_DONE; i++) {
    params[j->count + i] = cli_const_vector(&probes[i]);
    j->grads[j->count + i] = cli_const_vector(&probes[num_probes + i]);
  }
  return code;
}

/* ---- computing and answering ---- */

/* Nothing changes by itself: what --centered means is part of the contract. */
static symo_status advise(cli *c, const job *j) {
  cli_trivial part = {0};
  if (symo_plan_centered(j->plan) || j->count == 0) return SYMO_OK;
  symo_status status = cli_trivial_part(c, j->plan, j->count, j->grads, &part);
  if (status == SYMO_OK && cli_trivial_dominates(part))
    cli_note(
        c,
        "label 0, the part of the gradient that the group does not move, has %.4g %% of its square "
        "and hides the rest of the estimate (--centered leaves it out)",
        100 * part.share);
  return status;
}

/* Of the plan of the pairs: the identity, zero, or a file, which must be of an equal plan. */
static symo_status read_prior(cli *c, const job *j, symo_hessian **out) {
  symo_hessian *read = NULL;
  if (strcmp(j->prior, "zero") == 0) return symo_hessian_identity(j->plan, 0, out);
  if (strcmp(j->prior, "identity") == 0) return symo_hessian_identity(j->plan, 1, out);
  symo_status status = symo_hessian_read(cli_context(c), j->prior, &read);
  if (status != SYMO_OK) return status;
  if (symo_plan_equal(symo_hessian_plan(read), j->plan)) {
    *out = read;
    return SYMO_OK;
  }
  symo_hessian_destroy(read);
  return symo_fail(cli_context(c), SYMO_E_SHAPE,
                   "--prior: %s: its layout, coupling, centring or number type is not that of the "
                   "pairs (make it with the same --layout and --centered from data of their type)",
                   j->prior);
}

static symo_status estimate_pairs(cli *c, job *j) {
  symo_hessian *prior = NULL;
  symo_status status;
  if (j->prior == NULL)
    return symo_estimate_probes(j->plan, cli_flag(c, "average") ? SYMO_AVERAGE : SYMO_LEAST_SQUARES,
                                j->num_probes, j->params, j->grads, &j->hessian);
  status = read_prior(c, j, &prior);
  if (status == SYMO_OK)
    status = symo_estimate_probes_near(prior, cli_double(c, "prior-strength"), j->num_probes,
                                       j->params, j->grads, &j->prior_scale, &j->hessian);
  symo_hessian_destroy(prior);
  return status;
}

static symo_status compute(cli *c, job *j) {
  symo_status status = SYMO_OK;
  symo_plan_spec spec = symo_plan_spec_default();
  spec.dtype = j->vectors[0].dtype;
  spec.coupling = symo_estimator_coupling(j->spec.estimator);
  spec.centered = cli_flag(c, "centered");
  SYMO_TRY(symo_plan_create(j->layout, &spec, &j->plan));
  double start = cli_seconds();
  if (j->count == 0)
    SYMO_TRY(estimate_pairs(c, j));
  else
    SYMO_TRY(symo_estimate(j->plan, &j->spec, j->count + j->num_probes, j->grads, j->params,
                           &j->hessian));
  j->seconds = cli_seconds() - start;
  status = advise(c, j);
fail:
  return status;
}

static int write_dense(cli *c, const job *j, const char *path) {
  size_t n = symo_layout_num_parameters(j->layout), numbers = 0, bytes = 0;
  double *dense = NULL;
  if (symo_mul_size(n, n, &numbers) && symo_mul_size(numbers, sizeof *dense, &bytes))
    dense = symo_malloc(bytes);
  if (!dense) return cli_fail_status(c, symo_fail_memory(cli_context(c), "--dense"));
  symo_status status = symo_hessian_dense(j->hessian, dense);
  if (status == SYMO_OK) status = symo_npy_write(cli_context(c), path, dense, n, n);
  symo_free(dense);
  return status == SYMO_OK ? CLI_DONE : cli_fail_status(c, status);
}

static int write_files(cli *c, const job *j) {
  const char *out = cli_str(c, "out"), *dense = cli_str(c, "dense");
  if (out) {
    symo_status status = symo_hessian_write(j->hessian, out);
    if (status != SYMO_OK) return cli_fail_status(c, status);
  }
  return dense ? write_dense(c, j, dense) : CLI_DONE;
}

static int answer_json(cli *c, const job *j) {
  symo_plan_cost cost = symo_plan_cost_of(j->plan);
  json_t *o = json_object();
  cli_set(c, o, "estimator", json_string(symo_hessian_name(j->hessian)));
  cli_set(c, o, "dtype", json_string(symo_dtype_name(symo_plan_dtype(j->plan))));
  cli_set(c, o, "centered", json_boolean(symo_plan_centered(j->plan)));
  cli_set(c, o, "scale", json_boolean(j->spec.scale));
  cli_set(c, o, "damping", cli_number(j->spec.damping));
  cli_set(c, o, "gradients", cli_count((double)j->count));
  if (j->num_probes > 0) cli_set(c, o, "probes", cli_count((double)j->num_probes));
  if (j->prior != NULL) {
    cli_set(c, o, "prior", json_string(j->prior));
    cli_set(c, o, "prior_strength", cli_number(cli_double(c, "prior-strength")));
    cli_set(c, o, "prior_scale", cli_number(j->prior_scale));
  }
  cli_set(c, o, "parameters", cli_count(cost.parameters));
  cli_set(c, o, "labels", cli_labels_json(c, j->plan));
  cli_set(c, o, "stored_numbers", cli_count(cost.stored_numbers));
  cli_set(c, o, "dense_numbers", cli_count(cost.dense_numbers));
  cli_set(c, o, "trace", cli_number(symo_hessian_trace(j->hessian)));
  cli_set(c, o, "frobenius", cli_number(symo_hessian_frobenius(j->hessian)));
  cli_set(c, o, "seconds", cli_number(j->seconds));
  return cli_print_json(c, o);
}

static int answer_text(cli *c, const job *j) {
  symo_plan_cost cost = symo_plan_cost_of(j->plan);
  printf("%s from ", symo_hessian_name(j->hessian));
  if (j->count > 0) printf("%zu %s", j->count, symo_plural(j->count, "gradient", "gradients"));
  if (j->count > 0 && j->num_probes > 0) printf(" and ");
  if (j->num_probes > 0)
    printf("%zu %s", j->num_probes, symo_plural(j->num_probes, "pair", "pairs"));
  printf(
      ", %.0f %s, %s%s\n", cost.parameters, symo_plural(cost.parameters, "parameter", "parameters"),
      symo_dtype_name(symo_plan_dtype(j->plan)), symo_plan_centered(j->plan) ? ", centered" : "");
  if (j->prior != NULL)
    printf("prior   %s, as %g pairs, times %.6g\n", j->prior, cli_double(c, "prior-strength"),
           j->prior_scale);
  printf("labels  %zu\n", symo_plan_num_labels(j->plan));
  for (size_t l = 0; l < symo_plan_num_labels(j->plan); l++) {
    symo_label_info info = symo_plan_label(j->plan, l);
    printf("  %-24s dimension %zu, multiplicity %zu", info.name, info.dim, info.multiplicity);
    if (info.count > 1) printf(", %zu of these", info.count);
    printf("%s\n", info.dropped ? " (dropped)" : "");
  }
  printf("stored  %.0f %s; dense: %.0f\n", cost.stored_numbers,
         symo_plural(cost.stored_numbers, "number", "numbers"), cost.dense_numbers);
  printf("trace   %.9g\nnorm    %.9g (Frobenius)\ntime    %.3g s\n", symo_hessian_trace(j->hessian),
         symo_hessian_frobenius(j->hessian), j->seconds);
  return CLI_DONE;
}

static int run(cli *c) {
  job j = {0};
  int code = check_flags(c, &j);
  if (code == CLI_DONE) code = cli_open_layout(c, &j.layout);
  if (code == CLI_DONE) code = check_dense(c, &j);
  if (code == CLI_DONE) code = read_vectors(c, &j);
  if (code == CLI_DONE) {
    symo_status status = compute(c, &j);
    if (status != SYMO_OK) code = cli_fail_status(c, status);
  }
  if (code == CLI_DONE) code = write_files(c, &j);
  if (code == CLI_DONE) code = cli_json(c) ? answer_json(c, &j) : answer_text(c, &j);
  drop(&j);
  return code;
}

/* Fills in what the texts below take from the registry. */
static void list(const char *what, char *out, size_t size) {
  if (strcmp(what, "choices") == 0) {
    symo_estimator_list(NULL, "|", NULL, out, size);
  } else if (strcmp(what, "params") == 0) {
    symo_estimator_list(symo_estimator_needs_parameters, ", ", NULL, out, size);
  } else if (strcmp(what, "damped") == 0) {
    symo_estimator_list(symo_estimator_needs_parameters, ", ", " and ", out, size);
  } else if (strcmp(what, "scaled") == 0) {
    symo_estimator_list(symo_estimator_can_scale, ", ", NULL, out, size);
  } else {
    size_t used = 0;
    for (size_t i = 0; i < symo_estimator_count() && used < size; i++)
      used += (size_t)snprintf(out + used, size - used, "  %-10s  %s\n", symo_estimator_at(i)->name,
                               symo_estimator_at(i)->help);
  }
}

static const cli_option options[] = {
    CLI_LAYOUT_ROW,
    {.name = "grad",
     .arg = "FILE",
     .kind = CLI_LIST,
     .help = "Gradient: one safetensors entry for each tensor of the layout, or several gradients: "
             "entries with one axis more in front (symo gradients). The averages of several are "
             "added"},
    {.name = "param",
     .arg = "FILE",
     .kind = CLI_LIST,
     .help = "Parameters at which the gradient was taken, in the same form: one file for all "
             "gradients, or one for each. {params} and --scale need them"},
    {.name = "estimator",
     .arg = "NAME",
     .kind = CLI_CHOICE,
     .choices = "{choices}",
     .help = "The estimate to compute; needed with --grad"},
    {.name = "probe",
     .arg = "FILE",
     .kind = CLI_LIST,
     .help = "A vector V, in the same form, whose product with a symmetric matrix A is known: a "
             "structured estimate of A by least squares from all pairs, instead of gradients or, "
             "with h-star, beside them"},
    {.name = "product",
     .arg = "FILE",
     .kind = CLI_LIST,
     .help = "A V, one for each --probe, in their order"},
    {.name = "average",
     .kind = CLI_FLAG,
     .help = "The mean of A V V' instead of least squares (for normal probes; more noise)"},
    {.name = "prior",
     .arg = "WHICH|FILE",
     .kind = CLI_STRING,
     .fallback = "none",
     .help = "What least squares from pairs are drawn to a multiple of, which helps where they are "
             "few: none, zero, identity, or an estimate that --out wrote, such as h-g of a "
             "gradient"},
    PRIOR_STRENGTH_ROW,
    {.name = "centered",
     .kind = CLI_FLAG,
     .help = "Subtract the orbit means: leave out the part of the gradient that the group does not "
             "move"},
    {.name = "damping",
     .arg = "D",
     .kind = CLI_DOUBLE,
     .min = 0,
     .max = INFINITY,
     .fallback = "0",
     .help = "Added to the averaged parameter covariance C_t of {damped}"},
    {.name = "scale", .kind = CLI_FLAG, .help = "{scaled}: divide by sqrt(tr C_t / m)"},
    {.name = "out", .arg = "FILE", .kind = CLI_STRING, .help = "Write the estimate (safetensors)"},
    {.name = "dense",
     .arg = "FILE",
     .kind = CLI_STRING,
     .help = "Write the whole matrix over all parameters (.npy); an error if it does not fit into "
             "memory"},
    {.name = NULL}};

const cli_command cli_command_estimate = {
    .name = "estimate",
    .summary = "a structured Hessian estimate from one gradient or several",
    .description =
        "Averages the gradient (and parameters) over the group of the layout in closed form\n"
        "and makes from the averages an estimate of the Hessian:\n"
        "{rows}Pairs of a vector and its product with a matrix (--probe, --product) give a\n"
        "structured estimate of that matrix.  The number type is that of the layout or, if\n"
        "it names none, that of the data.",
    .example =
        "symo estimate --layout net.json --grad grad.safetensors --param theta.safetensors \\\n"
        "     --estimator h-pd --damping 1e-6 --out hessian.safetensors",
    .list = list,
    .options = options,
    .json = true,
    .run = run};
