/* Optimizers of which every process has a share: to the last bit what one process comes to where sums
 * have one order, and up to rounding where eigenvalues of all labels have a mean; states that do not
 * know of processes. */
#include "optim/share.h"

#include <math.h>
#include <stdio.h>

#include "core/error.h"
#include "core/linalg.h"
#include "optim/method.h"
#include "optim/state.h"
#include "tests/support/ranks.h"
#include "tests/support/shim.h"
#include "tests/support/testing.h"

#include <symo/open.h>

/* Two hidden layers that share nothing, and tensors that no group moves. */
static const char layout_text[] =
    "in: identity 6; h: permutation 8; k: signed-permutation 7; out: identity 5; w[h, in] b[h] "
    "v[out, h] x[k, in] y[k, out] c[k] free[in, out] gain[out]";
enum { STEPS = 9, TENSORS = 8 };

typedef struct share_case {
  const char *preset, *settings;
  symo_dtype dtype;
  uint64_t bad_step; /* whose gradient holds NaN; 0: none */
  int exponent;      /* gradients are near 2^exponent */
  double kept;       /* the largest share of the state that a process may have; 0: 0.85 */
  symo_optim_state
      *from; /* of one process, to go on from after half of the steps; NULL: the start */
  /* of each process */
  double bytes[TEST_MOST_RANKS], *theta[TEST_MOST_RANKS];
  symo_step_report report[TEST_MOST_RANKS];
  symo_optim_state *whole; /* of the first */
  symo_context *context;
} share_case;

static void set(symo_method *m, const char *settings) {
  char key[32], value[64];
  for (int used = 0; sscanf(settings, " %31[^=]=%63[^;];%n", key, value, &used) >= 2;
       settings += used, used = 0) {
    cr_ok(NULL, symo_method_set(NULL, m, key, value));
    if (used == 0) break;
  }
}

static symo_optim_spec spec_of(const share_case *c, symo_rule rules[4]) {
  symo_method method;
  symo_optim_spec spec = symo_optim_spec_default();
  cr_ok(NULL, symo_method_preset(NULL, c->preset, &method));
  set(&method, c->settings);
  cr_ok(NULL, symo_optim_preset_rules(NULL, &method, &spec.num_rules, rules));
  spec.rules = rules, spec.dtype = c->dtype;
  return spec;
}

/* Of step s: correlated from step to step, of no symmetry. */
static void fill_gradient(const share_case *c, const symo_optim *optim, uint64_t s, bool bad,
                          void *grad) {
  for (size_t i = 0; i < optim->layout->parameters; i++) {
    const double x = sin(0.7 * (double)i + 0.3 * (double)s) + cos((double)(i * i % 97));
    symo_put(optim->dtype, grad, i, ldexp(x, c->exponent));
  }
  if (bad) symo_put(optim->dtype, grad, optim->layout->parameters / 2, NAN);
}

static void take_steps(const share_case *c, symo_optim_state *state, uint64_t first, uint64_t end,
                       void *theta, void *grad, symo_step_report *report) {
  const symo_optim *optim = state->optim;
  void *params[TENSORS], *grads[TENSORS];
  symo_layout_split(optim->layout, optim->dtype, theta, params);
  symo_layout_split(optim->layout, optim->dtype, grad, grads);
  for (uint64_t s = first; s < end; s++) {
    fill_gradient(c, optim, s, s == c->bad_step && s > 0, grad);
    cr_ok(optim->context,
          symo_optim_step(state, symo_const_vector_of(optim->dtype, (const void *const *)grads),
                          symo_vector_of(optim->dtype, params), report));
  }
}

static void run_rank(const symo_comm *comm, void *arg) {
  share_case *c = arg;
  const int rank = symo_comm_rank(comm);
  symo_context *context = symo_test_context();
  symo_layout *layout = NULL;
  symo_optim *optim = NULL;
  symo_optim_state *state = NULL;
  symo_rule rules[4];
  const symo_optim_spec spec = spec_of(c, rules);
  cr_ok(context, symo_layout_parse(context, layout_text, &layout));
  cr_ok(context, symo_optim_create_share(layout, &spec, comm, &optim));
  cr_ok(context, symo_optim_state_create(optim, &state));
  const size_t size = layout->parameters, bytes = size * symo_dtype_size(c->dtype);
  void *theta = symo_calloc(2, bytes), *grad = (char *)theta + bytes;
  for (size_t i = 0; i < size; i++) symo_put(c->dtype, theta, i, cos((double)i));
  take_steps(c, state, 0, STEPS / 2, theta, grad, &c->report[rank]);
  if (comm != NULL) { /* all that is kept goes away and comes again */
    symo_optim_state *whole = NULL, *fresh = NULL;
    if (rank == 0) cr_ok(context, symo_optim_state_create(optim->share->whole, &whole));
    cr_ok(context, symo_share_collect(state, whole));
    cr_ok(context, symo_optim_state_create(optim, &fresh));
    cr_ok(context, symo_share_distribute(whole, fresh));
    symo_optim_state_destroy(state);
    symo_optim_state_destroy(whole);
    state = fresh;
  }
  take_steps(c, state, STEPS / 2, STEPS, theta, grad, &c->report[rank]);
  c->bytes[rank] = symo_optim_cost_of(optim).state_bytes;
  c->theta[rank] = symo_calloc(size, sizeof(double));
  symo_test_unpack(c->dtype, theta, c->theta[rank], size);
  if (comm != NULL) {
    symo_optim_state *whole = NULL; /* NULL in the others */
    if (rank == 0) cr_ok(context, symo_optim_state_create(optim->share->whole, &whole));
    cr_ok(context, symo_share_collect(state, whole));
    symo_optim_state_destroy(state);
    if (rank == 0) c->whole = whole;
  } else {
    c->whole = state;
  }
  if (rank == 0) c->context = context; /* the state needs it */
  symo_free(theta);
  symo_optim_destroy(optim);
  symo_layout_destroy(layout);
  if (rank > 0) symo_context_destroy(context);
}

static double entry_error(const symo_state_entry *a, const symo_state_entry *b) {
  size_t n = 1;
  cr_assert_str_eq(a->name, b->name);
  for (size_t k = 0; k < a->order; k++) n *= a->shape[k];
  double *x = symo_calloc(2 * n + 1, sizeof *x), *y = x + n;
  symo_test_unpack(a->dtype, a->data, x, n);
  symo_test_unpack(b->dtype, b->data, y, n);
  const bool same = n == 0 || memcmp(x, y, n * sizeof *x) == 0;
  const double error = same ? 0 : symo_test_rel(x, y, n);
  symo_free(x);
  return error;
}

static void check_case(const share_case *one, const share_case *many, int size, double bound) {
  const size_t parameters = one->whole->optim->layout->parameters;
  for (int r = 0; r < size; r++) {
    const double error = symo_test_rel(many->theta[r], one->theta[0], parameters);
    cr_assert(error <= bound, "%s %s in %d: %g over %g", one->preset, one->settings, size, error,
              bound);
    cr_assert_eq(memcmp(many->theta[r], many->theta[0], parameters * sizeof(double)), 0);
    const symo_step_report *a = &many->report[r], *b = &one->report[0];
    cr_assert(a->step == b->step && a->refreshes == b->refreshes && a->accepted == b->accepted);
    cr_assert(a->refused_steps == b->refused_steps && a->failed_roots == b->failed_roots);
    cr_assert(a->gradient_norm == b->gradient_norm || isnan(b->gradient_norm));
    if (!a->accepted) continue;
    cr_assert(fabs(a->lr - b->lr) <= 0);
    cr_assert(fabs(a->update_norm - b->update_norm) <= bound * fmax(1, b->update_norm),
              "%s %s in %d: %g, %g", one->preset, one->settings, size, a->update_norm,
              b->update_norm);
  }
  for (size_t e = 0; e < symo_optim_state_num_entries(one->whole); e++) {
    const symo_state_entry a = symo_state_entry_at(many->whole, e);
    const symo_state_entry b = symo_state_entry_at(one->whole, e);
    cr_assert(entry_error(&a, &b) <= bound, "%s in %d: %s", one->preset, size, a.name);
  }
}

static void drop(share_case *c, int size) {
  for (int r = 0; r < size; r++) symo_free(c->theta[r]);
  symo_optim_state_destroy(c->whole);
  symo_context_destroy(c->context);
}

static void check_with(share_case one, double bound) {
  const char *preset = one.preset;
  run_rank(NULL, &one);
  for (int size = 2; size <= 5; size += size == 2 ? 1 : 2) {
    share_case many = one;
    many.whole = NULL;
    symo_test_ranks(size, run_rank, &many);
    check_case(&one, &many, size, bound);
    double most = 0, sum = 0;
    for (int r = 0; r < size; r++) most = fmax(most, many.bytes[r]), sum += many.bytes[r];
    /* Each has counters and padding of its own. */
    cr_assert(sum >= one.bytes[0] && sum <= one.bytes[0] + size * 2048.0, "%s: %g of %g", preset,
              sum, one.bytes[0]);
    const double kept = one.kept > 0 ? one.kept : 0.85;
    cr_assert(one.bytes[0] < 8192 || most <= kept * one.bytes[0], "%s in %d: %g of %g", preset,
              size, most, one.bytes[0]);
    drop(&many, size);
  }
  drop(&one, 1);
  cr_no_leaks();
}

static void check(const char *preset, const char *settings, symo_dtype dtype, uint64_t bad,
                  double bound) {
  /* The trivial label is most of the state of covariances that are not centred. */
  const bool trivial =
      strcmp(preset, "symo-published") == 0 && strstr(settings, "centered") == NULL;
  check_with((share_case){.preset = preset,
                          .settings = settings,
                          .dtype = dtype,
                          .bad_step = bad,
                          .kept = trivial ? 0.9 : 0},
             bound);
}

/* Sums of one tensor have one order, whoever has it. */
Test(share, the_bits_of_one_process) {
  static const char *const presets[][2] = {{"adamw", ""},
                                           {"adam", "weight_decay=0.1; clip_norm=0.5;"},
                                           {"sgd", "momentum=0.9;"},
                                           {"normalized-sgd", "beta2=0.9;"},
                                           {"shampoo", "beta2=0.9;refresh_every=3;"},
                                           {"soap", "refresh_every=2;stagger=true;"},
                                           {"muon", ""}};
  for (size_t i = 0; i < sizeof presets / sizeof *presets; i++) {
    check(presets[i][0], presets[i][1], SYMO_F64, 0, 0);
    check(presets[i][0], presets[i][1], SYMO_F32, 0, 0);
  }
}

/* Centred: what no covariance is for moves by the mean of all eigenvalues, whose sum is that of the
 * sums of the processes. */
Test(share, means_of_all_processes) {
  for (int k = 0; k < 2; k++) {
    const symo_dtype dtype = k == 0 ? SYMO_F64 : SYMO_F32;
    const double bound = symo_test_bound(dtype, 300, 10);
    check("symo", "", dtype, 0, bound);
    check("symo-stateless", "eps=0.01;", dtype, 0, bound);
    check("symo-published", "centered=true;momentum=0.9;source=momentum;", dtype, 0, bound);
  }
}

/* Methods whose labels are in other processes than their tensors: with covariances and without,
 * with second moments in a basis, with noise to know of, and with estimates of all labels at once.
 * Eigenvectors turn by rounding over gaps of some 1e-4. */
static const char *const divided[][2] = {
    {"symo-published", ""},
    {"symo-published", "refresh_every=4;start_step=3;"},
    {"symo-published", "statistics_every=2;refresh_every=2;momentum=0.9;nesterov=true;"},
    {"symo-published", "skip_tolerance=0.01;eps=0.01;"},
    {"symo-published", "basis=column;refresh_every=3;eps=0.01;"},
    {"symo-published", "basis=column;source=momentum;momentum=0.9;refresh_every=2;eps=0.01;"},
    {"symo-published", "basis=adam;momentum=0.9;refresh_every=2;eps=0.01;"},
    {"symo-coupled", ""},
    {"symo-coupled", "cut=0;solver=eigh;eps=0.01;"},
    {"symo-coupled", "groups=layout;cut_reference=noise;cut=1;solver=eigh;"},
    {"symo-stateless", "eps=0.01;damping=trace;"},
    {"symo-pd", ""},
    {"symo-pd", "estimator=h-star;refresh_every=2;eps=0.05;"}};
enum { DIVIDED = sizeof divided / sizeof *divided };

Test(share, labels_apart_from_tensors) {
  for (size_t i = 0; i < DIVIDED; i++) {
    check(divided[i][0], divided[i][1], SYMO_F64, 0, symo_test_bound(SYMO_F64, 300, 1e4));
    check(divided[i][0], divided[i][1], SYMO_F32, 0, symo_test_bound(SYMO_F32, 300, 1e2));
  }
}

/* Pieces go in powers of two of their own. */
Test(share, labels_apart_and_far_from_one) {
  static const int exponents[] = {110, -110, 600, -600};
  for (size_t i = 0; i < DIVIDED; i++)
    for (int k = 0; k < 4; k++) {
      share_case c = {.preset = divided[i][0], .settings = divided[i][1], .exponent = exponents[k]};
      c.dtype = k < 2 ? SYMO_F32 : SYMO_F64, c.kept = 0.9;
      check_with(c, symo_test_bound(c.dtype, 300, k < 2 ? 1e2 : 1e4));
    }
}

/* As many processes, the same bits, whoever was first. */
Test(share, labels_apart_are_repeatable) {
  for (size_t i = 0; i < DIVIDED; i++) {
    share_case first = {.preset = divided[i][0], .settings = divided[i][1], .dtype = SYMO_F32};
    share_case again = first;
    symo_test_ranks(3, run_rank, &first);
    symo_test_ranks(3, run_rank, &again);
    check_case(&first, &again, 3, 0);
    drop(&first, 3), drop(&again, 3);
  }
  cr_no_leaks();
}

/* A root or a direction that one process cannot take is one that none of them has: all go on alike, with
 * what they had. */
Test(share, failures_of_one_are_those_of_all) {
  static const char *const methods[][2] = {{"symo-published", "solver=eigh;"},
                                           {"symo-published", "refresh_every=2;momentum=0.9;"},
                                           {"symo-coupled", "cut=0;solver=eigh;"},
                                           {"symo-pd", ""},
                                           {"symo-pd", "estimator=h-star;"}};
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
    for (long after = 0; after < 60; after += 7) {
      share_case c = {.preset = methods[i][0], .settings = methods[i][1], .dtype = SYMO_F64};
      shim_arm_lapack(SHIM_EIGH, after, after % 2 == 0);
      symo_test_ranks(3, run_rank, &c);
      const bool failed = shim_disarm();
      const size_t parameters = c.whole->optim->layout->parameters;
      for (int r = 0; r < 3; r++) {
        cr_assert(memcmp(c.theta[r], c.theta[0], parameters * sizeof(double)) == 0);
        cr_assert(c.report[r].accepted && c.report[r].failed_roots == c.report[0].failed_roots);
        cr_assert(isfinite(c.theta[r][0]));
      }
      cr_assert(failed || after > 20, "%s: nothing failed", c.preset);
      drop(&c, 3);
    }
  cr_no_leaks();
}

/* A gradient that one of them cannot take is refused by all. */
Test(share, refusals_are_of_all) {
  check("symo-published", "", SYMO_F64, 5, symo_test_bound(SYMO_F64, 300, 1e4));
  check("symo-pd", "", SYMO_F64, 5, symo_test_bound(SYMO_F64, 300, 1e4));
  check("adamw", "", SYMO_F32, STEPS - 1, 0);
}

/* Work is shared by flops and bytes: no process has more than its part and the largest one. */
Test(share, assignments_are_level) {
  share_case c = {.preset = "shampoo", .settings = "", .dtype = SYMO_F64};
  symo_context *context = symo_test_context();
  symo_layout *layout = NULL;
  symo_optim *optim = NULL;
  symo_rule rules[4];
  int owner[TENSORS];
  share_load load[TENSORS];
  int *units[4] = {NULL};
  const symo_optim_spec spec = spec_of(&c, rules);
  cr_ok(context, symo_layout_parse(context, layout_text, &layout));
  cr_ok(context, symo_optim_create(layout, &spec, &optim));
  cr_ok(context, symo_share_assign(optim, TENSORS, owner, units, load));
  double flops = 0, most = 0, largest = 0;
  for (int r = 0; r < TENSORS; r++) flops += load[r].flops, largest = fmax(largest, load[r].flops);
  for (int ranks = 1; ranks <= 4; ranks++) {
    most = 0;
    cr_ok(context, symo_share_assign(optim, ranks, owner, units, load));
    for (int r = 0; r < ranks; r++) most = fmax(most, load[r].flops);
    cr_assert(most <= flops / ranks + largest);
    for (size_t t = 0; t < TENSORS; t++) cr_assert(owner[t] >= 0 && owner[t] < ranks);
  }
  symo_optim_destroy(optim);
  symo_layout_destroy(layout);
  symo_context_destroy(context);
  cr_no_leaks();
}
