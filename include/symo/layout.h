#ifndef SYMO_LAYOUT_H
#define SYMO_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <symo/group.h>
#include <symo/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A list of spaces (R^d with a group on it) and of tensors, every axis of which names a space.
 * It is built up, then frozen by the first plan made from it; afterwards it can only be read.
 * Names are made of letters, digits and _ . - / and are at most SYMO_MAX_NAME long. */
typedef struct symo_layout symo_layout;

symo_status symo_layout_create(symo_context *context, symo_layout **out);

/* NULL is accepted.  What is made from a layout keeps it alive, and the layout its context, so that
 * handles may be destroyed in any order. */
void symo_layout_destroy(symo_layout *layout);

/* symo_context_detail of the layout's context; "" for NULL. */
const char *symo_layout_detail(const symo_layout *layout);

/* From the short notation, spaces first, then tensors, separated by ';' or white space:
 *     "in: identity 20; h: signed-permutation 64; out: identity 5; w1[h,in] b1[h] w2[out,h]"
 * "s[]" is a scalar.  A trailing '*' on an axis names the dual representation.
 *
 * Parameters of a group stand in parentheses, groups among them with their dimensions:
 *     scaling(1.5, signs, permute) 64      window, and what else moves: all may be left out
 *     wreath(4, orthogonal 16)             copies, group
 *     product(cyclic 5, permutation 3)     sum(permutation 5, orthogonal 3)
 *     restriction(permutation 6, keep 1)   numbers from `symo groups --generators`
 * Where the dimension follows from the parameters it may stand behind them or be left out (digits
 * before ':' or '[' are then the name of the next item).  Custom groups have no notation: they need
 * a layout file.
 *
 * SYMO_E_FORMAT, and the statuses of symo_layout_add_space and symo_layout_add_tensor, with the
 * place in the text; SYMO_E_UNSUPPORTED beyond 8 groups within each other. */
symo_status symo_layout_parse(symo_context *context, const char *text, symo_layout **out);

/* SYMO_E_NAME if the name is taken or not a name, SYMO_E_ARGUMENT if dim is 0, or the group is NULL
 * (as a lookup of an unknown name gives it) or a row with parameters, SYMO_E_SHAPE if the group
 * acts on another dimension, SYMO_E_SIZE if dim is above 2147483647, SYMO_E_UNSUPPORTED once the
 * layout is frozen.  The name is copied; groups from symo_group_create are retained. */
symo_status symo_layout_add_space(symo_layout *layout, const char *name, size_t dim,
                                  const symo_group *group);

/* axes: `order` names of spaces (0 <= order <= SYMO_MAX_ORDER), each optionally followed by '*';
 * all texts are copied.  SYMO_E_NAME if the name is taken or not a name, or an axis names no space;
 * SYMO_E_SIZE if sizes overflow; SYMO_E_UNSUPPORTED beyond SYMO_MAX_ORDER axes, once the layout is
 * frozen, and if a space with a non-trivial group stands on more than four axes.  Where it
 * stands on more axes than its group has closed forms for (two, mostly), plans find the irreps
 * numerically.  On two axes products of the irreps on one are split: dim 256 takes seconds where
 * irreps are small, and SYMO_E_SIZE says how long it would take where that is above 100 s.  On more,
 * the sum over the powers p that occur of dim^p is at most 4096 (seconds up to some 1000, a minute
 * at the limit). */
symo_status symo_layout_add_tensor(symo_layout *layout, const char *name, size_t order,
                                   const char *const *axes);

/* SYMO_E_DTYPE for what is no type; SYMO_E_UNSUPPORTED once the layout is frozen. */
symo_status symo_layout_set_dtype(symo_layout *layout, symo_dtype dtype);

symo_dtype symo_layout_dtype(const symo_layout *layout);
size_t symo_layout_num_spaces(const symo_layout *layout);
size_t symo_layout_num_tensors(const symo_layout *layout);
size_t symo_layout_num_parameters(const symo_layout *layout);

/* Of an index that there is not, or of NULL: NULL, 0 for sizes, dimensions and orders, SYMO_NONE
 * for indices and offsets, false; and the detail says which index (SYMO_NONE is out of range
 * everywhere).  Names and groups are the layout's. */
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

/* false when there is no such name; *index is then untouched.  index may be NULL. */
bool symo_layout_find_space(const symo_layout *layout, const char *name, size_t *index);
bool symo_layout_find_tensor(const symo_layout *layout, const char *name, size_t *index);

/* The short notation of the layout, as symo_layout_parse reads it.  *out is the caller's, to be
 * given to symo_free.  SYMO_E_UNSUPPORTED with the name of a space whose group is a custom one, or
 * made of one: those can be written as JSON (symo/io.h). */
symo_status symo_layout_to_text(const symo_layout *layout, char **out);

/* Pointers into a flat vector: all tensors in layout order, each row-major, of the given dtype.
 * data: [num_tensors], filled in; points into `flat`.  SYMO_E_ARGUMENT for SYMO_ANY. */
symo_status symo_layout_split(const symo_layout *layout, symo_dtype dtype, void *flat, void **data);
symo_status symo_layout_split_const(const symo_layout *layout, symo_dtype dtype, const void *flat,
                                    const void **data);

#ifdef __cplusplus
}
#endif
#endif
