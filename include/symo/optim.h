#ifndef SYMO_OPTIM_H
#define SYMO_OPTIM_H

#include <stdint.h>
#include <symo/layout.h>
#include <symo/problem.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Optimizers as one composed and planned step (docs/mathematics.md, section 8).  A method says what
 * curvature is kept, how its root is taken and what happens to the direction; rules give each
 * tensor a method; the plan made of both is immutable and may be shared; state belongs to one
 * run. */

/* ---- methods ---- */

/* Modules are const tables of the library: symo_curvature_orbit_blocked is the curvature that texts
 * call "orbit-blocked".  One row of a list registers one, by its name in C and its name in texts;
 * options and help name them in this order.  symo_module_at says what each does. */
typedef struct symo_curvature symo_curvature;
typedef struct symo_solver symo_solver;
typedef struct symo_damping symo_damping;
typedef struct symo_precondition symo_precondition; /* of cg */

#define SYMO_CURVATURE_LIST(X)                                                                     \
  X(orbit, "orbit")                                                                                \
  X(orbit_blocked, "orbit-blocked")                                                                \
  X(per_axis, "per-axis")                                                                          \
  X(diagonal, "diagonal")                                                                          \
  X(clipped, "clipped")                                                                            \
  X(scalar, "scalar")                                                                              \
  X(none, "none")                                                                                  \
  X(hessian, "hessian")                                                                            \
  X(ggn, "ggn")                                                                                    \
  X(fisher, "fisher")                                                                              \
  X(kfac, "kfac")

#define SYMO_SOLVER_LIST(X)                                                                        \
  X(auto, "auto")                                                                                  \
  X(eigh, "eigh")                                                                                  \
  X(newton_schulz, "newton-schulz")                                                                \
  X(polar_express, "polar-express")                                                                \
  X(shaped, "shaped")                                                                              \
  X(coupled_newton, "coupled-newton")                                                              \
  X(cholesky, "cholesky")                                                                          \
  X(cg, "cg")

#define SYMO_DAMPING_LIST(X)                                                                       \
  X(constant, "constant")                                                                          \
  X(trace, "trace")                                                                                \
  X(factored, "factored")                                                                          \
  X(largest, "largest")                                                                            \
  X(levenberg_marquardt, "levenberg-marquardt")

#define SYMO_PRECONDITION_LIST(X)                                                                  \
  X(none, "none")                                                                                  \
  X(diagonal, "diagonal")                                                                          \
  X(orbit, "orbit")

#define SYMO_CURVATURE_EXTERN(id, name) extern const symo_curvature symo_curvature_##id;
#define SYMO_SOLVER_EXTERN(id, name) extern const symo_solver symo_solver_##id;
#define SYMO_DAMPING_EXTERN(id, name) extern const symo_damping symo_damping_##id;
#define SYMO_PRECONDITION_EXTERN(id, name) extern const symo_precondition symo_precondition_##id;
SYMO_CURVATURE_LIST(SYMO_CURVATURE_EXTERN)
SYMO_SOLVER_LIST(SYMO_SOLVER_EXTERN)
SYMO_DAMPING_LIST(SYMO_DAMPING_EXTERN)
SYMO_PRECONDITION_LIST(SYMO_PRECONDITION_EXTERN)
#undef SYMO_CURVATURE_EXTERN
#undef SYMO_SOLVER_EXTERN
#undef SYMO_DAMPING_EXTERN
#undef SYMO_PRECONDITION_EXTERN

/* Choices, in the order in which symo_option.values names them. */
typedef enum symo_source {
  SYMO_SOURCE_GRADIENT,
  SYMO_SOURCE_MOMENTUM,
  SYMO_SOURCE_HUTCHINSON,
  SYMO_SOURCE_BARTLETT
} symo_source;
typedef enum symo_step_estimator {
  SYMO_STEP_H_G,
  SYMO_STEP_H_PD,
  SYMO_STEP_H_STAR
} symo_step_estimator;
typedef enum symo_alpha_curvature { SYMO_ALPHA_GGN, SYMO_ALPHA_HESSIAN } symo_alpha_curvature;
typedef enum symo_space { SYMO_SPACE_PARAMETERS, SYMO_SPACE_ROWS } symo_space;
typedef enum symo_basis {
  SYMO_BASIS_NONE,
  SYMO_BASIS_ADAM,
  SYMO_BASIS_COLUMN,
  SYMO_BASIS_EXAMPLE
} symo_basis;
typedef enum symo_graft { SYMO_GRAFT_NONE, SYMO_GRAFT_SGD, SYMO_GRAFT_ADAM } symo_graft;
typedef enum symo_scale {
  SYMO_SCALE_NONE,
  SYMO_SCALE_SHAPE,
  SYMO_SCALE_MATCH_RMS,
  SYMO_SCALE_UNIT_RMS
} symo_scale;
typedef enum symo_cut_reference {
  SYMO_CUT_LARGEST,
  SYMO_CUT_MEDIAN,
  SYMO_CUT_NOISE
} symo_cut_reference;
typedef enum symo_decay { SYMO_DECAY_DECOUPLED, SYMO_DECAY_L2 } symo_decay;
typedef enum symo_schedule {
  SYMO_SCHEDULE_CONSTANT,
  SYMO_SCHEDULE_EXPONENTIAL,
  SYMO_SCHEDULE_LINEAR,
  SYMO_SCHEDULE_COSINE,
  SYMO_SCHEDULE_WSD
} symo_schedule;

/* For symo_method.alpha, "auto" in texts: measured on the run, matrix by matrix. */
#define SYMO_ALPHA_AUTO (-1.0)

/* Plain data.  Modules are pointers, choices are enums; symo_method_set reads both from texts. */
typedef struct symo_method {
  char preset[32]; /* where the numbers came from; for people */
  const symo_curvature *curvature;
  /* Which groups act on the spaces, for orbit curvature.  layout: those of the layout.  alternate:
   * every second hidden space keeps its group, the others get the identity, so that each matrix is
   * acted on from one side.  alternate copies: the same with every copy of a wreath product by
   * itself (K^h in place of K wr S_h): each attention head has its own covariance.  alternate
   * GROUP: the same as alternate with GROUP on all spaces.  A group ("sign-flip", "orthogonal",
   * "identity"): that one on every space. */
  char groups[128];
  /* What covariances are made of.  hutchinson, bartlett: of estimates of a diagonal that the problem
   * makes (symo_optim_problem_step): of the Hessian, by products with random signs, and of the
   * Gauss-Newton matrix, by gradients at targets drawn from the model.  For curvature diagonal
   * (the average is that of their squares, as in AdaHessian) and clipped (of themselves, as in
   * Sophia). */
  symo_source source;
  /* Orbit curvature: the estimate H of the Hessian of which the step is lr H^{-1} u.  h-g:
   * C^{alpha / 2}.  h-pd: from the centred orbit covariance of the parameters now and that of past
   * vectors, equation 10 of the paper; h-star: the absolute value of the symmetric least squares
   * of past vectors on parameters.  The last two need damping `largest`. */
  symo_step_estimator estimator;
  const symo_solver *solver;
  const symo_damping *damping;
  const symo_precondition *precondition; /* of cg */
  /* Curvatures ggn and fisher: where their systems are solved.  parameters: as large as the
   * parameters.  rows: of ggn as large as examples times outputs, for problems that have rows; of
   * fisher as large as examples, for problems that have products with gradients of single examples
   * (symo/problem.h). */
  symo_space space;
  /* Second moments in the eigenbasis of the curvature.  Every step updates them; they correct the
   * eigenvalues between refreshes.  none.  adam: of every entry of the gradient (per-axis: SOAP;
   * orbit: of the coordinates of a label, with eps added to the root; with eps 0, moments that are
   * nothing beside the largest count as zero).  column (orbit): one number
   * for each eigenvector, of what `source` names; steps stay equivariant, and with refresh_every 1
   * they are those of the plain root.  example (kfac): of the gradients of
   * single examples, with the statistics, in place of the eigenvalues (EKFAC). */
  symo_basis basis;
  symo_fisher fisher;                   /* kfac: at which labels */
  symo_sharing sharing;                 /* kfac: of weights at several positions */
  symo_alpha_curvature alpha_curvature; /* see alpha_first */
  symo_graft graft; /* each tensor of the direction is scaled to the norm that this method gives */
  symo_scale scale;
  symo_decay decay;
  symo_schedule schedule;

  double lr, min_lr;      /* min_lr: where schedules end */
  double rate;            /* exponential: lr rate^t */
  double stable_fraction; /* wsd: share of the steps behind the warm-up at a constant rate */
  double momentum;        /* b; 0: none */
  double beta2;           /* memory of covariances: 0 none, 1 a sum, else an average */
  double alpha;           /* the step is u C^{-alpha/2}, in [0, 2], or SYMO_ALPHA_AUTO */
  double eps;             /* added as `damping` says; diagonal: to the root */
  /* Orbit curvature: singular values s go to s (s^q + c^q)^{-alpha / q}, q = cut_order (0: alpha,
   * the filter of Spectral Newton) and c = cut times what cut_reference says.  0: no cut, the plain
   * power.  Solvers eigh (exact) and shaped. */
  double cut, cut_order;
  /* Of what the root is taken of, eps included:
   *   largest  the Schatten 4-norm (sum s^4)^{1/4}, the largest but for a factor of at most
   *            (number of s)^{1/4}; cut is at most 0.5
   *   median   the median of s if log s were normal, from sum s^2 and sum s^4
   *   noise    the largest singular value that noise in the direction alone would have: its
   *            standard deviation times sqrt(rows) + sqrt(columns), estimated from how gradients
   *            stray from their average.  Without memory, with momentum.
   * With the last two c is never taken below 0.006 of the 4-norm. */
  symo_cut_reference cut_reference;
  /* alpha auto, of curvature orbit-blocked without memory: how curvature goes with the singular
   * values of a matrix's gradient, <u_k v_k', H u_k v_k'> ~ sigma_k^alpha (docs/mathematics.md,
   * section 6a), by products of the problem with the Gauss-Newton matrix or the Hessian
   * (alpha_curvature) along alpha_directions of the u_k v_k' of every matrix, before step alpha_first
   * + 1 and, unless alpha_every is 0, every alpha_every steps from there.  What is found is brought
   * into [alpha_min, alpha_max] and averaged, the past with weight alpha_memory; steps have the
   * nearest multiple of alpha_step, or alpha_initial as long as nothing was found: before the first
   * measurement, for vectors, and where fewer than five directions have positive curvature. */
  double alpha_initial, alpha_min, alpha_max, alpha_step, alpha_memory;
  uint64_t alpha_first, alpha_every, alpha_directions;
  double gamma; /* clipped: the direction is u / max(gamma h, eps), entries clipped to 1 */
  /* kfac: eigenpairs kept of each factor, a whole number or, below 1, a share of its dimension; 0:
   * all.  rank_share: and no more than make up this share of its trace; 0: rank of them. */
  double rank, rank_share;
  double kl_clip; /* kfac: largest lr^2 d'Fd of the direction d of all sites; 0: any */
  double weight_decay;
  double clip_norm, clip_value; /* of the gradient; 0: not */
  double skip_tolerance; /* a basis is kept while it diagonalises C so well: |off| <= tol |C|, and
                            beside its eigenvalues too; not before memory can have full rank */
  double stale_floor; /* orbit, where roots or statistics are not of every step: added to C before a
                         root that serves several steps.  It bounds the step along directions that C
                         has not seen: a vector of mean size steps at most as far as with a fresh
                         root, over sqrt(stale_floor); larger ones in proportion.  0: no bound */
  double solver_tolerance;

  uint64_t warmup_steps, total_steps;                   /* of schedules */
  uint64_t statistics_every, refresh_every, start_step; /* in steps; the roots of one rule are
                                                            spread over refresh_every steps */
  uint64_t solver_steps; /* iterations of newton-schulz, polar-express; products of shaped; most of
                            others; 0: its own */
  uint64_t probes, probe_seed; /* hutchinson: products in an estimate; of the signs, and of the
                                  targets of bartlett */
  uint64_t max_dim;            /* per-axis: longer axes are left alone */

  bool momentum_ema;        /* m <- b m + (1 - b) g; else m <- b m + g */
  bool momentum_correction; /* divided by 1 - b^t */
  bool nesterov;
  bool correction; /* averages of covariances divided by 1 - beta2^t */
  bool mean;       /* C = X'X / n; false: X'X */
  bool centered;   /* label 0 is left out of the covariance */
  bool stagger;
  bool warm_start;      /* cg starts at the last solution */
  bool spatial_average; /* hutchinson, bartlett: absolute values averaged over all axes of a tensor
                           but the first two */
} symo_method;

/* "adamw", "muon", "symo", ..; SYMO_E_NAME with a suggestion otherwise. */
symo_status symo_method_preset(symo_context *context, const char *name, symo_method *out);
size_t symo_method_num_presets(void);
const char *symo_method_preset_name(size_t index); /* NULL past the end */
const char *symo_method_preset_summary(size_t index);

/* The options of a method, one row each, from which files, command lines and help are made. */
typedef enum symo_option_kind {
  SYMO_OPTION_NUMBER,
  SYMO_OPTION_FLAG,
  SYMO_OPTION_NAME
} symo_option_kind;
typedef struct symo_option {
  const char *key; /* "weight_decay" */
  symo_option_kind kind;
  double min, max;    /* of numbers */
  const char *values; /* of names: "none shape match-rms unit-rms"; NULL: any.  Of numbers: a word
                         that may stand in the place of one, "auto"; NULL: none */
  const char *help;
} symo_option;

/* How many options there are; the row of each, constant. */
size_t symo_method_num_options(void);
const symo_option *symo_method_option(size_t index); /* NULL past the end */

/* By key; SYMO_E_NAME (with a suggestion) or SYMO_E_ARGUMENT (with the range); the method is then
 * as it was.  get writes text that set reads back to the same bits. */
symo_status symo_method_set(symo_context *context, symo_method *method, const char *key,
                            const char *value);
symo_status symo_method_get(symo_context *context, const symo_method *method, const char *key,
                            char value[128]);

/* ---- rules ---- */

/* The first rule that fits gives a tensor its method: pattern against the name (the letters of names,
 * '*' any run of them, '?' one), its number of axes, and whether a group moves it.  A tensor that no rule
 * fits is an error, and so is a second pattern of which no rule has a tensor. */
typedef struct symo_rule {
  char pattern[SYMO_MAX_NAME + 1]; /* "*" */
  char also[SYMO_MAX_NAME + 1];    /* a pattern that the name must fit besides; "": there is none */
  int min_order, max_order;
  bool needs_site;  /* only tensors of a site of the spec */
  bool needs_group; /* only tensors with an axis whose group in the layout is not identity */
  symo_method method;
} symo_rule;

/* What a step does with a gradient that is not finite. */
typedef enum symo_nan_policy { SYMO_NAN_SKIP, SYMO_NAN_STOP } symo_nan_policy;

/* Rules, and what holds for all of them. */
typedef struct symo_optim_spec {
  size_t num_rules;
  const symo_rule *rules;
  symo_dtype dtype; /* of parameters and state; SYMO_ANY: that of the layout, else float64 */
  /* A gradient or loss that is not finite or out of range.  The step is refused and counted.  skip,
   * the default: its status is SYMO_OK, so the status alone does not show it; accepted and
   * refused_steps of the report do.  stop: it is SYMO_E_NONFINITE or SYMO_E_NUMERIC. */
  symo_nan_policy nan;
  /* Most bytes of state and work space; more is SYMO_E_SIZE with both numbers.  0: no limit. */
  double budget_bytes;
  /* At least 1.  Independent roots, tensors and labels run in parallel; each thread has its own
   * work space and one BLAS thread.  The bits are those of one thread with one BLAS thread. */
  int threads;
  /* For curvature kfac: where the model multiplies (symo/factors.h), num_sites and sites of the
   * problem that steps will be taken on; copied.  No part of files. */
  size_t num_sites;
  const symo_factor_site *sites;
} symo_optim_spec;

/* No rules, the type of the layout, refused steps that go on, no limit, one thread. */
symo_optim_spec symo_optim_spec_default(void);

/* The rules that go with a method.  A method for matrices (curvature per-axis, or groups alternate)
 * takes the tensors of two axes and more, and adamw takes the others.  adamw has the rate,
 * schedule, decay and clipping of the method; beside muon, the settings of Muon's authors.
 * `alternate` without a group means the groups of the layout, so adamw then also takes the tensors
 * that these do not move.  Curvature kfac takes the tensors of sites, adamw with its own rate the
 * others.  Any other method takes all tensors.  rules: room for 4; *num is set. */
symo_status symo_optim_preset_rules(symo_context *context, const symo_method *method, size_t *num,
                                    symo_rule rules[4]);

/* ---- the plan ---- */

/* An optimizer: which tensor gets what, planned.  Immutable; threads may share it. */
typedef struct symo_optim symo_optim;

/* Gives each tensor its method, pairs the modules, and sizes state and work space.  Freezes the
 * layout and copies the rules.  SYMO_E_UNSUPPORTED: modules that do not go together, with the
 * reason; SYMO_E_ARGUMENT: no rules, a tensor that no rule fits, a number out of range;
 * SYMO_E_NAME: a module that is none of the library's, a pattern that is no text; SYMO_E_DTYPE;
 * SYMO_E_SIZE: above the budget. */
symo_status symo_optim_create(symo_layout *layout, const symo_optim_spec *spec, symo_optim **out);
void symo_optim_destroy(symo_optim *optim); /* NULL is accepted; states keep it alive */

/* Which rule a tensor got; SYMO_NONE if there is no such tensor. */
size_t symo_optim_rule_of(const symo_optim *optim, size_t tensor);

/* The plan, for people: tensors with method and reason, items with cadence, phase, start, flops and
 * bytes, the solver chosen for every root.  *out is the caller's (symo_free). */
symo_status symo_optim_describe(const symo_optim *optim, char **out);

/* What the plan adds up to. */
typedef struct symo_optim_cost {
  double state_bytes, work_bytes;
  double flops_per_step; /* amortised over the cadences; cg at its most iterations, without the
                            products of the problem */
} symo_optim_cost;
/* For one state and its steps. */
symo_optim_cost symo_optim_cost_of(const symo_optim *optim);

/* True if steps need a symo_problem (curvature hessian or ggn, damping levenberg-marquardt, source
 * hutchinson or bartlett, alpha auto; with curvature kfac, for statistics that do not come by
 * symo_optim_state_factors). */
bool symo_optim_needs_problem(const symo_optim *optim);

/* ---- state and steps ---- */

/* What one run remembers.  One thread at a time may use it; it keeps its optimizer alive. */
typedef struct symo_optim_state symo_optim_state;
/* Moments at zero; allocates all that steps need. */
symo_status symo_optim_state_create(symo_optim *optim, symo_optim_state **out);
void symo_optim_state_destroy(symo_optim_state *state); /* NULL is accepted */

/* symo_context_detail of its context; "" for NULL. */
const char *symo_optim_state_detail(const symo_optim_state *state);

/* Where the time of a step went: the problem's gradient; all elementwise work, with the search for
 * NaN; covariances; roots; directions; systems solved with products; trials of such steps.  Layer
 * statistics come with a gradient, and what that takes longer than the last one without is theirs.
 * Zeros without a clock. */
typedef struct symo_step_seconds {
  double gradient, update, statistics, roots, direction, solve, trial;
} symo_step_seconds;

/* The library reads no clock.  The one given times the steps of this state: it returns seconds
 * since any fixed moment, and is called a few times for every rule, in the thread that calls the
 * step. NULL: no clock, as at the start. */
typedef double (*symo_clock)(void *self);
void symo_optim_state_set_clock(symo_optim_state *state, symo_clock clock, void *self);

/* Sets the learning rate of a rule, in place of that of its method, from the next step on: for
 * schedules of the caller's own.  Steps then have the bits that they would have if the method had
 * had this lr from the start.  A schedule and a warm-up of the method still apply to it.  The rate
 * is no part of checkpoints: a new state, and one that was read, has that of its method.
 * SYMO_E_ARGUMENT if there is no such rule, lr is outside the range of the option lr, or lr is
 * below min_lr; the rate is then unchanged. */
symo_status symo_optim_state_set_lr(symo_optim_state *state, size_t rule, double lr);

/* What a step did.  A number that does not apply is NaN, a count 0. */
typedef struct symo_step_report {
  uint64_t step; /* steps taken, this one included */
  bool accepted; /* false: parameters are as they were, also where the status is SYMO_OK */
  double lr, damping, reduction_ratio;
  double gradient_norm, update_norm; /* over all tensors; update: of the change of parameters */
  double worst_condition,
      effective_rank; /* over the roots refreshed in this step: largest condition
                                             number, smallest tr^2 / |C|^2, 1 at least */
  uint64_t refreshes, kept_roots, failed_roots; /* in this step: taken, skipped as good, failed and
                                                   kept at the last good one */
  uint64_t refused_steps, rejected_steps;       /* since the start: not finite or out of range; not
                                                   accepted */
  uint64_t cg_iterations;
  uint64_t measured_alphas; /* matrices whose exponent was measured for this step (alpha auto) */
  symo_step_seconds seconds;
} symo_step_report;

/* params := params - step, from one gradient at params.  Both hold numbers of the optimizer's dtype
 * and share no memory, else SYMO_E_DTYPE and SYMO_E_ARGUMENT with nothing written, counted or
 * reported; strides as the caller likes.  Allocates nothing.  report may be NULL.
 *
 * A gradient that the step cannot be taken with is refused before anything is written: accepted is
 * false, and refused_steps counts it.  The status is SYMO_OK all the same, unless the spec says
 * stop for nan; a loop that looks at the status alone does not notice that the parameters stay.
 * Refused are
 *   NaN and infinity                      stop: SYMO_E_NONFINITE
 *   norms whose squares would leave the   stop: SYMO_E_NUMERIC
 *   range of the type, where moments are
 *   kept entry by entry (diagonal, graft
 *   adam)
 * the latter in float32 from 1.8e19 for one tensor, less by what a sum (beta2 1) has taken in
 * already.  All other memory comes in powers of two of its own, one for each tensor, label or axis:
 * a step of c g is that of g times c to the degree of the method, for every power of two c, but for
 * what the last bits of a subnormal lose and where eps is absolute.
 *
 * SYMO_E_NUMERIC besides, for a change that the parameters of a tensor cannot take, which is then
 * not made; tensors before it have been changed. */
symo_status symo_optim_step(symo_optim_state *state, symo_const_vector grad, symo_vector params,
                            symo_step_report *report);

/* The same for methods that ask the problem for products and losses; theta: [size] of the problem,
 * whose tensors are those of the layout.  Also good for methods that do not: takes the gradient
 * first.  *loss: at theta before the step, also when the step is refused for its sake.  loss and
 * report may be NULL.  SYMO_E_SHAPE, SYMO_E_DTYPE: a problem of another size or type;
 * SYMO_E_UNSUPPORTED: a slot that the method needs is NULL. */
symo_status symo_optim_problem_step(symo_optim_state *state, const symo_problem *problem,
                                    void *theta, double *loss, symo_step_report *report);

/* The exponent that the steps of a tensor have: alpha of its method or, where that is auto, what the
 * measurements so far have come to, of which *measured is the average; NaN: there are none.  measured
 * may be NULL.  NaN if there is no such tensor, or none of the exponents is one. */
double symo_optim_state_alpha(const symo_optim_state *state, size_t tensor, double *measured);

/* For curvature kfac and gradients of the caller's own: what the coming step wants to know of its
 * batch, cleared; the caller adds to it (symo_factor_sums_add, at the parameters before the step)
 * and then calls symo_optim_step.  Valid until then.  NULL where the step wants nothing: between
 * statistics, and always with other curvatures.  symo_optim_problem_step does all this itself. */
const symo_factor_request *symo_optim_state_factors(symo_optim_state *state);

/* The state as named arrays, for checkpoints: entry names hold tensor or label names and stay the
 * same between versions of a run.  Entry data may be read and written between steps. */
typedef struct symo_state_entry {
  char name[2 * SYMO_MAX_NAME];
  symo_dtype dtype;
  size_t order, shape[SYMO_MAX_ORDER];
  void *data;
} symo_state_entry;

/* The data are the state's.  Past the end, and of NULL: zeros.  As the caller may write there,
 * steps of SGD and Adam look at the entries first from then on, and take about a quarter longer. */
size_t symo_optim_state_num_entries(const symo_optim_state *state);
symo_state_entry symo_optim_state_entry(symo_optim_state *state, size_t index);

/* ---- the modules there are ---- */

/* A module as help lists it; constant texts. */
typedef struct symo_module {
  const char *kind, *name, *summary; /* kind: curvature solver damping precondition update */
} symo_module;
/* How many modules there are, and each of them. */
size_t symo_module_count(void);
symo_module symo_module_at(size_t index); /* all NULL past the end */

#ifdef __cplusplus
}
#endif
#endif
