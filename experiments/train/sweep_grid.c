/* Points of a sweep. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/hash.h"
#include "core/names.h"
#include "core/number.h"
#include "experiments/train/sweep.h"

/* ---- axes ---- */

/* Up to the next comma outside of parentheses. */
static size_t value_length(const char *text) {
  int depth = 0;
  const char *p = text;
  for (; *p != '\0' && (*p != ',' || depth > 0); p++) depth += *p == '(' ? 1 : *p == ')' ? -1 : 0;
  return (size_t)(p - text);
}

static bool read_range(const char *text, double *low, double *high) {
  const char *end;
  return symo_decimal_read(text, &end, low) && *end == ':' &&
         symo_decimal_read(end + 1, NULL, high);
}

static bool read_values(const char *text, sweep_axis *axis) {
  for (const char *p = text;; p++) {
    const size_t length = value_length(p);
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
  for (size_t a = 0; a < grid->num_axes; a++) {
    if (!applies(grid, a, optimizer)) continue;
    if (grid->axes[a].count == 0 && grid->random == 0)
      return symo_fail(context, SYMO_E_ARGUMENT, "%s: a range needs --random N (or list values)",
                       grid->axes[a].key);
    points *= (double)grid->axes[a].count;
  }
  if (grid->random > 0) points = (double)grid->random;
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
    symo_status status =
        symo_rng_create(context, train_seed(grid->seed ^ stream, TRAIN_DATA, index), &rng);
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

/* Fields of the spec by their names; what is none is an option of the optimizer, as are the few that
 * are both but fields of single tasks only. */
static symo_status set_value(symo_context *context, train_spec *spec, const char *key,
                             const char *value) {
  char text[SWEEP_VALUE + 80];
  bool general = false;
  if (is_field(key, &general) && (general || !is_option(key)))
    return train_spec_set(context, spec, key, value);
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
  if (name[0] == '\0') snprintf(name, TRAIN_TEXT, "default");
  return status;
}
