/* Which rule gives a tensor its method, and the rules that go with a preset. */
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "optim/block.h"
#include "optim/method.h"

/* '*' is any run of characters, '?' any one.  On a mismatch the last '*' takes one more. */
static bool matches(const char *pattern, const char *name) {
  const char *star = NULL, *behind = NULL;
  while (*name != 0) {
    if (*pattern == '*') {
      star = ++pattern;
      behind = name;
    } else if (*pattern == '?' || *pattern == *name) {
      pattern++;
      name++;
    } else if (star != NULL) {
      pattern = star;
      name = ++behind;
    } else {
      return false;
    }
  }
  while (*pattern == '*') pattern++;
  return *pattern == 0;
}

bool symo_rule_fits(const symo_rule *rule, const char *name, size_t order, bool moved, bool site) {
  return (int)order >= rule->min_order && (int)order <= rule->max_order &&
         (moved || !rule->needs_group) && (site || !rule->needs_site) &&
         matches(rule->pattern, name) && (rule->also[0] == 0 || matches(rule->also, name));
}

size_t symo_rule_find(size_t num_rules, const symo_rule *rules, const char *name, size_t order,
                      bool moved, bool site) {
  size_t i = 0;
  while (i < num_rules && !symo_rule_fits(&rules[i], name, order, moved, site)) i++;
  return i;
}

static symo_rule all_tensors(const symo_method *method, int min_order, int max_order) {
  symo_rule rule = {.pattern = "*", .min_order = min_order, .max_order = max_order};
  rule.method = *method;
  return rule;
}

symo_status symo_optim_preset_rules(symo_context *context, const symo_method *method, size_t *num,
                                    symo_rule rules[4]) {
  if (method == NULL || num == NULL || rules == NULL)
    return symo_fail_null(context, "optim_preset_rules",
                          method == NULL ? "method"
                          : num == NULL  ? "num"
                                         : "rules");
  if (!symo_method_is_for_matrices(method) && !method->curvature->sites) {
    rules[0] = all_tensors(method, 0, SYMO_MAX_ORDER);
    *num = 1;
    return SYMO_OK;
  }
  symo_method rest;
  symo_status status = symo_method_companion(context, method, &rest);
  if (status != SYMO_OK) return status;
  if (method->curvature->sites) {
    rules[0] = all_tensors(method, 0, SYMO_MAX_ORDER);
    rules[0].needs_site = true;
    rules[1] = all_tensors(&rest, 0, SYMO_MAX_ORDER);
    *num = 2;
    return SYMO_OK;
  }
  rules[0] = all_tensors(method, 2, SYMO_MAX_ORDER);
  rules[0].needs_group = symo_method_alternates(method) && symo_method_group(method) == NULL;
  rules[1] = all_tensors(&rest, 0, rules[0].needs_group ? SYMO_MAX_ORDER : 1);
  *num = 2;
  return SYMO_OK;
}
