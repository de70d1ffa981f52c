#ifndef SYMO_GROUPS_GROUP_H
#define SYMO_GROUPS_GROUP_H

#include <symo/group.h>
#include <symo/layout.h>

#include "core/nd.h"

struct generator_set;

/* A group is one const table of functions.  For a tensor with the space R^d on `order` of its axes,
 * the group says which irreps occur and how their coordinates are computed.  Every function gets
 * the group as `self`.  Rows of the registry have no state; a group with parameters is a larger
 * struct that begins with the table (groups/instance.h).
 *
 * Coordinates are stored in a frame.  For example, the standard irrep of a permutation group, which
 * is a subspace of R^d, is stored as the d numbers of its embedding and not as d - 1 numbers in
 * some basis.  Gram matrices, products from the right and pseudo-inverses are the same as in a
 * basis, and no basis matrix is needed.
 *
 * An irrep of complex or quaternionic type (type 2 or 4) is stored together with its images under
 * the units of the endomorphism algebra, X -> [X, JX, ..] / sqrt(type), which count as further
 * copies.  The Gram matrix over n / type is then the real form of a Hermitian matrix, and all that
 * follows is the same as for real type. */
enum { SYMO_MAX_FRAME = 4, SYMO_MAX_IRREPS = 6 };

typedef struct symo_irrep {
  const char *name;
  size_t dim;   /* n / type */
  size_t count; /* inequivalent irreps of this shape, each with its own M; 1 unless `family` */
  bool family;  /* the first row axis, [count], is the index of the irrep */
  int ambient;  /* number of further row axes; 0: each irrep has one row */
  size_t frame[SYMO_MAX_FRAME]; /* lengths of these axes */
  size_t type;                  /* 1 real, 2 complex, 4 quaternionic; 0 counts as 1 */
} symo_irrep;

/* One irrep in R^d or in a tensor power.  Each group numbers its irreps, with the same numbers for
 * all orders, so that equal numbers mean equal irreps.  Number 0 is the trivial irrep. */
typedef struct symo_component {
  int irrep;
  size_t copies; /* multiplicity on these axes, times the type */
} symo_component;

/* A parameter of a group: its place in symo_group_spec and how to read, write and compare it.  The
 * short notation, layout files and `symo groups` use these rows.  Optional parameters (reals and
 * flags) come last. */
typedef enum group_parameter_kind {
  GROUP_REAL,       /* double, above `least` */
  GROUP_FLAG,       /* bool */
  GROUP_SIZE,       /* size_t, `least` or more */
  GROUP_PART,       /* a group: the next of spec.parts */
  GROUP_PARTS,      /* a list of groups: all others of spec.parts */
  GROUP_KEEP,       /* numbers of generators: spec.keep */
  GROUP_GENERATORS, /* spec.generators; layout files only */
  GROUP_ALSO        /* a further key that the parameter before it reads */
} group_parameter_kind;

typedef struct group_parameter {
  const char *name; /* key in layout files, and the word of a flag; NULL ends the table */
  group_parameter_kind kind;
  size_t offset; /* of reals, flags and sizes in symo_group_spec */
  bool optional; /* may be omitted */
  double least, fallback;
  const char *what;   /* reals, sizes: "number of copies" */
  const char *advice; /* reals, sizes: what to write, with an example */
} group_parameter;

/* Views of tensors have the axes of the space first ([d] each) and then all other axes, which are
 * called lanes.  Coordinates have the row axes of the irrep, then [copies], then the same lanes.
 * The first row axis may be restricted to [first, first + n). */
struct symo_group {
  const char *name, *summary, *irreps_text, *average, *exact;
  int max_axes;   /* closed forms for a space on up to so many axes of a tensor; beyond, irreps are
                        found from the generators (groups/numeric/numeric.c) */
  int max_irreps; /* largest number of irreps and components; 0: SYMO_MAX_IRREPS */
  bool cross;     /* `diagonal` takes a second copies axis, see there */
  /* Irreps, copies and the meaning of the coordinates are the same for every size of at least twice
   * the number of axes (sizes: the dimension; for a group made of parts, every number that
   * changes).  Matrices then move to other sizes (hessian/transport.c). */
  bool stable;

  /* Lists all irreps on up to max_axes axes and returns their number. */
  int (*irreps)(const symo_group *self, size_t dim, symo_irrep *out);

  /* Lists the components of the tensor power of the given order, without those of dimension 0. */
  int (*components)(const symo_group *self, size_t dim, int order, symo_component *out);

  /* *out = the coordinates as a strided view of the tensor.  False if they are not such a view.
   * NULL: they never are. */
  bool (*view)(const symo_group *self, int order, int irrep, symo_nd x, symo_nd *out);

  /* Computes coordinates of irreps that are not views; NULL if all are views.  First `reduce`
   * computes `reduced` sums for each lane into red, [reduced, lanes], dense, zero before the call.
   * Then `analyze` computes out = coordinates from x and red; it may overwrite red. */
  size_t (*reduced)(const symo_group *self, size_t dim, int order);
  void (*reduce)(const symo_group *self, int order, symo_nd x, symo_nd red);
  void (*analyze)(const symo_group *self, int order, int irrep, symo_nd x, symo_nd red,
                  size_t first, symo_nd out);

  /* The transpose of analyze: out += embedding of the coordinates x, with all rows.  work:
   * [reduced, lanes], dense, uninitialised. */
  void (*synthesize)(const symo_group *self, int order, int irrep, symo_nd x, symo_nd work,
                     symo_nd out);

  /* out += sum over copies of m[family, copy, lanes] times the diagonal of the projector to that
   * copy.  m: [count if family][copies][lanes]; out: [d]..[lanes].  With `cross`, m has a second
   * copies axis after the first, for the products of two copies.  work: diagonal_work bytes (NULL:
   * none), aligned for any type. */
  void (*diagonal)(const symo_group *self, int order, int irrep, symo_nd m, symo_nd out,
                   void *work);
  size_t (*diagonal_work)(const symo_group *self, int order, int irrep);

  /* An element g is an array of element_size numbers.  element_identity writes the neutral element,
   * element_sample a Haar sample (work: sample_work bytes).  act computes out = rho(g) x, or with
   * `inverse` rho(g)^-1 x, on the first axis of x, [d, lanes] with any strides (work: d^2 numbers).
   * With `dual`, rho(g)^-T x or rho(g)^T x. */
  size_t (*element_size)(const symo_group *self, size_t dim);
  size_t (*sample_work)(const symo_group *self, size_t dim); /* NULL: none */
  void (*element_identity)(const symo_group *self, size_t dim, double *g);
  symo_status (*element_sample)(const symo_group *self, size_t dim, symo_rng *rng, double *g,
                                void *work);
  void (*act)(const symo_group *self, size_t dim, const double *g, bool inverse, bool dual,
              symo_nd x, symo_nd out, void *work);

  /* Adds generators on R^dim to out.  NULL: there are none, and the space may stand on at most
   * max_axes axes of a tensor. */
  symo_status (*generators)(const symo_group *self, size_t dim, struct generator_set *out);

  /* The group whose irreps plans use instead (scaling).  NULL: the group itself. */
  const symo_group *(*structure)(const symo_group *self);

  /* Makes a group from its parameters; row is this table.  NULL: the row itself is the group, and
   * the slots below are NULL too. */
  symo_status (*create)(symo_context *context, const symo_group *row, const symo_group_spec *spec,
                        symo_group **out);
  const group_parameter *parameters;
  const char *example; /* in the short notation; NULL: it has none */

  /* The dimension that follows from the parameters; SIZE_MAX if it overflows, 0 if these parameters
   * do not determine it.  NULL: the group acts on every dimension, and one must be given. */
  size_t (*dim_of)(const symo_group_spec *spec);
};

/* The place of a real, a flag or a size in a spec. */
static inline double *symo_group_real(const group_parameter *p, symo_group_spec *spec) {
  return (double *)(void *)((char *)spec + p->offset);
}
static inline bool *symo_group_flag(const group_parameter *p, symo_group_spec *spec) {
  return (bool *)(void *)((char *)spec + p->offset);
}
static inline size_t *symo_group_size(const group_parameter *p, symo_group_spec *spec) {
  return (size_t *)(void *)((char *)spec + p->offset);
}

/* One row registers a group: groups/NAME.c defines symo_group_NAME. */
#define SYMO_GROUP_LIST(X)                                                                         \
  X(identity)                                                                                      \
  X(permutation)                                                                                   \
  X(signed_permutation)                                                                            \
  X(sign_flip)                                                                                     \
  X(orthogonal)                                                                                    \
  X(scaling)                                                                                       \
  X(cyclic)                                                                                        \
  X(dihedral)                                                                                      \
  X(wreath)                                                                                        \
  X(power)                                                                                         \
  X(product)                                                                                       \
  X(sum)                                                                                           \
  X(restriction)                                                                                   \
  X(custom)

#define SYMO_GROUP_EXTERN(name) extern const symo_group symo_group_##name;
SYMO_GROUP_LIST(SYMO_GROUP_EXTERN)
#undef SYMO_GROUP_EXTERN

/* Shared by permutation-like groups (groups/forms/monomial.c): g = [d] images, then [d] signs. */
size_t symo_monomial_size(const symo_group *self, size_t dim);
void symo_monomial_identity(const symo_group *self, size_t dim, double *g);
void symo_monomial_sample(size_t dim, symo_rng *rng, bool permute, bool flip, double *g);
void symo_monomial_act(const symo_group *self, size_t dim, const double *g, bool inverse, bool dual,
                       symo_nd x, symo_nd out, void *work);
/* The transposition of coordinates 0 and 1 and the cycle of all, which generate S_d. */
symo_status symo_monomial_add_symmetric(size_t dim, struct generator_set *out);
/* The flip of coordinate i alone. */
symo_status symo_monomial_add_flip(size_t dim, size_t i, struct generator_set *out);

/* Shared by groups whose elements are matrices: g = [d, d] row-major (groups/forms/matrix.c). */
size_t symo_matrix_size(const symo_group *self, size_t dim);
void symo_matrix_identity(const symo_group *self, size_t dim, double *g);
void symo_matrix_act(const symo_group *self, size_t dim, const double *g, bool inverse, bool dual,
                     symo_nd x, symo_nd out, void *work);

/* Parts of R^d (x) R^d that several groups share (groups/forms/pair.c).  The rows of out are
 * [first, first + out.n[0]). */

/* out = (x + sign x') / 2 off the diagonal and 0 on it; out: [rows, d, 1, lanes]. */
void symo_pair_offdiagonal(double sign, symo_nd x, size_t first, symo_nd out);
/* The diagonal of the matrix, as a view of these rows. */
symo_nd symo_pair_diagonal(symo_nd out, size_t first);
/* out += m on the diagonal (on) and off it (off); m: [lanes], out: [d, d, lanes]. */
void symo_pair_spread(double on, double off, symo_nd m, symo_nd out);

/* For groups under which R^d is one irrep and R^d (x) R^d contains the trivial irrep once: the view
 * of R^d, and the mean of the diagonal as the only reduced number. */
bool symo_vector_view(const symo_group *self, int order, int irrep, symo_nd x, symo_nd *out);
size_t symo_trace_reduced(const symo_group *self, size_t dim, int order);
void symo_trace_reduce(const symo_group *self, int order, symo_nd x, symo_nd red);

#endif
