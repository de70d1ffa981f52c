#ifndef SYMO_GROUPS_PLAN_GROUP_TEXT_H
#define SYMO_GROUPS_PLAN_GROUP_TEXT_H

#include <stdbool.h>
#include <symo/layout.h>

#include "core/text.h"

/* Groups as spaces of layouts use them, and their short notation (symo_layout_parse). */

enum { SYMO_GROUP_NESTING = 8 }; /* groups within groups, in layout texts and files */

/* A group on R^dim.  made: what was created for it, which the caller gives back; NULL for groups of
 * the registry and of the context. */
typedef struct symo_group_use {
  const symo_group *group;
  size_t dim;
  symo_group *made;
} symo_group_use;

/* By name: groups of the context first, then the registry; NULL when there is none. */
const symo_group *symo_group_lookup(const symo_context *context, const char *name);

/* True if the group has to be made from parameters: it is a row of the registry that has some. */
bool symo_group_needs_parameters(const symo_group *group);

/* Makes the group of a spec.  dim: what was written beside the parameters, 0 if nothing was; where
 * it follows from them it must agree.  Sizes are looked at before anything is made. */
symo_status symo_group_use_create(symo_context *context, const symo_group_spec *spec, size_t dim,
                                  symo_group_use *out);

/* ---- reading ---- */

/* what: what is read, and an example of it, for failures. */
typedef struct symo_notation {
  symo_context *context;
  const char *what, *example;
  const char *text, *at;
} symo_notation;

/* SYMO_E_FORMAT "layout text, character 7: expected WANTED at ...". */
symo_status symo_notation_expected(const symo_notation *r, const char *wanted);
void symo_notation_blank(symo_notation *r); /* past white space */

/* A word of name characters, and of stars if star is set; out: [SYMO_MAX_NAME + 1 + star]. */
bool symo_notation_word(symo_notation *r, bool star, char *out);

/* A group with its dimension, "wreath(4, orthogonal 16)".  owner: whose it is, for failures
 * ("layout: space h"). */
symo_status symo_notation_group(symo_notation *r, const char *owner, symo_group_use *out);

/* ---- writing ---- */

/* Appends what symo_notation_group reads.  SYMO_E_UNSUPPORTED for custom groups, which have no
 * notation. */
symo_status symo_notation_add_group(symo_text *text, symo_context *context, const char *owner,
                                    const symo_group *group, size_t dim);

#endif
