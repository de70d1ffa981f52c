/* Which files of a run can be pipes: what is read once, and not again when the run is taken up. */
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "experiments/train/train.h"
#include "io/file.h"

static symo_status check(symo_context *context, const char *key, const char *path) {
  if (!symo_file_is_stream(path)) return SYMO_OK;
  return symo_fail(context, SYMO_E_IO,
                   "%s: %s is a pipe or a device, and cannot be read again (put it into a file)",
                   key, path);
}

symo_status train_check_files(symo_context *context, const train_spec *spec, bool again) {
  static const char *const keys[] = {"optimizer", "layout", "vocab", "merges", "init-from"};
  const char *const paths[] = {spec->optimizer, spec->layout, spec->gpt.vocab, spec->gpt.merges,
                               spec->gpt.init_from};
  char path[TRAIN_SETTINGS];
  symo_status status = SYMO_OK;
  for (size_t i = 0; i < sizeof keys / sizeof *keys && status == SYMO_OK; i++)
    status = check(context, keys[i], paths[i]);
  for (const char *p = spec->data; again && *p != '\0' && status == SYMO_OK;) {
    const size_t length = strcspn(p, "\n");
    snprintf(path, sizeof path, "%.*s", (int)length, p);
    status = check(context, "data", path);
    p += length + (p[length] == '\n');
  }
  return status;
}
