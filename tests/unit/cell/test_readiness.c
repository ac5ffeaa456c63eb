#include "tests/unit/cell/fixture.h"

#include "cell/readiness.h"

static struct cell_readiness readiness;
static struct cell_readiness_facts facts;

static void set_up(void)
{
    readiness = (struct cell_readiness){.started_us = 1000};
    facts = (struct cell_readiness_facts){.now_us = 2000,
                                          .has_map = true,
                                          .has_keys = true,
                                          .has_zones = true,
                                          .answers_calls = true,
                                          .redis_up = true};
}

static bool is_ready(void)
{
    return cell_readiness_missing(&readiness, &facts) == NULL;
}

START_TEST(each_thing_it_cannot_do_without_is_named)
{
    bool *const needed[] = {&facts.has_map, &facts.has_keys, &facts.has_zones, &facts.redis_up};
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        set_up();
        *needed[i] = false;
        const char *missing = cell_readiness_missing(&readiness, &facts);
        ck_assert_ptr_nonnull(missing);
        ck_assert(!readiness.was_ready);
        *needed[i] = true;
        ck_assert(is_ready());
    }
}
END_TEST

START_TEST(any_store_will_do_and_the_disk_when_none_comes_in_time)
{
    bool *const stores[] = {&facts.redis_up, &facts.replica_up, &facts.primary_up};
    set_up();
    for (size_t i = 0; i < sizeof(stores) / sizeof(stores[0]); i++) {
        set_up();
        facts.redis_up = false;
        ck_assert(!is_ready());
        *stores[i] = true;
        ck_assert(is_ready());
    }
    set_up();
    facts.redis_up = false;
    facts.has_disk = true;
    ck_assert(!is_ready());
    facts.now_us = readiness.started_us + CELL_READY_STORES_US;
    ck_assert(is_ready());
    set_up();
    facts.redis_up = false;
    facts.stores_failed = true;
    ck_assert(!is_ready());
    facts.has_disk = true;
    ck_assert(is_ready());
}
END_TEST

START_TEST(once_ready_it_stays_so_when_stores_die)
{
    set_up();
    ck_assert(is_ready());
    facts.redis_up = false;
    ck_assert(is_ready());
    ck_assert_str_eq(cell_readiness_without(&facts), "[\"redis\",\"replica\",\"primary\"]");
    facts.replica_up = true;
    ck_assert_str_eq(cell_readiness_without(&facts), "[\"redis\",\"primary\"]");
    facts.stopping = true;
    ck_assert(!is_ready());
}
END_TEST

START_TEST(a_worker_that_answers_no_calls_needs_no_store_of_plans)
{
    set_up();
    facts.redis_up = false;
    facts.answers_calls = false;
    ck_assert(is_ready());
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        each_thing_it_cannot_do_without_is_named,
        any_store_will_do_and_the_disk_when_none_comes_in_time,
        once_ready_it_stays_so_when_stores_die,
        a_worker_that_answers_no_calls_needs_no_store_of_plans,
    };
    return fixture_run("readiness", tests, sizeof(tests) / sizeof(tests[0]));
}
