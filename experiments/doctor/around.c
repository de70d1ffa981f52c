/* What stands beside the program: data, gnuplot, Python. */
#include "experiments/doctor/doctor.h"

#include <stdio.h>
#include <string.h>

#include "cli/program.h"
#include "experiments/data/data.h"

/* ---- data ---- */

static void add_shipped(doctor_report *report) {
  doctor_finding *f = doctor_add(report, "digits");
  if (symo_data_find(cli_context(report->c), "digits.csv.gz", sizeof f->value, f->value) == SYMO_OK)
    return;
  f->value[0] = '\0';
  f->state = DOCTOR_PROBLEM;
  (void)snprintf(f->advice, sizeof f->advice,
                 "the shipped data set is not there: set SYMO_DATA to its folder, "
                 "experiments/data/files of the sources, or make install again");
}

/* Data that a user brings. */
static const struct {
  const char *name;
  bool (*fits)(const char *path);
  const char *what;
} brought[] = {
    {"tinyshakespeare.txt", NULL, "symo train gpt has no text of its own: put one"},
    {"mnist", symo_data_has_images, "symo train autoencoder takes digits: put MNIST's files"},
    {"fashion-mnist", symo_data_has_images, "for --data fashion-mnist put its files"},
};

static void add_brought(doctor_report *report) {
  for (size_t i = 0; i < sizeof brought / sizeof *brought; i++) {
    doctor_finding *f = doctor_add(report, brought[i].name);
    if (symo_data_find_user(brought[i].name, brought[i].fits, sizeof f->value, f->value)) continue;
    f->value[0] = '\0';
    f->state = DOCTOR_NOTE;
    (void)snprintf(f->advice, sizeof f->advice, "%s into %s, or name data by --data",
                   brought[i].what, SYMO_DATA_PLACES);
  }
}

/* ---- programs ---- */

static void cut_line(char *text) { text[strcspn(text, "\r\n")] = '\0'; }

static void add_gnuplot(doctor_report *report) {
  char *const words[] = {(char[]){"gnuplot"}, (char[]){"--version"}, NULL};
  doctor_finding *f = doctor_add(report, "gnuplot");
  int status = cli_program(words, NULL, f->value, sizeof f->value);
  cut_line(f->value);
  if (status == 0 && f->value[0] != '\0') return;
  f->value[0] = '\0';
  f->state = DOCTOR_NOTE;
  (void)snprintf(f->advice, sizeof f->advice,
                 "without it there are data and scripts, but no pictures: Debian, Ubuntu: apt-get "
                 "install gnuplot-nox; Fedora: gnuplot-minimal; Arch, macOS: gnuplot");
}

/* Versions without importing anything: "3.11.2 symo 0.1.0 numpy 1.24.2 scipy - torch -".  A folder
 * here that has the name of a package is none. */
static char script[] =
    "import sys\n"
    "sys.path = [p for p in sys.path if p]\n"
    "import importlib.util as u, importlib.metadata as m\n"
    "def version(name):\n"
    "    if u.find_spec(name) is None: return '-'\n"
    "    try: return m.version(name)\n"
    "    except m.PackageNotFoundError: return '?'\n"
    "names = ('symo', 'numpy', 'scipy', 'torch')\n"
    "print('.'.join(map(str, sys.version_info[:3])), *(n + ' ' + version(n) for n in names))\n";

/* The version of a package in the answer of the script, [size]; false: it is not installed. */
static bool python_version(const char *answer, const char *name, char *out, size_t size) {
  char word[32];
  (void)snprintf(word, sizeof word, " %s ", name);
  const char *at = strstr(answer, word);
  if (at == NULL) return false;
  at += strlen(word);
  (void)snprintf(out, size, "%.*s", (int)strcspn(at, " "), at);
  return strcmp(out, "-") != 0;
}

static void add_python(doctor_report *report) {
  static const struct {
    const char *name, *advice;
  } packages[] = {{"symo", "for Python: pip install ./python, in the sources"},
                  {"numpy", "symo for Python needs it: pip install numpy"},
                  {"scipy", "optional, for LinearOperator: pip install scipy"},
                  {"torch", "optional, for symo.torch: pip install torch"}};
  char *const words[] = {(char[]){"python3"}, (char[]){"-c"}, script, NULL};
  char answer[256];
  doctor_finding *f = doctor_add(report, "python3");
  int status = cli_program(words, NULL, answer, sizeof answer);
  cut_line(answer);
  if (status != 0 || answer[0] == '\0') {
    f->state = DOCTOR_NOTE;
    (void)snprintf(f->advice, sizeof f->advice, "%s",
                   status == CLI_PROGRAM_MISSING ? "only the Python package needs it"
                                                 : "it does not run: python3 -c 'import sys'");
    return;
  }
  (void)snprintf(f->value, sizeof f->value, "%.*s", (int)strcspn(answer, " "), answer);
  for (size_t i = 0; i < sizeof packages / sizeof *packages; i++) {
    char name[32];
    (void)snprintf(name, sizeof name, "python3 %s", packages[i].name);
    f = doctor_add(report, name);
    if (python_version(answer, packages[i].name, f->value, sizeof f->value)) continue;
    f->value[0] = '\0';
    f->state = DOCTOR_NOTE;
    (void)snprintf(f->advice, sizeof f->advice, "%s", packages[i].advice);
  }
}

void doctor_around(doctor_report *report) {
  add_shipped(report);
  add_brought(report);
  add_gnuplot(report);
  add_python(report);
}
