/* Processes under MPI: the only file that calls it.  All calls come from the main thread. */
#include "cli/ranks.h"

#include <limits.h>
#include <mpi.h>
#include <stdlib.h>
#include <time.h>

#include "core/alloc.h"

enum { MOST_BYTES = 1 << 30, MOST_AT_ONCE = 64, TAG = 1, TAGS = 1 << 14 };

/* Copies of the world: what is exchanged, parcels, and who is at the end. */
static MPI_Comm working, sending, leaving;
static bool started;
static symo_comm world;

/* Of the parcels on their way: requests [SYMO_COMM_SLOTS, 2 size], and how many there are. */
static MPI_Request *requests_of;
static int going_of[SYMO_COMM_SLOTS];

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

static void begin(void *self, int slot, const symo_comm_parcel *parcel) {
  MPI_Request *requests = requests_of + 2 * slot * world.size;
  const int tag = (int)(parcel->tag % TAGS);
  int going = 0;
  for (int r = 0; r < world.size; r++)
    if (parcel->receive[r] > 0)
      MPI_Irecv((char *)parcel->to + parcel->receive_at[r], (int)parcel->receive[r], MPI_BYTE, r,
                tag, sending, &requests[going++]);
  for (int k = 1; k < world.size; k++) { /* not all to the same one first */
    const int r = (world.rank + k) % world.size;
    if (parcel->send[r] > 0)
      MPI_Isend((const char *)parcel->from + parcel->send_at[r], (int)parcel->send[r], MPI_BYTE, r,
                tag, sending, &requests[going++]);
  }
  going_of[slot] = going;
}

static bool done(void *self, int slot, bool wait) {
  MPI_Request *requests = requests_of + 2 * slot * world.size;
  int all = 1;
  if (wait)
    MPI_Waitall(going_of[slot], requests, MPI_STATUSES_IGNORE);
  else
    MPI_Testall(going_of[slot], requests, &all, MPI_STATUSES_IGNORE);
  if (all) going_of[slot] = 0;
  return all != 0;
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
  MPI_Comm_dup(MPI_COMM_WORLD, &sending);
  MPI_Comm_dup(MPI_COMM_WORLD, &leaving);
  world = (symo_comm){.trade = trade,
                      .collect = collect,
                      .spread = spread,
                      .move = move,
                      .begin = begin,
                      .done = done};
  MPI_Comm_rank(working, &world.rank);
  MPI_Comm_size(working, &world.size);
  if (world.size == 1) return NULL;
  world.room = symo_malloc(symo_comm_room(world.size));
  requests_of = symo_calloc((size_t)(2 * SYMO_COMM_SLOTS * world.size), sizeof *requests_of);
  if (world.room == NULL || requests_of == NULL) MPI_Abort(MPI_COMM_WORLD, 5);
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
  symo_free(requests_of);
  MPI_Comm_free(&working);
  MPI_Comm_free(&sending);
  MPI_Comm_free(&leaving);
  MPI_Finalize();
  started = false;
}

void cli_ranks_abort(int code) {
  MPI_Abort(MPI_COMM_WORLD, code);
  abort();
}
