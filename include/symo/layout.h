#ifndef SYMO_LAYOUT_H
#define SYMO_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <symo/group.h>
#include <symo/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A list of spaces and tensors.  A space is R^d with a group that acts on it; every axis of a
 * tensor names a space.  Spaces and tensors are added one by one.  The first plan made from the
 * layout freezes it; afterwards it can only be read.  Names consist of letters, digits and _ . - /
 * and have at most SYMO_MAX_NAME characters. */
typedef struct symo_layout symo_layout;

/* An empty layout, which the caller destroys.  One thread at a time may add to it. */
symo_status symo_layout_create(symo_context *context, symo_layout **out);

/* NULL is accepted.  Objects made from a layout keep it alive, and the layout keeps its context
 * alive, so handles may be destroyed in any order. */
void symo_layout_destroy(symo_layout *layout);

/* The detail of the last failure (symo_context_detail) of the layout's context.  "" for NULL. */
const char *symo_layout_detail(const symo_layout *layout);

/* Makes a layout from the short notation: spaces, then tensors, separated by ';' or white space:
 *     "in: identity 20; h: signed-permutation 64; out: identity 5; w1[h,in] b1[h] w2[out,h]"
 * "s[]" is a scalar.  A trailing '*' on an axis names the dual representation.
 *
 * The parameters of a group are written in parentheses.  A parameter that is itself a group is
 * written with its dimension:
 *     scaling(1.5, signs, permute) 64      window, then the options; each may be omitted
 *     wreath(4, orthogonal 16)             copies, group
 *     product(cyclic 5, permutation 3)     sum(permutation 5, orthogonal 3)
 *     restriction(permutation 6, keep 1)   numbers as `symo groups --generators` prints them
 * If the dimension follows from the parameters, it may be given after them or omitted (digits
 * before ':' or '[' are then the name of the next item).  Custom groups have no short notation;
 * they need a layout file.
 *
 * SYMO_E_FORMAT, or a status of symo_layout_add_space or symo_layout_add_tensor; the detail gives
 * the position in the text.  SYMO_E_UNSUPPORTED if groups are nested more than 8 deep. */
symo_status symo_layout_parse(symo_context *context, const char *text, symo_layout **out);

/* Adds a space.  The name is copied; groups from symo_group_create are retained.
 *   SYMO_E_NAME         the name is taken or not valid
 *   SYMO_E_ARGUMENT     dim is 0, the group is NULL (as from a lookup of an unknown name), or it is
 *                       a row that needs parameters (symo_group_create)
 *   SYMO_E_SHAPE        the group acts on another dimension
 *   SYMO_E_SIZE         dim is above 2147483647
 *   SYMO_E_UNSUPPORTED  the layout is frozen */
symo_status symo_layout_add_space(symo_layout *layout, const char *name, size_t dim,
                                  const symo_group *group);

/* Adds a tensor.  axes: `order` names of spaces (0 <= order <= SYMO_MAX_ORDER), each optionally
 * followed by '*' for the dual representation.  All texts are copied.
 *   SYMO_E_NAME         the name is taken or not valid, or an axis names no space
 *   SYMO_E_SIZE         the number of entries overflows
 *   SYMO_E_UNSUPPORTED  the layout is frozen, order is above SYMO_MAX_ORDER, or a space with a
 *                       non-trivial group is used on more than four axes
 *
 * Most groups have closed forms for a space on up to two axes of a tensor.  If a space is used on
 * more axes, or its group has no closed form, plans find the irreps numerically.  On two axes they
 * split the products of irreps of one axis: dim 256 takes seconds if the irreps are small, and a
 * plan that would take more than 100 s is refused (SYMO_E_SIZE; the detail gives the estimated
 * time).  On three and four axes, the sum of dim^p over the numbers of axes p that occur is at most
 * 4096; a sum of 1000 takes seconds, the limit takes a minute. */
symo_status symo_layout_add_tensor(symo_layout *layout, const char *name, size_t order,
                                   const char *const *axes);

/* Sets the number type that plans use by default.  SYMO_E_DTYPE if the value is not a symo_dtype,
 * SYMO_E_UNSUPPORTED if the layout is frozen. */
symo_status symo_layout_set_dtype(symo_layout *layout, symo_dtype dtype);

/* What the layout has; SYMO_ANY and 0 for NULL. */
symo_dtype symo_layout_dtype(const symo_layout *layout);
size_t symo_layout_num_spaces(const symo_layout *layout);
size_t symo_layout_num_tensors(const symo_layout *layout);
size_t symo_layout_num_parameters(const symo_layout *layout);

/* For NULL or an index out of range these return NULL, 0 (sizes, dimensions, orders), SYMO_NONE
 * (indices, offsets) or false; the detail says which index.  SYMO_NONE is always out of range.
 * Names and groups belong to the layout. */
const char *symo_layout_space_name(const symo_layout *layout, size_t space);
size_t symo_layout_space_dim(const symo_layout *layout, size_t space);
const symo_group *symo_layout_space_group(const symo_layout *layout, size_t space);
const char *symo_layout_tensor_name(const symo_layout *layout, size_t tensor);
size_t symo_layout_tensor_order(const symo_layout *layout, size_t tensor);
size_t symo_layout_tensor_size(const symo_layout *layout, size_t tensor);   /* entries */
size_t symo_layout_tensor_offset(const symo_layout *layout, size_t tensor); /* in a flat vector */
size_t symo_layout_axis_space(const symo_layout *layout, size_t tensor, size_t axis);
size_t symo_layout_axis_dim(const symo_layout *layout, size_t tensor, size_t axis);
bool symo_layout_axis_dual(const symo_layout *layout, size_t tensor, size_t axis);

/* False if there is no such name; *index is then unchanged.  index may be NULL. */
bool symo_layout_find_space(const symo_layout *layout, const char *name, size_t *index);
bool symo_layout_find_tensor(const symo_layout *layout, const char *name, size_t *index);

/* The layout in the short notation that symo_layout_parse reads.  The caller frees *out with
 * symo_free.  SYMO_E_UNSUPPORTED if the group of a space is a custom group or has one as a part;
 * the detail names the space.  Such layouts can be written as JSON (symo/io.h). */
symo_status symo_layout_to_text(const symo_layout *layout, char **out);

/* Finds the tensors in a flat vector, which holds all of them in layout order, each row-major, in
 * the given dtype.  data: [num_tensors]; data[t] is set to the first entry of tensor t in `flat`.
 * SYMO_E_ARGUMENT for SYMO_ANY. */
symo_status symo_layout_split(const symo_layout *layout, symo_dtype dtype, void *flat, void **data);
symo_status symo_layout_split_const(const symo_layout *layout, symo_dtype dtype, const void *flat,
                                    const void **data);

#ifdef __cplusplus
}
#endif
#endif
