#include "bench/prices.h"

#include "base/config.h"

#define PRICE(field, text)                                                                         \
    {                                                                                              \
#field, CC_CONFIG_INTEGER, offsetof(struct bench_prices, field), true, NULL, 0,            \
            INT64_C(1000000000000), text                                                           \
    }

static const struct cc_config_key keys[] = {
    {"name", CC_CONFIG_TEXT, offsetof(struct bench_prices, name), true, NULL, 0, 0, "Of the list"},
    {"currency", CC_CONFIG_TEXT, offsetof(struct bench_prices, currency), true, NULL, 0, 0, "EUR"},
    PRICE(vcpu, "A virtual core, a month, in millionths"),
    PRICE(memory_gb, "A gigabyte of memory"),
    PRICE(disk_gb, "A gigabyte of replicated block storage"),
    PRICE(backup_gb, "A gigabyte of object storage"),
    PRICE(balancer, "A load balancer or floating address, in each zone"),
    PRICE(traffic_gb, "A gigabyte sent to carriers"),
    {"vcpus_least", CC_CONFIG_INTEGER, offsetof(struct bench_prices, vcpus_least), true, NULL, 1,
     1024, "Virtual cores of the smallest machine"},
    {"vcpus_most", CC_CONFIG_INTEGER, offsetof(struct bench_prices, vcpus_most), true, NULL, 1,
     1024, "Virtual cores of the largest machine"},
    {"memory_gb_least", CC_CONFIG_INTEGER, offsetof(struct bench_prices, memory_gb_least), true,
     NULL, 1, 1024, "Memory of the smallest machine"},
};
enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

enum cc_error bench_prices_read(struct cc_slice yaml, const char *file_name,
                                struct bench_prices *out, struct cc_buffer *errors)
{
    *out = (struct bench_prices){0};
    enum cc_error error =
        cc_config_load(yaml, file_name, "CALLCELL_PRICES", NULL, keys, KEYS, out, errors);
    if (!error && out->vcpus_most < out->vcpus_least) {
        cc_buffer_printf(errors, "%s: vcpus_most: is below vcpus_least\n", file_name);
        error = CC_INVALID;
    }
    return error;
}

void bench_prices_deinit(struct bench_prices *prices)
{
    cc_config_free(keys, KEYS, prices);
}
