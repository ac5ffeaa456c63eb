#include "base/json_view.h"

#include "base/utf8.h"

enum { INTEGER_DIGITS_MAX = 18, REAL_BYTES_MAX = 32 };

struct scan {
    const unsigned char *at;
    const unsigned char *end;
    struct cc_json_view *view;
};

static bool scan_value(struct scan *scan, size_t index, int depth);

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static void skip_space(struct scan *scan)
{
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\t' || *scan->at == '\r'))
        scan->at++;
}

/* Takes the byte if it is next. */
static bool take(struct scan *scan, unsigned char byte)
{
    if (scan->at == scan->end || *scan->at != byte)
        return false;
    scan->at++;
    return true;
}

static bool take_hex(struct scan *scan, unsigned *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++, scan->at++) {
        if (scan->at == scan->end)
            return false;
        unsigned char c = *scan->at;
        unsigned lower = c | 0x20u;
        if (is_digit(c))
            *out = *out << 4 | (c - (unsigned)'0');
        else if (lower >= 'a' && lower <= 'f')
            *out = *out << 4 | (lower - 'a' + 10);
        else
            return false;
    }
    return true;
}

/* Behind the backslash. Surrogates are not ordinary, and no store of ours takes NUL. */
static bool skip_escape(struct scan *scan)
{
    unsigned code = 0;
    if (scan->at == scan->end)
        return false;
    switch (*scan->at++) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return true;
    case 'u':
        return take_hex(scan, &code) && code != 0 && (code < 0xD800 || code > 0xDFFF);
    default:
        return false;
    }
}

/* Behind the opening quote. */
static bool scan_text(struct scan *scan, struct cc_slice *out, bool *escaped)
{
    const unsigned char *start = scan->at;
    *escaped = false;
    while (scan->at < scan->end) {
        unsigned char c = *scan->at;
        if (c == '"') {
            *out = cc_slice((const char *)start, (size_t)(scan->at - start));
            scan->at++;
            return true;
        }
        if (c == '\\') {
            scan->at++;
            *escaped = true;
            if (!skip_escape(scan))
                return false;
        } else if (c < 0x80) {
            if (c < 0x20)
                return false;
            scan->at++;
        } else {
            size_t length = cc_utf8_length(scan->at, (size_t)(scan->end - scan->at));
            if (length == 0)
                return false;
            scan->at += length;
        }
    }
    return false;
}

/* Two digits and more do not begin with 0. Without exponent no number this short overflows. */
static bool scan_number(struct scan *scan, struct cc_json_view_value *value)
{
    const unsigned char *start = scan->at;
    bool negative = take(scan, '-');
    const unsigned char *digits = scan->at;
    int64_t integer = 0;
    while (scan->at < scan->end && is_digit(*scan->at) && scan->at - digits < INTEGER_DIGITS_MAX)
        integer = integer * 10 + (*scan->at++ - '0');
    if (scan->at == digits || (*digits == '0' && scan->at - digits > 1))
        return false;
    value->kind = CC_JSON_VIEW_INTEGER;
    value->integer = negative ? -integer : integer;
    if (scan->at == scan->end || *scan->at != '.')
        return scan->at == scan->end ||
               (!is_digit(*scan->at) && *scan->at != 'e' && *scan->at != 'E');
    const unsigned char *fraction = ++scan->at;
    while (scan->at < scan->end && is_digit(*scan->at))
        scan->at++;
    value->kind = CC_JSON_VIEW_REAL;
    value->integer = 0;
    return scan->at > fraction && scan->at - start <= REAL_BYTES_MAX && scan->at < scan->end &&
           *scan->at != 'e' && *scan->at != 'E';
}

static bool scan_word(struct scan *scan, struct cc_slice word)
{
    if ((size_t)(scan->end - scan->at) < word.length ||
        memcmp(scan->at, word.data, word.length) != 0)
        return false;
    scan->at += word.length;
    return true;
}

static size_t add_value(struct scan *scan)
{
    struct cc_json_view *view = scan->view;
    if (view->count == CC_JSON_VIEW_MAX)
        return 0;
    view->values[view->count] = (struct cc_json_view_value){.kind = CC_JSON_VIEW_NULL};
    return view->count++;
}

static bool scan_name(struct scan *scan, const struct cc_json_view_value *object,
                      struct cc_slice *out)
{
    bool escaped = false;
    if (!take(scan, '"') || !scan_text(scan, out, &escaped) || escaped)
        return false;
    skip_space(scan);
    if (!take(scan, ':'))
        return false;
    skip_space(scan);
    return cc_json_view_find(scan->view, object, *out) == NULL;
}

/* Behind the opening bracket. The values that are there are linked before the next name is
 * compared with theirs. */
static bool scan_members(struct scan *scan, struct cc_json_view_value *parent, unsigned char close,
                         int depth)
{
    uint8_t *link = &parent->first;
    skip_space(scan);
    if (take(scan, close))
        return true;
    do {
        struct cc_slice name = {0};
        skip_space(scan);
        if (parent->kind == CC_JSON_VIEW_OBJECT && !scan_name(scan, parent, &name))
            return false;
        size_t index = add_value(scan);
        if (index == 0)
            return false;
        scan->view->values[index].name = name;
        if (!scan_value(scan, index, depth))
            return false;
        *link = (uint8_t)index;
        link = &scan->view->values[index].next;
        skip_space(scan);
    } while (take(scan, ','));
    return take(scan, close);
}

static bool scan_value(struct scan *scan, size_t index, int depth)
{
    struct cc_json_view_value *value = &scan->view->values[index];
    bool escaped = false;
    if (scan->at == scan->end)
        return false;
    switch (*scan->at) {
    case '"':
        scan->at++;
        if (!scan_text(scan, &value->text, &escaped))
            return false;
        value->kind = escaped ? CC_JSON_VIEW_ESCAPED : CC_JSON_VIEW_TEXT;
        return true;
    case '{':
        scan->at++;
        value->kind = CC_JSON_VIEW_OBJECT;
        return depth < CC_JSON_VIEW_DEPTH && scan_members(scan, value, '}', depth + 1);
    case '[':
        scan->at++;
        value->kind = CC_JSON_VIEW_ARRAY;
        return depth < CC_JSON_VIEW_DEPTH && scan_members(scan, value, ']', depth + 1);
    case 'n':
        return scan_word(scan, CC_SLICE_LITERAL("null"));
    case 't':
        value->kind = CC_JSON_VIEW_BOOLEAN;
        return scan_word(scan, CC_SLICE_LITERAL("true"));
    case 'f':
        value->kind = CC_JSON_VIEW_BOOLEAN;
        return scan_word(scan, CC_SLICE_LITERAL("false"));
    default:
        return scan_number(scan, value);
    }
}

bool cc_json_view_read(struct cc_slice document, struct cc_json_view *view)
{
    const unsigned char *bytes = (const unsigned char *)document.data;
    struct scan scan = {.at = bytes, .end = bytes + document.length, .view = view};
    view->count = 0;
    skip_space(&scan);
    if (document.length == 0 || scan.at == scan.end || *scan.at != '{')
        return false;
    (void)add_value(&scan);
    if (!scan_value(&scan, 0, 0))
        return false;
    skip_space(&scan);
    return scan.at == scan.end;
}

const struct cc_json_view_value *cc_json_view_find(const struct cc_json_view *view,
                                                   const struct cc_json_view_value *object,
                                                   struct cc_slice name)
{
    if (!object || object->kind != CC_JSON_VIEW_OBJECT)
        return NULL;
    for (size_t i = object->first; i != 0; i = view->values[i].next) {
        if (cc_slice_equal(view->values[i].name, name))
            return &view->values[i];
    }
    return NULL;
}
