/* symo train. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "experiments/train/options.h"
#include "experiments/train/record.h"
#include "experiments/train/run.h"

static const cli_option own_options[] = {
    {.name = "out",
     .arg = "DIR",
     .kind = CLI_STRING,
     .help =
         "Where everything is written; default: symo-runs/ and the names of task and optimizer"},
    {.name = "resume",
     .arg = "DIR",
     .kind = CLI_STRING,
     .help = "Take up the run in DIR, with its options; those of the optimizer and the schedule, "
             "--steps, how often it is evaluated and saved, the place of --data, --threads and "
             "--memory "
             "may be others"},
    {.name = "overwrite",
     .kind = CLI_FLAG,
     .help = "Replace a run that is in the folder of --out; without, that is refused"},
    {.name = "plan",
     .kind = CLI_FLAG,
     .help = "Print what the optimizer would do, tensor by tensor, and stop"},
    {.name = "layout-out",
     .arg = "FILE",
     .kind = CLI_STRING,
     .help =
         "With --plan: write the layout of the network there, as symo layout --layout reads it"},
    {.name = NULL}};

static const cli_option *option_at(size_t index) {
  static const cli_option none[] = {{.name = NULL}};
  static train_flags flags;
  if (flags.count == 0) train_flags_fill(&flags, none, own_options);
  return index < flags.count ? &flags.flags[index] : NULL;
}

/* ---- answers ---- */

static int answer(cli *c, const train_spec *spec, const char *directory, const train_result *r) {
  if (cli_json(c)) {
    json_t *o = train_result_json(spec, r);
    cli_set(c, o, "directory", json_string(directory));
    return cli_print_json(c, o);
  }
  printf("%s  %s  %zu %s  %llu %s  %.3g s (optimizer %.3g s)\n", spec->task->name, spec->optimizer,
         r->parameters, symo_plural(r->parameters, "parameter", "parameters"),
         (unsigned long long)r->steps, symo_plural(r->steps, "step", "steps"), r->seconds,
         r->optimizer_seconds);
  printf("loss %.6g (last tenth %.6g)", r->loss, r->smooth_loss);
  if (!isnan(r->val_loss)) printf("  held back %.6g (best %.6g)", r->val_loss, r->best_val_loss);
  if (!isnan(r->val_accuracy)) printf("  accuracy %.2f %%", 100 * r->val_accuracy);
  if (!isnan(r->train_loss)) printf("  trained on %.6g", r->train_loss);
  if (r->speeds[0] > 0) {
    printf("\n%.0f %s/s  ms", r->speeds[0], symo_plural(r->speeds[0], "token", "tokens"));
    if (!isnan(r->speeds[1])) printf(" %.1f forward %.1f backward", r->speeds[1], r->speeds[2]);
    printf(" %.1f optimizer", r->speeds[3]);
  }
  printf("\n%s\n", directory);
  return CLI_DONE;
}

static char *default_directory(const train_spec *spec) {
  char name[TRAIN_TEXT + 64];
  const char *slash = strrchr(spec->optimizer, '/');
  snprintf(name, sizeof name, "%s-%s", spec->task->name,
           slash != NULL ? slash + 1 : spec->optimizer);
  char *dot = strstr(name, ".json");
  if (dot != NULL) *dot = '\0';
  return cli_join("symo-runs", name);
}

static int read_new(cli *c, train_spec *spec) {
  *spec = train_spec_default(train_task_find(cli_str(c, "task")));
  int code = train_read_options(c, spec);
  return code == CLI_DONE ? train_check_used(c, spec) : code;
}

/* Of the run in *directory, which becomes absolute where the working directory changes. */
static int read_old(cli *c, char **directory, train_spec *spec) {
  const char *resume = cli_str(c, "resume"), *task = cli_str(c, "task");
  char here[TRAIN_TEXT];
  train_record record = {.history = NULL};
  if (cli_given(c, "out") && strcmp(cli_str(c, "out"), resume) != 0)
    return cli_fail(c, CLI_USAGE, "--out: a run is resumed where it is (leave it out)");
  if (cli_flag(c, "overwrite"))
    return cli_fail(c, CLI_USAGE, "--overwrite: a run that goes on is not replaced (leave it out)");
  int code = train_read_run(c, resume, spec, &record);
  if (code == CLI_DONE && strcmp(task, spec->task->name) != 0)
    code = cli_fail(c, CLI_USAGE, "--resume: the run in %s is of %s, not %s (name that task)",
                    resume, spec->task->name, task);
  if (code == CLI_DONE) code = train_check_options(c, resume, spec);
  if (code == CLI_DONE) code = train_record_keep(c, resume, &record, spec);
  if (code == CLI_DONE) {
    train_here(here);
    if (cli_given(c, "data") && strcmp(here, record.folder) != 0) train_absolute(spec->data);
    train_go_home(spec, record.folder);
    if (resume[0] != '/' && here[0] != '\0' && strcmp(here, record.folder) != 0) {
      symo_free(*directory);
      *directory = cli_join(here, resume);
    }
  }
  train_record_drop(&record);
  return code;
}

static int run(cli *c) {
  train_spec spec = train_spec_default(train_task_at(0));
  train_result result = {.diverged = false};
  const char *resume = cli_str(c, "resume"), *out = resume != NULL ? resume : cli_str(c, "out");
  const train_start how = resume != NULL             ? TRAIN_RESUME
                          : cli_flag(c, "overwrite") ? TRAIN_OVERWRITE
                                                     : TRAIN_NEW;
  if (cli_given(c, "layout-out") && !cli_flag(c, "plan"))
    return cli_fail(c, CLI_USAGE, "--layout-out: is written with --plan (give it too)");
  char *directory = out != NULL ? symo_strdup(out) : NULL;
  int code = resume != NULL ? read_old(c, &directory, &spec) : read_new(c, &spec);
  if (code == CLI_DONE && cli_flag(c, "plan")) {
    symo_free(directory);
    return train_print_plan(c, &spec, cli_str(c, "layout-out"));
  }
  if (directory == NULL && code == CLI_DONE) directory = default_directory(&spec);
  if (directory == NULL && code == CLI_DONE)
    code = cli_fail_status(c, symo_fail_memory(cli_context(c), "train"));
  if (code == CLI_DONE) code = train_run(c, &spec, directory, how, NULL, NULL, &result);
  if (code == CLI_DONE) code = answer(c, &spec, out != NULL ? out : directory, &result);
  if (code == CLI_NUMERIC && result.diverged) code = train_fail_diverged(c, directory, &result);
  symo_free(directory);
  return code;
}

/* "{tasks}": name and description of each, in two columns. */
static void list_tasks(const char *what, char *out, size_t size) {
  size_t used = 0;
  const train_task *task;
  if (strcmp(what, "tasks") != 0) return;
  for (size_t i = 0; (task = train_task_at(i)) != NULL; i++) {
    const char *name = task->name;
    for (const char *line = task->description; *line != '\0' && used < size; name = "") {
      const size_t length = strcspn(line, "\n");
      used += (size_t)snprintf(out + used, size - used, "  %-15s  %.*s\n", name, (int)length, line);
      line += length + (line[length] == '\n');
    }
  }
}

const cli_command cli_command_train = {
    .name = "train",
    .summary = "train a network, with metrics, checkpoints and resumption",
    .description =
        "Trains a network with any of the optimizers.\n"
        "\n"
        "{tasks}\n"
        "gpt: methods that adapt by matrices (symo, muon, shampoo, soap) take\n"
        "the hidden ones, h.*.weight; the rest is adamw's.  --lr, --min-lr and --set are\n"
        "of the method; warm-up, cosine, --weight-decay and --grad-clip of all rules.\n"
        "--plan and run.json say what that changes in a preset.\n"
        "\n"
        "A file {\"preset\": NAME, ..} means what NAME does, with what it says set over it;\n"
        "a file with \"rules\" is taken as it stands.\n"
        "\n"
        "DIR gets metrics.jsonl (a line for the parameters before every step, and for\n"
        "the last), checkpoint.safetensors (parameters, state of the optimizer, place in\n"
        "the data), previous.safetensors (the checkpoint before, of which a run goes on\n"
        "where the last one is damaged), best.safetensors (parameters at the lowest loss\n"
        "on what is held back), run.json, optimizer.json and, at the end, summary.json.\n"
        "A run that was stopped, or killed, ends after --resume DIR with the same numbers\n"
        "as if it had not been; what is changed there is said, and kept in run.json.  One\n"
        "process at a time has DIR, and a run that is there is replaced by --overwrite\n"
        "only.\n"
        "\n"
        "SIGINT, SIGTERM and SIGHUP end a run with a checkpoint after the step at hand,\n"
        "and exit status 130, 143 and 129; a second signal ends it at once.\n"
        "\n"
        "Built with make MPI=1, mpirun -n N symo train .. works in N processes, each on\n"
        "its part of every batch; the first one has DIR.",
    .example = "symo train teacher-student --optimizer symo-published --out runs/symo\n"
               "symo train autoencoder --optimizer muon --lr 0.02 --steps 1000 --out runs/muon\n"
               "symo train autoencoder --resume runs/muon --steps 2000\n"
               "symo train gpt --optimizer adamw --data input.txt --out runs/gpt\n"
               "symo train gpt --preset shakespeare-char --max-iters 200 --dropout 0\n"
               "symo plot runs/symo runs/muon",
    .list = list_tasks,
    .option_at = option_at,
    .json = true,
    .ranks = true,
    .run = run};
