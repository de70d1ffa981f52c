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
#include <symo/context.h>  /* details of failures, and groups of your own */
#include <symo/element.h>  /* elements of the group of a layout */
#include <symo/examples.h> /* gradients of single examples, the empirical Fisher matrix */
#include <symo/factors.h>  /* layer statistics, of which K-FAC is made */
#include <symo/graph.h>    /* layouts from the operations of a network */
#include <symo/group.h>    /* groups: the registry, parameters, groups of your own */
#include <symo/hessian.h>  /* estimates of Hessians with the structure of a group */
#include <symo/io.h>       /* files: layouts, tensors, Hessians, optimizers and their states */
#include <symo/kfac.h>     /* K-FAC and EKFAC as operators */
#include <symo/layout.h>   /* spaces, tensors, and the groups that act on them */
#include <symo/lowrank.h>  /* estimates from products: structured, and low rank plus symmetry */
#include <symo/open.h>     /* optimizers and estimates from texts, in one call */
#include <symo/operator.h> /* matrices known by their products: eigenpairs, spectra, traces */
#include <symo/optim.h>    /* optimizers: methods, rules, states, steps */
#include <symo/plan.h>     /* labels and multiplicities of a layout */
#include <symo/problem.h>  /* losses with their gradients and products */
#include <symo/status.h>   /* statuses of functions */
#include <symo/symmetry.h> /* whether a group is a symmetry of a loss */
#include <symo/types.h>    /* number types, vectors, memory, random numbers */
#include <symo/version.h>  /* version and build */

#endif
