/* Network specs: names, the short notation "20-64-5", and the layout of the parameters. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "experiments/net/net.h"

/* One row per activation: its name and the group of a hidden space under which the loss is
 * invariant. */
static const struct {
  const char *name, *group;
} activations[] = {[SYMO_ACT_TANH] = {"tanh", "signed-permutation"},
                   [SYMO_ACT_RELU] = {"relu", "permutation"},
                   [SYMO_ACT_GELU] = {"gelu", "permutation"},
                   [SYMO_ACT_LINEAR] = {"linear", "orthogonal"}};
static const char *const losses[] = {
    [SYMO_LOSS_MSE] = "mse", [SYMO_LOSS_CROSS_ENTROPY] = "cross-entropy"};
enum {
  NUM_ACTIVATIONS = sizeof activations / sizeof *activations,
  NUM_LOSSES = sizeof losses / sizeof *losses
};

symo_net_spec symo_net_spec_default(void) {
  return (symo_net_spec){
      .activation = SYMO_ACT_TANH, .loss = SYMO_LOSS_MSE, .bias = true, .dtype = SYMO_F64};
}

const char *symo_activation_name(symo_activation activation) {
  return (size_t)activation < NUM_ACTIVATIONS ? activations[activation].name : "unknown";
}

const char *symo_net_exact_group(symo_activation activation) {
  return (size_t)activation < NUM_ACTIVATIONS ? activations[activation].group : "identity";
}

const char *symo_loss_name(symo_loss loss) {
  return (size_t)loss < NUM_LOSSES ? losses[loss] : "unknown";
}

bool symo_activation_find(const char *name, symo_activation *out) {
  for (size_t i = 0; i < NUM_ACTIVATIONS; i++)
    if (strcmp(name, activations[i].name) == 0) {
      *out = (symo_activation)i;
      return true;
    }
  return false;
}

bool symo_loss_find(const char *name, symo_loss *out) {
  for (size_t i = 0; i < NUM_LOSSES; i++)
    if (strcmp(name, losses[i]) == 0) {
      *out = (symo_loss)i;
      return true;
    }
  return false;
}

symo_status symo_net_parse(symo_context *context, const char *text, symo_net_spec *spec) {
  size_t widths[SYMO_NET_MAX_LAYERS + 1], count = 0;
  const char *p = text;
  for (;;) {
    char *end = NULL;
    /* strtoull would take signs and blanks. */
    unsigned long long width = isdigit((unsigned char)*p) ? strtoull(p, &end, 10) : 0;
    if (end == NULL || width == 0 || width > 1000000000ull)
      return symo_fail(context, SYMO_E_ARGUMENT,
                       "network '%s': no width from 1 to 1000000000 at '%s' (write 20-64-5)", text,
                       p);
    if (count > SYMO_NET_MAX_LAYERS)
      return symo_fail(context, SYMO_E_ARGUMENT, "network '%s': more than %d layers (use fewer)",
                       text, (int)SYMO_NET_MAX_LAYERS);
    widths[count++] = (size_t)width;
    if (*end == '\0') break;
    if (*end != '-')
      return symo_fail(context, SYMO_E_ARGUMENT,
                       "network '%s': '-' expected at '%s' (write 20-64-5)", text, end);
    p = end + 1;
  }
  if (count < 2)
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "network '%s': one width only (write inputs-outputs, or more)", text);
  memcpy(spec->widths, widths, count * sizeof *widths);
  spec->num_layers = count - 1;
  return SYMO_OK;
}

/* The space between layers l and l + 1. */
static void space_name(const symo_net_spec *spec, size_t l, char name[32]) {
  if (l == 0)
    strcpy(name, "in");
  else if (l == spec->num_layers)
    strcpy(name, "out");
  else
    snprintf(name, 32, "h%zu", l);
}

static symo_status add_spaces(symo_context *context, const symo_net_spec *spec, const char *group,
                              symo_layout *layout) {
  const char *wanted = group != NULL ? group : symo_net_exact_group(spec->activation);
  const symo_group *hidden = symo_group_find(wanted), *fixed = symo_group_find("identity");
  if (hidden == NULL)
    return symo_fail(context, SYMO_E_NAME,
                     "network layout: unknown group '%s' (symo groups lists them)", wanted);
  for (size_t l = 0; l <= spec->num_layers; l++) {
    char name[32];
    space_name(spec, l, name);
    symo_status status = symo_layout_add_space(layout, name, spec->widths[l],
                                               l == 0 || l == spec->num_layers ? fixed : hidden);
    if (status != SYMO_OK) return status;
  }
  return SYMO_OK;
}

static symo_status add_tensors(const symo_net_spec *spec, symo_layout *layout) {
  for (size_t l = 1; l <= spec->num_layers; l++) {
    char row[32], column[32], name[32];
    const char *axes[] = {row, column};
    space_name(spec, l, row);
    space_name(spec, l - 1, column);
    snprintf(name, sizeof name, "w%zu", l);
    symo_status status = symo_layout_add_tensor(layout, name, 2, axes);
    if (status != SYMO_OK) return status;
    snprintf(name, sizeof name, "b%zu", l);
    if (spec->bias) status = symo_layout_add_tensor(layout, name, 1, axes);
    if (status != SYMO_OK) return status;
  }
  return SYMO_OK;
}

symo_status symo_net_layout(symo_context *context, const symo_net_spec *spec, const char *group,
                            symo_layout **out) {
  symo_layout *layout = NULL;
  symo_status status = symo_layout_create(context, &layout);
  if (status != SYMO_OK) return status;
  SYMO_TRY(add_spaces(context, spec, group, layout));
  SYMO_TRY(add_tensors(spec, layout));
  SYMO_TRY(symo_layout_set_dtype(layout, spec->dtype));
  *out = layout;
  return SYMO_OK;
fail:
  symo_layout_destroy(layout);
  return status;
}
