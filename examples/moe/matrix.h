/* Products of row-major matrices that add to the result. Plain loops: gcc -O3 makes vector code of them. All numbers are
 * double, so that ways of balancing, which add up in other orders, differ by less than 1e-6 after hundreds of steps; in
 * float Adam makes 1e-5 of the rounding after 40. */
#ifndef MOE_MATRIX_H
#define MOE_MATRIX_H

/* c[m][n] += a[m][k] b[k][n] */
void multiply(int m, int n, int k, const double *a, const double *b, double *c);
/* c[m][n] += a[m][k] b[n][k], b transposed */
void multiply_by_transposed(int m, int n, int k, const double *a, const double *b, double *c);
/* c[m][n] += a[k][m] b[k][n], a transposed */
void multiply_transposed(int m, int n, int k, const double *a, const double *b, double *c);

#endif
