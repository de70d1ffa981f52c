#ifndef SYMO_GROUPS_PLAN_LAYOUT_H
#define SYMO_GROUPS_PLAN_LAYOUT_H

#include <stdatomic.h>

#include "core/nd.h"
#include "groups/instance.h"

typedef struct layout_space {
  char *name;
  size_t dim;
  const symo_group *group;
  const symo_group *resolved; /* what plans work with; NULL until the first one asks */
} layout_space;

typedef struct layout_tensor {
  char *name;
  size_t order, size, offset;
  size_t space[SYMO_MAX_ORDER], dim[SYMO_MAX_ORDER];
  bool dual[SYMO_MAX_ORDER];
} layout_tensor;

struct symo_layout {
  symo_context *context;
  atomic_size_t references;
  pthread_mutex_t lock; /* of resolved */
  atomic_bool frozen;
  symo_dtype dtype;
  size_t num_spaces, num_tensors, space_room, tensor_room, parameters;
  layout_space *spaces;
  layout_tensor *tensors;
};

/* The layout can no longer be changed; one more reference to it. */
symo_layout *symo_layout_retain(symo_layout *layout);

/* Whether some axis of the tensor has a group other than identity. */
bool symo_layout_moves(const symo_layout *layout, size_t tensor);

/* The groups that plans of a frozen layout work with: closed forms, or irreps found numerically
 * where a space stands on more axes of a tensor than they reach.  Found once. */
symo_status symo_layout_resolve(symo_layout *layout);

/* A tensor of a caller's vector as a view. */
symo_nd symo_layout_view(const symo_layout *layout, symo_dtype dtype, symo_const_vector x,
                         size_t tensor);

/* Every vector of a caller's passes here.  `what` says which: "FUNCTION: ARGUMENT".
 * SYMO_E_ARGUMENT if it has no number type, or names the first tensor without an array;
 * SYMO_E_DTYPE if the type is not `dtype` (SYMO_ANY: either will do). */
symo_status symo_layout_check_arrays(const symo_layout *layout, symo_dtype dtype,
                                     symo_const_vector x, const char *what);

/* The same, and SYMO_E_NONFINITE with the name of the first tensor that holds NaN or infinity. */
symo_status symo_layout_check_vector(const symo_layout *layout, symo_dtype dtype,
                                     symo_const_vector x, const char *what);

/* SYMO_E_ARGUMENT unless y, which is to be written, has memory of its own: apart from x (x.data
 * NULL: there is no x), tensors apart from each other, entries from each other.  Names the tensors.
 * Both have passed symo_layout_check_arrays.  room: symo_layout_apart_room bytes; NULL: taken and
 * given back.  O(tensors log tensors) where nothing lies between anything else. */
size_t symo_layout_apart_room(const symo_layout *layout);
symo_status symo_layout_check_apart(const symo_layout *layout, const char *where,
                                    symo_const_vector x, const char *xname, symo_vector y,
                                    const char *yname, void *room);

/* True if names, dimensions, groups and axes are the same. */
bool symo_layout_equal(const symo_layout *a, const symo_layout *b);

#endif
