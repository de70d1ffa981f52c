/* symo sweep: many runs of one task. */
#include "experiments/train/sweep.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/folder.h"
#include "core/alloc.h"
#include "core/error.h"
#include "experiments/train/option.h"
#include "experiments/train/options.h"
#include "experiments/train/record.h"

static const cli_option before[] = {
    {.name = "grid",
     .arg = "KEY=V,V,..",
     .kind = CLI_LIST,
     .help =
         "Values of an option: optimizer, an option of symo train, or one of the optimizer. "
         "OPTIMIZER:KEY=.. is for that optimizer only, PATTERN:KEY=.. (with a * or ?) for tensors "
         "of such names. With --random, LOW:HIGH is a range, "
         "evenly in its logarithm"},
    {.name = "random",
     .arg = "N",
     .kind = CLI_INT,
     .min = 1,
     .max = 1e6,
     .help = "N random points for each optimizer instead of the whole grid"},
    {.name = "seeds",
     .arg = "N",
     .kind = CLI_INT,
     .min = 1,
     .max = 1e4,
     .fallback = "1",
     .help = "Seeds of each point: --seed and those that follow"},
    {.name = "by",
     .arg = "FIGURE",
     .kind = CLI_CHOICE,
     .choices = "val_loss|best_val_loss|loss|smooth_loss",
     .fallback = "val_loss",
     .help = "The figure by which points are compared, smaller being better; smooth_loss: the mean "
             "loss over the last tenth of the run"},
    {.name = "optimizer",
     .arg = "NAME|FILE",
     .kind = CLI_STRING,
     .help = "The optimizer, if --grid optimizer=.. is not given; default: symo"},
    {.name = NULL}};

static const cli_option after[] = {
    {.name = "out",
     .arg = "DIR",
     .kind = CLI_STRING,
     .help = "Folder for sweep.json and the runs, OPTIMIZER/POINT/sSEED; finished runs in it are "
             "kept; default: symo-runs/sweep-TASK"},
    {.name = NULL}};

static const cli_option *option_at(size_t index) {
  static train_flags flags;
  if (flags.count == 0) train_flags_fill(&flags, before, after);
  return index < flags.count ? &flags.flags[index] : NULL;
}

typedef struct sweep {
  cli *c;
  train_spec base;
  sweep_grid grid;
  const char *directory, *by;
  size_t seeds, count, done, total; /* rows; runs */
  sweep_row *rows;
  train_cache cache;
} sweep;

/* ---- one run ---- */

static char *run_directory(const char *out, const sweep_row *row, uint64_t seed) {
  char name[2 * TRAIN_TEXT + 64];
  const char *slash = strrchr(row->optimizer, '/');
  (void)snprintf(name, sizeof name, "%s", slash != NULL ? slash + 1 : row->optimizer);
  char *dot = strstr(name, ".json");
  if (dot != NULL) *dot = '\0';
  const size_t used = strlen(name);
  (void)snprintf(name + used, sizeof name - used, "/%s", row->name);
  for (char *p = name + used + 1; *p != '\0'; p++)
    if (*p == '/' || *p == ' ' || *p == '(' || *p == ')') *p = '_';
  const size_t length = strlen(name);
  (void)snprintf(name + length, sizeof name - length, "/s%llu", (unsigned long long)seed);
  return cli_join(out, name);
}

/* Whether the folder holds this run; an error if it holds another one. */
static int find_run(cli *c, const char *directory, const train_spec *spec, bool *there) {
  char ours[TRAIN_SETTINGS], theirs[TRAIN_SETTINGS], *path = cli_join(directory, "run.json");
  train_spec old;
  const train_option *o;
  *there = path != NULL && access(path, F_OK) == 0;
  symo_free(path);
  if (!*there) return CLI_DONE;
  int code = train_read_run(c, directory, &old, NULL);
  for (size_t i = 0; code == CLI_DONE && (o = train_option_at(i)) != NULL; i++) {
    if ((o->properties & TRAIN_SAME_RUN) || !train_option_differs(o, spec, &old)) continue;
    train_option_text(o, spec, ours);
    train_option_text(o, &old, theirs);
    code = cli_fail(c, CLI_USAGE,
                    "--out: %s holds a run with %s \"%s\", not \"%s\" (choose another folder)",
                    directory, o->key, theirs, ours);
  }
  return code;
}

/* Which of several processes makes the run at hand. */
static bool is_ours(const sweep *s) {
  const symo_comm *comm = cli_ranks(s->c);
  return (int)(s->done % (size_t)symo_comm_size(comm)) == symo_comm_rank(comm);
}

static int run_one(sweep *s, const train_spec *spec, sweep_row *row, size_t seed) {
  cli *c = s->c;
  bool there = false, ended = false;
  char label[160];
  train_result *result = &row->results[seed];
  char *directory = run_directory(s->directory, row, spec->seed);
  if (directory == NULL) return cli_fail_status(c, symo_fail_memory(cli_context(c), "sweep"));
  int code = find_run(c, directory, spec, &there);
  if (code == CLI_DONE && there) code = train_read_summary(c, directory, &ended, result);
  if (code == CLI_DONE && !ended) {
    (void)snprintf(label, sizeof label, "%zu/%zu %.20s %.40s", s->done + 1, s->total,
                   row->optimizer, row->name);
    code =
        train_run(c, spec, directory, there ? TRAIN_RESUME : TRAIN_NEW, label, &s->cache, result);
    if (code == CLI_NUMERIC && result->diverged) code = CLI_DONE;
  }
  symo_free(directory);
  return code;
}

/* ---- all ---- */

/* Calls for every optimizer: those of the axis, else that of the base. */
static const char *optimizer_at(const sweep *s, size_t index) {
  for (size_t a = 0; a < s->grid.num_axes; a++)
    if (strcmp(s->grid.axes[a].key, "optimizer") == 0)
      return index < s->grid.axes[a].count ? s->grid.axes[a].values[index] : NULL;
  return index == 0 ? s->base.optimizer : NULL;
}

static symo_status take(sweep *s) {
  size_t count = 0;
  const char *optimizer;
  for (size_t o = 0; (optimizer = optimizer_at(s, o)) != NULL; o++, s->count += count) {
    symo_status status = sweep_grid_count(cli_context(s->c), &s->grid, optimizer, &count);
    if (status != SYMO_OK) return status;
  }
  if (s->count == 0)
    return symo_fail(cli_context(s->c), SYMO_E_ARGUMENT, "optimizer: no names (list them)");
  s->total = s->count * s->seeds;
  s->rows = symo_calloc(s->count, sizeof *s->rows);
  train_result *results = symo_calloc(s->total, sizeof *results);
  if (s->rows == NULL || results == NULL) {
    symo_free(s->rows);
    symo_free(results);
    s->rows = NULL;
    return symo_fail_memory(cli_context(s->c), "sweep");
  }
  for (size_t i = 0; i < s->count; i++) {
    s->rows[i].seeds = s->seeds;
    s->rows[i].results = results + i * s->seeds;
  }
  return SYMO_OK;
}

/* Makes one run of a point or, with check_only, only reads its optimizer.  All points are
 * checked before the first run. */
static int do_point(sweep *s, const char *optimizer, size_t point, sweep_row *row, size_t seed,
                    bool check_only) {
  symo_context *context = cli_context(s->c);
  train_spec spec = s->base;
  symo_optim_spec *optim = NULL;
  symo_status status = sweep_grid_point(context, &s->grid, optimizer, point, &spec, row->name);
  (void)snprintf(row->optimizer, sizeof row->optimizer, "%s", optimizer);
  if (status == SYMO_OK && check_only) status = train_optimizer_spec(context, &spec, NULL, &optim);
  symo_optim_spec_destroy(optim);
  if (status != SYMO_OK) return cli_fail_flag(s->c, status, "grid");
  int code = check_only ? train_check_used(s->c, &spec) : CLI_DONE;
  if (code != CLI_DONE) return code;
  spec.seed = s->base.seed + seed;
  if (check_only) return CLI_DONE;
  code = is_ours(s) ? run_one(s, &spec, row, seed) : CLI_DONE;
  s->done++;
  return code;
}

static int do_points(sweep *s, size_t seed, bool check_only) {
  size_t at = 0, count = 0;
  const char *optimizer;
  for (size_t o = 0; (optimizer = optimizer_at(s, o)) != NULL; o++) {
    (void)sweep_grid_count(cli_context(s->c), &s->grid, optimizer, &count);
    for (size_t p = 0; p < count; p++, at++) {
      int code = do_point(s, optimizer, p, &s->rows[at], seed, check_only);
      if (code != CLI_DONE) return code;
    }
  }
  return CLI_DONE;
}

/* The results of all runs, each from the process that made it; in the order of the runs. */
static void share_results(const sweep *s) {
  const symo_comm *comm = cli_ranks(s->c);
  size_t run = 0;
  for (size_t seed = 0; seed < s->seeds; seed++)
    for (size_t i = 0; i < s->count; i++, run++)
      symo_comm_share(comm, (int)(run % (size_t)symo_comm_size(comm)),
                      sizeof s->rows[i].results[seed], &s->rows[i].results[seed]);
}

/* The loop over seeds is the outer one, because all points of a seed share a model. */
static int run_all(sweep *s) {
  int code = CLI_DONE;
  for (size_t seed = 0; seed < s->seeds && code == CLI_DONE; seed++)
    code = do_points(s, seed, false);
  train_cache_drop(&s->cache);
  code = symo_comm_agree(cli_ranks(s->c), code);
  if (code == CLI_DONE) share_results(s);
  for (size_t i = 0; i < s->count; i++) sweep_row_judge(&s->rows[i], s->by);
  return code;
}

static int finish(sweep *s) {
  if (symo_comm_rank(cli_ranks(s->c)) > 0) return CLI_DONE;
  char *path = cli_join(s->directory, "sweep.json");
  if (path == NULL) return cli_fail_status(s->c, symo_fail_memory(cli_context(s->c), "sweep"));
  int code = cli_write_json(s->c, path, sweep_json(s->c, &s->base, s->rows, s->count, s->by));
  symo_free(path);
  if (code != CLI_DONE) return code;
  if (cli_json(s->c))
    return cli_print_json(s->c, sweep_json(s->c, &s->base, s->rows, s->count, s->by));
  sweep_print(s->rows, s->count, s->by);
  return CLI_DONE;
}

static int run(cli *c) {
  sweep s = {.c = c, .base = train_spec_default(train_task_find(cli_str(c, "task")))};
  char out[256];
  size_t count;
  cli_folder lock = {.path = NULL};
  const char *const *axes = cli_list(c, "grid", &count);
  int code = train_read_options(c, &s.base);
  if (code != CLI_DONE) return code;
  s.by = cli_str(c, "by"), s.seeds = (size_t)cli_int(c, "seeds");
  s.grid.random = (size_t)cli_int(c, "random"), s.grid.seed = s.base.seed;
  for (size_t i = 0; i < count; i++) {
    symo_status status = sweep_grid_add(cli_context(c), &s.grid, axes[i]);
    if (status != SYMO_OK) return cli_fail_flag(c, status, "grid");
  }
  if (s.grid.random > 0 && !sweep_grid_draws(&s.grid))
    return cli_fail(c, CLI_USAGE,
                    "--random: there is nothing to draw (give --grid KEY=LOW:HIGH or values)");
  (void)snprintf(out, sizeof out, "symo-runs/sweep-%s", s.base.task->name);
  s.directory = cli_given(c, "out") ? cli_str(c, "out") : out;
  symo_status status = take(&s);
  code = status == SYMO_OK ? do_points(&s, 0, true) : cli_fail_flag(c, status, "grid");
  if (symo_comm_rank(cli_ranks(c)) == 0) {
    if (code == CLI_DONE) code = cli_make_directory(c, s.directory);
    if (code == CLI_DONE) code = cli_folder_lock(c, s.directory, &lock);
    if (code == CLI_DONE) code = cli_record(c, s.directory, false, symo_get_threads());
  }
  code = symo_comm_agree(cli_ranks(s.c), code);
  if (code == CLI_DONE) code = run_all(&s);
  if (code == CLI_DONE) code = finish(&s);
  cli_folder_unlock(&lock);
  if (s.rows != NULL && s.count > 0) symo_free(s.rows[0].results);
  symo_free(s.rows);
  return code;
}

const cli_command cli_command_sweep = {
    .name = "sweep",
    .summary = "many runs of a task over optimizers and their options",
    .description =
        "Runs a task of symo train for every point of a grid, or for random points, each\n"
        "with several seeds, and lists the best point of each optimizer with mean and\n"
        "standard deviation over the seeds.  To continue an interrupted sweep, give the\n"
        "same command again: finished runs are kept, and a run that was interrupted\n"
        "continues where it stopped.  A run whose loss becomes infinite or NaN counts as\n"
        "infinitely bad.\n"
        "\n"
        "Built with make MPI=1, mpirun -n N symo sweep .. makes N runs at the same time.",
    .example = "symo sweep autoencoder --grid optimizer=adamw,muon,symo --grid lr=1e-4:1 \\\n"
               "  --random 20 --seeds 3 --steps 500 --by smooth_loss --out sweeps/ae\n"
               "symo sweep teacher-student --grid optimizer=sgd,symo --grid sgd:lr=0.4,0.8 \\\n"
               "  --grid symo:lr=0.05,0.09\n"
               "symo plot sweeps/ae --best",
    .option_at = option_at,
    .json = true,
    .ranks = true,
    .run = run};
