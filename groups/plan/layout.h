#ifndef SYMO_GROUPS_PLAN_LAYOUT_H
#define SYMO_GROUPS_PLAN_LAYOUT_H

#include <stdatomic.h>

#include "core/nd.h"
#include "groups/instance.h"

typedef struct layout_space {
  char *name;
  size_t dim;
  const symo_group *group;
  const symo_group *resolved; /* the group that plans use; NULL before the first plan */
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

/* Freezes the layout and adds a reference. */
symo_layout *symo_layout_retain(symo_layout *layout);

/* True if some axis of the tensor has a group other than the identity. */
bool symo_layout_moves(const symo_layout *layout, size_t tensor);

/* Finds the groups that plans of a frozen layout use: the group itself if it has closed forms for
 * the number of axes on which its space stands, otherwise one with irreps found numerically.  The
 * result is kept by the layout. */
symo_status symo_layout_resolve(symo_layout *layout);

/* A tensor of a caller's vector as a view. */
symo_nd symo_layout_view(const symo_layout *layout, symo_dtype dtype, symo_const_vector x,
                         size_t tensor);

/* Checks a vector of the caller; every such vector is checked.  `what` is "FUNCTION: ARGUMENT", for
 * the detail.  SYMO_E_ARGUMENT if it has no number type, or if a tensor has no array (the detail
 * names the tensor).  SYMO_E_DTYPE if the type is not `dtype` (SYMO_ANY: both are accepted). */
symo_status symo_layout_check_arrays(const symo_layout *layout, symo_dtype dtype,
                                     symo_const_vector x, const char *what);

/* The same, and SYMO_E_NONFINITE if a tensor holds NaN or infinity (the detail names the first). */
symo_status symo_layout_check_vector(const symo_layout *layout, symo_dtype dtype,
                                     symo_const_vector x, const char *what);

/* Checks the memory of an output vector y: it must not overlap the input x (x.data NULL: there is
 * no input), and no two entries of y may overlap.  SYMO_E_ARGUMENT otherwise; the detail names the
 * tensors.  Both vectors have passed symo_layout_check_arrays.  room: workspace of
 * symo_layout_apart_room bytes, or NULL to allocate it.  O(tensors log tensors) unless arrays are
 * interleaved. */
size_t symo_layout_apart_room(const symo_layout *layout);
symo_status symo_layout_check_apart(const symo_layout *layout, const char *where,
                                    symo_const_vector x, const char *xname, symo_vector y,
                                    const char *yname, void *room);

/* True if names, dimensions, groups and axes are the same. */
bool symo_layout_equal(const symo_layout *a, const symo_layout *b);

#endif
