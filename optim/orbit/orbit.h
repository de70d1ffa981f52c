#ifndef SYMO_OPTIM_ORBIT_H
#define SYMO_OPTIM_ORBIT_H

#include "core/alloc.h"
#include "groups/plan/plan.h"
#include "optim/curvature/curvature.h"
#include "optim/solver/filter.h"

/* The plan of an orbit curvature, for the files of this folder: see orbit.c. */

/* How a label is preconditioned. */
typedef enum orbit_way {
  ORBIT_DROPPED, /* centred: no covariance */
  ORBIT_NORMS,   /* no memory, X_i one row or one column: X_i times a number of its norm, which
                    the solver's polynomials see as they would see a matrix */
  ORBIT_POLAR,   /* no memory: from the smaller side of X_i */
  ORBIT_NUMBERS, /* memory, C_i one number */
  ORBIT_ROOTS    /* memory, and roots that are refreshed */
} orbit_way;

enum { ORBIT_NO_ENTRY = -1 };

/* The second moments that are kept in the eigenbasis of C: none, one for every column of X, or one
 * for every entry. */
typedef enum orbit_basis { ORBIT_BASIS_NONE, ORBIT_BASIS_COLUMN, ORBIT_BASIS_ADAM } orbit_basis;

typedef struct orbit_label {
  const plan_label *label;
  orbit_way way;
  bool here;  /* in this process: the label's entries are, and others have none of it.  What is
                 dropped is in all */
  bool apart; /* here, but not all of its tensors are */
  const symo_solver *solver;   /* of POLAR and ROOTS */
  int covariance, root, basis; /* entries of the state, or ORBIT_NO_ENTRY */
  int moments, progress;       /* of orbit_basis */
} orbit_label;

/* What steps make of singular values. */
typedef struct orbit_power {
  double alpha, power; /* power: -alpha / 2 */
  double number; /* what the solver makes of 1: see symo_solver.number; not for cuts by noise */
  symo_filter filter[SYMO_FILTER_RUNGS]; /* where cut is above 0: one for each rung, or the first
                                            alone */
  int rungs;                             /* of them that were fitted */
} orbit_power;

/* Of several processes (division.h): pieces that came from others, those of tensor t times
 * 2^stored[t]. */
typedef struct orbit_division orbit_division;
typedef struct orbit_far {
  char *coordinates;
  const int *stored;
} orbit_far;

typedef struct orbit {
  symo_context *context;
  const symo_plan *plan;
  symo_method method;
  symo_dtype dtype;
  int threads;
  orbit_basis moments;
  bool estimated;      /* estimator h-pd or h-star: estimated.c */
  int fixed;           /* entry of the factor of the dropped label, or ORBIT_NO_ENTRY */
  bool relative;       /* damping in units of C: tr C / m, or estimated.c */
  orbit_power own;     /* of all tensors; with alpha auto of those of which nothing is known */
  bool measures;       /* alpha auto: the alpha of `method` is alpha_initial, own's */
  int alphas, filters; /* then: entries; see alphas.c */
  size_t num_labels, num_entries, num_roots, work;
  int units, root_units; /* entries, or ORBIT_NO_ENTRY without memory */
  orbit_label *labels;   /* [num_labels]; none for alpha 0 */
  /* Labels without a tensor in common, in parts: the numbers of those of part k, ascending, end at
   * part_end[k]; the part with most to do is the first.  What is dropped is in none. */
  size_t num_parts, *part_end, *part_label;
  size_t num_shared; /* of the first parts, which all threads take together, one after the other */
  size_t head;       /* bytes of what apply keeps of each label, in front of the work space */
  orbit_division *division; /* NULL: all labels and tensors are here */
} orbit;

/* Whether a tensor is in this process. */
bool symo_orbit_has(const orbit *o, size_t tensor);

/* Whether a root of the label is here. */
static inline bool symo_orbit_keeps_root(const orbit_label *l) {
  return l->way == ORBIT_ROOTS && l->here;
}

/* Numbers in one member of X, and in all of them; X'X is divided by orbit_divisor. */
static inline size_t orbit_member_size(const plan_label *l) { return l->ambient * l->m; }
static inline size_t orbit_size(const plan_label *l) { return l->count * orbit_member_size(l); }
static inline size_t orbit_x_bytes(const orbit *o, const plan_label *l) {
  return symo_padded(orbit_size(l) * symo_dtype_size(o->dtype));
}
static inline size_t orbit_first_rows(const plan_label *l) {
  return l->num_rows > 0 ? l->row[0] : 1;
}
static inline double orbit_divisor(const orbit *o, const plan_label *l) {
  return o->method.mean ? (double)l->dim : 1;
}

/* The covariance of a label is stored over a unit s^2, a power of two.  The unit is 1 unless
 * squares would overflow or vanish.  A C in units takes its eps in units.  A root keeps the unit
 * that C had when it was taken. */
double symo_orbit_unit(const orbit *o, void *const *state, const orbit_label *l);
double symo_orbit_root_unit(const orbit *o, void *const *state, const orbit_label *l);
curvature_step symo_orbit_in_units(const orbit *o, const curvature_step *step, double unit);

/* level.c: vectors as labels take them. */
/* Memory for one vector: its tensors' pointers, set up at `at`. */
size_t symo_orbit_spare_bytes(const orbit *o);
void **symo_orbit_spare(const orbit *o, void *at);
/* The tensors of a label in the unit 2^to: x itself where it stands so, else copies in spare. */
symo_const_vector symo_orbit_in(const orbit *o, const plan_label *l, symo_const_vector x,
                                const curvature_scale *scale, double to, void **spare);
/* The same with a unit for each tensor, 2^(base + own[t]); own NULL: 2^base. */
symo_const_vector symo_orbit_in_own(const orbit *o, const plan_label *l, symo_const_vector x,
                                    const curvature_scale *scale, double base, const double *own,
                                    void **spare);
/* The largest level of the tensors of a label (`zero` where these are), and of all. */
double symo_orbit_level(const orbit *o, const plan_label *l, const curvature_scale *scale,
                        double zero);
int symo_orbit_level_of_all(const orbit *o, const curvature_scale *scale);
double symo_orbit_log_norm(const orbit *o, symo_const_vector x, const curvature_scale *scale,
                           size_t tensor);

/* What is added to a C of this trace. */
double symo_orbit_damping(const orbit *o, const curvature_step *step, double trace, size_t m);

/* What is added to C besides before a root that will serve several steps; it bounds the step along
 * directions that C has not seen.  See root.c. */
double symo_orbit_unseen(const orbit *o, const orbit_label *l, const curvature_step *step,
                         double trace);

/* 1 / (1 - beta2^updates), or 1. */
double symo_orbit_correction(const orbit *o, const curvature_step *step);

/* edge: of noise, symo_orbit_edge, in the unit of what the solver is given. */
solver_options symo_orbit_options(const orbit *o, const orbit_power *power, double eps,
                                  double edge);

/* noise.c: with cut_reference noise, the variance of the noise in an entry of each tensor of the
 * direction, in units of 2^(2 level). */
typedef struct orbit_noise {
  double square;
  int level;
} orbit_noise;
size_t symo_orbit_noise_bytes(const orbit *o);
void symo_orbit_noise(const orbit *o, const curvature_step *step, symo_const_vector g,
                      symo_const_vector u, orbit_noise *noise);
/* The largest singular value of noise alone in a member of the label, in the unit 2^level; 0 with
 * another cut_reference. */
double symo_orbit_edge(const orbit *o, const plan_label *l, const orbit_noise *noise, double level);

/* parts.c: labels without a tensor in common */
symo_status symo_orbit_make_parts(orbit *o);
size_t symo_orbit_parts(const void *self, size_t *part);

/* cost.c: of steps in all; of one label; and what labels cost that other processes may have. */
double symo_orbit_root_flops(const orbit *o, const orbit_label *l);
double symo_orbit_polar_flops(const orbit *o, const orbit_label *l);
double symo_orbit_label_flops(const orbit *o, const orbit_label *l);
double symo_orbit_accumulate_flops(const void *self);
double symo_orbit_refresh_flops(const void *self, size_t root);
double symo_orbit_apply_flops(const void *self);
size_t symo_orbit_num_units(const void *self);
curvature_unit symo_orbit_unit_cost(const void *self, size_t index);
double symo_orbit_unit_in(const void *self, size_t index, size_t tensor);

/* orbit.c: an entry without its data; the label of a root.  Where the roots are those of all labels,
 * that is the first one, wherever it is. */
symo_state_entry symo_orbit_entry(const void *self, size_t index);
const orbit_label *symo_orbit_label_of_root(const orbit *o, size_t root);

/* alphas.c: powers.  That with a cut is fitted where the solver needs it. */
symo_status symo_orbit_fit(const orbit *o, double alpha, orbit_power *out);
/* That of a tensor, in *room if it is not o->own. */
const orbit_power *symo_orbit_power_of(const orbit *o, void *const *state, size_t tensor,
                                       orbit_power *room);
void symo_orbit_add_alphas(orbit *o); /* their entries */
symo_state_entry symo_orbit_alpha_entry(const orbit *o, size_t index);
symo_status symo_orbit_take_alphas(const void *self, void *const *state, const double *measured);
double symo_orbit_alpha(const void *self, void *const *state, size_t tensor, double *measured);

/* root.c */
symo_status symo_orbit_accumulate(const void *self, void *const *state, const curvature_step *step,
                                  symo_const_vector x, void *work);
symo_status symo_orbit_refresh(const void *self, void *const *state, const curvature_step *step,
                               size_t root, curvature_report *report, void *work);
size_t symo_orbit_refresh_work(const orbit *o, const orbit_label *l);

size_t symo_orbit_gram_work(const orbit *o, const orbit_label *l);

/* Chooses the unit of a label so that it suits both its memory and x, and rescales the memory to
 * it. all: an upper bound of the binary logarithm of the norm of the label's tensors of x; NaN:
 * unknown. */
double symo_orbit_take_unit(const orbit *o, void *const *state, const orbit_label *l,
                            const curvature_step *step, symo_const_vector x,
                            const curvature_scale *scale, double all);

/* estimated.c: steps by an estimate that sees the parameters */
const char *symo_orbit_estimated_refuse(const symo_method *method);
/* The factor of the squares of a vector in memory. */
double symo_orbit_estimated_weight(const orbit *o, const curvature_step *step);
symo_status symo_orbit_estimate(const orbit *o, void *const *state, const curvature_step *step,
                                curvature_report *report, void *work);
size_t symo_orbit_estimate_work(const orbit *o);

/* basis.c: labels with second moments in a basis. */
/* An entry `progress`: the sum of the weights of all vectors that second moments hold; the step of
 * the last one; then, for each member, how many eigenvalues counted as zero when its basis was
 * made. */
enum { ORBIT_WEIGHT, ORBIT_TAKEN, ORBIT_PROGRESS };
static inline bool orbit_in_basis(const orbit_label *l) { return l->progress != ORBIT_NO_ENTRY; }
orbit_basis symo_orbit_basis_of(const symo_method *method);
const char *symo_orbit_basis_refuse(const symo_method *method);
/* Whether second moments take in what covariances do not, and choose units for it. */
bool symo_orbit_moments_ahead(const orbit *o);
size_t symo_orbit_moments_size(const orbit *o, const orbit_label *l);

/* After a refresh of all bases [count, m, m]; eigenvalues [count, m]: of the corrected C, in
 * units. */
void symo_orbit_basis_start(const orbit *o, const orbit_label *l, void *const *state,
                            const curvature_step *step, const double *eigenvalues);
size_t symo_orbit_basis_work(const orbit *o, const orbit_label *l);
/* The result is to be taken times 2^to. */
typedef struct orbit_vectors { /* of the label's process */
  symo_const_vector g, u;
  symo_vector out;
  orbit_far g_far, u_far;
} orbit_vectors;
void symo_orbit_basis_apply(const orbit *o, const orbit_label *l, void *const *state,
                            const curvature_step *step, const orbit_vectors *v, double to,
                            void **spare, void *work);
double symo_orbit_basis_flops(const orbit *o, const orbit_label *l);

/* apply.c */
symo_status symo_orbit_apply(const void *self, void *const *state, const curvature_step *step,
                             symo_const_vector g, symo_const_vector u, symo_vector out, void *work);
size_t symo_orbit_apply_work(const orbit *o, const orbit_label *l);
size_t symo_orbit_apply_head(const orbit *o);
/* Dense coordinates [count, ambient, m] of u in the unit 2^to, as symo_orbit_in leaves it; rest:
 * symo_orbit_gather_bytes of scratch; far: of labels that are apart. */
void symo_orbit_gather(const orbit *o, const orbit_label *l, symo_const_vector u, double to,
                       const orbit_far *far, void *x, void *rest);
void symo_orbit_scatter(const orbit *o, const orbit_label *l, void *x, symo_vector out,
                        const orbit_far *far, void *rest);
size_t symo_orbit_gather_bytes(const orbit *o, const plan_label *l);

/* gather.c */
/* The whole label as one matrix in u and, dense, in out; *to is then where the result goes, and *x
 * transposed if that lies transposed. */
bool symo_orbit_as_matrices(const orbit *o, const orbit_label *l, symo_const_vector u,
                            symo_vector out, symo_mat *x, void **to);
/* Gathering and scattering by the threads of a pool, tensor by tensor, of labels that are not apart.
 * Each thread has the scratch that is its own in the work space of apply, worker 0 has `rest`. */
typedef struct orbit_room {
  symo_pool *pool;
  const curvature_step *step;
  void *work, *rest;
} orbit_room;
void symo_orbit_gather_by(const orbit *o, const plan_label *l, const orbit_room *room,
                          symo_const_vector u, void *x);
void symo_orbit_scatter_by(const orbit *o, const plan_label *l, const orbit_room *room, void *x,
                           symo_vector out);

#endif
