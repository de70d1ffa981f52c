/* The short notation of groups.
 *
 *     group := NAME DIM                                   a group without parameters
 *            | "scaling" [ "(" arg { "," arg } ")" ] DIM  arg := window | "signs" | "permute"
 *            | "wreath" "(" COPIES "," group ")" [DIM]
 *            | "product" "(" group { "," group } ")" [DIM]
 *            | "sum" "(" group { "," group } ")" [DIM]
 *            | "restriction" "(" group "," "keep" { INDEX } ")" [DIM]
 *
 * Where DIM may be left out, digits that ':' or '[' follows are the name of the next item. */
#include "groups/plan/group_text.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/names.h"
#include "groups/numeric/isotypic.h"
#include "groups/plan/layout.h"

enum { LARGEST_DIM = 2147483647 };

/* Their irreps are found numerically, up to SYMO_ISOTYPIC_MAX numbers.  Beyond that no plan can be
 * made, and the generators alone would fill the memory. */
static const char *const generated[] = {"product", "sum", "restriction", "custom"};

/* ---- groups of spaces ---- */

const symo_group *symo_group_lookup(const symo_context *context, const char *name) {
  const symo_group *own = context == NULL ? NULL : symo_context_find_group(context, name);
  return own != NULL ? own : symo_group_find(name);
}

bool symo_group_needs_parameters(const symo_group *group) {
  return symo_group_has_parameters(group) && symo_group_find(symo_group_name(group)) == group;
}

/* The dimension that follows from the parameters; 0: none does. */
static symo_status dim_of(symo_context *context, const symo_group_spec *spec, size_t *out) {
  bool product = strcmp(spec->group, "product") == 0, fits = true;
  size_t dim = spec->generators.dim;
  if (spec->num_parts > 0) dim = product ? 1 : 0;
  for (size_t i = 0; i < spec->num_parts && fits; i++) {
    size_t part = spec->parts[i].dim;
    fits = part <= LARGEST_DIM && (!product || symo_mul_size(dim, part, &dim));
    if (!product && fits) dim += part;
    fits = fits && dim <= LARGEST_DIM;
  }
  if (spec->copies > 0 && fits) fits = symo_mul_size(dim, spec->copies, &dim);
  if (!fits || dim > LARGEST_DIM)
    return symo_fail(context, SYMO_E_SIZE, "%s: the dimension is above %d (take smaller parts)",
                     spec->group, LARGEST_DIM);
  *out = dim;
  return SYMO_OK;
}

symo_status symo_group_use_create(symo_context *context, const symo_group_spec *spec, size_t dim,
                                  symo_group_use *out) {
  symo_group_spec whole = *spec;
  symo_group *made = NULL;
  size_t follows = 0;
  symo_status status = dim_of(context, spec, &follows);
  if (status != SYMO_OK) return status;
  if (dim > LARGEST_DIM)
    return symo_fail(context, SYMO_E_SIZE, "%s: dimension %zu (must be 1 to %d)", spec->group, dim,
                     LARGEST_DIM);
  if (dim != 0 && follows != 0 && dim != follows)
    return symo_fail(context, SYMO_E_SHAPE,
                     "%s: dimension %zu, but the parameters give %zu (leave it out, or write %zu)",
                     spec->group, dim, follows, follows);
  whole.dim = dim != 0 ? dim : follows;
  for (size_t i = 0; i < sizeof generated / sizeof *generated; i++)
    if (whole.dim > SYMO_ISOTYPIC_MAX && strcmp(spec->group, generated[i]) == 0)
      return symo_fail(context, SYMO_E_SIZE,
                       "%s: dimension %zu (at most %d: its irreps are found numerically)",
                       spec->group, whole.dim, SYMO_ISOTYPIC_MAX);
  status = symo_group_create(context, &whole, &made);
  if (status == SYMO_OK) *out = (symo_group_use){made, whole.dim, made};
  return status;
}

/* ---- reading ---- */

symo_status symo_notation_expected(const symo_notation *r, const char *wanted) {
  return symo_fail(r->context, SYMO_E_FORMAT,
                   "%s, character %zu: expected %s at \"%.20s\" (as in %s)", r->what,
                   (size_t)(r->at - r->text) + 1, wanted, *r->at ? r->at : "the end", r->example);
}

void symo_notation_blank(symo_notation *r) {
  while (isspace((unsigned char)*r->at)) r->at++;
}

bool symo_notation_word(symo_notation *r, bool star, char *out) {
  size_t n = 0;
  symo_notation_blank(r);
  while (symo_is_name_letter(*r->at) || (star && *r->at == '*')) {
    if (n == SYMO_MAX_NAME + (size_t)star) return false;
    out[n++] = *r->at++;
  }
  out[n] = 0;
  return n > 0;
}

/* A mark such as ','. */
static bool take(symo_notation *r, char mark) {
  symo_notation_blank(r);
  if (*r->at != mark) return false;
  r->at++;
  return true;
}

static symo_status read_whole(symo_notation *r, const char *owner, const char *wanted,
                              size_t *out) {
  char *end;
  symo_notation_blank(r);
  if (!isdigit((unsigned char)*r->at)) return symo_notation_expected(r, wanted);
  errno = 0;
  unsigned long long number = strtoull(r->at, &end, 10);
  if (errno == ERANGE || number > SIZE_MAX)
    return symo_fail(r->context, SYMO_E_SIZE, "%s: dimension %.*s (must be 1 to %d)", owner,
                     (int)(end - r->at < 60 ? end - r->at : 60), r->at, LARGEST_DIM);
  if (isalnum((unsigned char)*end) || *end == '.')
    return symo_notation_expected(r, "a whole number");
  r->at = end;
  *out = (size_t)number;
  return SYMO_OK;
}

/* Whether a dimension comes next, and not the name of the next item. */
static bool dim_follows(symo_notation *r) {
  symo_notation_blank(r);
  const char *end = r->at;
  while (isdigit((unsigned char)*end)) end++;
  if (end == r->at || symo_is_name_letter(*end)) return false;
  while (isspace((unsigned char)*end)) end++;
  return *end != ':' && *end != '[';
}

/* What the spec of a group under construction points to. */
typedef struct builder {
  symo_group_spec spec;
  symo_group_use *uses; /* [room] */
  symo_group_part *parts;
  size_t *keep;
  int depth;
} builder;

static void drop(builder *b) {
  for (size_t i = 0; b->uses != NULL && i < b->spec.num_parts; i++)
    symo_group_destroy(b->uses[i].made);
  symo_free(b->uses);
  symo_free(b->parts);
  symo_free(b->keep);
}

static symo_status read_group(symo_notation *r, const char *owner, int depth, symo_group_use *out);

/* NAME DIM, and more behind commas where `more` is set: as many as there are commas at most. */
static symo_status read_parts(symo_notation *r, const char *owner, bool more, builder *b) {
  size_t room = 1;
  int open = 0;
  for (const char *p = r->at; more && *p != 0 && open >= 0; p++) {
    open += (*p == '(') - (*p == ')');
    room += *p == ',';
  }
  b->uses = symo_calloc(room, sizeof *b->uses);
  b->parts = symo_calloc(room, sizeof *b->parts);
  b->spec.parts = b->parts;
  if (b->uses == NULL || b->parts == NULL) return symo_fail_memory(r->context, owner);
  do {
    size_t i = b->spec.num_parts;
    symo_status status = read_group(r, owner, b->depth + 1, &b->uses[i]);
    if (status != SYMO_OK) return status;
    b->parts[i] = (symo_group_part){b->uses[i].group, b->uses[i].dim};
    b->spec.num_parts++;
  } while (more && take(r, ','));
  return SYMO_OK;
}

static symo_status read_list(symo_notation *r, const char *owner, builder *b) {
  return read_parts(r, owner, true, b);
}

static symo_status read_wreath(symo_notation *r, const char *owner, builder *b) {
  symo_status status = read_whole(r, owner, "the number of copies", &b->spec.copies);
  if (status != SYMO_OK) return status;
  if (b->spec.copies == 0)
    return symo_fail(r->context, SYMO_E_ARGUMENT, "%s: wreath of 0 copies (take 1 or more)", owner);
  if (!take(r, ',')) return symo_notation_expected(r, "',' and a group");
  return read_parts(r, owner, false, b);
}

static symo_status read_restriction(symo_notation *r, const char *owner, builder *b) {
  char word[SYMO_MAX_NAME + 1];
  symo_status status = read_parts(r, owner, false, b);
  if (status != SYMO_OK) return status;
  if (!take(r, ',') || !symo_notation_word(r, false, word) || strcmp(word, "keep") != 0)
    return symo_notation_expected(r, "', keep' and numbers of generators");
  b->keep = symo_calloc(strlen(r->at) / 2 + 1, sizeof *b->keep); /* a digit and a blank each */
  b->spec.keep = b->keep;
  if (b->keep == NULL) return symo_fail_memory(r->context, owner);
  for (symo_notation_blank(r); isdigit((unsigned char)*r->at); symo_notation_blank(r)) {
    status = read_whole(r, owner, "the number of a generator", &b->keep[b->spec.num_keep]);
    if (status != SYMO_OK) return status;
    b->spec.num_keep++;
  }
  return SYMO_OK;
}

/* The whole of `word` as a decimal number, whatever the locale takes for a point. */
static bool read_decimal(char *word, double *out) {
  char *end, *point = strchr(word, '.');
  if (strpbrk(word, "xXpPnN") != NULL) return false; /* hexadecimal, nan, inf */
  if (point != NULL) *point = localeconv()->decimal_point[0];
  errno = 0;
  *out = strtod(word, &end);
  return end != word && *end == 0 && errno == 0;
}

static symo_status read_scaling(symo_notation *r, const char *owner, builder *b) {
  bool window = false;
  (void)owner;
  do {
    char word[SYMO_MAX_NAME + 1];
    symo_notation_blank(r);
    const char *start = r->at;
    if (symo_notation_word(r, false, word)) {
      if (strcmp(word, "signs") == 0 && !b->spec.signs) {
        b->spec.signs = true;
        continue;
      }
      if (strcmp(word, "permute") == 0 && !b->spec.permute) {
        b->spec.permute = true;
        continue;
      }
      if (!window && read_decimal(word, &b->spec.window)) {
        window = true;
        continue;
      }
    }
    r->at = start;
    return symo_notation_expected(r, "the window (a number), signs or permute, each once,");
  } while (take(r, ','));
  return SYMO_OK;
}

static const struct kind {
  const char *name;
  symo_status (*read)(symo_notation *r, const char *owner, builder *b);
  bool bare; /* parameters may be left out, the dimension not */
} kinds[] = {{"scaling", read_scaling, true},
             {"wreath", read_wreath, false},
             {"product", read_list, false},
             {"sum", read_list, false},
             {"restriction", read_restriction, false}};

static const struct kind *find_kind(const char *name) {
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (strcmp(kinds[i].name, name) == 0) return &kinds[i];
  return NULL;
}

/* What stands behind the name of a group with parameters. */
static symo_status read_parameters(symo_notation *r, const char *owner, const char *name, int depth,
                                   symo_group_use *out) {
  builder b = {.spec = symo_group_spec_default(name), .depth = depth};
  const struct kind *kind = find_kind(name);
  symo_status status;
  size_t dim = 0;
  if (kind == NULL)
    return symo_fail(r->context, SYMO_E_UNSUPPORTED,
                     "%s: %s groups have no short notation (write the layout as JSON)", owner,
                     name);
  b.spec.group = kind->name;
  if (take(r, '(')) {
    SYMO_TRY(kind->read(r, owner, &b));
    if (!take(r, ')')) SYMO_TRY(symo_notation_expected(r, "',' or ')'"));
  } else if (!kind->bare) {
    SYMO_TRY(symo_notation_expected(r, "'(' and parameters"));
  }
  if (kind->bare || dim_follows(r)) SYMO_TRY(read_whole(r, owner, "a dimension", &dim));
  if (kind->bare && dim == 0)
    SYMO_TRY(symo_fail(r->context, SYMO_E_ARGUMENT, "%s: dimension 0 (must be 1 to %d)", owner,
                       LARGEST_DIM));
  status = symo_group_use_create(r->context, &b.spec, dim, out);
  if (status != SYMO_OK) symo_fail_within(r->context, status, "%s", owner);
fail:
  drop(&b);
  return status;
}

static symo_status read_group(symo_notation *r, const char *owner, int depth, symo_group_use *out) {
  char name[SYMO_MAX_NAME + 1];
  if (depth >= SYMO_GROUP_NESTING)
    return symo_fail(r->context, SYMO_E_UNSUPPORTED,
                     "%s: groups within groups more than %d deep (make it flatter)", owner,
                     SYMO_GROUP_NESTING);
  if (!symo_notation_word(r, false, name)) return symo_notation_expected(r, "the name of a group");
  const symo_group *group = symo_group_lookup(r->context, name);
  if (group == NULL)
    return symo_fail(r->context, SYMO_E_NAME, "%s: unknown group %s (see `symo groups`)", owner,
                     name);
  if (symo_group_needs_parameters(group)) return read_parameters(r, owner, name, depth, out);
  size_t dim = symo_group_dim(group);
  if (dim == 0 || dim_follows(r)) {
    symo_status status = read_whole(r, owner, "a dimension", &dim);
    if (status != SYMO_OK) return status;
  }
  if (dim == 0 || dim > LARGEST_DIM)
    return symo_fail(r->context, dim == 0 ? SYMO_E_ARGUMENT : SYMO_E_SIZE,
                     "%s: dimension %zu (must be 1 to %d)", owner, dim, LARGEST_DIM);
  *out = (symo_group_use){group, dim, NULL};
  return SYMO_OK;
}

symo_status symo_notation_group(symo_notation *r, const char *owner, symo_group_use *out) {
  return read_group(r, owner, 0, out);
}

/* ---- writing ---- */

static symo_status add_parts(symo_text *text, symo_context *context, const char *owner,
                             const symo_group_spec *spec) {
  for (size_t i = 0; i < spec->num_parts; i++) {
    if (i > 0) symo_text_add(text, ", ");
    symo_status status =
        symo_notation_add_group(text, context, owner, spec->parts[i].group, spec->parts[i].dim);
    if (status != SYMO_OK) return status;
  }
  return SYMO_OK;
}

symo_status symo_notation_add_group(symo_text *text, symo_context *context, const char *owner,
                                    const symo_group *group, size_t dim) {
  const symo_group_spec *spec = symo_group_get_spec(group);
  if (spec == NULL) {
    symo_text_add(text, "%s %zu", symo_group_name(group), dim);
    return SYMO_OK;
  }
  if (find_kind(spec->group) == NULL)
    return symo_fail(context, SYMO_E_UNSUPPORTED,
                     "%s: %s groups have no short notation (write JSON)", owner, spec->group);
  symo_text_add(text, "%s(", spec->group);
  if (strcmp(spec->group, "scaling") == 0) {
    symo_text_add_number(text, spec->window);
    symo_text_add(text, "%s%s) %zu", spec->signs ? ", signs" : "", spec->permute ? ", permute" : "",
                  dim);
    return SYMO_OK;
  }
  if (spec->copies > 0) symo_text_add(text, "%zu, ", spec->copies);
  symo_status status = add_parts(text, context, owner, spec);
  if (strcmp(spec->group, "restriction") == 0) symo_text_add(text, ", keep");
  for (size_t i = 0; i < spec->num_keep; i++) symo_text_add(text, " %zu", spec->keep[i]);
  symo_text_add(text, ")");
  return status;
}
