/* The table of layers, and what their rows share. */
#include <stdarg.h>
#include <stdio.h>

#include "net/layer.h"

#define ROW(KIND, row) &symo_layer_##row,
static const symo_layer *const rows[] = {SYMO_NET_LAYERS(ROW)};
#undef ROW

const symo_layer *symo_layer_of(symo_net_kind kind) {
  if ((size_t)kind >= SYMO_NET_NUM_KINDS) return NULL;
  const symo_layer *row = rows[kind];
  const bool whole = row->name != NULL && row->shape != NULL && row->count != NULL;
  return whole && row->build != NULL ? row : NULL;
}

double symo_layer_count_none(const symo_net_spec *spec, const symo_net_layer *layer,
                             const symo_net_shape *before) {
  (void)spec, (void)layer, (void)before;
  return 0.0;
}

void symo_layer_no_tensors(symo_net_draft *d, const symo_net_layer *layer) { (void)d, (void)layer; }

/* ---- operations ---- */

void symo_trace_tensor(symo_trace_step *step, const char *role, const char *format, ...) {
  va_list list;
  va_start(list, format);
  step->tensors[step->num_tensors].role = role;
  (void)vsnprintf(step->tensors[step->num_tensors++].name, SYMO_TRACE_NAME, format, list);
  va_end(list);
}

symo_status symo_trace_emit(symo_net_trace *t, symo_trace_step step, const char *format, ...) {
  va_list list;
  va_start(list, format);
  (void)vsnprintf(step.name, sizeof step.name, format, list);
  va_end(list);
  return t->emit(t, &step);
}

symo_status symo_trace_activation(symo_net_trace *t) {
  const symo_trace_step step = {.op = "activation",
                                .function = symo_activation_name(t->spec->activation)};
  return symo_trace_emit(t, step, "a%zu", t->weights);
}

symo_status symo_trace_transpose(symo_net_trace *t, bool back) {
  const size_t axes = t->shape.axes + 1;
  symo_trace_step step = {.op = "transpose", .order = axes};
  if (t->flat || axes == 1) return SYMO_OK;
  for (size_t a = 0; a < axes; a++) step.sizes[a] = (back ? a + axes - 1 : a + 1) % axes;
  return symo_trace_emit(t, step, "turn%zu", t->count);
}
