#ifndef SYMO_TESTS_OPTIM_TEST_KFAC_SUPPORT_H
#define SYMO_TESTS_OPTIM_TEST_KFAC_SUPPORT_H

#include "optim/optim.h"
#include "tests/net/test_net_support.h"

/* A network, an optimizer for it, and parameters that move. */
typedef struct kfac_trainee {
  net_case c;
  symo_layout *layout;
  symo_method method;
  symo_rule rules[4];
  symo_optim_spec spec;
  symo_optim *optim;
  symo_optim_state *state;
  void *theta; /* of the dtype */
} kfac_trainee;

/* net: of 30 examples, with cross entropy; settings: on top of the preset. */
kfac_trainee kfac_open(const char *net, symo_dtype dtype, const char *preset, const char *settings,
                       int threads);
void kfac_close(kfac_trainee *t);

#endif
