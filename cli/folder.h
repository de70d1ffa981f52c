#ifndef SYMO_CLI_FOLDER_H
#define SYMO_CLI_FOLDER_H

#include "cli/cli.h"

/* Folders that one process at a time writes in.  The lock is on the file .symo-lock in the folder;
 * the system releases it when the process ends, however that may be. */
typedef struct cli_folder {
  int fd;
  char *path; /* NULL: not locked */
} cli_folder;

/* The folder must exist.  CLI_IO after its error line if another process has locked it.  Removes
 * temporary files that ended processes left there. */
int cli_folder_lock(cli *c, const char *directory, cli_folder *folder);
void cli_folder_unlock(cli_folder *folder); /* {0} is accepted */

/* Writes command.json: what was asked for in this folder, and of which program.
 *   {"commands": [{"words": ["symo", "compare", ..], "folder": where it was given,
 *                  "version": "0.1.0", "build": symo_build_info, "threads": 2}]}
 * more: behind the commands that stand there, as of a run that is taken up again; otherwise alone.
 * threads: that the command works on.  No times, so that the same command writes the same bytes.
 * Returns an exit code. */
#define CLI_RECORD "command.json"
int cli_record(cli *c, const char *directory, bool more, int threads);

/* Whether there is a file of that name in the folder. */
bool cli_folder_has(const char *directory, const char *name);

#endif
