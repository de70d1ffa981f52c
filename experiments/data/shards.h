#ifndef SYMO_EXPERIMENTS_DATA_SHARDS_H
#define SYMO_EXPERIMENTS_DATA_SHARDS_H

#include "experiments/data/text.h"

/* Shards of tokens, files that end in .bin, with little-endian numbers:
 *   nanoGPT  numbers of 16 bits, nothing else (prepare.py)
 *   llm.c    256 numbers of 32 bits first: 20240520, version 1, the count of tokens, then tokens of
 *            16 bits; or 20240801, version 7, and tokens of 32 bits
 * Which it is, its first bytes say. */

bool symo_shard_is(const char *path); /* by its name */

/* Whether the name says that it is held back: "val" in it, as in val.bin and fineweb_val_000000.bin. */
bool symo_shard_is_held(const char *path);

/* Adds the tokens of one file.  SYMO_E_IO, SYMO_E_FORMAT for a file of another length than it
 * says, SYMO_E_SIZE, SYMO_E_MEMORY. */
symo_status symo_shard_add(symo_context *context, const char *path, symo_data_kept *kept,
                           size_t *room, gpt_text *text);

#endif
