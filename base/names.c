#include "base/names.h"

#include <strings.h>

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool all(struct cc_slice text, size_t from, bool (*fits)(char c))
{
    for (size_t i = from; i < text.length; i++) {
        if (!fits(text.data[i]))
            return false;
    }
    return true;
}

static bool is_tenant_byte(char c)
{
    return is_lower(c) || is_digit(c) || c == '-';
}

bool cc_name_is_tenant(struct cc_slice text)
{
    return text.length >= 2 && text.length <= CC_TENANT_MAX && is_lower(text.data[0]) &&
           all(text, 1, is_tenant_byte);
}

bool cc_name_is_country(struct cc_slice text)
{
    return text.length == CC_COUNTRY_LENGTH && all(text, 0, is_lower);
}

bool cc_name_is_cell(struct cc_slice text)
{
    size_t number_at = CC_COUNTRY_LENGTH + 1;
    return text.length > number_at && text.length <= CC_CELL_MAX && is_lower(text.data[0]) &&
           is_lower(text.data[1]) && text.data[2] == '-' && text.data[number_at] != '0' &&
           all(text, number_at, is_digit);
}

bool cc_name_is_e164(struct cc_slice text)
{
    return text.length >= 3 && text.length <= CC_E164_MAX && text.data[0] == '+' &&
           all(text, 1, is_digit);
}

static bool is_carrier_id_byte(char c)
{
    return c > ' ' && c <= '~' && c != '"' && c != '\\';
}

bool cc_name_is_carrier_id(struct cc_slice text)
{
    return text.length >= 1 && text.length <= CC_CARRIER_ID_MAX && all(text, 0, is_carrier_id_byte);
}

static bool is_dialled_byte(char c)
{
    return is_digit(c) || c == '+' || c == '*' || c == '#';
}

static bool is_service_byte(char c)
{
    return is_lower(c) || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-' || c == '.';
}

/* RFC 5031: the prefix is compared without regard to case. */
static bool is_service_urn(struct cc_slice text)
{
    struct cc_slice prefix = CC_SLICE_LITERAL("urn:service:");
    return text.length > prefix.length && strncasecmp(text.data, prefix.data, prefix.length) == 0 &&
           all(text, prefix.length, is_service_byte);
}

bool cc_name_is_dialled(struct cc_slice text)
{
    enum { DIALLED_MAX = 64 };
    return text.length >= 1 && text.length <= DIALLED_MAX &&
           (all(text, 0, is_dialled_byte) || is_service_urn(text));
}

static bool is_resource_byte(char c)
{
    return is_lower(c) || is_digit(c) || c == '_' || c == '-';
}

bool cc_name_is_resource(struct cc_slice text)
{
    enum { RESOURCE_MAX = 63 };
    return text.length >= 1 && text.length <= RESOURCE_MAX && is_lower(text.data[0]) &&
           all(text, 1, is_resource_byte);
}

static bool is_uuid_byte(char c, size_t at)
{
    bool is_hyphen = at == 8 || at == 13 || at == 18 || at == 23;
    return is_hyphen ? c == '-' : is_digit(c) || (c >= 'a' && c <= 'f');
}

bool cc_name_is_uuid(struct cc_slice text)
{
    bool fits = text.length == CC_UUID_TEXT;
    for (size_t i = 0; fits && i < text.length; i++)
        fits = is_uuid_byte(text.data[i], i);
    return fits;
}

void cc_uuid7(int64_t time_us, const uint8_t random[10], char *out)
{
    static const char hex[] = "0123456789abcdef";
    uint8_t bytes[16];
    uint64_t time_ms = (uint64_t)(time_us / 1000);
    for (size_t i = 0; i < 6; i++)
        bytes[i] = (uint8_t)(time_ms >> (40 - 8 * i));
    memcpy(bytes + 6, random, 10);
    bytes[6] = (uint8_t)(0x70 | (bytes[6] & 0x0F));
    bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3F));
    size_t at = 0;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            out[at++] = '-';
        out[at++] = hex[bytes[i] >> 4];
        out[at++] = hex[bytes[i] & 0x0F];
    }
    out[at] = '\0';
}
