#ifndef SYMO_EXPERIMENTS_INPUTS_TENSORS_H
#define SYMO_EXPERIMENTS_INPUTS_TENSORS_H

#include "cli/cli.h"

/* Layouts, vectors over their tensors and Hessians, as several commands read and print them.
 * Functions that return int give an exit code: CLI_DONE, or another after the error line, and then
 * *out is untouched. */

#define CLI_LAYOUT_ROW                                                                             \
  {                                                                                                \
    .name = "layout", .arg = "FILE|TEXT", .kind = CLI_STRING, .required = true,                    \
    .help = "Spaces, groups and tensors: a JSON file, or the short notation \"in: identity 20; "   \
            "h: signed-permutation 64; w[h,in] b[h]\""                                             \
  }

#define CLI_HESSIAN_ROW                                                                            \
  {                                                                                                \
    .name = "hessian", .arg = "FILE", .kind = CLI_STRING, .required = true,                        \
    .help = "What symo estimate --out wrote"                                                       \
  }

/* Of commands that take --data. */
#define CLI_HEADER_CHOICES "auto|yes|no"
#define CLI_HEADER_HELP                                                                            \
  "Whether the first line of a CSV file holds names; auto: yes if all its fields are words or "    \
  "one "                                                                                           \
  "is the name given by --label; a line that could be either is refused"
#define CLI_HEADER_ROW                                                                             \
  {                                                                                                \
    .name = "header", .arg = "WHAT", .kind = CLI_CHOICE, .choices = CLI_HEADER_CHOICES,            \
    .fallback = "auto", .help = CLI_HEADER_HELP                                                    \
  }

int cli_open_layout(cli *c, symo_layout **out);

int cli_read_hessian(cli *c, symo_hessian **out);

/* A vector over all parameters, flat, with a pointer to each tensor. */
typedef struct cli_vector {
  symo_dtype dtype;
  void *flat;
  const void **data; /* [num_tensors] */
} cli_vector;

/* Reads and looks for NaN and infinity, which are refused with file, tensor and index.
 * dtype SYMO_ANY: the file decides. */
int cli_read_vector(cli *c, const symo_layout *layout, const char *path, symo_dtype dtype,
                    cli_vector *out);

/* The vectors of a file (io/stack.h): how many there are, and all of them, into out [count]. */
int cli_count_vectors(cli *c, const symo_layout *layout, const char *path, size_t *count);
int cli_read_vectors(cli *c, const symo_layout *layout, const char *path, symo_dtype dtype,
                     size_t count, cli_vector *out);

/* Zeros. */
int cli_new_vector(cli *c, const symo_layout *layout, symo_dtype dtype, cli_vector *out);
void cli_drop_vector(cli_vector *v); /* {0} is accepted */

symo_const_vector cli_const_vector(const cli_vector *v);
symo_vector cli_mutable_vector(const cli_vector *v);

/* {"name", "dim", "count", "multiplicity", "tensors", "views", "dropped"} for every label. */
json_t *cli_labels_json(cli *c, const symo_plan *plan);

/* The part of vectors that the group of a plan does not move, label 0: its share of their squared
 * norm (1 or a little more if that is all; NaN for zeros), and of the parameters. */
typedef struct cli_trivial {
  double share, parameters;
} cli_trivial;
symo_status cli_trivial_part(cli *c, const symo_plan *plan, size_t count,
                             const symo_const_vector *x, cli_trivial *out);

/* Whether an estimate from these is better without label 0 (docs/results/README.md, Centring). */
bool cli_trivial_dominates(cli_trivial part);

/* A count held in a double: an integer where it is one. */
json_t *cli_count(double value);

/* 1.2 GB */
typedef struct cli_bytes {
  char text[32];
} cli_bytes;
cli_bytes cli_format_bytes(double bytes);

#endif
