/*
 * Whom a scenario calls: tenants of each country with their numbers, known by arithmetic, so that
 * what is imported before a run and what is called in it are the same without a file. A larger
 * population contains a smaller one. Pure.
 */
#ifndef BENCH_POPULATION_H
#define BENCH_POPULATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BENCH_COUNTRIES_MAX = 6,
    BENCH_TENANTS_MAX = 1000,
    BENCH_NUMBERS_MAX = 100000, /* of one kind of one tenant */
};

struct bench_number {
    char country[4];
    char number[32];
    char tenant[64];
    char kind[16];
};

struct bench_population {
    char countries[BENCH_COUNTRIES_MAX][4]; /* each known to bench_population_knows */
    size_t country_count;
    int64_t tenants; /* of each country */
    int64_t mobiles; /* of each tenant */
    int64_t pbxs;    /* of each tenant */
    /* Shares of the calls, in percent. */
    int64_t pbx_percent; /* to switchboards */
    int64_t hot_percent; /* to the first tenant; the rest, and all with 0, are spread evenly */
};

/* Whether numbers of this country can be made up. */
bool bench_population_knows(const char *country);

/* tenant below tenants, index below mobiles or pbxs. */
struct bench_number bench_population_number(const struct bench_population *population,
                                            size_t country, int64_t tenant, bool pbx,
                                            int64_t index);

/* Whom the next call is for; random is the generator's state. */
struct bench_number bench_population_draw(const struct bench_population *population,
                                          uint64_t *random);

#endif
