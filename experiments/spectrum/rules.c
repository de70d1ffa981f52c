/* An optimizer whose exponents are those measured: spectral-newton (docs/mathematics.md, section 8),
 * with a rule for each matrix.  The exponent is that of the Gauss-Newton products, which have no sign
 * to lose, within the range of the option; a matrix that has none keeps the preset's.  Embeddings, and
 * what is no matrix, go to adamw, as under every method for matrices. */
#include <math.h>
#include <string.h>

#include "experiments/spectrum/exponents.h"

static const double least = 0.1, most = 2, rate = 0.003;

/* adamw goes at the rate of the others, as beside a preset. */
static json_t *rule_json(cli *c, const char *match, int min_order, const char *preset) {
  json_t *o = json_object();
  cli_set(c, o, "match", json_string(match));
  if (min_order > 0) cli_set(c, o, "min_order", json_integer(min_order));
  cli_set(c, o, "preset", json_string(preset));
  cli_set(c, o, "lr", json_real(rate));
  return o;
}

double spectrum_rule_alpha(const spectrum_matrix *m) {
  const double alpha = m->alpha_ggn.value;
  return isnan(alpha) ? alpha : floor(100 * fmin(fmax(alpha, least), most) + 0.5) / 100;
}

json_t *spectrum_rules_json(cli *c, const spectrum_exponents *e) {
  json_t *answer = json_object(), *rules = json_array();
  for (size_t i = 0; i < e->count; i++) {
    const spectrum_matrix *m = &e->matrices[i];
    if (strcmp(m->place.kind, "embedding") == 0) continue;
    json_t *rule = rule_json(c, m->place.name, 2, "spectral-newton");
    if (!isnan(spectrum_rule_alpha(m)))
      cli_set(c, rule, "alpha", json_real(spectrum_rule_alpha(m)));
    cli_push(c, rules, rule);
  }
  cli_push(c, rules, rule_json(c, "*", 0, "adamw"));
  cli_set(c, answer, "rules", rules);
  return answer;
}
