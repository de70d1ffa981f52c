/* Loading groups from shared objects. */
#include "cli/plugin.h"

#include "cli/parse.h"
#include "core/alloc.h"
#include "core/error.h"

#include <dlfcn.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <symo/plugin.h>
#include <sys/stat.h>

/* The reason that dlerror gives, without the path in front. */
static const char *reason(const char *path) {
  const char *text = dlerror();
  if (!text) return "no reason given";
  size_t length = strlen(path);
  return strncmp(text, path, length) == 0 && strncmp(text + length, ": ", 2) == 0
             ? text + length + 2
             : text;
}

/* Opens the file as a path: dlopen would search the system's directories for a name without a
 * slash. */
static int open_object(cli *c, const char *file, void **handle) {
  struct stat info;
  if (stat(file, &info) != 0)
    return cli_fail(c, CLI_IO, "%s: cannot open: %s (check the path)", file, strerror(errno));
  char *path = cli_join(".", file);
  if (!path) return cli_fail_status(c, symo_fail_memory(cli_context(c), file));
  const char *used = strchr(file, '/') ? file : path;
  *handle = dlopen(used, RTLD_NOW | RTLD_LOCAL);
  int code = CLI_DONE;
  if (!*handle)
    code = cli_fail(c, CLI_DATA, "%s: not a plugin: %s (make it with cc -shared -fPIC)", file,
                    reason(used));
  symo_free(path);
  return code;
}

static symo_plugin_entry find_entry(void *handle) {
  void *symbol = dlsym(handle, SYMO_PLUGIN_ENTRY);
  symo_plugin_entry entry = NULL;
  /* POSIX has pointers to objects and to functions alike; C has no cast between the two. */
  memcpy(&entry, &symbol, sizeof entry);
  return entry;
}

static int add_group(cli *c, const char *file, const symo_group_ops *ops, cli_plugin *plugin) {
  symo_group *group = NULL;
  if (ops->size != sizeof *ops)
    return cli_fail(c, CLI_DATA,
                    "%s: table %zu: its size is %zu, that of this version is %zu (compile it "
                    "against the headers of symo %s)",
                    file, plugin->count, ops->size, sizeof *ops, symo_version());
  symo_status status = symo_group_from_ops(cli_context(c), ops, &group);
  if (status == SYMO_OK) status = symo_context_add_group(cli_context(c), group);
  symo_group_destroy(group); /* the context keeps it */
  if (status != SYMO_OK) {
    char detail[600];
    (void)snprintf(detail, sizeof detail, "%s", symo_context_detail(cli_context(c)));
    return cli_fail(c, cli_exit_code(status, false), "%s: %s", file, detail);
  }
  plugin->groups[plugin->count++] = group;
  cli_note(c, "running code from %s: group %s: %s", file, symo_group_name(group),
           symo_group_summary(group));
  return CLI_DONE;
}

static int load(cli *c, const char *file, cli_plugin *plugin) {
  const symo_group_ops *ops = NULL;
  int code = open_object(c, file, &plugin->handle);
  if (code != CLI_DONE) return code;
  symo_plugin_entry entry = find_entry(plugin->handle);
  if (!entry)
    return cli_fail(c, CLI_DATA, "%s: not a plugin: no function %s (see symo/plugin.h)", file,
                    SYMO_PLUGIN_ENTRY);
  size_t count = entry(&ops);
  if (!ops || count == 0)
    return cli_fail(c, CLI_DATA, "%s: not a plugin: %s gives no groups (see symo/plugin.h)", file,
                    SYMO_PLUGIN_ENTRY);
  plugin->groups = symo_calloc(count, sizeof *plugin->groups);
  if (!plugin->groups) return cli_fail_status(c, symo_fail_memory(cli_context(c), file));
  for (size_t i = 0; i < count && code == CLI_DONE; i++) code = add_group(c, file, &ops[i], plugin);
  return code;
}

int cli_load_plugins(cli *c) {
  size_t count = 0;
  const char *const *files = cli_list(c, "plugin", &count);
  if (count == 0) return CLI_DONE;
  c->plugins = symo_calloc(count, sizeof *c->plugins);
  if (!c->plugins) return cli_fail_status(c, symo_fail_memory(cli_context(c), "plugin"));
  int code = CLI_DONE;
  for (size_t i = 0; i < count && code == CLI_DONE; i++) {
    c->num_plugins++;
    code = load(c, files[i], &c->plugins[i]);
  }
  (void)setlocale(LC_ALL, "C"); /* a plugin may have set another: numbers keep their point */
  return code;
}

void cli_unload_plugins(cli *c) {
  for (size_t i = 0; i < c->num_plugins; i++) {
    symo_free(c->plugins[i].groups);
    if (c->plugins[i].handle) (void)dlclose(c->plugins[i].handle);
  }
  symo_free(c->plugins);
  c->plugins = NULL;
  c->num_plugins = 0;
}

const symo_group *cli_plugin_group(const cli *c, size_t index) {
  for (size_t i = 0; i < c->num_plugins; i++) {
    if (index < c->plugins[i].count) return c->plugins[i].groups[index];
    index -= c->plugins[i].count;
  }
  return NULL;
}
