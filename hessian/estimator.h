#ifndef SYMO_HESSIAN_ESTIMATOR_H
#define SYMO_HESSIAN_ESTIMATOR_H

#include <symo/hessian.h>

#include "core/linalg.h"

/* The input and output of an estimator for one M of one label.  Averages are lower triangles of
 * [m, m], row-major.  The driver has scaled gradients and parameters so that squares are in range,
 * and undoes this afterwards. */
typedef struct estimate_block {
  symo_dtype dtype;
  size_t m;
  void *average; /* in: C_g, or C_gt + C_gt' if `cross`; out: M, both triangles */
  void *params;  /* C_t without damping; may be overwritten.  NULL if `params` is false */
  double damping;
  bool scale;
  bool rank_one;    /* average is x x' for one vector x */
  double tolerance; /* 10 m eps, more where averages lost precision: eigenvalues below this
                       fraction of the largest are zero */
  double *w;        /* m numbers */
  double *roots;    /* m numbers */
  void *work;       /* symo_eigh_work bytes: 2 m^2 numbers for other uses before and after */
} estimate_block;

/* The same for a label with fewer rows than columns.  The average is Z'Z with Z [rows, m]; the
 * estimator gets the smaller matrix Z Z' and a function that multiplies by Z. */
typedef struct estimate_stack {
  symo_dtype dtype;
  size_t rows, m;
  void *gram;       /* in: Z Z', lower triangle, [rows, rows]; may be overwritten */
  void *y;          /* rows m numbers */
  void *out;        /* M, [m, m] */
  double tolerance; /* 10 rows eps */
  double *w;        /* rows numbers */
  void *work;       /* symo_eigh_work(rows) bytes */
  void *self;
  void (*multiply)(void *self, symo_mat a, void *y); /* y [rows, m] = A Z */
} estimate_stack;

/* When `apply` computes an eigendecomposition, for which the driver allocates workspace. */
typedef enum estimate_eigh { EIGH_NEVER, EIGH_UNLESS_RANK_ONE, EIGH_ALWAYS } estimate_eigh;

/* The matrix that is estimated: the Fisher matrix, the absolute value |H| (both positive
 * semi-definite), or the Hessian H (indefinite). */
typedef enum estimate_target { ESTIMATE_FISHER, ESTIMATE_ABS, ESTIMATE_HESSIAN } estimate_target;

/* The curve of the estimator in plots: the name of a colour of the palette ("blue"), gnuplot's
 * numbers of the dash and the point, and the width of the line. */
typedef struct estimate_curve {
  const char *colour;
  int dash, point;
  double width;
} estimate_curve;

struct symo_estimator {
  const char *name, *summary;
  const char *help; /* its line in `symo estimate --help` */
  estimate_target target;
  estimate_curve curve;
  estimate_eigh eigh;
  symo_coupling coupling;
  bool cross;      /* starts from C_gt + C_gt' instead of C_g */
  bool params;     /* needs C_t */
  bool products;   /* for details: the gradients are products A v, the parameters the probes v */
  bool can_scale;  /* understands `scale` (then C_t is given too) */
  int grad_power;  /* M scales with the gradient to this power .. */
  int param_power; /* .. and with the parameters to this one */
  symo_status (*apply)(estimate_block *block);
  symo_status (*apply_stack)(estimate_stack *stack); /* NULL: only `apply` */
};

/* Names of all estimators for which `has` holds (NULL: of all): "a", "a, b" with `last` NULL, and
 * with `last` " and " "a, b and c". */
void symo_estimator_list(bool (*has)(const symo_estimator *estimator), const char *between,
                         const char *last, char *out, size_t size);
bool symo_estimator_can_scale(const symo_estimator *estimator);

#define SYMO_ESTIMATOR_LIST(X)                                                                     \
  X(covariance)                                                                                    \
  X(h_g)                                                                                           \
  X(h_g_bd)                                                                                        \
  X(h_pd)                                                                                          \
  X(h_star)

#define SYMO_ESTIMATOR_EXTERN(name) extern const symo_estimator symo_estimator_##name;
SYMO_ESTIMATOR_LIST(SYMO_ESTIMATOR_EXTERN)
#undef SYMO_ESTIMATOR_EXTERN

#endif
