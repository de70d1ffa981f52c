#ifndef SYMO_IO_GROUP_JSON_H
#define SYMO_IO_GROUP_JSON_H

#include "groups/plan/group_text.h"
#include "io/json.h"

enum { SYMO_JSON_PATH = 400 }; /* longest path inside a document, in messages */

/* Where groups are read from.  where: the file, and the part of it, that failures name.  folder:
 * what the path in "generators_file" is relative to, with the slash at its end ("": the working
 * directory); NULL: such files are refused. */
typedef struct symo_group_source {
  symo_context *context;
  const char *where;
  const char *folder;
} symo_group_source;

/* {"dim": 64, "group": "orthogonal"} with the parameters beside them.  at: the path of the object
 * in the document.  out->made is the caller's. */
symo_status symo_group_read_json(const symo_group_source *source, const char *at, json_t *object,
                                 symo_group_use *out);

/* Appends {"dim": .., "group": .., ..}, which is read as the same group, numbers to the last bit.
 * Groups of the caller's code have their name only. */
void symo_group_add_json(symo_text *text, const symo_group *group, size_t dim);

/* ---- inside ---- */

/* Puts file and path before the detail of a failure; SYMO_OK is passed on. */
symo_status symo_json_pass_on(const symo_group_source *source, symo_status status, const char *at);

/* A path: at, then the formatted rest. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
void symo_json_path(char out[SYMO_JSON_PATH], const char *at, const char *format, ...);

/* A whole number from least on.  what: "a dimension". */
symo_status symo_json_whole(const symo_group_source *source, const char *at, const json_t *value,
                            size_t least, const char *what, const char *advice, size_t *out);

/* The generators of a custom group on R^dim (0: dim follows from them), from the keys "generators",
 * "lie_generators" and "generators_file" of the object.  An item of "generators" that is a list of
 * whole numbers is a permutation, one that is a list of lists a matrix, for dim 1 too.  The arrays
 * are the caller's (symo_group_drop_generators). */
symo_status symo_group_read_generators(const symo_group_source *source, const char *at,
                                       json_t *object, size_t dim, symo_generators *out);
void symo_group_drop_generators(symo_generators *generators);

#endif
