/* Runs of several processes: each takes its own, and what reports and pictures need of a run goes to
 * all others.  Every process makes the networks of all runs, which costs little beside matrices. */
#include "experiments/compare/run.h"

#include <assert.h>
#include <string.h>

#include "core/alloc.h"

enum { TEXT = 512 };

/* A run as its process has it; pointers in it mean nothing elsewhere. */
typedef struct parcel {
  compare_run run;
  char name[COMPARE_MAX_ROWS][TEXT], summary[COMPARE_MAX_ROWS][TEXT];
} parcel;

int compare_run_owner(const cli *c, size_t index, size_t count) {
  const size_t size = (size_t)symo_comm_size(cli_ranks(c));
  return size > 1 && index < count / size * size ? (int)(index % size) : COMPARE_ALL;
}

bool compare_run_is_ours(const cli *c, int owner) {
  return owner == COMPARE_ALL || owner == symo_comm_rank(cli_ranks(c));
}

static void put_text(char out[TEXT], const char *text) {
  assert(strlen(text) < TEXT);
  memcpy(out, text, strlen(text) + 1);
}

static void pack(const compare_run *run, parcel *p) {
  p->run = *run;
  for (size_t i = 0; i < run->count; i++) {
    put_text(p->name[i], run->rows[i].name);
    put_text(p->summary[i], run->rows[i].summary);
  }
}

static void forget(compare_row *row) { row->spectrum = row->image = NULL; }

static int unpack(cli *c, const parcel *p, compare_run *run) {
  const compare_run own = *run;
  char *texts = symo_calloc(2 * COMPARE_MAX_ROWS, TEXT);
  if (texts == NULL) return cli_fail_memory(c);
  *run = p->run;
  run->spec = own.spec, run->setup = own.setup, run->grad = own.grad;
  run->h = run->star = NULL;
  run->texts = texts;
  forget(&run->abs), forget(&run->raw[0]), forget(&run->raw[1]);
  for (size_t i = 0; i < run->count; i++, texts += 2 * (size_t)TEXT) {
    compare_row *row = &run->rows[i];
    memcpy(texts, p->name[i], TEXT);
    memcpy(texts + TEXT, p->summary[i], TEXT);
    row->name = texts, row->summary = texts + TEXT;
    forget(row);
  }
  return CLI_DONE;
}

int compare_runs_share(cli *c, int code, compare_run *runs, size_t count) {
  const symo_comm *comm = cli_ranks(c);
  parcel *p = NULL;
  if (code == CLI_DONE && symo_comm_size(comm) > 1 && (p = symo_calloc(1, sizeof *p)) == NULL)
    code = cli_fail_memory(c);
  code = symo_comm_agree(comm, code);
  for (size_t i = 0; i < count && code == CLI_DONE; i++) {
    const int owner = compare_run_owner(c, i, count);
    if (owner == COMPARE_ALL) continue;
    assert(p != NULL); /* runs have one owner where there are several processes */
    if (compare_run_is_ours(c, owner)) pack(&runs[i], p);
    symo_comm_share(comm, owner, sizeof *p, p);
    if (!compare_run_is_ours(c, owner)) code = unpack(c, p, &runs[i]);
    code = symo_comm_agree(comm, code);
  }
  symo_free(p);
  return code;
}
