/* The short notation of groups.
 *
 *     group := NAME DIM                                    a group without parameters
 *            | NAME [ "(" value { "," value } ")" ] [DIM]  values as group_parameter tables say:
 *
 *            | "scaling" [ "(" arg { "," arg } ")" ] DIM  arg := window | "signs" | "permute"
 *            | "wreath" "(" COPIES "," group ")" [DIM]
 *            | "power" "(" COPIES "," group ")" [DIM]
 *            | "product" "(" group { "," group } ")" [DIM]
 *            | "sum" "(" group { "," group } ")" [DIM]
 *            | "restriction" "(" group "," "keep" { INDEX } ")" [DIM]
 *
 * Where DIM may be left out, digits that ':' or '[' follows are the name of the next item. */
#include "groups/plan/group_text.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/names.h"
#include "core/number.h"
#include "groups/instance.h"
#include "groups/numeric/isotypic.h"
#include "groups/plan/layout.h"

enum { LARGEST_DIM = 2147483647 };

/* ---- groups of spaces ---- */

const symo_group *symo_group_lookup(const symo_context *context, const char *name) {
  const symo_group *own = context == NULL ? NULL : symo_context_find_group(context, name);
  return own != NULL ? own : symo_group_find(name);
}

bool symo_group_needs_parameters(const symo_group *group) {
  return symo_group_has_parameters(group) && symo_group_find(symo_group_name(group)) == group;
}

static symo_status dim_of(symo_context *context, const symo_group *row, const symo_group_spec *spec,
                          size_t *out) {
  size_t dim = row->dim_of == NULL ? 0 : row->dim_of(spec);
  if (dim > LARGEST_DIM)
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
  const symo_group *row = symo_group_find(spec->group);
  symo_status status = dim_of(context, row, spec, &follows);
  if (status != SYMO_OK) return status;
  if (dim > LARGEST_DIM)
    return symo_fail(context, SYMO_E_SIZE, "%s: dimension %zu (must be 1 to %d)", spec->group, dim,
                     LARGEST_DIM);
  if (dim != 0 && follows != 0 && dim != follows)
    return symo_fail(context, SYMO_E_SHAPE,
                     "%s: dimension %zu, but the parameters give %zu (leave it out, or write %zu)",
                     spec->group, dim, follows, follows);
  whole.dim = dim != 0 ? dim : follows;
  /* Generators alone: no plan can be made beyond, and they would fill the memory. */
  if (row->generators == symo_generated_add && whole.dim > SYMO_ISOTYPIC_MAX)
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
static bool accept(symo_notation *r, char mark) {
  symo_notation_blank(r);
  if (*r->at != mark) return false;
  r->at++;
  return true;
}

static symo_status read_whole(symo_notation *r, const char *owner, const char *wanted,
                              size_t *out) {
  const char *end;
  uint64_t number;
  symo_notation_blank(r);
  const size_t digits = strspn(r->at, "0123456789");
  if (digits == 0) return symo_notation_expected(r, wanted);
  if (!symo_whole_read(r->at, &end, SIZE_MAX, &number))
    return symo_fail(r->context, SYMO_E_SIZE, "%s: dimension %.*s (must be 1 to %d)", owner,
                     (int)(digits < 60 ? digits : 60), r->at, LARGEST_DIM);
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

/* Groups that may come: one for each GROUP_PART, and for GROUP_PARTS as many as there are commas.
 */
static symo_status make_room(symo_notation *r, const char *owner, const symo_group *row,
                             builder *b) {
  size_t room = 0;
  for (const group_parameter *p = row->parameters; p->name != NULL; p++) {
    int open = 0;
    room += p->kind == GROUP_PART || p->kind == GROUP_PARTS;
    for (const char *c = r->at; p->kind == GROUP_PARTS && *c != 0 && open >= 0; c++) {
      open += (*c == '(') - (*c == ')');
      room += *c == ',';
    }
  }
  if (room == 0) return SYMO_OK;
  b->uses = symo_calloc(room, sizeof *b->uses);
  b->parts = symo_calloc(room, sizeof *b->parts);
  b->spec.parts = b->parts;
  return b->uses == NULL || b->parts == NULL ? symo_fail_memory(r->context, owner) : SYMO_OK;
}

static symo_status read_part(symo_notation *r, const char *owner, builder *b) {
  size_t i = b->spec.num_parts;
  symo_status status = read_group(r, owner, b->depth + 1, &b->uses[i]);
  if (status != SYMO_OK) return status;
  b->parts[i] = (symo_group_part){b->uses[i].group, b->uses[i].dim};
  b->spec.num_parts++;
  return SYMO_OK;
}

static symo_status read_keep(symo_notation *r, const char *owner, builder *b) {
  char word[SYMO_MAX_NAME + 1];
  if (!symo_notation_word(r, false, word) || strcmp(word, "keep") != 0)
    return symo_notation_expected(r, "', keep' and numbers of generators");
  b->keep = symo_calloc(strlen(r->at) / 2 + 1, sizeof *b->keep); /* a digit and a blank each */
  b->spec.keep = b->keep;
  if (b->keep == NULL) return symo_fail_memory(r->context, owner);
  for (symo_notation_blank(r); isdigit((unsigned char)*r->at); symo_notation_blank(r)) {
    symo_status status =
        read_whole(r, owner, "the number of a generator", &b->keep[b->spec.num_keep]);
    if (status != SYMO_OK) return status;
    b->spec.num_keep++;
  }
  return SYMO_OK;
}

static symo_status read_size(symo_notation *r, const char *owner, const group_parameter *p,
                             builder *b) {
  size_t *to = symo_group_size(p, &b->spec);
  char wanted[80];
  (void)snprintf(wanted, sizeof wanted, "the %s", p->what);
  symo_status status = read_whole(r, owner, wanted, to);
  if (status == SYMO_OK && (double)*to < p->least)
    status = symo_fail(r->context, SYMO_E_ARGUMENT, "%s: %s of %zu %s (take %g or more)", owner,
                       b->spec.group, *to, p->name, p->least);
  return status;
}

/* The value of a real or the word of a flag, and nothing of anything else. */
static bool read_word(symo_notation *r, const group_parameter *p, builder *b) {
  char word[SYMO_MAX_NAME + 1];
  const char *start = r->at;
  bool flag = p->kind == GROUP_FLAG, found = symo_notation_word(r, false, word);
  if (flag) found = found && strcmp(word, p->name) == 0;
  if (flag && found) *symo_group_flag(p, &b->spec) = true;
  if (p->kind == GROUP_REAL)
    found = found && symo_decimal_read(word, NULL, symo_group_real(p, &b->spec));
  if (!found) r->at = start;
  return found;
}

static symo_status read_required(symo_notation *r, const char *owner, const group_parameter *p,
                                 builder *b) {
  symo_status status = SYMO_OK;
  switch (p->kind) {
  case GROUP_SIZE: return read_size(r, owner, p, b);
  case GROUP_KEEP: return read_keep(r, owner, b);
  case GROUP_PART: return read_part(r, owner, b);
  case GROUP_PARTS:
    do status = read_part(r, owner, b);
    while (status == SYMO_OK && accept(r, ','));
    return status;
  default:
    symo_notation_blank(r);
    return read_word(r, p, b) ? SYMO_OK : symo_notation_expected(r, p->what);
  }
}

/* "the window (a number), signs or permute, each once," */
static symo_status expected_optional(symo_notation *r, const group_parameter *first) {
  char wanted[200];
  size_t used = 0;
  for (const group_parameter *p = first; p->name != NULL && used < sizeof wanted; p++) {
    const char *before = p == first ? "" : p[1].name == NULL ? " or " : ", ";
    bool real = p->kind == GROUP_REAL;
    used +=
        (size_t)snprintf(wanted + used, sizeof wanted - used, "%s%s%s%s", before,
                         real ? "the " : "", real ? p->what : p->name, real ? " (a number)" : "");
  }
  if (used < sizeof wanted) (void)snprintf(wanted + used, sizeof wanted - used, ", each once,");
  return symo_notation_expected(r, wanted);
}

/* Optional parameters stand in any order. */
static symo_status read_optional(symo_notation *r, const group_parameter *first, builder *b) {
  unsigned given = 0;
  do {
    symo_notation_blank(r);
    int i = 0;
    while (first[i].name != NULL && ((given >> i & 1) || !read_word(r, &first[i], b))) i++;
    if (first[i].name == NULL) return expected_optional(r, first);
    given |= 1u << i;
  } while (accept(r, ','));
  return SYMO_OK;
}

static symo_status read_values(symo_notation *r, const char *owner, const symo_group *row,
                               builder *b) {
  symo_status status = make_room(r, owner, row, b);
  const group_parameter *p = row->parameters;
  for (; status == SYMO_OK && p->name != NULL && !p->optional; p++) {
    if (p > row->parameters && !accept(r, ',')) {
      char wanted[100];
      (void)snprintf(wanted, sizeof wanted, "%s%s",
                     p->kind == GROUP_KEEP                            ? "', keep' and "
                     : p->kind == GROUP_REAL || p->kind == GROUP_SIZE ? "',' and the "
                                                                      : "',' and ",
                     p->kind == GROUP_KEEP                            ? "numbers of generators"
                     : p->kind == GROUP_REAL || p->kind == GROUP_SIZE ? p->what
                                                                      : "a group");
      return symo_notation_expected(r, wanted);
    }
    status = read_required(r, owner, p, b);
  }
  bool more = p->name != NULL && (p == row->parameters || accept(r, ','));
  return status == SYMO_OK && more ? read_optional(r, p, b) : status;
}

/* What stands behind the name of a group with parameters. */
static symo_status read_parameters(symo_notation *r, const char *owner, const symo_group *row,
                                   int depth, symo_group_use *out) {
  builder b = {.spec = symo_group_spec_default(row->name), .depth = depth};
  symo_status status;
  size_t dim = 0;
  bool sized = row->dim_of != NULL; /* the dimension may be left out */
  if (row->example == NULL)
    return symo_fail(r->context, SYMO_E_UNSUPPORTED,
                     "%s: %s groups have no short notation (write the layout as JSON)", owner,
                     row->name);
  if (accept(r, '(')) {
    SYMO_TRY(read_values(r, owner, row, &b));
    if (!accept(r, ')')) SYMO_TRY(symo_notation_expected(r, "',' or ')'"));
  } else if (!row->parameters->optional) {
    SYMO_TRY(symo_notation_expected(r, "'(' and parameters"));
  }
  if (!sized || dim_follows(r)) SYMO_TRY(read_whole(r, owner, "a dimension", &dim));
  if (!sized && dim == 0)
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
    return symo_fail(r->context, SYMO_E_NAME, "%s: unknown group %s%s (see `symo groups`)", owner,
                     name, symo_group_suggestion(r->context, name).text);
  if (symo_group_needs_parameters(group)) return read_parameters(r, owner, group, depth, out);
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

/* from: the first part that is not written yet. */
static symo_status add_value(symo_text *text, symo_context *context, const char *owner,
                             const group_parameter *p, const symo_group_spec *spec, size_t from) {
  symo_group_spec *values = (symo_group_spec *)(uintptr_t)spec;
  size_t end = p->kind == GROUP_PART ? from + 1 : p->kind == GROUP_PARTS ? spec->num_parts : from;
  for (size_t i = from; i < end; i++) {
    if (i > from) symo_text_add(text, ", ");
    symo_status status =
        symo_notation_add_group(text, context, owner, spec->parts[i].group, spec->parts[i].dim);
    if (status != SYMO_OK) return status;
  }
  if (p->kind == GROUP_REAL) symo_text_add_number(text, *symo_group_real(p, values));
  if (p->kind == GROUP_SIZE) symo_text_add(text, "%zu", *symo_group_size(p, values));
  if (p->kind == GROUP_FLAG) symo_text_add(text, "%s", p->name);
  if (p->kind != GROUP_KEEP) return SYMO_OK;
  symo_text_add(text, "keep");
  for (size_t i = 0; i < spec->num_keep; i++) symo_text_add(text, " %zu", spec->keep[i]);
  return SYMO_OK;
}

symo_status symo_notation_add_group(symo_text *text, symo_context *context, const char *owner,
                                    const symo_group *group, size_t dim) {
  const symo_group_spec *spec = symo_group_get_spec(group);
  if (spec == NULL) {
    symo_text_add(text, "%s %zu", symo_group_name(group), dim);
    return SYMO_OK;
  }
  if (group->example == NULL)
    return symo_fail(context, SYMO_E_UNSUPPORTED,
                     "%s: %s groups have no short notation (write JSON)", owner, spec->group);
  symo_text_add(text, "%s(", spec->group);
  size_t written = 0, parts = 0;
  for (const group_parameter *p = group->parameters; p->name != NULL; p++) {
    if (p->kind == GROUP_FLAG && !*symo_group_flag(p, (symo_group_spec *)(uintptr_t)spec)) continue;
    if (written++ > 0) symo_text_add(text, ", ");
    symo_status status = add_value(text, context, owner, p, spec, parts);
    if (status != SYMO_OK) return status;
    parts += p->kind == GROUP_PART;
  }
  symo_text_add(text, ")");
  if (group->dim_of == NULL) symo_text_add(text, " %zu", dim);
  return SYMO_OK;
}
