/* Vectors that lie between each other in memory, but share none of it, are taken. */
#include "tests/support/world.h"

enum { N = 9 };

typedef struct sides {
  symo_world w;
  symo_plan *plan;
  double both[2 * N]; /* x and y in turns */
  const void *x[2];
  void *y[2];
  const ptrdiff_t *strides[2];
} sides;

Test(interface, vectors_may_take_turns_in_memory) {
  static const ptrdiff_t w[] = {4, 2}, b[] = {2};
  sides s = {.strides = {w, b}};
  double flat[N], expected[N];
  const void *from[2];
  void *to[2];
  symo_world_open(&s.w, 3);
  symo_world_parse(&s.w, "i: identity 2; h: signed-permutation 3; w[h,i] b[h]");
  s.plan = symo_world_plan(&s.w, SYMO_F64, SYMO_COUPLED, false);
  symo_hessian *h = symo_world_definite(&s.w, s.plan);
  symo_test_randn(s.w.rng, flat, N);
  for (size_t i = 0; i < N; i++) s.both[2 * i] = flat[i];
  s.x[0] = s.both;
  s.x[1] = s.both + 12;
  s.y[0] = s.both + 1;
  s.y[1] = s.both + 13;
  symo_const_vector x = {SYMO_F64, s.x, s.strides};
  symo_vector y = {SYMO_F64, s.y, s.strides};
  cr_ok(s.w.context, symo_layout_split_const(s.w.layout, SYMO_F64, flat, from));
  cr_ok(s.w.context, symo_layout_split(s.w.layout, SYMO_F64, expected, to));
  cr_ok(s.w.context,
        symo_hessian_matvec(h, symo_const_vector_of(SYMO_F64, from), symo_vector_of(SYMO_F64, to)));
  cr_ok(s.w.context, symo_hessian_matvec(h, x, y));
  for (size_t i = 0; i < N; i++) {
    cr_assert(s.both[2 * i] == flat[i]);
    flat[i] = s.both[2 * i + 1];
  }
  cr_assert(symo_test_rel(flat, expected, N) <= 1e-14);
  y.strides = NULL; /* dense, and so over entries of x */
  cr_fails(s.w.context, SYMO_E_ARGUMENT, "matvec: y: tensor w shares memory with tensor w of x",
           symo_hessian_matvec(h, x, y));
  symo_hessian_destroy(h);
  symo_plan_destroy(s.plan);
  symo_world_close(&s.w);
}
