/* Which known name was meant: the one with the least number of insertions, deletions and
 * replacements (Levenshtein's distance, by the usual table of which one row is kept). */
#include "optim/suggest.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST = 32 };

static size_t distance(const char *a, size_t na, const char *b, size_t nb) {
  size_t row[LONGEST + 1];
  for (size_t j = 0; j <= nb; j++) row[j] = j;
  for (size_t i = 1; i <= na; i++) {
    size_t corner = row[0];
    row[0] = i;
    for (size_t j = 1; j <= nb; j++) {
      size_t above = row[j], best = corner + (a[i - 1] != b[j - 1]);
      if (above + 1 < best) best = above + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      row[j] = best;
      corner = above;
    }
  }
  return row[nb];
}

suggestion symo_suggest_start(const char *name) { return (suggestion){name, NULL, SIZE_MAX}; }

void symo_suggest_known(suggestion *s, const char *known, size_t length) {
  size_t own = strlen(s->name);
  if (own == 0 || own > LONGEST || length == 0 || length > LONGEST) return;
  size_t d = distance(s->name, own, known, length);
  /* A third of the letters may differ; of a short name, one. */
  if (d >= s->least || d > 1 + own / 3 || d >= own) return;
  s->least = d;
  s->best = known;
}

suggestion_text symo_suggest(const suggestion *s) {
  suggestion_text out = {""};
  if (s->best != NULL)
    snprintf(out.text, sizeof out.text, "; did you mean %.*s?", (int)strcspn(s->best, " "),
             s->best);
  return out;
}
