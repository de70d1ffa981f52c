#ifndef SYMO_GROUPS_GROUP_H
#define SYMO_GROUPS_GROUP_H

#include <symo/group.h>
#include <symo/layout.h>

#include "core/nd.h"

struct generator_set;

/* What a group file provides: one const table.  The space R^d stands on `order` axes of a tensor;
 * the group says which irreps occur there and how coordinates are had.  Every function gets the
 * group itself: rows of the registry need nothing of it, groups with parameters are larger structs
 * that begin with one (groups/instance.h).
 *
 * Coordinates are kept in a frame: an irrep that lies inside R^d (the standard part of a
 * permutation, say) is held as the d numbers of its embedding, not as d - 1 numbers in some basis.
 * Gram matrices, products from the right and pseudo-inverses are the same in both, and no basis
 * matrix is ever built.
 *
 * Irreps of complex or quaternionic type (type 2 or 4) are held with their images under the units of
 * the endomorphism algebra, X -> [X, JX, ..] / sqrt(type), as further copies.  The Gram matrix over
 * n / type is then the real form of the Hermitian one, and all that follows is as for real type. */
enum { SYMO_MAX_FRAME = 4, SYMO_MAX_IRREPS = 6 };

typedef struct symo_irrep {
  const char *name;
  size_t dim;   /* n / type */
  size_t count; /* inequivalent irreps of this shape, each with its own M; 1 unless `family` */
  bool family;  /* the first row axis, [count], tells them apart */
  int ambient;  /* further row axes (0: a single number) .. */
  size_t frame[SYMO_MAX_FRAME]; /* .. and their lengths */
  size_t type;                  /* 1 real, 2 complex, 4 quaternionic; 0 counts as 1 */
} symo_irrep;

/* Irreps are numbered per group, the same for all orders, so that equal numbers couple; number 0 is
 * the trivial one. */
typedef struct symo_component {
  int irrep;
  size_t copies; /* multiplicity on these axes, times the type */
} symo_component;

/* A parameter of a group: where it stands in symo_group_spec, and what the short notation, layout
 * files, comparison and `symo groups` need to know of it.  Optional ones (reals and flags) stand
 * behind the others. */
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
  bool optional; /* else it must be given */
  double least, fallback;
  const char *what;   /* reals, sizes: "number of copies" */
  const char *advice; /* reals, sizes: what to write, with an example */
} group_parameter;

/* Views: the axes of the space come first ([d] each), any others ("lanes") behind them.
 * Coordinates: row axes of the irrep, then [copies], then the same lanes.  The first row axis may
 * be cut to [first, first + n). */
struct symo_group {
  const char *name, *summary, *irreps_text, *average, *exact;
  int max_axes;   /* closed forms for a space on up to so many axes of a tensor; beyond, irreps are
                        found from the generators (groups/numeric/numeric.c) */
  int max_irreps; /* room that irreps and components need; 0: SYMO_MAX_IRREPS */
  bool cross;     /* `diagonal` wants a second copies axis, see there */

  /* All irreps on up to max_axes axes; returns how many. */
  int (*irreps)(const symo_group *self, size_t dim, symo_irrep *out);

  /* The components of an occurrence of the given order (those of dimension 0 left out). */
  int (*components)(const symo_group *self, size_t dim, int order, symo_component *out);

  /* Coordinates as a view of the tensor itself; false where they are not one.  NULL: none is. */
  bool (*view)(const symo_group *self, int order, int irrep, symo_nd x, symo_nd *out);

  /* Coordinates by computation, for irreps without a view; NULL if all have one.  reduced: how many
   * numbers a lane is first reduced to; reduce fills red [reduced, lanes] (dense; zeroed before),
   * analyze reads x and red (which it may spoil) and writes out = coordinates. */
  size_t (*reduced)(const symo_group *self, size_t dim, int order);
  void (*reduce)(const symo_group *self, int order, symo_nd x, symo_nd red);
  void (*analyze)(const symo_group *self, int order, int irrep, symo_nd x, symo_nd red,
                  size_t first, symo_nd out);

  /* The transpose: out += embedding of the coordinates x (never cut).  work: [reduced, lanes],
   * dense, uninitialised. */
  void (*synthesize)(const symo_group *self, int order, int irrep, symo_nd x, symo_nd work,
                     symo_nd out);

  /* out += sum over copies of m[family, copy, lanes] times the diagonal of the projector on that
   * copy: m: [count if family][copies][lanes], out: [d]..[lanes].  With `cross`, m has a second
   * copies axis behind the first, and products of different copies count as well.  work: bytes that
   * diagonal_work asks for (NULL: none), aligned for any number. */
  void (*diagonal)(const symo_group *self, int order, int irrep, symo_nd m, symo_nd out,
                   void *work);
  size_t (*diagonal_work)(const symo_group *self, int order, int irrep);

  /* Elements: `size` numbers; the neutral one; a Haar sample (work: sample_work bytes);
   * and out = rho(g) x or rho(g)^-1 x on the first axis of x, for a lane block [d, lanes] with any
   * strides (work: d^2 numbers); dual: rho(g)^-T and rho(g)^T instead. */
  size_t (*element_size)(const symo_group *self, size_t dim);
  size_t (*sample_work)(const symo_group *self, size_t dim); /* NULL: none */
  void (*element_identity)(const symo_group *self, size_t dim, double *g);
  symo_status (*element_sample)(const symo_group *self, size_t dim, symo_rng *rng, double *g,
                                void *work);
  void (*act)(const symo_group *self, size_t dim, const double *g, bool inverse, bool dual,
              symo_nd x, symo_nd out, void *work);

  /* Adds generators on R^dim to out (NULL: cannot, and tensors have at most max_axes such axes). */
  symo_status (*generators)(const symo_group *self, size_t dim, struct generator_set *out);

  /* The group whose irreps plans take, where it is another (scaling); NULL: itself. */
  const symo_group *(*structure)(const symo_group *self);

  /* Groups with parameters: from a spec (row: this table).  NULL: the row is the group, and so are
   * the slots below. */
  symo_status (*create)(symo_context *context, const symo_group *row, const symo_group_spec *spec,
                        symo_group **out);
  const group_parameter *parameters;
  const char *example; /* in the short notation; NULL: it has none */

  /* The dimension that follows from the parameters, SIZE_MAX if it has no room; 0: not from these.
   * NULL: every dimension goes with them, and one must be given. */
  size_t (*dim_of)(const symo_group_spec *spec);
};

/* Where a real, a flag or a size stands. */
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

/* Parts of R^d (x) R^d that several groups share (groups/forms/pair.c); rows of out are cut to
 * [first, first + out.n[0]).
 * offdiagonal: out = (x + sign x') / 2 off the diagonal, 0 on it; out [rows, d, 1, lanes]. */
void symo_pair_offdiagonal(double sign, symo_nd x, size_t first, symo_nd out);
/* out[:, j] on the diagonal of the cut. */
symo_nd symo_pair_diagonal(symo_nd out, size_t first);
/* out += m on the diagonal (on) and off it (off); m: [lanes], out: [d, d, lanes]. */
void symo_pair_spread(double on, double off, symo_nd m, symo_nd out);

/* For groups under which R^d is one irrep and R^d (x) R^d has one trivial part: the view of one
 * axis, and the mean of the diagonal as the only reduced number. */
bool symo_vector_view(const symo_group *self, int order, int irrep, symo_nd x, symo_nd *out);
size_t symo_trace_reduced(const symo_group *self, size_t dim, int order);
void symo_trace_reduce(const symo_group *self, int order, symo_nd x, symo_nd red);

#endif
