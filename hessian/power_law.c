/* Power laws by robust regression on logarithms.
 *
 * Check values: y = 3 x^-2 has the value -2 and the factor 3; the participation ratio of k^-2 is
 * zeta(2)^2 / zeta(4) = 5/2. */
#include "hessian/power_law.h"

#include <math.h>
#include <stdbool.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/statistics.h"

enum { MOST_FAILURES = 100 };

/* Logarithms of the positive points: x [n], y [n]; how many there are. */
static size_t take_logs(size_t n, const double *x, const double *y, double *log_x, double *log_y) {
  size_t points = 0;
  for (size_t i = 0; i < n; i++) {
    if (!(x[i] > 0) || !(y[i] > 0) || !isfinite(x[i]) || !isfinite(y[i])) continue;
    log_x[points] = log(x[i]);
    log_y[points++] = log(y[i]);
  }
  return points;
}

/* Fewer than three different x make no line that could be off. */
static bool too_few(size_t n, const double *x) {
  size_t i = 1, j;
  while (i < n && x[i] == x[0]) i++;
  for (j = i + 1; j < n && (x[j] == x[0] || x[j] == x[i]);) j++;
  return j >= n;
}

typedef struct sample {
  size_t points;
  const double *x, *y;
  double *drawn_x, *drawn_y, *slopes;
} sample;

static void draw(const sample *s, symo_rng *rng) {
  do
    for (size_t i = 0; i < s->points; i++) {
      const size_t at = (size_t)symo_rng_below(rng, s->points);
      s->drawn_x[i] = s->x[at], s->drawn_y[i] = s->y[at];
    }
  while (too_few(s->points, s->drawn_x));
}

/* Slopes of resampled points, sorted.  Draws without a line are drawn again, MOST_FAILURES at most:
 * then there is no interval. */
static symo_status resample(const sample *s, symo_rng *rng, size_t resamples, symo_power *out) {
  size_t failures = 0;
  for (size_t r = 0; r < resamples && failures <= MOST_FAILURES;) {
    symo_line line;
    draw(s, rng);
    symo_status status = symo_line_fit(s->points, s->drawn_x, s->drawn_y, &line);
    if (status == SYMO_E_MEMORY) return status;
    if (status == SYMO_OK)
      s->slopes[r++] = line.slope;
    else
      failures++;
  }
  if (resamples == 0 || failures > MOST_FAILURES) return SYMO_OK;
  (void)symo_median(resamples, s->slopes); /* sorts */
  out->low = symo_quantile(resamples, s->slopes, 0.025);
  out->high = symo_quantile(resamples, s->slopes, 0.975);
  return SYMO_OK;
}

static symo_status fit(symo_rng *rng, size_t resamples, const sample *s, symo_power *out) {
  symo_line line;
  if (s->points < SYMO_POWER_POINTS || too_few(s->points, s->x)) return SYMO_OK;
  symo_status status = symo_line_fit(s->points, s->x, s->y, &line);
  if (status != SYMO_OK) return status == SYMO_E_MEMORY ? status : SYMO_OK;
  out->value = line.slope, out->factor = exp(line.intercept), out->scatter = line.scatter;
  return resample(s, rng, resamples, out);
}

symo_status symo_power_fit(symo_context *context, symo_rng *rng, size_t resamples, size_t n,
                           const double *x, const double *y, symo_power *out) {
  double *room = symo_calloc(4 * n + resamples + 1, sizeof *room);
  if (room == NULL) return symo_fail_memory(context, "power law");
  sample s = {.x = room,
              .y = room + n,
              .drawn_x = room + 2 * n,
              .drawn_y = room + 3 * n,
              .slopes = room + 4 * n};
  symo_status status = SYMO_OK;
  s.points = take_logs(n, x, y, room, room + n);
  symo_power found = {NAN, NAN, NAN, NAN, NAN, s.points};
  status = fit(rng, resamples, &s, &found);
  if (status == SYMO_OK)
    *out = found;
  else
    status = symo_fail_memory(context, "power law");
  symo_free(room);
  return status;
}

double symo_participation(size_t n, const double *h) {
  double sum = 0, squares = 0;
  for (size_t i = 0; i < n; i++) sum += h[i], squares += h[i] * h[i];
  return squares > 0 ? sum * (sum / squares) : NAN;
}

double symo_participation_of_power(double s, size_t n) {
  double sum = 0, squares = 0;
  if (n == 0) return s > 1 ? symo_zeta(s) * symo_zeta(s) / symo_zeta(2 * s) : INFINITY;
  for (size_t k = n; k > 0; k--) sum += pow((double)k, -s), squares += pow((double)k, -2 * s);
  return sum * (sum / squares);
}
