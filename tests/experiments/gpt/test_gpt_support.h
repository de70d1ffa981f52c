#ifndef SYMO_TESTS_EXPERIMENTS_GPT_TEST_GPT_SUPPORT_H
#define SYMO_TESTS_EXPERIMENTS_GPT_TEST_GPT_SUPPORT_H

/* Transformers with random parameters and tokens, and an oracle that shares no code with them. */
#include "net/gpt.h"
#include "tests/net/test_net_support.h"

/* Biases or none, tied or not, both GELUs; 0 <= index < NUM_GPTS.  v 7, t 5, c 6, h 2, l 2, f 9. */
enum { NUM_GPTS = 8 };
symo_gpt_spec gpt_combination(size_t index);

/* The same as ids; the caller's. */
uint32_t *gpt_ids(size_t count, const double *tokens);

/* Parameters scale * N(0, 1), gains 1 more; tokens uniform.  Given back with net_case_destroy. */
net_case gpt_case_create(const symo_gpt_spec *gpt, size_t examples, double scale, uint64_t seed);

/* Logits [t, v] of one example, by loops over single numbers in long double. */
void gpt_oracle_logits(const symo_gpt_spec *gpt, const double *theta, const double *tokens,
                       long double *logits);

/* The mean loss of the case; its derivatives by central differences of fourth order. */
long double gpt_oracle_loss(const net_case *c, const double *theta);
double *gpt_oracle_gradient(const net_case *c);

/* The place of a tensor in the flat vector, by its name, and its size. */
size_t gpt_offset(const net_case *c, const char *tensor, size_t *size);

#endif
