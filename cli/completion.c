/* Completion for bash, made from the tables. */
#include "cli/help.h"

#include <stdio.h>
#include <string.h>

/* "a|b|c" as words. */
static void put_choices(const char *choices) {
  for (const char *p = choices; *p; p++) (void)putchar(*p == '|' ? ' ' : *p);
}

/* The options of a command, then for each that takes a value: its choices, or files. */
static void put_command(const cli_command *command) {
  const cli_option *o = NULL;
  char room[960];
  printf("  %s)\n    options='", command->name);
  for (size_t i = 0; (o = cli_row(command, i)); i++)
    if (o->kind != CLI_OPERAND) printf("%s--%s", i > 0 ? " " : "", o->name);
  printf("'\n    case $before in\n");
  for (size_t i = 0; (o = cli_row(command, i)); i++) {
    if (o->kind == CLI_OPERAND || o->kind == CLI_FLAG) continue;
    printf("    --%s) ", o->name);
    if (o->choices) {
      printf("words='");
      put_choices(cli_expand(command, o->choices, room, sizeof room));
      printf("' kind='words' ;;\n");
    } else {
      printf("kind='%s' ;;\n", o->kind == CLI_INT || o->kind == CLI_DOUBLE ? "number" : "file");
    }
  }
  printf("    esac\n    operands='");
  for (size_t i = 0; (o = cli_row(command, i)); i++) {
    if (o->kind != CLI_OPERAND || !o->choices) continue;
    put_choices(cli_expand(command, o->choices, room, sizeof room));
    (void)putchar(' ');
  }
  printf("' ;;\n");
}

void cli_completion(const cli_command *const *commands) {
  printf("# Completion of symo %s for bash, made by symo help --completion.\n"
         "# shellcheck shell=bash disable=SC2207\n_symo() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
         "  local commands='",
         symo_version());
  for (size_t i = 0; commands[i]; i++) printf("%s ", commands[i]->name);
  printf("help' options='' words='' operands='' kind=''\n"
         "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
         "    COMPREPLY=($(compgen -W \"$commands --version --help\" -- \"$word\"))\n"
         "    return\n  fi\n  case ${COMP_WORDS[1]} in\n"
         "  help)\n    operands=$commands options='--man --completion --help' ;;\n");
  for (size_t i = 0; commands[i]; i++) put_command(commands[i]);
  printf("  esac\n"
         "  case $kind:$word in\n"
         "  words:*) COMPREPLY=($(compgen -W \"$words\" -- \"$word\")) ;;\n"
         "  file:*) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n"
         "  number:*) COMPREPLY=() ;;\n"
         "  :-*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")) ;;\n"
         "  *) COMPREPLY=($(compgen -W \"$operands\" -- \"$word\"))\n"
         "    [ -n \"${operands// /}\" ] || COMPREPLY=($(compgen -f -- \"$word\")) ;;\n"
         "  esac\n}\ncomplete -o filenames -F _symo symo\n");
}
