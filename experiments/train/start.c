/* A run before its first step. */
#include "experiments/train/runner.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/text.h"
#include "experiments/inputs/tensors.h"
#include "experiments/train/option.h"
#include "optim/share.h"

#include <symo/io.h>

/* The network's chunks and the optimizer's blocks are what runs side by side; BLAS keeps to one
 * thread, since two for every small product are slower than one, and far slower on a machine that
 * others use too. */
static symo_status take_threads(train_runner *r) {
  r->threads = r->own.threads > 0 ? r->own.threads : r->blas_threads;
  symo_status status = symo_set_threads(1);
  if (r->comm != NULL) r->model.set_comm(r->model.self, r->comm);
  if (status != SYMO_OK || r->model.set_pool == NULL) return status;
  status = symo_pool_create(r->context, r->threads, &r->pool);
  if (status == SYMO_OK) r->model.set_pool(r->model.self, r->pool);
  return status;
}

void train_runner_drop(train_runner *r) {
  if (r->pool != NULL && r->model.set_pool != NULL) r->model.set_pool(r->model.self, NULL);
  if (r->comm != NULL && r->model.self != NULL) r->model.set_comm(r->model.self, NULL);
  symo_pool_destroy(r->pool);
  (void)symo_set_threads(r->blas_threads);
  train_metrics_close(&r->metrics);
  symo_optim_state_destroy(r->state);
  symo_optim_destroy(r->optim);
  if (r->cache == NULL) train_model_destroy(&r->model);
  symo_free(r->checkpoint);
  symo_free(r->previous);
  symo_free(r->best_path);
  symo_free(r->best_theta);
  train_record_drop(&r->record);
  cli_folder_unlock(&r->lock);
  symo_free(r->theta);
  symo_free(r->grad);
  symo_free(r->params);
  symo_free((void *)(uintptr_t)r->grads);
}

static bool fits(const train_cache *cache, const train_spec *spec) {
  const train_option *o;
  if (!cache->full || cache->spec.task != spec->task) return false;
  for (size_t i = 0; (o = train_option_at(i)) != NULL; i++)
    if (!(o->properties & TRAIN_SAME_MODEL) && train_option_differs(o, &cache->spec, spec))
      return false;
  return true;
}

void train_cache_drop(train_cache *cache) {
  if (cache->full) train_model_destroy(&cache->model);
  cache->full = false;
}

static symo_status make_model(train_runner *r) {
  train_cache *cache = r->cache;
  if (cache == NULL) return r->own.task->create(r->context, &r->own, &r->model);
  if (!fits(cache, &r->own)) {
    train_cache_drop(cache);
    cache->model = (train_model){0};
    symo_status status = r->own.task->create(r->context, &r->own, &cache->model);
    if (status != SYMO_OK) return status;
    cache->full = true, cache->spec = r->own;
  }
  r->model = cache->model;
  return SYMO_OK;
}

int train_make_optimizer(cli *c, const train_spec *spec, const train_model *model, int threads,
                         const symo_comm *comm, json_t *changes, symo_optim_spec **made,
                         symo_optim **out) {
  symo_status status = train_optimizer_spec(cli_context(c), spec, changes, made);
  if (status != SYMO_OK) return cli_fail_flag(c, status, "optimizer");
  if (threads > 0) (*made)->threads = threads;
  (*made)->num_sites = model->problem.num_sites, (*made)->sites = model->problem.sites;
  status = symo_optim_create_share(model->layout, *made, comm, out);
  return status == SYMO_OK ? CLI_DONE : cli_fail_flag(c, status, "optimizer");
}

static symo_status take(train_runner *r) {
  const size_t bytes = symo_dtype_size(r->model.problem.dtype);
  const size_t tensors = symo_layout_num_tensors(r->model.layout);
  r->theta = symo_calloc(r->model.problem.size, bytes);
  r->grad = symo_calloc(r->model.problem.size, bytes);
  r->params = symo_calloc(tensors, sizeof *r->params);
  r->grads = symo_calloc(tensors, sizeof *r->grads);
  const bool held = r->model.evaluate != NULL && train_is_first(r);
  if (held) r->best_theta = symo_calloc(r->model.problem.size, bytes);
  if (r->theta == NULL || r->grad == NULL || r->params == NULL || r->grads == NULL ||
      (held && r->best_theta == NULL))
    return symo_fail_memory(r->context, "training");
  symo_layout_split(r->model.layout, r->model.problem.dtype, r->theta, r->params);
  symo_layout_split_const(r->model.layout, r->model.problem.dtype, r->grad, r->grads);
  return SYMO_OK;
}

static symo_status init(train_runner *r) {
  symo_rng *rng = NULL;
  symo_status status =
      symo_rng_create(r->context, symo_data_seed(r->spec->seed, SYMO_STREAM_INIT, 0), &rng);
  if (status == SYMO_OK) status = r->model.init(r->model.self, rng, r->theta);
  if (status == SYMO_OK) status = symo_optim_state_create(r->optim, &r->state);
  symo_rng_destroy(rng);
  return status;
}

static int check_step(train_runner *r) {
  if (r->step <= r->spec->steps) return CLI_DONE;
  return cli_fail(r->c, CLI_DATA, "%s: the checkpoint is at step %llu of %zu (give more --steps)",
                  r->from, (unsigned long long)r->step, r->spec->steps);
}

/* What will be taken; the network's lanes, most of it, are made by the first step. */
static void say_bytes(const train_runner *r) {
  if (r->model.remark[0] != '\0' && r->label == NULL) cli_note(r->c, "%s", r->model.remark);
  if (r->model.tokens == 0 || !(r->model.bytes > 0) || r->label != NULL) return;
  cli_note(r->c, "%s: %zu %s, about %s of memory", r->model.net, r->model.problem.size,
           symo_plural(r->model.problem.size, "parameter", "parameters"),
           cli_format_bytes(r->model.bytes).text);
}

double train_clock(const train_runner *r) {
  return r->threads == 1 && symo_comm_size(r->comm) == 1 ? cli_processor() : cli_seconds();
}

static double clock_of(void *self) { return train_clock(self); }

static symo_status agree_status(const train_runner *r, symo_status status) {
  const int first = symo_comm_first(r->comm, status != SYMO_OK);
  if (first < 0 || status != SYMO_OK) return status;
  return symo_fail(r->context, SYMO_E_IO, "training: process %d could not begin", first);
}

static symo_status read_checkpoint(train_runner *r, symo_optim_state **state,
                                   symo_optim_spec **was) {
  return train_checkpoint_read(r->context, r->from, &r->model, symo_optim_whole(r->optim), state,
                               r->theta, &r->step, &r->best, was);
}

/* The same in several processes with shares: the first reads. */
static symo_status take_up(train_runner *r, symo_optim_spec **was) {
  symo_optim_state *whole = NULL;
  symo_status status = symo_optim_state_create(r->optim, &r->state);
  if (status == SYMO_OK && train_is_first(r)) status = read_checkpoint(r, &whole, was);
  status = agree_status(r, status);
  if (status == SYMO_OK) {
    symo_comm_share(r->comm, 0, sizeof r->step, &r->step);
    symo_comm_share(r->comm, 0, r->model.problem.size * symo_dtype_size(r->model.problem.dtype),
                    r->theta);
    status = symo_share_distribute(whole, r->state);
  }
  symo_optim_state_destroy(whole);
  return status;
}

/* Parameters and state: of the checkpoint, or those at the start.  *was: NULL for the latter. */
static symo_status begin(train_runner *r, symo_optim_spec **was) {
  const bool resume = r->from != NULL;
  symo_status status = !resume                   ? init(r)
                       : r->optim->share != NULL ? take_up(r, was)
                                                 : read_checkpoint(r, &r->state, was);
  if (status != SYMO_OK) return status;
  symo_optim_state_set_clock(r->state, clock_of, r);
  if (access(r->best_path, F_OK) != 0 || !resume) r->best.loss = NAN; /* it is gone */
  return train_check_data(r->context, r->record.data, r->model.data, r->model.checksum);
}

/* Which checkpoint a run goes on from: the first process looks. */
static int choose_checkpoint(train_runner *r, train_start how, int code) {
  enum { NONE, LAST, PREVIOUS } which = NONE;
  if (code == CLI_DONE && how == TRAIN_RESUME && train_is_first(r))
    code = train_choose_checkpoint(r);
  code = symo_comm_agree(r->comm, code);
  if (code != CLI_DONE) return code;
  if (r->from != NULL) which = r->from == r->previous ? PREVIOUS : LAST;
  symo_comm_share(r->comm, 0, sizeof which, &which);
  r->from = which == NONE ? NULL : which == LAST ? r->checkpoint : r->previous;
  return CLI_DONE;
}

/* What the run is, and was: for one that goes on, what run.json says. */
static int read_record(train_runner *r, train_start how, train_spec *old) {
  int code = CLI_DONE;
  *old = r->own = *r->spec;
  if (how == TRAIN_RESUME)
    code = train_read_run(r->c, r->directory, old, &r->record);
  else
    train_here(r->record.folder);
  old->threads = r->record.threads;
  return code == CLI_DONE ? train_record_keep(r->c, r->directory, &r->record, &r->own) : code;
}

/* Of the gradient a process gets what its share of the optimizer is of. */
static symo_status divide_gradient(const train_runner *r) {
  if (r->comm == NULL) return SYMO_OK;
  const size_t tensors = symo_layout_num_tensors(r->model.layout);
  symo_reduction_part *parts = symo_calloc(tensors, sizeof *parts);
  if (parts == NULL) return symo_fail_memory(r->context, "training");
  const symo_status status =
      symo_net_set_reduction(r->model.network, symo_share_list(r->optim, parts), parts, 0);
  symo_free(parts);
  return status;
}

/* Model, threads and optimizer.  Tokens are those of the checkpoint, where there is one. */
static int make_all(train_runner *r, train_start how, symo_optim_spec **optim) {
  memcpy(r->own.expected, r->record.data, sizeof r->own.expected);
  symo_status status =
      train_check_files(r->context, r->spec, how == TRAIN_RESUME || r->cache != NULL);
  if (status == SYMO_OK && r->from != NULL)
    status = train_checkpoint_use(r->context, r->from, &r->own);
  if (status == SYMO_OK) status = make_model(r);
  if (status == SYMO_OK) status = take_threads(r);
  if (status != SYMO_OK) return cli_fail_status(r->c, status);
  json_decref(r->record.by_task);
  r->record.by_task = json_object();
  int code = train_make_optimizer(r->c, r->spec, &r->model, r->threads, r->comm, r->record.by_task,
                                  optim, &r->optim);
  if (code != CLI_DONE) return code;
  status = divide_gradient(r);
  return status == SYMO_OK ? CLI_DONE : cli_fail_status(r->c, status);
}

/* A run that goes on looks at its figures before anything of it is changed. */
static int open_metrics(train_runner *r) {
  symo_status status = train_metrics_open(r->context, r->directory, r->step, &r->metrics,
                                          &r->seconds, &r->result->optimizer_seconds);
  if (status != SYMO_OK) return cli_fail_status(r->c, status);
  if (r->metrics.lost < r->step)
    cli_note(r->c, "%s: has no whole lines from step %llu to %llu; it is %s%s, and the run goes on",
             r->metrics.path, (unsigned long long)r->metrics.lost, (unsigned long long)r->step - 1,
             r->metrics.damaged != NULL ? "kept as " : "made again",
             r->metrics.damaged != NULL ? r->metrics.damaged : "");
  return CLI_DONE;
}

static int write_files(train_runner *r, const train_spec *old, const symo_optim_spec *was,
                       const symo_optim_spec *optim, bool resume) {
  say_bytes(r);
  memcpy(r->record.data, r->model.checksum, sizeof r->record.data);
  int code = resume ? open_metrics(r) : CLI_DONE;
  if (code == CLI_DONE) code = train_note_changes(r, old, was, optim);
  if (code == CLI_DONE) code = train_write_files(r, optim, resume);
  return code != CLI_DONE || resume ? code : open_metrics(r);
}

static int open_files(train_runner *r, const train_spec *old, const symo_optim_spec *optim) {
  symo_optim_spec *was = NULL;
  symo_status status = begin(r, &was);
  int code = status == SYMO_OK ? check_step(r) : cli_fail_status(r->c, status);
  if (code == CLI_DONE && train_is_first(r))
    code = write_files(r, old, was, optim, r->from != NULL);
  symo_optim_spec_destroy(was);
  return code;
}

int train_runner_start(train_runner *r, train_start how) {
  symo_optim_spec *optim = NULL;
  train_spec old;
  symo_status status = SYMO_OK;
  r->checkpoint = cli_join(r->directory, "checkpoint.safetensors");
  r->previous = cli_join(r->directory, "previous.safetensors");
  r->best_path = cli_join(r->directory, "best.safetensors");
  if (r->checkpoint == NULL || r->previous == NULL || r->best_path == NULL)
    return cli_fail_status(r->c, symo_fail_memory(r->context, "training"));
  int code = train_take_folder(r, how);
  if (code == CLI_DONE) code = read_record(r, how, &old);
  code = choose_checkpoint(r, how, code);
  if (code == CLI_DONE) code = make_all(r, how, &optim);
  if (code == CLI_DONE && train_is_first(r)) code = cli_make_directory(r->c, r->directory);
  if (code == CLI_DONE) code = train_take_folder(r, how);
  if (code == CLI_DONE) {
    status = take(r);
    code = status == SYMO_OK ? CLI_DONE : cli_fail_status(r->c, status);
  }
  code = symo_comm_agree(r->comm, code);
  if (code == CLI_DONE) code = open_files(r, &old, optim);
  code = symo_comm_agree(r->comm, code);
  r->result->checkpoint = r->step;
  symo_optim_spec_destroy(optim);
  return code;
}
