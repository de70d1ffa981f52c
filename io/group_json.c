/* Groups in layout files: {"dim": 64, "group": NAME} with the parameters of the group beside them,
 * groups within groups where a parameter is one.  What reads is strict: every key belongs to the
 * group, every size is looked at before memory is taken for it. */
#include "io/group_json.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/names.h"
#include "groups/group.h"
#include "groups/instance.h"

enum { MOST_GROUPS = 64, MOST_KEYS = 16 };

/* ---- messages ---- */

void symo_json_path(char out[SYMO_JSON_PATH], const char *at, const char *format, ...) {
  va_list arguments;
  int n = snprintf(out, SYMO_JSON_PATH, "%s", at);
  if (n < 0 || n >= SYMO_JSON_PATH) return;
  va_start(arguments, format);
  (void)vsnprintf(out + n, (size_t)(SYMO_JSON_PATH - n), format, arguments);
  va_end(arguments);
}

symo_status symo_json_pass_on(const symo_group_source *source, symo_status status, const char *at) {
  if (status == SYMO_OK) return status;
  return symo_fail_within(source->context, status, "%s: %s", source->where, at);
}

static symo_status unknown_group(const symo_group_source *source, const char *at,
                                 const char *name) {
  const char *known[MOST_GROUPS];
  char list[600] = "";
  size_t count = symo_group_count(), n = 0;
  if (count > MOST_GROUPS) count = MOST_GROUPS;
  for (size_t i = 0; i < count; ++i) {
    known[i] = symo_group_name(symo_group_at(i));
    if (n < sizeof list)
      n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i > 0 ? ", " : "", known[i]);
  }
  return symo_fail(source->context, SYMO_E_NAME, "%s: %s: unknown group \"%s\" (known: %s%s)",
                   source->where, at, symo_quoted(name).text, list,
                   symo_group_suggestion(source->context, name).text);
}

symo_status symo_json_whole(const symo_group_source *source, const char *at, const json_t *value,
                            size_t least, const char *what, const char *advice, size_t *out) {
  symo_status status =
      symo_json_expect(source->context, source->where, at, value, JSON_INTEGER, advice);
  if (status != SYMO_OK) return status;
  json_int_t number = json_integer_value(value);
  if (number < 0 || (unsigned long long)number < least)
    return symo_fail(source->context, SYMO_E_ARGUMENT, "%s: %s: %lld is not %s (take %zu or more)",
                     source->where, at, (long long)number, what, least);
  if ((unsigned long long)number > SIZE_MAX)
    return symo_fail(source->context, SYMO_E_SIZE, "%s: %s: %lld is too large (take a smaller one)",
                     source->where, at, (long long)number);
  *out = (size_t)number;
  return SYMO_OK;
}

/* ---- parameters ---- */

/* A group under construction, and what its spec points to. */
typedef struct builder {
  const symo_group_source *source;
  const char *at;
  json_t *object;
  int depth;
  size_t dim; /* as written; 0: not */
  symo_group_spec spec;
  symo_group_use *uses; /* [spec.num_parts] */
  symo_group_part *parts;
  size_t *keep;
} builder;

static symo_status read_group(const symo_group_source *source, const char *at, json_t *object,
                              int depth, symo_group_use *out);

static void drop(builder *b) {
  for (size_t i = 0; b->uses != NULL && i < b->spec.num_parts; ++i)
    symo_group_destroy(b->uses[i].made);
  symo_free(b->uses);
  symo_free(b->parts);
  symo_free(b->keep);
  symo_group_drop_generators(&b->spec.generators);
}

static symo_status add_part(builder *b, const char *at, json_t *object) {
  symo_group_use *use = &b->uses[b->spec.num_parts];
  symo_status status = read_group(b->source, at, object, b->depth + 1, use);
  if (status != SYMO_OK) return status;
  b->parts[b->spec.num_parts++] = (symo_group_part){use->group, use->dim};
  return SYMO_OK;
}

/* For all groups that the parameters hold. */
static symo_status make_room(builder *b, const group_parameter *parameters) {
  size_t room = 0;
  for (const group_parameter *p = parameters; p->name != NULL; p++) {
    if (p->kind == GROUP_PART) room++;
    if (p->kind == GROUP_PARTS) room += json_array_size(json_object_get(b->object, p->name));
  }
  b->uses = symo_calloc(room, sizeof *b->uses);
  b->parts = symo_calloc(room, sizeof *b->parts);
  b->spec.parts = b->parts;
  if (b->uses == NULL || b->parts == NULL)
    return symo_fail_memory(b->source->context, b->source->where);
  return SYMO_OK;
}

/* One group under this key. */
static symo_status read_part(builder *b, const char *key) {
  char at[SYMO_JSON_PATH];
  symo_json_path(at, b->at, ".%s", key);
  return add_part(b, at, json_object_get(b->object, key));
}

/* A list of groups under this key. */
static symo_status read_parts(builder *b, const char *key) {
  char at[SYMO_JSON_PATH], item[SYMO_JSON_PATH];
  json_t *list = json_object_get(b->object, key), *part;
  size_t index;
  symo_status status;
  symo_json_path(at, b->at, ".%s", key);
  SYMO_TRY(symo_json_expect(b->source->context, b->source->where, at, list, JSON_ARRAY,
                            "[{\"group\": \"cyclic\", \"dim\": 5}, ...]"));
  if (json_array_size(list) == 0)
    return symo_fail(b->source->context, SYMO_E_FORMAT, "%s: %s: is empty (name one group or more)",
                     b->source->where, at);
  json_array_foreach(list, index, part) {
    symo_json_path(item, at, "[%zu]", index);
    SYMO_TRY(add_part(b, item, part));
  }
  return SYMO_OK;
fail:
  return status;
}

static symo_status read_flag(const builder *b, const char *key, bool *out) {
  const json_t *value = json_object_get(b->object, key);
  char at[SYMO_JSON_PATH];
  if (value == NULL) return SYMO_OK;
  symo_json_path(at, b->at, ".%s", key);
  *out = json_is_true(value);
  if (json_is_boolean(value)) return SYMO_OK;
  return symo_fail(b->source->context, SYMO_E_FORMAT,
                   "%s: %s: must be true or false, not %s (without quotes)", b->source->where, at,
                   symo_json_type_name(json_typeof(value)));
}

static symo_status read_real(const builder *b, const group_parameter *p, double *out) {
  const json_t *value = json_object_get(b->object, p->name);
  char at[SYMO_JSON_PATH], above[48] = "";
  if (value == NULL && p->optional) return SYMO_OK;
  symo_json_path(at, b->at, ".%s", p->name);
  *out = json_number_value(value);
  if (json_is_number(value) && *out > p->least) return SYMO_OK;
  if (isfinite(p->least)) (void)snprintf(above, sizeof above, " above %g", p->least);
  return symo_fail(b->source->context, json_is_number(value) ? SYMO_E_ARGUMENT : SYMO_E_FORMAT,
                   "%s: %s: must be a number%s (%s)", b->source->where, at, above, p->advice);
}

static symo_status read_size(const builder *b, const group_parameter *p, size_t *out) {
  char at[SYMO_JSON_PATH], what[80];
  symo_json_path(at, b->at, ".%s", p->name);
  (void)snprintf(what, sizeof what, "a %s", p->what);
  return symo_json_whole(b->source, at, json_object_get(b->object, p->name), (size_t)p->least, what,
                         p->advice, out);
}

static symo_status read_keep(builder *b, const char *key) {
  static const char *const advice = "the numbers of generators that `symo groups --generators` "
                                    "shows, for example [0, 2]";
  char at[SYMO_JSON_PATH], item[SYMO_JSON_PATH];
  json_t *list = json_object_get(b->object, key), *value;
  size_t index;
  symo_status status;
  symo_json_path(at, b->at, ".%s", key);
  SYMO_TRY(symo_json_expect(b->source->context, b->source->where, at, list, JSON_ARRAY, advice));
  b->keep = symo_calloc(json_array_size(list) + 1, sizeof *b->keep);
  b->spec.keep = b->keep;
  if (b->keep == NULL) return symo_fail_memory(b->source->context, b->source->where);
  json_array_foreach(list, index, value) {
    symo_json_path(item, at, "[%zu]", index);
    SYMO_TRY(symo_json_whole(b->source, item, value, 0, "the number of a generator", advice,
                             &b->keep[index]));
  }
  b->spec.num_keep = json_array_size(list);
  return SYMO_OK;
fail:
  return status;
}

static symo_status read_parameter(builder *b, const group_parameter *p) {
  switch (p->kind) {
  case GROUP_REAL: return read_real(b, p, symo_group_real(p, &b->spec));
  case GROUP_FLAG: return read_flag(b, p->name, symo_group_flag(p, &b->spec));
  case GROUP_SIZE: return read_size(b, p, symo_group_size(p, &b->spec));
  case GROUP_PART: return read_part(b, p->name);
  case GROUP_PARTS: return read_parts(b, p->name);
  case GROUP_KEEP: return read_keep(b, p->name);
  case GROUP_GENERATORS:
    return symo_group_read_generators(b->source, b->at, b->object, b->dim, &b->spec.generators);
  case GROUP_ALSO: return SYMO_OK;
  }
  return SYMO_OK;
}

/* ---- groups ---- */

static symo_status read_dim(const symo_group_source *source, const char *at, const json_t *value,
                            size_t *dim) {
  char key[SYMO_JSON_PATH];
  symo_json_path(key, at, ".dim");
  return symo_json_whole(source, key, value, 1, "a dimension",
                         "the dimension of the space, for example 64", dim);
}

/* The parameters that are to be read; NULL for groups without, or none that is known. */
static const group_parameter *parameters_of(const symo_group *group) {
  return group != NULL && symo_group_needs_parameters(group) ? group->parameters : NULL;
}

static symo_status check_keys(const symo_group_source *source, const char *at, json_t *object,
                              const symo_group *group) {
  const char *keys[MOST_KEYS] = {"dim", "group"};
  size_t count = 2;
  for (const group_parameter *p = parameters_of(group); p && p->name && count < MOST_KEYS; p++)
    keys[count++] = p->name;
  return symo_json_check_keys(source->context, source->where, at, object, count, keys);
}

static symo_status build(const symo_group_source *source, const char *at, json_t *object, int depth,
                         size_t dim, const symo_group *group, symo_group_use *out) {
  builder b = {.source = source, .at = at, .object = object, .depth = depth, .dim = dim};
  b.spec = symo_group_spec_default(symo_group_name(group));
  symo_status status = make_room(&b, group->parameters);
  for (const group_parameter *p = group->parameters; status == SYMO_OK && p->name != NULL; p++)
    status = read_parameter(&b, p);
  if (status == SYMO_OK)
    status =
        symo_json_pass_on(source, symo_group_use_create(source->context, &b.spec, dim, out), at);
  drop(&b);
  return status;
}

static symo_status read_group(const symo_group_source *source, const char *at, json_t *object,
                              int depth, symo_group_use *out) {
  char key[SYMO_JSON_PATH];
  symo_status status;
  size_t dim = 0;
  if (depth >= SYMO_GROUP_NESTING)
    return symo_fail(source->context, SYMO_E_UNSUPPORTED,
                     "%s: %s: groups within groups more than %d deep (make it flatter)",
                     source->where, at, SYMO_GROUP_NESTING);
  SYMO_TRY(symo_json_expect(source->context, source->where, at, object, JSON_OBJECT,
                            "{\"dim\": 64, \"group\": \"identity\"}"));
  const json_t *name = json_object_get(object, "group"), *size = json_object_get(object, "dim");
  const symo_group *group = NULL;
  symo_json_path(key, at, ".group");
  /* The group before the keys, which are its own. */
  if (json_is_string(name)) {
    group = symo_group_lookup(source->context, json_string_value(name));
    if (group == NULL) return unknown_group(source, key, json_string_value(name));
  }
  SYMO_TRY(check_keys(source, at, object, group));
  bool follows = group != NULL && parameters_of(group) != NULL && group->dim_of != NULL;
  bool sized = follows || (group != NULL && symo_group_dim(group) != 0);
  if (size != NULL || !sized) SYMO_TRY(read_dim(source, at, size, &dim));
  SYMO_TRY(symo_json_expect(source->context, source->where, key, name, JSON_STRING,
                            "the name of a group, for example \"identity\""));
  assert(group != NULL); /* a name, which was looked up */
  if (symo_group_needs_parameters(group)) return build(source, at, object, depth, dim, group, out);
  *out = (symo_group_use){group, dim != 0 ? dim : symo_group_dim(group), NULL};
  return SYMO_OK;
fail:
  return status;
}

symo_status symo_group_read_json(const symo_group_source *source, const char *at, json_t *object,
                                 symo_group_use *out) {
  return read_group(source, at, object, 0, out);
}

/* ---- writing ---- */

/* The generators of custom groups stand in the file, numbers with as many digits as give the same
 * bits. */
static void add_permutation(symo_text *text, const size_t *image, size_t dim) {
  for (size_t i = 0; i < dim; ++i) symo_text_add(text, "%s%zu", i > 0 ? ", " : "[", image[i]);
  symo_text_add(text, "]");
}

static void add_matrix(symo_text *text, const double *matrix, size_t dim) {
  for (size_t i = 0; i < dim; ++i) {
    symo_text_add(text, i > 0 ? ", " : "[");
    for (size_t j = 0; j < dim; ++j) {
      symo_text_add(text, j > 0 ? ", " : "[");
      symo_text_add_number(text, matrix[i * dim + j]);
    }
    symo_text_add(text, "]");
  }
  symo_text_add(text, "]");
}

static void add_generators(symo_text *text, const symo_generators *g) {
  size_t dim = g->dim;
  symo_text_add(text, "[");
  for (size_t i = 0; i < g->num_permutations; ++i) {
    symo_text_add(text, i > 0 ? ", " : "");
    add_permutation(text, g->permutations + i * dim, dim);
  }
  for (size_t i = 0; i < g->num_matrices; ++i) {
    symo_text_add(text, i + g->num_permutations > 0 ? ", " : "");
    add_matrix(text, g->matrices + i * dim * dim, dim);
  }
  symo_text_add(text, "]");
  if (g->num_lie == 0) return;
  symo_text_add(text, ", \"lie_generators\": [");
  for (size_t i = 0; i < g->num_lie; ++i) {
    symo_text_add(text, i > 0 ? ", " : "");
    add_matrix(text, g->lie + i * dim * dim, dim);
  }
  symo_text_add(text, "]");
}

static void add_list(symo_text *text, const symo_group_spec *spec) {
  symo_text_add(text, "[");
  for (size_t i = 0; i < spec->num_parts; ++i) {
    symo_text_add(text, i > 0 ? ", " : "");
    symo_group_add_json(text, spec->parts[i].group, spec->parts[i].dim);
  }
  symo_text_add(text, "]");
}

/* part: the number of the group, of a parameter that is one. */
static void add_parameter(symo_text *text, const group_parameter *p, const symo_group_spec *spec,
                          size_t part) {
  symo_group_spec *values = (symo_group_spec *)(uintptr_t)spec;
  symo_text_add(text, ", \"%s\": ", p->name);
  switch (p->kind) {
  case GROUP_REAL: symo_text_add_number(text, *symo_group_real(p, values)); break;
  case GROUP_FLAG: symo_text_add(text, *symo_group_flag(p, values) ? "true" : "false"); break;
  case GROUP_SIZE: symo_text_add(text, "%zu", *symo_group_size(p, values)); break;
  case GROUP_PART: symo_group_add_json(text, spec->parts[part].group, spec->parts[part].dim); break;
  case GROUP_PARTS: add_list(text, spec); break;
  case GROUP_KEEP:
    for (size_t i = 0; i < spec->num_keep; ++i)
      symo_text_add(text, "%s%zu", i > 0 ? ", " : "[", spec->keep[i]);
    symo_text_add(text, spec->num_keep > 0 ? "]" : "[]");
    break;
  case GROUP_GENERATORS: add_generators(text, &spec->generators); break;
  case GROUP_ALSO: break;
  }
}

void symo_group_add_json(symo_text *text, const symo_group *group, size_t dim) {
  const symo_group_spec *spec = symo_group_get_spec(group);
  size_t part = 0;
  symo_text_add(text, "{\"dim\": %zu, \"group\": \"%s\"", dim,
                spec != NULL ? spec->group : symo_group_name(group));
  for (const group_parameter *p = spec == NULL ? NULL : group->parameters; p && p->name; p++) {
    if (p->kind != GROUP_ALSO) add_parameter(text, p, spec, part);
    part += p->kind == GROUP_PART;
  }
  symo_text_add(text, "}");
}
