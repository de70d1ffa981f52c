/* The texts of `symo help` and `symo COMMAND --help`, made from the tables. */
#include "cli/help.h"
#include "core/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WIDTH = 96, INDENT = 6 };

/* Words of text from column INDENT on, broken before WIDTH. */
static void print_wrapped(const char *text) {
  size_t column = 0;
  for (const char *p = text; *p;) {
    size_t length = strcspn(p, " ");
    if (column == 0 || column + 1 + length > WIDTH) {
      printf("%s%*s", column ? "\n" : "", INDENT, "");
      column = INDENT;
    } else {
      (void)putchar(' ');
      column++;
    }
    printf("%.*s", (int)length, p);
    column += length;
    p += length;
    while (*p == ' ') p++;
  }
  (void)putchar('\n');
}

/* Larger bounds only protect the machine: help leaves them out, error messages name them. */
static const double no_bound = 1e8;

const char *cli_expand(const cli_command *command, const char *text, char *out, size_t size) {
  if (command->list == NULL) return text;
  size_t used = 0;
  out[0] = '\0';
  while (*text && used + 1 < size) {
    size_t length = strcspn(text, "{");
    const char *end = text[length] ? strchr(text + length, '}') : NULL;
    used += (size_t)snprintf(out + used, size - used, "%.*s", (int)length, text);
    text += length;
    if (end == NULL || used + 1 >= size) break;
    char what[32];
    (void)snprintf(what, sizeof what, "%.*s", (int)(end - text - 1), text + 1);
    command->list(what, out + used, size - used);
    if (out[used] == '\0') /* no list has that name: braces as they stand */
      (void)snprintf(out + used, size - used, "%.*s", (int)(end + 1 - text), text);
    used += strlen(out + used);
    text = end + 1;
  }
  return out;
}

void cli_row_text(const cli_command *command, const cli_option *o, char *text, size_t size) {
  char room[1024], range[96] = "", choices[640] = "", extra[128] = "";
  const char *help = cli_expand(command, o->help, room, sizeof room);
  bool bounded = o->min != 0 || o->max != 0;
  if (bounded && isfinite(o->min) && o->max < no_bound)
    (void)snprintf(range, sizeof range, " From %s to %s.", symo_decimal_of(o->min).text,
                   symo_decimal_of(o->max).text);
  else if (bounded && isfinite(o->min))
    (void)snprintf(range, sizeof range, " At least %s.", symo_decimal_of(o->min).text);
  else if (bounded)
    (void)snprintf(range, sizeof range, " At most %s.", symo_decimal_of(o->max).text);
  if (o->choices) {
    char list[600];
    (void)snprintf(choices, sizeof choices, " One of: %s.",
                   cli_expand(command, o->choices, list, sizeof list));
    for (char *p = choices; *p; p++)
      if (*p == '|') *p = ' ';
  }
  if (o->required)
    (void)snprintf(extra, sizeof extra, " Required.");
  else if (o->fallback)
    (void)snprintf(extra, sizeof extra, " Default: %s.", o->fallback);
  size_t length = strlen(help);
  const char *stop = length > 0 && help[length - 1] == '.' ? "" : ".";
  (void)snprintf(text, size, "%s%s%s%s%s%s", help, stop, choices, range,
                 o->kind == CLI_LIST ? " May be repeated." : "", extra);
}

static void print_row(const cli_command *command, const cli_option *o) {
  char text[1536];
  cli_row_text(command, o, text, sizeof text);
  bool operand = o->kind == CLI_OPERAND;
  printf("  %s%s%s%s\n", operand ? "" : "--", o->name, operand || !o->arg ? "" : " ",
         operand || !o->arg ? "" : o->arg);
  print_wrapped(text);
}

void cli_usage(const cli_command *command) {
  printf("symo %s", command->name);
  const cli_option *o = NULL;
  size_t optional = 0;
  for (size_t i = 0; (o = cli_row(command, i)); i++)
    if (o->kind == CLI_OPERAND && (o->required || ++optional <= 2))
      printf(o->required ? " %s" : " [%s]", o->name);
  if (optional > 2) printf(" ..");
  for (size_t i = 0; (o = cli_row(command, i)); i++)
    if (o->required && o->kind != CLI_OPERAND) printf(" --%s %s", o->name, o->arg);
  printf(" [OPTIONS]");
}

const cli_option *cli_help_row(const cli_command *command, size_t *index) {
  const cli_option *o = cli_row(command, *index), *last = o;
  if (*index > 0) last = cli_row(command, *index - 1);
  while (o && *index > 0 && o->kind == CLI_OPERAND && strcmp(o->help, last->help) == 0)
    o = cli_row(command, ++*index);
  ++*index;
  return o;
}

const cli_exit_text cli_exit_texts[] = {{CLI_DONE, "done"},
                                        {CLI_NO, "the answer is no"},
                                        {CLI_USAGE, "wrong command line"},
                                        {CLI_DATA, "bad input data"},
                                        {CLI_IO, "input or output failed"},
                                        {CLI_NUMERIC, "numerical failure, or out of memory"},
                                        {0, NULL}};

void cli_help_command(const cli_command *command) {
  printf("Usage: ");
  cli_usage(command);
  char room[4096];
  printf("\n\n%s\n\nOptions:\n", cli_expand(command, command->description, room, sizeof room));
  const cli_option *o = NULL;
  for (size_t i = 0; (o = cli_help_row(command, &i));) print_row(command, o);
  printf("\nExample:\n");
  for (const char *p = command->example; *p;) {
    size_t length = strcspn(p, "\n");
    printf("  %.*s\n", (int)length, p);
    p += length + (p[length] == '\n');
  }
  printf("\nExit status:\n");
  for (const cli_exit_text *e = cli_exit_texts; e->text; e++)
    if (e->code != CLI_NO || command->no)
      printf("  %d  %s\n", e->code, e->code == CLI_NO ? command->no : e->text);
}

void cli_help_all(const cli_command *const *commands) {
  printf("symo: curvature for neural networks from weight-space symmetry.\n\n"
         "Usage: symo COMMAND [OPTIONS]\n\nCommands:\n");
  for (size_t i = 0; commands[i]; i++)
    printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
  printf("\n  symo help COMMAND, symo COMMAND --help   options, defaults, an example\n"
         "  symo --version                           version and how it was built\n"
         "  symo help --man [COMMAND]                a page for man; --completion: for bash\n\n"
         "The answer goes to stdout, messages go to stderr; --json gives JSON alone.\n"
         "Exit status: 0 done, 1 the answer is no, 2 wrong command line, 3 bad input data,\n"
         "4 input or output failed, 5 numerical failure.\n");
}
