#ifndef SYMO_IO_SYMMETRIES_REPORT_H
#define SYMO_IO_SYMMETRIES_REPORT_H

#include "io/symmetries/infer.h"

/* The JSON of symo/graph.h; the caller frees *out with symo_free. */
symo_status sym_report(symo_context *context, const sym_proposal *p, const symo_layout *layout,
                       char **out);

#endif
