#ifndef SYMO_IO_SAFETENSORS_FILE_H
#define SYMO_IO_SAFETENSORS_FILE_H

#include "io/json.h"
#include "io/safetensors.h"

/* An open file; shared by what opens it and what reads the numbers. */
struct symo_safetensors {
  symo_context *context;
  char *path;
  int fd;
  uint64_t data_at,
      data_size;          /* where the numbers begin in the file, and how many bytes there are */
  json_t *header;         /* owns the names */
  const json_t *metadata; /* part of header, or NULL */
  size_t count;
  symo_safetensors_entry *entries;
  const symo_safetensors_entry **by_name; /* sorted */
};

#endif
