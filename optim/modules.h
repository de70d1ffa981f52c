#ifndef SYMO_OPTIM_MODULES_H
#define SYMO_OPTIM_MODULES_H

#include <symo/optim.h>

#include "core/registry.h"

/* The modules that a method names.  Each table begins with its name and its summary. */
typedef enum module_kind {
  MODULE_CURVATURE,
  MODULE_DAMPING,
  MODULE_SOLVER,
  MODULE_PRECONDITION,
  MODULE_KINDS
} module_kind;

/* All of a kind, in the order of its list in symo/optim.h. */
symo_registry symo_modules(module_kind kind);

#endif
