/* Whether a state belongs to an optimizer.  Layouts are compared as JSON, which holds all of them
 * (groups of the caller's code by name); specs option by option, as text, which keeps every bit. */
#include "io/optim_match.h"

#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/names.h"
#include "core/text.h"
#include "io/json.h"
#include "io/optim_spec.h"
#include "optim/optim.h"

#include <symo/io.h>

/* ---- layouts ---- */

enum { WHAT = 240 };

/* Spaces one by one, in order.  True if they agree, else `what` says where they do not. */
static bool spaces_agree(json_t *there, json_t *here, char what[WHAT]) {
  void *a = json_object_iter(there), *b = json_object_iter(here);
  for (; a != NULL && b != NULL;
       a = json_object_iter_next(there, a), b = json_object_iter_next(here, b)) {
    const char *x = json_object_iter_key(a), *y = json_object_iter_key(b);
    if (strcmp(x, y) != 0) {
      snprintf(what, WHAT, "where space %s stands here, it has %s", symo_quoted(y).text,
               symo_quoted(x).text);
      return false;
    }
    if (!json_equal(json_object_iter_value(a), json_object_iter_value(b))) {
      snprintf(what, WHAT, "space %s has another dimension or group there", symo_quoted(x).text);
      return false;
    }
  }
  if (a == NULL && b == NULL) return true;
  snprintf(what, WHAT, "space %s is only %s",
           symo_quoted(json_object_iter_key(a != NULL ? a : b)).text, a != NULL ? "there" : "here");
  return false;
}

static const char *name_of(const json_t *tensor) {
  const char *name = json_string_value(json_object_get(tensor, "name"));
  return name == NULL ? "" : name;
}

static bool tensors_agree(json_t *there, json_t *here, char what[WHAT]) {
  size_t n = json_array_size(there), m = json_array_size(here);
  for (size_t i = 0; i < n && i < m; ++i) {
    const json_t *a = json_array_get(there, i), *b = json_array_get(here, i);
    if (json_equal(a, b)) continue;
    if (strcmp(name_of(a), name_of(b)) == 0)
      snprintf(what, WHAT, "tensor %s has other axes there", symo_quoted(name_of(a)).text);
    else
      snprintf(what, WHAT, "where tensor %s stands here, it has %s", symo_quoted(name_of(b)).text,
               symo_quoted(name_of(a)).text);
    return false;
  }
  if (n == m) return true;
  snprintf(what, WHAT, "tensor %s is only %s",
           symo_quoted(name_of(json_array_get(n > m ? there : here, n > m ? m : n))).text,
           n > m ? "there" : "here");
  return false;
}

symo_status symo_optim_match_layout(const symo_optim *optim, const char *path, const char *json) {
  symo_context *context = optim->context;
  json_t *there = NULL, *here = NULL;
  char *own = NULL, what[WHAT] = "";
  symo_text where = {0};
  symo_status status;
  symo_text_add(&where, "%s: metadata layout", path);
  if (where.failed) SYMO_TRY(symo_fail_memory(context, path));
  SYMO_TRY(symo_layout_to_json(optim->layout, &own));
  SYMO_TRY(symo_json_parse(context, path, own, strlen(own), &here));
  SYMO_TRY(symo_json_parse(context, where.text, json, strlen(json), &there));
  if (!spaces_agree(json_object_get(there, "spaces"), json_object_get(here, "spaces"), what) ||
      !tensors_agree(json_object_get(there, "tensors"), json_object_get(here, "tensors"), what))
    SYMO_TRY(symo_fail(context, SYMO_E_SHAPE,
                       "%s: is the state for another layout: %s (use the layout it was made with)",
                       path, what));
fail:
  json_decref(there);
  json_decref(here);
  symo_free(own);
  symo_free(where.text);
  return status;
}

/* ---- specs ---- */

/* What the entries of a state are: these must agree in any case. */
static const char *const fixed[] = {"curvature", "groups",  "source",   "basis",
                                    "graft",     "mean",    "centered", "momentum_ema",
                                    "max_dim",   "sharing", "rank"};

static bool contains(size_t count, const char *const *list, const char *word) {
  for (size_t i = 0; i < count; ++i)
    if (strcmp(list[i], word) == 0) return true;
  return false;
}

static symo_status match_rule(symo_context *context, const char *path, size_t index,
                              const symo_rule *there, const symo_rule *here, size_t num_may_differ,
                              const char *const *may_differ) {
  if (strcmp(there->pattern, here->pattern) != 0 || strcmp(there->also, here->also) != 0 ||
      there->min_order != here->min_order || there->max_order != here->max_order ||
      there->needs_group != here->needs_group || there->needs_site != here->needs_site)
    return symo_fail(
        context, SYMO_E_ARGUMENT,
        "%s: rule %zu is for other tensors there: match \"%s\", orders %d to %d%s%s (use "
        "the optimizer it was made with)",
        path, index, symo_quoted(there->pattern).text, there->min_order, there->max_order,
        there->needs_group ? ", moved by a group" : "",
        there->needs_site ? ", of sites of layer statistics" : "");
  for (size_t i = 0; i < symo_method_num_options(); ++i) {
    const char *key = symo_method_option(i)->key;
    char a[128], b[128];
    symo_status status = symo_method_get(context, &there->method, key, a);
    if (status == SYMO_OK) status = symo_method_get(context, &here->method, key, b);
    if (status != SYMO_OK) return status;
    if (strcmp(a, b) == 0) continue;
    bool free = !contains(sizeof fixed / sizeof *fixed, fixed, key);
    if (free && contains(num_may_differ, may_differ, key)) continue;
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "%s: rule %zu: %s is %s there, but %s here (use the optimizer the state was "
                     "made with%s)",
                     path, index, key, symo_quoted(a).text, symo_quoted(b).text,
                     free ? ", or change it with --set" : "");
  }
  return SYMO_OK;
}

symo_status symo_optim_match_spec(const symo_optim *optim, const char *path, const char *json,
                                  size_t num_may_differ, const char *const *may_differ) {
  symo_context *context = optim->context;
  symo_optim_spec *there = NULL;
  symo_text where = {0};
  symo_status status;
  symo_text_add(&where, "%s: metadata spec", path);
  if (where.failed) SYMO_TRY(symo_fail_memory(context, path));
  SYMO_TRY(symo_optim_spec_parse(context, where.text, json, strlen(json), &there));
  if (there->num_rules != optim->spec.num_rules)
    SYMO_TRY(symo_fail(context, SYMO_E_ARGUMENT,
                       "%s: is the state of an optimizer with %zu %s, and this one has %zu (use "
                       "the one it was made with)",
                       path, there->num_rules, symo_plural(there->num_rules, "rule", "rules"),
                       optim->spec.num_rules));
  for (size_t i = 0; i < there->num_rules; ++i)
    SYMO_TRY(match_rule(context, path, i, &there->rules[i], &optim->spec.rules[i], num_may_differ,
                        may_differ));
fail:
  symo_optim_spec_destroy(there);
  symo_free(where.text);
  return status;
}
