/* Groups of the caller's code: a table of functions, from which a plan computes bases.
 *
 * The transform of the unit vectors is the isotypic basis.  We check that the basis is orthonormal,
 * that synthesis is its transpose, and that samples act equally on all copies of an irrep and
 * commute with its units.  With Q a sample and B_c the rows of copy c (its images
 * under the units among them),  B_c Q B_e' = 0 for copies c != e,  B_c Q B_c' = B_0 Q B_0'; for the
 * trivial irrep that is 1. */
#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/names.h"
#include "core/text.h"
#include "groups/numeric/commutant.h"
#include "groups/numeric/numeric.h"

typedef struct callbacks {
  group_instance instance;
  symo_group_ops ops;
  char *texts;
} callbacks;

static const double tolerance = SYMO_CALLBACKS_TOLERANCE;

static const callbacks *of(const symo_group *self) { return (const callbacks *)(const void *)self; }

static symo_status sample(const symo_group *self, size_t dim, symo_rng *rng, double *g,
                          void *work) {
  const symo_group_ops *ops = &of(self)->ops;
  return ops->sample == NULL ? SYMO_E_UNSUPPORTED : ops->sample(ops->self, dim, rng, g);
}

static symo_status generators(const symo_group *self, size_t dim, generator_set *out) {
  const symo_group_ops *ops = &of(self)->ops;
  const symo_generators *g = ops->generators == NULL ? NULL : ops->generators(ops->self, dim);
  if (g == NULL || g->dim != dim)
    return symo_fail(out->context, SYMO_E_UNSUPPORTED,
                     "group %s: its code gives no generators on dimension %zu (use it on at most "
                     "%d %s of a tensor)",
                     self->name, dim, self->max_axes, symo_plural(self->max_axes, "axis", "axes"));
  return symo_generator_set_add(out, g, self->name);
}

static void finish(group_instance *self) {
  callbacks *g = (callbacks *)self;
  if (g->ops.destroy != NULL) g->ops.destroy(g->ops.self);
  symo_free(g->texts);
}

symo_status symo_group_from_ops(symo_context *context, const symo_group_ops *ops,
                                symo_group **out) {
  static const char *const average = "the projection onto the commutant";
  if (ops == NULL || out == NULL)
    return symo_fail_null(context, "group_from_ops", ops == NULL ? "ops" : "out");
  if (ops->size != sizeof *ops)
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "group table: its size is not that of symo_group_ops (compile it against this "
                     "version's headers)");
  const char *missing = ops->name == NULL         ? "name"
                        : ops->summary == NULL    ? "summary"
                        : ops->exact == NULL      ? "exact"
                        : ops->num_irreps == NULL ? "num_irreps"
                        : ops->irrep == NULL      ? "irrep"
                        : ops->analyze == NULL    ? "analyze"
                        : ops->synthesize == NULL ? "synthesize"
                                                  : NULL;
  if (missing != NULL || ops->max_axes < 1 || ops->max_axes > 2)
    return symo_fail(context, SYMO_E_ARGUMENT, "group table %s: %s (%s)",
                     ops->name == NULL ? "" : ops->name,
                     missing != NULL ? missing : "max_axes is neither 1 nor 2",
                     missing != NULL ? "this slot is NULL and must not be" : "set it");
  if (!symo_is_name(ops->name))
    return symo_fail(context, SYMO_E_NAME,
                     "group table \"%.40s\": not a name (letters, digits, '_', '.', '-', '/', at "
                     "most %d)",
                     ops->name, SYMO_MAX_NAME);
  size_t n = strlen(ops->name) + 1, s = strlen(ops->summary) + 1, e = strlen(ops->exact) + 1;
  char *texts = symo_malloc(n + s + e);
  if (texts == NULL) return symo_fail_memory(context, "group");
  memcpy(texts, ops->name, n);
  memcpy(texts + n, ops->summary, s);
  memcpy(texts + n + s, ops->exact, e);
  const symo_group table = {.name = texts,
                            .summary = texts + n,
                            .irreps_text = "given by its code",
                            .average = average,
                            .exact = texts + n + s,
                            .max_axes = ops->max_axes,
                            .element_size = symo_matrix_size,
                            .element_identity = symo_matrix_identity,
                            .element_sample = sample,
                            .act = symo_matrix_act,
                            .generators = ops->generators == NULL ? NULL : generators};
  group_instance *g;
  symo_status status = symo_group_instance_create(context, &table, sizeof(callbacks), 0, &g);
  if (status != SYMO_OK) {
    symo_free(texts);
    return status;
  }
  ((callbacks *)g)->ops = *ops;
  ((callbacks *)g)->texts = texts;
  g->finish = finish;
  *out = &g->group;
  return SYMO_OK;
}

bool symo_group_is_callbacks(const symo_group *group) { return group->element_sample == sample; }

/* ---- what the table says ---- */

typedef struct inquiry {
  symo_context *context;
  const symo_group *group;
  const symo_group_ops *ops;
  size_t dim;
  isotypic *iso;
} inquiry;

static symo_status doubt(const inquiry *q, const char *what, double defect) {
  return symo_callbacks_doubt(q->context, q->group->name, q->dim, what, defect);
}

/* Whether an irrep stands on the axes asked for under the name of one before it: labels are told
 * apart by names. */
static bool is_namesake(const isotypic *iso, size_t index) {
  const isotypic_irrep *r = &iso->irreps[index];
  if (r->name[0] == 0 || r->copies[1] + r->copies[2] == 0) return false;
  for (size_t k = 1; k < index; k++)
    if (iso->irreps[k].copies[1] + iso->irreps[k].copies[2] > 0 &&
        strcmp(iso->irreps[k].name, r->name) == 0)
      return true;
  return false;
}

/* Dimensions, types and multiplicities, which must add up. */
static symo_status ask_irreps(const inquiry *q) {
  const size_t most = 2147483647; /* so that sums stay in range */
  size_t total[3] = {0}, points = 1;
  for (size_t k = 0; k < q->iso->num_irreps; k++) {
    symo_group_irrep r = {{0}, 0, SYMO_REAL, {0}};
    q->ops->irrep(q->ops->self, q->dim, k, &r);
    isotypic_irrep *to = &q->iso->irreps[k];
    bool type = r.type == SYMO_REAL || r.type == SYMO_COMPLEX || r.type == SYMO_QUATERNIONIC;
    bool size = r.dim > 0 && r.dim <= most && (k > 0 || r.dim == 1);
    if (!type || !size || r.dim % (size_t)r.type != 0)
      return symo_fail(
          q->context, SYMO_E_ARGUMENT,
          "group %s on dimension %zu: irrep %zu: dimension %zu, type %d (a multiple of "
          "1, 2 or 4; number 0 is the trivial one, of dimension 1)",
          q->group->name, q->dim, k, r.dim, (int)r.type);
    memcpy(to->name, r.name, sizeof to->name - 1);
    to->n = r.dim;
    to->type = (size_t)r.type;
    for (int p = 1; p <= q->ops->max_axes; p++) {
      if (q->iso->orders >> p & 1) to->copies[p] = r.multiplicity[p];
      if (r.multiplicity[p] > most || total[p] > most * most)
        return doubt(q, "multiplicities", INFINITY);
      total[p] += r.dim * r.multiplicity[p];
    }
    if (is_namesake(q->iso, k))
      return symo_fail(q->context, SYMO_E_NAME,
                       "group %s on dimension %zu: irrep %zu: the name \"%s\" is taken (give every "
                       "irrep its own)",
                       q->group->name, q->dim, k, to->name);
  }
  for (int p = 1; p <= q->ops->max_axes; p++) {
    points *= q->dim;
    if (total[p] != points && q->iso->orders >> p & 1)
      return symo_fail(q->context, SYMO_E_ARGUMENT,
                       "group %s on dimension %zu: the irreps on %d %s add to %zu, not %zu",
                       q->group->name, q->dim, p, symo_plural(p, "axis", "axes"), total[p], points);
  }
  return SYMO_OK;
}

double symo_callbacks_distance(size_t n, const double *a, const double *b) {
  double most = 0;
  for (size_t i = 0; i < n; i++) {
    double d = fabs(a[i] - b[i]);
    if (!(d <= most)) most = isnan(d) ? (double)INFINITY : d;
  }
  return most;
}

/* The rows of the transform [points, points] as bases of the irreps, images under units
 * included. */
static void spread(isotypic *iso, int p, size_t points, const double *transform) {
  for (size_t k = 0, at = 0; k < iso->num_irreps; k++) {
    isotypic_irrep *r = &iso->irreps[k];
    size_t copies = r->copies[p];
    for (size_t row = 0; row < r->n; row++)
      for (size_t c = 0; c < copies; c++)
        for (size_t u = 0; u < r->type; u++) {
          double sign, scale = 1 / sqrt((double)r->type);
          size_t source = symo_unit_row(r->type, u, row, &sign);
          const double *from = transform + (at + source * copies + c) * points;
          double *to = r->basis[p] + ((row * copies + c) * r->type + u) * points;
          for (size_t i = 0; i < points; i++) to[i] = sign * scale * from[i];
        }
    at += r->n * copies;
  }
}

/* How far Q, acting on p axes, is from the same matrix on every column of an irrep. */
static double action_defect(const inquiry *q, int p, size_t points, const double *g, double *moved,
                            double *product) {
  double most = 0;
  for (size_t k = 0; k < q->iso->num_irreps; k++) {
    const isotypic_irrep *r = &q->iso->irreps[k];
    size_t columns = r->copies[p] * r->type, rows = r->n * columns;
    if (rows == 0) continue;
    /* moved := rows of the basis times Q on every axis, that is, Q' applied to each row. */
    memcpy(product, r->basis[p], rows * points * sizeof *product);
    double *from = product, *to = moved;
    for (int a = 0; a < p; a++) {
      size_t dims[3] = {rows, q->dim, q->dim};
      symo_nd x = symo_nd_dense(SYMO_F64, from, p + 1, dims);
      symo_nd y = symo_nd_dense(SYMO_F64, to, p + 1, dims);
      symo_matrix_act(NULL, q->dim, g, true, false, symo_nd_move(x, a + 1, 0),
                      symo_nd_move(y, a + 1, 0), NULL);
      double *swapped = from;
      from = to;
      to = swapped;
    }
    symo_gemm(SYMO_F64, 1, symo_mat_dense(from, rows, points),
              symo_mat_t(symo_mat_dense(r->basis[p], rows, points)), 0,
              symo_mat_dense(to, rows, rows));
    for (size_t i = 0; i < rows; i++)
      for (size_t j = 0; j < rows; j++) {
        size_t ci = i % columns, cj = j % columns;
        size_t u = ci % r->type, v = cj % r->type;
        if (u == v) u = v = 0; /* J_u R J_u' = R, since R commutes with the units */
        double want = 0;
        if (k == 0)
          want = i == j ? 1 : 0; /* the trivial one */
        else if (ci / r->type == cj / r->type)
          want = to[(i / columns * columns + u) * rows + j / columns * columns + v];
        double d = fabs(to[i * rows + j] - want) * (double)r->type;
        if (!(d <= most)) most = isnan(d) ? (double)INFINITY : d;
      }
  }
  return most;
}

static symo_status check_samples(const inquiry *q, int p, size_t points, double *moved,
                                 double *product) {
  symo_rng *rng = NULL;
  double *g = symo_malloc(q->dim * q->dim * sizeof *g);
  symo_status status;
  if (g == NULL) return symo_fail_memory(q->context, "group");
  SYMO_TRY(symo_rng_create(q->context, 1, &rng));
  for (int i = 0; i < 3; i++) {
    SYMO_TRY(q->ops->sample(q->ops->self, q->dim, rng, g));
    double defect = action_defect(q, p, points, g, moved, product);
    if (!(defect <= tolerance))
      SYMO_TRY(doubt(
          q, "a sample moves the trivial irrep, or does not act alike on the copies of another",
          defect));
  }
fail:
  symo_rng_destroy(rng);
  symo_free(g);
  return status;
}

static symo_status ask_order(const inquiry *q, int p) {
  size_t points = 1, type = 1;
  for (int a = 0; a < p; a++) points *= q->dim;
  for (size_t k = 0; k < q->iso->num_irreps; k++)
    if (q->iso->irreps[k].type > type) type = q->iso->irreps[k].type;
  size_t square = points * points;
  double *unit = symo_calloc(2 * square + 2 * type * type * square, sizeof *unit);
  if (unit == NULL) return symo_fail_memory(q->context, "group");
  double *transform = unit + square, *moved = transform + square,
         *product = moved + type * type * square;
  symo_status status = SYMO_OK;
  for (size_t i = 0; i < points; i++) unit[i * (points + 1)] = 1;
  q->ops->analyze(q->ops->self, q->dim, p, points, unit, transform);
  symo_mat t = symo_mat_dense(transform, points, points);
  symo_gemm(SYMO_F64, 1, t, symo_mat_t(t), 0, symo_mat_dense(product, points, points));
  double defect = symo_callbacks_distance(square, product, unit);
  if (!(defect <= tolerance)) SYMO_TRY(doubt(q, "the transform is not orthogonal", defect));
  q->ops->synthesize(q->ops->self, q->dim, p, points, transform, product);
  defect = symo_callbacks_distance(square, product, unit);
  if (!(defect <= tolerance)) SYMO_TRY(doubt(q, "synthesize does not undo analyze", defect));
  spread(q->iso, p, points, transform);
  if (q->ops->sample != NULL) SYMO_TRY(check_samples(q, p, points, moved, product));
fail:
  symo_free(unit);
  return status;
}

/* Memory for the bases of the orders asked for. */
static symo_status create_bases(const inquiry *q) {
  size_t numbers = 0, points = 1;
  for (int pass = 0; pass < 2; pass++) {
    size_t used = 0;
    points = 1;
    for (int p = 1; p <= q->ops->max_axes; p++) {
      points *= q->dim;
      for (size_t k = 0; k < q->iso->num_irreps; k++) {
        isotypic_irrep *r = &q->iso->irreps[k];
        size_t need = r->n * r->copies[p] * r->type * points;
        if (pass == 1 && need > 0) r->basis[p] = q->iso->block + used;
        used += need;
      }
    }
    numbers = used;
    if (pass == 0) q->iso->block = symo_malloc(numbers * sizeof(double));
    if (q->iso->block == NULL) return symo_fail_memory(q->context, "group");
  }
  return SYMO_OK;
}

/* Do the bases of these powers fit as matrices? */
static bool has_matrices(size_t dim, unsigned orders) {
  size_t total = 0;
  for (unsigned p = 1; p <= SYMO_MAX_REPEAT; p++) {
    if (!(orders >> p & 1)) continue;
    size_t points = symo_tensor_size(dim, p);
    if (points > SYMO_ISOTYPIC_MAX || (total += points) > SYMO_ISOTYPIC_MAX) return false;
  }
  return true;
}

/* Number of irreps, and what each says. */
static symo_status inquire(const inquiry *q) {
  const symo_group_ops *ops = q->ops;
  symo_status status = ops->accept == NULL ? SYMO_OK : ops->accept(ops->self, q->dim);
  if (status != SYMO_OK)
    return symo_fail(q->context, SYMO_E_SHAPE, "group %s: it does not act on dimension %zu (%s)",
                     q->group->name, q->dim, symo_strerror(status));
  size_t count = ops->num_irreps(ops->self, q->dim);
  if (count < 1 || count > 65536)
    return symo_fail(q->context, SYMO_E_ARGUMENT, "group %s on dimension %zu: %zu %s (1 to 65536)",
                     q->group->name, q->dim, count, symo_plural(count, "irrep", "irreps"));
  q->iso->irreps = symo_calloc(count, sizeof *q->iso->irreps);
  if (q->iso->irreps == NULL) return symo_fail_memory(q->context, "group");
  q->iso->num_irreps = count;
  return ask_irreps(q);
}

symo_status symo_callbacks_decompose(symo_context *context, const symo_group *group, size_t dim,
                                     unsigned orders, group_instance **out) {
  inquiry q = {.context = context, .group = group, .ops = &of(group)->ops, .dim = dim};
  group_transform *transform = NULL;
  symo_status status;
  if (dim == 0 || symo_tensor_size(dim, orders >> 2 & 1 ? 2 : 1) > 2147483647)
    return symo_fail(context, SYMO_E_SIZE,
                     "group %s: %d %s of dimension %zu are not 1 to 2147483647 numbers (use a "
                     "smaller dimension)",
                     group->name, orders >> 2 & 1 ? 2 : 1,
                     symo_plural(orders >> 2 & 1 ? 2 : 1, "axis", "axes"), dim);
  q.iso = symo_calloc(1, sizeof *q.iso);
  if (q.iso == NULL) return symo_fail_memory(context, "group");
  q.iso->dim = dim;
  q.iso->orders = orders;
  SYMO_TRY(inquire(&q));
  if (has_matrices(dim, orders)) {
    SYMO_TRY(create_bases(&q));
    for (int p = 1; p <= q.ops->max_axes; p++)
      if (orders >> p & 1) SYMO_TRY(ask_order(&q, p));
    return symo_numeric_create(context, group, q.iso, out);
  }
  SYMO_TRY(symo_callbacks_transform(context, group, q.ops, q.iso, &transform));
  symo_isotypic_destroy(q.iso);
  return symo_transform_group(context, group, transform, out);
fail:
  symo_isotypic_destroy(q.iso);
  return status;
}
