/* What curves are called.  A setting that all runs share says nothing in a legend: it stands once,
 * in the caption.  What tells groups of one optimizer apart comes first, then what it has beyond the
 * others, so that a title that is cut loses the least. */
#include <stdio.h>
#include <string.h>

#include "experiments/train/option.h"
#include "experiments/train/plot.h"

/* A text that is cut where it ends. */
typedef struct line {
  char *text;
  size_t used, room;
} line;

static void add(line *l, const char *before, const char *text, size_t length) {
  if (l->used + 1 >= l->room) return;
  const int n = snprintf(l->text + l->used, l->room - l->used, "%s%.*s", l->used > 0 ? " " : "",
                         (int)strlen(before), before);
  l->used = l->used + (size_t)n < l->room ? l->used + (size_t)n : l->room - 1;
  const int m = snprintf(l->text + l->used, l->room - l->used, "%.*s", (int)length, text);
  l->used = l->used + (size_t)m < l->room ? l->used + (size_t)m : l->room - 1;
}

static bool has(const train_spec *spec, const char *item, size_t length) {
  for (const char *s = spec->settings; *s != '\0';) {
    const size_t n = strcspn(s, ";");
    if (n == length && memcmp(s, item, n) == 0) return true;
    s += n + (s[n] == ';');
  }
  return false;
}

/* Whether all groups have the setting, or all those of this optimizer; those that are not drawn,
 * because others are better, count too: what was chosen is worth saying. */
static bool shared(const plot_runs *runs, const char *item, size_t length, const char *optimizer) {
  for (size_t g = 0; g < runs->num_groups; g++) {
    const plot_group *group = &runs->groups[g];
    if (optimizer != NULL && strcmp(optimizer, group->spec.optimizer) != 0) continue;
    if (!has(&group->spec, item, length)) return false;
  }
  return true;
}

/* Settings of the group that all share, that its optimizer's share, and those of its own. */
typedef enum owned_by { BY_ALL, BY_OPTIMIZER, BY_GROUP } owned_by;

static void add_settings(const plot_runs *runs, const plot_group *group, owned_by whose, line *l) {
  for (const char *s = group->spec.settings; *s != '\0';) {
    const size_t n = strcspn(s, ";");
    const owned_by owner = shared(runs, s, n, NULL)                    ? BY_ALL
                           : shared(runs, s, n, group->spec.optimizer) ? BY_OPTIMIZER
                                                                       : BY_GROUP;
    if (n > 0 && owner == whose) add(l, "", s, n);
    s += n + (s[n] == ';');
  }
}

static bool tells(const plot_runs *runs, const plot_group *group, const train_option *o) {
  for (size_t g = 0; g < runs->num_groups; g++)
    if (train_option_differs(o, &runs->groups[g].spec, &group->spec)) return true;
  return false;
}

void plot_title(const plot_runs *runs, const plot_group *group, char title[PLOT_TITLE]) {
  char text[TRAIN_SETTINGS], before[64];
  const train_option *o;
  const char *slash = strrchr(group->spec.optimizer, '/');
  const char *name = slash != NULL ? slash + 1 : group->spec.optimizer;
  line l = {title, 0, PLOT_TITLE};
  title[0] = '\0';
  add(&l, "", name, strlen(name));
  for (size_t i = 0; (o = train_option_at(i)) != NULL; i++) {
    if ((o->properties & TRAIN_SAME_CURVE) || o->group == TRAIN_GROUP_OPTIMIZER ||
        !tells(runs, group, o))
      continue;
    train_option_text(o, &group->spec, text);
    if (text[0] == '\0') continue;
    if (strcmp(o->key, "lr") == 0) (void)snprintf(text, sizeof text, "%.6g", group->spec.lr);
    (void)snprintf(before, sizeof before, "%s=", o->key);
    add(&l, before, text, strlen(text));
  }
  add_settings(runs, group, BY_GROUP, &l);
  add_settings(runs, group, BY_OPTIMIZER, &l);
}

void plot_common(const plot_runs *runs, char text[PLOT_TITLE]) {
  line l = {text, 0, PLOT_TITLE};
  text[0] = '\0';
  if (runs->num_groups > 0) add_settings(runs, &runs->groups[0], BY_ALL, &l);
}

/* The length of whole characters within the first n bytes. */
static size_t whole(const char *text, size_t n) {
  while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80) n--;
  return n;
}

void plot_cut(char *text, size_t most) {
  static const char dots[] = "\xe2\x80\xa6"; /* U+2026 */
  if (strlen(text) <= most || most < 4) return;
  memcpy(text + whole(text, most - 3), dots, sizeof dots);
}
