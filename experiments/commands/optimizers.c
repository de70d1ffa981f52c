/* symo optimizers: presets, options and modules; or one preset as a spec file. */
#include "experiments/commands/commands.h"
#include "experiments/inputs/tensors.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- everything ---- */

static json_t *option_json(cli *c, const symo_option *option) {
  static const char *const kinds[] = {
      [SYMO_OPTION_NUMBER] = "number", [SYMO_OPTION_FLAG] = "flag", [SYMO_OPTION_NAME] = "name"};
  json_t *o = json_object();
  cli_set(c, o, "key", json_string(option->key));
  cli_set(c, o, "kind", json_string(kinds[option->kind]));
  if (option->kind == SYMO_OPTION_NUMBER) {
    cli_set(c, o, "min", cli_number(option->min));
    cli_set(c, o, "max", cli_number(option->max));
  }
  if (option->values) {
    json_t *values = json_array();
    for (const char *p = option->values; *p; p += strspn(p, " ")) {
      size_t n = strcspn(p, " ");
      cli_push(c, values, json_stringn(p, n));
      p += n;
    }
    cli_set(c, o, "values", values);
  }
  cli_set(c, o, "help", json_string(option->help));
  return o;
}

static int list_json(cli *c) {
  json_t *presets = json_array(), *list = json_array(), *modules = json_array();
  for (size_t i = 0; i < symo_method_num_presets(); i++) {
    json_t *o = json_object();
    cli_set(c, o, "name", json_string(symo_method_preset_name(i)));
    cli_set(c, o, "summary", json_string(symo_method_preset_summary(i)));
    cli_push(c, presets, o);
  }
  for (size_t i = 0; i < symo_method_num_options(); i++)
    cli_push(c, list, option_json(c, symo_method_option(i)));
  for (size_t i = 0; i < symo_module_count(); i++) {
    symo_module module = symo_module_at(i);
    json_t *o = json_object();
    cli_set(c, o, "kind", json_string(module.kind));
    cli_set(c, o, "name", json_string(module.name));
    cli_set(c, o, "summary", json_string(module.summary));
    cli_push(c, modules, o);
  }
  json_t *answer = json_object();
  cli_set(c, answer, "presets", presets);
  cli_set(c, answer, "options", list);
  cli_set(c, answer, "modules", modules);
  return cli_print_json(c, answer);
}

static void print_option(const symo_option *option) {
  printf("  %-17s %s", option->key, option->help);
  if (option->kind == SYMO_OPTION_NUMBER)
    printf(" (%g to %g%s%s)\n", option->min, option->max, option->values ? ", or " : "",
           option->values ? option->values : "");
  else if (option->kind == SYMO_OPTION_FLAG)
    printf(" (true or false)\n");
  else if (option->values)
    printf("\n  %-17s %s\n", "", option->values);
  else
    printf("\n");
}

static int list_text(void) {
  const char *kind = "";
  printf("Presets\n");
  for (size_t i = 0; i < symo_method_num_presets(); i++)
    printf("  %-17s %s\n", symo_method_preset_name(i), symo_method_preset_summary(i));
  printf("\nOptions\n");
  for (size_t i = 0; i < symo_method_num_options(); i++) print_option(symo_method_option(i));
  for (size_t i = 0; i < symo_module_count(); i++) {
    symo_module module = symo_module_at(i);
    if (strcmp(kind, module.kind) != 0) printf("\nModules: %s\n", module.kind);
    kind = module.kind;
    printf("  %-17s %s\n", module.name, module.summary);
  }
  return CLI_DONE;
}

/* ---- one ---- */

/* The rules of the preset with all options: a file for --optimizer to start from. */
static int show_one(cli *c, const char *name) {
  symo_optim_spec *spec = NULL;
  char *text = NULL;
  symo_method ignored;
  /* This command takes presets only, no files. */
  symo_status status = symo_method_preset(cli_context(c), name, &ignored);
  if (status == SYMO_E_NAME) {
    const char *names[64];
    size_t n = 0;
    for (; n < 64 && n < symo_method_num_presets(); n++) names[n] = symo_method_preset_name(n);
    return cli_unknown(c, "optimizer", name, n, names, "symo optimizers lists them");
  }
  if (status == SYMO_OK) status = symo_optim_spec_open(cli_context(c), name, 0, NULL, &spec);
  if (status == SYMO_OK) status = symo_optim_spec_to_json(cli_context(c), spec, &text);
  if (status == SYMO_OK) (void)fputs(text, stdout);
  symo_optim_spec_destroy(spec);
  symo_free(text);
  return status == SYMO_OK ? CLI_DONE : cli_fail_status(c, status);
}

static int run(cli *c) {
  const char *name = cli_str(c, "preset");
  if (name) return show_one(c, name);
  return cli_json(c) ? list_json(c) : list_text();
}

static const cli_option options[] = {
    {.name = "preset",
     .arg = "NAME",
     .kind = CLI_OPERAND,
     .help = "Print this preset as a spec file instead: its rules with all options (JSON)"},
    {.name = NULL}};

const cli_command cli_command_optimizers = {
    .name = "optimizers",
    .summary = "presets, options and modules of optimizers; one preset as a spec file",
    .description =
        "Lists the presets that --optimizer takes, the options that --set and spec files take\n"
        "with their ranges, and the modules that methods are made of.",
    .example = "symo optimizers\n"
               "symo optimizers muon >spec.json",
    .options = options,
    .json = true,
    .run = run};
