/* Points of a sweep, and what came out of them. */
#include "experiments/train/sweep.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/names.h"
#include "core/number.h"
#include "experiments/train/option.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- axes ---- */

static bool read_range(const char *text, double *low, double *high) {
  const char *end;
  return symo_decimal_read(text, &end, low) && *end == ':' &&
         symo_decimal_read(end + 1, NULL, high);
}

static bool read_values(const char *text, sweep_axis *axis) {
  for (const char *p = text;; p++) {
    const size_t length = symo_item_length(p);
    if (length == 0 || length >= SWEEP_VALUE || axis->count == SWEEP_VALUES) return false;
    memcpy(axis->values[axis->count], p, length);
    axis->values[axis->count++][length] = '\0';
    p += length;
    if (*p == '\0') return true;
  }
}

symo_status sweep_grid_add(symo_context *context, sweep_grid *grid, const char *text) {
  sweep_axis axis = {0};
  const char *equal = strchr(text, '='), *colon = strchr(text, ':');
  const char *key = colon != NULL && equal != NULL && colon < equal ? colon + 1 : text;
  if (strcspn(text, "*?") < (size_t)(key - text)) key = text; /* a pattern of tensors */
  if (equal == NULL || equal == key || (size_t)(equal - key) >= sizeof axis.key ||
      (size_t)(key - text) > sizeof axis.only)
    return symo_fail(context, SYMO_E_ARGUMENT, "\"%s\" is not KEY=VALUE,VALUE (such as lr=0.1,0.3)",
                     symo_quoted(text).text);
  if (key > text) snprintf(axis.only, sizeof axis.only, "%.*s", (int)(key - text - 1), text);
  snprintf(axis.key, sizeof axis.key, "%.*s", (int)(equal - key), key);
  if (read_range(equal + 1, &axis.low, &axis.high)) {
    if (!(axis.low > 0 && axis.high >= axis.low))
      return symo_fail(context, SYMO_E_ARGUMENT,
                       "%s: %g:%g is no range of positive numbers (LOW:HIGH)", axis.key, axis.low,
                       axis.high);
  } else if (!read_values(equal + 1, &axis)) {
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "%s: not a list of 1 to %d values (separate by commas)", axis.key,
                     SWEEP_VALUES);
  }
  if (grid->num_axes == SWEEP_AXES)
    return symo_fail(context, SYMO_E_ARGUMENT, "more than %d axes (leave some out)", SWEEP_AXES);
  for (size_t a = 0; a < grid->num_axes; a++)
    if (strcmp(grid->axes[a].key, axis.key) == 0 && strcmp(grid->axes[a].only, axis.only) == 0)
      return symo_fail(context, SYMO_E_ARGUMENT, "%s: given twice (give it once)", axis.key);
  grid->axes[grid->num_axes++] = axis;
  return SYMO_OK;
}

bool sweep_grid_draws(const sweep_grid *grid) {
  for (size_t a = 0; a < grid->num_axes; a++)
    if (strcmp(grid->axes[a].key, "optimizer") != 0) return true;
  return false;
}

/* Whether an axis counts for an optimizer: its own ones go before those for all. */
static bool applies(const sweep_grid *grid, size_t index, const char *optimizer) {
  const sweep_axis *axis = &grid->axes[index];
  if (strcmp(axis->key, "optimizer") == 0) return false;
  if (axis->only[0] != '\0') return strcmp(axis->only, optimizer) == 0;
  for (size_t a = 0; a < grid->num_axes; a++)
    if (strcmp(grid->axes[a].key, axis->key) == 0 && strcmp(grid->axes[a].only, optimizer) == 0)
      return false;
  return true;
}

symo_status sweep_grid_count(symo_context *context, const sweep_grid *grid, const char *optimizer,
                             size_t *count) {
  double points = 1;
  bool any = false;
  for (size_t a = 0; a < grid->num_axes; a++) {
    if (!applies(grid, a, optimizer)) continue;
    any = true;
    if (grid->axes[a].count == 0 && grid->random == 0)
      return symo_fail(context, SYMO_E_ARGUMENT, "%s: a range needs --random N (or list values)",
                       grid->axes[a].key);
    points *= (double)grid->axes[a].count;
  }
  if (grid->random > 0 && any) points = (double)grid->random;
  if (points > 1e6)
    return symo_fail(context, SYMO_E_SIZE, "%g points (take fewer values, or --random N)", points);
  *count = (size_t)points;
  return SYMO_OK;
}

/* ---- points ---- */

/* A value of an axis: random ones hang on seed, optimizer, axis and point alone, so that a longer
 * sweep begins with the points of a shorter one. */
static symo_status value_of(symo_context *context, const sweep_grid *grid, const sweep_axis *axis,
                            const char *optimizer, size_t index, size_t *rest,
                            char value[SWEEP_VALUE]) {
  size_t pick = 0;
  if (grid->random == 0) {
    pick = *rest % axis->count;
    *rest /= axis->count;
  } else {
    symo_rng *rng = NULL;
    const uint64_t name = symo_hash_bytes(optimizer, strlen(optimizer));
    const uint64_t stream = name ^ symo_hash_bytes(axis->key, strlen(axis->key)) * 31;
    symo_status status = symo_rng_create(
        context, symo_data_seed(grid->seed ^ stream, SYMO_STREAM_DATA, index), &rng);
    if (status != SYMO_OK) return status;
    const double u = symo_rng_uniform(rng);
    symo_rng_destroy(rng);
    if (axis->count == 0) {
      snprintf(value, SWEEP_VALUE, "%.3g", axis->low * pow(axis->high / axis->low, u));
      return SYMO_OK;
    }
    pick = (size_t)(u * (double)axis->count);
  }
  snprintf(value, SWEEP_VALUE, "%s", axis->values[pick]);
  return SYMO_OK;
}

static bool is_field(const char *key, bool *general) {
  const train_task *task;
  bool any = false;
  *general = true;
  for (size_t t = 0; (task = train_task_at(t)) != NULL; t++) {
    const bool has = train_spec_has(task, key);
    any = any || has, *general = *general && has;
  }
  return any;
}

static bool is_option(const char *key) {
  for (size_t i = 0; i < symo_method_num_options(); i++)
    if (strcmp(symo_method_option(i)->key, key) == 0) return true;
  return false;
}

/* Fields of the spec by their names; what is none is an option of the optimizer, as are the few
 * that are both but fields of single tasks only. */
static bool sets_field(const char *key) {
  bool general = false;
  return is_field(key, &general) && (general || !is_option(key));
}

static symo_status set_value(symo_context *context, train_spec *spec, const char *key,
                             const char *value) {
  char text[SWEEP_VALUE + 80];
  if (sets_field(key)) return train_spec_set(context, spec, key, value);
  snprintf(text, sizeof text, "%s=%s", key, value);
  return train_spec_set(context, spec, "set", text);
}

symo_status sweep_grid_point(symo_context *context, const sweep_grid *grid, const char *optimizer,
                             size_t index, train_spec *spec, char name[TRAIN_TEXT]) {
  size_t rest = index, used = 0;
  char value[SWEEP_VALUE];
  symo_status status = train_spec_set(context, spec, "optimizer", optimizer);
  name[0] = '\0';
  for (size_t a = 0; a < grid->num_axes && status == SYMO_OK; a++) {
    const sweep_axis *axis = &grid->axes[a];
    if (!applies(grid, a, optimizer)) continue;
    status = value_of(context, grid, axis, optimizer, index, &rest, value);
    if (status == SYMO_OK) status = set_value(context, spec, axis->key, value);
    if (used < TRAIN_TEXT)
      used += (size_t)snprintf(name + used, TRAIN_TEXT - used, "%s%s=%s", used > 0 ? "," : "",
                               axis->key, value);
  }
  for (size_t a = 0; a < grid->num_axes && status == SYMO_OK; a++)
    if (applies(grid, a, optimizer) && sets_field(grid->axes[a].key))
      status = train_option_check_used(context, train_option_find(grid->axes[a].key), spec);
  if (name[0] == '\0') snprintf(name, TRAIN_TEXT, "default");
  return status;
}

/* ---- what came out ---- */

static double sweep_figure(const train_result *r, const char *by) {
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
