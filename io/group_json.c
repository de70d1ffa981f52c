/* Groups in layout files: {"dim": 64, "group": NAME} with the parameters of the group beside them,
 * groups within groups where a parameter is one.  What reads is strict: every key belongs to the
 * group, every size is looked at before memory is taken for it. */
#include "io/group_json.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/names.h"

enum { MOST_GROUPS = 64, MOST_KEYS = 6 };

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
                   symo_did_you_mean(name, count, known).text);
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

static symo_status make_room(builder *b, size_t parts) {
  b->uses = symo_calloc(parts + 1, sizeof *b->uses);
  b->parts = symo_calloc(parts + 1, sizeof *b->parts);
  b->spec.parts = b->parts;
  if (b->uses == NULL || b->parts == NULL)
    return symo_fail_memory(b->source->context, b->source->where);
  return SYMO_OK;
}

/* One group under this key. */
static symo_status read_part(builder *b, const char *key) {
  char at[SYMO_JSON_PATH];
  symo_json_path(at, b->at, ".%s", key);
  symo_status status = make_room(b, 1);
  return status == SYMO_OK ? add_part(b, at, json_object_get(b->object, key)) : status;
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
  SYMO_TRY(make_room(b, json_array_size(list)));
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

static symo_status read_scaling(builder *b) {
  const json_t *window = json_object_get(b->object, "window");
  char at[SYMO_JSON_PATH];
  symo_status status;
  SYMO_TRY(read_flag(b, "signs", &b->spec.signs));
  SYMO_TRY(read_flag(b, "permute", &b->spec.permute));
  if (window == NULL) return SYMO_OK;
  symo_json_path(at, b->at, ".window");
  b->spec.window = json_number_value(window);
  if (!json_is_number(window) || !(b->spec.window > 0))
    return symo_fail(b->source->context, json_is_number(window) ? SYMO_E_ARGUMENT : SYMO_E_FORMAT,
                     "%s: %s: must be a number above 0 (the half width of log c, for example 1.5)",
                     b->source->where, at);
  return SYMO_OK;
fail:
  return status;
}

static symo_status read_wreath(builder *b) {
  char at[SYMO_JSON_PATH];
  symo_json_path(at, b->at, ".copies");
  symo_status status =
      symo_json_whole(b->source, at, json_object_get(b->object, "copies"), 1, "a number of copies",
                      "how many copies of the inner group, for example 4", &b->spec.copies);
  return status == SYMO_OK ? read_part(b, "inner") : status;
}

static symo_status read_product(builder *b) { return read_parts(b, "factors"); }
static symo_status read_sum(builder *b) { return read_parts(b, "parts"); }

static symo_status read_restriction(builder *b) {
  static const char *const advice = "the numbers of generators that `symo groups --generators` "
                                    "shows, for example [0, 2]";
  char at[SYMO_JSON_PATH], item[SYMO_JSON_PATH];
  json_t *list = json_object_get(b->object, "generators"), *value;
  size_t index;
  symo_status status;
  SYMO_TRY(read_part(b, "of"));
  symo_json_path(at, b->at, ".generators");
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

static symo_status read_custom(builder *b) {
  return symo_group_read_generators(b->source, b->at, b->object, b->dim, &b->spec.generators);
}

/* By name: the keys besides dim and group, and what reads them. */
static const struct kind {
  const char *name;
  const char *keys[MOST_KEYS];
  symo_status (*read)(builder *b);
  bool sized; /* the dimension follows and may be left out */
} kinds[] = {
    {"scaling", {"dim", "group", "window", "signs", "permute"}, read_scaling, false},
    {"wreath", {"dim", "group", "copies", "inner"}, read_wreath, true},
    {"product", {"dim", "group", "factors"}, read_product, true},
    {"sum", {"dim", "group", "parts"}, read_sum, true},
    {"restriction", {"dim", "group", "of", "generators"}, read_restriction, true},
    {"custom",
     {"dim", "group", "generators", "lie_generators", "generators_file"},
     read_custom,
     true},
};

/* For groups without parameters. */
static const struct kind plain = {"", {"dim", "group"}, NULL, false};

static const struct kind *kind_of(const symo_group *group) {
  if (group == NULL || !symo_group_needs_parameters(group)) return &plain;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; ++i)
    if (strcmp(kinds[i].name, symo_group_name(group)) == 0) return &kinds[i];
  return &plain;
}

/* ---- groups ---- */

static symo_status read_dim(const symo_group_source *source, const char *at, const json_t *value,
                            size_t *dim) {
  char key[SYMO_JSON_PATH];
  symo_json_path(key, at, ".dim");
  return symo_json_whole(source, key, value, 1, "a dimension",
                         "the dimension of the space, for example 64", dim);
}

static symo_status check_keys(const symo_group_source *source, const char *at, json_t *object,
                              const struct kind *kind) {
  size_t count = 0;
  while (count < MOST_KEYS && kind->keys[count] != NULL) ++count;
  return symo_json_check_keys(source->context, source->where, at, object, count, kind->keys);
}

static symo_status build(const symo_group_source *source, const char *at, json_t *object, int depth,
                         size_t dim, const symo_group *group, symo_group_use *out) {
  const struct kind *kind = kind_of(group);
  builder b = {.source = source, .at = at, .object = object, .depth = depth, .dim = dim};
  symo_status status = SYMO_OK;
  b.spec = symo_group_spec_default(symo_group_name(group));
  if (kind->read != NULL) status = kind->read(&b);
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
  SYMO_TRY(check_keys(source, at, object, kind_of(group)));
  bool sized = kind_of(group)->sized || (group != NULL && symo_group_dim(group) != 0);
  if (size != NULL || !sized) SYMO_TRY(read_dim(source, at, size, &dim));
  SYMO_TRY(symo_json_expect(source->context, source->where, key, name, JSON_STRING,
                            "the name of a group, for example \"identity\""));
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
