/* symo landscape: the loss over a plane through the parameters.
 *
 * The orbit of theta under the group has the covariance C = R[(theta - theta*)(theta - theta*)'],
 * theta* its mean.  Every eigenvalue of C belongs to a whole irrep; the direction taken in its
 * eigenspace is that of theta's own part there, so that the plane shows where theta stands. */
#include "experiments/commands/spectrum_subject.h"
#include "experiments/models/network_options.h"
#include "experiments/plot/plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"

#include <symo/hessian.h>
#include <symo/io.h>

enum { MOST_STEPS = 48 };

typedef struct plane {
  const symo_layout *layout;
  const void *theta;
  symo_dtype dtype;
  size_t size, points;
  cli_vector axis[2], here;
  double length, range;      /* |theta - theta*|, or |theta|; in units of it */
  double variance[2], at[2]; /* of the orbit along the axes, theta's own coordinates; NaN: given */
  double *loss;              /* [points, points], the second axis by rows */
  double centre, least, least_at[2];
} plane;

/* ---- directions ---- */

static double dot(const plane *p, const void *x, const void *y) {
  return symo_dot(p->dtype, p->size, x, y);
}

static void normalise(const plane *p, void *x) {
  const double norm = symo_nrm2(p->dtype, p->size, x);
  if (norm > 0) symo_scal(p->dtype, p->size, 1 / norm, x);
}

/* A Krylov space of theta has one vector of each eigenspace, theta's own part, until rounding brings
 * others in: it ends before that. */
typedef struct krylov {
  size_t count;
  double alpha[MOST_STEPS], beta[MOST_STEPS + 1];
  void *basis; /* [MOST_STEPS + 1, size] */
} krylov;

static void *vector(const plane *p, const krylov *k, size_t i) {
  return symo_at(p->dtype, k->basis, (ptrdiff_t)(i * p->size));
}

/* Lanczos with full reorthogonalisation, twice, from C theta. */
static symo_status grow(plane *p, const symo_hessian *c, krylov *k) {
  void *x = p->axis[0].flat, *y = p->here.flat;
  const size_t bytes = p->size * symo_dtype_size(p->dtype);
  symo_status status;
  memcpy(x, p->theta, bytes);
  SYMO_TRY(symo_hessian_matvec(c, cli_const_vector(&p->axis[0]), cli_mutable_vector(&p->here)));
  double largest = 0;
  for (k->count = 0; k->count < MOST_STEPS;) {
    const double norm = symo_nrm2(p->dtype, p->size, y);
    k->beta[k->count] = norm;
    if (!(norm > 1e4 * symo_epsilon(p->dtype) * largest)) return SYMO_OK;
    normalise(p, y);
    memcpy(vector(p, k, k->count), y, bytes);
    memcpy(x, y, bytes);
    SYMO_TRY(symo_hessian_matvec(c, cli_const_vector(&p->axis[0]), cli_mutable_vector(&p->here)));
    k->alpha[k->count] = dot(p, x, y);
    largest = fmax(largest, fabs(k->alpha[k->count]));
    k->count++;
    for (int twice = 0; twice < 2; twice++)
      for (size_t i = 0; i < k->count; i++)
        symo_axpy(p->dtype, p->size, -dot(p, vector(p, k, i), y), vector(p, k, i), y);
  }
fail:
  return status;
}

/* The two leading Ritz vectors into the axes. */
static symo_status take_axes(cli *c, plane *p, const krylov *k) {
  const size_t n = k->count;
  double *t = symo_calloc(n * n + n + 1, sizeof *t), *w = t + n * n;
  void *work = symo_malloc(symo_eigh_work(SYMO_F64, n + 1));
  symo_status status =
      t != NULL && work != NULL ? SYMO_OK : symo_fail_memory(cli_context(c), "landscape");
  for (size_t i = 0; i < n && status == SYMO_OK; i++) {
    t[i * n + i] = k->alpha[i];
    if (i > 0) t[i * n + i - 1] = t[(i - 1) * n + i] = k->beta[i];
  }
  if (status == SYMO_OK && n > 1) status = symo_eigh(SYMO_F64, n, t, w, work);
  size_t found = 0;
  p->variance[0] = p->variance[1] = 0;
  for (size_t row = n;
       n > 1 && row-- > 0 && found < 2 && status == SYMO_OK;) { /* ascending, rows */
    void *axis = p->axis[found].flat;
    memset(axis, 0, p->size * symo_dtype_size(p->dtype));
    for (size_t i = 0; i < n; i++)
      symo_axpy(p->dtype, p->size, t[row * n + i], vector(p, k, i), axis);
    const double at = dot(p, axis, p->theta);
    /* The square is n times the eigenvalue; a copy that rounding has made has less. */
    if (!(at * at > 0.5 * w[row])) continue;
    if (at < 0) symo_scal(p->dtype, p->size, -1, axis);
    p->variance[found] = w[row], p->at[found] = fabs(at);
    found++;
  }
  symo_free(t), symo_free(work);
  return status;
}

static symo_status orbit_axes(cli *c, inquiry *q, plane *p) {
  symo_estimate_spec spec = symo_estimate_spec_default();
  symo_plan_spec plan_spec = symo_plan_spec_default();
  symo_plan *plan = NULL;
  symo_hessian *covariance = NULL;
  krylov k = {0};
  const void **data = symo_calloc(symo_layout_num_tensors(p->layout), sizeof *data);
  symo_status status = data != NULL ? SYMO_OK : symo_fail_memory(cli_context(c), "landscape");
  if (status != SYMO_OK) return status;
  plan_spec.dtype = p->dtype, plan_spec.centered = true;
  symo_layout_split_const(p->layout, p->dtype, p->theta, data);
  const symo_const_vector theta = symo_const_vector_of(p->dtype, data);
  spec.estimator = symo_estimator_find("covariance");
  SYMO_TRY(symo_plan_create(inquiry_layout(q), &plan_spec, &plan));
  SYMO_TRY(symo_estimate(plan, &spec, 1, &theta, NULL, &covariance));
  k.basis = symo_calloc((MOST_STEPS + 1) * p->size, symo_dtype_size(p->dtype));
  if (k.basis == NULL) {
    status = symo_fail_memory(cli_context(c), "landscape");
    goto fail;
  }
  SYMO_TRY(grow(p, covariance, &k));
  SYMO_TRY(take_axes(c, p, &k));
  if (k.count < 2 || !(p->variance[1] > 0)) {
    status = symo_fail(cli_context(c), SYMO_E_ARGUMENT,
                       "landscape: the orbit of these parameters spans no plane (give two "
                       "directions by --along)");
    goto fail;
  }
  p->length = hypot(p->at[0], p->at[1]);
fail:
  symo_free(data);
  symo_free(k.basis);
  symo_hessian_destroy(covariance);
  symo_plan_destroy(plan);
  return status;
}

/* Two files, the second made orthogonal to the first. */
static int given_axes(cli *c, plane *p) {
  for (int k = 0; k < 2; k++) {
    size_t count;
    int code =
        cli_read_vector(c, p->layout, cli_list(c, "along", &count)[k], p->dtype, &p->axis[k]);
    if (code != CLI_DONE) return code;
    void *x = p->axis[k].flat;
    const double before = symo_nrm2(p->dtype, p->size, x);
    if (k > 0) symo_axpy(p->dtype, p->size, -dot(p, p->axis[0].flat, x), p->axis[0].flat, x);
    if (!(symo_nrm2(p->dtype, p->size, x) > 1e-6 * before))
      return cli_fail(c, CLI_DATA, "--along: %s (give two directions)",
                      k == 0 ? "the first direction is zero" : "both directions are the same");
    normalise(p, x);
    p->variance[k] = p->at[k] = NAN;
  }
  p->length = symo_nrm2(p->dtype, p->size, p->theta);
  if (p->length == 0) p->length = 1;
  return CLI_DONE;
}

/* ---- the loss ---- */

static symo_status loss_at(cli *c, inquiry *q, plane *p, double a, double b, double *loss) {
  void *x = p->here.flat;
  const symo_problem problem = symo_net_problem(q->subject.net);
  memcpy(x, p->theta, p->size * symo_dtype_size(p->dtype));
  symo_axpy(p->dtype, p->size, a, p->axis[0].flat, x);
  symo_axpy(p->dtype, p->size, b, p->axis[1].flat, x);
  symo_status status = problem.loss(problem.self, x, loss);
  if (status != SYMO_E_NONFINITE) return status;
  *loss = INFINITY; /* too far out */
  return SYMO_OK;
}

static double coordinate(const plane *p, size_t i) {
  return p->length * p->range * (2.0 * (double)i / (double)(p->points - 1) - 1);
}

static symo_status fill(cli *c, inquiry *q, plane *p) {
  symo_status status = symo_net_select(q->subject.net, q->subject.examples, q->subject.rows);
  if (status == SYMO_OK) status = loss_at(c, q, p, 0, 0, &p->centre);
  p->least = INFINITY;
  for (size_t i = 0; i < p->points && status == SYMO_OK; i++) {
    cli_progress(c, "row %zu/%zu", i + 1, p->points);
    for (size_t j = 0; j < p->points && status == SYMO_OK; j++) {
      double *loss = &p->loss[i * p->points + j];
      status = loss_at(c, q, p, coordinate(p, j), coordinate(p, i), loss);
      if (!(*loss < p->least)) continue;
      p->least = *loss;
      p->least_at[0] = coordinate(p, j), p->least_at[1] = coordinate(p, i);
    }
  }
  return status;
}

/* ---- answers ---- */

static int draw(cli *c, const inquiry *q, const plane *p) {
  static const char *const names[] = {"landscape", NULL};
  plot_text text;
  int code = plot_text_open(c, &text);
  if (code != CLI_DONE) return code;
  for (size_t i = 0; i < p->points; i++, fprintf(text.stream, "\n"))
    for (size_t j = 0; j < p->points; j++) {
      const double loss = p->loss[i * p->points + j];
      fprintf(text.stream, "%.9g\t%.9g\t", coordinate(p, j), coordinate(p, i));
      fprintf(text.stream, loss > 0 && isfinite(loss) ? "%.9g\n" : "nan\n", log10(loss));
    }
  code = plot_text_close(&text, q->plots, "landscape.tsv");
  if (code == CLI_DONE) code = plot_text_open(c, &text);
  if (code != CLI_DONE) return code;
  fprintf(
      text.stream,
      "set contour base\nset cntrparam bspline levels auto 24\nunset surface\n"
      "set table \"contours.tsv\"\nsplot \"landscape.tsv\" using 1:2:3 with lines\nunset table\n"
      "unset contour\nset surface\n");
  plot_begin(&text, "landscape", 620, 540);
  fprintf(
      text.stream,
      "set size ratio -1\nset tics nomirror font \",9\"\nset border 3\nset xlabel \"%s\"\n"
      "set ylabel \"%s\"\nset cblabel \"log10 loss\"\nunset key\n"
      "set palette defined (0 \"#0072b2\", 0.5 \"#f0f0f0\", 1 \"#d55e00\")\n"
      "set label 1 \"\" at 0,0 point pt 7 ps 1.2 front\nset xrange [%g:%g]\nset yrange [%g:%g]\n"
      "plot \"landscape.tsv\" using 1:2:3 with image, \"contours.tsv\" using 1:2 with lines lw 0.7 "
      "lc rgb \"#303030\"\n",
      isnan(p->variance[0]) ? "first direction" : "first direction of the orbit, from theta",
      isnan(p->variance[1]) ? "second direction" : "second direction of the orbit",
      coordinate(p, 0), coordinate(p, p->points - 1), coordinate(p, 0),
      coordinate(p, p->points - 1));
  plot_end(text.stream);
  code = plot_text_close(&text, q->plots, "landscape.gp");
  return code == CLI_DONE ? plot_draw(c, q->directory, q->plots, names) : code;
}

static json_t *answer_of(cli *c, const inquiry *q, const plane *p) {
  json_t *o = json_object();
  inquiry_set_json(c, o, q);
  cli_set(c, o, "points", cli_count((double)p->points));
  cli_set(c, o, "half_width", cli_number(p->length * p->range));
  cli_set(c, o, "loss", cli_number(p->centre));
  cli_set(c, o, "least_loss", cli_number(p->least));
  cli_set(c, o, "least_at", json_pack("[f, f]", p->least_at[0], p->least_at[1]));
  if (!isnan(p->variance[0])) {
    cli_set(c, o, "orbit_variances", json_pack("[f, f]", p->variance[0], p->variance[1]));
    cli_set(c, o, "coordinates", json_pack("[f, f]", p->at[0], p->at[1]));
  }
  return o;
}

static int write_file(cli *c, const inquiry *q, const plane *p) {
  char *array = cli_join(q->directory, "landscape.npy"),
       *path = cli_join(q->directory, "landscape.json");
  int code = array == NULL || path == NULL ? cli_fail_memory(c) : CLI_DONE;
  if (code == CLI_DONE) {
    symo_status status = symo_npy_write(cli_context(c), array, p->loss, p->points, p->points);
    if (status != SYMO_OK) code = cli_fail_status(c, status);
  }
  if (code == CLI_DONE) code = cli_write_json(c, path, answer_of(c, q, p));
  symo_free(array), symo_free(path);
  return code;
}

static int report(cli *c, const inquiry *q, const plane *p) {
  int code = write_file(c, q, p);
  if (code == CLI_DONE && q->plots != NULL) code = draw(c, q, p);
  if (code != CLI_DONE) return code;
  cli_progress_end(c);
  if (cli_json(c)) return cli_print_json(c, answer_of(c, q, p));
  inquiry_print(q);
  printf("plane    %zu x %zu points, half width %.4g\n", p->points, p->points,
         p->length * p->range);
  if (!isnan(p->variance[0]))
    printf("orbit    variances %.4g, %.4g; theta at %.4g, %.4g from its mean\n", p->variance[0],
           p->variance[1], p->at[0], p->at[1]);
  printf("loss     %.6g at theta, least %.6g at %.4g, %.4g from it\n", p->centre, p->least,
         p->least_at[0], p->least_at[1]);
  printf("\nwritten to %s: landscape.npy, landscape.json%s\n", cli_str(c, "out"),
         q->plots != NULL ? ", landscape as a picture" : "");
  return CLI_DONE;
}

static int measure(cli *c, inquiry *q) {
  plane p = {.layout = inquiry_layout(q), .theta = q->subject.theta};
  p.dtype = symo_net_get_spec(q->subject.net)->dtype;
  p.size = symo_net_num_parameters(q->subject.net);
  p.points = (size_t)cli_int(c, "points"), p.range = cli_double(c, "range");
  size_t given;
  (void)cli_list(c, "along", &given);
  int code = CLI_DONE;
  if (given != 0 && given != 2)
    return cli_fail(c, CLI_USAGE, "--along: %zu of the two directions (give both)", given);
  for (int k = 0; k < 2 && given == 0 && code == CLI_DONE; k++)
    code = cli_new_vector(c, p.layout, p.dtype, &p.axis[k]);
  if (code == CLI_DONE) code = cli_new_vector(c, p.layout, p.dtype, &p.here);
  p.loss = symo_calloc(p.points * p.points, sizeof *p.loss);
  if (code == CLI_DONE && p.loss == NULL) code = cli_fail_memory(c);
  symo_status status = SYMO_OK;
  if (code == CLI_DONE && given == 2) code = given_axes(c, &p);
  if (code == CLI_DONE && given == 0) status = orbit_axes(c, q, &p);
  if (code == CLI_DONE && status == SYMO_OK) status = fill(c, q, &p);
  if (code == CLI_DONE && status != SYMO_OK) code = cli_fail_status(c, status);
  if (code == CLI_DONE) code = report(c, q, &p);
  for (int k = 0; k < 2; k++) cli_drop_vector(&p.axis[k]);
  cli_drop_vector(&p.here);
  symo_free(p.loss);
  return code;
}

static int run(cli *c) { return inquiry_run(c, INQUIRY_PLOTS, measure); }

static const cli_option options[] = {
    INQUIRY_ROWS,
    {.name = "along",
     .arg = "FILE",
     .kind = CLI_LIST,
     .help = "A direction over the parameters (safetensors), twice; the second is made orthogonal "
             "to the first; default: the leading directions of the orbit"},
    {.name = "range",
     .arg = "R",
     .kind = CLI_DOUBLE,
     .min = 1e-12,
     .max = 1e6,
     .fallback = "1.5",
     .help = "Half the width of the square, in units of theta's distance from the orbit's mean in "
             "the plane; with --along of its norm"},
    {.name = "points",
     .arg = "N",
     .kind = CLI_INT,
     .min = 2,
     .max = 2000,
     .fallback = "41",
     .help = "On each side of the square"},
    NETWORK_SEED_ROW("Seed of weights and generated data"),
    NETWORK_DTYPE_ROW,
    {.name = "out",
     .kind = CLI_STRING,
     .arg = "DIR",
     .fallback = "symo-landscape",
     .help = "Folder for landscape.npy, landscape.json and the picture"},
    {.name = "no-plots", .kind = CLI_FLAG, .help = "Draw no picture"},
    {.name = NULL}};

const cli_command cli_command_landscape = {
    .name = "landscape",
    .summary = "the loss over a plane through the parameters",
    .description =
        "The loss at theta + a d1 + b d2 over a square.  d1 and d2 are the two leading\n"
        "directions of the covariance of theta's orbit under the group, in which theta\n"
        "itself lies: at minus its coordinates these parts of theta are gone.  Or two given\n"
        "directions.  Writes landscape.npy, [points, points] with b by rows, and contours.",
    .example = "symo landscape --data digits --net 64-16-10 --train-steps 100\n"
               "symo landscape --checkpoint runs/mnist/checkpoint.safetensors --examples 500",
    .options = options,
    .json = true,
    .run = run};
