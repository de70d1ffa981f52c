#ifndef SYMO_OPTIM_KFAC_H
#define SYMO_OPTIM_KFAC_H

#include "core/alloc.h"
#include "hessian/pair.h"
#include "optim/curvature/curvature.h"

/* What the files of K-FAC curvature share: see kfac.c, statistics.c, roots.c,
 * inverses.c, low_rank.c, apply.c. */

/* Rows of the matrix of a site that are one tensor of the rule; of the bias a column. */
typedef struct kfac_part {
  size_t tensor, first, rows;
  bool bias;
} kfac_part;

/* One factor, of inputs or of outputs. */
typedef struct kfac_side {
  size_t n, k;    /* k: vectors kept, at most; n where all are */
  size_t tests;   /* test vectors at most; 0: whole matrices */
  bool identity;  /* of a table: a diagonal, whose basis is the identity */
  bool inverse;   /* inverses.c: the inverse stands in the place of the basis */
  int sum, basis; /* entries: the average [n, n] (with tests none: -1), the basis [k, n] (-1) */
  int values;     /* float64, [symo_kfac_num_values] and KFAC_NUMBERS behind them */
} kfac_side;

enum { KFAC_TAIL, KFAC_ACTIVE, KFAC_TRACE, KFAC_UNIT, KFAC_TAKEN, KFAC_NUMBERS };

typedef struct kfac_block {
  size_t site; /* of the plan */
  symo_factor_site where;
  size_t first, num; /* parts */
  bool bias;         /* the bias is among them: the inputs have a 1 behind them */
  kfac_side a, g;
  int moments; /* entry [g.n, a.n]; -1 */
} kfac_block;

typedef struct kfac_curvature {
  symo_context *context;
  symo_layout *layout;
  symo_method method;
  symo_dtype dtype;
  size_t num_blocks, num_parts, num_entries;
  kfac_block *blocks;
  kfac_part *parts;
  size_t head, work; /* bytes: numbers of all blocks in front of the work space; of one worker */
  size_t tests_bytes, tests_work; /* of the test vectors of all blocks; to make those of one */
  symo_kfac_damping damping;
  bool inverses; /* inverses.c in place of roots.c */
} kfac_curvature;

static inline size_t symo_kfac_num_values(const kfac_side *s) {
  return s->inverse && !s->identity ? 0 : s->k;
}

static inline double *symo_kfac_numbers(const kfac_side *s, void *const *state) {
  return (double *)state[s->values] + symo_kfac_num_values(s);
}

/* The basis of a side as it stands, and both with the moments; false before the first root. */
factor_basis symo_kfac_side(const kfac_side *s, void *const *state);
bool symo_kfac_pair_of(const kfac_curvature *c, const kfac_block *b, void *const *state,
                       factor_pair *out);

/* The weight of what there is when update number t comes (from 1): beta2, corrected if so said. */
double symo_kfac_keep(const symo_method *method, uint64_t t);

/* statistics.c */
size_t symo_kfac_sums_bytes(const void *self);
void symo_kfac_sums(const void *self, void *const *state, uint64_t step, void *memory,
                    symo_factor_sums *sums);
size_t symo_kfac_sums_reads(const void *self, size_t entry);
symo_status symo_kfac_accumulate(const void *self, void *const *state, const curvature_step *step,
                                 symo_const_vector x, void *work);

/* roots.c */
size_t symo_kfac_root_work(const kfac_curvature *c, const kfac_block *b);
symo_status symo_kfac_refresh(const void *self, void *const *state, const curvature_step *step,
                              size_t root, curvature_report *report, void *work);

/* The values of a diagonal factor from its average. */
void symo_kfac_take_diagonal(const kfac_curvature *c, const kfac_side *s, void *const *state);

/* inverses.c: of both factors, damped by lambda; y := their product with x, [g.n, a.n], work as
 * large. */
size_t symo_kfac_inverse_work(const kfac_curvature *c, const kfac_block *b);
symo_status symo_kfac_refresh_inverses(const kfac_curvature *c, const kfac_block *b,
                                       void *const *state, double lambda, curvature_report *report,
                                       char *work);
void symo_kfac_apply_inverses(const kfac_curvature *c, const kfac_block *b, void *const *state,
                              const void *x, void *y, void *work);

/* low_rank.c: how many test vectors the next statistics take, at most s->tests; these [columns, n],
 * those there are and random ones, orthonormal; and the factor after an update from sum [columns, n],
 * their products with the sum of new statistics. */
enum { KFAC_OVERSAMPLE = 8 };
size_t symo_kfac_low_work(const kfac_side *s);
size_t symo_kfac_num_tests(const kfac_curvature *c, const kfac_side *s, void *const *state);
symo_status symo_kfac_tests(const kfac_curvature *c, const kfac_side *s, void *const *state,
                            size_t count, uint64_t seed, void *tests, void *work);
symo_status symo_kfac_low_update(const kfac_curvature *c, const kfac_side *s, void *const *state,
                                 size_t columns, const void *tests, const void *sum, double count,
                                 double trace, double keep, void *work);

/* apply.c */
size_t symo_kfac_apply_work(const kfac_curvature *c, const kfac_block *b);
double symo_kfac_apply_flops(const kfac_curvature *c, const kfac_block *b);
symo_status symo_kfac_apply(const void *self, void *const *state, const curvature_step *step,
                            symo_const_vector g, symo_const_vector u, symo_vector out, void *work);

#endif
