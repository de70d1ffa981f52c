#ifndef SYMO_IO_LAYOUT_JSON_H
#define SYMO_IO_LAYOUT_JSON_H

#include <symo/layout.h>

/* A layout from `length` bytes of JSON; where: the file, and the part of it, that failures name.
 * Groups cannot be in files of their own ("generators_file"). */
symo_status symo_layout_parse_json(symo_context *context, const char *where, const char *text,
                                   size_t length, symo_layout **out);

#endif
