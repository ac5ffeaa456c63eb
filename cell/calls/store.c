/* Rim: Redis and Postgres through fetch.h. */
#include "cell/calls/store.h"

#include <stdlib.h>

#include "base/log.h"
#include "cell/calls/last_known.h"
#include "cell/calls/plan_cache.h"

enum {
    LOADS_MAX = 4096,
    BACKGROUND_MAX = 64,
    FLOWS_MAX = 1024,
    CURRENT_US = 30 * 1000 * 1000,
    NEGATIVE_US = 5 * 1000 * 1000,
    SILENCE_US = 1000 * 1000,
    ATTEMPT_US = 1000 * 1000
};

struct cell_store {
    struct cell_worker *worker;
    struct cell_sources *sources;
    struct cell_plan_cache *plans;
    struct cell_flow_cache *flows;
    struct cell_last_known *last_known; /* NULL: nothing is kept on disk */
    struct cell_table loads;            /* by cell_shared_*_key */
    size_t background;                  /* loads that nobody waited for when they began */
    int64_t heard_us;                   /* the change stream */
    int64_t doubted_us;                 /* what was validated before may have changed unheard */
    bool ending;
};

/* A look-up under way. */
struct cell_load {
    struct cell_table_node node;
    struct cell_store *store;
    struct cell_fetch fetch;
    struct cell_wait *waits;
    bool background;
    int64_t minimum_version; /* what is older does not do, unless there is nothing else */
    bool have;               /* the fields below hold the best so far */
    struct cell_call_plan *plan;
    struct cell_held_flow *flow;
    struct cell_snapshot_item *item; /* of the plan, for the disk */
    struct cc_buffer flow_id;
    int64_t row_version;
    enum cell_source source;
    char key[CELL_SHARED_KEY_MAX];
    char tenant[CC_TENANT_MAX + 1];
    char name[CELL_SHARED_KEY_MAX];
};

static bool from_memory(struct cell_store *store, struct cell_wait *wait);
static struct cell_load *start_load(struct cell_store *store, const struct cell_wait *wait,
                                    bool background);
static bool on_value(struct cell_fetch *fetch, const struct cell_fetched *value);
static void on_end(struct cell_fetch *fetch);
static void on_wait_due(struct cc_deadline *deadline);

enum cc_error cell_store_create(struct cell_worker *worker, struct cell_store **out)
{
    struct cell_store *store = calloc(1, sizeof(*store));
    *out = NULL;
    if (!store)
        return CC_NO_MEMORY;
    store->worker = worker;
    enum cc_error error = cell_sources_create(worker, &store->sources);
    if (!error)
        error = cell_plan_cache_create((size_t)worker->settings->call_plans_max, &store->plans);
    if (!error)
        error = cell_flow_cache_create(FLOWS_MAX, &store->flows);
    if (!error)
        error = cell_table_init(&store->loads, LOADS_MAX);
    if (!error && worker->settings->plans_directory)
        error = cell_last_known_create(worker, store->plans, store->flows, &store->last_known);
    if (error) {
        cell_store_free(store);
        return error;
    }
    *out = store;
    return CC_OK;
}

void cell_store_free(struct cell_store *store)
{
    if (!store)
        return;
    store->ending = true;
    cell_sources_free(store->sources);
    cell_last_known_free(store->last_known);
    cell_plan_cache_free(store->plans);
    cell_flow_cache_free(store->flows);
    cell_table_deinit(&store->loads);
    free(store);
}

static void log_bad(struct cc_slice tenant, struct cc_slice name, const char *what,
                    const struct cc_json_reason *reason)
{
    CC_LOG(CC_LOG_ERROR, what, cc_log_slice("tenant", tenant), cc_log_slice("name", name),
           cc_log_text("reason", reason->text));
}

/* The plan of an entry from disk is parsed when it is first needed: 100,000 of them at start would
 * take a second. */
static void parse_from_disk(struct cell_store *store, struct cell_plan_entry *entry,
                            const struct cell_wait *wait)
{
    struct cell_zones zones = cell_zone_files_zones(store->worker->zones);
    struct cc_json_reason reason = {{0}};
    struct cell_snapshot_value value;
    struct cell_call_plan *plan = NULL;
    if (cell_snapshot_item_read(cc_slice(entry->item->bytes, entry->item->length), &value))
        return;
    if (cell_call_plan_parse(value.text, &zones, &plan, &reason))
        log_bad(wait->tenant, wait->name, "call_plan_unusable", &reason);
    else
        cell_plan_entry_parsed(store->plans, entry, plan);
}

/* When every source is asked in vain: what memory holds, though it is behind or from disk; else
 * nothing. A number once deleted stays so, unless it was made again since. */
static void fall_back(struct cell_store *store, struct cell_wait *wait, enum cell_source last)
{
    wait->error = CC_UNAVAILABLE;
    wait->source = last;
    struct cell_plan_entry *entry =
        wait->version ? NULL : cell_plan_cache_find(store->plans, wait->tenant, wait->name);
    if (!entry)
        return;
    int64_t began_us = cc_monotonic_us();
    if (entry->from_disk && !entry->gone && !entry->plan)
        parse_from_disk(store, entry, wait);
    bool gone = entry->gone && entry->row_version > 0 && !cell_plan_entry_is_behind(entry);
    if (!entry->plan && !gone)
        return;
    wait->error = gone ? CC_NOT_FOUND : CC_OK;
    wait->plan = gone ? NULL : cell_call_plan_ref(entry->plan);
    wait->row_version = entry->row_version;
    wait->source = entry->from_disk ? CELL_SOURCE_DISK : CELL_SOURCE_MEMORY;
    if (entry->from_disk)
        cc_telemetry_observe(&store->worker->telemetry, CELL_T_STEP_DISK,
                             cc_monotonic_us() - began_us);
}

bool cell_store_get(struct cell_store *store, struct cell_wait *wait)
{
    wait->_load = NULL;
    wait->plan = NULL;
    wait->flow = NULL;
    wait->row_version = 0;
    wait->source = CELL_SOURCE_MEMORY;
    if (from_memory(store, wait))
        return true;
    struct cell_load *load = start_load(store, wait, false);
    if (!load) {
        fall_back(store, wait, CELL_SOURCE_PRIMARY);
        return true;
    }
    cc_deadline_init(&wait->_deadline, store->worker->loop, on_wait_due);
    if (cc_deadline_set(&wait->_deadline, wait->deadline_us)) {
        fall_back(store, wait, load->fetch.last);
        return true;
    }
    wait->_load = load;
    wait->_next = load->waits;
    load->waits = wait;
    return false;
}

static bool flow_from_memory(struct cell_store *store, struct cell_wait *wait)
{
    char key[CELL_SHARED_KEY_MAX];
    struct cell_held_flow *held = cell_flow_cache_find(
        store->flows, cell_shared_flow_key(wait->tenant, wait->name, wait->version, key));
    if (!held)
        return false;
    wait->flow = cell_held_flow_ref(held);
    wait->error = CC_OK;
    return true;
}

/* Looks the entry up again behind the answer's back, when it is due. */
static void revalidate(struct cell_store *store, struct cell_plan_entry *entry,
                       const struct cell_wait *wait, int64_t now_us)
{
    bool due = now_us - entry->validated_us > CURRENT_US || now_us - store->heard_us > SILENCE_US ||
               entry->validated_us < store->doubted_us;
    if (!due || now_us - entry->attempted_us < ATTEMPT_US)
        return;
    if (store->background >= BACKGROUND_MAX) {
        cell_worker_count(store->worker, CELL_T_FULL_REVALIDATIONS, 1);
        return;
    }
    entry->attempted_us = now_us;
    if (start_load(store, wait, true))
        cell_worker_count(store->worker, CELL_T_REVALIDATIONS, 1);
}

static bool from_memory(struct cell_store *store, struct cell_wait *wait)
{
    if (wait->version)
        return flow_from_memory(store, wait);
    int64_t now_us = cc_loop_now_us(store->worker->loop);
    struct cell_plan_entry *entry = cell_plan_cache_find(store->plans, wait->tenant, wait->name);
    if (!entry || entry->from_disk || cell_plan_entry_is_behind(entry))
        return false;
    if (entry->gone && now_us - entry->validated_us > NEGATIVE_US)
        return false;
    wait->error = entry->plan ? CC_OK : CC_NOT_FOUND;
    wait->plan = entry->plan ? cell_call_plan_ref(entry->plan) : NULL;
    wait->row_version = entry->row_version;
    if (entry->plan)
        revalidate(store, entry, wait, now_us);
    return true;
}

static struct cell_load *make_load(struct cell_store *store, const struct cell_wait *wait,
                                   struct cc_slice key)
{
    if (store->loads.count >= LOADS_MAX)
        cell_worker_count(store->worker, CELL_T_FULL_LOADS, 1);
    if (store->loads.count >= LOADS_MAX || wait->tenant.length > CC_TENANT_MAX ||
        wait->name.length >= CELL_SHARED_KEY_MAX)
        return NULL;
    struct cell_load *load = calloc(1, sizeof(*load));
    if (!load)
        return NULL;
    load->store = store;
    memcpy(load->key, key.data, key.length);
    memcpy(load->tenant, wait->tenant.data, wait->tenant.length);
    memcpy(load->name, wait->name.data, wait->name.length);
    load->fetch = (struct cell_fetch){.tenant = cc_slice(load->tenant, wait->tenant.length),
                                      .name = cc_slice(load->name, wait->name.length),
                                      .version = wait->version,
                                      .on_value = on_value,
                                      .on_end = on_end};
    cc_buffer_init(&load->flow_id, 0);
    return load;
}

static void free_load(struct cell_load *load)
{
    cell_call_plan_unref(load->plan);
    cell_held_flow_unref(load->flow);
    cell_snapshot_item_unref(load->item);
    cc_buffer_deinit(&load->flow_id);
    free(load);
}

/* The look-up under way for the same thing, or a new one; NULL when none can be had. */
static struct cell_load *start_load(struct cell_store *store, const struct cell_wait *wait,
                                    bool background)
{
    char room[CELL_SHARED_KEY_MAX];
    struct cc_slice key = wait->version
                              ? cell_shared_flow_key(wait->tenant, wait->name, wait->version, room)
                              : cell_shared_plan_key(wait->tenant, wait->name, room);
    struct cell_table_node *node = store->ending ? NULL : cell_table_find(&store->loads, key);
    if (node)
        return (struct cell_load *)(void *)node;
    struct cell_load *load = store->ending ? NULL : make_load(store, wait, key);
    if (!load)
        return NULL;
    struct cell_plan_entry *entry =
        wait->version ? NULL : cell_plan_cache_find(store->plans, wait->tenant, wait->name);
    if (entry)
        load->minimum_version = entry->row_version > entry->minimum_version
                                    ? entry->row_version
                                    : entry->minimum_version;
    load->fetch.skip_redis = background;
    load->fetch.left_us =
        background ? CELL_FETCH_WHOLE_US : wait->deadline_us - cc_loop_now_us(store->worker->loop);
    if (!cell_fetch_start(store->sources, &load->fetch)) {
        free_load(load);
        return NULL;
    }
    load->background = background;
    store->background += background;
    cell_table_add(&store->loads, &load->node, cc_slice(load->key, key.length));
    return load;
}

/* What is learned, as bytes for the disk; NULL: not kept there. */
static struct cell_snapshot_item *make_item(const struct cell_load *load,
                                            const struct cell_fetched *value)
{
    bool flow = load->fetch.version != 0;
    bool gone = value->kind == CELL_SHARED_GONE;
    if (!load->store->last_known || (!flow && value->row_version == 0))
        return NULL;
    struct cell_snapshot_value known = {.kind = flow   ? CELL_SNAPSHOT_FLOW
                                                : gone ? CELL_SNAPSHOT_GONE
                                                       : CELL_SNAPSHOT_PLAN,
                                        .version = flow ? load->fetch.version : value->row_version,
                                        .tenant = load->fetch.tenant,
                                        .name = load->fetch.name,
                                        .flow_id = value->flow_id,
                                        .text = gone ? cc_slice(NULL, 0) : value->text};
    return cell_snapshot_item_create(&known);
}

static bool take_flow(struct cell_load *load, const struct cell_fetched *value)
{
    struct cell_zones zones = cell_zone_files_zones(load->store->worker->zones);
    struct cc_json_reason reason = {{0}};
    if (value->kind != CELL_SHARED_PLAN)
        return value->final;
    enum cc_error error = cell_held_flow_compile(value->text, &zones, &load->flow, &reason);
    if (error == CC_INVALID || error == CC_TOO_LARGE)
        log_bad(load->fetch.tenant, load->fetch.name, "flow_unusable", &reason);
    if (error)
        return false;
    load->flow->item = make_item(load, value);
    load->have = true;
    load->source = value->source;
    if (value->source != CELL_SOURCE_REDIS)
        cell_sources_share_flow(load->store->sources, load->fetch.tenant, load->fetch.name,
                                load->fetch.version, value->text);
    return true;
}

/* Keeps the value as the best so far; false when it is no good. */
static bool keep_plan(struct cell_load *load, const struct cell_fetched *value)
{
    struct cell_zones zones = cell_zone_files_zones(load->store->worker->zones);
    struct cc_json_reason reason = {{0}};
    struct cell_call_plan *plan = NULL;
    if (load->have && value->row_version < load->row_version)
        return true;
    if (value->kind == CELL_SHARED_PLAN &&
        cell_call_plan_parse(value->text, &zones, &plan, &reason)) {
        log_bad(load->fetch.tenant, load->fetch.name, "call_plan_unusable", &reason);
        return false;
    }
    cell_call_plan_unref(load->plan);
    cell_snapshot_item_unref(load->item);
    load->item = make_item(load, value);
    cc_buffer_clear(&load->flow_id);
    cc_buffer_append(&load->flow_id, value->flow_id);
    load->have = true;
    load->plan = plan;
    load->row_version = value->row_version;
    load->source = value->source;
    return true;
}

static bool take_plan(struct cell_load *load, const struct cell_fetched *value)
{
    if (value->kind == CELL_SHARED_MARKER) {
        if (load->minimum_version < value->row_version)
            load->minimum_version = value->row_version;
        return false;
    }
    if (!keep_plan(load, value))
        return false;
    bool current = load->row_version >= load->minimum_version || value->final;
    if (current && value->source != CELL_SOURCE_REDIS)
        cell_sources_share_plan(load->store->sources, load->fetch.tenant, load->fetch.name, value);
    return current;
}

static bool on_value(struct cell_fetch *fetch, const struct cell_fetched *value)
{
    struct cell_load *load = CC_CONTAINER_OF(fetch, struct cell_load, fetch);
    return fetch->version ? take_flow(load, value) : take_plan(load, value);
}

static void keep_in_memory(struct cell_load *load)
{
    struct cell_store *store = load->store;
    enum cc_error error;
    if (load->fetch.version) {
        error = cell_flow_cache_put(store->flows, load->node.key, load->flow);
    } else {
        struct cell_plan_news news = {.tenant = load->fetch.tenant,
                                      .number = load->fetch.name,
                                      .flow_id = cc_buffer_slice(&load->flow_id),
                                      .plan = load->plan,
                                      .item = load->item,
                                      .gone = !load->plan,
                                      .row_version = load->row_version,
                                      .minimum_version = load->minimum_version,
                                      .now_us = cc_loop_now_us(store->worker->loop)};
        /* What the primary says is current, whatever a marker that outlived its write says. */
        if (load->source == CELL_SOURCE_PRIMARY && news.minimum_version > news.row_version)
            news.minimum_version = news.row_version;
        error = cell_plan_cache_put(store->plans, &news);
    }
    if (error == CC_STALE)
        load->have = false; /* memory knows better */
    else if (error)
        CC_LOG(CC_LOG_ERROR, "cache_put_failed", cc_log_error_field(error));
}

static void answer(struct cell_load *load, struct cell_wait *wait)
{
    cc_deadline_clear(&wait->_deadline);
    wait->_load = NULL;
    if (load->have) {
        wait->error = load->plan || load->flow ? CC_OK : CC_NOT_FOUND;
        wait->plan = load->plan ? cell_call_plan_ref(load->plan) : NULL;
        wait->flow = load->flow ? cell_held_flow_ref(load->flow) : NULL;
        wait->row_version = load->row_version;
        wait->source = load->source;
    } else {
        fall_back(load->store, wait, load->fetch.last);
    }
    wait->on_loaded(wait);
}

static void on_end(struct cell_fetch *fetch)
{
    struct cell_load *load = CC_CONTAINER_OF(fetch, struct cell_load, fetch);
    struct cell_store *store = load->store;
    cell_table_remove(&store->loads, &load->node);
    store->background -= load->background;
    if (load->have && !store->ending)
        keep_in_memory(load);
    while (load->waits) {
        struct cell_wait *wait = load->waits;
        load->waits = wait->_next;
        answer(load, wait);
    }
    free_load(load);
}

static void on_wait_due(struct cc_deadline *deadline)
{
    struct cell_wait *wait = CC_CONTAINER_OF(deadline, struct cell_wait, _deadline);
    struct cell_load *load = wait->_load;
    struct cell_wait **at = &load->waits;
    while (*at != wait)
        at = &(*at)->_next;
    *at = wait->_next;
    wait->_load = NULL;
    fall_back(load->store, wait, load->fetch.last);
    wait->on_loaded(wait);
}

struct flow_change {
    struct cc_slice tenant;
    int64_t version;
};

/* Which flow a number under look-up uses is not known before it is there: all of the tenant must be
 * new enough or come from the primary. */
static void raise_load(struct cell_table_node *node, void *context)
{
    struct cell_load *load = (struct cell_load *)(void *)node;
    const struct flow_change *change = context;
    if (!load->fetch.version && cc_slice_equal(load->fetch.tenant, change->tenant) &&
        load->minimum_version < change->version)
        load->minimum_version = change->version;
}

void cell_store_changed(struct cell_store *store, struct cc_slice tenant, struct cc_slice number,
                        struct cc_slice flow_id, int64_t version)
{
    char key[CELL_SHARED_KEY_MAX];
    struct flow_change change = {tenant, version};
    if (flow_id.length > 0) {
        cell_plan_cache_raise_flow(store->plans, tenant, flow_id, version);
        cell_table_each(&store->loads, raise_load, &change);
        return;
    }
    cell_plan_cache_raise(store->plans, tenant, number, version);
    struct cell_table_node *node =
        cell_table_find(&store->loads, cell_shared_plan_key(tenant, number, key));
    if (node)
        raise_load(node, &change);
}

void cell_store_doubt(struct cell_store *store)
{
    store->doubted_us = cc_loop_now_us(store->worker->loop);
}

void cell_store_heard(struct cell_store *store, int64_t now_us)
{
    store->heard_us = now_us;
}

void cell_store_expose(const struct cell_store *store)
{
    cell_sources_expose(store->sources);
}

void cell_store_finish(struct cell_store *store)
{
    if (store->last_known)
        cell_last_known_finish(store->last_known);
}

struct cell_calls_state cell_store_state(const struct cell_store *store)
{
    return (struct cell_calls_state){
        .plans = cell_plan_cache_count(store->plans),
        .plan_bytes = cell_plan_cache_bytes(store->plans),
        .evicted = cell_plan_cache_evicted(store->plans),
        .plans_loaded = store->last_known ? cell_last_known_loaded(store->last_known) : 0,
        .sources_failed = cell_sources_have_failed(store->sources),
        .primary_up = cell_sources_primary_is_up(store->sources),
        .replica_up = cell_sources_replica_is_up(store->sources)};
}
