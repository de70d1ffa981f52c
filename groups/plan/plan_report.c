/* What a plan says of itself, and the orbit mean. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "groups/plan/plan.h"

/* The free numbers in the M of a label: symmetric matrices of the multiplicity over C or H for each
 * unit that is symmetric itself, antisymmetric ones for the others. */
static double stored_numbers(const plan_label *l) {
  const size_t multiplicity = l->m / l->type;
  double mu = (double)multiplicity, even = (double)l->hermitian;
  double odd = (double)l->type - even;
  return l->dropped ? 0 : (double)l->count * (even * mu * (mu + 1) + odd * mu * (mu - 1)) / 2;
}

symo_plan_cost symo_plan_cost_of(const symo_plan *plan) {
  if (plan == NULL) return (symo_plan_cost){0};
  symo_plan_cost cost = {.parameters = (double)plan->layout->parameters};
  double item = (double)symo_dtype_size(plan->dtype), scaled = 0;
  cost.dense_numbers = cost.parameters * (cost.parameters + 1) / 2;
  for (size_t i = 0; i < plan->num_labels; i++) {
    const plan_label *l = &plan->labels[i];
    if (l->dropped) continue;
    double m = (double)l->m, count = (double)l->count, rows = (double)l->ambient;
    cost.stored_numbers += stored_numbers(l);
    cost.held_numbers += count * m * m;
    cost.gram_flops += count * rows * m * (m + 1);
    cost.root_flops += m == 1 ? count : count * 12 * m * m * m;
    double work = (double)symo_gram_work(plan, l, true) + (3 + count) * m * m * item +
                  (double)symo_eigh_work(plan->dtype, l->m) + m * 8;
    if (work > cost.workspace_bytes) cost.workspace_bytes = work;
    if (l->scaled) scaled += count * m * m * item;
  }
  cost.workspace_bytes += scaled; /* C_t of all labels at once: moments mix them */
  return cost;
}

/* "12.3 M" and the like, always 7 characters. */
static const char *human(double x, char out[16]) {
  static const char units[] = {' ', 'k', 'M', 'G', 'T', 'P', 'E'};
  size_t u = 0;
  while (x >= 999.5 && u + 1 < sizeof units) {
    x /= 1000;
    u++;
  }
  snprintf(out, 16, u == 0 ? "%5.0f %c" : x < 99.95 ? "%5.1f %c" : "%5.0f %c", x, units[u]);
  return out;
}

/* The algebra of a label: "real", "complex", "quaternionic", or for several spaces a product like
 * "C x H". */
static void describe_type(const symo_plan *plan, const plan_label *l,
                          char out[4 * SYMO_MAX_ORDER]) {
  size_t used = 0, skew = 0;
  for (int i = 0; i < l->num_keys; i++)
    skew += plan->spaces[l->key_space[i]].irreps[l->key_irrep[i]].type > 1;
  if (skew <= 1) {
    strcpy(out, l->type == 1 ? "real" : l->type == 2 ? "complex" : "quaternionic");
    return;
  }
  for (int i = 0; i < l->num_keys; i++) {
    size_t type = plan->spaces[l->key_space[i]].irreps[l->key_irrep[i]].type;
    if (type == 1) continue;
    used += (size_t)snprintf(out + used, 4 * SYMO_MAX_ORDER - used, "%s%c", used > 0 ? " x " : "",
                             type == 2 ? 'C' : 'H');
  }
}

static void describe_label(const symo_plan *plan, const plan_label *l, symo_text *out) {
  char stored[16], type[4 * SYMO_MAX_ORDER];
  human(stored_numbers(l), stored);
  describe_type(plan, l, type);
  symo_text_add(out, "%-28s %8zu %-12s %8zu %8zu  %s  %-7s", l->name, l->dim, type, l->count, l->m,
                stored,
                l->dropped ? "dropped"
                : l->views ? "views"
                           : "panels");
  size_t shown = 0;
  for (size_t p = 0; p < l->num_pieces && shown < 6; p++, shown++)
    symo_text_add(out, " %s:%zu", plan->layout->tensors[l->pieces[p].tensor].name,
                  l->pieces[p].width);
  if (l->num_pieces > shown) symo_text_add(out, " and %zu more", l->num_pieces - shown);
  symo_text_add(out, "\n");
}

static void describe_found(const symo_plan *plan, symo_text *out) {
  for (size_t i = 0; i < plan->layout->num_spaces; i++) {
    const layout_space *s = &plan->layout->spaces[i];
    symo_space_info info = symo_plan_space(plan, i);
    if (info.recognised != NULL)
      symo_text_add(
          out,
          "space %s: %s recognised as %s: its generators have the same commutant on these "
          "axes\n",
          s->name, s->group->name, info.recognised);
    if (!info.numeric) continue;
    symo_text_add(out, "space %s: irreps of %s", s->name, s->group->name);
    if (info.commutant == 0)
      symo_text_add(out, " given by its code");
    else
      symo_text_add(out, " found numerically: commutant of dimension %zu, gap %.1e, defect %.1e",
                    info.commutant, info.gap, info.defect);
    if (info.elements > 0)
      symo_text_add(out, ", as its %zu %s say", info.elements,
                    symo_plural(info.elements, "element", "elements"));
    symo_text_add(out, "\n");
  }
}

symo_status symo_plan_describe(const symo_plan *plan, char **out) {
  if (plan == NULL) return SYMO_E_ARGUMENT;
  if (out == NULL) return symo_fail_null(plan->context, "plan_describe", "out");
  symo_text text = {0};
  char a[16], b[16], c[16], d[16];
  symo_plan_cost cost = symo_plan_cost_of(plan);
  symo_text_add(&text, "%zu %s, %zu %s, %s, %s%s\n", plan->layout->num_spaces,
                symo_plural(plan->layout->num_spaces, "space", "spaces"), plan->layout->num_tensors,
                symo_plural(plan->layout->num_tensors, "tensor", "tensors"),
                symo_dtype_name(plan->dtype),
                plan->coupling == SYMO_COUPLED ? "coupled across tensors" : "blocked by tensor",
                plan->centered ? ", centred" : "");
  symo_text_add(&text, "%-28s %8s %-12s %8s %8s  %7s  %-7s %s\n", "label", "dim", "type", "count",
                "mult.", "stored", "Gram", "tensors:columns");
  for (size_t i = 0; i < plan->num_labels; i++) describe_label(plan, &plan->labels[i], &text);
  describe_found(plan, &text);
  symo_text_add(&text, "parameters %s, dense symmetric matrix %s numbers, stored %s (1/%.4g)\n",
                human(cost.parameters, a), human(cost.dense_numbers, b),
                human(cost.stored_numbers, c),
                cost.stored_numbers > 0 ? cost.dense_numbers / cost.stored_numbers : 0);
  symo_text_add(&text, "per gradient: Gram %sflop, roots %sflop; held %sB, work space up to %sB\n",
                human(cost.gram_flops, a), human(cost.root_flops, b),
                human(cost.held_numbers * (double)symo_dtype_size(plan->dtype), c),
                human(cost.workspace_bytes, d));
  return symo_text_finish(&text, plan->context, out);
}

/* The trivial labels are analysed and put back; they have one row, so this costs a pass over x. */
symo_status symo_plan_mean(const symo_plan *plan, symo_const_vector x, symo_vector y) {
  if (plan == NULL) return SYMO_E_ARGUMENT;
  symo_const_vector target = symo_vector_const(y);
  symo_status status = symo_layout_check_vector(plan->layout, plan->dtype, x, "mean: x");
  if (status == SYMO_OK)
    status = symo_layout_check_arrays(plan->layout, plan->dtype, target, "mean: y");
  if (status == SYMO_OK)
    status = symo_layout_check_apart(plan->layout, "mean", x, "x", y, "y", NULL);
  if (status != SYMO_OK) return status;
  size_t coordinates = 0, most = 0, item = symo_dtype_size(plan->dtype);
  for (size_t i = 0; i < plan->num_labels; i++) {
    const plan_label *l = &plan->labels[i];
    if (l->num_keys > 0) continue;
    size_t gather = symo_gather_scratch(plan, l, 1), scatter = symo_scatter_scratch(plan, l);
    coordinates = l->m > coordinates ? l->m : coordinates;
    most = gather > most ? gather : most;
    most = scatter > most ? scatter : most;
  }
  size_t bytes = symo_padded(coordinates * item);
  char *work = symo_malloc(bytes + most);
  if (work == NULL) return symo_fail_memory(plan->context, "mean");
  arena scratch = {.base = work + bytes};
  for (size_t i = 0; i < plan->layout->num_tensors; i++)
    symo_nd_fill(0, symo_layout_view(plan->layout, plan->dtype, target, i));
  for (size_t i = 0; i < plan->num_labels; i++) {
    if (plan->labels[i].num_keys > 0) continue;
    symo_label_gather(plan, &plan->labels[i], x, 0, 1, work, &scratch);
    symo_moments_mean(plan, &plan->labels[i], plan->dtype, work, 1);
    symo_label_scatter(plan, &plan->labels[i], work, y, &scratch);
  }
  symo_free(work);
  return SYMO_OK;
}
