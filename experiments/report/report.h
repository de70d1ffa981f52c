#ifndef SYMO_EXPERIMENTS_REPORT_REPORT_H
#define SYMO_EXPERIMENTS_REPORT_REPORT_H

#include "cli/cli.h"
#include "core/text.h"

/* One page of HTML, written as XML too, so that any parser reads it.  It needs no other file and no
 * network, and says nothing by colour alone.  Numbers are shown with four digits; their cells have
 * the whole number as data-value. */
typedef struct report_page {
  cli *c;
  symo_text text; /* a failed allocation is found at the end */
  size_t tables, figures;
} report_page;

/* ---- page.c ---- */

void report_escape(report_page *page, const char *text); /* < > & " as entities */
void report_begin(report_page *page, const char *title);
void report_end(report_page *page);
void report_heading(report_page *page, const char *text);

/* The picture DIRECTORY/NAME, ending in .svg or .png, inside the page.  Exit code. */
int report_picture(report_page *page, const char *directory, const char *name);

/* ---- table.c ---- */

/* The values of an object: one row for each, those of objects inside under "key.inner"; lists of
 * objects follow as tables of their own, and lists of what has such lists as sections that open. */
void report_object(report_page *page, const char *title, const json_t *object);

/* A list of objects: one row for each.  note: NULL, or a sentence above. */
void report_list(report_page *page, const char *title, const char *note, const json_t *list);

/* ---- chart.c ---- */

typedef struct report_curve {
  char name[160];
  size_t count;
  const double *x, *y; /* [count]; points that are not finite are left out */
} report_curve;

/* Curves that dashes tell apart as well as colours, on a logarithmic axis where all values are
 * above zero and their ratio is above 3. */
void report_chart(report_page *page, const char *title, const char *x, const char *y, size_t count,
                  const report_curve *curves);

/* ---- curves.c ---- */

/* Runs of symo train in a folder or below it: losses by step and by second, the best settings of
 * each optimizer where there are several; *seeds: those of all runs, "1 2 3" (symo_free).  Exit
 * code. */
int report_curves(report_page *page, const char *directory, char **seeds);

/* Lines of DIRECTORY/metrics.jsonl as a table: at most REPORT_LINES, evenly, and the last.  Exit
 * code. */
enum { REPORT_LINES = 24 };
int report_metrics(report_page *page, const char *directory);

#endif
