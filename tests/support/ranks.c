/* Threads that exchange through each other's memory: between two barriers every one may look at
 * what the others show.  Parcels are copied when they are sent. */
#include "tests/support/ranks.h"

#include <pthread.h>

#include "tests/support/testing.h"

typedef struct message {
  int from, to;
  size_t tag;
  double comes;
  char *bytes;
  struct message *next; /* that was sent later */
} message;

typedef struct town {
  int size;
  bool slow;
  double latency, byte;
  pthread_barrier_t barrier;
  const void *shown[TEST_MOST_RANKS];
  double now[TEST_MOST_RANKS];
  pthread_mutex_t lock;
  pthread_cond_t sent;
  message *first;
} town;

typedef struct rank {
  town *town;
  symo_comm comm;
  symo_comm_parcel parcels[SYMO_COMM_SLOTS];
  double now, waited, busy; /* busy: until when it sends parcels, one after the other */
  void (*task)(const symo_comm *comm, void *arg);
  void *arg;
} rank;

static void wait(const rank *r) { (void)pthread_barrier_wait(&r->town->barrier); }

static void wait_until(rank *r, double time) {
  if (time <= r->now) return;
  r->waited += time - r->now;
  r->now = time;
}

/* What is exchanged now comes when the last has sent it. */
static void show(rank *r, const void *what) {
  double last = 0;
  r->town->shown[r->comm.rank] = what;
  r->town->now[r->comm.rank] = r->now;
  wait(r);
  for (int s = 0; s < r->comm.size; s++) last = last < r->town->now[s] ? r->town->now[s] : last;
  wait_until(r, last + r->town->latency);
}

static void trade(void *self, size_t bytes, const void *from, void *to) {
  rank *r = self;
  show(r, from);
  for (int s = 0; s < r->comm.size; s++)
    memcpy((char *)to + (size_t)s * bytes,
           (const char *)r->town->shown[s] + (size_t)r->comm.rank * bytes, bytes);
  wait(r);
}

static void collect(void *self, size_t bytes, void *all) {
  rank *r = self;
  show(r, all);
  for (int s = 0; s < r->comm.size; s++)
    if (s != r->comm.rank)
      memcpy((char *)all + (size_t)s * bytes, (const char *)r->town->shown[s] + (size_t)s * bytes,
             bytes);
  wait(r);
}

static void spread(void *self, size_t count, const symo_comm_piece *pieces) {
  rank *r = self;
  for (size_t i = 0; i < count; i++) {
    show(r, pieces[i].data);
    if (pieces[i].owner != r->comm.rank && pieces[i].bytes > 0)
      memcpy(pieces[i].data, r->town->shown[pieces[i].owner], pieces[i].bytes);
    wait(r);
  }
}

/* Here the others wait too. */
static void move(void *self, int from, int to, size_t bytes, const void *source, void *target) {
  rank *r = self;
  show(r, source);
  if (r->comm.rank == to && bytes > 0) memcpy(target, r->town->shown[from], bytes);
  wait(r);
}

/* ---- parcels ---- */

static void post(const rank *r, const symo_comm_parcel *p, int to) {
  message *m = malloc(sizeof *m), **last = &r->town->first;
  cr_assert_not_null(m);
  *m = (message){.from = r->comm.rank, .to = to, .tag = p->tag, .comes = r->busy};
  m->bytes = malloc(p->send[to]);
  cr_assert_not_null(m->bytes);
  memcpy(m->bytes, (const char *)p->from + p->send_at[to], p->send[to]);
  (void)pthread_mutex_lock(&r->town->lock);
  while (*last != NULL) last = &(*last)->next;
  *last = m;
  (void)pthread_cond_broadcast(&r->town->sent);
  (void)pthread_mutex_unlock(&r->town->lock);
}

static void begin(void *self, int slot, const symo_comm_parcel *parcel) {
  rank *r = self;
  r->parcels[slot] = *parcel;
  cr_assert(parcel->send[r->comm.rank] == 0 && parcel->receive[r->comm.rank] == 0);
  r->busy = (r->busy < r->now ? r->now : r->busy) + r->town->latency;
  for (int to = 0; to < r->comm.size; to++) r->busy += (double)parcel->send[to] * r->town->byte;
  for (int to = 0; to < r->comm.size; to++)
    if (parcel->send[to] > 0) post(r, parcel, to);
}

/* The oldest such message, or NULL. */
static message **find(const rank *r, int from, size_t tag) {
  for (message **m = &r->town->first; *m != NULL; m = &(*m)->next)
    if ((*m)->from == from && (*m)->to == r->comm.rank && (*m)->tag == tag) return m;
  return NULL;
}

static bool has_come(const rank *r, const symo_comm_parcel *p) {
  for (int from = 0; from < r->comm.size; from++)
    if (p->receive[from] > 0 && find(r, from, p->tag) == NULL) return false;
  return true;
}

static void open_parcel(rank *r, const symo_comm_parcel *p) {
  for (int from = 0; from < r->comm.size; from++) {
    if (p->receive[from] == 0) continue;
    message **at = find(r, from, p->tag), *m = *at;
    *at = m->next;
    memcpy((char *)p->to + p->receive_at[from], m->bytes, p->receive[from]);
    wait_until(r, m->comes);
    free(m->bytes);
    free(m);
  }
}

static bool done(void *self, int slot, bool waits) {
  rank *r = self;
  const symo_comm_parcel *p = &r->parcels[slot];
  if (r->town->slow && !waits) return false;
  (void)pthread_mutex_lock(&r->town->lock);
  while (waits && !has_come(r, p)) (void)pthread_cond_wait(&r->town->sent, &r->town->lock);
  const bool all = has_come(r, p);
  if (all) open_parcel(r, p);
  (void)pthread_mutex_unlock(&r->town->lock);
  return all;
}

void symo_test_work(const symo_comm *comm, double time) { ((rank *)comm->self)->now += time; }
double symo_test_waited(const symo_comm *comm) { return ((const rank *)comm->self)->waited; }

static void *run(void *arg) {
  rank *r = arg;
  r->task(&r->comm, r->arg);
  return NULL;
}

static void run_town(town *t, void (*task)(const symo_comm *comm, void *arg), void *arg) {
  rank ranks[TEST_MOST_RANKS];
  pthread_t threads[TEST_MOST_RANKS];
  const int size = t->size;
  cr_assert(size >= 1 && size <= TEST_MOST_RANKS);
  cr_assert_eq(pthread_barrier_init(&t->barrier, NULL, (unsigned)size), 0);
  cr_assert(pthread_mutex_init(&t->lock, NULL) == 0 && pthread_cond_init(&t->sent, NULL) == 0);
  for (int i = 0; i < size; i++) {
    ranks[i] = (rank){.town = t, .task = task, .arg = arg};
    ranks[i].comm = (symo_comm){.rank = i,
                                .size = size,
                                .self = &ranks[i],
                                .room = symo_malloc(symo_comm_room(size)),
                                .trade = trade,
                                .collect = collect,
                                .spread = spread,
                                .move = move,
                                .begin = begin,
                                .done = done};
    cr_assert_not_null(ranks[i].comm.room);
  }
  for (int i = 0; i < size; i++) cr_assert_eq(pthread_create(&threads[i], NULL, run, &ranks[i]), 0);
  for (int i = 0; i < size; i++) (void)pthread_join(threads[i], NULL);
  for (int i = 0; i < size; i++) symo_free(ranks[i].comm.room);
  cr_assert_null(t->first, "a parcel that nobody took");
  (void)pthread_barrier_destroy(&t->barrier);
  (void)pthread_mutex_destroy(&t->lock);
  (void)pthread_cond_destroy(&t->sent);
}

void symo_test_ranks(int size, void (*task)(const symo_comm *comm, void *arg), void *arg) {
  town t = {.size = size};
  run_town(&t, task, arg);
}

void symo_test_ranks_slow(int size, double latency, double byte,
                          void (*task)(const symo_comm *comm, void *arg), void *arg) {
  town t = {.size = size, .slow = true, .latency = latency, .byte = byte};
  run_town(&t, task, arg);
}
