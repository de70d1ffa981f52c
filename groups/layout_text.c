/* The short notation of layouts:  "h: permutation 64; w[h,in] b[h]".
 *
 *     layout := { item [";"] }      item := space | tensor
 *     space  := NAME ":" GROUP DIM  tensor := NAME "[" [ NAME ["*"] { "," NAME ["*"] } ] "]" */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "groups/layout.h"

typedef struct reader {
  symo_context *context;
  const char *text, *at;
} reader;

static symo_status syntax(const reader *r, const char *wanted) {
  return symo_fail(r->context, SYMO_E_FORMAT,
                   "layout text, character %zu: expected %s at \"%.20s\" "
                   "(as in \"in: identity 20; h: permutation 64; w[h,in]\")",
                   (size_t)(r->at - r->text) + 1, wanted, *r->at ? r->at : "the end");
}

static void skip(reader *r) {
  while (isspace((unsigned char)*r->at) || *r->at == ';') r->at++;
}

static void blank(reader *r) {
  while (isspace((unsigned char)*r->at)) r->at++;
}

/* A word of name characters, and of stars if star is set; out has room for SYMO_MAX_NAME + 1 +
 * star. */
static bool word(reader *r, bool star, char *out) {
  size_t n = 0;
  blank(r);
  while (isalnum((unsigned char)*r->at) || (*r->at != 0 && strchr("_.-/", *r->at) != NULL) ||
         (star && *r->at == '*')) {
    if (n == SYMO_MAX_NAME + (size_t)star) return false;
    out[n++] = *r->at++;
  }
  out[n] = 0;
  return n > 0;
}

static symo_status read_space(reader *r, symo_layout *layout, const char *name) {
  char group[SYMO_MAX_NAME + 1];
  if (!word(r, false, group)) return syntax(r, "the name of a group");
  const symo_group *g = symo_group_find(group);
  if (g == NULL)
    return symo_fail(r->context, SYMO_E_NAME,
                     "layout: space %s: unknown group %s (see `symo groups`)", name, group);
  blank(r);
  char *end;
  if (!isdigit((unsigned char)*r->at)) return syntax(r, "a dimension");
  errno = 0;
  unsigned long long dim = strtoull(r->at, &end, 10);
  if (errno == ERANGE || dim > SIZE_MAX)
    return symo_fail(r->context, SYMO_E_SIZE,
                     "layout: space %s: dimension %.*s (must be 1 to 2147483647)", name,
                     (int)(end - r->at < 60 ? end - r->at : 60), r->at);
  if (isalnum((unsigned char)*end) || *end == '.') return syntax(r, "a whole number");
  r->at = end;
  return symo_layout_add_space(layout, name, (size_t)dim, g);
}

static symo_status read_tensor(reader *r, symo_layout *layout, const char *name) {
  char names[SYMO_MAX_ORDER][SYMO_MAX_NAME + 2];
  const char *axes[SYMO_MAX_ORDER];
  size_t order = 0;
  blank(r);
  while (*r->at != ']') {
    if (order == SYMO_MAX_ORDER)
      return symo_fail(r->context, SYMO_E_UNSUPPORTED, "layout: tensor %s has more than %d axes",
                       name, SYMO_MAX_ORDER);
    if (!word(r, true, names[order])) return syntax(r, "the name of a space");
    axes[order] = names[order];
    order++;
    blank(r);
    if (*r->at == ']') break;
    if (*r->at != ',') return syntax(r, "',' or ']'");
    r->at++;
    blank(r);
    if (*r->at == ']') return syntax(r, "the name of a space");
  }
  r->at++;
  return symo_layout_add_tensor(layout, name, order, axes);
}

symo_status symo_layout_parse(symo_context *context, const char *text, symo_layout **out) {
  if (text == NULL || out == NULL)
    return symo_fail(context, SYMO_E_ARGUMENT, "layout text: NULL (pass a text and a pointer)");
  symo_layout *layout = NULL;
  reader r = {context, text, text};
  symo_status status;
  SYMO_TRY(symo_layout_create(context, &layout));
  for (skip(&r); *r.at != 0; skip(&r)) {
    char name[SYMO_MAX_NAME + 1];
    if (!word(&r, false, name)) SYMO_TRY(syntax(&r, "a name"));
    blank(&r);
    char mark = *r.at;
    if (mark != ':' && mark != '[') SYMO_TRY(syntax(&r, "':' (a space) or '[' (a tensor)"));
    r.at++;
    SYMO_TRY(mark == ':' ? read_space(&r, layout, name) : read_tensor(&r, layout, name));
  }
  if (layout->num_tensors == 0)
    SYMO_TRY(symo_fail(context, SYMO_E_FORMAT, "layout text: no tensors (add one, as in w[h,in])"));
  *out = layout;
  return SYMO_OK;
fail:
  symo_layout_destroy(layout);
  return status;
}

/* Appends to a buffer that may be NULL (then only the length is counted). */
static void put(char *buffer, size_t room, size_t *used, const char *a, const char *b,
                const char *c) {
  int n = snprintf(buffer == NULL ? NULL : buffer + *used, buffer == NULL ? 0 : room - *used,
                   "%s%s%s", a, b, c);
  *used += n > 0 ? (size_t)n : 0;
}

static size_t write_text(const symo_layout *layout, char *buffer, size_t room) {
  size_t used = 0;
  for (size_t i = 0; i < layout->num_spaces; i++) {
    const layout_space *s = &layout->spaces[i];
    char dim[32];
    snprintf(dim, sizeof dim, " %zu; ", s->dim);
    put(buffer, room, &used, s->name, ": ", s->group->name);
    put(buffer, room, &used, dim, "", "");
  }
  for (size_t i = 0; i < layout->num_tensors; i++) {
    const layout_tensor *t = &layout->tensors[i];
    put(buffer, room, &used, i > 0 ? " " : "", t->name, "[");
    for (size_t a = 0; a < t->order; a++)
      put(buffer, room, &used, a > 0 ? "," : "", layout->spaces[t->space[a]].name,
          t->dual[a] ? "*" : "");
    put(buffer, room, &used, "]", "", "");
  }
  return used;
}

symo_status symo_layout_to_text(const symo_layout *layout, char **out) {
  if (layout == NULL || out == NULL) return SYMO_E_ARGUMENT;
  size_t room = write_text(layout, NULL, 0) + 1;
  char *text = symo_malloc(room);
  if (text == NULL) return symo_fail_memory(layout->context, "layout text");
  write_text(layout, text, room);
  *out = text;
  return SYMO_OK;
}
