/* Named methods with the defaults that their authors give them, as what differs from a common base.
 *
 *   symo             what did best on the trainings of docs/results (autoencoder, classifier,
 *                    language model): the covariance of the momentum itself, nothing kept
 *   symo-coupled     the same across tensors: no better there, and up to twice the price
 *   symo-published   Symo of arXiv 2606.00442: rate, schedule and memory of its notebook.  The
 *                    rate falls by 9 % a step, so nothing moves any more after some 200
 *   symo-pd          arXiv 2606.00442, equation 10, with the settings of the library of its authors
 *   muon             K. Jordan, github.com/KellerJordan/Muon
 *   spectral-newton  arXiv 2606.02596: curvature along the singular directions of a matrix goes
 * with
 *                    a power alpha of their singular values, so the step by its inverse is
 *                    s / (s^alpha + damping).  alpha and damping are those that did best on the
 *                    trainings of docs/results; damping is relative, cut^alpha
 *   shampoo          Distributed Shampoo of Meta (arXiv 2309.06497), without grafting
 *   soap             arXiv 2409.11321 and the authors' code: the first step only makes the basis,
 *                    decay comes behind the step
 *   adam, adamw      arXiv 1412.6980, 1711.05101, as in PyTorch
 *   adahessian       Yao et al., arXiv 2006.00719: kernels averaged, Hessian power 1
 *   sophia-g, -h     Liu et al., arXiv 2305.14342
 *   adagrad-full     Duchi, Hazan, Singer 2011, the full matrix
 *   ..-direct        Newton's method and Gauss-Newton as in textbooks, with that damping
 *   egn, egn-cg      Korbit et al., arXiv 2405.14402, with that damping for their line search
 *   sgn              Gargiani et al., arXiv 2006.02409
 *   kfac, ..         Martens, Grosse 2015 (arXiv 1503.05671), with sampled labels, averages of
 *                    statistics taken every ten steps, and steps bounded by kl_clip (Ba, Grosse,
 *                    Martens 2017) in place of its search for a rate; ekfac: George et al. 2018
 *   ..-cg, lm        truncated Newton (Nocedal, Wright, algorithm 7.1), with damping for the line
 *                    search that it has there; Levenberg and Marquardt with Martens' rule for the
 *                    damping */
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/names.h"
#include "optim/method.h"

typedef struct preset_row {
  const char *name, *summary, *settings;
  const char *companion; /* settings of adamw beside it; NULL: the rate of the method */
} preset_row;

static const symo_method base = {
    .curvature = &symo_curvature_none,
    .groups = "layout",
    .solver = &symo_solver_auto,
    .damping = &symo_damping_constant,
    .precondition = &symo_precondition_none,
    .lr = 1e-3,
    .rate = 1,
    .momentum_ema = true,
    .alpha = 1,
    .mean = true,
    .statistics_every = 1,
    .refresh_every = 1,
    .stagger = true,
    .solver_tolerance = 1e-6,
    .probes = 1,
    .alpha_initial = 1.4,
    .alpha_min = 0.6,
    .alpha_max = 2,
    .alpha_step = 0.1,
    .alpha_memory = 0.5,
    .alpha_first = 20,
    .alpha_directions = 16,
    .max_dim = 8192,
};

#define STATELESS                                                                                  \
  "groups=alternate; source=momentum; beta2=0; mean=false; lr=0.003; nesterov=true; "              \
  "scale=unit-rms; stale_floor=0.1"
/* Across tensors label 0 would be one root over all of them: it is left out.  Within a tensor it is
 * one row, and a convolution of few channels needs it whitened like the others. */
#define COUPLED "curvature=orbit; centered=true; "
/* Attention heads by themselves: as good, and their roots are of the order of a head. */
#define HEADS "; groups=alternate copies"
#define SYMO STATELESS "; momentum=0.9; alpha=1.6; cut=0.012; solver=shaped"

#define MUON                                                                                       \
  "curvature=orbit-blocked; groups=alternate orthogonal; source=momentum; beta2=0; mean=false; "   \
  "lr=0.02; momentum=0.95; nesterov=true; scale=shape"

/* cut_order 0 is alpha: s / (s^alpha + cut^alpha), s in units of their 4-norm. */
#define SPECTRAL                                                                                   \
  "curvature=orbit-blocked; groups=alternate orthogonal; source=momentum; beta2=0; mean=false; "   \
  "lr=0.003; momentum=0.9; nesterov=true; scale=unit-rms; alpha=1.4; cut=0.012"

/* What Muon's authors train the other tensors with. */
#define BESIDE_MUON "lr=3e-4; momentum=0.9; beta2=0.95; eps=1e-10"

/* The rate of steps in directions that the bound on lr^2 d'Fd does not shorten; the other tensors
 * have adamw's own. */
#define KFAC                                                                                       \
  "curvature=kfac; fisher=sampled; damping=factored; alpha=2; lr=0.1; momentum=0.9; beta2=0.95; "  \
  "correction=true; eps=0.01; kl_clip=0.003; statistics_every=10; refresh_every=10"
#define BESIDE_KFAC "lr=1e-3"

static const preset_row table[] = {
    {"symo",
     "root of the momentum's own orbit covariance, updates of rms lr: the one to start with",
     "curvature=orbit-blocked; " SYMO HEADS, NULL},
    {"symo-bd", "another name of symo: block-diagonal, every tensor by itself",
     "curvature=orbit-blocked; " SYMO HEADS, NULL},
    {"symo-coupled", "the same with the tensors of a hidden space in one covariance", COUPLED SYMO,
     NULL},
    {"symo-stateless", "symo with exponent 1 and momentum 0.95, as on the autoencoder",
     COUPLED STATELESS "; momentum=0.95", NULL},
    {"symo-published", "root of a running orbit covariance, as published: for a hundred steps",
     "curvature=orbit; lr=0.09; schedule=exponential; rate=0.91; beta2=0.95; correction=true; "
     "stale_floor=0.1",
     NULL},
    {"symo-pd", "equation 10 of the paper: curvature from gradients and parameters, label by label",
     "curvature=orbit; estimator=h-pd; damping=largest; source=momentum; lr=0.1; momentum=0.9; "
     "beta2=0.99; correction=true; centered=true; eps=1e-4",
     NULL},
    {"muon", "momentum orthogonalised by five quintic Newton-Schulz steps",
     MUON "; solver=newton-schulz; solver_steps=5", BESIDE_MUON},
    {"muon-exact", "the same with the exact polar factor", MUON "; solver=eigh", BESIDE_MUON},
    {"spectral-newton",
     "singular values s of the momentum made s / (s^alpha + cut^alpha), by a polynomial",
     SPECTRAL "; solver=shaped", NULL},
    {"spectral-newton-exact", "the same in the singular basis", SPECTRAL "; solver=eigh", NULL},
    {"shampoo", "one factor an axis, summed, L^-1/4 G R^-1/4",
     "curvature=per-axis; lr=0.01; momentum=0.9; momentum_correction=true; beta2=1; mean=false; "
     "eps=1e-12; max_dim=1024",
     NULL},
    {"soap", "Adam in the eigenbasis of Shampoo's factors",
     "curvature=per-axis; basis=adam; lr=0.003; momentum=0.95; momentum_correction=true; "
     "beta2=0.95; correction=true; mean=false; eps=1e-8; weight_decay=0.01; refresh_every=10; "
     "stagger=false; max_dim=10000",
     NULL},
    {"adam", "running means of gradient and squared gradient",
     "curvature=diagonal; lr=0.001; momentum=0.9; momentum_correction=true; beta2=0.999; "
     "correction=true; eps=1e-8; decay=l2",
     NULL},
    {"adamw", "Adam with decay of the parameters themselves",
     "curvature=diagonal; lr=0.001; momentum=0.9; momentum_correction=true; beta2=0.999; "
     "correction=true; eps=1e-8; weight_decay=0.01",
     NULL},
    {"adahessian", "Adam with the diagonal of the Hessian, by products with random signs",
     "curvature=diagonal; source=hutchinson; lr=0.15; momentum=0.9; momentum_correction=true; "
     "beta2=0.999; correction=true; eps=1e-4; spatial_average=true",
     NULL},
    {"sophia-g", "momentum over the diagonal of the Gauss-Newton matrix, clipped",
     "curvature=clipped; source=bartlett; lr=0.01; momentum=0.96; beta2=0.99; gamma=0.05; "
     "eps=1e-12; statistics_every=10; weight_decay=0.1",
     NULL},
    {"sophia-h", "the same with the diagonal of the Hessian, by products with random signs",
     "curvature=clipped; source=hutchinson; lr=0.01; momentum=0.96; beta2=0.99; gamma=0.01; "
     "eps=1e-12; statistics_every=10; weight_decay=0.1",
     NULL},
    {"normalized-sgd", "the gradient of every tensor over its norm",
     "curvature=scalar; lr=0.01; beta2=0; mean=false", NULL},
    {"adagrad-full", "root of the sum of all g g', small problems only",
     "curvature=orbit; groups=identity; lr=0.01; beta2=1; mean=false; eps=1e-10", NULL},
    {"sgd", "the gradient, with momentum if that is set",
     "curvature=none; lr=0.001; alpha=0; momentum_ema=false; decay=l2", NULL},
    {"kfac", "K-FAC: layer statistics every ten steps, a Kronecker product for every weight", KFAC,
     BESIDE_KFAC},
    {"ekfac", "the same with second moments of single examples in its eigenbasis",
     KFAC "; basis=example; refresh_every=20", BESIDE_KFAC},
    {"kfac-lowrank",
     "the same of rank 15 %, or what has 90 % of the trace, updated without a square",
     KFAC "; refresh_every=1; rank=0.15; rank_share=0.9; skip_tolerance=0.05", BESIDE_KFAC},
    {"newton-cg", "Newton's step by truncated conjugate gradients, in a trust region",
     "curvature=hessian; solver=cg; damping=levenberg-marquardt; lr=1; alpha=2; eps=0.1; "
     "solver_steps=100; solver_tolerance=1e-4",
     NULL},
    {"ggn-cg", "the same with the Gauss-Newton matrix",
     "curvature=ggn; solver=cg; damping=levenberg-marquardt; lr=1; alpha=2; eps=0.1; "
     "solver_steps=50; solver_tolerance=1e-4",
     NULL},
    {"newton-direct", "Newton's step by a Cholesky factor, in a trust region: small problems",
     "curvature=hessian; solver=cholesky; damping=levenberg-marquardt; lr=1; alpha=2; eps=0.1",
     NULL},
    {"ggn-direct", "the same with the Gauss-Newton matrix",
     "curvature=ggn; solver=cholesky; damping=levenberg-marquardt; lr=1; alpha=2; eps=0.1", NULL},
    {"egn", "Gauss-Newton in the space of examples and outputs, by a Cholesky factor",
     "curvature=ggn; space=rows; solver=cholesky; damping=levenberg-marquardt; lr=1; alpha=2; "
     "eps=1",
     NULL},
    {"egn-cg", "the same by conjugate gradients",
     "curvature=ggn; space=rows; solver=cg; damping=levenberg-marquardt; lr=1; alpha=2; eps=1; "
     "solver_steps=50; solver_tolerance=1e-4",
     NULL},
    {"ngd",
     "natural gradient of the empirical Fisher matrix, in the space of examples, by a factor",
     "curvature=fisher; space=rows; solver=cholesky; damping=constant; lr=0.3; alpha=2; "
     "eps=0.1",
     NULL},
    {"ngd-cg", "the same by conjugate gradients",
     "curvature=fisher; space=rows; solver=cg; damping=constant; lr=0.3; alpha=2; "
     "eps=0.1; "
     "solver_steps=50; solver_tolerance=1e-4",
     NULL},
    {"sgn", "Gauss-Newton on batches by a few conjugate gradients, with constant damping",
     "curvature=ggn; solver=cg; damping=constant; lr=0.3; alpha=2; eps=0.1; solver_steps=10; "
     "solver_tolerance=1e-4; warm_start=true",
     NULL},
    {"lm", "Gauss-Newton with a damping that follows the ratio of actual to predicted reduction",
     "curvature=ggn; solver=cg; damping=levenberg-marquardt; lr=1; alpha=2; eps=1; "
     "solver_steps=100; solver_tolerance=1e-6",
     NULL},
};

enum { NUM_PRESETS = sizeof table / sizeof *table };

size_t symo_method_num_presets(void) { return NUM_PRESETS; }
const char *symo_method_preset_name(size_t index) {
  return index < NUM_PRESETS ? table[index].name : NULL;
}
const char *symo_method_preset_summary(size_t index) {
  return index < NUM_PRESETS ? table[index].summary : NULL;
}

/* "key=value; key=value" */
static symo_status apply_settings(symo_context *context, const char *settings,
                                  symo_method *method) {
  char key[32], value[128];
  for (const char *s = settings; *s != 0;) {
    size_t n = strcspn(s, ";"), equal = strcspn(s, "=");
    snprintf(key, sizeof key, "%.*s", (int)equal, s);
    snprintf(value, sizeof value, "%.*s", (int)(n - equal - 1), s + equal + 1);
    symo_status status = symo_method_set(context, method, key, value);
    if (status != SYMO_OK) return status;
    s += n;
    s += strspn(s, "; ");
  }
  return SYMO_OK;
}

symo_status symo_method_preset(symo_context *context, const char *name, symo_method *out) {
  if (name == NULL || out == NULL)
    return symo_fail_null(context, "method_preset", name == NULL ? "name" : "out");
  symo_suggestion s = {.name = name};
  for (size_t i = 0; i < NUM_PRESETS; i++) {
    if (strcmp(table[i].name, name) != 0) continue;
    symo_method method = base;
    snprintf(method.preset, sizeof method.preset, "%s", name);
    symo_status status = apply_settings(context, table[i].settings, &method);
    if (status == SYMO_OK) *out = method;
    return status;
  }
  for (size_t i = 0; i < NUM_PRESETS; i++)
    symo_suggestion_offer(&s, table[i].name, strlen(table[i].name));
  return symo_fail(context, SYMO_E_NAME, "method: there is no preset \"%.40s\"%s", name,
                   symo_suggestion_text(&s).text);
}

symo_status symo_method_companion(symo_context *context, const symo_method *method,
                                  symo_method *out) {
  symo_status status;
  SYMO_TRY(symo_method_preset(context, "adamw", out));
  out->lr = method->lr;
  for (size_t i = 0; i < NUM_PRESETS; i++)
    if (strcmp(table[i].name, method->preset) == 0 && table[i].companion != NULL)
      SYMO_TRY(apply_settings(context, table[i].companion, out));
  out->min_lr = method->lr > 0 ? method->min_lr * (out->lr / method->lr) : 0;
  out->weight_decay = method->weight_decay;
  out->schedule = method->schedule;
  out->rate = method->rate;
  out->warmup_steps = method->warmup_steps;
  out->total_steps = method->total_steps;
  out->stable_fraction = method->stable_fraction;
  out->clip_norm = method->clip_norm;
  out->clip_value = method->clip_value;
fail:
  return status;
}
