#ifndef SYMO_IO_JSON_H
#define SYMO_IO_JSON_H

#include <jansson.h>
#include <symo/context.h>

#include "core/text.h"

/* JSON with the messages of this library.  where: the file, and the part of it, that failures name.
 */

/* Parses a text; a byte order mark of UTF-8 is skipped.  SYMO_E_FORMAT, with line and column in the
 * detail, if the text is not JSON, has duplicate keys, or is nested deeper than 2048 levels, which
 * is jansson's limit.  The caller releases *out with json_decref. */
symo_status symo_json_parse(symo_context *context, const char *where, const char *text,
                            size_t length, json_t **out);

/* SYMO_E_FORMAT "WHERE: AT: must be an object, not a list (...)" unless value has the type.
 * at: the path inside the document ("spaces.h"), or "" for the whole.  value NULL: the key is
 * missing. advice: what to write instead. */
symo_status symo_json_expect(symo_context *context, const char *where, const char *at,
                             const json_t *value, json_type type, const char *advice);

/* Refuses keys of an object that are not among known: [count]. */
symo_status symo_json_check_keys(symo_context *context, const char *where, const char *at,
                                 json_t *object, size_t count, const char *const *known);

/* "a list", "a string", ... */
const char *symo_json_type_name(json_type type);

/* Writing: the string in quotes, with escapes.  Bytes above 127 pass through. */
void symo_json_add_string(symo_text *text, const char *string);

#endif
