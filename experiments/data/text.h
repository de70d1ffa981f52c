#ifndef SYMO_EXPERIMENTS_DATA_TEXT_H
#define SYMO_EXPERIMENTS_DATA_TEXT_H

#include <stddef.h>
#include <symo/symo.h>

#include "experiments/data/data.h"

/* A text to train on. */
typedef struct gpt_text {
  char *bytes; /* [length], a NUL behind */
  size_t length;
  char what[512]; /* what it is, for the user: "FILE (1115394 bytes)" */
} gpt_text;

/* The files (gunzipped where they are gzipped) one behind the other, each without a byte order mark and
 * with LF for CR LF and CR, as Python reads texts, and so nanoGPT.  kept: as symo_data_options has it,
 * or NULL.  count 0: tinyshakespeare.txt
 * in $SYMO_DATA, data, ../shared/data or here; where there is none the sources of libsymo, if this
 * is their folder.  SYMO_E_IO, SYMO_E_ARGUMENT for an empty text, SYMO_E_SIZE. */
symo_status gpt_text_read(symo_context *context, size_t count, const char *const *files,
                          symo_data_kept *kept, gpt_text *out);
void gpt_text_drop(gpt_text *text); /* {0} is accepted */

/* A text as it is read, in place: the byte order mark goes, CR LF and CR become LF; *length changes, and
 * a NUL stands behind.  SYMO_E_FORMAT for UTF-16. */
symo_status gpt_text_clean(symo_context *context, const char *path, char *text, size_t *length);

/* Where the part for validation begins: behind the first 90 % of the characters, as in nanoGPT; of
 * the bytes where the text is not UTF-8. */
size_t gpt_text_split(const char *text, size_t length);

/* ---- for text.c ---- */

/* The *.c, *.h and *.md files under the folder, in the order of their paths: paths[i] is the
 * caller's (symo_free), as the list is.  Hidden folders, `build` and links are left out. */
symo_status gpt_source_paths(symo_context *context, const char *folder, char ***paths,
                             size_t *count);

#endif
