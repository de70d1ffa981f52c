/* symo plot: curves of runs. */
#include "experiments/train/plot.h"
#include "cli/folder.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "experiments/plot/plot.h"

enum { OPERANDS = 8 };

#define MORE(name_)                                                                                \
  { .name = name_, .kind = CLI_OPERAND, .help = "More folders" }

static const cli_option options[] = {
    {.name = "DIR",
     .kind = CLI_OPERAND,
     .required = true,
     .help = "A folder that symo train wrote, or one with such folders below it, as of symo sweep"},
    MORE("DIR2"),
    MORE("DIR3"),
    MORE("DIR4"),
    MORE("DIR5"),
    MORE("DIR6"),
    MORE("DIR7"),
    MORE("DIR8"),
    {.name = "metric",
     .arg = "NAME",
     .kind = CLI_CHOICE,
     .choices = "loss|val_loss",
     .help = "The loss to draw: in training (loss) or on the examples held back (val_loss); "
             "default: val_loss if every step has it, else loss"},
    {.name = "smooth",
     .arg = "N",
     .kind = CLI_INT,
     .min = 1,
     .max = 1e6,
     .help = "Draw the mean over N lines of metrics.jsonl; default: a hundredth of the steps for "
             "loss, else 1"},
    {.name = "best", .kind = CLI_FLAG, .help = "Show only the best settings of each optimizer"},
    {.name = "csv",
     .kind = CLI_FLAG,
     .help = "Write metrics.csv beside the metrics.jsonl of every run too, a column for each key"},
    {.name = "out",
     .arg = "FILE",
     .kind = CLI_STRING,
     .fallback = "curves",
     .help = "Path of the picture, without .png or .svg; script and data go to plots/ beside it"},
    {.name = NULL}};

/* ---- what is drawn ---- */

static bool every_step(const train_curve *curve) {
  size_t known = 0;
  for (size_t i = 0; i < curve->count; i++) known += isnan(curve->val_loss[i]) ? 0 : 1;
  return 2 * known >= curve->count;
}

static plot_view choose(cli *c, const plot_runs *runs) {
  plot_view view = {.metric = cli_str(c, "metric"), .smooth = (size_t)cli_int(c, "smooth")};
  bool all = true;
  size_t most = 0;
  for (size_t i = 0; i < runs->count; i++) {
    all = all && every_step(&runs->curves[i]);
    if (runs->curves[i].count > most) most = runs->curves[i].count;
  }
  if (view.metric == NULL) view.metric = all ? "val_loss" : "loss";
  if (view.smooth == 0) view.smooth = strcmp(view.metric, "loss") == 0 ? 1 + most / 100 : 1;
  return view;
}

/* ---- output ---- */

/* "a/b" to "a" and "b"; symo_free(*directory). */
static symo_status split_path(cli *c, const char *path, char **directory, char name[80]) {
  const char *slash = strrchr(path, '/'), *base = slash != NULL ? slash + 1 : path;
  const size_t length = strlen(base);
  size_t keep = length;
  if (length > 4 &&
      (strcmp(base + length - 4, ".png") == 0 || strcmp(base + length - 4, ".svg") == 0))
    keep -= 4;
  if (keep == 0 || keep >= 80)
    return symo_fail(cli_context(c), SYMO_E_ARGUMENT,
                     "\"%s\" is no file name (of 1 to 79 characters)", base);
  (void)snprintf(name, 80, "%.*s", (int)keep, base);
  *directory = symo_strdup(slash != NULL ? path : ".");
  if (*directory == NULL) return symo_fail_memory(cli_context(c), "plot");
  if (slash != NULL) (*directory)[slash == path ? 1 : slash - path] = '\0';
  return SYMO_OK;
}

static int draw(cli *c, const plot_runs *runs, const plot_view *view) {
  char name[80], *directory = NULL;
  cli_folder lock = {.path = NULL};
  symo_status status = split_path(c, cli_str(c, "out"), &directory, name);
  if (status != SYMO_OK) return cli_fail_flag(c, status, "out");
  char *plots = cli_join(directory, "plots");
  int code = plots != NULL ? cli_make_directory(c, plots) : cli_fail_memory(c);
  if (code == CLI_DONE) code = cli_folder_lock(c, plots, &lock);
  if (code == CLI_DONE) code = plot_write(c, runs, view, plots, name);
  const char *const names[] = {name, NULL};
  if (code == CLI_DONE) code = plot_draw(c, directory, plots, names);
  cli_folder_unlock(&lock);
  symo_free(plots);
  symo_free(directory);
  return code;
}

static void print_groups(const plot_runs *runs, const plot_view *view) {
  char title[PLOT_TITLE];
  for (size_t g = 0; g < runs->num_groups; g++) {
    const plot_group *group = &runs->groups[g];
    if (!group->shown) continue;
    plot_title(runs, group, title);
    printf("  %s %-12.6g %zu run%s  %s\n", view->metric, group->final, group->count,
           group->count == 1 ? " " : "s", title);
  }
}

static json_t *groups_json(cli *c, const plot_runs *runs, const plot_view *view) {
  char title[PLOT_TITLE];
  json_t *o = json_object(), *list = json_array();
  cli_set(c, o, "metric", json_string(view->metric));
  for (size_t g = 0; g < runs->num_groups; g++) {
    const plot_group *group = &runs->groups[g];
    if (!group->shown) continue;
    json_t *row = json_object();
    plot_title(runs, group, title);
    cli_set(c, row, "title", json_string(title));
    cli_set(c, row, "optimizer", json_string(group->spec.optimizer));
    cli_set(c, row, "runs", json_integer((json_int_t)group->count));
    cli_set(c, row, "final", cli_number(group->final));
    cli_push(c, list, row);
  }
  cli_set(c, o, "curves", list);
  return o;
}

static int run(cli *c) {
  plot_runs runs = {.csv = cli_flag(c, "csv")};
  int code = CLI_DONE;
  for (size_t i = 0; i < OPERANDS && code == CLI_DONE; i++)
    if (cli_str(c, options[i].name) != NULL) code = plot_add(c, &runs, cli_str(c, options[i].name));
  if (code == CLI_DONE && !plot_has_losses(&runs))
    code = cli_fail(c, CLI_DATA, "%s: no losses there (have the runs made a step?)",
                    cli_str(c, options[0].name));
  if (code == CLI_DONE) {
    const plot_view view = choose(c, &runs);
    symo_status status = plot_group_runs(cli_context(c), &runs, &view, cli_flag(c, "best"));
    code = status == SYMO_OK ? draw(c, &runs, &view) : cli_fail_status(c, status);
    if (code == CLI_DONE && cli_json(c))
      code = cli_print_json(c, groups_json(c, &runs, &view));
    else if (code == CLI_DONE)
      print_groups(&runs, &view);
  }
  plot_drop(&runs);
  return code;
}

const cli_command cli_command_plot = {
    .name = "plot",
    .summary = "curves of training runs in one picture",
    .description =
        "Draws the losses of runs of symo train by step and by second of training, on a\n"
        "logarithmic scale.  Runs that differ in their seeds only are one curve: the\n"
        "median, with a band from the smallest to the largest.",
    .example = "symo plot runs/symo runs/adam --out pictures/digits\n"
               "symo plot sweeps/ae --best --metric loss",
    .options = options,
    .json = true,
    .run = run};
