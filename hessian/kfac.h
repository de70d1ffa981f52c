#ifndef SYMO_HESSIAN_KFAC_H
#define SYMO_HESSIAN_KFAC_H

#include "hessian/pair.h"

/* The inside of symo_kfac: for kfac.c, kfac_apply.c and the files of io/. */
typedef struct kfac_factor {
  double *v, *values; /* v NULL: the identity */
  size_t n, k;
  double tail;
} kfac_factor;

typedef struct kfac_site {
  symo_factor_site where;
  kfac_factor a, g; /* values NULL: not set yet, zero */
  double *moments;
} kfac_site;

struct symo_kfac {
  symo_context *context;
  size_t parameters, num_sites;
  kfac_site *sites;
  bool *held; /* [parameters]: by a site */
  double *diagonal;
};

/* Memory of a factor with its first k vectors; the old is given back.  Values and vectors are not
 * set. */
symo_status symo_kfac_take_factor(symo_kfac *kfac, kfac_factor *f, size_t n, size_t k,
                                  bool identity);

/* Inputs and the 1 of the bias. */
size_t symo_kfac_width(const kfac_site *site);
bool symo_kfac_is_set(const kfac_site *site);
factor_pair symo_kfac_pair(const kfac_site *site);

#endif
