/* symo verify --net: is the group of a layout a symmetry of a network?  Calls symo_symmetry_measure
 * at the weights that symo compare takes with the same options. */
#include "experiments/commands/verify.h"
#include "experiments/inputs/tensors.h"
#include "experiments/models/network_data.h"
#include "experiments/models/network_layout.h"
#include "experiments/models/network_options.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"

enum { GROUP_TEXT = 128 };

typedef struct inquiry {
  network_point setup;
  symo_symmetry_report *report;
  char (*groups)[GROUP_TEXT]; /* [spaces], as people read them */
  size_t samples;
  char net[256];
  bool bounded;     /* --tolerance was given */
  double tolerance; /* what passes */
} inquiry;

static bool is_joint(const symo_symmetry_row *row) { return row->space == SYMO_SYMMETRY_JOINT; }

static bool uncertain(const symo_symmetry_row *row) {
  return row->verdict == SYMO_SYMMETRY_UNCERTAIN;
}

/* With a tolerance only the defect at this point counts. */
static bool passes(const inquiry *q, const symo_symmetry_row *row) {
  return row->defect <= q->tolerance && (q->bounded || !uncertain(row));
}

static bool all_pass(const inquiry *q) {
  bool pass = true;
  for (size_t i = 0; i < q->report->num_rows; i++) pass = pass && passes(q, &q->report->rows[i]);
  return pass;
}

static const char *space(const inquiry *q, const symo_symmetry_row *row) {
  return is_joint(row) ? "all together" : symo_layout_space_name(q->setup.layout, row->space);
}

static const symo_group *group(const inquiry *q, const symo_symmetry_row *row) {
  return symo_layout_space_group(q->setup.layout, row->space);
}

static const char *tensor(const inquiry *q, size_t t) {
  return symo_layout_tensor_name(q->setup.layout, t);
}

/* ---- JSON ---- */

static json_t *row_json(cli *c, const inquiry *q, const symo_symmetry_row *row) {
  json_t *o = json_object(), *tensors = json_object();
  if (!is_joint(row)) {
    cli_set(c, o, "space", json_string(space(q, row)));
    cli_set(c, o, "group", json_string(symo_group_name(group(q, row))));
    cli_set(c, o, "dim", cli_count((double)symo_layout_space_dim(q->setup.layout, row->space)));
  }
  cli_set(c, o, "pass", json_boolean(passes(q, row)));
  cli_set(c, o, "verdict", json_string(symo_symmetry_verdict_name(row->verdict)));
  cli_set(c, o, "elements", cli_count((double)row->elements));
  cli_set(c, o, "defect", cli_number(row->defect));
  cli_set(c, o, "loss_defect", cli_number(row->loss));
  cli_set(c, o, "gradient_defect", cli_number(row->gradient));
  cli_set(c, o, "defect_elsewhere", cli_number(row->elsewhere));
  cli_set(c, o, "largest_share", json_string(tensor(q, row->tensor)));
  for (size_t t = 0; t < q->report->num_tensors; t++)
    cli_set(c, tensors, tensor(q, t), cli_number(row->tensors[t]));
  cli_set(c, o, "tensor_defects", tensors);
  return o;
}

static void set_network(cli *c, json_t *o, const inquiry *q) {
  const network_point *s = &q->setup;
  cli_set(c, o, "net", json_string(q->net));
  cli_set(c, o, "activation", json_string(symo_activation_name(s->spec.net.activation)));
  cli_set(c, o, "loss_function", json_string(symo_loss_name(s->spec.net.loss)));
  cli_set(c, o, "bias", json_boolean(s->spec.net.bias));
  cli_set(c, o, "dtype", json_string(symo_dtype_name(s->spec.net.dtype)));
  cli_set(c, o, "data", json_string(s->data_name));
  cli_set(c, o, "examples", cli_count((double)s->examples));
  cli_set(c, o, "parameters", cli_count((double)s->parameters));
  if (s->spec.weights != NULL) cli_set(c, o, "weights", json_string(s->spec.weights));
  cli_set(c, o, "init_scale",
          s->spec.weights != NULL ? json_null() : cli_number(s->spec.init_scale));
  cli_set(c, o, "train_steps", cli_count((double)s->spec.train_steps));
  cli_set(c, o, "seed", cli_count((double)s->spec.seed));
}

static int print_json(cli *c, const inquiry *q) {
  const symo_symmetry_report *r = q->report;
  json_t *o = json_object(), *spaces = json_array(), *joint = json_null();
  for (size_t i = 0; i < r->num_rows; i++)
    if (is_joint(&r->rows[i]))
      joint = row_json(c, q, &r->rows[i]);
    else
      cli_push(c, spaces, row_json(c, q, &r->rows[i]));
  cli_set(c, o, "pass", json_boolean(all_pass(q)));
  cli_set(c, o, "verdict", json_string(symo_symmetry_verdict_name(r->verdict)));
  set_network(c, o, q);
  cli_set(c, o, "samples", cli_count((double)q->samples));
  cli_set(c, o, "exact_bound", cli_number(r->exact));
  cli_set(c, o, "approximate_bound", cli_number(r->approximate));
  cli_set(c, o, "tolerance", q->bounded ? cli_number(q->tolerance) : json_null());
  cli_set(c, o, "loss", cli_number(r->loss));
  cli_set(c, o, "gradient_norm", cli_number(r->gradient));
  cli_set(c, o, "loss_measured_nearby", json_boolean(r->loss_nearby));
  cli_set(c, o, "gradient_measured_nearby", json_boolean(r->gradient_nearby));
  cli_set(c, o, "spaces", spaces);
  cli_set(c, o, "joint", joint);
  return cli_print_json(c, o);
}

/* ---- text ---- */

static void print_header(const inquiry *q) {
  const network_point *s = &q->setup;
  const symo_symmetry_report *r = q->report;
  printf("network  %s %s, %s%s, %zu %s, %s\n", q->net, symo_activation_name(s->spec.net.activation),
         symo_loss_name(s->spec.net.loss), s->spec.net.bias ? "" : ", no biases", s->parameters,
         symo_plural(s->parameters, "parameter", "parameters"), symo_dtype_name(s->spec.net.dtype));
  printf("data     %s, %zu %s\n", s->data_name, s->examples,
         symo_plural(s->examples, "example", "examples"));
  if (s->spec.weights != NULL)
    printf("point    weights of %s, ", s->spec.weights);
  else
    printf("point    weights of scale %g, ", s->spec.init_scale);
  if (s->spec.train_steps > 0)
    printf("%zu %s of Adam (lr %g), ", s->spec.train_steps,
           symo_plural(s->spec.train_steps, "step", "steps"), s->spec.train_lr);
  printf("seed %llu", (unsigned long long)s->spec.seed);
  if (r->num_rows > 0) printf(": loss %.6g, |gradient| %.3g", r->loss, r->gradient);
  printf("\n");
  if (r->loss_nearby || r->gradient_nearby)
    printf("         %s%s%s nearly zero here: relative to what is near\n",
           r->loss_nearby ? "loss" : "", r->loss_nearby && r->gradient_nearby ? " and " : "",
           r->gradient_nearby ? "gradient" : "");
  printf("\n");
}

static int width_of(const inquiry *q, const char *(*text)(const inquiry *, size_t), size_t count,
                    int width) {
  for (size_t i = 0; i < count; i++) {
    int length = (int)strlen(text(q, i));
    width = length > width ? length : width;
  }
  return width;
}

static const char *space_text(const inquiry *q, size_t row) {
  return space(q, &q->report->rows[row]);
}

static const char *group_text(const inquiry *q, size_t row) {
  const symo_symmetry_row *r = &q->report->rows[row];
  return is_joint(r) ? "" : q->groups[r->space];
}

static void print_table(const inquiry *q) {
  const symo_symmetry_report *r = q->report;
  int spaces = width_of(q, space_text, r->num_rows, 5);
  int groups = width_of(q, group_text, r->num_rows, 5);
  printf("largest relative defects over %zu %s\n", q->samples,
         symo_plural(q->samples, "element", "elements"));
  printf("  %-*s  %-*s  %-11s  %8s  %8s  %s\n", spaces, "space", groups, "group", "verdict", "loss",
         "gradient", "largest share");
  for (size_t i = 0; i < r->num_rows; i++) {
    const symo_symmetry_row *row = &r->rows[i];
    printf("  %-*s  %-*s  %-11s  ", spaces, space_text(q, i), groups, group_text(q, i),
           symo_symmetry_verdict_name(row->verdict));
    if (row->elements == 0)
      printf("%8s  %8s  nothing moves\n", "-", "-");
    else
      printf("%8.1e  %8.1e  %s %.1e\n", row->loss, row->gradient, tensor(q, row->tensor),
             row->tensors[row->tensor]);
  }
  printf("\n");
}

/* Says what the weights of this point cannot show. */
static void print_uncertain(const inquiry *q, const symo_symmetry_row *row) {
  const bool narrow = q->setup.spec.net.dtype == SYMO_F32, drawn = q->setup.spec.weights == NULL;
  if (is_joint(row))
    printf("CANNOT TELL: all together show");
  else
    printf("CANNOT TELL: space %s: %s shows", space(q, row), q->groups[row->space]);
  printf(" no defect at these weights (%.1e, the bound %.1e), but one of %.1e at random weights of "
         "size "
         "%.2g (take ",
         row->defect, q->tolerance, row->elsewhere, row->elsewhere_size);
  if (drawn) printf("--init-scale %.2g%s", row->elsewhere_size, narrow ? " or " : "");
  if (narrow) printf("--dtype f64");
  if (!drawn && !narrow) printf("other weights");
  printf(")\n");
}

static void print_wrong(const inquiry *q, const symo_symmetry_row *row) {
  const symo_group *g = group(q, row);
  const bool own = strcmp(symo_group_name(g), "custom") == 0;
  printf("FAIL: space %s: %s is %s: defect %.1e, the bound %.1e (", space(q, row),
         own ? "its custom group" : q->groups[row->space], symo_symmetry_verdict_name(row->verdict),
         row->defect, q->tolerance);
  if (own)
    printf("look at its generators; symo symmetries finds groups)\n");
  else
    printf("it fits %s)\n", symo_group_exact(g));
}

/* Which spaces are at fault, and what their groups are for. */
static void print_answer(const inquiry *q) {
  const symo_symmetry_report *r = q->report;
  double largest = 0;
  size_t blamed = 0;
  for (size_t i = 0; i < r->num_rows; i++) largest = fmax(largest, r->rows[i].defect);
  if (r->num_rows == 0) {
    printf("PASS: all spaces carry the identity, a symmetry of everything\n");
    return;
  }
  if (all_pass(q)) {
    printf("PASS: the largest defect is %.1e, the bound %.1e\n", largest, q->tolerance);
    return;
  }
  for (size_t i = 0; i < r->num_rows; i++) {
    const symo_symmetry_row *row = &r->rows[i];
    if (passes(q, row) || (is_joint(row) && blamed > 0)) continue;
    blamed++;
    if (uncertain(row))
      print_uncertain(q, row);
    else if (is_joint(row))
      printf("FAIL: each space passes, but all together are %s: defect %.1e, the bound %.1e\n",
             symo_symmetry_verdict_name(row->verdict), row->defect, q->tolerance);
    else
      print_wrong(q, row);
  }
}

/* ---- running ---- */

static symo_status measure(cli *c, inquiry *q) {
  symo_status status = network_point_measure(c, &q->setup, q->samples, &q->report);
  if (status != SYMO_OK) return status;
  size_t spaces = symo_layout_num_spaces(q->setup.layout);
  q->groups = symo_calloc(spaces, sizeof *q->groups);
  if (q->groups == NULL) return symo_fail_memory(cli_context(c), "verify");
  for (size_t i = 0; i < spaces; i++)
    network_group_text(q->setup.layout, i, q->groups[i], sizeof q->groups[i]);
  q->bounded = cli_given(c, "tolerance");
  q->tolerance = q->bounded ? cli_double(c, "tolerance") : q->report->exact;
  symo_net_text(&q->setup.spec.net, q->net, sizeof q->net);
  return SYMO_OK;
}

int verify_net(cli *c) {
  inquiry q = {.samples = verify_samples(c, NETWORK_SYMMETRY_SAMPLES)};
  network_spec spec;
  int code = network_spec_read(c, &spec);
  if (code != CLI_DONE) return code;
  spec.heads_at_once = true;
  if (q.samples > SYMO_SYMMETRY_MAX_SAMPLES)
    return cli_fail(c, CLI_USAGE, "--samples: %zu is out of range (with --net: at most %d)",
                    q.samples, SYMO_SYMMETRY_MAX_SAMPLES);
  code = network_point_open(c, &spec, &q.setup);
  if (code == CLI_DONE) {
    network_data_note(c, &q.setup);
    symo_status status = measure(c, &q);
    if (status != SYMO_OK) code = cli_fail_status(c, status);
  }
  cli_progress_end(c);
  if (code == CLI_DONE && cli_json(c)) {
    code = print_json(c, &q);
  } else if (code == CLI_DONE) {
    print_header(&q);
    if (q.report->num_rows > 0) print_table(&q);
    print_answer(&q);
  }
  if (code == CLI_DONE && !all_pass(&q)) code = CLI_NO;
  symo_symmetry_destroy(q.report);
  symo_free(q.groups);
  network_point_destroy(&q.setup);
  return code;
}
