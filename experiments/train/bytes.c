/* What a run will take, before anything of it is taken. */
#include "core/alloc.h"
#include "core/error.h"
#include "experiments/inputs/tensors.h"
#include "experiments/train/net_model.h"

#include <math.h>
#include <symo/io.h>

/* The optimizer with its state.  One that cannot be is reported where it is made. */
static symo_status optimizer_bytes(symo_context *context, const train_spec *spec,
                                   const symo_net_spec *net, symo_layout *layout, double *bytes) {
  symo_optim_spec *made = NULL;
  symo_optim *optim = NULL;
  symo_net *sites = NULL; /* where the network multiplies; nothing of it is allocated */
  symo_status status = SYMO_OK;
  *bytes = 0;
  SYMO_TRY(train_optimizer_spec(context, spec, NULL, &made));
  if (spec->threads > 0) made->threads = spec->threads;
  SYMO_TRY(symo_net_create(context, net, &sites));
  const symo_problem problem = symo_net_problem(sites);
  made->num_sites = problem.num_sites, made->sites = problem.sites;
  SYMO_TRY(symo_optim_create(layout, made, &optim));
  const symo_optim_cost cost = symo_optim_cost_of(optim);
  *bytes = cost.state_bytes + cost.work_bytes;
fail:
  symo_net_destroy(sites);
  symo_optim_destroy(optim);
  symo_optim_spec_destroy(made);
  return status == SYMO_E_MEMORY ? status : SYMO_OK;
}

symo_status train_bytes(symo_context *context, const train_spec *spec, const symo_net_spec *net,
                        symo_layout *layout, double data, double *bytes, bool *recompute) {
  const int threads = spec->threads > 0 ? spec->threads : 1;
  const double number = (double)symo_dtype_size(net->dtype);
  double rest;
  symo_status status = optimizer_bytes(context, spec, net, layout, &rest);
  if (status != SYMO_OK) return status;
  /* Parameters, the best of them, and gradient too. */
  rest += data + 3 * number * (double)symo_layout_num_parameters(layout);
  for (int again = 0; again < 2; again++) {
    *recompute = again == 1;
    *bytes = rest + symo_net_bytes(net, threads, *recompute);
    if (isnan(*bytes)) return symo_fail_memory(context, "memory of the network");
    if (!(spec->memory > 0 && *bytes > spec->memory)) return SYMO_OK;
  }
  return symo_fail(context, SYMO_E_SIZE,
                   "memory: about %s, of which %s for optimizer, parameters and data, but only %s "
                   "may be taken (take fewer --threads, or a smaller network)",
                   cli_format_bytes(*bytes).text, cli_format_bytes(rest).text,
                   cli_format_bytes(spec->memory).text);
}
