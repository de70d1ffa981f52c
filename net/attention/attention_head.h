#ifndef SYMO_NET_ATTENTION_ATTENTION_HEAD_H
#define SYMO_NET_ATTENTION_ATTENTION_HEAD_H

#include "net/attention/attention.h"

/* The passes take one head at a time.  Shared by the files attention*.c only. */

/* One head of one example, and one direction of its tangents. */
typedef struct attention_head {
  const symo_node *node;
  const symo_pass *pass;
  symo_dtype dtype;
  size_t example, number, direction;
  size_t positions, width; /* of the head */
  size_t keys, columns;    /* both with room to spare */
  double scale;            /* of the scores */
  bool dropping;
  symo_attention_dropout drop;
  void *free; /* workspace that is not reserved */
} attention_head;

static inline size_t symo_attention_least(size_t a, size_t b) { return a < b ? a : b; }

/* How many numbers any pass reserves together. */
size_t symo_attention_scratch(const symo_node *node, size_t k);

attention_head symo_attention_head_of(const symo_node *node, const symo_pass *pass, size_t example,
                                      size_t number);

/* Workspace [rows, columns] with its room; `rows` numbers of it. */
symo_mat symo_attention_reserve(attention_head *head, size_t rows, size_t columns);
void *symo_attention_reserve_row(attention_head *head, size_t rows);

/* Strided rows of a head: part 0, 1, 2 = query, key, value of an input buffer, and the output's; k
 * is 1 for values and cotangents. */
symo_mat symo_attention_part_of(const attention_head *head, const void *buffer, size_t k,
                                size_t part);
symo_mat symo_attention_output_of(const attention_head *head, const void *buffer, size_t k);

/* The log-sum-exp of rows [first, first + rows), from and to what forward saves. */
void symo_attention_load_lse(const attention_head *head, size_t first, size_t rows, void *lse);
void symo_attention_save_lse(const attention_head *head, size_t first, size_t rows, void *lse);

/* Dropout of x, an array of scores, if the head has it. */
void symo_attention_drop_weights(const attention_head *head, const symo_attention_rows *at,
                                 void *x);

/* attention_curvature.c: tangents of the output, and the backward tangent. */
void symo_attention_tangent_head(attention_head head);
void symo_attention_curve_head(attention_head head);

#endif
