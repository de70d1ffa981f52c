/* The largest singular value that noise alone would have, from one gradient and its average.
 *
 * A gradient is g_t = mu + sigma xi_t, xi of independent entries of variance 1, and the direction
 * u = sum_k a_k g_{t-k} with weights known from the rule of the momentum, of sum A and sum of
 * squares Q.  For a constant mu
 *     d = g_t - u / A ,   E |d|^2 = sigma^2 N v ,   v = (1 - a_0 / A)^2 + (Q - a_0^2) / A^2 ,
 * over N entries, and the noise in u has the variance sigma^2 Q an entry: s^2 = |d|^2 Q / (N v).
 * A matrix [n, m] of independent entries of variance s^2 has its singular values below
 * s (sqrt(n) + sqrt(m)) up to lower orders (Marchenko and Pastur 1967; Geman 1980).  Coordinates of
 * a label are those of its tensors in an orthonormal basis: their noise is that of the tensors.
 *
 * What changes in mu from step to step counts as noise.  The first step has nothing to compare: 0.
 *
 * Check: b = 0.9 with Nesterov's rule, t large: A = 1, Q = 0.0706, v = 0.6906, s = 0.32 rms(d). */
#include <math.h>

#include "optim/orbit/division.h"

/* a_0, A and Q of step t. */
typedef struct weights {
  double first, sum, squares;
} weights;

static weights weights_of(const symo_method *m, uint64_t t) {
  const double b = m->momentum, c = m->momentum_ema ? 1 - b : 1, before = (double)(t - 1);
  const double late = m->nesterov ? b : 1, past = pow(b, before);
  const double all = m->momentum_correction ? 1 - pow(b, (double)t) : 1;
  const double later = c * late * b / all;
  weights w = {.first = (m->nesterov ? c * (1 + b) : c) / all};
  w.sum = w.first + later * (1 - past) / (1 - b);
  w.squares = w.first * w.first + later * later * (1 - past * past) / (1 - b * b);
  return w;
}

typedef struct noise_job {
  const orbit *o;
  const curvature_step *step;
  symo_const_vector g, u;
  orbit_noise *noise;
} noise_job;

static void estimate(void *arg, size_t t, int worker) {
  const noise_job *j = arg;
  const symo_layout *layout = j->o->plan->layout;
  const weights w = weights_of(&j->o->method, j->step->t);
  const double rest = 1 - w.first / w.sum;
  const double v = rest * rest + (w.squares - w.first * w.first) / (w.sum * w.sum);
  const int of_g = curvature_level(&j->step->g, t), of_u = curvature_level(&j->step->x, t);
  const int level = of_g > of_u ? of_g : of_u;
  (void)worker;
  j->noise[t] = (orbit_noise){.level = level};
  if (!(v > 0) || !symo_orbit_has(j->o, t)) return;
  const double square =
      symo_update_sum_of_two(ldexp(1, curvature_stored(&j->step->g, t) - level),
                             symo_layout_view(layout, j->o->dtype, j->g, t),
                             -ldexp(1 / w.sum, curvature_stored(&j->step->x, t) - level),
                             symo_layout_view(layout, j->o->dtype, j->u, t));
  j->noise[t].square = square / (double)layout->tensors[t].size * w.squares / v;
}

size_t symo_orbit_noise_bytes(const orbit *o) {
  return o->method.cut_reference == SYMO_CUT_NOISE
             ? symo_padded(o->plan->layout->num_tensors * sizeof(orbit_noise))
             : 0;
}

void symo_orbit_noise(const orbit *o, const curvature_step *step, symo_const_vector g,
                      symo_const_vector u, orbit_noise *noise) {
  noise_job j = {o, step, g, u, noise};
  if (o->method.cut_reference == SYMO_CUT_NOISE && o->num_labels > 0)
    symo_pool_run(step->pool, o->plan->layout->num_tensors, estimate, &j);
}

/* Of a label with pieces of several tensors: by the mean of their variances. */
double symo_orbit_edge(const orbit *o, const plan_label *l, const orbit_noise *noise,
                       double level) {
  if (o->method.cut_reference != SYMO_CUT_NOISE) return 0;
  double sum = 0;
  for (size_t i = 0; i < l->num_pieces; i++) {
    const orbit_noise *n = &noise[l->pieces[i].tensor];
    sum += n->square * exp2(2 * (n->level - level));
  }
  return sqrt(sum / (double)l->num_pieces) * (sqrt((double)l->ambient) + sqrt((double)l->m));
}
