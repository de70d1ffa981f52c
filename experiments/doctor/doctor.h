#ifndef SYMO_EXPERIMENTS_DOCTOR_DOCTOR_H
#define SYMO_EXPERIMENTS_DOCTOR_DOCTOR_H

#include "cli/cli.h"

/* What a finding means. */
typedef enum doctor_state {
  DOCTOR_OK,
  DOCTOR_NOTE,   /* something optional is not there, or is as somebody set it */
  DOCTOR_PROBLEM /* results or speed suffer: the command ends with 1 */
} doctor_state;

typedef struct doctor_finding {
  char name[32];
  char value[512];  /* what was found; "" where it is not there */
  char advice[256]; /* what to do; "" where there is nothing to do */
  doctor_state state;
} doctor_finding;

enum { DOCTOR_MOST = 32 };

typedef struct doctor_report {
  cli *c;
  doctor_finding findings[DOCTOR_MOST];
  size_t count;
  double rates[3]; /* GFLOP/s of a product in float32 and in float64, GB/s of a copy */
} doctor_report;

/* The next finding, with its name and no value. */
doctor_finding *doctor_add(doctor_report *report, const char *name);

/* Version, compiler, BLAS, instructions, threads, memory, rates.  Exit code. */
int doctor_machine(doctor_report *report);

/* Data that is shipped and data that users bring; gnuplot, python3 and its packages. */
void doctor_around(doctor_report *report);

/* The widest instruction set of our own loops (core/vector.h): "avx512f", "avx2" or "base". */
const char *doctor_instructions(void);

/* Processors that are on. */
int doctor_processors(void);

#endif
