/* The short notation of layouts:  "h: permutation 64; w[h,in] b[h]".
 *
 *     layout := { item [";"] }      item := space | tensor
 *     space  := NAME ":" group      tensor := NAME "[" [ NAME ["*"] { "," NAME ["*"] } ] "]"
 *
 * group: groups/plan/group_text.c. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "groups/plan/group_text.h"
#include "groups/plan/layout.h"

static void skip(symo_notation *r) {
  while (isspace((unsigned char)*r->at) || *r->at == ';') r->at++;
}

enum { OWNER = SYMO_MAX_NAME + 20 };

static void name_owner(const char *space, char *out) {
  snprintf(out, OWNER, "layout: space %s", space);
}

static symo_status read_space(symo_notation *r, symo_layout *layout, const char *name) {
  char owner[OWNER];
  symo_group_use use = {0};
  name_owner(name, owner);
  symo_status status = symo_notation_group(r, owner, &use);
  if (status == SYMO_OK) status = symo_layout_add_space(layout, name, use.dim, use.group);
  symo_group_destroy(use.made); /* the layout keeps it */
  return status;
}

static symo_status read_tensor(symo_notation *r, symo_layout *layout, const char *name) {
  char names[SYMO_MAX_ORDER][SYMO_MAX_NAME + 2];
  const char *axes[SYMO_MAX_ORDER];
  size_t order = 0;
  symo_notation_blank(r);
  while (*r->at != ']') {
    if (order == SYMO_MAX_ORDER)
      return symo_fail(r->context, SYMO_E_UNSUPPORTED, "layout: tensor %s has more than %d axes",
                       name, SYMO_MAX_ORDER);
    if (!symo_notation_word(r, true, names[order]))
      return symo_notation_expected(r, "the name of a space");
    axes[order] = names[order];
    order++;
    symo_notation_blank(r);
    if (*r->at == ']') break;
    if (*r->at != ',') return symo_notation_expected(r, "',' or ']'");
    r->at++;
    symo_notation_blank(r);
    if (*r->at == ']') return symo_notation_expected(r, "the name of a space");
  }
  r->at++;
  return symo_layout_add_tensor(layout, name, order, axes);
}

symo_status symo_layout_parse(symo_context *context, const char *text, symo_layout **out) {
  if (text == NULL || out == NULL)
    return symo_fail_null(context, "layout_parse", text == NULL ? "text" : "out");
  symo_layout *layout = NULL;
  symo_notation r = {context, "layout text", "\"in: identity 20; h: permutation 64; w[h,in]\"",
                     text, text};
  symo_status status;
  SYMO_TRY(symo_layout_create(context, &layout));
  for (skip(&r); *r.at != 0; skip(&r)) {
    char name[SYMO_MAX_NAME + 1];
    if (!symo_notation_word(&r, false, name)) SYMO_TRY(symo_notation_expected(&r, "a name"));
    symo_notation_blank(&r);
    char mark = *r.at;
    if (mark != ':' && mark != '[')
      SYMO_TRY(symo_notation_expected(&r, "':' (a space) or '[' (a tensor)"));
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

/* ---- writing ---- */

static void add_tensor(symo_text *text, const symo_layout *layout, const layout_tensor *t) {
  symo_text_add(text, "%s[", t->name);
  for (size_t a = 0; a < t->order; a++)
    symo_text_add(text, "%s%s%s", a > 0 ? "," : "", layout->spaces[t->space[a]].name,
                  t->dual[a] ? "*" : "");
  symo_text_add(text, "]");
}

symo_status symo_layout_to_text(const symo_layout *layout, char **out) {
  if (layout == NULL) return SYMO_E_ARGUMENT;
  if (out == NULL) return symo_fail_null(layout->context, "layout_to_text", "out");
  symo_text text = {0};
  for (size_t i = 0; i < layout->num_spaces; i++) {
    const layout_space *s = &layout->spaces[i];
    char owner[OWNER];
    name_owner(s->name, owner);
    symo_text_add(&text, "%s: ", s->name);
    symo_status status = symo_notation_add_group(&text, layout->context, owner, s->group, s->dim);
    if (status != SYMO_OK) {
      symo_free(text.text);
      return status;
    }
    symo_text_add(&text, "; ");
  }
  for (size_t i = 0; i < layout->num_tensors; i++) {
    if (i > 0) symo_text_add(&text, " ");
    add_tensor(&text, layout, &layout->tensors[i]);
  }
  return symo_text_finish(&text, layout->context, out);
}
