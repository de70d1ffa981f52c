/* Points of sweeps, and what comes out of them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/train/sweep.h"
#include "tests/support/testing.h"

Test(train, grids) {
  symo_context *context = symo_test_context();
  sweep_grid *grid = symo_calloc(1, sizeof *grid);
  train_spec spec = train_spec_default(train_task_find("classifier"));
  char name[TRAIN_TEXT];
  size_t count;
  cr_ok(context, sweep_grid_add(context, grid, "optimizer=adam,muon"));
  cr_ok(context, sweep_grid_add(context, grid, "lr=0.1,0.2,0.3"));
  cr_ok(context, sweep_grid_add(context, grid, "muon:lr=0.5"));
  cr_ok(context, sweep_grid_add(context, grid, "momentum=0.8,0.9"));
  cr_ok(context, sweep_grid_count(context, grid, "adam", &count));
  cr_assert(count == 6);
  cr_ok(context, sweep_grid_count(context, grid, "muon", &count));
  cr_assert(count == 2);
  cr_ok(context, sweep_grid_point(context, grid, "adam", 4, &spec, name));
  cr_assert(strcmp(name, "lr=0.2,momentum=0.9") == 0 && spec.lr == 0.2);
  cr_assert(strcmp(spec.settings, "momentum=0.9;") == 0 && strcmp(spec.optimizer, "adam") == 0);
  cr_ok(context, sweep_grid_point(context, grid, "muon", 0, &spec, name));
  cr_assert(spec.lr == 0.5);
  /* A colon behind a pattern belongs to the option, behind a name it is of that optimizer. */
  cr_ok(context, sweep_grid_add(context, grid, "w*:eps=1e-3,1e-4"));
  cr_ok(context, sweep_grid_add(context, grid, "muon:b?:weight_decay=0.1"));
  cr_ok(context, sweep_grid_count(context, grid, "adam", &count));
  cr_assert(count == 12);
  spec.settings[0] = 0;
  cr_ok(context, sweep_grid_point(context, grid, "muon", 3, &spec, name));
  cr_assert(strcmp(spec.settings, "momentum=0.9;w*:eps=1e-4;b?:weight_decay=0.1;") == 0, "%s",
            spec.settings);
  const char *const bad[] = {"lr", "=1", "lr=", "lr=1,,2", "a=0:1", "a=2:1", "momentum=1"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    cr_assert(sweep_grid_add(context, grid, bad[i]) == SYMO_E_ARGUMENT, "%s", bad[i]);
  symo_free(grid);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* In the range, spread over it, the same for the same seed, and a longer sweep begins alike. */
Test(train, random_points) {
  enum { POINTS = 200 };
  symo_context *context = symo_test_context();
  sweep_grid *grid = symo_calloc(1, sizeof *grid);
  char name[TRAIN_TEXT];
  size_t low = 0, count;
  double first = 0;
  cr_ok(context, sweep_grid_add(context, grid, "lr=1e-4:1"));
  cr_fails(context, SYMO_E_ARGUMENT, "--random", sweep_grid_count(context, grid, "adam", &count));
  for (grid->random = POINTS; grid->random <= 2 * POINTS; grid->random += POINTS)
    for (size_t p = 0; p < POINTS; p++) {
      train_spec spec = train_spec_default(train_task_find("classifier"));
      cr_ok(context, sweep_grid_point(context, grid, "adam", p, &spec, name));
      cr_assert(spec.lr >= 0.99e-4 && spec.lr <= 1.01);
      low += spec.lr < 1e-2;
      if (p == 7 && first == 0) first = spec.lr;
      if (p == 7) cr_assert(spec.lr == first);
    }
  cr_assert(low > 160 && low < 240, "%zu", low);
  symo_free(grid);
  symo_context_destroy(context);
}

/* An optimizer without an axis has one point, not N of the same. */
Test(train, random_points_without_an_axis) {
  symo_context *context = symo_test_context();
  sweep_grid *grid = symo_calloc(1, sizeof *grid);
  size_t count;
  grid->random = 5;
  cr_ok(context, sweep_grid_add(context, grid, "optimizer=adam,muon"));
  cr_assert(!sweep_grid_draws(grid));
  cr_ok(context, sweep_grid_add(context, grid, "muon:lr=0.1:1"));
  cr_assert(sweep_grid_draws(grid));
  cr_ok(context, sweep_grid_count(context, grid, "muon", &count));
  cr_assert(count == 5);
  cr_ok(context, sweep_grid_count(context, grid, "adam", &count));
  cr_assert(count == 1);
  symo_free(grid);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(train, rows_of_sweeps) {
  train_result results[] = {{.val_loss = 1}, {.val_loss = 3}, {.val_loss = 5}};
  sweep_row row = {.seeds = 3, .results = results};
  sweep_row_judge(&row, "val_loss");
  cr_assert(fabs(row.mean - 3) <= 1e-15 && fabs(row.sd - 2) <= 1e-15 && row.diverged == 0);
  results[1].diverged = true;
  sweep_row_judge(&row, "val_loss");
  cr_assert(isinf(row.mean) && row.diverged == 1);
}
