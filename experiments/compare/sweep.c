/* Sweeps: what may be varied, and the runs. */
#include "experiments/compare/sweep.h"
#include "core/alloc.h"
#include "core/names.h"
#include "core/number.h"
#include "net/layer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool number(const char *text, double low, double high, double *out) {
  return symo_decimal_read(text, NULL, out) && *out >= low && *out <= high;
}

static bool apply_scale(compare_spec *spec, const char *value) {
  return number(value, 0, 1e6, &spec->network.init_scale);
}

static bool apply_steps(compare_spec *spec, const char *value) {
  double steps;
  if (!number(value, 0, 1e9, &steps) || steps != floor(steps)) return false;
  spec->network.train_steps = (size_t)steps;
  return true;
}

/* Of all layers with weights but the last. */
static bool apply_width(compare_spec *spec, const char *value) {
  double width;
  if (!number(value, 1, 1e6, &width) || width != floor(width)) return false;
  for (size_t l = 0; l + 1 < spec->network.net.num_layers; l++) {
    symo_net_layer *layer = &spec->network.net.layers[l];
    if (symo_layer_of(layer->kind)->weighs && !layer->linear) layer->width = (size_t)width;
  }
  return spec->network.net.num_layers > 1;
}

/* Number of hidden layers, all of the width of the first. */
static bool apply_depth(compare_spec *spec, const char *value) {
  double depth;
  if (!number(value, 1, SYMO_NET_MAX_LAYERS - 1, &depth) || depth != floor(depth)) return false;
  if (spec->network.net.num_layers < 2 || !symo_net_is_plain(&spec->network.net)) return false;
  const size_t hidden = spec->network.net.layers[0].width,
               out = symo_net_outputs(&spec->network.net);
  spec->network.net.num_layers = (size_t)depth + 1;
  for (size_t l = 0; l < spec->network.net.num_layers; l++)
    spec->network.net.layers[l] = (symo_net_layer){.kind = SYMO_NET_DENSE, .width = hidden};
  spec->network.net.layers[spec->network.net.num_layers - 1].width = out;
  return true;
}

static bool apply_activation(compare_spec *spec, const char *value) {
  return symo_activation_find(value, &spec->network.net.activation);
}

/* network_layout_make checks whether it is a group. */
static bool apply_groups(compare_spec *spec, const char *value) {
  spec->network.groups = value;
  spec->network.groups_flag = "sweep-values";
  return true;
}

static const compare_sweep_kind kinds[] = {
    {.name = "scale",
     .values = "0.001,0.003,0.01,0.03,0.1,0.3,1",
     .label = "scale of the weights",
     .axis = COMPARE_AXIS_LOG,
     .apply = apply_scale},
    {.name = "steps",
     .values = "0,10,30,100,300,1000",
     .label = "steps of training",
     .axis = COMPARE_AXIS_FROM_ZERO,
     .apply = apply_steps},
    {.name = "width",
     .values = "8,16,32,64,128,256",
     .label = "width of the hidden layers",
     .axis = COMPARE_AXIS_LOG,
     .apply = apply_width},
    {.name = "depth",
     .values = "1,2,3,4",
     .label = "number of hidden layers",
     .axis = COMPARE_AXIS_LINEAR,
     .apply = apply_depth},
    {.name = "activation",
     .values = "tanh,relu,gelu,linear",
     .label = "activation",
     .keeps_weights = true,
     .apply = apply_activation},
    {.name = "groups",
     .values = "sign-flip,permutation,signed-permutation,orthogonal",
     .label = "group of the hidden spaces",
     .keeps_weights = true,
     .costs = true,
     .apply = apply_groups}};

const compare_sweep_kind *compare_sweep_find(const char *name) {
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (strcmp(kinds[i].name, name) == 0) return &kinds[i];
  return NULL;
}

const compare_sweep_kind *compare_sweep_at(size_t index) {
  return index < sizeof kinds / sizeof kinds[0] ? &kinds[index] : NULL;
}

/* ---- running ---- */

static int split(cli *c, compare_sweep *sweep, const char *values) {
  for (const char *p = values; sweep->count < COMPARE_SWEEP_MOST;) {
    while (*p == ' ') p++;
    size_t length = symo_item_length(p);
    if (length == 0 || length >= sizeof sweep->value[0]) break;
    memcpy(sweep->value[sweep->count], p, length);
    sweep->value[sweep->count++][length] = '\0';
    p += length;
    if (*p == '\0') return CLI_DONE;
    p++;
  }
  return cli_fail(
      c, CLI_USAGE,
      "--sweep-values: \"%s\" is not a list of 1 to %d values (separate them by commas)", values,
      COMPARE_SWEEP_MOST);
}

int compare_sweep_make(cli *c, const compare_spec *spec, const compare_sweep_kind *kind,
                       const char *values, size_t seeds, compare_sweep *sweep) {
  *sweep = (compare_sweep){.kind = kind, .seeds = seeds};
  int code = split(c, sweep, values == NULL ? kind->values : values);
  if (code != CLI_DONE) return code;
  sweep->runs = symo_calloc(sweep->count * seeds, sizeof *sweep->runs);
  if (sweep->runs == NULL) return cli_fail_memory(c);
  const size_t count = sweep->count * seeds;
  for (size_t i = 0; i < sweep->count; i++) {
    compare_spec here = *spec;
    if (!kind->apply(&here, sweep->value[i]))
      return cli_fail(c, CLI_USAGE,
                      "--sweep-values: %s cannot be \"%s\" here (see symo compare --help)",
                      kind->label, sweep->value[i]);
    for (size_t k = 0; k < seeds; k++) {
      const compare_want want = {.owner = compare_run_owner(c, i * seeds + k, count)};
      if (want.owner == COMPARE_ALL) code = symo_comm_agree(cli_ranks(c), code);
      if (code != CLI_DONE) continue;
      here.network.seed = spec->network.seed + k;
      cli_progress(c, "%s %s, seed %llu", kind->name, sweep->value[i],
                   (unsigned long long)here.network.seed);
      compare_run *run = &sweep->runs[i * seeds + k];
      code = compare_run_make(c, &here, &want, run);
      if (code == CLI_DONE) compare_run_trim(run);
    }
  }
  return compare_runs_share(c, code, sweep->runs, count);
}

void compare_sweep_destroy(compare_sweep *sweep) {
  for (size_t i = 0; sweep->runs != NULL && i < sweep->count * sweep->seeds; i++)
    compare_run_destroy(&sweep->runs[i]);
  symo_free(sweep->runs);
  sweep->runs = NULL;
}

/* ---- reporting ---- */

enum { LONGEST = 18, WORDS = 8 };

bool compare_sweep_letters(const compare_sweep *sweep) {
  if (sweep->kind->axis != COMPARE_AXIS_WORDS) return false;
  for (size_t i = 0; i < sweep->count; i++)
    if (strlen(sweep->value[i]) > LONGEST) return true;
  return sweep->count > WORDS;
}

static int column_width(const compare_sweep *sweep, size_t i) {
  size_t width = compare_sweep_letters(sweep) ? 1 : strlen(sweep->value[i]);
  return width < 10 ? 10 : (int)width;
}

static void print_head(const compare_sweep *sweep, const char *meaning) {
  printf("\n%s, over the %s%s\n  %-15s", meaning, sweep->kind->label,
         sweep->seeds > 1 ? " (median over seeds)" : "", "");
  for (size_t i = 0; i < sweep->count; i++) {
    if (compare_sweep_letters(sweep))
      printf(" %10c", (char)('A' + (char)i));
    else
      printf(" %10s", sweep->value[i]);
  }
  printf("\n");
}

/* The statistics of a row at value i of the sweep. */
typedef compare_stat (*stat_at)(const compare_sweep *sweep, size_t i, const char *row,
                                const void *what);

static void print_rows(const compare_sweep *sweep, const char *format, stat_at stat,
                       const void *what) {
  for (size_t r = 0; r < sweep->runs->count; r++) {
    const char *name = sweep->runs->rows[r].name;
    printf("  %-15s", name);
    for (size_t i = 0; i < sweep->count; i++) {
      char text[40] = "-";
      compare_stat s = stat(sweep, i, name, what);
      if (isfinite(s.median)) (void)snprintf(text, sizeof text, format, s.median);
      printf(" %*s", column_width(sweep, i), text);
    }
    printf("\n");
  }
}

static compare_stat figure_at(const compare_sweep *sweep, size_t i, const char *row,
                              const void *what) {
  return compare_stat_of(sweep->runs + i * sweep->seeds, sweep->seeds, row, what);
}

static compare_stat stored_at(const compare_sweep *sweep, size_t i, const char *row,
                              const void *what) {
  return compare_stat_by(sweep->runs + i * sweep->seeds, sweep->seeds, row, compare_row_stored);
}

static compare_stat seconds_at(const compare_sweep *sweep, size_t i, const char *row,
                               const void *what) {
  return compare_stat_by(sweep->runs + i * sweep->seeds, sweep->seeds, row, compare_row_seconds);
}

/* Which letter is which, and whether it is a symmetry of the network. */
static void print_groups(const compare_sweep *sweep) {
  printf("\n%s\n", sweep->kind->label);
  for (size_t i = 0; i < sweep->count; i++) {
    const compare_run *run = &sweep->runs[i * sweep->seeds];
    printf("  %c  %-40s ", (char)('A' + (char)i), sweep->value[i]);
    compare_print_verdict(&run->setup);
    printf(", plan made in %.5f s\n", run->setup.plan_seconds);
  }
}

/* The median share of label 0, and for how many runs it was left out. */
static void print_centering(const compare_sweep *sweep) {
  print_head(sweep, "label 0 (what the group does not move): share of the gradient's square");
  printf("  %-15s", "share");
  for (size_t i = 0; i < sweep->count; i++) {
    double share = compare_median_share(sweep->runs + i * sweep->seeds, sweep->seeds);
    char text[40] = "-";
    if (isfinite(share)) (void)snprintf(text, sizeof text, "%.4f", share);
    printf(" %*s", column_width(sweep, i), text);
  }
  printf("\n  %-15s", "runs without it");
  for (size_t i = 0; i < sweep->count; i++) {
    size_t centered = 0;
    for (size_t k = 0; k < sweep->seeds; k++)
      centered += sweep->runs[i * sweep->seeds + k].centered;
    printf(" %*zu", column_width(sweep, i), centered);
  }
  printf("\n");
}

void compare_sweep_print(const compare_sweep *sweep) {
  if (sweep->kind->costs) {
    print_groups(sweep);
  } else if (compare_sweep_letters(sweep)) {
    printf("\n%s\n", sweep->kind->label);
    for (size_t i = 0; i < sweep->count; i++)
      printf("  %c  %s\n", (char)('A' + (char)i), sweep->value[i]);
  }
  print_centering(sweep);
  for (size_t f = 0; f < COMPARE_FIGURES; f++) {
    print_head(sweep, compare_figures[f].meaning);
    print_rows(sweep, "%.4f", figure_at, &compare_figures[f]);
  }
  if (!sweep->kind->costs) return;
  print_head(sweep, "numbers to keep");
  print_rows(sweep, "%.0f", stored_at, NULL);
  print_head(sweep, "seconds to form the estimate, its plan made before");
  print_rows(sweep, "%.6f", seconds_at, NULL);
}

double compare_sweep_number(const compare_sweep *sweep, size_t i) {
  double x = NAN;
  if (sweep->kind->axis != COMPARE_AXIS_WORDS) (void)symo_decimal_read(sweep->value[i], NULL, &x);
  return x;
}

json_t *compare_sweep_json(cli *c, const compare_sweep *sweep) {
  json_t *out = json_object(), *points = json_array();
  cli_set(c, out, "over", json_string(sweep->kind->name));
  for (size_t i = 0; i < sweep->count; i++) {
    json_t *point = json_object();
    const double x = compare_sweep_number(sweep, i);
    cli_set(c, point, "value", isnan(x) ? json_string(sweep->value[i]) : cli_number(x));
    cli_set(c, point, "result", compare_json(c, sweep->runs + i * sweep->seeds, sweep->seeds));
    cli_push(c, points, point);
  }
  cli_set(c, out, "points", points);
  return out;
}
