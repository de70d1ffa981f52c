#ifndef SYMO_EXPERIMENTS_MODELS_CURVATURE_PRIOR_H
#define SYMO_EXPERIMENTS_MODELS_CURVATURE_PRIOR_H

#include <symo/symo.h>

#include "cli/cli.h"

/* What structured estimates from few products are drawn to a multiple of: rows of symo compare and
 * symo lowrank. */
typedef enum curvature_prior {
  PRIOR_ZERO,
  PRIOR_IDENTITY,
  PRIOR_GRADIENT, /* h-g of the gradient */
  PRIOR_KFAC,     /* K-FAC, labels drawn from the model, projected on the structure */
  PRIOR_NONE      /* least squares alone */
} curvature_prior;

/* The options --prior and --prior-strength, and what they say; exit code, after the error line. */
#define CURVATURE_PRIOR_ROWS                                                                       \
  {.name = "prior",                                                                                \
   .kind = CLI_CHOICE,                                                                             \
   .arg = "WHICH",                                                                                 \
   .choices = "zero|identity|gradient|kfac|none",                                                  \
   .fallback = "zero",                                                                             \
   .help = "What the structured part is drawn to a multiple of: the identity, the estimate h-g "   \
           "from the gradient, K-FAC projected on the structure"},                                 \
      PRIOR_STRENGTH_ROW
#define PRIOR_STRENGTH_ROW                                                                         \
  {                                                                                                \
    .name = "prior-strength", .kind = CLI_DOUBLE, .arg = "S", .min = 1e-12, .max = 1e12,           \
    .fallback = "0.1", .help = "How strongly: as by so many random vectors"                        \
  }
const char *curvature_prior_name(curvature_prior prior);
int curvature_prior_read(cli *c, curvature_prior *prior, double *strength);

/* The budget of an estimate of low rank plus symmetry.  OF: what may take the products; RANK: which
 * pairs are kept. */
#define PRODUCTS_ROWS(OF, RANK)                                                                    \
  {.name = "products",                                                                             \
   .kind = CLI_INT,                                                                                \
   .arg = "N",                                                                                     \
   .min = 2,                                                                                       \
   .max = 1e6,                                                                                     \
   .fallback = "60",                                                                               \
   .help = "Products with the matrix that " OF " may take"},                                       \
      {.name = "rank",                                                                             \
       .kind = CLI_INT,                                                                            \
       .arg = "K",                                                                                 \
       .min = 0,                                                                                   \
       .max = 1e6,                                                                                 \
       .fallback = "0",                                                                            \
       .help = RANK "; 0: all that the iteration finds"},                                          \
  {                                                                                                \
    .name = "probes", .kind = CLI_INT, .arg = "P", .min = 0, .max = 1e6, .fallback = "0",          \
    .help = "Random vectors among these products; 0: twice what the structure needs, but at most " \
            "a quarter"                                                                            \
  }

/* The values of the three; exit code, after the error line where the products do not suffice for the
 * pairs and the probes. */
int products_read(cli *c, size_t *products, size_t *rank, size_t *probes);

typedef struct curvature_prior_input {
  symo_context *context;
  const symo_problem *problem; /* NULL: none, and no K-FAC */
  const void *theta;           /* of the problem's dtype */
  const double *grad;          /* NULL: by the problem */
  uint64_t seed;
} curvature_prior_input;

/* *out: a matrix of the plan, which is coupled; NULL for PRIOR_NONE. */
symo_status curvature_prior_make(const curvature_prior_input *in, curvature_prior prior,
                                 const symo_plan *plan, symo_hessian **out);

#endif
