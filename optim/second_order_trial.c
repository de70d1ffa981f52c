/* Levenberg-Marquardt: the ratio of what f loses to what the model without damping says it would,
 *
 *     rho = (f(theta) - f(theta - s)) / (g's - s'As / 2),      s = lr d,
 *
 * for one more product and one more loss.  Damping is the radius of the step and no part of the
 * model (Moré 1978; Martens has it in the model, where rho of a quadratic is not 1).  What rho does
 * to the damping, and whether the step stands, is the damping module's business; a step that does
 * not stand is taken back bit for bit: theta, and all state but counters and damping.
 *
 * Changes of f below 10 eps |f| are noise: where both the actual and the predicted one are, rho is 1
 * (Conn, Gould, Toint, Trust-Region Methods, section 17.4.2).  A loss that is not finite, or a model
 * that does not decrease, is a step that does not stand.  Where g is zero there is nothing to do:
 * rho is NaN and the damping stays. */
#include <math.h>
#include <string.h>

#include "core/linalg.h"
#include "optim/second_order.h"

double symo_newton_objective(const newton *s, double loss) {
  if (s->decay == 0) return loss;
  double norm = symo_update_norm(symo_newton_flat(s, s->theta));
  return loss + 0.5 * s->decay * norm * norm;
}

problem_call symo_newton_call(const newton *s) {
  return (problem_call){s->state->optim->context, "optim", s->problem, s->theta};
}

symo_status symo_newton_multiply(void *self, const void *v, void *av) {
  const newton *s = self;
  const problem_call call = symo_newton_call(s);
  symo_status status = symo_problem_call_product(&call, s->ggn, 1, v, av);
  if (status == SYMO_OK && s->decay != 0) symo_axpy(s->dtype, s->n, s->decay, v, av);
  return status;
}

symo_status symo_newton_predict(newton *s, double *decrease) {
  void *ad = s->solver;
  symo_status status = symo_newton_multiply(s, s->d, ad);
  double slope = symo_dot(s->dtype, s->n, s->g, s->d);
  double curvature = symo_dot(s->dtype, s->n, s->d, ad);
  *decrease = s->rate * (slope - 0.5 * s->rate * curvature);
  return status;
}

static double ratio_of(const newton *s, double actual, double predicted) {
  double noise = 10 * symo_epsilon(s->dtype) * fabs(s->loss);
  if (fabs(actual) <= noise && fabs(predicted) <= noise) return 1;
  return predicted > 0 && isfinite(predicted) ? actual / predicted : NAN;
}

symo_status symo_newton_try(newton *s, const double *predicted, bool *accept) {
  symo_status status = SYMO_OK;
  double after = NAN;
  memcpy(s->solver, s->theta, symo_newton_bytes(s));
  symo_update_apply(s->rate, 0, 1, symo_newton_flat(s, s->d), symo_newton_flat(s, s->theta));
  *accept = true;
  if (predicted == NULL) return SYMO_OK;
  const problem_call call = symo_newton_call(s);
  status = symo_problem_call_loss(&call, &after);
  if (status == SYMO_E_NONFINITE) status = SYMO_OK, after = NAN;
  if (status == SYMO_OK) {
    s->report->reduction_ratio = ratio_of(s, s->loss - symo_newton_objective(s, after), *predicted);
    s->state->damping =
        s->b->damping->update(s->report->damping, s->report->reduction_ratio, accept);
  }
  if (status != SYMO_OK || !*accept) memcpy(s->theta, s->solver, symo_newton_bytes(s));
  return status;
}
