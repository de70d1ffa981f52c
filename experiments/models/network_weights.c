/* The point of a setup from a file.  What a transformer's file says of its sizes is needed before
 * the data are read, and its parameters behind them: it is read twice, and not kept in between. */
#include "experiments/models/network_weights.h"

#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/names.h"
#include "experiments/gpt/names.h"
#include "experiments/gpt/weights.h"
#include "io/optim_state.h"

/* ---- which form ---- */

/* A layout tells query, key and value apart, and files of transformers do not. */
static bool holds_gpt(const symo_safetensors *file) {
  bool table = false;
  for (size_t i = 0; i < symo_safetensors_count(file); i++) {
    const char *name = symo_safetensors_at(file, i)->name;
    if (strcmp(name, "h.0.attn.q.weight") == 0) return false;
    table = table || strcmp(gpt_plain_name(name), "wte.weight") == 0;
  }
  return table;
}

int network_weights_has_gpt(cli *c, const char *path, bool *out) {
  symo_safetensors *file = NULL;
  symo_status status = symo_checkpoint_open(cli_context(c), path, &file);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  *out = holds_gpt(file);
  symo_safetensors_close(file);
  return CLI_DONE;
}

/* ---- sizes ---- */

static symo_status fit(cli *c, bool given, network_spec *spec) {
  symo_context *context = cli_context(c);
  gpt_weights_options options = {.dtype = spec->net.dtype};
  gpt_weights weights = {0};
  symo_gpt_spec gpt = {0};
  symo_status status = SYMO_OK;
  if (given && symo_gpt_of_net(&spec->net, &gpt)) options.heads = gpt.heads;
  SYMO_TRY(gpt_weights_read(context, spec->weights, &options, &weights));
  if (weights.remark[0] != '\0' && !given) cli_note(c, "%s", weights.remark);
  if (!given)
    gpt = weights.spec;
  else if (gpt.vocabulary == 0)
    gpt.vocabulary = weights.spec.vocabulary;
  gpt.bias = weights.spec.bias;
  gpt.activation = cli_given(c, "act") ? spec->net.activation : weights.spec.activation;
  if (gpt.bias && cli_flag(c, "no-bias")) {
    status =
        symo_fail(context, SYMO_E_SHAPE, "%s: has biases (leave --no-bias out)", spec->weights);
    goto fail;
  }
  SYMO_TRY(symo_gpt_to_net(context, &gpt, &spec->net));
fail:
  gpt_weights_drop(&weights);
  return status;
}

int network_weights_fit(cli *c, bool given, network_spec *spec) {
  bool found = false;
  int code = network_weights_has_gpt(c, spec->weights, &found);
  if (code != CLI_DONE || !found) return code;
  symo_status status = fit(c, given, spec);
  return status == SYMO_OK ? CLI_DONE : cli_fail_status(c, status);
}

symo_status network_file_text(symo_context *context, const char *path, const char *key,
                              char **out) {
  symo_safetensors *file = NULL;
  symo_status status = symo_checkpoint_open(context, path, &file);
  if (status != SYMO_OK) return status;
  const char *text = symo_safetensors_metadata(file, key);
  *out = text != NULL ? symo_strdup(text) : NULL;
  if (text != NULL && *out == NULL) status = symo_fail_memory(context, path);
  symo_safetensors_close(file);
  return status;
}

symo_status network_file_frame(symo_context *context, const char *path, symo_data_frame *out) {
  symo_safetensors *file = NULL;
  if (path == NULL || path[0] == '\0') return SYMO_OK;
  symo_status status = symo_checkpoint_open(context, path, &file);
  if (status == SYMO_OK) status = symo_data_frame_read(context, path, file, out);
  symo_safetensors_close(file);
  return status;
}

/* ---- parameters by the names of the layout ---- */

static symo_status read_tensor(symo_context *context, const char *path, const symo_layout *layout,
                               size_t t, symo_dtype dtype, const symo_safetensors *file,
                               void *theta) {
  const char *name = symo_layout_tensor_name(layout, t);
  const symo_safetensors_entry *entry = symo_safetensors_find(file, name);
  size_t shape[SYMO_MAX_ORDER], order = symo_layout_tensor_order(layout, t);
  for (size_t a = 0; a < order; a++) shape[a] = symo_layout_axis_dim(layout, t, a);
  if (entry == NULL)
    return symo_fail(context, SYMO_E_NAME,
                     "%s: tensor %s is missing (give the --net, and --no-bias or not, of the file)",
                     path, name);
  symo_status status = symo_safetensors_expect_shape(file, entry, order, shape, NULL);
  if (status != SYMO_OK) return status;
  return symo_safetensors_read(
      file, entry, dtype, symo_at(dtype, theta, (ptrdiff_t)symo_layout_tensor_offset(layout, t)));
}

static symo_status expect_known(symo_context *context, const char *path, const symo_layout *layout,
                                const char *name) {
  if (strncmp(name, "state:", 6) == 0) return SYMO_OK;
  for (size_t t = 0; t < symo_layout_num_tensors(layout); t++)
    if (strcmp(symo_layout_tensor_name(layout, t), name) == 0) return SYMO_OK;
  return symo_fail(context, SYMO_E_NAME,
                   "%s: tensor %s: the network has no such tensor (give the --net, and --no-bias "
                   "or not, of the file)",
                   path, symo_quoted(name).text);
}

/* s->layout may have several axes where the network has one. */
static symo_status read_named(cli *c, const network_point *s, const symo_safetensors *file) {
  symo_context *context = cli_context(c);
  symo_layout *own = NULL;
  symo_status status = symo_net_layout(context, &s->spec.net, "identity", &own);
  if (status != SYMO_OK) return status;
  for (size_t t = 0; t < symo_layout_num_tensors(own) && status == SYMO_OK; t++)
    status = read_tensor(context, s->spec.weights, own, t, s->spec.net.dtype, file, s->theta);
  for (size_t i = 0; i < symo_safetensors_count(file) && status == SYMO_OK; i++)
    status = expect_known(context, s->spec.weights, own, symo_safetensors_at(file, i)->name);
  symo_layout_destroy(own);
  return status;
}

int network_weights_load(cli *c, network_point *s) {
  symo_safetensors *file = NULL;
  symo_gpt_spec gpt;
  symo_status status = symo_checkpoint_open(cli_context(c), s->spec.weights, &file);
  if (status == SYMO_OK) {
    if (symo_gpt_of_net(&s->spec.net, &gpt) && holds_gpt(file))
      status = gpt_weights_load(cli_context(c), s->spec.weights, &gpt, s->theta);
    else
      status = read_named(c, s, file);
  }
  symo_safetensors_close(file);
  return status == SYMO_OK ? CLI_DONE : cli_fail_status(c, status);
}
