#ifndef SYMO_SYMO_H
#define SYMO_SYMO_H

/* libsymo: curvature for neural networks from weight-space symmetry.  Includes every public header.
 */
#include <symo/context.h>
#include <symo/element.h>
#include <symo/factors.h>
#include <symo/graph.h>
#include <symo/group.h>
#include <symo/hessian.h>
#include <symo/io.h>
#include <symo/kfac.h>
#include <symo/layout.h>
#include <symo/lowrank.h>
#include <symo/open.h>
#include <symo/operator.h>
#include <symo/optim.h>
#include <symo/plan.h>
#include <symo/problem.h>
#include <symo/status.h>
#include <symo/symmetry.h>
#include <symo/types.h>
#include <symo/version.h>

#endif
