/* symo export: parameters of a transformer for other programs. */
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "experiments/gpt/options.h"
#include "experiments/gpt/weights.h"
#include "io/atomic.h"

static const cli_option options[] = {
    GPT_CHECKPOINT_ROW,
    {.name = "format",
     .arg = "FORM",
     .kind = CLI_CHOICE,
     .choices = "nanogpt|hf",
     .fallback = "nanogpt",
     .help = "Names and shapes as in nanoGPT or in Hugging Face's GPT-2"},
    {.name = "out",
     .arg = "FILE",
     .kind = CLI_STRING,
     .required = true,
     .help = "The safetensors file to write"},
    GPT_HEADS_ROW,
    {.name = "block-size",
     .arg = "N",
     .kind = CLI_INT,
     .min = 1,
     .max = 1 << 28,
     .help = "Keep the first N positions only; default: all"},
    {.name = "dtype",
     .arg = "TYPE",
     .kind = CLI_CHOICE,
     .choices = "f32|f64",
     .help = "Number type of the file written; default: f64 if a tensor of the checkpoint is f64, "
             "else f32"},
    {.name = NULL}};

static int answer(cli *c, const gpt_weights *weights) {
  const symo_gpt_spec *spec = &weights->spec;
  if (!cli_json(c)) {
    printf("%zu %s: vocabulary %zu, %zu %s, width %zu, %zu %s, %zu %s\n", weights->count,
           symo_plural(weights->count, "parameter", "parameters"), spec->vocabulary, spec->block,
           symo_plural(spec->block, "position", "positions"), spec->width, spec->heads,
           symo_plural(spec->heads, "head", "heads"), spec->layers,
           symo_plural(spec->layers, "block", "blocks"));
    return CLI_DONE;
  }
  json_t *o = json_object();
  cli_set(c, o, "parameters", json_integer((json_int_t)weights->count));
  cli_set(c, o, "vocab_size", json_integer((json_int_t)spec->vocabulary));
  cli_set(c, o, "block_size", json_integer((json_int_t)spec->block));
  cli_set(c, o, "n_embd", json_integer((json_int_t)spec->width));
  cli_set(c, o, "n_head", json_integer((json_int_t)spec->heads));
  cli_set(c, o, "n_layer", json_integer((json_int_t)spec->layers));
  cli_set(c, o, "bias", json_boolean(spec->bias));
  cli_set(c, o, "tied", json_boolean(spec->tied));
  cli_set(c, o, "activation", json_string(symo_activation_name(spec->activation)));
  cli_set(c, o, "dtype", json_string(symo_dtype_name(spec->dtype)));
  return cli_print_json(c, o);
}

/* config.json in the folder of the file. */
static symo_status write_config(cli *c, const char *path, const symo_gpt_spec *spec) {
  const char *slash = strrchr(path, '/');
  char *text = NULL, *beside = NULL, *folder = symo_strdup(slash != NULL ? path : "");
  symo_status status = gpt_hugging_face_config(cli_context(c), spec, &text);
  if (folder != NULL && slash != NULL) folder[slash - path + 1] = '\0';
  if (folder != NULL) beside = cli_join(folder, "config.json");
  if (status == SYMO_OK && beside == NULL) status = symo_fail_memory(cli_context(c), path);
  if (status == SYMO_OK) status = symo_file_write(cli_context(c), beside, text, strlen(text));
  symo_free(text);
  symo_free(beside);
  symo_free(folder);
  return status;
}

static int run(cli *c) {
  const char *dtype = cli_str(c, "dtype");
  const gpt_form form = strcmp(cli_str(c, "format"), "hf") == 0 ? GPT_HUGGING_FACE : GPT_NANOGPT;
  gpt_weights_options how = {.heads = (size_t)cli_int(c, "n-head"),
                             .block = (size_t)cli_int(c, "block-size")};
  gpt_weights weights = {0};
  if (dtype != NULL) how.dtype = strcmp(dtype, "f64") == 0 ? SYMO_F64 : SYMO_F32;
  symo_status status = gpt_weights_read(cli_context(c), cli_str(c, "checkpoint"), &how, &weights);
  weights.spec.dropout = weights.dropout;
  if (status == SYMO_OK && weights.remark[0] != '\0') cli_note(c, "%s", weights.remark);
  if (status == SYMO_OK)
    status = gpt_weights_write(cli_context(c), cli_str(c, "out"), form, &weights.spec,
                               weights.theta, weights.tokenizer);
  if (status == SYMO_OK && form == GPT_HUGGING_FACE)
    status = write_config(c, cli_str(c, "out"), &weights.spec);
  const int code = status == SYMO_OK ? answer(c, &weights) : cli_fail_status(c, status);
  gpt_weights_drop(&weights);
  return code;
}

const cli_command cli_command_export = {
    .name = "export",
    .summary = "a transformer's parameters for other programs",
    .description =
        "Reads a transformer from a checkpoint of symo train gpt, of nanoGPT or of\n"
        "Hugging Face's GPT-2 (safetensors) and writes it with the names and shapes of\n"
        "nanoGPT or Hugging Face, without the optimizer's state.  --format hf also writes\n"
        "config.json for GPT2LMHeadModel beside it.",
    .example = "symo export --checkpoint runs/gpt/checkpoint.safetensors --format hf \\\n"
               "  --out model.safetensors",
    .options = options,
    .json = true,
    .run = run};
