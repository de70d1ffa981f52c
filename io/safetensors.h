#ifndef SYMO_IO_SAFETENSORS_H
#define SYMO_IO_SAFETENSORS_H

#include "io/scalar.h"

#include <symo/context.h>

/* Files of named arrays: 8 bytes with the length of the header, the header (JSON: for every entry
 * its type, shape and place; "__metadata__": texts), the numbers, little-endian and row-major,
 * without holes.  Files may be larger than memory: opening reads the header only. */

/* ---- reading ---- */

/* The strings of an open file live until it is closed. */
typedef struct symo_safetensors symo_safetensors;

typedef struct symo_safetensors_entry {
  const char *name;
  symo_scalar type;
  size_t order, shape[SYMO_MAX_ORDER];
  size_t count;        /* numbers: the product of the shape */
  uint64_t begin, end; /* bytes, from the first one after the header */
} symo_safetensors_entry;

/* Checks the whole header: types, shapes, that sizes and places agree and fill the file exactly.
 * SYMO_E_FORMAT "PATH: entry NAME: WHAT (what to do)" for all that is malformed; SYMO_E_IO. */
symo_status symo_safetensors_open(symo_context *context, const char *path, symo_safetensors **out);
void symo_safetensors_close(symo_safetensors *file); /* NULL is accepted */

/* Entries in the order of the file. */
size_t symo_safetensors_count(const symo_safetensors *file);
const symo_safetensors_entry *symo_safetensors_at(const symo_safetensors *file, size_t index);
const symo_safetensors_entry *symo_safetensors_find(const symo_safetensors *file, const char *name);

/* The metadata text of that key; NULL when there is none. */
const char *symo_safetensors_metadata(const symo_safetensors *file, const char *key);

/* Reads the bytes of an entry without conversion: count times the size of its type. */
symo_status symo_safetensors_read_raw(const symo_safetensors *file,
                                      const symo_safetensors_entry *entry, void *data);

/* An entry of type F64, F32, F16 or BF16 as `count` numbers of dtype (F32 or F64); bit for bit when
 * that is its type.  SYMO_E_DTYPE for other types, and for finite numbers beyond the range of f32.
 */
symo_status symo_safetensors_read(const symo_safetensors *file, const symo_safetensors_entry *entry,
                                  symo_dtype dtype, void *data);

/* SYMO_E_SHAPE if the entry has another shape; the detail gives both.  axes: the names of the axes
 * for the detail ("[out, h]"), or NULL. */
symo_status symo_safetensors_expect_shape(const symo_safetensors *file,
                                          const symo_safetensors_entry *entry, size_t order,
                                          const size_t *shape, const char *axes);

/* ---- writing ---- */

typedef struct symo_safetensors_item {
  const char *name; /* any UTF-8 text but "__metadata__"; no two alike */
  symo_scalar type;
  size_t order, shape[SYMO_MAX_ORDER];
  const void *data; /* row-major; only read; may be NULL where the shape has a 0 */
} symo_safetensors_item;

typedef struct symo_safetensors_text {
  const char *key, *value; /* UTF-8; no two keys alike */
} symo_safetensors_text;

/* The items in the order given, those of wider types before narrower ones, so that each array is
 * aligned to its type; the header is padded to a multiple of 8 bytes.  SYMO_E_ARGUMENT for names
 * that are taken twice or not UTF-8.  Goes through symo_atomic. */
symo_status symo_safetensors_write(symo_context *context, const char *path, size_t num_texts,
                                   const symo_safetensors_text *texts, size_t count,
                                   const symo_safetensors_item *items);

#endif
