/* The assignment problem. */
#ifndef EPLB_CORE_PLAN_COMMON_ASSIGNMENT_H
#define EPLB_CORE_PLAN_COMMON_ASSIGNMENT_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of scratch that eplb_assignment needs for `size`. */
size_t eplb_assignment_scratch(int size);

/* Gives each row its own column so that the sum of worth[row][column] is largest: shortest augmenting paths (Jonker and
 * Volgenant, "A shortest augmenting path algorithm for dense and sparse linear assignment problems", 1987), O(size^3).
 * Beyond 128 rows greedily, row by row. column[size]. */
void eplb_assignment(int size, const int32_t *worth, int32_t *column, void *scratch);

#endif
