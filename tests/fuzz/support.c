/* What targets share.  See targets.h. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/alloc.h"
#include "tests/fuzz/targets.h"

int fuzz_errors = 2;

void fuzz_fail(const char *file, int line, const char *condition) {
  dprintf(fuzz_errors, "%s:%d: %s\n", file, line, condition);
  abort();
}

char *fuzz_text(const uint8_t *data, size_t size) {
  char *text = malloc(size + 1);
  FUZZ_CHECK(text != NULL);
  if (size > 0) memcpy(text, data, size);
  text[size] = '\0';
  return text;
}

enum { MOST_FILES = 8, PATH = 160 };
static char folder[64], paths[MOST_FILES][PATH];
static int opened[MOST_FILES]; /* 0: not; what is made again and again stays open */
static size_t files;

static void remove_files(void) {
  for (size_t i = 0; i < files; i++) (void)unlink(paths[i]);
  (void)rmdir(folder);
}

const char *fuzz_path(const char *name) {
  char path[PATH];
  if (folder[0] == '\0') {
    snprintf(folder, sizeof folder, "%s/symo-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    FUZZ_CHECK(mkdtemp(folder) != NULL);
    atexit(remove_files);
  }
  snprintf(path, sizeof path, "%s/%s", folder, name);
  for (size_t i = 0; i < files; i++)
    if (strcmp(paths[i], path) == 0) return paths[i];
  FUZZ_CHECK(files < MOST_FILES);
  return strcpy(paths[files++], path);
}

/* The descriptor of the file of this path, made where there is none (any more). */
static int descriptor(const char *path, struct stat *info) {
  size_t i = 0;
  while (strcmp(paths[i], path) != 0) i++;
  if (opened[i] > 0 && fstat(opened[i], info) == 0 && info->st_nlink > 0) return opened[i];
  if (opened[i] > 0) (void)close(opened[i]);
  opened[i] = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  FUZZ_CHECK(opened[i] > 0 && fstat(opened[i], info) == 0);
  return opened[i];
}

const char *fuzz_file(const char *name, const uint8_t *data, size_t size) {
  struct stat info;
  const char *path = fuzz_path(name);
  const int file = descriptor(path, &info);
  FUZZ_CHECK(pwrite(file, data, size, 0) == (ssize_t)size);
  FUZZ_CHECK(info.st_size <= (off_t)size || ftruncate(file, (off_t)size) == 0);
  return path;
}

const char *fuzz_folder(void) {
  (void)fuzz_path("file");
  return folder;
}

symo_context *fuzz_context(void) {
  symo_context *context = NULL;
  FUZZ_CHECK(symo_context_create(&context) == SYMO_OK);
  return context;
}

static size_t kept;

void fuzz_keep(void) { kept = symo_alloc_live_blocks(); }

void fuzz_end(symo_context *context) {
  symo_context_destroy(context);
  FUZZ_CHECK(symo_alloc_live_blocks() == kept);
}

symo_layout *fuzz_layout(symo_context *context) {
  static const char text[] = "h: permutation 3; i: identity 2; w[h,i] b[h]";
  symo_layout *layout = NULL;
  FUZZ_CHECK(symo_layout_parse(context, text, &layout) == SYMO_OK);
  return layout;
}

void fuzz_detail(const symo_context *context, symo_status status) {
  const char *detail = symo_context_detail(context);
  if (status == SYMO_OK) return;
  FUZZ_CHECK(detail[0] != '\0' && strchr(detail, '\n') == NULL);
  FUZZ_CHECK(status != SYMO_E_MEMORY);
}
