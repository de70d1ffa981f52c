#ifndef SYMO_PLUGIN_H
#define SYMO_PLUGIN_H

#include <symo/group.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Groups from shared objects: `symo COMMAND --plugin FILE.so`.
 *
 * The object defines symo_plugin_groups, which points *ops to an array of tables and returns how
 * many there are, at least one.  Each table says by its `size` which version of symo_group_ops it
 * was compiled against; others are refused.  Tables and what they point to stay valid until the
 * object is unloaded.  `symo_` functions that the code calls (random numbers, say) are those of the
 * program, so the object is linked without libsymo:
 *
 *     cc -shared -fPIC -Iinclude -o my_groups.so my_groups.c      (macOS: -undefined dynamic_lookup)
 *
 * experiments/examples/plugin_hadamard.c is a complete one. */
typedef size_t (*symo_plugin_entry)(const symo_group_ops **ops);

#define SYMO_PLUGIN_ENTRY "symo_plugin_groups"

/* The name stands in parentheses because the library itself has no such function to export. */
extern size_t(symo_plugin_groups)(const symo_group_ops **ops);

#ifdef __cplusplus
}
#endif
#endif
