/* Heads and activation of a model, from the texts beside its parameters: nanoGPT's model_args, or
 * Hugging Face's config.json. */
#include "experiments/gpt/config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/names.h"
#include "core/number.h"
#include "io/file.h"
#include "io/json.h"

enum { PATH = 4096, LIMIT = 1 << 24 };

/* Hugging Face's names beside ours. */
static bool find_activation(const char *name, int *out) {
  static const struct {
    const char *name;
    symo_activation activation;
  } others[] = {{"gelu_new", SYMO_ACT_GELU_TANH},
                {"gelu_pytorch_tanh", SYMO_ACT_GELU_TANH},
                {"gelu_fast", SYMO_ACT_GELU_TANH}};
  symo_activation activation;
  bool found = symo_activation_find(name, &activation);
  for (size_t i = 0; i < sizeof others / sizeof *others && !found; i++)
    if (strcmp(name, others[i].name) == 0) activation = others[i].activation, found = true;
  if (found) *out = (int)activation;
  return found;
}

static symo_status take_heads(symo_context *context, const char *where, const char *text,
                              gpt_config *out) {
  uint64_t value;
  if (!symo_whole_read(text, NULL, INT32_MAX, &value) || value == 0)
    return symo_fail(context, SYMO_E_FORMAT, "%s: n_head: must be a number from 1 on, not %s",
                     where, symo_quoted(text).text);
  out->heads = (size_t)value;
  return SYMO_OK;
}

static symo_status take_activation(symo_context *context, const char *where, const char *name,
                                   gpt_config *out) {
  if (find_activation(name, &out->activation)) return SYMO_OK;
  return symo_fail(context, SYMO_E_UNSUPPORTED,
                   "%s: activation: there is no %s (use gelu or gelu-tanh)", where,
                   symo_quoted(name).text);
}

/* Keys that it does not know are no concern of it: config.json has dozens. */
static symo_status read_object(symo_context *context, const char *where, json_t *object,
                               gpt_config *out) {
  static const char *const names[] = {"activation", "activation_function"};
  static const char *const rates[] = {"dropout", "resid_pdrop"};
  const json_t *heads = json_object_get(object, "n_head");
  const json_t *eps = json_object_get(object, "layer_norm_epsilon");
  char text[32];
  symo_status status =
      symo_json_expect(context, where, "", object, JSON_OBJECT, "{\"n_head\": ..}");
  if (status != SYMO_OK) return status;
  if (heads != NULL) {
    snprintf(text, sizeof text, "%lld", (long long)json_integer_value(heads));
    status = take_heads(context, where, text, out);
  }
  for (size_t i = 0; i < 2 && status == SYMO_OK; i++) {
    const char *name = json_string_value(json_object_get(object, names[i]));
    if (name != NULL) status = take_activation(context, where, name, out);
    const double rate = json_number_value(json_object_get(object, rates[i]));
    if (rate > 0 && rate < 1) out->dropout = rate;
  }
  if (status == SYMO_OK && eps != NULL && !(fabs(json_number_value(eps) - 1e-5) <= 1e-9))
    status =
        symo_fail(context, SYMO_E_UNSUPPORTED, "%s: layer_norm_epsilon: %g (only 1e-5 can be used)",
                  where, json_number_value(eps));
  return status;
}

static symo_status read_text(symo_context *context, const char *where, const char *text,
                             gpt_config *out) {
  json_t *object = NULL;
  symo_status status = symo_json_parse(context, where, text, strlen(text), &object);
  if (status == SYMO_OK) status = read_object(context, where, object, out);
  json_decref(object);
  return status;
}

static symo_status read_beside(symo_context *context, const char *path, gpt_config *out) {
  char beside[PATH], *text = NULL;
  size_t length;
  const char *slash = strrchr(path, '/');
  const int folder = slash != NULL ? (int)(slash + 1 - path) : 0;
  const int used = snprintf(beside, sizeof beside, "%.*sconfig.json", folder, path);
  if (used < 0 || used >= PATH || access(beside, R_OK) != 0) return SYMO_OK;
  symo_status status = symo_file_read_all(context, beside, LIMIT, &text, &length);
  if (status == SYMO_OK) status = read_text(context, beside, text, out);
  symo_free(text);
  return status;
}

symo_status gpt_config_read(symo_context *context, const char *path, const symo_safetensors *file,
                            gpt_config *out) {
  gpt_config config = {.activation = -1};
  const char *text = symo_safetensors_metadata(file, "config");
  const char *heads = symo_safetensors_metadata(file, "n_head");
  const char *activation = symo_safetensors_metadata(file, "activation");
  char where[PATH + 16];
  symo_status status = SYMO_OK;
  snprintf(where, sizeof where, "%s: config", path);
  if (text != NULL) status = read_text(context, where, text, &config);
  if (status == SYMO_OK && heads != NULL) status = take_heads(context, path, heads, &config);
  if (status == SYMO_OK && activation != NULL)
    status = take_activation(context, path, activation, &config);
  if (status == SYMO_OK && text == NULL && heads == NULL)
    status = read_beside(context, path, &config);
  if (status == SYMO_OK) *out = config;
  return status;
}
