/* The sources under a folder. */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/alloc.h"
#include "core/error.h"
#include "experiments/data/text.h"

enum { PATH = 4096, DEPTH = 32 };

typedef struct list {
  symo_context *context;
  char **path;
  size_t count, room;
} list;

static symo_status add(list *l, const char *path) {
  if (l->count == l->room) {
    const size_t room = l->room > 0 ? 2 * l->room : 256;
    char **larger = symo_calloc(room, sizeof *larger);
    if (larger == NULL) return symo_fail_memory(l->context, path);
    if (l->count > 0) memcpy(larger, l->path, l->count * sizeof *larger);
    symo_free(l->path);
    l->path = larger, l->room = room;
  }
  l->path[l->count] = symo_strdup(path);
  return l->path[l->count++] != NULL ? SYMO_OK : symo_fail_memory(l->context, path);
}

static bool is_source(const char *name) {
  const char *dot = strrchr(name, '.');
  return dot != NULL &&
         (strcmp(dot, ".c") == 0 || strcmp(dot, ".h") == 0 || strcmp(dot, ".md") == 0);
}

static symo_status walk(list *l, const char *folder, int depth) {
  char path[PATH];
  struct stat info;
  const struct dirent *entry;
  symo_status status = SYMO_OK;
  DIR *directory = opendir(folder);
  if (directory == NULL)
    return symo_fail(l->context, SYMO_E_IO, "%s: cannot be listed: %s (check the permissions)",
                     folder, strerror(errno));
  while (status == SYMO_OK && (entry = readdir(directory)) != NULL) {
    const char *name = entry->d_name;
    const int length = strcmp(folder, ".") == 0 ? snprintf(path, PATH, "%s", name)
                                                : snprintf(path, PATH, "%s/%s", folder, name);
    if (name[0] == '.' || length < 0 || length >= PATH || lstat(path, &info) != 0) continue;
    if (S_ISDIR(info.st_mode) && depth < DEPTH && strcmp(name, "build") != 0)
      status = walk(l, path, depth + 1);
    else if (S_ISREG(info.st_mode) && is_source(name))
      status = add(l, path);
  }
  closedir(directory);
  return status;
}

static int by_path(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

symo_status gpt_source_paths(symo_context *context, const char *folder, char ***paths,
                             size_t *count) {
  list l = {.context = context};
  const symo_status status = walk(&l, folder, 0);
  if (status == SYMO_OK) {
    if (l.count > 0) qsort(l.path, l.count, sizeof *l.path, by_path);
    *paths = l.path, *count = l.count;
    return SYMO_OK;
  }
  for (size_t i = 0; i < l.count; i++) symo_free(l.path[i]);
  symo_free(l.path);
  return status;
}
