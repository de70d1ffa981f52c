/* Processes under MPI: the only file that calls it.  All calls come from the main thread. */
#include "cli/ranks.h"

#include <limits.h>
#include <mpi.h>
#include <stdlib.h>
#include <time.h>

#include "core/alloc.h"

enum { MOST_BYTES = 1 << 30, MOST_AT_ONCE = 64, TAG = 1 };

/* Two copies of the world: what is exchanged, and who is at the end. */
static MPI_Comm working, leaving;
static bool started;
static symo_comm world;

static void trade(void *self, size_t bytes, const void *from, void *to) {
  MPI_Alltoall(from, (int)bytes, MPI_BYTE, to, (int)bytes, MPI_BYTE, working);
}

static void collect(void *self, size_t bytes, void *all) {
  MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, all, (int)bytes, MPI_BYTE, working);
}

/* Many at once, so that one does not wait for the way of another. */
static void spread(void *self, size_t count, const symo_comm_piece *pieces) {
  MPI_Request requests[MOST_AT_ONCE];
  int going = 0;
  for (size_t i = 0; i < count; i++)
    for (size_t at = 0, some; at < pieces[i].bytes; at += some) {
      const size_t left = pieces[i].bytes - at;
      some = left < MOST_BYTES ? left : MOST_BYTES;
      MPI_Ibcast((char *)pieces[i].data + at, (int)some, MPI_BYTE, pieces[i].owner, working,
                 &requests[going++]);
      if (going < MOST_AT_ONCE) continue;
      MPI_Waitall(going, requests, MPI_STATUSES_IGNORE);
      going = 0;
    }
  MPI_Waitall(going, requests, MPI_STATUSES_IGNORE);
}

static void move(void *self, int from, int to, size_t bytes, const void *source, void *target) {
  for (size_t at = 0, some; at < bytes; at += some) {
    some = bytes - at < MOST_BYTES ? bytes - at : MOST_BYTES;
    if (world.rank == from)
      MPI_Send((const char *)source + at, (int)some, MPI_BYTE, to, TAG, working);
    else if (world.rank == to)
      MPI_Recv((char *)target + at, (int)some, MPI_BYTE, from, TAG, working, MPI_STATUS_IGNORE);
  }
}

/* A launcher says so in the environment; without one MPI is not started, which takes time. */
static bool is_launched(void) {
  static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK",
                                      "MV2_COMM_WORLD_RANK"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (getenv(names[i]) != NULL) return true;
  return false;
}

const symo_comm *cli_ranks_begin(void) {
  int given;
  if (!is_launched()) return NULL;
  if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &given) != MPI_SUCCESS) return NULL;
  started = true;
  MPI_Comm_dup(MPI_COMM_WORLD, &working);
  MPI_Comm_dup(MPI_COMM_WORLD, &leaving);
  world = (symo_comm){.trade = trade, .collect = collect, .spread = spread, .move = move};
  MPI_Comm_rank(working, &world.rank);
  MPI_Comm_size(working, &world.size);
  if (world.size == 1) return NULL;
  world.room = symo_malloc(symo_comm_room(world.size));
  if (world.room == NULL) MPI_Abort(MPI_COMM_WORLD, 5);
  return &world;
}

int cli_ranks_launched(void) { return started ? world.size : 1; }
bool cli_ranks_known(void) { return true; }

bool cli_ranks_meet(double seconds) {
  const struct timespec pause = {0, 1000000};
  MPI_Request request;
  int met = 0;
  if (!started) return true;
  MPI_Ibarrier(leaving, &request);
  for (const double start = MPI_Wtime();
       !met && !(seconds >= 0 && MPI_Wtime() - start > seconds);) {
    MPI_Test(&request, &met, MPI_STATUS_IGNORE);
    if (!met) (void)nanosleep(&pause, NULL);
  }
  return met != 0;
}

void cli_ranks_end(void) {
  if (!started) return;
  symo_free(world.room);
  MPI_Comm_free(&working);
  MPI_Comm_free(&leaving);
  MPI_Finalize();
  started = false;
}

void cli_ranks_abort(int code) {
  MPI_Abort(MPI_COMM_WORLD, code);
  abort();
}
