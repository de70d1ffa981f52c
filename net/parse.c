/* Networks as text, both ways; net.h has the grammar. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/number.h"
#include "net/gpt.h"
#include "net/layer.h"

symo_status symo_read_refuse(const symo_net_reader *r, const char *why) {
  return symo_fail(r->context, SYMO_E_ARGUMENT, "network '%s': '%.*s' at character %d: %s", r->text,
                   (int)(r->end - r->part), r->part, (int)(r->part - r->text) + 1, why);
}

static void start_part(symo_net_reader *r, const char *from) {
  r->part = r->at = from;
  r->end = from + strcspn(from, "-");
}

bool symo_read_number(symo_net_reader *r, size_t *out) {
  const char *end;
  uint64_t value;
  if (!symo_whole_read(r->at, &end, 1000000000, &value) || value == 0) return false;
  r->at = end;
  *out = (size_t)value;
  return true;
}

bool symo_read_letter(symo_net_reader *r, char c) {
  if (r->at >= r->end || *r->at != c) return false;
  r->at++;
  return true;
}

bool symo_read_window(symo_net_reader *r, symo_net_layer *layer) {
  if (!symo_read_number(r, &layer->window[0])) return false;
  layer->window[1] = layer->window[0];
  return !symo_read_letter(r, 'x') || symo_read_number(r, &layer->window[1]);
}

/* The numbers of the first part, split by 'x'; false when there are none or more than `most`. */
static bool sizes(symo_net_reader *r, size_t most, size_t *count, size_t *out) {
  for (*count = 0; *count < most;) {
    if (!symo_read_number(r, &out[(*count)++])) return false;
    if (!symo_read_letter(r, 'x')) return r->at == r->end;
  }
  return false;
}

static symo_status read_input(symo_net_reader *r) {
  symo_net_shape *in = &r->spec.input;
  size_t n = 0, s[3] = {0};
  char why[SYMO_NET_MAX_REASON];
  *in = (symo_net_shape){0};
  if (!sizes(r, 3, &n, s) || (r->family == SYMO_FAMILY_DENSE && n != 1) ||
      (r->family == SYMO_FAMILY_RNN && n > 2) || (r->family == SYMO_FAMILY_CONV && n < 2))
    return symo_read_refuse(r, r->family == SYMO_FAMILY_DENSE
                                   ? "no number of inputs from 1 to 1000000000 (write 20-64-5)"
                               : r->family == SYMO_FAMILY_RNN
                                   ? "no inputs of a step (write rnn:8-16-4 or rnn:8x8-16-4)"
                                   : "no size of an image (write conv:8x8x1-c8k3-10)");
  in->features = s[n - 1];
  in->axes = r->family == SYMO_FAMILY_RNN ? 1 : n - 1;
  for (size_t a = 0; a + 1 < n; a++) in->size[a] = s[a];
  if (!symo_net_walk_input(in, why)) return symo_read_refuse(r, why);
  r->walk = (symo_net_walk){.now = *in};
  return SYMO_OK;
}

symo_status symo_read_add(symo_net_reader *r, symo_net_layer layer) {
  char why[SYMO_NET_MAX_REASON];
  const size_t axes = r->walk.now.axes;
  for (size_t a = axes; a < 2; a++) layer.window[a] = 0;
  if (r->spec.num_layers == SYMO_NET_MAX_LAYERS) {
    (void)snprintf(why, sizeof why, "more than %d layers (use fewer)", (int)SYMO_NET_MAX_LAYERS);
    return symo_read_refuse(r, why);
  }
  if (!symo_net_walk_layer(&r->walk, &layer, why)) return symo_read_refuse(r, why);
  r->spec.layers[r->spec.num_layers++] = layer;
  return SYMO_OK;
}

symo_status symo_read_width(symo_net_reader *r, size_t *out) {
  if (symo_read_number(r, out) && r->at == r->end) return SYMO_OK;
  return symo_read_refuse(r, "no width from 1 to 1000000000 (write 20-64-5)");
}

static symo_status refuse_layer(const symo_net_reader *r) {
  const char *all[SYMO_NET_NUM_KINDS];
  char why[SYMO_NET_MAX_REASON];
  size_t count = 0;
  int at = snprintf(why, sizeof why, "no layer (");
  for (int k = 0; k < SYMO_NET_NUM_KINDS; k++) {
    const symo_layer *row = symo_layer_of((symo_net_kind)k);
    if (row != NULL && row->notation != NULL) all[count++] = row->notation;
  }
  for (size_t i = 0; i < count && at < (int)sizeof why; i++)
    at += snprintf(why + at, sizeof why - (size_t)at, "%s%s", all[i],
                   i + 1 == count   ? ")"
                   : i + 2 == count ? " or "
                                    : ", ");
  return symo_read_refuse(r, why);
}

static symo_status read_layer(symo_net_reader *r) {
  const size_t length = (size_t)(r->end - r->part);
  for (int k = 0; k < SYMO_NET_NUM_KINDS; k++) {
    const symo_layer *row = symo_layer_of((symo_net_kind)k);
    bool mine = false;
    if (row == NULL || (row->notation == NULL && row->parse == NULL)) continue;
    if (row->parse != NULL) {
      symo_status status = row->parse(r, &mine);
      if (mine) return status;
    } else if (strlen(row->notation) == length && strncmp(r->part, row->notation, length) == 0) {
      return symo_read_add(r, (symo_net_layer){.kind = (symo_net_kind)k});
    }
  }
  return refuse_layer(r);
}

static symo_status read_all(symo_net_reader *r) {
  symo_status status = read_input(r);
  if (status != SYMO_OK) return status;
  if (*r->end == '\0')
    return symo_read_refuse(r, "no layers follow (write inputs-outputs, or more)");
  while (*r->end == '-') {
    start_part(r, r->end + 1);
    status = read_layer(r);
    if (status != SYMO_OK) return status;
  }
  if (r->walk.depth > 0) return symo_read_refuse(r, "a residual block is still open (write add)");
  if (!isdigit((unsigned char)*r->part))
    return symo_read_refuse(r, "the last part is the number of outputs (write -10 at the end)");
  return SYMO_OK;
}

/* ---- transformers ---- */

static const char gpt_letters[] = "vtchlf";

static size_t *gpt_number(symo_gpt_spec *gpt, char name) {
  switch (name) {
  case 'v': return &gpt->vocabulary;
  case 't': return &gpt->block;
  case 'c': return &gpt->width;
  case 'h': return &gpt->heads;
  case 'l': return &gpt->layers;
  default: return &gpt->hidden;
  }
}

static symo_status read_gpt_part(symo_net_reader *r, symo_gpt_spec *gpt) {
  const char name = *r->part;
  if (r->end - r->part == 6 && strncmp(r->part, "untied", 6) == 0) {
    gpt->tied = false;
    return SYMO_OK;
  }
  size_t value;
  r->at++;
  if (name == '\0' || strchr(gpt_letters, name) == NULL || !symo_read_number(r, &value) ||
      r->at != r->end)
    return symo_read_refuse(r, "no part of a transformer (write gpt:v65-t64-c128-h4-l4)");
  if (*gpt_number(gpt, name) != 0) return symo_read_refuse(r, "said twice");
  *gpt_number(gpt, name) = value;
  return SYMO_OK;
}

/* Bias, activation and number type stay those of the spec; the loss becomes that of tokens. */
static symo_status read_gpt(symo_net_reader *r) {
  symo_gpt_spec gpt = {
      .bias = r->spec.bias, .tied = true, .activation = r->spec.activation, .dtype = r->spec.dtype};
  for (;;) {
    symo_status status = read_gpt_part(r, &gpt);
    if (status != SYMO_OK) return status;
    if (*r->end == '\0') break;
    start_part(r, r->end + 1);
  }
  if (gpt.block == 0 || gpt.width == 0 || gpt.heads == 0 || gpt.layers == 0)
    return symo_fail(r->context, SYMO_E_ARGUMENT,
                     "network '%s': it needs t, c, h and l (write gpt:v65-t64-c128-h4-l4)",
                     r->text);
  return symo_gpt_to_net(r->context, &gpt, &r->spec);
}

symo_status symo_net_parse(symo_context *context, const char *text, symo_net_spec *spec) {
  symo_net_reader r = {.context = context, .text = text, .spec = *spec};
  r.spec.num_layers = 0;
  const char *start = text;
  if (strncmp(text, "rnn:", 4) == 0) r.family = SYMO_FAMILY_RNN, start += 4;
  if (strncmp(text, "conv:", 5) == 0) r.family = SYMO_FAMILY_CONV, start += 5;
  if (strncmp(text, "gpt:", 4) == 0) r.family = SYMO_FAMILY_GPT, start += 4;
  start_part(&r, start);
  symo_status status = r.family == SYMO_FAMILY_GPT ? read_gpt(&r) : read_all(&r);
  if (status == SYMO_OK) *spec = r.spec;
  return status;
}

/* ---- back to text ---- */

void symo_write(symo_net_writer *w, const char *before, const char *text, size_t number) {
  if (w->at >= w->size) return;
  int wrote = snprintf(w->text + w->at, w->size - w->at, "%s%s", before, text);
  w->at += wrote > 0 ? (size_t)wrote : 0;
  if (number == 0 || w->at >= w->size) return;
  wrote = snprintf(w->text + w->at, w->size - w->at, "%zu", number);
  w->at += wrote > 0 ? (size_t)wrote : 0;
}

void symo_write_window(symo_net_writer *w, const char *before, const symo_net_layer *layer) {
  symo_write(w, before, "", layer->window[0]);
  if (layer->window[1] != 0 && layer->window[1] != layer->window[0])
    symo_write(w, "x", "", layer->window[1]);
}

static void write_layer(symo_net_writer *w, const symo_net_layer *layer) {
  const symo_layer *row = symo_layer_of(layer->kind);
  if (row == NULL) return;
  if (row->print != NULL)
    row->print(layer, w);
  else if (row->notation != NULL)
    symo_write(w, "-", row->notation, 0);
}

static void write_gpt(symo_net_writer *w, symo_gpt_spec *gpt) {
  const char *before = "gpt:";
  for (const char *name = gpt_letters; *name != '\0'; name++) {
    const size_t value = *gpt_number(gpt, *name);
    if (value == 0) continue;
    symo_write(w, before, (char[]){*name, '\0'}, value);
    before = "-";
  }
  if (!gpt->tied) symo_write(w, "-", "untied", 0);
}

void symo_net_text(const symo_net_spec *spec, char *text, size_t size) {
  symo_net_writer w = {text, size, 0};
  bool sequence = false;
  symo_gpt_spec gpt;
  text[0] = '\0';
  if (symo_gpt_of_net(spec, &gpt)) {
    write_gpt(&w, &gpt);
    return;
  }
  for (size_t l = 0; l < spec->num_layers; l++) {
    const symo_layer *row = symo_layer_of(spec->layers[l].kind);
    sequence = sequence || spec->layers[l].each || (row != NULL && row->sequence);
  }
  const symo_net_shape *in = &spec->input;
  symo_write(&w, in->axes == 0 ? "" : sequence ? "rnn:" : "conv:", "", 0);
  for (size_t a = 0; a < in->axes; a++) {
    symo_write(&w, "", "", in->size[a]);
    if (in->size[a] != 0) symo_write(&w, "x", "", 0);
  }
  symo_write(&w, "", "", in->features);
  for (size_t l = 0; l < spec->num_layers; l++) write_layer(&w, &spec->layers[l]);
}
