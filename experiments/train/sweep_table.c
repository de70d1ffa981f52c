/* What came out of a sweep. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "experiments/train/sweep.h"

double sweep_figure(const train_result *r, const char *by) {
  if (r->diverged) return INFINITY;
  if (strcmp(by, "loss") == 0) return r->loss;
  if (strcmp(by, "smooth_loss") == 0) return r->smooth_loss;
  if (strcmp(by, "best_val_loss") == 0) return r->best_val_loss;
  return r->val_loss;
}

void sweep_row_judge(sweep_row *row, const char *by) {
  const double n = (double)row->seeds;
  double sum = 0, squares = 0;
  row->diverged = 0;
  for (size_t s = 0; s < row->seeds; s++) {
    sum += sweep_figure(&row->results[s], by) / n;
    row->diverged += row->results[s].diverged;
  }
  for (size_t s = 0; s < row->seeds && isfinite(sum); s++)
    squares += pow(sweep_figure(&row->results[s], by) - sum, 2);
  row->mean = sum;
  row->sd = row->seeds > 1 && isfinite(sum) ? sqrt(squares / (n - 1)) : (double)NAN;
}

/* Not the first of its optimizer that is as good as any. */
static bool is_best(const sweep_row *rows, size_t count, size_t index) {
  for (size_t i = 0; i < count; i++) {
    if (strcmp(rows[i].optimizer, rows[index].optimizer) != 0) continue;
    if (rows[i].mean < rows[index].mean || (rows[i].mean == rows[index].mean && i < index))
      return false;
  }
  return isfinite(rows[index].mean);
}

static double mean_seconds(const sweep_row *row) {
  double sum = 0;
  for (size_t s = 0; s < row->seeds; s++) sum += row->results[s].seconds / (double)row->seeds;
  return sum;
}

void sweep_print(const sweep_row *rows, size_t count, const char *by) {
  printf("  %-16s %22s  %9s  %s\n", "optimizer", by, "seconds", "best settings");
  for (size_t i = 0; i < count; i++) {
    size_t points = 0, failed = 0;
    if (!is_best(rows, count, i)) continue;
    for (size_t k = 0; k < count; k++)
      if (strcmp(rows[k].optimizer, rows[i].optimizer) == 0)
        points++, failed += rows[k].diverged > 0;
    char figure[64];
    if (isnan(rows[i].sd))
      (void)snprintf(figure, sizeof figure, "%.5g", rows[i].mean);
    else
      (void)snprintf(figure, sizeof figure, "%.5g +- %.2g", rows[i].mean, rows[i].sd);
    printf("  %-16s %22s  %9.3g  %s  (of %zu", rows[i].optimizer, figure, mean_seconds(&rows[i]),
           rows[i].name, points);
    if (failed > 0) printf(", %zu diverged", failed);
    printf(")\n");
  }
  for (size_t i = 0; i < count; i++) {
    bool any = false, first = true;
    for (size_t k = 0; k < count; k++)
      if (strcmp(rows[k].optimizer, rows[i].optimizer) == 0) {
        any = any || isfinite(rows[k].mean);
        first = first && k >= i;
      }
    if (!any && first) printf("  %-16s %22s\n", rows[i].optimizer, "all diverged");
  }
}

json_t *sweep_json(cli *c, const train_spec *base, const sweep_row *rows, size_t count,
                   const char *by) {
  json_t *o = json_object(), *list = json_array();
  cli_set(c, o, "task", json_string(base->task->name));
  cli_set(c, o, "by", json_string(by));
  cli_set(c, o, "steps", json_integer((json_int_t)base->steps));
  for (size_t i = 0; i < count; i++) {
    json_t *row = json_object(), *figures = json_array();
    cli_set(c, row, "optimizer", json_string(rows[i].optimizer));
    cli_set(c, row, "settings", json_string(rows[i].name));
    cli_set(c, row, "mean", cli_number(rows[i].mean));
    cli_set(c, row, "sd", cli_number(rows[i].sd));
    cli_set(c, row, "diverged", json_integer((json_int_t)rows[i].diverged));
    cli_set(c, row, "seconds", cli_number(mean_seconds(&rows[i])));
    cli_set(c, row, "best", json_boolean(is_best(rows, count, i)));
    for (size_t s = 0; s < rows[i].seeds; s++)
      cli_push(c, figures, cli_number(sweep_figure(&rows[i].results[s], by)));
    cli_set(c, row, "figures", figures);
    cli_push(c, list, row);
  }
  cli_set(c, o, "points", list);
  return o;
}
