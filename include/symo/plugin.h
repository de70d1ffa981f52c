#ifndef SYMO_PLUGIN_H
#define SYMO_PLUGIN_H

#include <symo/group.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Groups from shared objects: `symo COMMAND --plugin FILE.so`.
 *
 * The object defines symo_plugin_groups.  It sets *ops to an array of tables and returns their
 * number, at least one.  The member `size` of a table identifies the version of symo_group_ops that
 * it was compiled against; other versions are refused.  The tables, and everything they point to,
 * stay valid until the object is unloaded.  If the code calls `symo_` functions, such as the random
 * numbers, it gets those of the program, so the object is linked without libsymo:
 *
 *     cc -shared -fPIC -Iinclude -o my_groups.so my_groups.c      (macOS: -undefined
 *     dynamic_lookup)
 *
 * experiments/examples/plugin_hadamard.c is a complete example. */
typedef size_t (*symo_plugin_entry)(const symo_group_ops **ops);

/* The name of that function in the object. */
#define SYMO_PLUGIN_ENTRY "symo_plugin_groups"

/* Declared for the shared object to define.  The parentheses keep the name out of the list of
 * exported functions, which is made from the declarations of the headers. */
extern size_t(symo_plugin_groups)(const symo_group_ops **ops);

#ifdef __cplusplus
}
#endif
#endif
