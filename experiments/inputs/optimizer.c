/* --optimizer and --set. */
#include "experiments/inputs/optimizer.h"

#include "core/alloc.h"
#include "core/error.h"

#include <string.h>

/* Failures of a setting begin with it. */
static bool is_about(const char *detail, size_t count, const char *const *settings) {
  for (size_t i = 0; i < count; i++)
    if (strncmp(detail, settings[i], strlen(settings[i])) == 0) return true;
  return false;
}

int cli_read_optimizer(cli *c, size_t num_extra, const char *const *extra, symo_optim_spec **out) {
  size_t count = 0;
  const char *const *given = cli_list(c, "set", &count);
  const char **all = symo_calloc(num_extra + count + 1, sizeof *all);
  if (!all) return cli_fail_status(c, symo_fail_memory(cli_context(c), "--set"));
  if (num_extra > 0) memcpy(all, extra, num_extra * sizeof *all);
  if (count > 0) memcpy(all + num_extra, given, count * sizeof *all);
  symo_status status =
      symo_optim_spec_open(cli_context(c), cli_str(c, "optimizer"), num_extra + count, all, out);
  bool setting =
      status != SYMO_OK && is_about(symo_context_detail(cli_context(c)), num_extra + count, all);
  symo_free(all);
  if (status == SYMO_OK) {
    if (cli_given(c, "threads")) (*out)->threads = (int)cli_int(c, "threads");
    return CLI_DONE;
  }
  /* What is wrong in a file is no matter of the flag. */
  bool usage = status == SYMO_E_NAME || status == SYMO_E_ARGUMENT;
  return usage ? cli_fail_flag(c, status, setting ? "set" : "optimizer")
               : cli_fail_status(c, status);
}

enum { KEY = 64 };

/* "lr" of "rules.1.lr=0.1" and of "h.*:lr=0.1". */
static void option_of(const char *setting, char key[KEY]) {
  size_t n = strcspn(setting, "="), from = n;
  while (from > 0 && setting[from - 1] != '.' && setting[from - 1] != ':') from--;
  n = n - from < KEY - 1 ? n - from : KEY - 1;
  memcpy(key, setting + from, n);
  key[n] = '\0';
}

int cli_changed_options(cli *c, size_t *count, const char ***list) {
  enum { EACH = 2 }; /* betas are two options */
  size_t settings = 0, n = 0;
  const char *const *given = cli_list(c, "set", &settings);
  size_t most = EACH * settings + 1;
  /* The names stand behind the pointers to them. */
  const char **keys = symo_malloc(most * (sizeof *keys + KEY));
  if (!keys) return cli_fail_status(c, symo_fail_memory(cli_context(c), "--set"));
  char(*room)[KEY] = (char(*)[KEY])(void *)(keys + most);
  for (size_t i = 0; i < settings; i++) {
    option_of(given[i], room[n]);
    bool betas = strcmp(room[n], "betas") == 0;
    if (betas) {
      strcpy(room[n], "momentum");
      strcpy(room[n + 1], "beta2");
    }
    n += betas ? 2 : 1;
  }
  for (size_t i = 0; i < n; i++) keys[i] = room[i];
  *count = n;
  *list = keys;
  return CLI_DONE;
}
