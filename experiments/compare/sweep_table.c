/* Sweeps on the terminal. */
#include "experiments/compare/sweep.h"

#include <math.h>
#include <string.h>

enum { LONGEST = 18, WORDS = 8 };

bool compare_sweep_letters(const compare_sweep *sweep) {
  if (sweep->kind->numbers) return false;
  for (size_t i = 0; i < sweep->count; i++)
    if (strlen(sweep->value[i]) > LONGEST) return true;
  return sweep->count > WORDS;
}

bool compare_sweep_costs(const compare_sweep_kind *kind) {
  return strcmp(kind->name, "groups") == 0;
}

static int column_width(const compare_sweep *sweep, size_t i) {
  size_t width = compare_sweep_letters(sweep) ? 1 : strlen(sweep->value[i]);
  return width < 10 ? 10 : (int)width;
}

static void print_head(const compare_sweep *sweep, const char *meaning) {
  printf("\n%s, over the %s%s\n  %-15s", meaning, sweep->kind->label,
         sweep->seeds > 1 ? " (median over seeds)" : "", "");
  for (size_t i = 0; i < sweep->count; i++) {
    if (compare_sweep_letters(sweep))
      printf(" %10c", (char)('A' + (char)i));
    else
      printf(" %10s", sweep->value[i]);
  }
  printf("\n");
}

/* The statistics of a row at value i of the sweep. */
typedef compare_stat (*stat_at)(const compare_sweep *sweep, size_t i, const char *row,
                                const void *what);

static void print_rows(const compare_sweep *sweep, const char *format, stat_at stat,
                       const void *what) {
  for (size_t r = 0; r < sweep->runs->count; r++) {
    const char *name = sweep->runs->rows[r].name;
    printf("  %-15s", name);
    for (size_t i = 0; i < sweep->count; i++) {
      char text[40] = "-";
      compare_stat s = stat(sweep, i, name, what);
      if (isfinite(s.median)) (void)snprintf(text, sizeof text, format, s.median);
      printf(" %*s", column_width(sweep, i), text);
    }
    printf("\n");
  }
}

static compare_stat figure_at(const compare_sweep *sweep, size_t i, const char *row,
                              const void *what) {
  return compare_stat_of(sweep->runs + i * sweep->seeds, sweep->seeds, row, what);
}

static compare_stat stored_at(const compare_sweep *sweep, size_t i, const char *row,
                              const void *what) {
  return compare_stat_by(sweep->runs + i * sweep->seeds, sweep->seeds, row, compare_row_stored);
}

static compare_stat seconds_at(const compare_sweep *sweep, size_t i, const char *row,
                               const void *what) {
  return compare_stat_by(sweep->runs + i * sweep->seeds, sweep->seeds, row, compare_row_seconds);
}

/* Which letter is which, and whether it is a symmetry of the network. */
static void print_groups(const compare_sweep *sweep) {
  printf("\n%s\n", sweep->kind->label);
  for (size_t i = 0; i < sweep->count; i++) {
    const compare_run *run = &sweep->runs[i * sweep->seeds];
    printf("  %c  %-40s ", (char)('A' + (char)i), sweep->value[i]);
    compare_print_verdict(&run->setup);
    printf(", plan made in %.5f s\n", run->setup.plan_seconds);
  }
}

/* The median share of label 0, and for how many runs it was left out. */
static void print_centering(const compare_sweep *sweep) {
  print_head(sweep, "label 0 (what the group does not move): share of the gradient's square");
  printf("  %-15s", "share");
  for (size_t i = 0; i < sweep->count; i++) {
    double share = compare_median_share(sweep->runs + i * sweep->seeds, sweep->seeds);
    char text[40] = "-";
    if (isfinite(share)) (void)snprintf(text, sizeof text, "%.4f", share);
    printf(" %*s", column_width(sweep, i), text);
  }
  printf("\n  %-15s", "runs without it");
  for (size_t i = 0; i < sweep->count; i++) {
    size_t centered = 0;
    for (size_t k = 0; k < sweep->seeds; k++)
      centered += sweep->runs[i * sweep->seeds + k].centered;
    printf(" %*zu", column_width(sweep, i), centered);
  }
  printf("\n");
}

void compare_sweep_print(const compare_sweep *sweep) {
  if (compare_sweep_costs(sweep->kind)) {
    print_groups(sweep);
  } else if (compare_sweep_letters(sweep)) {
    printf("\n%s\n", sweep->kind->label);
    for (size_t i = 0; i < sweep->count; i++)
      printf("  %c  %s\n", (char)('A' + (char)i), sweep->value[i]);
  }
  print_centering(sweep);
  for (size_t f = 0; f < COMPARE_FIGURES; f++) {
    print_head(sweep, compare_figures[f].meaning);
    print_rows(sweep, "%.4f", figure_at, &compare_figures[f]);
  }
  if (!compare_sweep_costs(sweep->kind)) return;
  print_head(sweep, "numbers to keep");
  print_rows(sweep, "%.0f", stored_at, NULL);
  print_head(sweep, "seconds to form the estimate, its plan made before");
  print_rows(sweep, "%.6f", seconds_at, NULL);
}
