#ifndef SYMO_GROUP_H
#define SYMO_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <symo/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A group acting on R^d: by orthogonal matrices, or (`scaling`) by positive diagonal ones.
 * Immutable, may be shared between threads.  The groups of the registry act for every d >= 1 and
 * live for ever; those made by symo_group_create or symo_group_from_ops are counted: what is made
 * from one (layouts, other groups, plans) keeps it alive. */
typedef struct symo_group symo_group;

/* The registry, in the order of `symo groups`. */
size_t symo_group_count(void);
const symo_group *symo_group_at(size_t index); /* NULL past the end */

/* By name ("signed-permutation"); NULL when there is none: what takes a group refuses NULL. */
const symo_group *symo_group_find(const char *name);

/* Texts that live as long as the group; never NULL, "" of NULL. */
const char *symo_group_name(const symo_group *group);
const char *symo_group_summary(const symo_group *group); /* what it is */
const char *symo_group_irreps(const symo_group *group);  /* how R^d decomposes, in words */
const char *symo_group_average(const symo_group *group); /* the average of x y' over it */
const char *symo_group_exact(const symo_group *group);   /* for which weights it is a symmetry */

/* True if it has parameters: layouts take what symo_group_create makes of it, not the row itself.
 * False of NULL. */
bool symo_group_has_parameters(const symo_group *group);

/* The only d it acts on; 0: every d, and of NULL. */
size_t symo_group_dim(const symo_group *group);

/* ---- groups with parameters ---- */

/* What generates a subgroup of O(dim), as arrays of the caller's:
 *   permutations  [num_permutations, dim]      0-based images: y[image[i]] = x[i]
 *   matrices      [num_matrices, dim, dim]     row-major, orthogonal: y = Q x
 *   lie           [num_lie, dim, dim]          row-major, antisymmetric: y = exp(t A) x, all t
 * Matrices that are signed permutations are recognised.  The group meant is the closed one that
 * all of them generate together; it need not be finite, and is not enumerated. */
typedef struct symo_generators {
  size_t dim;
  size_t num_permutations, num_matrices, num_lie;
  const size_t *permutations;
  const double *matrices, *lie;
} symo_generators;

/* Parameters by group; the others are left zero.
 *   wreath       copies h, num_parts 1: K wr S_h on R^h (x) R^k, dim = h k, index = copy * k + i
 *   product      parts: G1 x G2 x .. on R^{d1} (x) R^{d2} .., dim the product, last index fastest
 *   sum          parts: G1 x G2 x .. on R^{d1} + R^{d2} + .., dim the sum: one part after the other
 *   restriction  num_parts 1, keep: the subgroup that some generators of the part generate
 *   scaling      window a > 0, signs, permute: log c_k uniform on [-a, a], independent; signs: c_k
 *                of either sign; permute: and all permutations
 *   custom       generators */
typedef struct symo_group_spec symo_group_spec;

typedef struct symo_group_part {
  const symo_group *group;
  size_t dim;
} symo_group_part;

struct symo_group_spec {
  const char *group; /* name of a row with parameters */
  size_t dim;        /* 0: it follows from the parameters (scaling has none) */
  size_t num_parts;
  const symo_group_part *parts;
  size_t copies;
  size_t num_keep;
  const size_t *keep; /* [num_keep], of the generators in the order of `symo groups --generators` */
  double window;      /* default 1 */
  bool signs, permute;
  symo_generators generators;
  double reals[4]; /* parameters of groups that are none of the above .. */
  size_t sizes[4]; /* .. each as the table of its row says */
};

symo_group_spec symo_group_spec_default(const char *group);

/* What the spec points to is copied (groups are retained).  Refused with the measured defect and
 * the number of the generator: matrices that are not orthogonal or antisymmetric to 1e-9 (relative
 * to their size), images that are no permutation, NaN, infinity, sizes that do not fit.
 * SYMO_E_NAME: no such row; SYMO_E_ARGUMENT: a row without parameters, counts without arrays, parts
 * that are NULL; SYMO_E_SHAPE: parts on dimensions that they do not act on. */
symo_status symo_group_create(symo_context *context, const symo_group_spec *spec, symo_group **out);
void symo_group_destroy(symo_group *group); /* NULL and rows of the registry are accepted */

/* What a group was made from, as long as it lives; NULL for rows and for symo_group_from_ops. */
const symo_group_spec *symo_group_get_spec(const symo_group *group);

/* Its generators on R^dim, as symo_generators: *out and all it points to are one block of the
 * caller's (symo_free).  SYMO_E_UNSUPPORTED where there are none (scaling); SYMO_E_SHAPE if the
 * group does not act on R^dim. */
symo_status symo_group_generators(symo_context *context, const symo_group *group, size_t dim,
                                  symo_generators **out);

/* The number of elements, by enumeration: an independent check of what is found without.
 * SYMO_E_SIZE with the count reached if there are more than `cap` (Lie generators: always), or if
 * they do not fit 1 GiB; else as symo_group_generators. */
symo_status symo_group_order(symo_context *context, const symo_group *group, size_t dim, size_t cap,
                             size_t *out);

/* ---- groups in the caller's own code ---- */

typedef enum symo_group_type {
  SYMO_REAL = 1,
  SYMO_COMPLEX = 2,
  SYMO_QUATERNIONIC = 4
} symo_group_type;

/* An irrep: `dim` is its real dimension, a multiple of `type`.  multiplicity[p]: how often it stands
 * in R^d (p = 1) and R^d (x) R^d (p = 2).  Names tell labels apart: each its own, or all "". */
typedef struct symo_group_irrep {
  char name[32];
  size_t dim;
  symo_group_type type;
  size_t multiplicity[3];
} symo_group_irrep;

/* A group given by its transform to isotypic coordinates and back.  All functions get `self` and
 * the dimension d.  Coordinates of a lane are, irrep after irrep, [dim][multiplicity] numbers in
 * which the group acts on every copy by the same orthogonal matrix; irrep 0 is the trivial one
 * (its multiplicity may be 0).  Complex type: rows 2r, 2r + 1 are real and imaginary part;
 * quaternionic: rows 4r .. 4r + 3 are the parts 1, i, j, k; the group commutes with multiplication
 * by i (from the right, by i and j).  The transform is orthogonal.
 *
 * What the functions claim is checked when a plan is made (orthogonality, transpose, samples leave
 * irrep 0 alone and act alike on the copies of the others; not that irreps are irreducible and
 * different, which is believed) and refused with the measured defect.  While d^axes, summed over the
 * numbers of axes that occur, is at most 4096, bases are made then and no function is called
 * afterwards.  Beyond, checks are by random tensors, and analyze and synthesize are called for every
 * tensor that a plan transforms, by several threads at a time if the caller has several: they must
 * not write to `self`.  d^axes < 2^31. */
typedef struct symo_group_ops {
  size_t size;                        /* sizeof(symo_group_ops) */
  const char *name, *summary, *exact; /* copied */
  void *self;
  int max_axes; /* 1 or 2: on how many axes of a tensor the transform is given */
  symo_status (*accept)(void *self, size_t d); /* NULL: every d >= 1 */
  size_t (*num_irreps)(void *self, size_t d);  /* up to max_axes axes, 1 .. 65536 */
  void (*irrep)(void *self, size_t d, size_t index, symo_group_irrep *out);
  /* x, coordinates: [d^axes, lanes], row-major, float64, apart from each other */
  void (*analyze)(void *self, size_t d, int axes, size_t lanes, const double *x,
                  double *coordinates);
  void (*synthesize)(void *self, size_t d, int axes, size_t lanes, const double *coordinates,
                     double *x);
  /* A uniform (Haar) sample, [d, d] row-major: y = Q x. */
  symo_status (*sample)(void *self, size_t d, symo_rng *rng, double *q);
  /* Generators, for tensors with the space on more than max_axes axes; NULL: none, and refused. */
  const symo_generators *(*generators)(void *self, size_t d);
  void (*destroy)(void *self); /* with the last reference; NULL: nothing to do */
} symo_group_ops;

/* The table is copied.  SYMO_E_ARGUMENT with the name of a required slot that is NULL, or if `size`
 * or max_axes is wrong; SYMO_E_NAME if the name is not one. */
symo_status symo_group_from_ops(symo_context *context, const symo_group_ops *ops, symo_group **out);

/* Layout files and texts read with this context know the group by its name, before the registry's.
 * The context holds a reference.  SYMO_E_NAME if the name is taken.  find: NULL when there is
 * none. */
symo_status symo_context_add_group(symo_context *context, const symo_group *group);
const symo_group *symo_context_find_group(const symo_context *context, const char *name);

#ifdef __cplusplus
}
#endif
#endif
