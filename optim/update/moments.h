#ifndef SYMO_OPTIM_UPDATE_MOMENTS_H
#define SYMO_OPTIM_UPDATE_MOMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/nd.h"

/* Second moments, elementwise, every operation rounded to the type of the numbers:
 *     v <- (b v) + (1 - b) (g g);      b = 1:  v <- v + g g;      b = 0:  v <- g g  */
void symo_update_squares(double b, symo_nd g, symo_nd v);

/* v <- b v + (1 - b) x; b = 1: v <- v + x. */
void symo_update_mean(double b, symo_nd x, symo_nd v);

/* out := u / max(gamma v, eps), clipped to [-1, 1]; 0 where u is, the sign of u where the denominator
 * is 0. */
void symo_update_clipped(double gamma, double eps, symo_nd u, symo_nd v, symo_nd out);

/* Whether no second moment is negative or NaN. */
bool symo_update_is_second(symo_nd v);

/* 1 - b^n for averages that are corrected; else 1. */
double symo_update_correction(double b, uint64_t n, bool correct);

/* out := u / ((v / correction)^(alpha / 2) + eps), the root by sqrt for alpha = 1; 0 where the
 * denominator is 0; u itself for alpha = 0. */
void symo_update_divide(double alpha, double correction, double eps, symo_nd u, symo_nd v,
                        symo_nd out);

#endif
