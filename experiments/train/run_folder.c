/* The folder of a run: who writes there, and what. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/error.h"
#include "experiments/train/changes.h"
#include "experiments/train/runner.h"
#include "io/atomic.h"
#include "io/optim_state.h"
#include "optim/share.h"

#include <symo/io.h>

/* ---- the folder ---- */

static bool is_folder(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static int refuse_old(train_runner *r) {
  const char *what = NULL;
  if (cli_folder_has(r->directory, "summary.json"))
    what = "has ended";
  else if (cli_folder_has(r->directory, "checkpoint.safetensors") ||
           cli_folder_has(r->directory, "previous.safetensors"))
    what = "was interrupted";
  if (what == NULL) return CLI_DONE;
  return cli_fail(r->c, CLI_IO,
                  "%s: holds a run that %s (take it up with --resume %s, replace it with "
                  "--overwrite, or choose another --out)",
                  r->directory, what, r->directory);
}

int train_take_folder(train_runner *r, train_start how) {
  if (!train_is_first(r) || r->lock.path != NULL) return CLI_DONE;
  if (how != TRAIN_RESUME && !is_folder(r->directory)) return CLI_DONE;
  int code = cli_folder_lock(r->c, r->directory, &r->lock);
  if (code == CLI_DONE && how == TRAIN_NEW) code = refuse_old(r);
  return code;
}

static void remove_old(train_runner *r, const char *name) {
  char *path = cli_join(r->directory, name);
  if (path != NULL) (void)unlink(path);
  symo_free(path);
}

int train_write_files(train_runner *r, const symo_optim_spec *optim, bool resume) {
  char *text = NULL, *path = NULL;
  remove_old(r, "summary.json");
  if (!resume) {
    remove_old(r, "checkpoint.safetensors");
    remove_old(r, "previous.safetensors");
    remove_old(r, "best.safetensors");
  }
  symo_status status = symo_optim_spec_to_json(r->context, optim, &text);
  if (status != SYMO_OK) return cli_fail_status(r->c, status);
  path = cli_join(r->directory, "optimizer.json");
  int code = path != NULL ? cli_write_file(r->c, path, text, strlen(text))
                          : cli_fail_status(r->c, SYMO_E_MEMORY);
  symo_free(path);
  symo_free(text);
  if (code == CLI_DONE) code = train_write_run(r->c, r->directory, r->spec, &r->record);
  return code == CLI_DONE ? cli_record(r->c, r->directory, resume, r->threads) : code;
}

/* ---- the checkpoint to go on from ---- */

static bool is_there(const char *path) { return access(path, F_OK) == 0; }

static symo_status check_best(train_runner *r) {
  if (!is_there(r->best_path)) return SYMO_OK;
  symo_status status = symo_checkpoint_check(r->context, r->best_path);
  if (status == SYMO_OK || status == SYMO_E_MEMORY) return status;
  cli_note(r->c, "%s; the best parameters so far are lost, and others will take their place",
           symo_context_detail(r->context));
  (void)unlink(r->best_path);
  return SYMO_OK;
}

int train_choose_checkpoint(train_runner *r) {
  const bool there = is_there(r->checkpoint);
  char why[SYMO_MAX_DETAIL], *step = NULL;
  if (!there && !is_there(r->previous)) return CLI_DONE;
  symo_status status =
      there ? symo_checkpoint_check(r->context, r->checkpoint)
            : symo_fail(r->context, SYMO_E_IO, "%s: is not there any more", r->checkpoint);
  if (status != SYMO_OK && status != SYMO_E_MEMORY && is_there(r->previous)) {
    snprintf(why, sizeof why, "%s", symo_context_detail(r->context));
    status = symo_checkpoint_check(r->context, r->previous);
    if (status == SYMO_OK) status = train_checkpoint_text(r->context, r->previous, "step", &step);
    if (status == SYMO_OK)
      cli_note(r->c, "%s; the run goes on from %s, which is of step %s", why, r->previous,
               step != NULL ? step : "unknown");
    r->from = r->previous;
  } else {
    r->from = r->checkpoint;
  }
  symo_free(step);
  if (status == SYMO_OK) status = check_best(r);
  return status == SYMO_OK ? CLI_DONE : cli_fail_status(r->c, status);
}

/* ---- what was there ---- */

/* Sums are added in another order; what only limits memory changes no number. */
static void add_threads(const train_runner *r, const train_spec *old, json_t *changes) {
  char before[16] = "", after[16];
  if (old->threads == r->record.threads) return;
  if (old->threads > 0) snprintf(before, sizeof before, "%d", old->threads);
  snprintf(after, sizeof after, "%d", r->record.threads);
  cli_set(r->c, changes, "threads", json_pack("[ss]", before, after));
}

int train_note_changes(train_runner *r, const train_spec *old, const symo_optim_spec *was,
                       const symo_optim_spec *now) {
  json_t *changes = json_object();
  symo_status status = SYMO_OK;
  train_changes_of_options(old, r->spec, changes);
  add_threads(r, old, changes);
  if (was != NULL) status = train_changes_of_optimizer(r->context, was, now, r->step, changes);
  train_changes_print(r->c, r->directory, r->step, changes);
  if (json_object_size(changes) > 0) {
    if (r->record.history == NULL) r->record.history = json_array();
    json_t *entry = json_object();
    cli_set(r->c, entry, "step", json_integer((json_int_t)r->step));
    cli_set(r->c, entry, "changes", json_incref(changes));
    cli_push(r->c, r->record.history, entry);
  }
  json_decref(changes);
  return status == SYMO_OK ? CLI_DONE : cli_fail_status(r->c, status);
}

/* ---- what is written on the way ---- */

symo_status train_save_best(train_runner *r) {
  if (!r->best_fresh) return SYMO_OK; /* nor in other processes than the first */
  symo_status status =
      train_best_write(r->context, r->spec, r->best_path, &r->best, &r->model, r->best_theta);
  if (status == SYMO_OK) r->best_fresh = false;
  return status;
}

/* The state of all tensors: that of the run, or, in the first of several processes, one made of all
 * shares. */
static symo_status whole_state(train_runner *r, symo_optim_state **made) {
  symo_status status = SYMO_OK;
  if (r->optim->share == NULL) return SYMO_OK;
  if (train_is_first(r)) status = symo_optim_state_create(r->optim->share->whole, made);
  return status == SYMO_OK ? symo_share_collect(r->state, *made) : status;
}

/* The checkpoint says what is best, so its file comes first.  What is found damaged never becomes
 * the previous one, which is all there is then. */
symo_status train_save(train_runner *r) {
  symo_atomic *kept = NULL;
  symo_optim_state *whole = NULL;
  symo_status status = whole_state(r, &whole);
  if (!train_is_first(r) || status != SYMO_OK) goto fail;
  SYMO_TRY(train_metrics_sync(&r->metrics));
  SYMO_TRY(train_save_best(r));
  if (r->from != r->previous && is_there(r->checkpoint))
    SYMO_TRY(symo_atomic_keep(r->context, r->checkpoint, r->previous, &kept));
  SYMO_TRY(train_checkpoint_write(r->spec, r->checkpoint, r->step, &r->best, &r->model,
                                  whole != NULL ? whole : r->state, r->theta));
  if (kept != NULL) SYMO_TRY(symo_atomic_commit(kept));
  r->from = r->checkpoint;
  r->result->checkpoint = r->step;
fail:
  symo_atomic_destroy(kept);
  symo_optim_state_destroy(whole);
  return status;
}
