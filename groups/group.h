#ifndef SYMO_GROUPS_GROUP_H
#define SYMO_GROUPS_GROUP_H

#include <symo/group.h>
#include <symo/layout.h>

#include "core/nd.h"

/* What a group file provides: one const table.  The space R^d stands on `order` axes of a tensor,
 * one or two; in both cases the group says which irreps occur there and how coordinates are had.
 *
 * Coordinates are kept in an ambient frame: an irrep that lies inside R^d (the standard part of a
 * permutation, say) is held as the d numbers of its embedding, not as d - 1 numbers in some basis.
 * Gram matrices, products from the right and pseudo-inverses are the same in both, and no basis
 * matrix is ever built. */
typedef struct symo_irrep {
  const char *name;
  size_t dim;   /* n: the dimension */
  size_t count; /* inequivalent irreps of this shape, each with its own M; 1 unless `family` */
  bool family;  /* the first row axis, [count], tells them apart */
  int ambient;  /* further row axes, each [d] (0: a single number) */
} symo_irrep;

/* Irreps are numbered per group, the same for order 1 and 2, so that equal numbers couple; number 0
 * is the trivial one. */
typedef struct symo_component {
  int irrep;
  size_t copies; /* multiplicity on these axes */
} symo_component;

enum { SYMO_MAX_IRREPS = 6, SYMO_MAX_COMPONENTS = 5 };

/* Views: the axes of the space come first (one or two, [d]), any others ("lanes") behind them.
 * Coordinates: row axes of the irrep, then [copies], then the same lanes.  The first row axis may
 * be cut to [first, first + n). */
struct symo_group {
  const char *name, *summary, *irreps_text, *average, *exact;

  /* All irreps on R^d and R^d (x) R^d; returns how many. */
  int (*irreps)(size_t dim, symo_irrep *out);

  /* The components of an occurrence of the given order (those of dimension 0 left out). */
  int (*components)(size_t dim, int order, symo_component *out);

  /* Coordinates as a view of the tensor itself; false where they are not one.  Required. */
  bool (*view)(int order, int irrep, symo_nd x, symo_nd *out);

  /* Coordinates by computation, for irreps without a view; NULL if all have one.  reduced: how many
   * numbers a lane is first reduced to; reduce fills red [reduced, lanes] (zeroed before), analyze
   * reads x and red and writes out = coordinates. */
  size_t (*reduced)(size_t dim, int order);
  void (*reduce)(int order, symo_nd x, symo_nd red);
  void (*analyze)(int order, int irrep, symo_nd x, symo_nd red, size_t first, symo_nd out);

  /* The transpose: out += embedding of the coordinates x (never cut). */
  void (*synthesize)(int order, int irrep, symo_nd x, symo_nd out);

  /* out += sum over copies of m[family, copy, lanes] times the diagonal of the projector on that
   * copy: m: [count if family][copies][lanes], out: [d]..[lanes]. */
  void (*diagonal)(int order, int irrep, symo_nd m, symo_nd out);

  /* Elements: `size` numbers; the neutral one; a Haar sample (work: sample_work bytes);
   * and out = g x or g^-1 x on the first axis of x, for a lane block [d, lanes] with any strides
   * (work: d^2 numbers). */
  size_t (*element_size)(size_t dim);
  size_t (*sample_work)(size_t dim); /* NULL: none */
  void (*element_identity)(size_t dim, double *g);
  symo_status (*element_sample)(size_t dim, symo_rng *rng, double *g, void *work);
  void (*act)(size_t dim, const double *g, bool inverse, symo_nd x, symo_nd out, void *work);
};

/* One row registers a group: groups/NAME.c defines symo_group_NAME. */
#define SYMO_GROUP_LIST(X)                                                                         \
  X(identity)                                                                                      \
  X(permutation)                                                                                   \
  X(signed_permutation)                                                                            \
  X(sign_flip)                                                                                     \
  X(orthogonal)

#define SYMO_GROUP_EXTERN(name) extern const symo_group symo_group_##name;
SYMO_GROUP_LIST(SYMO_GROUP_EXTERN)
#undef SYMO_GROUP_EXTERN

/* Shared by permutation-like groups (groups/monomial.c): g = [d] images, then [d] signs. */
size_t symo_monomial_size(size_t dim);
void symo_monomial_identity(size_t dim, double *g);
void symo_monomial_sample(size_t dim, symo_rng *rng, bool permute, bool flip, double *g);
void symo_monomial_act(size_t dim, const double *g, bool inverse, symo_nd x, symo_nd out,
                       void *work);

/* Parts of R^d (x) R^d that several groups share (groups/pair.c); rows of out are cut to
 * [first, first + out.n[0]).
 * offdiagonal: out = (x + sign x') / 2 off the diagonal, 0 on it; out [rows, d, 1, lanes]. */
void symo_pair_offdiagonal(double sign, symo_nd x, size_t first, symo_nd out);
/* out[:, j] on the diagonal of the cut. */
symo_nd symo_pair_diagonal(symo_nd out, size_t first);
/* out += m on the diagonal (on) and off it (off); m: [lanes], out: [d, d, lanes]. */
void symo_pair_spread(double on, double off, symo_nd m, symo_nd out);

/* For groups under which R^d is one irrep and R^d (x) R^d has one trivial part: the view of one
 * axis, and the mean of the diagonal as the only reduced number. */
bool symo_vector_view(int order, int irrep, symo_nd x, symo_nd *out);
size_t symo_trace_reduced(size_t dim, int order);
void symo_trace_reduce(int order, symo_nd x, symo_nd red);

#endif
