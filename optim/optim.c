/* Plans: rules give tensors their methods, modules are paired, and everything that a state and a
 * step will need is sized. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/names.h"
#include "core/text.h"
#include "optim/alphas.h"
#include "optim/block.h"
#include "optim/diagonal_estimate.h"
#include "optim/method.h"
#include "optim/precondition/precondition.h"
#include "optim/share.h"
#include "optim/update/rows.h"

symo_optim_spec symo_optim_spec_default(void) {
  return (symo_optim_spec){.dtype = SYMO_ANY, .nan = SYMO_NAN_SKIP, .threads = 1};
}

/* ---- entries and work space ---- */

symo_status symo_optim_add_entry(symo_optim *optim, const symo_state_entry *entry) {
  size_t n = optim->num_entries, size = 1, bytes = 0;
  if ((n & (n - 1)) == 0) { /* full at every power of two */
    size_t room = n == 0 ? 1 : 2 * n;
    symo_state_entry *entries = symo_calloc(room, sizeof *entries);
    size_t *offsets = symo_calloc(room, sizeof *offsets);
    if (entries == NULL || offsets == NULL) {
      symo_free(entries);
      symo_free(offsets);
      return symo_fail_memory(optim->context, "optim");
    }
    if (n > 0) {
      memcpy(entries, optim->entries, n * sizeof *entries);
      memcpy(offsets, optim->entry_offset, n * sizeof *offsets);
    }
    symo_free(optim->entries);
    symo_free(optim->entry_offset);
    optim->entries = entries;
    optim->entry_offset = offsets;
  }
  for (size_t i = 0; i < n; i++)
    if (strcmp(optim->entries[i].name, entry->name) == 0)
      return symo_fail(optim->context, SYMO_E_NAME,
                       "optim: two arrays of the state have the name %s (use shorter names)",
                       entry->name);
  bool fits = true;
  for (size_t a = 0; a < entry->order; a++)
    fits = fits && symo_mul_size(size, entry->shape[a], &size);
  fits = fits && symo_mul_size(size, symo_dtype_size(entry->dtype), &bytes);
  if (!fits || bytes > PTRDIFF_MAX / 4 || optim->state_bytes > PTRDIFF_MAX / 4)
    return symo_fail(optim->context, SYMO_E_SIZE, "optim: %s is too large to address", entry->name);
  optim->entries[n] = *entry;
  optim->entries[n].data = NULL;
  optim->entry_offset[n] = optim->state_bytes;
  optim->state_bytes += symo_padded(bytes);
  optim->num_entries++;
  return SYMO_OK;
}

void symo_optim_need_work(symo_optim *optim, size_t bytes) {
  if (bytes > optim->work_bytes) optim->work_bytes = bytes;
}

static symo_status add_named(symo_optim *optim, symo_state_entry entry, const char *before,
                             const char *behind) {
  int n = snprintf(entry.name, sizeof entry.name, "%s.%s", before, behind);
  if (n < 0 || (size_t)n >= sizeof entry.name)
    return symo_fail(optim->context, SYMO_E_NAME, "optim: the name %.40s.. is too long", before);
  return symo_optim_add_entry(optim, &entry);
}

/* One array for every tensor of the block. */
static symo_status add_vector(symo_optim *optim, const optim_block *b, const char *what) {
  symo_status status = SYMO_OK;
  for (size_t i = 0; i < b->num_tensors && status == SYMO_OK; i++) {
    const layout_tensor *t = &b->layout->tensors[i];
    symo_state_entry entry = {.dtype = optim->dtype, .order = t->order};
    memcpy(entry.shape, t->dim, sizeof entry.shape);
    status = add_named(optim, entry, t->name, what);
  }
  return status;
}

static symo_status add_counters(symo_optim *optim, const char *name, size_t length) {
  symo_state_entry entry = {.dtype = SYMO_F64, .order = 1, .shape = {length}};
  snprintf(entry.name, sizeof entry.name, "%s", name);
  return symo_optim_add_entry(optim, &entry);
}

static symo_status add_block_entries(symo_optim *optim, optim_block *b) {
  char rule[40];
  symo_status status;
  snprintf(rule, sizeof rule, "rule-%zu", b->rule);
  b->first_entry = optim->num_entries;
  if (symo_block_has_momentum(b)) SYMO_TRY(add_vector(optim, b, "momentum"));
  if (symo_block_grafts_adam(b)) SYMO_TRY(add_vector(optim, b, "graft"));
  for (size_t i = 0; i < b->curvature->num_entries(b->self); i++) {
    symo_state_entry entry = b->curvature->entry(b->self, i);
    char name[sizeof entry.name];
    memcpy(name, entry.name, sizeof name);
    SYMO_TRY(add_named(optim, entry, rule, name));
  }
  if (symo_block_has_exponents(b)) {
    symo_state_entry entry = {.dtype = SYMO_F64, .order = 1, .shape = {b->num_tensors}};
    SYMO_TRY(add_named(optim, entry, rule, "exponents"));
  }
  strcat(rule, ".counters");
  SYMO_TRY(add_counters(optim, rule, 1 + symo_block_num_roots(b)));
  b->num_entries = optim->num_entries - b->first_entry;
fail:
  return status;
}

/* ---- pairing ---- */

static symo_status refuse(const symo_optim *optim, size_t rule, const char *reason) {
  const symo_method *m = &optim->rules[rule].method;
  return symo_fail(optim->context, SYMO_E_UNSUPPORTED, "optim: rule %zu (%s%scurvature %s): %s",
                   rule, m->preset, m->preset[0] != 0 ? ", " : "", m->curvature->name, reason);
}

static bool has_products(const symo_method *m) { return m->curvature->products; }

static symo_status pair_second_order(symo_optim *optim, const optim_block *b) {
  if (b->num_tensors < optim->layout->num_tensors)
    return refuse(optim, b->rule, "products are of all parameters together: one rule for all");
  const char *reason = symo_second_order_refuse(&b->method);
  return reason == NULL ? SYMO_OK : refuse(optim, b->rule, reason);
}

/* A rule for tensors of sites that none got, for want of sites, would be left out without a word.
 * */
static symo_status check_sites(const symo_optim *optim, size_t rule) {
  if (!optim->rules[rule].method.curvature->sites || optim->spec.num_sites > 0) return SYMO_OK;
  return refuse(
      optim, rule,
      "the spec names no sites of layer statistics (set num_sites and sites, those of the "
      "problem)");
}

/* Of a rule that is divided the curvature knows of all tensors and processes. */
static symo_status create_curvature(const symo_optim *optim, optim_block *b,
                                    const curvature_task *task) {
  const int *units = optim->share != NULL ? symo_share_units(optim->share, b->rule) : NULL;
  if (units == NULL) return b->curvature->create(task, &b->self);
  b->all = symo_share_block(optim->share->whole, b->rule);
  int *owner = symo_calloc(b->all->num_tensors, sizeof *owner);
  if (owner == NULL) return symo_fail_memory(optim->context, "optim");
  for (size_t i = 0; i < b->all->num_tensors; i++)
    owner[i] = optim->share->owner[b->all->tensors[i]];
  const curvature_division division = {
      .comm = optim->share->comm, .layout = b->all->layout, .tensor = owner, .unit = units};
  curvature_task divided = *task;
  divided.division = &division;
  symo_status status = b->curvature->create(&divided, &b->self);
  symo_free(owner);
  return status;
}

static symo_status pair_block(symo_optim *optim, optim_block *b) {
  const bool share = optim->share != NULL; /* the whole was not refused */
  const char *reason = symo_method_refuse(&b->method);
  if (reason != NULL) return refuse(optim, b->rule, reason);
  b->damping = b->method.damping;
  if (has_products(&b->method)) return pair_second_order(optim, b);
  b->curvature = b->method.curvature;
  reason = share ? NULL : b->curvature->refuse(&b->method, b->layout);
  if (reason != NULL) return refuse(optim, b->rule, reason);
  symo_status status = check_sites(optim, b->rule);
  if (status != SYMO_OK) return status;
  curvature_task task = {.context = optim->context,
                         .layout = b->layout,
                         .dtype = optim->dtype,
                         .method = &b->method,
                         .threads = optim->spec.threads,
                         .share = share,
                         .whole = optim->layout,
                         .tensors = b->tensors,
                         .num_sites = optim->spec.num_sites,
                         .sites = optim->sites};
  status = create_curvature(optim, b, &task);
  if (status == SYMO_OK && share) status = symo_share_number_roots(optim->share, optim->context, b);
  if (status != SYMO_OK) return status;
  if (b->curvature->sites) optim->sums_bytes += symo_padded(b->curvature->sums_bytes(b->self));
  status = add_block_entries(optim, b);
  symo_optim_need_work(optim, symo_block_work(b, optim->dtype, optim->spec.threads).bytes);
  return status;
}

/* Whether a tensor is one of the plan's, under that rule. */
static bool is_ours(const symo_optim *optim, size_t rule, size_t tensor) {
  const optim_share *share = optim->share;
  return optim->rule_of[tensor] == rule &&
         (share == NULL || share->owner[tensor] == share->comm->rank);
}

/* The layout of a share is a part of that of the rule. */
static symo_status make_layout(const symo_optim *optim, optim_block *b) {
  if (optim->share == NULL)
    return symo_block_layout(optim->layout, b->num_tensors, b->tensors, &b->method, optim->dtype,
                             &b->layout);
  const optim_block *all = symo_share_block(optim->share->whole, b->rule);
  size_t *places = symo_calloc(b->num_tensors + 1, sizeof *places), at = 0;
  if (places == NULL) return symo_fail_memory(optim->context, "optim");
  for (size_t i = 0; i < b->num_tensors; i++) {
    while (all->tensors[at] != b->tensors[i]) at++;
    places[i] = at;
  }
  symo_status status =
      symo_block_extract(all->layout, b->num_tensors, places, optim->dtype, &b->layout);
  symo_free(places);
  return status;
}

/* The tensors of rule r, their layout, and all modules. */
static symo_status make_block(symo_optim *optim, size_t rule, size_t count) {
  optim_block *b = &optim->blocks[optim->num_blocks++];
  size_t chunks = 0;
  symo_status status;
  b->method = optim->rules[rule].method;
  b->rule = rule;
  b->tensors = symo_calloc(count + 1, sizeof *b->tensors);
  b->chunk_at = symo_calloc(count + 1, sizeof *b->chunk_at);
  if (b->tensors == NULL || b->chunk_at == NULL) return symo_fail_memory(optim->context, "optim");
  for (size_t i = 0; i < optim->layout->num_tensors; i++) {
    if (!is_ours(optim, rule, i)) continue;
    b->tensors[b->num_tensors++] = i;
    chunks += (optim->layout->tensors[i].size + UPDATE_CHUNK - 1) / UPDATE_CHUNK;
    b->chunk_at[b->num_tensors] = chunks;
  }
  SYMO_TRY(make_layout(optim, b));
  SYMO_TRY(pair_block(optim, b));
fail:
  return status;
}

/* One pass of a problem takes the statistics of all rules. */
static symo_status check_labels(const symo_optim *optim) {
  const optim_block *first = NULL;
  for (size_t i = 0; i < optim->num_blocks; i++) {
    const optim_block *b = &optim->blocks[i];
    if (!b->method.curvature->sites) continue;
    if (first != NULL && first->method.fisher != b->method.fisher)
      return refuse(optim, b->rule, "fisher must be the same in all rules");
    first = b;
  }
  return SYMO_OK;
}

static symo_status make_blocks(symo_optim *optim) {
  for (size_t r = 0; r < optim->spec.num_rules; r++) {
    size_t count = 0;
    for (size_t i = 0; i < optim->layout->num_tensors; i++) count += is_ours(optim, r, i);
    const bool here = count > 0 || symo_share_units(optim->share, r) != NULL;
    symo_status status = here ? make_block(optim, r, count) : check_sites(optim, r);
    if (status != SYMO_OK) return status;
  }
  symo_status status = check_labels(optim);
  if (status != SYMO_OK) return status;
  return symo_optim_has_products(optim) ? symo_second_order_size(optim) : SYMO_OK;
}

/* ---- checks ---- */

static symo_status check_spec(symo_context *context, const symo_optim_spec *spec) {
  if (spec->num_rules == 0 || spec->rules == NULL)
    return symo_fail(context, SYMO_E_ARGUMENT, "optim: no rules (give one at least)");
  if (spec->dtype != SYMO_ANY && symo_dtype_size(spec->dtype) == 0)
    return symo_fail(context, SYMO_E_DTYPE, "optim: dtype %d (must be f32 or f64)",
                     (int)spec->dtype);
  if (spec->nan != SYMO_NAN_SKIP && spec->nan != SYMO_NAN_STOP)
    return symo_fail(context, SYMO_E_ARGUMENT, "optim: nan policy %d (must be skip or stop)",
                     (int)spec->nan);
  if (!(spec->budget_bytes >= 0))
    return symo_fail(context, SYMO_E_ARGUMENT, "optim: budget of %g bytes (must be >= 0)",
                     spec->budget_bytes);
  if (spec->num_sites > 0 && spec->sites == NULL)
    return symo_fail_null(context, "optim", "spec->sites");
  if (spec->threads < 1)
    return symo_fail(context, SYMO_E_ARGUMENT, "optim: %d %s (must be >= 1)", spec->threads,
                     symo_plural(spec->threads, "thread", "threads"));
  for (size_t i = 0; i < spec->num_rules; i++) {
    const symo_rule *rule = &spec->rules[i];
    char where[40];
    snprintf(where, sizeof where, "optim: rule %zu", i);
    if (memchr(rule->pattern, 0, sizeof rule->pattern) == NULL ||
        memchr(rule->also, 0, sizeof rule->also) == NULL || !symo_is_pattern(rule->pattern) ||
        (rule->also[0] != 0 && !symo_is_pattern(rule->also)))
      return symo_fail(context, SYMO_E_NAME,
                       "%s: the pattern has other characters than names, * and ? (\"*\" is any "
                       "name)",
                       where);
    if (rule->min_order < 0 || rule->max_order < rule->min_order)
      return symo_fail(context, SYMO_E_ARGUMENT,
                       "%s: for tensors of %d to %d %s (must be 0 <= "
                       "min <= max)",
                       where, rule->min_order, rule->max_order,
                       symo_plural(rule->max_order, "axis", "axes"));
    symo_status status = symo_method_check(context, &rule->method, where);
    if (status != SYMO_OK) return status;
  }
  return SYMO_OK;
}

/* A second pattern is there for tensors that are meant: that there are none is a mistake in it. */
static symo_status check_patterns(const symo_optim *optim) {
  for (size_t r = 0; r < optim->spec.num_rules; r++) {
    const char *also = optim->rules[r].also;
    bool used = also[0] == 0;
    for (size_t i = 0; i < optim->layout->num_tensors && !used; i++)
      used = strcmp(optim->rules[optim->rule_of[i]].also, also) == 0;
    if (!used)
      return symo_fail(
          optim->context, SYMO_E_ARGUMENT,
          "optim: rule %zu: no tensor of \"%s\" fits \"%s\", or an earlier rule has it "
          "(there is %s, for example)",
          r, symo_quoted(optim->rules[r].pattern).text, symo_quoted(also).text,
          symo_quoted(optim->layout->tensors[0].name).text);
  }
  return SYMO_OK;
}

static symo_status find_rules(symo_optim *optim) {
  for (size_t i = 0; i < optim->layout->num_tensors; i++) {
    const layout_tensor *t = &optim->layout->tensors[i];
    bool moved = symo_layout_moves(optim->layout, i), site = symo_optim_has_site(optim, i);
    size_t rule =
        symo_rule_find(optim->spec.num_rules, optim->rules, t->name, t->order, moved, site);
    if (rule == optim->spec.num_rules)
      return symo_fail(optim->context, SYMO_E_ARGUMENT,
                       "optim: no rule is for tensor %s of %zu %s%s (add one; \"*\" is any name)",
                       t->name, t->order, symo_plural(t->order, "axis", "axes"),
                       moved ? "" : ", which no group moves");
    optim->rule_of[i] = rule;
  }
  return check_patterns(optim);
}

static symo_status check_budget(const symo_optim *optim) {
  symo_optim_cost cost = symo_optim_cost_of(optim);
  double all = cost.state_bytes + cost.work_bytes;
  if (optim->spec.budget_bytes == 0 || all <= optim->spec.budget_bytes) return SYMO_OK;
  return symo_fail(optim->context, SYMO_E_SIZE,
                   "optim: state and work space take %.0f %s, the budget is %.0f (other methods "
                   "or groups need less)",
                   all, symo_plural(all, "byte", "bytes"), optim->spec.budget_bytes);
}

/* ---- create and destroy ---- */

static symo_status take_arrays(symo_optim *optim, const symo_optim_spec *spec) {
  optim->rules = symo_calloc(spec->num_rules, sizeof *optim->rules);
  optim->blocks = symo_calloc(spec->num_rules, sizeof *optim->blocks);
  optim->rule_of = symo_calloc(optim->layout->num_tensors, sizeof *optim->rule_of);
  if (optim->rules == NULL || optim->blocks == NULL || optim->rule_of == NULL)
    return symo_fail_memory(optim->context, "optim");
  memcpy(optim->rules, spec->rules, spec->num_rules * sizeof *optim->rules);
  optim->spec.rules = optim->rules;
  if (spec->num_sites == 0) return SYMO_OK;
  optim->sites = symo_calloc(spec->num_sites, sizeof *optim->sites);
  if (optim->sites == NULL) return symo_fail_memory(optim->context, "optim");
  memcpy(optim->sites, spec->sites, spec->num_sites * sizeof *optim->sites);
  optim->spec.sites = optim->sites;
  return SYMO_OK;
}

symo_status symo_optim_create(symo_layout *layout, const symo_optim_spec *spec, symo_optim **out) {
  if (layout == NULL) return SYMO_E_ARGUMENT;
  if (spec == NULL || out == NULL)
    return symo_fail_null(layout->context, "optim_create", spec == NULL ? "spec" : "out");
  return symo_optim_create_part(layout, spec, NULL, out);
}

static symo_status create(symo_layout *layout, const symo_optim_spec *spec, optim_share *share,
                          symo_optim **out) {
  symo_status status = check_spec(layout->context, spec);
  if (status != SYMO_OK) return status;
  if (layout->num_tensors == 0)
    return symo_fail(layout->context, SYMO_E_ARGUMENT,
                     "optim: the layout has no tensors (add one)");
  symo_optim *optim = symo_calloc(1, sizeof *optim);
  if (optim == NULL) return symo_fail_memory(layout->context, "optim");
  optim->context = layout->context;
  optim->share = share;
  optim->layout = symo_layout_retain(layout);
  atomic_init(&optim->references, 1);
  optim->spec = *spec;
  optim->dtype = spec->dtype != SYMO_ANY ? spec->dtype : layout->dtype;
  if (optim->dtype == SYMO_ANY) optim->dtype = SYMO_F64;
  SYMO_TRY(take_arrays(optim, spec));
  SYMO_TRY(find_rules(optim));
  SYMO_TRY(add_counters(optim, "counters", 4));
  SYMO_TRY(make_blocks(optim));
  if (share != NULL) optim->sums_bytes = symo_share_sums_bytes(optim);
  size_t apart = symo_layout_apart_room(optim->layout); /* before a step the work space is free */
  if (apart > optim->work_bytes) optim->work_bytes = apart;
  SYMO_TRY(check_budget(optim));
  *out = optim;
  return SYMO_OK;
fail:
  optim->share = NULL; /* still the caller's */
  symo_optim_destroy(optim);
  return status;
}

symo_status symo_optim_create_part(symo_layout *layout, const symo_optim_spec *spec,
                                   optim_share *share, symo_optim **out) {
  symo_status status = create(layout, spec, share, out);
  if (status != SYMO_OK) symo_share_destroy(share);
  return status;
}

void symo_optim_destroy(symo_optim *optim) {
  if (optim == NULL || atomic_fetch_sub(&optim->references, 1) > 1) return;
  for (size_t i = 0; i < optim->num_blocks; i++) {
    optim_block *b = &optim->blocks[i];
    if (b->self != NULL) b->curvature->destroy(b->self);
    symo_preconditioner_destroy(b->precondition);
    symo_layout_destroy(b->layout);
    symo_free(b->tensors);
    symo_free(b->chunk_at);
    symo_free(b->root_at);
  }
  symo_share_destroy(optim->share);
  symo_free(optim->blocks);
  symo_free(optim->rules);
  symo_free(optim->rule_of);
  symo_free(optim->sites);
  symo_free(optim->entries);
  symo_free(optim->entry_offset);
  symo_layout_destroy(optim->layout);
  symo_free(optim);
}

size_t symo_optim_rule_of(const symo_optim *optim, size_t tensor) {
  if (optim == NULL) return SYMO_NONE;
  if (tensor < optim->layout->num_tensors) return optim->rule_of[tensor];
  symo_fail_index(optim->context, "optim_rule_of", "tensor", tensor, "layout",
                  optim->layout->num_tensors);
  return SYMO_NONE;
}

/* Of a share the answers are those of the whole: processes ask a problem together. */
bool symo_optim_has_products(const symo_optim *optim) {
  for (size_t i = 0; optim != NULL && i < optim->num_blocks; i++)
    if (has_products(&optim->blocks[i].method)) return true;
  return false;
}

bool symo_optim_asks(const symo_optim *optim) {
  if (optim != NULL && optim->share != NULL) optim = optim->share->whole;
  for (size_t i = 0; optim != NULL && i < optim->num_blocks; i++)
    if (symo_block_estimates(&optim->blocks[i]) || symo_block_measures(&optim->blocks[i]))
      return true;
  return symo_optim_has_products(optim);
}

bool symo_optim_needs_problem(const symo_optim *optim) {
  return symo_optim_asks(optim) || (optim != NULL && optim->sums_bytes > 0);
}
