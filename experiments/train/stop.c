/* Runs that are asked to stop. */
#include "experiments/train/stop.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "io/atomic.h"

enum { SIGNALS = 3 };
static const struct {
  int number;
  const char *name;
} watched[SIGNALS] = {{SIGINT, "SIGINT"}, {SIGTERM, "SIGTERM"}, {SIGHUP, "SIGHUP"}};

static volatile sig_atomic_t came;
static struct sigaction before[SIGNALS];

/* A signal that is raised here waits until the handler has returned. */
static void note(int number) {
  if (came != 0) {
    symo_atomic_abandon();
    (void)signal(number, SIG_DFL);
    (void)raise(number);
  }
  came = number;
}

/* Shells let background jobs ignore SIGINT, for the sake of those that would lose something. */
void train_stop_watch(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = note;
  action.sa_flags = SA_RESTART;
  came = 0;
  for (size_t i = 0; i < SIGNALS; i++) {
    (void)sigaction(watched[i].number, &action, &before[i]);
    if (watched[i].number == SIGHUP && before[i].sa_handler == SIG_IGN)
      (void)sigaction(SIGHUP, &before[i], NULL); /* nohup */
  }
}

void train_stop_end(void) {
  for (size_t i = 0; i < SIGNALS; i++) (void)sigaction(watched[i].number, &before[i], NULL);
}

int train_stop_signal(void) { return came; }

const char *train_stop_name(int number) {
  for (size_t i = 0; i < SIGNALS; i++)
    if (watched[i].number == number) return watched[i].name;
  return "a signal";
}
