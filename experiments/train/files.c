/* Which files of a run can be pipes: what is read once, and not again when the run is taken up. */
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "experiments/train/option.h"
#include "io/file.h"

static symo_status check(symo_context *context, const char *key, const char *path) {
  if (!symo_file_is_stream(path)) return SYMO_OK;
  return symo_fail(context, SYMO_E_IO,
                   "%s: %s is a pipe or a device, and cannot be read again (put it into a file)",
                   key, path);
}

symo_status train_check_files(symo_context *context, const train_spec *spec, bool again) {
  char path[TRAIN_SETTINGS];
  const train_option *o;
  symo_status status = SYMO_OK;
  for (size_t i = 0; status == SYMO_OK && (o = train_option_at(i)) != NULL; i++)
    if ((o->properties & TRAIN_IS_FILE) && o->kind == TRAIN_STRING)
      status = check(context, o->key, (const char *)spec + o->offset);
  for (const char *p = spec->data; again && *p != '\0' && status == SYMO_OK;) {
    const size_t length = strcspn(p, "\n");
    snprintf(path, sizeof path, "%.*s", (int)length, p);
    status = check(context, "data", path);
    p += length + (p[length] == '\n');
  }
  return status;
}
