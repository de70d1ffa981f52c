/* Threads that exchange through each other's memory: between two barriers every one may look at
 * what the others show. */
#include "tests/support/ranks.h"

#include <pthread.h>

#include "tests/support/testing.h"

typedef struct town {
  int size;
  pthread_barrier_t barrier;
  const void *shown[TEST_MOST_RANKS];
} town;

typedef struct rank {
  town *town;
  symo_comm comm;
  void (*task)(const symo_comm *comm, void *arg);
  void *arg;
} rank;

static void wait(const rank *r) { (void)pthread_barrier_wait(&r->town->barrier); }

static void show(const rank *r, const void *what) {
  r->town->shown[r->comm.rank] = what;
  wait(r);
}

static void trade(void *self, size_t bytes, const void *from, void *to) {
  const rank *r = self;
  show(r, from);
  for (int s = 0; s < r->comm.size; s++)
    memcpy((char *)to + (size_t)s * bytes,
           (const char *)r->town->shown[s] + (size_t)r->comm.rank * bytes, bytes);
  wait(r);
}

static void collect(void *self, size_t bytes, void *all) {
  const rank *r = self;
  show(r, all);
  for (int s = 0; s < r->comm.size; s++)
    if (s != r->comm.rank)
      memcpy((char *)all + (size_t)s * bytes, (const char *)r->town->shown[s] + (size_t)s * bytes,
             bytes);
  wait(r);
}

static void spread(void *self, size_t count, const symo_comm_piece *pieces) {
  const rank *r = self;
  for (size_t i = 0; i < count; i++) {
    show(r, pieces[i].data);
    if (pieces[i].owner != r->comm.rank && pieces[i].bytes > 0)
      memcpy(pieces[i].data, r->town->shown[pieces[i].owner], pieces[i].bytes);
    wait(r);
  }
}

/* Here the others wait too. */
static void move(void *self, int from, int to, size_t bytes, const void *source, void *target) {
  const rank *r = self;
  show(r, source);
  if (r->comm.rank == to && bytes > 0) memcpy(target, r->town->shown[from], bytes);
  wait(r);
}

static void *run(void *arg) {
  rank *r = arg;
  r->task(&r->comm, r->arg);
  return NULL;
}

void symo_test_ranks(int size, void (*task)(const symo_comm *comm, void *arg), void *arg) {
  town t = {.size = size};
  rank ranks[TEST_MOST_RANKS];
  pthread_t threads[TEST_MOST_RANKS];
  cr_assert(size >= 1 && size <= TEST_MOST_RANKS);
  cr_assert_eq(pthread_barrier_init(&t.barrier, NULL, (unsigned)size), 0);
  for (int i = 0; i < size; i++) {
    ranks[i] = (rank){.town = &t, .task = task, .arg = arg};
    ranks[i].comm = (symo_comm){.rank = i,
                                .size = size,
                                .self = &ranks[i],
                                .room = symo_malloc(symo_comm_room(size)),
                                .trade = trade,
                                .collect = collect,
                                .spread = spread,
                                .move = move};
    cr_assert_not_null(ranks[i].comm.room);
  }
  for (int i = 0; i < size; i++) cr_assert_eq(pthread_create(&threads[i], NULL, run, &ranks[i]), 0);
  for (int i = 0; i < size; i++) (void)pthread_join(threads[i], NULL);
  for (int i = 0; i < size; i++) symo_free(ranks[i].comm.room);
  (void)pthread_barrier_destroy(&t.barrier);
}
