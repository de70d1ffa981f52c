/* Learning rates.  With w = warmup_steps, T = total_steps and s = t - 1 the steps taken before:
 *     t <= w        lr t / w
 *     constant      lr
 *     exponential   max(min_lr, lr rate^(s - w))
 *     linear        lr + (min_lr - lr) x,               x = (s - w) / (T - w), at most 1
 *     cosine        min_lr + (lr - min_lr) (1 + cos pi x) / 2
 *     wsd           lr while x <= stable_fraction, then linear to min_lr at x = 1
 * so the first step behind the warm-up has the whole rate, and min_lr would be that of step T +
 * 1. */
#include <math.h>

#include "optim/update/update.h"

double symo_schedule_rate(const symo_method *method, uint64_t t) {
  double lr = method->lr, low = method->min_lr, w = (double)method->warmup_steps;
  if ((double)t <= w) return lr * ((double)t / w);
  double behind = (double)(t - 1) - w;
  double length = (double)method->total_steps - w, x = behind < length ? behind / length : 1;
  const double pi = 3.14159265358979323846, hold = method->stable_fraction;
  switch (method->schedule) {
  case SYMO_SCHEDULE_EXPONENTIAL: return fmax(low, lr * pow(method->rate, behind));
  case SYMO_SCHEDULE_COSINE: return low + (lr - low) * (0.5 * (1 + cos(pi * x)));
  case SYMO_SCHEDULE_WSD: x = x <= hold ? 0 : (x - hold) / (1 - hold); break;
  case SYMO_SCHEDULE_LINEAR: break;
  case SYMO_SCHEDULE_CONSTANT: return lr;
  }
  return lr + (low - lr) * x;
}
