#ifndef SYMO_GROUPS_PLAN_MOMENTS_H
#define SYMO_GROUPS_PLAN_MOMENTS_H

#include "groups/forms/scaling.h"
#include "groups/plan/plan.h"

/* Axes of one tensor that a permuting or sign-drawing scaling space may stand on; moments c^e occur
 * for |e| up to MAX_EXPONENT. */
enum { SCALED_AXES = 2, MAX_EXPONENT = 2 * SYMO_MAX_REPEAT, MAX_PATTERNS = 15, MAX_ENTRIES = 15 };

/* For a permuting space on p axes of one tensor and q of another: the matrices between R^{d^p} and
 * R^{d^q} that commute with the group, as numbers M[irrep][a, b] ("entries") and as values that are
 * constant on the patterns of equal indices in (i_1 .. i_p, j_1 .. j_q):
 *
 *     value(pattern) = sum over entries of projector[pattern][entry] M[entry] . */
typedef struct pattern_table {
  int p, q, num_patterns, num_entries;
  struct {
    int irrep;
    size_t dim, a, b;
  } entry[MAX_ENTRIES];
  int block[MAX_PATTERNS][2 * SCALED_AXES]; /* positions with equal indices have equal numbers */
  double tuples[MAX_PATTERNS];              /* how many index tuples have the pattern */
  double projector[MAX_PATTERNS][MAX_ENTRIES];
} pattern_table;

/* A scaling space that stands on tensors of the layout. */
typedef struct scaled_space {
  size_t space;
  const symo_group_spec *spec;
  double kappa[MAX_EXPONENT + 1];
  pattern_table *table[SCALED_AXES + 1][SCALED_AXES + 1]; /* of a permuting one, where needed */
} scaled_space;

struct plan_moments {
  size_t num_spaces;
  scaled_space *spaces;
  double largest; /* no average becomes larger by more than this factor */
};

/* The table of a group with closed forms on up to two axes; p + q > 0. */
symo_status symo_pattern_table_create(symo_context *context, const plan_space *space, size_t dim,
                                      int p, int q, pattern_table **out);

/* map, [num_entries, num_entries]: the linear map of the entries that multiplies each pattern by
 * its moment.  side: [p + q], +1 or -1, the exponents of the axes. */
void symo_pattern_table_map(const pattern_table *table, const double *kappa, const int *side,
                            double *map);

/* ---- places in pieces and blocks ---- */

/* The occurrence of a space in a piece.  NULL if there is none, or if its structure group is the
 * identity. */
const occurrence *symo_moments_occurrence(const plan_piece *piece, size_t space);

/* width[a] = columns of a piece along axis a of its tensor; 1 if they belong to an earlier axis. */
void symo_moments_widths(const symo_plan *plan, const plan_piece *piece, size_t *width);

/* The index of a member of a label on one of its family rows. */
size_t symo_moments_family(const plan_label *label, size_t member, int row);

/* Place of (row, column) in the lower triangle of [m, m]. */
size_t symo_moments_lower(size_t m, size_t row, size_t column);

/* The moments of one permuting space; sign: of the exponents of the second factor. */
symo_status symo_moments_mix(const symo_plan *plan, const scaled_space *space, int sign,
                             void *const *blocks);

#endif
