/* The table on the terminal. */
#include "experiments/compare/report.h"
#include "core/statistics.h"
#include "core/text.h"
#include "experiments/models/network_layout.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIGURE(name, title, text)                                                                  \
  { #name, title, text, offsetof(compare_metrics, name) }

const compare_figure compare_figures[COMPARE_FIGURES] = {
    FIGURE(cosine_abs_hessian, "cos |H|", "cosine with |H(theta)|"),
    FIGURE(rel_error_abs_hessian, "err |H|", "relative error against |H| after the best multiple"),
    FIGURE(hvp_cosine, "cos |H|v", "mean cosine between B v and |H| v"),
    FIGURE(newton_decrease, "newton", "loss decrease of the best damped step over |H|'s"),
    FIGURE(solve_error, "solve", "relative error of (B + lambda)^-1 v, lambda 0.001 of |H|"),
    FIGURE(logdet_error, "logdet", "error of log det(B + lambda) for each parameter"),
    FIGURE(cosine_hessian, "cos H", "cosine with H(theta)"),
    FIGURE(cosine_hessian_star, "cos H*", "cosine with H(theta*)")};

const compare_figure *compare_figure_find(const char *key) {
  for (size_t f = 0; f < COMPARE_FIGURES; f++)
    if (strcmp(compare_figures[f].key, key) == 0) return &compare_figures[f];
  return NULL;
}

double compare_figure_of(const compare_figure *figure, const compare_row *row) {
  double value;
  memcpy(&value, (const char *)&row->metrics + figure->offset, sizeof value);
  return value;
}

enum { MOST = 64 };

/* Of n values, which are sorted. */
static compare_stat stat(double *values, size_t n) {
  if (n == 0) return (compare_stat){NAN, NAN, NAN};
  const double median = symo_median(n, values);
  return (compare_stat){median, values[0], values[n - 1]};
}

compare_stat compare_stat_of(const compare_run *runs, size_t count, const char *name,
                             const compare_figure *figure) {
  double values[MOST];
  size_t n = 0;
  for (size_t i = 0; i < count && n < MOST; i++) {
    const compare_row *row = compare_run_row(&runs[i], name);
    double value = row == NULL ? NAN : compare_figure_of(figure, row);
    if (isfinite(value)) values[n++] = value;
  }
  return stat(values, n);
}

compare_stat compare_stat_by(const compare_run *runs, size_t count, const char *name,
                             double (*get)(const compare_row *row)) {
  double values[MOST];
  size_t n = 0;
  for (size_t i = 0; i < count && n < MOST; i++) {
    const compare_row *row = compare_run_row(&runs[i], name);
    if (row != NULL && row->done) values[n++] = get(row);
  }
  return stat(values, n);
}

double compare_median_share(const compare_run *runs, size_t count) {
  double values[MOST];
  size_t n = 0;
  for (size_t i = 0; i < count && n < MOST; i++)
    if (isfinite(runs[i].fixed.share)) values[n++] = runs[i].fixed.share;
  return stat(values, n).median;
}

double compare_row_stored(const compare_row *row) { return row->stored; }
double compare_row_seconds(const compare_row *row) { return row->seconds; }

/* ---- header ---- */

void compare_print_groups(const network_point *s) {
  printf("groups   ");
  for (size_t i = 0; i < symo_layout_num_spaces(s->layout); i++) {
    const symo_group *group = symo_layout_space_group(s->layout, i);
    if (strcmp(symo_group_name(group), "identity") == 0) continue;
    char text[256];
    network_group_text(s->layout, i, text, sizeof text);
    printf("%s %s%s(%zu), ", symo_layout_space_name(s->layout, i), text,
           strchr(text, '(') != NULL ? " " : "", symo_layout_space_dim(s->layout, i));
  }
}

static void print_choice(const network_point *s) {
  if (s->auto_groups)
    printf("chosen for %s: ", symo_activation_name(s->spec.net.activation));
  else
    printf("as given: ");
  compare_print_verdict(s);
  printf("\n");
}

void compare_print_verdict(const network_point *s) {
  printf("%s", symo_symmetry_verdict_name(s->verdict));
  if (isnan(s->defect)) return;
  if (s->verdict == SYMO_SYMMETRY_UNCERTAIN)
    printf(" at these weights (defect %.1e, at larger ones %.1e)", s->defect, s->elsewhere);
  else
    printf(" (largest defect %.1e)", s->defect);
}

/* "label 0  98 % of the gradient's square: left out of the estimates (centred)" */
static void print_centering(const compare_run *runs, size_t seeds) {
  double least = (double)INFINITY, most = 0;
  size_t centered = 0;
  for (size_t i = 0; i < seeds; i++) {
    centered += runs[i].centered;
    if (!isfinite(runs[i].fixed.share)) continue;
    least = fmin(least, runs[i].fixed.share);
    most = fmax(most, runs[i].fixed.share);
  }
  printf("label 0  (what the group does not move) ");
  if (!isfinite(least))
    printf("the gradient is zero: ");
  else if (least == most)
    printf("%.4g %% of the gradient's square: ", 100 * most);
  else
    printf("%.3g to %.4g %% of the gradient's square: ", 100 * least, 100 * most);
  printf("%s", centered > 0 ? "left out of the estimates, which are centred" : "in the estimates");
  if (centered > 0 && centered < seeds)
    printf(", in %zu of %zu %s", centered, seeds, symo_plural(seeds, "run", "runs"));
  printf("\n");
}

void compare_print_header(const compare_run *run, size_t seeds) {
  const network_point *s = &run->setup;
  char net[256];
  symo_net_text(&s->spec.net, net, sizeof net);
  printf("network  %s %s, %s%s, %zu %s, %s\n", net, symo_activation_name(s->spec.net.activation),
         symo_loss_name(s->spec.net.loss), s->spec.net.bias ? "" : ", no biases", s->parameters,
         symo_plural(s->parameters, "parameter", "parameters"), symo_dtype_name(s->spec.net.dtype));
  printf("data     %s, %zu %s\n", s->data_name, s->examples,
         symo_plural(s->examples, "example", "examples"));
  compare_print_groups(s);
  print_choice(s);
  if (s->spec.weights != NULL)
    printf("point    weights of %s, ", s->spec.weights);
  else
    printf("point    weights of scale %g, ", s->spec.init_scale);
  if (s->spec.train_steps > 0)
    printf("%zu %s of Adam (lr %g), ", s->spec.train_steps,
           symo_plural(s->spec.train_steps, "step", "steps"), s->spec.train_lr);
  else if (s->spec.weights == NULL)
    printf("untrained, ");
  printf("seed %llu", (unsigned long long)s->spec.seed);
  if (seeds > 1) printf(" to %llu", (unsigned long long)(s->spec.seed + seeds - 1));
  printf(": loss %.6g, |gradient| %.3g, |H| %.3g, %zu of %zu %s negative\n", run->loss,
         run->grad_norm, run->h_norm, run->negative, s->parameters,
         symo_plural(s->parameters, "eigenvalue", "eigenvalues"));
  compare_print_estimates(run, seeds);
}

void compare_print_estimates(const compare_run *run, size_t seeds) {
  print_centering(run, seeds);
  const symo_lowrank_cost *lr = &run->lowrank;
  printf("h-lr     %zu %s with H: %zu of a Lanczos iteration for %zu %s, %zu for the rest; %.0f "
         "numbers\n",
         lr->products, symo_plural(lr->products, "product", "products"), lr->iteration, lr->rank,
         symo_plural(lr->rank, "eigenpair", "eigenpairs"), lr->products - lr->iteration,
         lr->stored_numbers);
  printf("\n");
}

/* ---- table ---- */

static void cell(double value, int width) {
  char text[32];
  if (isfinite(value))
    (void)snprintf(text, sizeof text, "%.4f", value);
  else
    (void)snprintf(text, sizeof text, "-");
  printf("%*s", width, text);
}

/* "0.981 [.970,.990]" */
static void ranged_cell(compare_stat s, int width) {
  char text[64];
  if (isfinite(s.median))
    (void)snprintf(text, sizeof text, "%.3f [%.2f,%.2f]", s.median, s.min, s.max);
  else
    (void)snprintf(text, sizeof text, "-");
  printf("%*s", width, text);
}

static const char *heading(compare_kind kind) {
  switch (kind) {
  case COMPARE_EXACT: return "exact second derivatives";
  case COMPARE_FLOOR: return "the most the structure allows (orbit averages of exact matrices)";
  case COMPARE_FAMILY: return "symmetry, from one gradient";
  case COMPARE_PRODUCTS: return "symmetry, from products with H";
  default: return "others";
  }
}

static void print_row(const compare_run *runs, size_t count, const compare_row *row) {
  printf("  %-15s", row->name);
  if (!row->done) {
    printf("  %s\n", row->note);
    return;
  }
  for (size_t f = 0; f < COMPARE_FIGURES; f++) {
    if (count == 1)
      cell(compare_figure_of(&compare_figures[f], row), 9);
    else
      ranged_cell(compare_stat_of(runs, count, row->name, &compare_figures[f]), 20);
  }
  printf("%10.0f%10.4f\n", row->stored, row->seconds);
}

void compare_print_table(const compare_run *runs, size_t count) {
  printf("  %-15s", "");
  for (size_t f = 0; f < COMPARE_FIGURES; f++)
    printf("%*s", count == 1 ? 9 : 20, compare_figures[f].head);
  printf("%10s%10s\n", "numbers", "seconds");
  for (int kind = COMPARE_EXACT; kind <= COMPARE_COMPETITOR; kind++) {
    bool any = false;
    for (size_t i = 0; i < runs->count; i++) {
      if ((int)runs->rows[i].kind != kind) continue;
      if (!any) printf("%s\n", heading((compare_kind)kind));
      any = true;
      print_row(runs, count, &runs->rows[i]);
    }
  }
  printf("\n");
  for (size_t f = 0; f < COMPARE_FIGURES; f++)
    printf("  %-9s %s\n", compare_figures[f].head, compare_figures[f].meaning);
  if (count > 1)
    printf("  Median over %zu %s [least, greatest]; numbers and seconds: of the first.\n", count,
           symo_plural(count, "seed", "seeds"));
}
