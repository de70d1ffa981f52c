/* Sweeps: what may be varied, and the runs. */
#include "experiments/compare/sweep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/number.h"

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
    if ((layer->kind == SYMO_NET_DENSE && !layer->linear) || layer->kind == SYMO_NET_RECURRENT ||
        layer->kind == SYMO_NET_CONV)
      layer->width = (size_t)width;
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

/* Whether it is a group, network_layout_make says. */
static bool apply_groups(compare_spec *spec, const char *value) {
  spec->network.groups = value;
  spec->network.groups_flag = "sweep-values";
  return true;
}

static const compare_sweep_kind kinds[] = {
    {"scale", "0.001,0.003,0.01,0.03,0.1,0.3,1", "scale of the weights", true, true, apply_scale},
    {"steps", "0,10,30,100,300,1000", "steps of training", true, false, apply_steps},
    {"width", "8,16,32,64,128,256", "width of the hidden layers", true, true, apply_width},
    {"depth", "1,2,3,4", "number of hidden layers", true, false, apply_depth},
    {"activation", "tanh,relu,gelu,linear", "activation", false, false, apply_activation},
    {"groups", "sign-flip,permutation,signed-permutation,orthogonal", "group of the hidden spaces",
     false, false, apply_groups}};

const compare_sweep_kind *compare_sweep_find(const char *name) {
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (strcmp(kinds[i].name, name) == 0) return &kinds[i];
  return NULL;
}

/* ---- running ---- */

/* Up to the next comma outside of parentheses. */
static size_t value_length(const char *text) {
  int depth = 0;
  const char *p = text;
  for (; *p != '\0' && (*p != ',' || depth > 0); p++) depth += *p == '(' ? 1 : *p == ')' ? -1 : 0;
  return (size_t)(p - text);
}

static int split(cli *c, compare_sweep *sweep, const char *values) {
  for (const char *p = values; sweep->count < COMPARE_SWEEP_MOST;) {
    while (*p == ' ') p++;
    size_t length = value_length(p);
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
  const compare_want want = {0};
  for (size_t i = 0; i < sweep->count; i++) {
    compare_spec here = *spec;
    if (!kind->apply(&here, sweep->value[i]))
      return cli_fail(c, CLI_USAGE,
                      "--sweep-values: %s cannot be \"%s\" here (see symo compare --help)",
                      kind->label, sweep->value[i]);
    for (size_t k = 0; k < seeds; k++) {
      here.network.seed = spec->network.seed + k;
      cli_progress(c, "%s %s, seed %llu", kind->name, sweep->value[i],
                   (unsigned long long)here.network.seed);
      compare_run *run = &sweep->runs[i * seeds + k];
      code = compare_run_make(c, &here, &want, run);
      if (code != CLI_DONE) return code;
      compare_run_trim(run);
    }
  }
  return CLI_DONE;
}

void compare_sweep_destroy(compare_sweep *sweep) {
  for (size_t i = 0; sweep->runs != NULL && i < sweep->count * sweep->seeds; i++)
    compare_run_destroy(&sweep->runs[i]);
  symo_free(sweep->runs);
  sweep->runs = NULL;
}

/* ---- reporting ---- */

double compare_sweep_number(const compare_sweep *sweep, size_t i) {
  double x = NAN;
  if (sweep->kind->numbers) (void)symo_decimal_read(sweep->value[i], NULL, &x);
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
