/* What was found, as JSON, and the road from a text to it (symo/graph.h). */
#include "io/symmetries/report.h"

#include <math.h>
#include <string.h>
#include <symo/graph.h>
#include <symo/io.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "io/json.h"

static const char *const kind_keys[] = {
    [SYM_BINDING] = "reasons", [SYM_WEAKER] = "weaker", [SYM_REMARK] = "other"};

/* A list in the making: comma() before each entry. */
static void comma(symo_text *text, bool *first) {
  if (!*first) symo_text_add(text, ", ");
  *first = false;
}

static void add_notes(symo_text *text, const sym_proposal *p, size_t space, sym_note_kind kind) {
  bool first = true;
  symo_text_add(text, ", \"%s\": [", kind_keys[kind]);
  for (size_t i = 0; i < p->num_notes; i++) {
    if (p->notes[i].space != space || p->notes[i].kind != kind) continue;
    comma(text, &first);
    symo_json_add_string(text, p->notes[i].text);
  }
  symo_text_add(text, "]");
}

static void add_axes(symo_text *text, const sym_proposal *p, size_t space) {
  bool first = true;
  symo_text_add(text, ", \"axes\": [");
  for (size_t t = 0; t < p->num_tensors; t++)
    for (size_t a = 0; a < p->tensors[t].order; a++) {
      if (p->tensors[t].space[a] != space) continue;
      comma(text, &first);
      symo_text_add(text, "{\"tensor\": ");
      symo_json_add_string(text, p->tensors[t].name);
      symo_text_add(text, ", \"axis\": %zu}", a);
    }
  symo_text_add(text, "]");
}

static void add_space(symo_text *text, const sym_proposal *p, size_t space) {
  const sym_space *s = &p->spaces[space];
  bool first = true;
  symo_text_add(text, "{\"name\": ");
  symo_json_add_string(text, s->name);
  symo_text_add(text, ", \"dim\": %zu, \"group\": ", s->dim);
  symo_json_add_string(text, sym_group_text_of(p, space).text);
  symo_text_add(text, ", \"scaling\": %s, \"together\": [",
                s->scales && s->level >= SYM_PERMUTATION ? "true" : "false");
  for (size_t i = 0; i < p->num_spaces; i++) {
    if (i == space || s->together == 0 || p->spaces[i].together != s->together) continue;
    comma(text, &first);
    symo_json_add_string(text, p->spaces[i].name);
  }
  symo_text_add(text, "]");
  add_axes(text, p, space);
  for (sym_note_kind kind = SYM_BINDING; kind <= SYM_REMARK; kind++)
    add_notes(text, p, space, kind);
  symo_text_add(text, "}");
}

symo_status sym_report(symo_context *context, const sym_proposal *p, const symo_layout *layout,
                       char **out) {
  symo_text text = {0};
  char *written = NULL;
  symo_status status = symo_layout_to_json(layout, &written);
  if (status != SYMO_OK) return status;
  symo_text_add(&text, "{\"parameters\": %zu, \"spaces\": [", symo_layout_num_parameters(layout));
  for (size_t i = 0; i < p->num_spaces; i++) {
    if (i > 0) symo_text_add(&text, ",\n");
    add_space(&text, p, i);
  }
  symo_text_add(&text, "],\n\"layout\": %s}", written);
  symo_free(written);
  return symo_text_finish(&text, context, out);
}

symo_status symo_graph_layout(symo_context *context, const char *text, double window,
                              symo_layout **layout, char **report) {
  graph *g = NULL;
  sym_proposal *p = NULL;
  symo_layout *found = NULL;
  symo_status status;
  if (text == NULL || layout == NULL)
    return symo_fail_null(context, "graph_layout", text == NULL ? "graph" : "layout");
  if (!(window >= 0 && window <= 20))
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "graph_layout: window is %g (0, or a number up to 20)", window);
  SYMO_TRY(graph_parse_json(context, "graph", text, strlen(text), &g));
  SYMO_TRY(sym_infer(g, window, &p));
  SYMO_TRY(sym_proposal_layout(context, p, &found));
  if (report != NULL) SYMO_TRY(sym_report(context, p, found, report));
  *layout = found;
  found = NULL;
fail:
  symo_layout_destroy(found);
  sym_proposal_destroy(p);
  graph_destroy(g);
  return status;
}
