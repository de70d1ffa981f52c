/* Parameters of transformers in files: nanoGPT's form and Hugging Face's, there and back, and files
 * that are wrong. */
#include "tests/support/testing.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/gpt/weights.h"

static symo_gpt_spec small(bool bias, bool tied, symo_dtype dtype) {
  symo_gpt_spec spec = symo_gpt_spec_default();
  spec.vocabulary = 11, spec.block = 6, spec.width = 8, spec.heads = 2, spec.layers = 2;
  spec.bias = bias, spec.tied = tied, spec.dtype = dtype;
  return spec;
}

static size_t count_of(const symo_gpt_spec *spec) {
  char name[GPT_NAME];
  size_t rank, shape[2], offset, end = 0;
  for (size_t i = 0; gpt_file_tensors(spec, i, name, &rank, shape, &offset); i++) {
    cr_assert_eq(offset, end, "%s begins at %zu", name, offset);
    end = offset + shape[0] * (rank == 2 ? shape[1] : 1);
  }
  return end;
}

static double *random_theta(symo_context *context, size_t count) {
  symo_rng *rng = symo_test_rng(context, 3);
  double *x = symo_calloc(count, sizeof *x);
  symo_test_randn(rng, x, count);
  symo_rng_destroy(rng);
  return x;
}

Test(gpt_weights, tensors_lie_in_the_flat_vector) {
  const symo_gpt_spec spec = small(true, true, SYMO_F64);
  static const struct {
    const char *name;
    size_t rank, shape[2];
  } first[] = {{"transformer.wte.weight", 2, {11, 8}},
               {"transformer.wpe.weight", 2, {6, 8}},
               {"transformer.h.0.ln_1.weight", 1, {8, 1}},
               {"transformer.h.0.ln_1.bias", 1, {8, 1}},
               {"transformer.h.0.attn.c_attn.weight", 2, {24, 8}},
               {"transformer.h.0.attn.c_attn.bias", 1, {24, 1}},
               {"transformer.h.0.attn.c_proj.weight", 2, {8, 8}},
               {"transformer.h.0.attn.c_proj.bias", 1, {8, 1}},
               {"transformer.h.0.ln_2.weight", 1, {8, 1}},
               {"transformer.h.0.ln_2.bias", 1, {8, 1}},
               {"transformer.h.0.mlp.c_fc.weight", 2, {32, 8}},
               {"transformer.h.0.mlp.c_fc.bias", 1, {32, 1}},
               {"transformer.h.0.mlp.c_proj.weight", 2, {8, 32}},
               {"transformer.h.0.mlp.c_proj.bias", 1, {8, 1}},
               {"transformer.h.1.ln_1.weight", 1, {8, 1}}};
  char name[GPT_NAME];
  size_t rank, shape[2], offset;
  for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
    cr_assert(gpt_file_tensors(&spec, i, name, &rank, shape, &offset));
    cr_assert_str_eq(name, first[i].name);
    cr_assert(rank == first[i].rank && shape[0] == first[i].shape[0] &&
              shape[1] == first[i].shape[1]);
  }
  cr_assert_not(gpt_file_tensors(&spec, 28, name, &rank, shape, &offset));
  symo_gpt_spec untied = small(false, false, SYMO_F64);
  cr_assert(gpt_file_tensors(&untied, 2 + 12 + 1, name, &rank, shape, &offset));
  cr_assert_str_eq(name, "lm_head.weight");
}

/* The flat vector of the network has as many numbers, and the same tensors at the same places. */
Test(gpt_weights, the_layout_of_the_network_agrees) {
  symo_context *context = symo_test_context();
  for (int kind = 0; kind < 4; kind++) {
    const symo_gpt_spec spec = small((kind & 1) != 0, (kind & 2) != 0, SYMO_F64);
    symo_net_spec *net = symo_calloc(1, sizeof *net);
    symo_layout *layout = NULL;
    char name[GPT_NAME];
    size_t rank, shape[2], offset, tensor, t = 0;
    cr_ok(context, symo_gpt_to_net(context, &spec, net));
    cr_ok(context, symo_net_layout(context, net, NULL, &layout));
    cr_assert_eq(symo_layout_num_parameters(layout), count_of(&spec));
    for (size_t i = 0; gpt_file_tensors(&spec, i, name, &rank, shape, &offset); i++) {
      const char *plain = strncmp(name, "transformer.", 12) == 0 ? name + 12 : name;
      const char *joint = strstr(plain, "c_attn.");
      char ours[GPT_NAME];
      snprintf(ours, sizeof ours, "%s", plain);
      if (joint != NULL)
        snprintf(ours, sizeof ours, "%.*sq.%s", (int)(joint - plain), plain, joint + 7);
      cr_assert(symo_layout_find_tensor(layout, ours, &tensor), "no %s", ours);
      cr_assert_eq(tensor, t);
      cr_assert_eq(symo_layout_tensor_offset(layout, tensor), offset);
      cr_assert_eq(symo_layout_tensor_order(layout, tensor), rank);
      t += joint != NULL ? 3 : 1;
    }
    cr_assert_eq(t, symo_layout_num_tensors(layout));
    symo_layout_destroy(layout);
    symo_free(net);
  }
  symo_context_destroy(context);
  cr_no_leaks();
}

static void check_spec(const symo_gpt_spec *a, const symo_gpt_spec *b) {
  cr_assert(a->vocabulary == b->vocabulary && a->block == b->block && a->width == b->width &&
            a->heads == b->heads && a->layers == b->layers && a->hidden == b->hidden);
  cr_assert_eq(a->tied, b->tied);
  cr_assert_eq(a->dtype, b->dtype);
  cr_assert_eq(a->activation, b->activation);
}

static void there_and_back(symo_context *context, gpt_form form, symo_gpt_spec spec) {
  const gpt_weights_options any = {0};
  const size_t count = count_of(&spec), size = symo_dtype_size(spec.dtype);
  double *x = random_theta(context, count);
  void *theta = symo_calloc(count, size);
  gpt_weights back = {0}, again = {0};
  symo_test_pack(spec.dtype, x, theta, count);
  const char *path = symo_test_path("model.safetensors");
  cr_ok(context, gpt_weights_write(context, path, form, &spec, theta, "{\"a\": \"\\u00e9\"}"));
  cr_ok(context, gpt_weights_read(context, path, &any, &back));
  check_spec(&back.spec, &spec);
  cr_assert_eq(back.form, form);
  cr_assert_str_eq(back.tokenizer, "{\"a\": \"\\u00e9\"}");
  cr_assert_str_eq(back.remark, "");
  /* Hugging Face's form has biases always; back in nanoGPT's they are there as zeros. */
  if (form == GPT_HUGGING_FACE && !spec.bias) {
    cr_assert(back.spec.bias);
    cr_assert_eq(back.count, count_of(&back.spec));
    double sums[2] = {0.0, 0.0};
    double *wide = symo_calloc(back.count, sizeof *wide);
    symo_test_unpack(spec.dtype, back.theta, wide, back.count);
    for (size_t i = 0; i < back.count; i++) sums[0] += wide[i] * wide[i];
    symo_test_unpack(spec.dtype, theta, x, count);
    for (size_t i = 0; i < count; i++) sums[1] += x[i] * x[i];
    cr_assert_float_eq(sums[0], sums[1], 1e-9 * sums[1]);
    symo_free(wide);
  } else {
    cr_assert_eq(back.count, count);
    cr_assert_eq(memcmp(back.theta, theta, count * size), 0);
  }
  /* From one form to the other and back. */
  const gpt_form other = form == GPT_NANOGPT ? GPT_HUGGING_FACE : GPT_NANOGPT;
  cr_ok(context, gpt_weights_write(context, path, other, &back.spec, back.theta, NULL));
  cr_ok(context, gpt_weights_read(context, path, &any, &again));
  cr_assert_null(again.tokenizer);
  if (again.count == back.count)
    cr_assert_eq(memcmp(again.theta, back.theta, back.count * size), 0);
  else
    cr_assert_not(back.spec.bias);
  gpt_weights_drop(&back);
  gpt_weights_drop(&again);
  symo_free(theta);
  symo_free(x);
}

Test(gpt_weights, there_and_back) {
  symo_context *context = symo_test_context();
  for (int kind = 0; kind < 16; kind++) {
    symo_gpt_spec spec =
        small((kind & 1) != 0, (kind & 2) != 0, (kind & 4) != 0 ? SYMO_F32 : SYMO_F64);
    if (kind & 8) spec.hidden = 20, spec.activation = SYMO_ACT_GELU_TANH;
    there_and_back(context, GPT_NANOGPT, spec);
    there_and_back(context, GPT_HUGGING_FACE, spec);
  }
  symo_context_destroy(context);
  cr_no_leaks();
}

/* ---- files that others wrote ---- */

enum { MOST = 64 };

/* The entries of a model in nanoGPT's form, to be changed. */
typedef struct draft {
  symo_context *context;
  symo_gpt_spec spec;
  double *theta;
  size_t count;
  char names[MOST][80];
  symo_safetensors_item items[MOST];
} draft;

static draft begin(bool bias, bool tied) {
  draft d = {.context = symo_test_context(), .spec = small(bias, tied, SYMO_F64)};
  d.theta = random_theta(d.context, count_of(&d.spec));
  return d;
}

static void fill(draft *d) {
  size_t rank, shape[2], offset;
  d->count = 0;
  for (; gpt_file_tensors(&d->spec, d->count, d->names[d->count], &rank, shape, &offset);
       d->count++)
    d->items[d->count] = (symo_safetensors_item){.name = d->names[d->count],
                                                 .type = SYMO_SCALAR_F64,
                                                 .order = rank,
                                                 .shape = {shape[0], shape[1]},
                                                 .data = d->theta + offset};
}

static size_t item(const draft *d, const char *name) {
  for (size_t i = 0; i < d->count; i++)
    if (strcmp(d->names[i], name) == 0) return i;
  cr_assert(false, "no %s", name);
  return 0;
}

static const char *write(draft *d, const char *heads) {
  const char *path = symo_test_path("model.safetensors");
  const symo_safetensors_text texts[] = {{"n_head", heads}};
  cr_ok(d->context,
        symo_safetensors_write(d->context, path, heads != NULL, texts, d->count, d->items));
  return path;
}

static void end(draft *d) {
  symo_free(d->theta);
  symo_context_destroy(d->context);
  cr_no_leaks();
}

static void refused(draft *d, symo_status status, const char *detail) {
  const gpt_weights_options any = {0};
  gpt_weights none = {0};
  cr_fails(d->context, status, detail, gpt_weights_read(d->context, write(d, "2"), &any, &none));
  cr_assert(none.theta == NULL && none.tokenizer == NULL);
}

Test(gpt_weights, prefixes_and_buffers_are_no_matter) {
  draft d = begin(true, true);
  const gpt_weights_options any = {0};
  gpt_weights back = {0};
  static const double mask[36];
  fill(&d);
  for (size_t i = 0; i < d.count; i++) {
    char name[80];
    snprintf(name, sizeof name, "_orig_mod.%.60s", d.names[i]);
    snprintf(d.names[i], sizeof d.names[i], "%s", name);
  }
  static const char *const buffers[] = {"h.0.attn.bias", "h.1.attn.masked_bias",
                                        "transformer.h.1.attn.bias", "state:first"};
  for (size_t i = 0; i < 4; i++)
    d.items[d.count++] = (symo_safetensors_item){
        buffers[i], i == 3 ? SYMO_SCALAR_U8 : SYMO_SCALAR_F64, 4, {1, 1, 6, 6}, mask};
  cr_ok(d.context, gpt_weights_read(d.context, write(&d, "2"), &any, &back));
  cr_assert_eq(memcmp(back.theta, d.theta, back.count * sizeof(double)), 0);
  cr_assert(back.spec.tied && back.spec.heads == 2 && back.spec.dtype == SYMO_F64);
  gpt_weights_drop(&back);
  end(&d);
}

Test(gpt_weights, a_head_that_is_the_embedding_is_tied) {
  draft d = begin(false, false);
  const gpt_weights_options any = {0};
  gpt_weights back = {0};
  fill(&d);
  cr_ok(d.context, gpt_weights_read(d.context, write(&d, "2"), &any, &back));
  cr_assert_not(back.spec.tied);
  cr_assert_eq(back.count, count_of(&d.spec));
  gpt_weights_drop(&back);
  d.items[item(&d, "lm_head.weight")].data = d.theta;
  cr_ok(d.context, gpt_weights_read(d.context, write(&d, "2"), &any, &back));
  cr_assert(back.spec.tied);
  cr_assert_eq(back.count, count_of(&back.spec));
  gpt_weights_drop(&back);
  end(&d);
}

Test(gpt_weights, missing_unknown_and_misshapen_tensors) {
  draft d = begin(true, true);
  for (size_t i = 0; i < 28; i++) {
    fill(&d);
    char name[80];
    snprintf(name, sizeof name, "%s", d.names[i]);
    for (size_t j = i + 1; j < d.count; j++) {
      snprintf(d.names[j - 1], sizeof d.names[0], "%s", d.names[j]);
      d.items[j - 1] = d.items[j];
      d.items[j - 1].name = d.names[j - 1];
    }
    d.count--;
    refused(&d, SYMO_E_NAME, name);
  }
  for (size_t i = 0; i < 28;
       i++) { /* one row less: the tensor, or another that then does not fit */
    fill(&d);
    d.items[i].shape[0]--;
    if (strcmp(d.names[i], "transformer.wpe.weight") == 0 ||
        strcmp(d.names[i], "transformer.wte.weight") == 0)
      continue;
    refused(&d, SYMO_E_SHAPE, "transformer.");
  }
  fill(&d);
  d.items[4].order = 1, d.items[4].shape[0] *= d.items[4].shape[1];
  refused(&d, SYMO_E_SHAPE, "h.0.attn.c_attn.weight: has shape [192]");
  fill(&d);
  d.items[d.count++] = (symo_safetensors_item){"h.0.attn.rope", SYMO_SCALAR_F64, 1, {1}, d.theta};
  refused(&d, SYMO_E_NAME, "h.0.attn.rope: a GPT-2 has no such tensor");
  fill(&d);
  d.items[d.count++] = (symo_safetensors_item){"wte.weight", SYMO_SCALAR_F64, 1, {1}, d.theta};
  refused(&d, SYMO_E_NAME, "transformer.wte.weight and wte.weight are the same one");
  fill(&d);
  d.items[d.count++] =
      (symo_safetensors_item){"h.123456789.ln_1.weight", SYMO_SCALAR_F64, 1, {8}, d.theta};
  refused(&d, SYMO_E_NAME, "no such tensor");
  fill(&d);
  d.items[item(&d, "transformer.h.1.ln_2.bias")].type = SYMO_SCALAR_I64;
  refused(&d, SYMO_E_DTYPE, "h.1.ln_2.bias: has type I64");
  end(&d);
}

Test(gpt_weights, heads_and_positions) {
  draft d = begin(false, true);
  gpt_weights back = {0};
  fill(&d);
  const gpt_weights_options any = {0}, four = {.heads = 4}, cropped = {.heads = 2, .block = 4},
                            longer = {.heads = 2, .block = 7}, three = {.heads = 3};
  const char *path = write(&d, NULL);
  cr_fails(d.context, SYMO_E_ARGUMENT, "give --n-head",
           gpt_weights_read(d.context, path, &any, &back));
  cr_fails(d.context, SYMO_E_ARGUMENT, "3 heads do not divide",
           gpt_weights_read(d.context, path, &three, &back));
  cr_fails(d.context, SYMO_E_SHAPE, "has 6 positions, not 7",
           gpt_weights_read(d.context, path, &longer, &back));
  cr_ok(d.context, gpt_weights_read(d.context, path, &four, &back));
  cr_assert_eq(back.spec.heads, 4);
  gpt_weights_drop(&back);
  cr_ok(d.context, gpt_weights_read(d.context, path, &cropped, &back));
  const double *theta = back.theta;
  cr_assert_eq(back.spec.block, 4);
  cr_assert_eq(back.count, count_of(&back.spec));
  cr_assert_eq(memcmp(theta, d.theta, (11 + 4) * 8 * sizeof *theta), 0);
  cr_assert_eq(memcmp(theta + (11 + 4) * 8, d.theta + (11 + 6) * 8,
                      (back.count - (11 + 4) * 8) * sizeof *theta),
               0);
  gpt_weights_drop(&back);
  path = write(&d, "two");
  cr_fails(d.context, SYMO_E_FORMAT, "n_head: must be a number",
           gpt_weights_read(d.context, path, &any, &back));
  path = write(&d, NULL);
  const char *config = "{\"n_head\": 2, \"activation_function\": \"gelu_new\", \"other\": [1]}";
  symo_test_write(symo_test_path("config.json"), config, strlen(config));
  cr_ok(d.context, gpt_weights_read(d.context, path, &any, &back));
  cr_assert(back.spec.heads == 2 && back.spec.activation == SYMO_ACT_GELU_TANH);
  gpt_weights_drop(&back);
  config = "{\"n_head\": 2, \"layer_norm_epsilon\": 1e-6}";
  symo_test_write(symo_test_path("config.json"), config, strlen(config));
  cr_fails(d.context, SYMO_E_UNSUPPORTED, "layer_norm_epsilon",
           gpt_weights_read(d.context, path, &any, &back));
  end(&d);
}

Test(gpt_weights, narrower_numbers) {
  draft d = begin(true, true);
  const gpt_weights_options any = {0}, wide = {.dtype = SYMO_F64};
  gpt_weights back = {0};
  const size_t count = count_of(&d.spec);
  uint16_t *half = symo_calloc(count, sizeof *half);
  /* 1.5 and its neighbours have few digits in any type. */
  for (size_t i = 0; i < count; i++) half[i] = (uint16_t)(0x3f00u + i % 128);
  for (int brain = 0; brain < 2; brain++) {
    fill(&d);
    for (size_t i = 0; i < d.count; i++) {
      d.items[i].type = brain ? SYMO_SCALAR_BF16 : SYMO_SCALAR_F16;
      d.items[i].data = half + ((const double *)d.items[i].data - d.theta);
    }
    const char *path = write(&d, "2");
    cr_ok(d.context, gpt_weights_read(d.context, path, &any, &back));
    cr_assert_eq(back.spec.dtype, SYMO_F32);
    for (size_t i = 0; i < count; i++)
      cr_assert(((float *)back.theta)[i] ==
                (brain ? symo_float_of_bf16(half[i]) : symo_float_of_f16(half[i])));
    gpt_weights_drop(&back);
    cr_ok(d.context, gpt_weights_read(d.context, path, &wide, &back));
    cr_assert_eq(back.spec.dtype, SYMO_F64);
    gpt_weights_drop(&back);
  }
  symo_free(half);
  end(&d);
}

Test(gpt_weights, truncated_files) {
  draft d = begin(false, true);
  const gpt_weights_options any = {0};
  gpt_weights none = {0};
  static char bytes[1 << 16];
  fill(&d);
  const char *path = write(&d, "2");
  FILE *file = fopen(path, "rb");
  const size_t size = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  for (size_t kept = 0; kept < size; kept += 997) {
    symo_test_write(path, bytes, kept);
    cr_assert(gpt_weights_read(d.context, path, &any, &none) == SYMO_E_FORMAT, "%zu bytes: %s",
              kept, symo_context_detail(d.context));
  }
  remove(path);
  cr_fails(d.context, SYMO_E_IO, "model.safetensors",
           gpt_weights_read(d.context, path, &any, &none));
  end(&d);
}

Test(gpt_weights, for_a_network_that_is_there) {
  draft d = begin(true, true);
  fill(&d);
  const char *path = write(&d, "2");
  symo_gpt_spec spec = d.spec;
  double *theta = symo_calloc(2 * count_of(&spec), sizeof *theta);
  const size_t count = count_of(&spec);
  cr_ok(d.context, gpt_weights_load(d.context, path, &spec, theta));
  cr_assert_eq(memcmp(theta, d.theta, count * sizeof *theta), 0);
  spec.tied = false; /* the head begins as the embedding */
  cr_ok(d.context, gpt_weights_load(d.context, path, &spec, theta));
  cr_assert_eq(memcmp(theta + count, d.theta, 11 * 8 * sizeof *theta), 0);
  spec = d.spec, spec.bias = false;
  cr_fails(d.context, SYMO_E_SHAPE, "biases", gpt_weights_load(d.context, path, &spec, theta));
  spec = d.spec, spec.layers = 3;
  cr_fails(d.context, SYMO_E_SHAPE, "blocks: 2, and the network has 3",
           gpt_weights_load(d.context, path, &spec, theta));
  spec = d.spec, spec.heads = 4;
  cr_fails(d.context, SYMO_E_SHAPE, "heads", gpt_weights_load(d.context, path, &spec, theta));
  symo_free(theta);
  end(&d);
}

typedef struct job {
  symo_context *context;
  const char *path, *copy;
} job;

static symo_status copy_file(void *self) {
  const job *j = self;
  const gpt_weights_options any = {0};
  gpt_weights back = {0};
  symo_status status = gpt_weights_read(j->context, j->path, &any, &back);
  if (status == SYMO_OK)
    status = gpt_weights_write(j->context, j->copy, GPT_HUGGING_FACE, &back.spec, back.theta, NULL);
  gpt_weights_drop(&back);
  return status;
}

Test(gpt_weights, failed_allocations) {
  draft d = begin(false, false);
  fill(&d);
  job j = {d.context, write(&d, "2"), symo_test_path("copy.safetensors")};
  cr_assert_geq(symo_test_allocations(copy_file, &j), 8);
  end(&d);
}
