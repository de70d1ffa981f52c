/* A proposal as a layout. */
#include <stdio.h>

#include "core/error.h"
#include "net/symmetries/infer.h"

sym_group_text sym_group_text_of(const sym_proposal *p, size_t space) {
  const sym_space *s = &p->spaces[space];
  sym_group_text out;
  const char *name = sym_level_name(s->level);
  if (s->scaling)
    (void)snprintf(out.text, sizeof out.text, "scaling, window %g, and permutation", p->window);
  else if (s->copies > 1)
    (void)snprintf(out.text, sizeof out.text, "wreath of %zu x %s", s->copies, name);
  else
    (void)snprintf(out.text, sizeof out.text, "%s", name);
  return out;
}

/* *made: to be destroyed by the caller, or NULL where the group is a row of the registry. */
static symo_status group_of(symo_context *context, const sym_proposal *p, const sym_space *s,
                            symo_group **made, const symo_group **out) {
  const symo_group *inner = symo_group_find(sym_level_name(s->level));
  symo_group_part part = {.group = inner};
  *made = NULL;
  *out = inner;
  if (!s->scaling && s->copies <= 1) return SYMO_OK;
  symo_group_spec spec = symo_group_spec_default(s->scaling ? "scaling" : "wreath");
  if (s->scaling) {
    spec.window = p->window;
    spec.permute = true;
  } else {
    part.dim = s->dim / s->copies;
    spec.copies = s->copies;
    spec.num_parts = 1;
    spec.parts = &part;
  }
  symo_status status = symo_group_create(context, &spec, made);
  *out = *made;
  return status;
}

static symo_status add_tensor(const sym_proposal *p, const sym_tensor *t, symo_layout *layout) {
  char names[SYMO_MAX_ORDER][SYMO_MAX_NAME + 2];
  const char *axes[SYMO_MAX_ORDER];
  for (size_t a = 0; a < t->order; a++) {
    (void)snprintf(names[a], sizeof names[a], "%s%s", p->spaces[t->space[a]].name,
                   t->dual[a] ? "*" : "");
    axes[a] = names[a];
  }
  return symo_layout_add_tensor(layout, t->name, t->order, axes);
}

symo_status sym_proposal_layout(symo_context *context, const sym_proposal *p, symo_layout **out) {
  symo_layout *layout = NULL;
  symo_status status;
  SYMO_TRY(symo_layout_create(context, &layout));
  for (size_t i = 0; i < p->num_spaces; i++) {
    symo_group *made = NULL;
    const symo_group *group = NULL;
    status = group_of(context, p, &p->spaces[i], &made, &group);
    if (status == SYMO_OK)
      status = symo_layout_add_space(layout, p->spaces[i].name, p->spaces[i].dim, group);
    symo_group_destroy(made);
    if (status != SYMO_OK) goto fail;
  }
  for (size_t i = 0; i < p->num_tensors; i++) SYMO_TRY(add_tensor(p, &p->tensors[i], layout));
  SYMO_TRY(symo_layout_set_dtype(layout, p->dtype));
  *out = layout;
  return SYMO_OK;
fail:
  symo_layout_destroy(layout);
  return status;
}
