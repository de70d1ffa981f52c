/* Manual pages, in the macros of man(7).  The same rows as in help, with the marks of roff. */
#include "cli/help.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Text with roff's own characters escaped.  Dashes stay dashes, so that options can be copied. */
static void put(const char *text, size_t length) {
  for (size_t i = 0; i < length; i++) {
    char c = text[i];
    bool start = i == 0 || text[i - 1] == '\n';
    if (start && (c == '.' || c == '\'')) printf("\\&");
    if (c == '\\')
      printf("\\e");
    else if (c == '-')
      printf("\\-");
    else
      (void)putchar(c);
  }
}

static void put_text(const char *text) { put(text, strlen(text)); }

static void title(const char *name) {
  printf(".TH ");
  for (const char *p = name; *p; p++) {
    if (*p == '-') (void)putchar('\\');
    (void)putchar(toupper((unsigned char)*p));
  }
  printf(" 1 \"\" \"symo %s\" \"User Commands\"\n.SH NAME\n", symo_version());
}

/* Lines as they stand. */
static void block(const char *text) {
  printf(".nf\n");
  put_text(text);
  printf("\n.fi\n");
}

static void option(const cli_command *command, const cli_option *o) {
  char text[1536];
  cli_row_text(command, o, text, sizeof text);
  printf(".TP\n\\fB");
  if (o->kind != CLI_OPERAND) printf("\\-\\-");
  put_text(o->name);
  printf("\\fR");
  if (o->kind != CLI_OPERAND && o->arg) {
    printf(" \\fI");
    put_text(o->arg);
    printf("\\fR");
  }
  printf("\n");
  put_text(text);
  printf("\n");
}

static void exit_status(const char *no) {
  printf(".SH EXIT STATUS\n");
  for (const cli_exit_text *e = cli_exit_texts; e->text; e++) {
    if (e->code == CLI_NO && !no) continue;
    printf(".TP\n%d\n", e->code);
    put_text(e->code == CLI_NO ? no : e->text);
    printf("\n");
  }
}

void cli_man_command(const cli_command *command) {
  char name[64], room[4096];
  (void)snprintf(name, sizeof name, "symo-%s", command->name);
  title(name);
  put_text(name);
  printf(" \\- ");
  put_text(command->summary);
  printf("\n.SH SYNOPSIS\n\\fB");
  cli_usage(command);
  printf("\\fR\n.SH DESCRIPTION\n");
  block(cli_expand(command, command->description, room, sizeof room));
  printf(".SH OPTIONS\n");
  const cli_option *o = NULL;
  for (size_t i = 0; (o = cli_help_row(command, &i));) option(command, o);
  printf(".SH EXAMPLES\n");
  block(command->example);
  exit_status(command->no);
  printf(".SH SEE ALSO\n.BR symo (1)\n");
}

void cli_man_all(const cli_command *const *commands) {
  title("symo");
  printf("symo \\- curvature for neural networks from weight\\-space symmetry\n.SH SYNOPSIS\n"
         "\\fBsymo\\fR \\fICOMMAND\\fR [OPTIONS]\n.br\n\\fBsymo help\\fR [\\fICOMMAND\\fR]\n.br\n"
         "\\fBsymo \\-\\-version\\fR\n.SH DESCRIPTION\n"
         "Hessians of neural networks from one gradient and the symmetries of the weights: "
         "estimates, comparison with the exact Hessian, training.\n"
         "The answer goes to stdout, messages go to stderr; with \\fB\\-\\-json\\fR stdout is JSON "
         "alone.\n.SH COMMANDS\n");
  for (size_t i = 0; commands[i]; i++) {
    printf(".TP\n.BR symo\\-%s (1)\n", commands[i]->name);
    put_text(commands[i]->summary);
    printf("\n");
  }
  exit_status(cli_exit_texts[CLI_NO].text);
  printf(".SH ENVIRONMENT\n.TP\nSYMO_DATA\nA folder in which data are looked for by name first.\n"
         ".TP\nOPENBLAS_NUM_THREADS\nThreads of the linear algebra, where \\-\\-threads is not "
         "given.\n"
         ".SH SEE ALSO\n");
  for (size_t i = 0; commands[i]; i++)
    printf(".BR symo\\-%s (1)%s\n", commands[i]->name, commands[i + 1] ? "," : "");
}
