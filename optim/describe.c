/* The plan as text, for people. */
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "optim/alphas.h"
#include "optim/cost.h"
#include "optim/precondition/precondition.h"

static const char *name_of(const symo_method *m) {
  return m->preset[0] != 0 ? m->preset : m->curvature->name;
}

/* What is chosen under a key, as text. */
typedef struct method_word {
  char text[128];
} method_word;

static method_word word_of(const symo_method *m, const char *key) {
  method_word word = {""};
  symo_method_get(NULL, m, key, word.text);
  return word;
}

/* "12.3 M" */
typedef struct amount {
  char text[24];
} amount;

static amount with_prefix(double x) {
  static const char *const prefix[] = {"", "k", "M", "G", "T", "P"};
  amount a;
  size_t i = 0;
  for (; x >= 1000 && i + 1 < sizeof prefix / sizeof *prefix; i++) x /= 1000;
  snprintf(a.text, sizeof a.text, "%.3g %s", x, prefix[i]);
  return a;
}

void symo_rule_reason(const symo_optim *optim, size_t tensor, char text[RULE_REASON]) {
  const size_t index = optim->rule_of[tensor];
  const symo_rule *rule = &optim->rules[index];
  const int used =
      snprintf(text, RULE_REASON, "rule %zu: \"%.120s\"%s%.120s%s", index, rule->pattern,
               rule->also[0] != 0 ? " and \"" : "", rule->also, rule->also[0] != 0 ? "\"" : "");
  const size_t room = RULE_REASON - (size_t)used;
  if (rule->min_order == rule->max_order)
    snprintf(text + used, room, ", %d %s", rule->min_order,
             symo_plural(rule->min_order, "axis", "axes"));
  else if (rule->min_order > 0 || rule->max_order < SYMO_MAX_ORDER)
    snprintf(text + used, room, ", %d to %d %s", rule->min_order, rule->max_order,
             symo_plural(rule->max_order, "axis", "axes"));
}

static void add_tensors(symo_text *out, const symo_optim *optim) {
  symo_text_add(out, "tensors (%s)\n", symo_dtype_name(optim->dtype));
  for (size_t i = 0; i < optim->layout->num_tensors; i++) {
    const layout_tensor *t = &optim->layout->tensors[i];
    const symo_rule *rule = &optim->rules[optim->rule_of[i]];
    char shape[128] = "";
    for (size_t a = 0, used = 0; a < t->order && used < sizeof shape; a++)
      used += (size_t)snprintf(shape + used, sizeof shape - used, "%s%zu", a > 0 ? " x " : "",
                               t->dim[a]);
    char reason[RULE_REASON];
    symo_rule_reason(optim, i, reason);
    symo_text_add(out, "  %-20s %-16s %-14s %s\n", t->name, t->order > 0 ? shape : "1",
                  name_of(&rule->method), reason);
  }
}

/* Rules that no tensor got may be a mistake in a pattern. */
static void add_unused(symo_text *out, const symo_optim *optim) {
  for (size_t r = 0; r < optim->spec.num_rules; r++) {
    bool used = false;
    for (size_t i = 0; i < optim->layout->num_tensors; i++) used = used || optim->rule_of[i] == r;
    if (!used && optim->rules[r].also[0] == 0) /* that of a second one has tensors elsewhere */
      symo_text_add(out, "  rule %zu: \"%s\": no tensor\n", r, optim->rules[r].pattern);
  }
}

static void add_settings(symo_text *out, const symo_method *m) {
  symo_text_add(out, "  lr %g %s", m->lr, word_of(m, "schedule").text);
  if (m->warmup_steps > 0)
    symo_text_add(out, ", warm-up %llu", (unsigned long long)m->warmup_steps);
  if (m->momentum > 0)
    symo_text_add(out, "; momentum %g%s%s", m->momentum, m->momentum_ema ? " average" : " sum",
                  m->nesterov ? ", Nesterov" : "");
  symo_text_add(out, "; beta2 %g; alpha %s; eps %g %s", m->beta2, word_of(m, "alpha").text, m->eps,
                m->damping->name);
  if (m->cut > 0) symo_text_add(out, "; cut %g", m->cut);
  if (m->cut > 0 && m->cut_reference != SYMO_CUT_LARGEST)
    symo_text_add(out, " of the %s", word_of(m, "cut_reference").text);
  if (m->cut_order > 0) symo_text_add(out, " of order %g", m->cut_order);
  if (m->curvature->sites) symo_text_add(out, "; %s labels", word_of(m, "fisher").text);
  if (m->kl_clip > 0) symo_text_add(out, "; kl_clip %g", m->kl_clip);
  if (m->weight_decay > 0)
    symo_text_add(out, "; decay %g %s", m->weight_decay, word_of(m, "decay").text);
  if (m->graft != SYMO_GRAFT_NONE) symo_text_add(out, "; graft %s", word_of(m, "graft").text);
  if (m->scale != SYMO_SCALE_NONE) symo_text_add(out, "; scale %s", word_of(m, "scale").text);
  if (m->clip_norm > 0) symo_text_add(out, "; norm at most %g", m->clip_norm);
  if (m->clip_value > 0) symo_text_add(out, "; entries at most %g", m->clip_value);
  symo_text_add(out, "\n");
}

static void add_item(symo_text *out, const plan_item *item) {
  char when[32];
  const char *how = item->every > 1 ? "every %llu" : item->every == 1 ? "every step" : "once";
  snprintf(when, sizeof when, how, (unsigned long long)item->every);
  symo_text_add(out, "    %-12s %-14s from %-6llu %10sflop %10sB\n", item->name, when,
                (unsigned long long)item->start, with_prefix(item->flops).text,
                with_prefix(item->bytes).text);
}

static double entry_bytes(const symo_optim *optim, size_t first, size_t end) {
  size_t past = end < optim->num_entries ? optim->entry_offset[end] : optim->state_bytes;
  return (double)(past - optim->entry_offset[first]);
}

size_t symo_block_items(const symo_optim *optim, const optim_block *b,
                        plan_item items[PLAN_ITEMS]) {
  const size_t curvature = symo_block_curvature_entry(b), end = b->first_entry + b->num_entries;
  const symo_method *m = &b->method;
  const uint64_t start = symo_curvature_start(&b->method);
  size_t count = 0;
  items[count++] = (plan_item){
      "update", 1,    1, symo_block_update_flops(b), entry_bytes(optim, b->first_entry, curvature),
      0,        false};
  if (symo_block_measures(b))
    items[count++] = (plan_item){"exponents",
                                 m->alpha_every,
                                 m->alpha_first + 1,
                                 symo_block_alpha_flops(b),
                                 0,
                                 symo_block_alpha_products(b),
                                 false};
  if (b->curvature->accumulate != NULL)
    items[count++] = (plan_item){"statistics",
                                 m->statistics_every,
                                 1,
                                 symo_block_accumulate_flops(b),
                                 entry_bytes(optim, curvature, end),
                                 0,
                                 false};
  if (symo_block_num_roots(b) > 0)
    items[count++] =
        (plan_item){"roots", m->refresh_every, start, symo_block_refresh_flops(b), 0, 0, true};
  items[count++] = (plan_item){"direction",
                               1,
                               start,
                               symo_block_apply_flops(b),
                               (double)symo_block_work(b, optim->dtype, optim->spec.threads).bytes,
                               0,
                               false};
  return count;
}

/* Text of the caller's, every line indented. */
static void add_indented(symo_text *out, const char *text) {
  for (const char *line = text; *line != 0;) {
    size_t n = strcspn(line, "\n");
    symo_text_add(out, "      %.*s\n", (int)n, line);
    line += n + (line[n] == '\n');
  }
}

static void add_phases(symo_text *out, const optim_block *b) {
  size_t roots = symo_block_num_roots(b);
  if (roots == 0 || b->method.refresh_every <= 1) return;
  symo_text_add(out, "      phases");
  for (size_t r = 0; r < roots && r < 16; r++)
    symo_text_add(out, " %llu", (unsigned long long)symo_curvature_phase(&b->method, r, roots));
  symo_text_add(out, "%s of %llu\n", roots > 16 ? " .." : "",
                (unsigned long long)b->method.refresh_every);
}

/* What measurements ask of the problem. */
static void add_products(symo_text *out, const optim_block *b, double products) {
  const symo_method *m = &b->method;
  symo_text_add(out, "      %.0f products with the %s a measurement at most", products,
                m->alpha_curvature == SYMO_ALPHA_GGN ? "Gauss-Newton matrix" : "Hessian");
  if (m->alpha_every > 0) symo_text_add(out, ", %.3g a step", products / (double)m->alpha_every);
  symo_text_add(out, "\n      alpha %g before it, multiples of %g from %g to %g behind it\n",
                m->alpha_initial, m->alpha_step, m->alpha_min, m->alpha_max);
}

static symo_status add_preconditioner(symo_text *out, const optim_block *b) {
  const symo_method *m = &b->method;
  char *text = NULL;
  symo_status status = symo_preconditioner_describe(b->precondition, &text);
  if (status != SYMO_OK) return status;
  symo_text_add(out, "    preconditioned by %s, roots every %llu\n", m->precondition->name,
                (unsigned long long)m->refresh_every);
  add_indented(out, text);
  symo_free(text);
  return SYMO_OK;
}

static symo_status add_block(symo_text *out, const symo_optim *optim, const optim_block *b) {
  const symo_method *m = &b->method;
  symo_text_add(out, "rule %zu: %s, curvature %s, %zu %s, %zu %s\n", b->rule, name_of(m),
                m->curvature->name, b->num_tensors,
                symo_plural(b->num_tensors, "tensor", "tensors"), b->layout->parameters,
                symo_plural(b->layout->parameters, "parameter", "parameters"));
  add_settings(out, m);
  if (b->curvature == NULL) {
    const symo_solver *solver = symo_solver_of_systems(m);
    const char *space = m->space == SYMO_SPACE_ROWS ? " in the space of rows" : "";
    if (solver->most > 0)
      symo_text_add(out, "    products of the problem with all unit vectors%s, then %s\n", space,
                    solver->name);
    else
      symo_text_add(out, "    products of the problem by %s%s, at most %.0f a step\n",
                    m->solver->name, space, (double)symo_solver_steps(m));
    return b->precondition != NULL ? add_preconditioner(out, b) : SYMO_OK;
  }
  plan_item items[PLAN_ITEMS];
  const size_t count = symo_block_items(optim, b, items);
  for (size_t i = 0; i < count; i++) {
    add_item(out, &items[i]);
    if (items[i].roots) add_phases(out, b);
    if (items[i].products > 0) add_products(out, b, items[i].products);
  }
  char *text = NULL;
  if (b->curvature->describe == NULL) return SYMO_OK;
  symo_status status = b->curvature->describe(b->self, &text);
  if (status != SYMO_OK) return status;
  add_indented(out, text);
  symo_free(text);
  return SYMO_OK;
}

symo_status symo_optim_describe(const symo_optim *optim, char **text) {
  if (optim == NULL) return SYMO_E_ARGUMENT;
  if (text == NULL) return symo_fail_null(optim->context, "optim_describe", "out");
  symo_text out = {0};
  symo_status status = SYMO_OK;
  add_tensors(&out, optim);
  add_unused(&out, optim);
  for (size_t i = 0; i < optim->num_blocks; i++)
    SYMO_TRY(add_block(&out, optim, &optim->blocks[i]));
  symo_optim_cost cost = symo_optim_cost_of(optim);
  double parameters = (double)optim->layout->parameters;
  symo_text_add(&out, "in all: state %sB (%.2f numbers a parameter), work space %sB, %sflop a step",
                with_prefix(cost.state_bytes).text,
                cost.state_bytes / (double)symo_dtype_size(optim->dtype) / parameters,
                with_prefix(cost.work_bytes).text, with_prefix(cost.flops_per_step).text);
  if (optim->spec.budget_bytes > 0)
    symo_text_add(&out, ", budget %sB", with_prefix(optim->spec.budget_bytes).text);
  symo_text_add(&out, "\n");
  return symo_text_finish(&out, optim->context, text);
fail:
  symo_free(out.text);
  return status;
}
