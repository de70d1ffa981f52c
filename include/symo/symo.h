#ifndef SYMO_SYMO_H
#define SYMO_SYMO_H

/* libsymo: curvature for neural networks from weight-space symmetry.  Includes every public header.
 *
 * Unless a function says otherwise:
 *
 * Ownership.  What a function returns through `**out` is the caller's: handles have a destroy of
 * their own, texts and arrays go to symo_free.  What a function returns as its value, texts above
 * all, belongs to the object it was asked of, or is constant.  Handles keep alive what they were
 * made from.  Arrays of the caller's are read or written during the call and not kept.
 *
 * Threads.  Different handles may be used by different threads at the same time.  Groups, frozen
 * layouts, plans, Hessians and optimizers do not change, and threads may share them; contexts are
 * locked.  A layout that is being built, a state of an optimizer, a generator and a problem belong
 * to one thread at a time.  The one thing that holds for the whole process is the number of threads
 * of the linear algebra (symo_set_threads). */
#include <symo/context.h>
#include <symo/element.h>
#include <symo/examples.h>
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
