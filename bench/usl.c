/*
 * n / X(n) = p0 + p1 (n - 1) + p2 n (n - 1) with p0 = 1 / lambda, p1 = sigma / lambda and
 * p2 = kappa / lambda is linear in p: normal equations of weighted least squares, a row's weight
 * being such that its error is relative. None of p may be below 0: of the four choices of terms
 * beside p0 the one with the smallest error wins whose p are all allowed.
 */
#include "bench/usl.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { TERMS = 3, POINTS_MIN = 3 };

static double term(int which, double n)
{
    const double terms[TERMS] = {1, n - 1, n * (n - 1)};
    return terms[which];
}

/* Gaussian elimination with pivots of the size x size system; false: it has no one solution. */
static bool solve(double a[TERMS][TERMS + 1], int size, double out[TERMS])
{
    for (int column = 0; column < size; column++) {
        int pivot = column;
        for (int row = column + 1; row < size; row++)
            if (fabs(a[row][column]) > fabs(a[pivot][column]))
                pivot = row;
        if (fabs(a[pivot][column]) < 1e-12)
            return false;
        double swap[TERMS + 1];
        memcpy(swap, a[pivot], sizeof(swap));
        memcpy(a[pivot], a[column], sizeof(swap));
        memcpy(a[column], swap, sizeof(swap));
        for (int row = 0; row < size; row++) {
            double factor = row == column ? 0 : a[row][column] / a[column][column];
            for (int i = column; i <= size; i++)
                a[row][i] -= factor * a[column][i];
        }
    }
    for (int i = 0; i < size; i++)
        out[i] = a[i][size] / a[i][i];
    return true;
}

/* With the terms of the set alone (bit i: term i); p of the others is 0. */
static bool fit_terms(const struct bench_usl_point *points, size_t count, unsigned set,
                      double p[TERMS])
{
    double a[TERMS][TERMS + 1] = {{0}}, found[TERMS] = {0};
    int used[TERMS], size = 0;
    for (int i = 0; i < TERMS; i++)
        if (set & (1u << i))
            used[size++] = i;
    for (size_t k = 0; k < count; k++) {
        double weight = points[k].throughput / points[k].n; /* 1 / (n / X) */
        for (int row = 0; row < size; row++) {
            double left = weight * term(used[row], points[k].n);
            for (int column = 0; column < size; column++)
                a[row][column] += left * weight * term(used[column], points[k].n);
            a[row][size] += left;
        }
    }
    if (!solve(a, size, found))
        return false;
    memset(p, 0, TERMS * sizeof(*p));
    for (int i = 0; i < size; i++)
        p[used[i]] = found[i];
    return p[0] > 0 && p[1] >= 0 && p[2] >= 0;
}

double bench_usl_throughput(const struct bench_usl *usl, double n)
{
    return usl->lambda * n / (1 + usl->sigma * (n - 1) + usl->kappa * n * (n - 1));
}

static double error_of(const struct bench_usl *usl, const struct bench_usl_point *points,
                       size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        double relative = bench_usl_throughput(usl, points[i].n) / points[i].throughput - 1;
        sum += relative * relative;
    }
    return sqrt(sum / (double)count);
}

static void find_peak(struct bench_usl *usl)
{
    usl->n_peak = usl->kappa > 0 ? sqrt(fmax(0, 1 - usl->sigma) / usl->kappa) : INFINITY;
    if (usl->kappa > 0)
        usl->throughput_peak = bench_usl_throughput(usl, usl->n_peak);
    else
        usl->throughput_peak = usl->sigma > 0 ? usl->lambda / usl->sigma : INFINITY;
}

enum cc_error bench_usl_fit(const struct bench_usl_point *points, size_t count,
                            struct bench_usl *out)
{
    bool found = false;
    for (size_t i = 0; i < count; i++)
        if (!(points[i].n > 0 && points[i].throughput > 0))
            return CC_INVALID;
    for (unsigned set = 1; count >= POINTS_MIN && set < 1u << TERMS; set += 2) {
        double p[TERMS];
        if (!fit_terms(points, count, set, p))
            continue;
        struct bench_usl usl = {.lambda = 1 / p[0], .sigma = p[1] / p[0], .kappa = p[2] / p[0]};
        usl.error = error_of(&usl, points, count);
        if (!found || usl.error < out->error)
            *out = usl;
        found = true;
    }
    if (!found)
        return CC_NOT_FOUND;
    find_peak(out);
    return CC_OK;
}
