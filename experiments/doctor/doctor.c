/* symo doctor: what symo stands on here. */
#include "experiments/doctor/doctor.h"

#include <assert.h>
#include <stdio.h>

#include "core/alloc.h"
#include "core/linalg.h"
#include "core/text.h"

doctor_finding *doctor_add(doctor_report *report, const char *name) {
  assert(report->count < DOCTOR_MOST);
  doctor_finding *f = &report->findings[report->count++];
  *f = (doctor_finding){.state = DOCTOR_OK};
  (void)snprintf(f->name, sizeof f->name, "%s", name);
  return f;
}

static size_t problems(const doctor_report *report) {
  size_t count = 0;
  for (size_t i = 0; i < report->count; i++) count += report->findings[i].state == DOCTOR_PROBLEM;
  return count;
}

static void print_text(const doctor_report *report) {
  printf("symo %s\n", symo_version());
  for (size_t i = 0; i < report->count; i++) {
    const doctor_finding *f = &report->findings[i];
    printf("  %-20s %s\n", f->name, f->value[0] != '\0' ? f->value : "not found");
    if (f->advice[0] != '\0')
      printf("  %-20s %s: %s\n", "", f->state == DOCTOR_PROBLEM ? "PROBLEM" : "note", f->advice);
  }
  size_t count = problems(report);
  if (count > 0)
    printf("%zu %s\n", count, symo_plural(count, "problem", "problems"));
  else
    printf("no problems\n");
}

static json_t *text_or_null(const char *text) {
  return text[0] != '\0' ? json_string(text) : json_null();
}

static int print_json(cli *c, const doctor_report *report) {
  static const char *const states[] = {"ok", "note", "problem"};
  json_t *o = json_object(), *rates = json_object(), *findings = json_array();
  cli_set(c, o, "version", json_string(symo_version()));
  cli_set(c, o, "build", json_string(symo_build_info()));
  cli_set(c, o, "kernels", json_string(symo_linalg_kernels()));
  cli_set(c, o, "instructions", json_string(doctor_instructions()));
  cli_set(c, o, "threads", json_integer(symo_get_threads()));
  cli_set(c, o, "processors", json_integer(doctor_processors()));
  cli_set(c, o, "memory_available", cli_number(cli_memory_available()));
  cli_set(c, rates, "gemm_f32_gflops", cli_number(report->rates[0]));
  cli_set(c, rates, "gemm_f64_gflops", cli_number(report->rates[1]));
  cli_set(c, rates, "copy_gb_per_s", cli_number(report->rates[2]));
  cli_set(c, o, "rates", rates);
  for (size_t i = 0; i < report->count; i++) {
    const doctor_finding *f = &report->findings[i];
    json_t *row = json_object();
    cli_set(c, row, "name", json_string(f->name));
    cli_set(c, row, "found", text_or_null(f->value));
    cli_set(c, row, "state", json_string(states[f->state]));
    cli_set(c, row, "advice", text_or_null(f->advice));
    cli_push(c, findings, row);
  }
  cli_set(c, o, "findings", findings);
  cli_set(c, o, "problems", json_integer((json_int_t)problems(report)));
  return cli_print_json(c, o);
}

static int run(cli *c) {
  doctor_report *report = symo_calloc(1, sizeof *report);
  if (report == NULL) return cli_fail_memory(c);
  report->c = c;
  int code = doctor_machine(report);
  if (code == CLI_DONE) doctor_around(report);
  if (code == CLI_DONE && cli_json(c))
    code = print_json(c, report);
  else if (code == CLI_DONE)
    print_text(report);
  if (code == CLI_DONE && problems(report) > 0) code = CLI_NO;
  symo_free(report);
  return code;
}

static const cli_option options[] = {{.name = NULL}};

const cli_command cli_command_doctor = {
    .name = "doctor",
    .summary = "versions, linear algebra, rates, data, and what is missing",
    .description =
        "Looks at what symo stands on here: how it was built, BLAS and the kernels that\n"
        "it chose for this processor, threads, memory, the rates of products and of\n"
        "memory (in half a second), the data that --data finds by name, gnuplot, and\n"
        "the Python package with what it needs.  A note says that something optional\n"
        "is not there; a problem costs results or speed.  Both say what to do.",
    .example = "symo doctor\nsymo doctor --json",
    .no = "there are problems",
    .options = options,
    .json = true,
    .run = run};
