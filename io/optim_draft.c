/* Specs of optimizers under construction: the rules, the keys beside them, and the final block of
 * memory for the caller, which holds the spec and then the rules. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/names.h"
#include "core/number.h"
#include "io/optim_spec.h"

#include <symo/io.h>

typedef struct owned_spec {
  symo_optim_spec spec;
  symo_rule rules[];
} owned_spec;

void symo_spec_draft_start(symo_context *context, spec_draft *draft) {
  *draft = (spec_draft){.context = context, .spec = symo_optim_spec_default()};
  draft->spec.num_rules = 0;
  draft->spec.rules = NULL;
}

void symo_spec_draft_drop(spec_draft *draft) {
  symo_free(draft->rules);
  draft->rules = NULL;
  for (size_t i = 0; i < draft->num_kept; ++i) symo_free(draft->kept[i]);
  symo_free(draft->kept);
  draft->kept = NULL;
  draft->num_kept = 0;
}

symo_status symo_spec_draft_room(spec_draft *draft, size_t count) {
  symo_rule *rules = symo_calloc(count, sizeof *rules);
  if (rules == NULL) return symo_fail_memory(draft->context, "optimizer");
  for (size_t i = 0; i < count; ++i) {
    strcpy(rules[i].pattern, "*");
    rules[i].max_order = SYMO_MAX_ORDER;
  }
  symo_free(draft->rules);
  draft->rules = rules;
  draft->num_rules = count;
  return SYMO_OK;
}

symo_status symo_spec_draft_preset(spec_draft *draft, const char *name, symo_method *out) {
  const spec_adapter *a = &draft->adapter;
  symo_status status = symo_method_preset(draft->context, name, out);
  return status == SYMO_OK && a->method != NULL ? a->method(a->self, out) : status;
}

symo_status symo_spec_draft_expand(spec_draft *draft, const char *where) {
  enum { ROOM = 4 };
  symo_rule rules[ROOM];
  size_t count = 0;
  if (!draft->plain) return SYMO_OK;
  memset(rules, 0, sizeof rules);
  const spec_adapter *a = &draft->adapter;
  const symo_method *method = &draft->rules[0].method;
  symo_status status = a->rules != NULL
                           ? a->rules(a->self, method, &count, rules)
                           : symo_optim_preset_rules(draft->context, method, &count, rules);
  if (status != SYMO_OK) return symo_spec_pass_on(draft->context, status, where, "");
  status = symo_spec_draft_room(draft, count);
  if (status != SYMO_OK) return status;
  memcpy(draft->rules, rules, count * sizeof *rules);
  draft->plain = false;
  return SYMO_OK;
}

symo_status symo_spec_draft_finish(const spec_draft *draft, const char *where,
                                   symo_optim_spec **out) {
  size_t bytes = 0;
  owned_spec *owned = NULL;
  if (symo_mul_size(draft->num_rules, sizeof *draft->rules, &bytes) &&
      bytes <= SIZE_MAX - sizeof *owned)
    owned = symo_malloc(sizeof *owned + bytes);
  if (owned == NULL) return symo_fail_memory(draft->context, where);
  owned->spec = draft->spec;
  owned->spec.num_rules = draft->num_rules;
  owned->spec.rules = owned->rules;
  memcpy(owned->rules, draft->rules, bytes);
  *out = &owned->spec;
  return SYMO_OK;
}

void symo_optim_spec_destroy(symo_optim_spec *spec) { symo_free(spec); }

symo_status symo_spec_pass_on(symo_context *context, symo_status status, const char *where,
                              const char *at) {
  static const char layer[] = "method: ";
  if (status == SYMO_OK || status == SYMO_E_MEMORY) return status;
  const char *detail = symo_context_detail(context);
  if (strncmp(detail, layer, sizeof layer - 1) == 0) detail += sizeof layer - 1;
  size_t length = strlen(detail);
  bool advised = length > 0 && detail[length - 1] == ')';
  return symo_fail(context, status, "%s: %s%s%s%s", where, at, *at == '\0' ? "" : ": ", detail,
                   advised ? "" : " (symo optimizers shows what there is)");
}

/* ---- beside the rules ---- */

const char *const symo_spec_common_keys[SYMO_SPEC_COMMON_KEYS] = {"dtype", "nan", "budget_memory",
                                                                  "threads"};

bool symo_spec_is_common(const char *key) {
  for (size_t i = 0; i < SYMO_SPEC_COMMON_KEYS; ++i)
    if (strcmp(key, symo_spec_common_keys[i]) == 0) return true;
  return false;
}

static bool set_dtype(symo_optim_spec *spec, const char *value) {
  for (int dtype = SYMO_ANY; dtype <= SYMO_F64; ++dtype)
    if (strcmp(value, symo_dtype_name((symo_dtype)dtype)) == 0) {
      spec->dtype = (symo_dtype)dtype;
      return true;
    }
  return false;
}

static bool set_nan(symo_optim_spec *spec, const char *value) {
  bool skip = strcmp(value, "skip") == 0;
  if (!skip && strcmp(value, "stop") != 0) return false;
  spec->nan = skip ? SYMO_NAN_SKIP : SYMO_NAN_STOP;
  return true;
}

static bool set_budget(symo_optim_spec *spec, const char *value) {
  static const struct {
    const char *unit;
    double bytes;
  } units[] = {{"", 1},       {"B", 1},        {"bytes", 1},    {"kB", 1e3},
               {"KB", 1e3},   {"MB", 1e6},     {"GB", 1e9},     {"TB", 1e12},
               {"KiB", 1024}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40}};
  double number;
  const char *unit;
  if (!symo_decimal_read(value, &unit, &number) || number < 0) return false;
  unit += strspn(unit, " ");
  for (size_t i = 0; i < sizeof units / sizeof *units; ++i)
    if (strcmp(unit, units[i].unit) == 0) {
      spec->budget_bytes = number * units[i].bytes;
      return isfinite(spec->budget_bytes);
    }
  return false;
}

static bool set_threads(symo_optim_spec *spec, const char *value) {
  uint64_t threads;
  if (!symo_whole_read(value, NULL, 1024, &threads) || threads == 0) return false;
  spec->threads = (int)threads;
  return true;
}

symo_status symo_spec_set_common(symo_context *context, symo_optim_spec *spec, const char *key,
                                 const char *value) {
  static const struct {
    const char *advice;
    bool (*set)(symo_optim_spec *spec, const char *value);
  } rows[SYMO_SPEC_COMMON_KEYS] = {{"f32, f64, or any for that of the layout", set_dtype},
                                   {"skip or stop", set_nan},
                                   {"bytes, or as in 2GiB, 500 MB; 0: any", set_budget},
                                   {"a whole number from 1 to 1024", set_threads}};
  symo_optim_spec copy = *spec;
  for (size_t i = 0; i < SYMO_SPEC_COMMON_KEYS; ++i) {
    if (strcmp(key, symo_spec_common_keys[i]) != 0) continue;
    if (!rows[i].set(&copy, value))
      return symo_fail(context, SYMO_E_ARGUMENT, "%s: \"%s\" cannot be (give %s)", key,
                       symo_quoted(value).text, rows[i].advice);
    *spec = copy;
    return SYMO_OK;
  }
  return symo_fail(context, SYMO_E_NAME, "%s: unknown key%s (dtype, nan, budget_memory, threads)",
                   symo_quoted(key).text,
                   symo_did_you_mean(key, SYMO_SPEC_COMMON_KEYS, symo_spec_common_keys).text);
}
