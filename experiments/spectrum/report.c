/* Exponents as JSON and as a table. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/statistics.h"
#include "core/text.h"
#include "experiments/spectrum/exponents.h"

/* ---- what is summed up ---- */

typedef double figure(const spectrum_matrix *m);

static double alpha(const spectrum_matrix *m) { return m->alpha.value; }
static double alpha_ggn(const spectrum_matrix *m) { return m->alpha_ggn.value; }
static double aligned(const spectrum_matrix *m) { return 2 + m->alignment.value; }
static double gamma_of(const spectrum_matrix *m) { return m->gamma.value; }
static double s_of(const spectrum_matrix *m) { return m->s.value; }
static double s_ggn(const spectrum_matrix *m) { return m->s_ggn.value; }
static double transfer(const spectrum_matrix *m) {
  return spectrum_transfer_error(m->s.value, m->alpha.value, m->gamma.value);
}
static double transfer_ggn(const spectrum_matrix *m) {
  return spectrum_transfer_error(m->s_ggn.value, m->alpha_ggn.value, m->gamma.value);
}
static double s_eigen(const spectrum_matrix *m) { return m->s_eigen.value; }
static double transfer_eigen(const spectrum_matrix *m) {
  return spectrum_transfer_error(m->s_eigen.value, m->alpha.value, m->gamma.value);
}
static double captured(const spectrum_matrix *m) { return m->captured; }
static double off_alignment(const spectrum_matrix *m) {
  return fabs(m->alpha_ggn.value - aligned(m));
}
static double ratio(const spectrum_matrix *m) { return m->participation; }

static const struct {
  const char *key;
  figure *of;
} figures[] = {{"alpha", alpha},
               {"alpha_ggn", alpha_ggn},
               {"two_plus_alignment", aligned},
               {"alignment_error", off_alignment},
               {"gamma", gamma_of},
               {"s", s_of},
               {"s_ggn", s_ggn},
               {"transfer_error", transfer},
               {"transfer_error_ggn", transfer_ggn},
               {"s_eigen", s_eigen},
               {"transfer_error_eigen", transfer_eigen},
               {"captured", captured},
               {"participation", ratio}};
enum { FIGURES = sizeof figures / sizeof *figures };

/* The median over matrices of a kind, NULL for all; NaN where none has the figure. */
static double median_of(const spectrum_exponents *e, const char *kind, figure *of) {
  double *values = symo_calloc(e->count, sizeof *values);
  size_t n = 0;
  for (size_t i = 0; values != NULL && i < e->count; i++) {
    const spectrum_matrix *m = &e->matrices[i];
    if (kind != NULL && strcmp(kind, m->place.kind) != 0) continue;
    if (isfinite(of(m))) values[n++] = of(m);
  }
  const double median = symo_median(n, values);
  symo_free(values);
  return median;
}

static bool first_of_kind(const spectrum_exponents *e, size_t at) {
  for (size_t i = 0; i < at; i++)
    if (strcmp(e->matrices[i].place.kind, e->matrices[at].place.kind) == 0) return false;
  return true;
}

static size_t count_of(const spectrum_exponents *e, const char *kind) {
  size_t n = 0;
  for (size_t i = 0; i < e->count; i++) n += strcmp(e->matrices[i].place.kind, kind) == 0;
  return n;
}

/* ---- JSON ---- */

static json_t *array_json(cli *c, size_t n, const double *x) {
  json_t *array = json_array();
  for (size_t i = 0; i < n; i++) cli_push(c, array, cli_number(x[i]));
  return array;
}

static json_t *power_json(cli *c, const symo_power *p) {
  json_t *o = json_object();
  cli_set(c, o, "value", cli_number(p->value));
  cli_set(c, o, "low", cli_number(p->low));
  cli_set(c, o, "high", cli_number(p->high));
  cli_set(c, o, "factor", cli_number(p->factor));
  cli_set(c, o, "scatter", cli_number(p->scatter));
  cli_set(c, o, "points", json_integer((json_int_t)p->points));
  return o;
}

static json_t *indices_json(cli *c, size_t n, const double *at) {
  json_t *array = json_array();
  for (size_t i = 0; i < n; i++) cli_push(c, array, json_integer((json_int_t)at[i]));
  return array;
}

static json_t *matrix_json(cli *c, const spectrum_matrix *m) {
  const struct {
    const char *key;
    const symo_power *power;
  } fits[] = {
      {"alpha", &m->alpha},         {"alpha_ggn", &m->alpha_ggn}, {"alpha_kfac", &m->alpha_kfac},
      {"alignment", &m->alignment}, {"gamma", &m->gamma},         {"s", &m->s},
      {"s_ggn", &m->s_ggn}};
  json_t *o = json_object();
  cli_set(c, o, "name", json_string(m->place.name));
  cli_set(c, o, "kind", json_string(m->place.kind));
  cli_set(c, o, "rows", json_integer((json_int_t)m->place.rows));
  cli_set(c, o, "columns", json_integer((json_int_t)m->place.cols));
  cli_set(c, o, "range", json_integer((json_int_t)m->range));
  cli_set(c, o, "negative", json_integer((json_int_t)m->negative));
  for (size_t i = 0; i < sizeof fits / sizeof *fits; i++)
    cli_set(c, o, fits[i].key, power_json(c, fits[i].power));
  cli_set(c, o, "two_plus_alignment", cli_number(aligned(m)));
  cli_set(c, o, "transfer_error", cli_number(transfer(m)));
  cli_set(c, o, "transfer_error_ggn", cli_number(transfer_ggn(m)));
  cli_set(c, o, "transfer_error_eigen", cli_number(transfer_eigen(m)));
  cli_set(c, o, "captured", cli_number(m->captured));
  cli_set(c, o, "participation", cli_number(m->participation));
  cli_set(c, o, "participation_of_power", cli_number(m->participation_power));
  cli_set(c, o, "participation_zeta", cli_number(m->participation_limit));
  cli_set(c, o, "singular_values", array_json(c, m->rank, m->sigma));
  cli_set(c, o, "k", indices_json(c, m->count, m->at));
  cli_set(c, o, "hessian", array_json(c, m->count, m->hessian));
  cli_set(c, o, "ggn", array_json(c, m->count, m->ggn));
  cli_set(c, o, "kfac", array_json(c, m->count, m->kfac));
  cli_set(c, o, "eigenvalues", array_json(c, m->num_eigenvalues, m->eigenvalues));
  return o;
}

static json_t *medians_json(cli *c, const spectrum_exponents *e, const char *kind) {
  json_t *o = json_object();
  cli_set(c, o, "matrices",
          json_integer((json_int_t)(kind != NULL ? count_of(e, kind) : e->count)));
  for (size_t f = 0; f < FIGURES; f++)
    cli_set(c, o, figures[f].key, cli_number(median_of(e, kind, figures[f].of)));
  return o;
}

json_t *spectrum_exponents_json(cli *c, const spectrum_exponents *e) {
  json_t *o = json_object(), *matrices = json_array(), *kinds = json_object();
  for (size_t i = 0; i < e->count; i++) {
    const char *kind = e->matrices[i].place.kind;
    cli_push(c, matrices, matrix_json(c, &e->matrices[i]));
    if (first_of_kind(e, i)) cli_set(c, kinds, kind, medians_json(c, e, kind));
  }
  cli_set(c, o, "loss", cli_number(e->loss));
  cli_set(c, o, "gradient_norm", cli_number(e->gradient));
  cli_set(c, o, "products", json_integer((json_int_t)e->products));
  cli_set(c, o, "medians", medians_json(c, e, NULL));
  cli_set(c, o, "kinds", kinds);
  cli_set(c, o, "matrices", matrices);
  return o;
}

/* ---- text ---- */

/* "1.93 [1.80, 2.04]" in 19 columns, "-" where there is none. */
static void print_power(const symo_power *p) {
  char text[48] = "-";
  if (isfinite(p->value) && isfinite(p->low))
    (void)snprintf(text, sizeof text, "%.2f [%.2f, %.2f]", p->value, p->low, p->high);
  else if (isfinite(p->value))
    (void)snprintf(text, sizeof text, "%.2f", p->value);
  printf("  %-19s", text);
}

/* In 8 columns. */
static void print_number(double value, int digits) {
  if (isfinite(value))
    printf("  %6.*f", fabs(value) < 1e4 ? digits : 0, value);
  else
    printf("  %6s", "-");
}

static int widest(const spectrum_exponents *e, bool kinds) {
  size_t width = 6;
  for (size_t i = 0; i < e->count; i++) {
    const spectrum_place *p = &e->matrices[i].place;
    const size_t length = strlen(kinds ? p->kind : p->name);
    width = length > width ? length : width;
  }
  return (int)width;
}

static void print_matrix(const spectrum_matrix *m, int names, int kinds) {
  char size[32], range[32];
  (void)snprintf(size, sizeof size, "%zu x %zu", m->place.rows, m->place.cols);
  (void)snprintf(range, sizeof range, "%zu/%zu", m->range, m->rank);
  printf("%-*s  %-*s  %11s  %9s", names, m->place.name, kinds, m->place.kind, size, range);
  print_power(&m->alpha);
  print_power(&m->alpha_ggn);
  print_number(aligned(m), 2);
  print_power(&m->gamma);
  print_number(m->s.value, 2);
  print_number(m->s_ggn.value, 2);
  print_number(100 * transfer(m), 1);
  print_number(100 * transfer_ggn(m), 1);
  print_number(m->s_eigen.value, 2);
  print_number(100 * transfer_eigen(m), 1);
  print_number(m->participation, 1);
  print_number(m->participation_power, 1);
  printf("\n");
}

static const struct {
  const char *title;
  figure *of;
  double times;
  int digits;
} columns[] = {{"alpha", alpha, 1, 2},
               {"alpha GN", alpha_ggn, 1, 2},
               {"2+slope", aligned, 1, 2},
               {"gamma", gamma_of, 1, 2},
               {"err %", transfer, 100, 1},
               {"GN %", transfer_ggn, 100, 1},
               {"eig %", transfer_eigen, 100, 1},
               {"h/eig", captured, 1, 2}};
enum { COLUMNS = sizeof columns / sizeof *columns };

static void print_medians(const spectrum_exponents *e, int names) {
  printf("\nmedians by kind\n%-*s  %5s", names, "kind", "count");
  for (size_t f = 0; f < COLUMNS; f++) printf("  %8s", columns[f].title);
  printf("\n");
  for (size_t i = 0; i <= e->count; i++) {
    const char *kind = i < e->count ? e->matrices[i].place.kind : NULL;
    if (kind != NULL && !first_of_kind(e, i)) continue;
    printf("%-*s  %5zu", names, kind != NULL ? kind : "all",
           kind != NULL ? count_of(e, kind) : e->count);
    for (size_t f = 0; f < COLUMNS; f++) {
      printf("  ");
      print_number(columns[f].times * median_of(e, kind, columns[f].of), columns[f].digits);
    }
    printf("\n");
  }
}

void spectrum_exponents_print(const spectrum_exponents *e) {
  const int names = widest(e, false), kinds = widest(e, true);
  printf(
      "%-*s  %-*s  %11s  %9s  %-19s  %-19s  %6s  %-19s  %6s  %6s  %6s  %6s  %6s  %6s  %6s  %6s\n",
      names, "matrix", kinds, "kind", "size", "range", "alpha", "alpha GN", "2+slope", "gamma", "s",
      "s GN", "err %", "GN %", "s eig", "eig %", "PR", "zeta");
  for (size_t i = 0; i < e->count; i++) print_matrix(&e->matrices[i], names, kinds);
  print_medians(e, kinds);
}
