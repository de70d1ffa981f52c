/* Which matrices a network has. */
#include "experiments/spectrum/matrix.h"

#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"

/* ---- kinds ---- */

static const struct {
  const char *part, *kind;
} named[] = {{"attn.q.", "attention-query"},
             {"attn.k.", "attention-key"},
             {"attn.v.", "attention-value"},
             {"attn.c_proj.", "attention-output"},
             {"mlp.c_fc.", "mlp-up"},
             {"mlp.c_proj.", "mlp-down"},
             {"wte.", "embedding"},
             {"wpe.", "embedding"},
             {"lm_head.", "output"},
             {"wx", "recurrent-input"},
             {"wh", "recurrent"}};

/* The kernel axes of a convolution are spaces kh<l>, kw<l>, k<l>. */
static bool is_convolution(const symo_layout *layout, size_t t) {
  const size_t order = symo_layout_tensor_order(layout, t);
  const size_t space = symo_layout_axis_space(layout, t, order - 1);
  return order > 2 && symo_layout_space_name(layout, space)[0] == 'k';
}

static const char *kind_of(const symo_layout *layout, size_t t, size_t last) {
  const char *name = symo_layout_tensor_name(layout, t);
  for (size_t i = 0; i < sizeof named / sizeof *named; i++)
    if (strstr(name, named[i].part) != NULL) return named[i].kind;
  return is_convolution(layout, t) ? "convolution" : t == last ? "output" : "dense";
}

/* ---- places ---- */

/* The weight whose rows hold the tensor. */
static void find_weight(const symo_net *net, spectrum_place *p) {
  p->weight = SYMO_NONE;
  for (size_t w = 0; w < symo_net_num_weights(net); w++) {
    const symo_net_weight weight = symo_net_get_weight(net, w);
    const size_t end = weight.weight + weight.outputs * weight.inputs;
    if (p->offset < weight.weight || p->offset >= end || weight.inputs != p->cols) continue;
    p->weight = w;
    p->first = (p->offset - weight.weight) / weight.inputs;
  }
}

static symo_status fill(const symo_net *net, const symo_layout *layout, size_t *count,
                        spectrum_place *out) {
  const size_t tensors = symo_layout_num_tensors(layout);
  size_t last = 0;
  for (size_t t = 0; t < tensors; t++)
    if (symo_layout_tensor_order(layout, t) >= 2) last = t;
  for (size_t t = 0; t < tensors; t++) {
    if (symo_layout_tensor_order(layout, t) < 2) continue;
    spectrum_place *p = &out[(*count)++];
    (void)snprintf(p->name, sizeof p->name, "%s", symo_layout_tensor_name(layout, t));
    p->kind = kind_of(layout, t, last);
    p->offset = symo_layout_tensor_offset(layout, t);
    p->rows = symo_layout_axis_dim(layout, t, 0);
    p->cols = symo_layout_tensor_size(layout, t) / p->rows;
    find_weight(net, p);
  }
  return SYMO_OK;
}

symo_status spectrum_places(symo_context *context, const symo_net *net, size_t *count,
                            spectrum_place **out) {
  symo_layout *layout = NULL;
  symo_status status = symo_net_layout(context, symo_net_get_spec(net), "identity", &layout);
  if (status != SYMO_OK) return status;
  spectrum_place *places = symo_calloc(symo_layout_num_tensors(layout), sizeof *places);
  *count = 0;
  if (places == NULL) status = symo_fail_memory(context, "spectrum");
  if (status == SYMO_OK) status = fill(net, layout, count, places);
  symo_layout_destroy(layout);
  *out = places;
  return status;
}
