/* Networks as text, both ways; net.h has the grammar. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "net/gpt.h"
#include "net/shape.h"

typedef enum family { DENSE, RNN, CONV, GPT } family;

/* Under way: the whole text, and the part at hand, which ends before '-' or the end. */
typedef struct reader {
  symo_context *context;
  const char *text, *part, *end, *at;
  family family;
  symo_net_spec spec;
  symo_net_walk walk;
} reader;

static symo_status wrong(const reader *r, const char *why) {
  return symo_fail(r->context, SYMO_E_ARGUMENT, "network '%s': '%.*s' at character %d: %s", r->text,
                   (int)(r->end - r->part), r->part, (int)(r->part - r->text) + 1, why);
}

static void take_part(reader *r, const char *from) {
  r->part = r->at = from;
  r->end = from + strcspn(from, "-");
}

/* A number from 1 to 1000000000 at r->at.  strtoull would take signs and blanks. */
static bool number(reader *r, size_t *out) {
  if (!isdigit((unsigned char)*r->at)) return false;
  char *end;
  unsigned long long value = strtoull(r->at, &end, 10);
  if (value == 0 || value > 1000000000ull) return false;
  r->at = end;
  *out = (size_t)value;
  return true;
}

static bool letter(reader *r, char c) {
  if (r->at >= r->end || *r->at != c) return false;
  r->at++;
  return true;
}

/* "3", which counts for both axes, or "3x5". */
static bool window(reader *r, symo_net_layer *layer) {
  if (!number(r, &layer->window[0])) return false;
  layer->window[1] = layer->window[0];
  return !letter(r, 'x') || number(r, &layer->window[1]);
}

/* The numbers of the first part, split by 'x'; false when there are none or more than `most`. */
static bool sizes(reader *r, size_t most, size_t *count, size_t *out) {
  for (*count = 0; *count < most;) {
    if (!number(r, &out[(*count)++])) return false;
    if (!letter(r, 'x')) return r->at == r->end;
  }
  return false;
}

static symo_status read_input(reader *r) {
  symo_net_shape *in = &r->spec.input;
  size_t n = 0, s[3] = {0};
  char why[SYMO_NET_MAX_REASON];
  *in = (symo_net_shape){0};
  if (!sizes(r, 3, &n, s) || (r->family == DENSE && n != 1) || (r->family == RNN && n > 2) ||
      (r->family == CONV && n < 2))
    return wrong(r, r->family == DENSE ? "no number of inputs from 1 to 1000000000 (write 20-64-5)"
                    : r->family == RNN ? "no inputs of a step (write rnn:8-16-4 or rnn:8x8-16-4)"
                                       : "no size of an image (write conv:8x8x1-c8k3-10)");
  in->features = s[n - 1];
  in->axes = r->family == RNN ? 1 : n - 1;
  for (size_t a = 0; a + 1 < n; a++) in->size[a] = s[a];
  if (!symo_net_walk_input(in, why)) return wrong(r, why);
  r->walk = (symo_net_walk){.now = *in};
  return SYMO_OK;
}

/* A layer that the text names, or needs. */
static symo_status add(reader *r, symo_net_layer layer) {
  char why[SYMO_NET_MAX_REASON];
  const size_t axes = r->walk.now.axes;
  for (size_t a = axes; a < 2; a++) layer.window[a] = 0;
  if (r->spec.num_layers == SYMO_NET_MAX_LAYERS) {
    (void)snprintf(why, sizeof why, "more than %d layers (use fewer)", (int)SYMO_NET_MAX_LAYERS);
    return wrong(r, why);
  }
  if (!symo_net_walk_layer(&r->walk, &layer, why)) return wrong(r, why);
  r->spec.layers[r->spec.num_layers++] = layer;
  return SYMO_OK;
}

/* A width: of a recurrent layer, or of a dense one after what makes a vector. */
static symo_status read_width(reader *r) {
  symo_net_layer layer = {.kind = SYMO_NET_DENSE};
  if (!number(r, &layer.width) || r->at != r->end)
    return wrong(r, "no width from 1 to 1000000000 (write 20-64-5)");
  if (r->family == RNN && *r->end == '-') layer.kind = SYMO_NET_RECURRENT;
  symo_status status = SYMO_OK;
  if (r->walk.now.axes > 0 && layer.kind == SYMO_NET_DENSE)
    status = add(r, (symo_net_layer){.kind = r->family == RNN ? SYMO_NET_LAST : SYMO_NET_FLATTEN});
  return status == SYMO_OK ? add(r, layer) : status;
}

static symo_status read_conv(reader *r) {
  symo_net_layer layer = {.kind = SYMO_NET_CONV};
  bool fine = letter(r, 'c') && number(r, &layer.width) && letter(r, 'k') && window(r, &layer);
  layer.circular = letter(r, 'c');
  if (!fine || r->at != r->end)
    return wrong(r, "not a convolution (write c8k3: 8 channels, kernel 3; c8k3c: circular)");
  if (r->walk.now.axes == 1 && layer.window[1] != layer.window[0])
    return wrong(r, "a kernel of two axes on an image of one");
  return add(r, layer);
}

static symo_status read_pool(reader *r) {
  symo_net_layer layer = {.kind = *r->part == 'p' ? SYMO_NET_MEAN_POOL : SYMO_NET_MAX_POOL};
  r->at++;
  if (!window(r, &layer) || r->at != r->end)
    return wrong(r, "not a pool (write p2: averages of 2 x 2; m2: maxima)");
  if (r->walk.now.axes == 1 && layer.window[1] != layer.window[0])
    return wrong(r, "a window of two axes on an image of one");
  return add(r, layer);
}

static const struct {
  const char *name;
  symo_net_kind kind;
} words[] = {{"ln", SYMO_NET_LAYER_NORM},
             {"rms", SYMO_NET_RMS_NORM},
             {"res", SYMO_NET_FORK},
             {"add", SYMO_NET_ADD}};
enum { NUM_WORDS = sizeof words / sizeof *words };

static symo_status read_layer(reader *r) {
  const size_t length = (size_t)(r->end - r->part);
  for (size_t i = 0; i < NUM_WORDS; i++)
    if (strlen(words[i].name) == length && strncmp(r->part, words[i].name, length) == 0)
      return add(r, (symo_net_layer){.kind = words[i].kind});
  if (*r->part == 'c') return read_conv(r);
  if (*r->part == 'p' || *r->part == 'm') return read_pool(r);
  if (isdigit((unsigned char)*r->part)) return read_width(r);
  return wrong(r, "no layer (a width, c8k3, p2, m2, ln, rms, res or add)");
}

static symo_status read_all(reader *r) {
  symo_status status = read_input(r);
  if (status != SYMO_OK) return status;
  if (*r->end == '\0') return wrong(r, "no layers follow (write inputs-outputs, or more)");
  while (*r->end == '-') {
    take_part(r, r->end + 1);
    status = read_layer(r);
    if (status != SYMO_OK) return status;
  }
  if (r->walk.depth > 0) return wrong(r, "a residual block is still open (write add)");
  if (!isdigit((unsigned char)*r->part))
    return wrong(r, "the last part is the number of outputs (write -10 at the end)");
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

static symo_status read_gpt_part(reader *r, symo_gpt_spec *gpt) {
  const char name = *r->part;
  if (r->end - r->part == 6 && strncmp(r->part, "untied", 6) == 0) {
    gpt->tied = false;
    return SYMO_OK;
  }
  size_t value;
  r->at++;
  if (name == '\0' || strchr(gpt_letters, name) == NULL || !number(r, &value) || r->at != r->end)
    return wrong(r, "no part of a transformer (write gpt:v65-t64-c128-h4-l4)");
  if (*gpt_number(gpt, name) != 0) return wrong(r, "said twice");
  *gpt_number(gpt, name) = value;
  return SYMO_OK;
}

/* Bias, activation and number type stay those of the spec; the loss becomes that of tokens. */
static symo_status read_gpt(reader *r) {
  symo_gpt_spec gpt = {
      .bias = r->spec.bias, .tied = true, .activation = r->spec.activation, .dtype = r->spec.dtype};
  for (;;) {
    symo_status status = read_gpt_part(r, &gpt);
    if (status != SYMO_OK) return status;
    if (*r->end == '\0') break;
    take_part(r, r->end + 1);
  }
  if (gpt.block == 0 || gpt.width == 0 || gpt.heads == 0 || gpt.layers == 0)
    return symo_fail(r->context, SYMO_E_ARGUMENT,
                     "network '%s': it needs t, c, h and l (write gpt:v65-t64-c128-h4-l4)",
                     r->text);
  return symo_gpt_to_net(r->context, &gpt, &r->spec);
}

symo_status symo_net_parse(symo_context *context, const char *text, symo_net_spec *spec) {
  reader r = {.context = context, .text = text, .spec = *spec};
  r.spec.num_layers = 0;
  const char *start = text;
  if (strncmp(text, "rnn:", 4) == 0) r.family = RNN, start += 4;
  if (strncmp(text, "conv:", 5) == 0) r.family = CONV, start += 5;
  if (strncmp(text, "gpt:", 4) == 0) r.family = GPT, start += 4;
  take_part(&r, start);
  symo_status status = r.family == GPT ? read_gpt(&r) : read_all(&r);
  if (status == SYMO_OK) *spec = r.spec;
  return status;
}

/* ---- back to text ---- */

typedef struct writer {
  char *text;
  size_t size, at;
} writer;

static void put(writer *w, const char *before, const char *text, size_t number) {
  if (w->at >= w->size) return;
  int wrote = snprintf(w->text + w->at, w->size - w->at, "%s%s", before, text);
  w->at += wrote > 0 ? (size_t)wrote : 0;
  if (number == 0 || w->at >= w->size) return;
  wrote = snprintf(w->text + w->at, w->size - w->at, "%zu", number);
  w->at += wrote > 0 ? (size_t)wrote : 0;
}

static void put_window(writer *w, const char *before, const symo_net_layer *layer) {
  put(w, before, "", layer->window[0]);
  if (layer->window[1] != 0 && layer->window[1] != layer->window[0])
    put(w, "x", "", layer->window[1]);
}

static void put_layer(writer *w, const symo_net_layer *layer) {
  switch (layer->kind) {
  case SYMO_NET_DENSE:
  case SYMO_NET_RECURRENT: put(w, "-", "", layer->width); return;
  case SYMO_NET_CONV:
    put(w, "-", "c", layer->width);
    put_window(w, "k", layer);
    put(w, "", layer->circular ? "c" : "", 0);
    return;
  case SYMO_NET_MEAN_POOL: put_window(w, "-p", layer); return;
  case SYMO_NET_MAX_POOL: put_window(w, "-m", layer); return;
  default:
    for (size_t i = 0; i < NUM_WORDS; i++)
      if (words[i].kind == layer->kind) put(w, "-", words[i].name, 0);
  }
}

static void put_gpt(writer *w, symo_gpt_spec *gpt) {
  const char *before = "gpt:";
  for (const char *name = gpt_letters; *name != '\0'; name++) {
    const size_t value = *gpt_number(gpt, *name);
    if (value == 0) continue;
    put(w, before, (char[]){*name, '\0'}, value);
    before = "-";
  }
  if (!gpt->tied) put(w, "-", "untied", 0);
}

void symo_net_text(const symo_net_spec *spec, char *text, size_t size) {
  writer w = {text, size, 0};
  bool sequence = false;
  symo_gpt_spec gpt;
  text[0] = '\0';
  if (symo_gpt_of_net(spec, &gpt)) {
    put_gpt(&w, &gpt);
    return;
  }
  for (size_t l = 0; l < spec->num_layers; l++)
    if (spec->layers[l].kind == SYMO_NET_LAST) sequence = true;
  const symo_net_shape *in = &spec->input;
  put(&w, in->axes == 0 ? "" : sequence ? "rnn:" : "conv:", "", 0);
  for (size_t a = 0; a < in->axes; a++) {
    put(&w, "", "", in->size[a]);
    if (in->size[a] != 0) put(&w, "x", "", 0);
  }
  put(&w, "", "", in->features);
  for (size_t l = 0; l < spec->num_layers; l++) put_layer(&w, &spec->layers[l]);
}
