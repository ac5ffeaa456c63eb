#include "bench/population.h"

#include <stdio.h>
#include <string.h>

#include "bench/random.h"

/* Beginnings under which the numbers stand: of a tenant (three digits) and of its own (five). */
static const struct prefix {
    const char *country, *mobile, *pbx;
} prefixes[BENCH_COUNTRIES_MAX] = {
    {"se", "+4676", "+4631"},  {"no", "+4794", "+4752"},  {"dk", "+4528", "+4538"},
    {"fi", "+35840", "+3589"}, {"de", "+49151", "+4930"}, {"gb", "+4475", "+4420"},
};

static const struct prefix *prefix_of(const char *country)
{
    for (size_t i = 0; i < BENCH_COUNTRIES_MAX; i++)
        if (strcmp(prefixes[i].country, country) == 0)
            return &prefixes[i];
    return NULL;
}

bool bench_population_knows(const char *country)
{
    return prefix_of(country) != NULL;
}

struct bench_number bench_population_number(const struct bench_population *population,
                                            size_t country, int64_t tenant, bool pbx, int64_t index)
{
    const char *code = population->countries[country];
    const struct prefix *prefix = prefix_of(code);
    struct bench_number number;
    snprintf(number.country, sizeof(number.country), "%s", code);
    snprintf(number.tenant, sizeof(number.tenant), "bench-%s-%03d", code, (int)tenant);
    snprintf(number.kind, sizeof(number.kind), "%s", pbx ? "pbx" : "mobile");
    snprintf(number.number, sizeof(number.number), "%s%03d%05d", pbx ? prefix->pbx : prefix->mobile,
             (int)tenant, (int)index);
    return number;
}

static bool happens(int64_t percent, uint64_t *random)
{
    return (int64_t)bench_random_below(random, 100) < percent;
}

struct bench_number bench_population_draw(const struct bench_population *population,
                                          uint64_t *random)
{
    size_t country = (size_t)bench_random_below(random, population->country_count);
    bool pbx = happens(population->pbx_percent, random);
    bool hot = happens(population->hot_percent, random);
    int64_t tenant = hot ? 0 : (int64_t)bench_random_below(random, (uint64_t)population->tenants);
    uint64_t count = (uint64_t)(pbx ? population->pbxs : population->mobiles);
    return bench_population_number(population, country, tenant, pbx,
                                   (int64_t)bench_random_below(random, count));
}
