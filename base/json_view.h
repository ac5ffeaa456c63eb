/*
 * A flat view of an ordinary JSON document, without a tree and without memory of its own: one pass
 * checks the bytes and notes where each value stands. Ordinary is what webhooks look like: an
 * object of at most CC_JSON_VIEW_MAX values, 8 levels deep, names without escapes, no "\u0000" and
 * no surrogates, integers of at most 18 digits, no exponents. All else is for base/json.h: what the
 * view takes jansson takes too, with the same values (tests/fuzz/fuzz_json_view.c).
 */
#ifndef CC_JSON_VIEW_H
#define CC_JSON_VIEW_H

#include <stdint.h>

#include "base/slice.h"

enum { CC_JSON_VIEW_MAX = 64, CC_JSON_VIEW_DEPTH = 8 };

enum cc_json_view_kind {
    CC_JSON_VIEW_NULL,
    CC_JSON_VIEW_BOOLEAN,
    CC_JSON_VIEW_INTEGER,
    CC_JSON_VIEW_REAL,
    CC_JSON_VIEW_TEXT,
    CC_JSON_VIEW_ESCAPED, /* a text with escapes, which the view does not undo */
    CC_JSON_VIEW_ARRAY,
    CC_JSON_VIEW_OBJECT
};

/* Slices are borrowed from the document. */
struct cc_json_view_value {
    struct cc_slice name; /* empty in an array */
    struct cc_slice text; /* of CC_JSON_VIEW_TEXT */
    int64_t integer;      /* of CC_JSON_VIEW_INTEGER */
    enum cc_json_view_kind kind;
    uint8_t first; /* index of an object's or array's first value; 0: it is empty */
    uint8_t next;  /* index of the next value in the same object or array; 0: none */
};

struct cc_json_view {
    struct cc_json_view_value values[CC_JSON_VIEW_MAX]; /* [0]: the document */
    size_t count;
};

/* False: not ordinary, or not JSON. The document outlives the view. */
bool cc_json_view_read(struct cc_slice document, struct cc_json_view *view);

/* The value of that name in an object, NULL when there is none or object is none (or NULL). */
const struct cc_json_view_value *cc_json_view_find(const struct cc_json_view *view,
                                                   const struct cc_json_view_value *object,
                                                   struct cc_slice name);

#endif
