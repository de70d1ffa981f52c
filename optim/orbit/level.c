/* Vectors far from 1.  Coordinates are sums over axes, and covariances squares of them: both are
 * made of tensors that a power of two, one for the label, has brought near 1.  So a label of
 * tensors near 1e-42 is as good as one near 1, beside which it may stand. */
#include <math.h>

#include "optim/orbit/division.h"

size_t symo_orbit_spare_bytes(const orbit *o) {
  const symo_layout *layout = o->plan->layout;
  const size_t n = o->division != NULL ? o->division->parameters : layout->parameters;
  return symo_padded(layout->num_tensors * sizeof(void *)) +
         symo_padded(n * symo_dtype_size(o->dtype));
}

void **symo_orbit_spare(const orbit *o, void *at) {
  const symo_layout *layout = o->plan->layout;
  void **data = at;
  char *memory = (char *)at + symo_padded(layout->num_tensors * sizeof(void *));
  for (size_t t = 0; t < layout->num_tensors; t++) {
    data[t] = symo_orbit_has(o, t) ? memory : NULL;
    if (data[t] != NULL) memory += layout->tensors[t].size * symo_dtype_size(o->dtype);
  }
  return data;
}

double symo_orbit_level(const orbit *o, const plan_label *l, const curvature_scale *scale,
                        double zero) {
  int level = CURVATURE_ZERO;
  if (scale->level == NULL) return 0;
  for (size_t i = 0; i < l->num_pieces; i++) {
    int own = scale->level[l->pieces[i].tensor];
    level = own > level ? own : level;
  }
  return level > CURVATURE_ZERO ? level : zero;
}

int symo_orbit_level_of_all(const orbit *o, const curvature_scale *scale) {
  int level = CURVATURE_ZERO;
  for (size_t t = 0; scale->level != NULL && t < o->plan->layout->num_tensors; t++)
    level = scale->level[t] > level ? scale->level[t] : level;
  return level > CURVATURE_ZERO ? level : 0;
}

double symo_orbit_log_norm(const orbit *o, symo_const_vector x, const curvature_scale *scale,
                           size_t tensor) {
  int exponent;
  if (scale->log_norm != NULL) return scale->log_norm[tensor];
  double norm =
      symo_update_far_norm(symo_layout_view(o->plan->layout, o->dtype, x, tensor), &exponent);
  return log2(norm) + exponent + curvature_stored(scale, tensor);
}

symo_const_vector symo_orbit_in(const orbit *o, const plan_label *l, symo_const_vector x,
                                const curvature_scale *scale, double to, void **spare) {
  return symo_orbit_in_own(o, l, x, scale, to, NULL, spare);
}

symo_const_vector symo_orbit_in_own(const orbit *o, const plan_label *l, symo_const_vector x,
                                    const curvature_scale *scale, double base, const double *own,
                                    void **spare) {
  bool as_it_is = true;
  for (size_t i = 0; i < l->num_pieces; i++) {
    size_t t = l->pieces[i].tensor;
    if (!symo_orbit_has(o, t)) continue;
    as_it_is = as_it_is && (double)curvature_stored(scale, t) == base + (own != NULL ? own[t] : 0);
  }
  if (as_it_is) return x;
  symo_const_vector out = symo_const_vector_of(o->dtype, (const void *const *)spare);
  for (size_t i = 0; i < l->num_pieces; i++) {
    size_t t = l->pieces[i].tensor;
    if (!symo_orbit_has(o, t)) continue;
    double to = base + (own != NULL ? own[t] : 0);
    double whole = nearbyint(to), rest = exp2(whole - to);
    symo_nd target = symo_layout_view(o->plan->layout, o->dtype, out, t);
    symo_nd_shift(curvature_stored(scale, t) - (int)whole,
                  symo_layout_view(o->plan->layout, o->dtype, x, t), target);
    if (rest != 1) symo_nd_copy(rest, target, target);
  }
  return out;
}

/* ---- dense coordinates ---- */

void symo_orbit_gather(const orbit *o, const orbit_label *l, symo_const_vector u, double to,
                       const orbit_far *far, void *x, void *rest) {
  arena scratch = {.base = rest};
  if (l->apart)
    symo_orbit_gather_apart(o, l, u, to, far, x, rest);
  else
    symo_label_gather(o->plan, l->label, u, 0, orbit_first_rows(l->label), x, &scratch);
}

void symo_orbit_scatter(const orbit *o, const orbit_label *l, void *x, symo_vector out,
                        const orbit_far *far, void *rest) {
  arena scratch = {.base = rest};
  if (l->apart)
    symo_orbit_scatter_apart(o, l, x, out, far, rest);
  else
    symo_label_scatter(o->plan, l->label, x, out, &scratch);
}

size_t symo_orbit_gather_bytes(const orbit *o, const plan_label *l) {
  size_t in = symo_gather_scratch(o->plan, l, orbit_first_rows(l));
  size_t out = symo_scatter_scratch(o->plan, l);
  return symo_padded(in > out ? in : out);
}
