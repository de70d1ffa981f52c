/* From a spec to a network at a point: data, layout, weights, training, and whether the group is a
 * symmetry of this network, measured. */
#include "experiments/models/network_point.h"

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/text.h"
#include "experiments/models/network_data.h"
#include "experiments/models/network_layout.h"
#include "experiments/models/network_weights.h"

/* Streams of random numbers, one for each purpose: changing one does not move the others. */
enum { STREAM_WEIGHTS = 0x77, STREAM_ELEMENTS = 0x73 };

void network_point_release(network_point *s) {
  symo_net_destroy(s->net);
  symo_pool_destroy(s->pool);
  symo_free(s->x);
  symo_free(s->y);
  symo_free(s->theta);
  symo_free(s->star);
  s->net = NULL;
  s->pool = NULL;
  s->x = s->y = NULL;
  s->theta = s->star = NULL;
}

void network_point_destroy(network_point *s) {
  network_point_release(s);
  symo_plan_destroy(s->exact_plan);
  symo_layout_destroy(s->layout);
  symo_free(s->data_name);
  *s = (network_point){0};
}

/* ---- size ---- */

/* Indices into P x P entries must fit BLAS's 32-bit integers. */
#define MOST_PARAMETERS 46340.0

/* Bytes of the dense matrices that a comparison holds at its peak, seven of P x P: H, H*, |H|,
 * eigenvectors, one estimate, and the workspace of the eigendecomposition (two). */
static double dense_bytes(double parameters) { return 7 * 8 * parameters * parameters; }

/* Networks alone: some vectors over the parameters. */
static int check_vectors(cli *c, const network_spec *spec) {
  enum { VECTORS = 32 };
  double parameters = symo_net_count(&spec->net), free_bytes = cli_memory_available();
  if (parameters * 8 * VECTORS <= free_bytes) return CLI_DONE;
  return cli_fail(c, CLI_DATA,
                  "--net: %.0f %s take more than the %.1f GiB that are free (choose a "
                  "smaller --net)",
                  parameters, symo_plural(parameters, "parameter", "parameters"),
                  free_bytes / (1024.0 * 1024.0 * 1024.0));
}

/* Refuses what does not fit before anything is taken. */
static int check_size(cli *c, const network_spec *spec) {
  double parameters = symo_net_count(&spec->net), bytes = dense_bytes(parameters);
  double free_bytes = cli_memory_available(), gib = 1024.0 * 1024.0 * 1024.0;
  double most = floor(fmin(sqrt(free_bytes / dense_bytes(1)), MOST_PARAMETERS));
  if (parameters <= most) return CLI_DONE;
  char net[256];
  symo_net_text(&spec->net, net, sizeof net);
  return cli_fail(c, CLI_DATA,
                  "--net: %s has P = %.0f %s, whose exact Hessians need %.1f GiB (choose a "
                  "smaller --net: %.1f GiB are free, P up to %.0f fits)",
                  net, parameters, symo_plural(parameters, "parameter", "parameters"), bytes / gib,
                  free_bytes / gib, most);
}

/* ---- symmetry ---- */

symo_status network_point_measure(cli *c, const network_point *s, size_t samples,
                                  symo_symmetry_report **out) {
  symo_rng *rng = NULL;
  symo_symmetry_spec spec = symo_symmetry_spec_default();
  spec.samples = samples;
  symo_status status =
      symo_rng_create(cli_context(c), s->spec.seed + ((uint64_t)STREAM_ELEMENTS << 32), &rng);
  if (status == SYMO_OK)
    status = symo_symmetry_measure(&s->problem, s->layout, s->theta, rng, &spec, out);
  symo_rng_destroy(rng);
  return status;
}

/* Where nothing can be measured (zero weights) the comparison goes on. */
static symo_status judge(cli *c, network_point *s) {
  symo_symmetry_report *report = NULL;
  symo_status status = network_point_measure(c, s, NETWORK_SYMMETRY_SAMPLES, &report);
  if (status == SYMO_E_NUMERIC || status == SYMO_E_NONFINITE) {
    cli_note(c, "groups: cannot tell whether they are symmetries: %s",
             symo_context_detail(cli_context(c)));
    s->verdict = SYMO_SYMMETRY_UNCERTAIN;
    s->defect = s->loss_defect = (double)NAN;
    return SYMO_OK;
  }
  if (status != SYMO_OK) return status;
  s->verdict = report->verdict;
  for (size_t i = 0; i < report->num_rows; i++) {
    s->defect = fmax(s->defect, report->rows[i].defect);
    s->loss_defect = fmax(s->loss_defect, report->rows[i].loss);
    s->elsewhere = fmax(s->elsewhere, report->rows[i].elsewhere);
  }
  symo_symmetry_destroy(report);
  return SYMO_OK;
}

/* ---- the point ---- */

static symo_status make_star(symo_context *context, network_point *s) {
  size_t n = s->parameters, tensors = symo_layout_num_tensors(s->layout);
  symo_dtype dtype = s->spec.net.dtype;
  symo_status status = SYMO_OK;
  double *flat = symo_calloc(2 * n, sizeof *flat);
  void **data = symo_calloc(2 * tensors, sizeof *data);
  s->star = symo_malloc(n * symo_dtype_size(dtype));
  if (flat == NULL || data == NULL || s->star == NULL) {
    status = symo_fail_memory(context, "network");
    goto fail;
  }
  for (size_t i = 0; i < n; i++) flat[i] = symo_get(dtype, s->theta, i);
  symo_layout_split(s->layout, SYMO_F64, flat, data);
  symo_layout_split(s->layout, SYMO_F64, flat + n, data + tensors);
  SYMO_TRY(symo_plan_mean(s->exact_plan, symo_const_vector_of(SYMO_F64, (const void *const *)data),
                          symo_vector_of(SYMO_F64, data + tensors)));
  for (size_t i = 0; i < n; i++) symo_put(dtype, s->star, i, flat[n + i]);
fail:
  symo_free(flat);
  symo_free(data);
  return status;
}

static int draw_weights(cli *c, network_point *s) {
  symo_rng *rng = NULL;
  symo_status status =
      symo_rng_create(cli_context(c), s->spec.seed + ((uint64_t)STREAM_WEIGHTS << 32), &rng);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  symo_net_init(s->net, s->spec.init_scale, rng, s->theta);
  symo_rng_destroy(rng);
  return network_point_train(c, s);
}

static int make_point(cli *c, network_point *s) {
  const bool file = s->spec.weights != NULL;
  symo_dtype dtype = s->spec.net.dtype;
  symo_status status = SYMO_OK;
  s->theta = symo_calloc(s->parameters, symo_dtype_size(dtype));
  if (s->theta == NULL) return cli_fail_memory(c);
  int code = file ? network_weights_load(c, s) : draw_weights(c, s);
  if (code != CLI_DONE) return code;
  double loss = NAN;
  if (symo_all_finite(dtype, s->parameters, s->theta))
    status = s->problem.loss(s->problem.self, s->theta, &loss);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  if (!isfinite(loss) && file)
    return cli_fail(c, CLI_NUMERIC,
                    "%s: the loss is not finite at these weights (look for NaN in the file)",
                    s->spec.weights);
  if (!isfinite(loss))
    return cli_fail(c, CLI_NUMERIC,
                    "network: the loss is not finite at the weights (take a smaller "
                    "--train-lr or --init-scale)");
  return CLI_DONE;
}

/* Network, data and layout; `fits` is asked before anything large is taken. */
static int make_network(cli *c, network_point *s, int (*fits)(cli *c, const network_spec *spec)) {
  /* Known widths are looked at before the data are read. */
  int code = s->spec.net.num_layers > 0 ? fits(c, &s->spec) : CLI_DONE;
  if (code == CLI_DONE) code = network_data_load(c, s);
  if (code == CLI_DONE) code = fits(c, &s->spec);
  if (code != CLI_DONE) return code;
  symo_status status = symo_net_create(cli_context(c), &s->spec.net, &s->net);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  if (symo_get_threads() > 1) {
    status = symo_pool_create(cli_context(c), symo_get_threads(), &s->pool);
    if (status != SYMO_OK) return cli_fail_status(c, status);
    symo_net_set_pool(s->net, s->pool);
  }
  s->parameters = symo_net_num_parameters(s->net);
  s->problem = symo_net_problem(s->net);
  status = symo_net_set_data(s->net, s->examples, s->x, s->y);
  return status == SYMO_OK ? network_layout_make(c, s) : cli_fail_status(c, status);
}

int network_point_open(cli *c, const network_spec *spec, network_point *s) {
  *s = (network_point){.spec = *spec};
  int code = make_network(c, s, check_vectors);
  return code == CLI_DONE ? make_point(c, s) : code;
}

int network_point_make(cli *c, const network_spec *spec, network_point *s) {
  *s = (network_point){.spec = *spec};
  int code = make_network(c, s, check_size);
  if (code != CLI_DONE) return code;
  symo_plan_spec plan = symo_plan_spec_default();
  plan.dtype = SYMO_F64;
  double start = cli_seconds();
  symo_status status = symo_plan_create(s->layout, &plan, &s->exact_plan);
  s->plan_seconds = cli_seconds() - start;
  if (status != SYMO_OK) return cli_fail_status(c, status);
  code = make_point(c, s);
  if (code != CLI_DONE) return code;
  status = judge(c, s);
  if (status == SYMO_OK) status = make_star(cli_context(c), s);
  return status == SYMO_OK ? CLI_DONE : cli_fail_status(c, status);
}
