/* The options of a method: one row for every field of symo_method behind `preset`, from which
 * setting, reading back, checking and help are made.
 *
 * Numbers are written with as few digits as read back to the same bits; the point is a point
 * whatever the locale says. */
#include "optim/method.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/names.h"
#include "core/number.h"
#include "core/text.h"
#include "optim/modules.h"

typedef struct option_row {
  symo_option option;
  size_t offset, size;
  bool whole;       /* numbers: the field is a uint64_t, else a double */
  double word;      /* .. what the word in `values` stands for */
  bool module;      /* of names: a pointer to a row of the registry `kind`; else an enum */
  module_kind kind; /* its rows are in the order of `values` */
} option_row;

#define FIELD(key) offsetof(symo_method, key), sizeof(((symo_method *)NULL)->key)
#define NAME(key, values, help)                                                                    \
  { {#key, SYMO_OPTION_NAME, 0, 0, values, help}, FIELD(key), false, 0, false, 0 }
#define FLAG(key, help)                                                                            \
  { {#key, SYMO_OPTION_FLAG, 0, 1, NULL, help}, FIELD(key), false, 0, false, 0 }
#define NUMBER(key, min, max, help)                                                                \
  { {#key, SYMO_OPTION_NUMBER, min, max, NULL, help}, FIELD(key), false, 0, false, 0 }
#define NUMBER_OR(key, min, max, name, value, help)                                                \
  { {#key, SYMO_OPTION_NUMBER, min, max, name, help}, FIELD(key), false, value, false, 0 }
#define WORD(id, name) " " name
#define MODULE(key, kind, words, help)                                                             \
  { {#key, SYMO_OPTION_NAME, 0, 0, &(words)[1], help}, FIELD(key), false, 0, true, kind }
#define WHOLE(key, min, max, help)                                                                 \
  { {#key, SYMO_OPTION_NUMBER, min, max, NULL, help}, FIELD(key), true, 0, false, 0 }

#define MOST_STEPS 1e15
enum { MOST_LETTERS = 32 }; /* of the name of a module or choice, end included */

static const option_row rows[] = {
    MODULE(curvature, MODULE_CURVATURE, SYMO_CURVATURE_LIST(WORD), "what curvature is kept"),
    NAME(groups, NULL,
         "of the spaces, for orbit curvature: layout, alternate, alternate copies, alternate "
         "GROUP, or a group"),
    NAME(source, "gradient momentum hutchinson bartlett",
         "what covariances are made of; the last two: of estimates of a diagonal by the problem"),
    NAME(estimator, "h-g h-pd h-star",
         "orbit: of the Hessian; h-pd and h-star see the parameters, with damping largest"),
    MODULE(solver, MODULE_SOLVER, SYMO_SOLVER_LIST(WORD), "how roots are taken, or systems solved"),
    MODULE(damping, MODULE_DAMPING, SYMO_DAMPING_LIST(WORD), "how eps is added"),
    MODULE(precondition, MODULE_PRECONDITION, SYMO_PRECONDITION_LIST(WORD), "of cg"),
    NAME(space, "parameters rows",
         "ggn: systems as large as the parameters, or as examples times outputs"),
    NAME(basis, "none adam column example",
         "second moments in the eigenbasis of the curvature: of entries; orbit: of columns; kfac: "
         "of "
         "single examples"),
    NAME(fisher, "empirical sampled exact",
         "kfac: at the labels of the data, drawn from the model, or in expectation over it"),
    NAME(sharing, "expand reduce", "kfac: positions of a shared weight as examples, or summed up"),
    NAME(alpha_curvature, "ggn hessian", "alpha auto: whose products along singular directions"),
    NAME(graft, "none sgd adam", "whose norm the direction takes, tensor by tensor"),
    NAME(scale, "none shape match-rms unit-rms",
         "factor of a tensor: sqrt(max(1, rows/columns)), 0.2 sqrt(max(rows, columns)), rms 1"),
    NAME(decay, "decoupled l2", "how weight_decay acts: on parameters, or through the gradient"),
    NAME(schedule, "constant exponential linear cosine wsd", "of the learning rate"),
    NUMBER(lr, 0, 1e6, "learning rate"),
    NUMBER(min_lr, 0, 1e6, "where schedules end"),
    NUMBER(rate, 0, 1, "exponential: lr rate^t"),
    WHOLE(warmup_steps, 0, MOST_STEPS, "the learning rate rises linearly over so many steps"),
    WHOLE(total_steps, 0, MOST_STEPS, "linear, cosine, wsd: the step at which min_lr is reached"),
    NUMBER(stable_fraction, 0, 1, "wsd: share of the steps behind the warm-up held constant"),
    NUMBER(momentum, 0, 0.9999999, "memory b of gradients; 0: none"),
    FLAG(momentum_ema, "m <- b m + (1 - b) g instead of m <- b m + g"),
    FLAG(momentum_correction, "momentum divided by 1 - b^t"),
    FLAG(nesterov, "the direction looks one update of the momentum ahead"),
    NUMBER(beta2, 0, 1, "memory of covariances: 0 none, 1 a sum, else an average"),
    FLAG(correction, "the average of covariances divided by 1 - beta2^t"),
    NUMBER_OR(alpha, 0, 2, "auto", SYMO_ALPHA_AUTO,
              "the step is u C^(-alpha/2); auto: measured, with orbit-blocked and beta2 0"),
    NUMBER(alpha_initial, 0.05, 2, "auto: before there is a measurement"),
    NUMBER(alpha_min, 0.05, 2, "auto: measurements below count as this"),
    NUMBER(alpha_max, 0.05, 2, "auto: measurements above count as this"),
    NUMBER(alpha_step, 0.01, 1, "auto: steps have the nearest multiple of this"),
    NUMBER(alpha_memory, 0, 0.9999999, "auto: weight of the measurements before a new one"),
    WHOLE(alpha_first, 0, MOST_STEPS, "auto: steps before the first measurement"),
    WHOLE(alpha_every, 0, MOST_STEPS, "auto: steps between measurements; 0: one alone"),
    WHOLE(alpha_directions, 5, 1e6, "auto: singular directions, with a product for each, a matrix"),
    FLAG(mean, "C = X'X / n instead of X'X"),
    FLAG(centered, "the part that the group does not move is left out of C"),
    NUMBER(eps, 0, 1e6, "added as `damping` says; diagonal: to the root"),
    NUMBER(
        cut, 0, 1000,
        "orbit, by eigh or shaped: singular values below cut times cut_reference are not raised; "
        "0: all are"),
    NAME(
        cut_reference, "largest median noise",
        "what cut is in units of: their 4-norm, their median, or the largest that noise alone has"),
    NUMBER(cut_order, 0, 64, "how sharply the power bends at the cut; 0: as alpha, 2: as damping"),
    NUMBER(gamma, 0, 1e6, "clipped: directions over max(gamma h, eps), h the diagonal"),
    WHOLE(probes, 1, 1e6, "hutchinson: products in an estimate"),
    WHOLE(probe_seed, 0, 9e15, "of hutchinson's signs and bartlett's targets"),
    FLAG(spatial_average, "hutchinson, bartlett: averaged over kernels"),
    NUMBER(rank, 0, 2147483647,
           "kfac: eigenpairs kept of each factor; below 1: the share of its dimension; 0: all"),
    NUMBER(rank_share, 0, 1, "kfac: no more than make up this share of the trace; 0: rank of them"),
    NUMBER(kl_clip, 0, 1e30, "kfac: largest lr^2 d'Fd of the direction d of all sites; 0: any"),
    NUMBER(weight_decay, 0, 1e6, "pull towards zero"),
    NUMBER(clip_norm, 0, 1e30, "largest norm of the gradient over all tensors; 0: any"),
    NUMBER(clip_value, 0, 1e30, "largest entry of the gradient, after that; 0: any"),
    WHOLE(statistics_every, 1, 1e9, "steps between gradients that covariances take in"),
    WHOLE(refresh_every, 1, 1e9, "steps between roots"),
    NUMBER(stale_floor, 0, 100,
           "orbit, roots or statistics not of every step: added to C, in units of what one vector "
           "adds to a direction it is the first to go"),
    WHOLE(start_step, 0, MOST_STEPS, "before this step the grafted or plain direction is taken"),
    FLAG(stagger, "roots of a rule are spread over refresh_every steps"),
    NUMBER(skip_tolerance, 0, 1, "a root is kept while |off-diagonal| <= so much of |C|; 0: never"),
    WHOLE(solver_steps, 0, 1e6,
          "iterations of newton-schulz and polar-express, most of others; 0: 5, 100 (auto: 8)"),
    NUMBER(solver_tolerance, 0, 1, "where iterations end"),
    FLAG(warm_start, "cg starts from the last solution"),
    WHOLE(max_dim, 1, 2147483647, "per-axis: longer axes are left alone"),
};

enum { NUM_ROWS = sizeof rows / sizeof *rows };

size_t symo_method_num_options(void) { return NUM_ROWS; }

const symo_option *symo_method_option(size_t index) {
  return index < NUM_ROWS ? &rows[index].option : NULL;
}

/* ---- words in lists of words ---- */

/* The place of a word, or SYMO_NONE. */
static size_t place_of(const char *values, const char *word) {
  size_t length = strlen(word), place = 0;
  for (const char *v = values; *v != 0; place++) {
    size_t n = strcspn(v, " ");
    if (n == length && memcmp(v, word, n) == 0) return place;
    v += n + (v[n] == ' ');
  }
  return SYMO_NONE;
}

/* The one of the words that may have been meant. */
static symo_quote suggest_word(const char *values, const char *word) {
  symo_suggestion s = {.name = word};
  for (const char *v = values; *v != 0;) {
    size_t n = strcspn(v, " ");
    symo_suggestion_offer(&s, v, n);
    v += n + (v[n] == ' ');
  }
  return symo_suggestion_text(&s);
}

/* The word at a place, not terminated at *length; NULL past the end. */
static const char *word_at(const char *values, size_t place, size_t *length) {
  const char *v = values;
  for (; *v != 0; place--) {
    *length = strcspn(v, " ");
    if (place == 0) return v;
    v += *length + (v[*length] == ' ');
  }
  return NULL;
}

static const option_row *find_row(symo_context *context, const char *key) {
  symo_suggestion s = {.name = key};
  for (size_t i = 0; i < NUM_ROWS; i++)
    if (strcmp(rows[i].option.key, key) == 0) return &rows[i];
  for (size_t i = 0; i < NUM_ROWS; i++)
    symo_suggestion_offer(&s, rows[i].option.key, strlen(rows[i].option.key));
  symo_fail(context, SYMO_E_NAME, "method: \"%.40s\" is no option%s", key,
            symo_suggestion_text(&s).text);
  return NULL;
}

/* ---- groups ---- */

static const char alternate[] = "alternate", copies[] = "copies";

bool symo_method_alternates(const symo_method *method) {
  size_t n = sizeof alternate - 1;
  return strncmp(method->groups, alternate, n) == 0 &&
         (method->groups[n] == 0 || method->groups[n] == ' ');
}

bool symo_method_splits(const symo_method *method) {
  return symo_method_alternates(method) && method->groups[sizeof alternate - 1] != 0 &&
         strcmp(method->groups + sizeof alternate, copies) == 0;
}

const char *symo_method_group(const symo_method *method) {
  const char *name = method->groups;
  if (symo_method_alternates(method)) {
    name += sizeof alternate - 1;
    return *name == 0 || symo_method_splits(method) ? NULL : name + 1;
  }
  return strcmp(name, "layout") == 0 ? NULL : name;
}

static symo_status check_groups(symo_context *context, const char *where, const char *value) {
  symo_method method;
  snprintf(method.groups, sizeof method.groups, "%s", value);
  const char *name = symo_method_group(&method);
  if (name == NULL) return SYMO_OK;
  const symo_group *group = context == NULL ? NULL : symo_context_find_group(context, name);
  if (group == NULL) group = symo_group_find(name);
  if (group != NULL && symo_group_has_parameters(group))
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "%s: groups: %s has parameters (put it into the layout and say layout)", where,
                     name);
  if (group != NULL) return SYMO_OK;
  symo_suggestion s = {.name = name};
  symo_suggestion_offer(&s, "layout", 6);
  symo_suggestion_offer(&s, alternate, sizeof alternate - 1);
  symo_suggestion_offer(&s, copies, sizeof copies - 1);
  for (size_t i = 0; i < symo_group_count(); i++) {
    const char *known = symo_group_name(symo_group_at(i));
    symo_suggestion_offer(&s, known, strlen(known));
  }
  return symo_fail(
      context, SYMO_E_NAME,
      "%s: groups: \"%.40s\" (must be layout, alternate, alternate copies, or a group)%s", where,
      name, symo_suggestion_text(&s).text);
}

/* ---- modules and choices ---- */

_Static_assert(sizeof(symo_source) == sizeof(unsigned) && sizeof(symo_basis) == sizeof(unsigned) &&
                   sizeof(symo_step_estimator) == sizeof(unsigned) &&
                   sizeof(symo_cut_reference) == sizeof(unsigned) &&
                   sizeof(symo_alpha_curvature) == sizeof(unsigned) &&
                   sizeof(symo_space) == sizeof(unsigned) &&
                   sizeof(symo_graft) == sizeof(unsigned) &&
                   sizeof(symo_fisher) == sizeof(unsigned) &&
                   sizeof(symo_sharing) == sizeof(unsigned) &&
                   sizeof(symo_scale) == sizeof(unsigned) &&
                   sizeof(symo_decay) == sizeof(unsigned) &&
                   sizeof(symo_schedule) == sizeof(unsigned),
               "choices are read and written as unsigned");

/* The word that a field holds, not terminated at *length; NULL if it holds none of the row's. */
static const char *word_of(const option_row *row, const void *field, size_t *length) {
  const void *module;
  unsigned choice;
  size_t place = 0;
  if (!row->module) {
    memcpy(&choice, field, sizeof choice);
    return word_at(row->option.values, choice, length);
  }
  memcpy(&module, field, sizeof module);
  const symo_registry modules = symo_modules(row->kind);
  while (place < modules.count && modules.rows[place] != module) place++;
  return word_at(row->option.values, place, length);
}

static void set_place(const option_row *row, size_t place, void *field) {
  unsigned choice = (unsigned)place;
  if (row->module) {
    const void *module = symo_registry_at(symo_modules(row->kind), place);
    memcpy(field, &module, sizeof module);
  } else {
    memcpy(field, &choice, sizeof choice);
  }
}

/* ---- checks ---- */

static symo_status check_choice(symo_context *context, const option_row *row, const char *where,
                                const void *field) {
  size_t length;
  if (row->option.values != NULL)
    return word_of(row, field, &length) != NULL
               ? SYMO_OK
               : symo_fail(context, SYMO_E_NAME,
                           "%s: %s: none of the library's (must be one of: %s)", where,
                           row->option.key, row->option.values);
  if (memchr(field, 0, row->size) != NULL) return check_groups(context, where, field);
  return symo_fail(context, SYMO_E_NAME, "%s: %s: a name without end", where, row->option.key);
}

static symo_status read_name(symo_context *context, const option_row *row, const char *value,
                             size_t *place) {
  static const char where[] = "method";
  if (row->option.values == NULL) return check_groups(context, where, value);
  *place = place_of(row->option.values, value);
  if (*place != SYMO_NONE) return SYMO_OK;
  return symo_fail(context, SYMO_E_NAME, "%s: %s: \"%.40s\" (must be one of: %s)%s", where,
                   row->option.key, value, row->option.values,
                   suggest_word(row->option.values, value).text);
}

static double number_in(const option_row *row, const void *field) {
  return row->whole ? (double)*(const uint64_t *)field : *(const double *)field;
}

static bool is_word(const option_row *row, double x) {
  return row->option.values != NULL && x == row->word;
}

/* "(must be a whole number from 0 to 3)", without the brackets. */
typedef struct range_text {
  char text[160];
} range_text;

static range_text range_of(const option_row *row) {
  range_text range;
  const char *word = row->option.values;
  snprintf(range.text, sizeof range.text, "must be a%s number from %s to %s%s%s",
           row->whole ? " whole" : "", symo_decimal_of(row->option.min).text,
           symo_decimal_of(row->option.max).text, word != NULL ? ", or " : "",
           word != NULL ? word : "");
  return range;
}

static symo_status check_number(symo_context *context, const option_row *row, const char *where,
                                double x) {
  if (x >= row->option.min && x <= row->option.max && (!row->whole || x == floor(x)))
    return SYMO_OK;
  if (is_word(row, x)) return SYMO_OK;
  return symo_fail(context, SYMO_E_ARGUMENT, "%s: %s: %s (%s)", where, row->option.key,
                   symo_decimal_of(x).text, range_of(row).text);
}

static const void *field(const symo_method *method, const option_row *row) {
  return (const char *)method + row->offset;
}

symo_status symo_method_check(symo_context *context, const symo_method *method, const char *where) {
  for (size_t i = 0; i < NUM_ROWS; i++) {
    const void *p = field(method, &rows[i]);
    symo_status status = SYMO_OK;
    if (rows[i].option.kind == SYMO_OPTION_NUMBER)
      status = check_number(context, &rows[i], where, number_in(&rows[i], p));
    else if (rows[i].option.kind == SYMO_OPTION_NAME)
      status = check_choice(context, &rows[i], where, p);
    if (status != SYMO_OK) return status;
  }
  return SYMO_OK;
}

/* ---- set and get ---- */

static void write_number(double x, char value[128]) {
  snprintf(value, 128, "%s", symo_decimal_of(x).text);
}

static bool read_flag(const char *value, bool *out) {
  *out = place_of("true yes on 1", value) != SYMO_NONE;
  return *out || place_of("false no off 0", value) != SYMO_NONE;
}

/* A number in its range, or that of the row's word. */
static symo_status read_number(symo_context *context, const option_row *row, const char *value,
                               double *number) {
  if (row->option.values != NULL && strcmp(value, row->option.values) == 0) {
    *number = row->word;
    return SYMO_OK;
  }
  if (!symo_decimal_read(value, NULL, number) || is_word(row, *number))
    return symo_fail(context, SYMO_E_ARGUMENT, "method: %s: \"%.40s\" (%s)", row->option.key, value,
                     range_of(row).text);
  return check_number(context, row, "method", *number);
}

symo_status symo_method_set(symo_context *context, symo_method *method, const char *key,
                            const char *value) {
  if (method == NULL || key == NULL || value == NULL)
    return symo_fail_null(context, "method_set",
                          method == NULL ? "method"
                          : key == NULL  ? "key"
                                         : "value");
  const option_row *row = find_row(context, key);
  if (row == NULL) return SYMO_E_NAME;
  void *p = (char *)method + row->offset;
  double number = 0;
  bool flag = false;
  size_t place = 0;
  symo_status status;
  switch (row->option.kind) {
  case SYMO_OPTION_NUMBER:
    status = read_number(context, row, value, &number);
    if (status != SYMO_OK) return status;
    if (row->whole)
      *(uint64_t *)p = (uint64_t)number;
    else
      *(double *)p = number;
    return SYMO_OK;
  case SYMO_OPTION_FLAG:
    if (!read_flag(value, &flag))
      return symo_fail(context, SYMO_E_ARGUMENT, "method: %s: \"%.40s\" (must be true or false)",
                       key, value);
    *(bool *)p = flag;
    return SYMO_OK;
  default:
    if (strlen(value) >= (row->option.values == NULL ? row->size : MOST_LETTERS))
      return symo_fail(context, SYMO_E_NAME, "method: %s: \"%.40s..\" is too long for a name", key,
                       value);
    status = read_name(context, row, value, &place);
    if (status != SYMO_OK) return status;
    if (row->option.values == NULL)
      memmove(p, value, strlen(value) + 1);
    else
      set_place(row, place, p);
    return SYMO_OK;
  }
}

symo_status symo_method_get(symo_context *context, const symo_method *method, const char *key,
                            char value[128]) {
  if (method == NULL || key == NULL || value == NULL)
    return symo_fail_null(context, "method_get",
                          method == NULL ? "method"
                          : key == NULL  ? "key"
                                         : "value");
  const option_row *row = find_row(context, key);
  if (row == NULL) return SYMO_E_NAME;
  const void *p = field(method, row);
  size_t length = 0;
  switch (row->option.kind) {
  case SYMO_OPTION_NUMBER:
    if (is_word(row, number_in(row, p)))
      snprintf(value, 128, "%s", row->option.values);
    else
      write_number(number_in(row, p), value);
    break;
  case SYMO_OPTION_FLAG: strcpy(value, *(const bool *)p ? "true" : "false"); break;
  default:
    if (row->option.values == NULL) {
      snprintf(value, 128, "%.*s", (int)row->size - 1, (const char *)p);
    } else {
      const char *word = word_of(row, p, &length);
      snprintf(value, 128, "%.*s", word != NULL ? (int)length : 0, word != NULL ? word : "");
    }
  }
  return SYMO_OK;
}
