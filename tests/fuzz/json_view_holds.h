/*
 * What the view says of a document, held against jansson. Aborts when they differ.
 */
#ifndef TESTS_FUZZ_JSON_VIEW_HOLDS_H
#define TESTS_FUZZ_JSON_VIEW_HOLDS_H

#include "base/json.h"
#include "base/json_view.h"
#include "tests/fuzz/fuzz.h"

static inline bool same_kind(enum cc_json_view_kind kind, const json_t *tree)
{
    switch (kind) {
    case CC_JSON_VIEW_NULL:
        return json_is_null(tree);
    case CC_JSON_VIEW_BOOLEAN:
        return json_is_boolean(tree);
    case CC_JSON_VIEW_INTEGER:
        return json_is_integer(tree);
    case CC_JSON_VIEW_REAL:
        return json_is_real(tree);
    case CC_JSON_VIEW_TEXT:
    case CC_JSON_VIEW_ESCAPED:
        return json_is_string(tree);
    case CC_JSON_VIEW_ARRAY:
        return json_is_array(tree);
    case CC_JSON_VIEW_OBJECT:
        return json_is_object(tree);
    }
    return false;
}

static inline void hold_value(const struct cc_json_view *view,
                              const struct cc_json_view_value *value, const json_t *tree)
{
    size_t count = 0;
    HOLDS(same_kind(value->kind, tree));
    if (value->kind == CC_JSON_VIEW_INTEGER)
        HOLDS(value->integer == json_integer_value(tree));
    if (value->kind == CC_JSON_VIEW_TEXT)
        HOLDS(cc_slice_equal(value->text,
                             cc_slice(json_string_value(tree), json_string_length(tree))));
    for (size_t i = value->first; i != 0; i = view->values[i].next, count++) {
        const struct cc_json_view_value *inner = &view->values[i];
        HOLDS(i < view->count);
        if (value->kind == CC_JSON_VIEW_ARRAY) {
            hold_value(view, inner, json_array_get(tree, count));
            continue;
        }
        HOLDS(cc_json_view_find(view, value, inner->name) == inner);
        hold_value(view, inner, json_object_getn(tree, inner->name.data, inner->name.length));
    }
    HOLDS(count == (json_is_array(tree) ? json_array_size(tree) : json_object_size(tree)));
}

/* Whether the view takes the document; if so jansson does too, and finds the same in it. */
static inline bool view_holds(struct cc_slice document)
{
    struct cc_json_view view;
    json_t *tree = NULL;
    if (!cc_json_view_read(document, &view))
        return false;
    HOLDS(cc_json_parse(document, document.length, &tree, NULL) == CC_OK);
    hold_value(&view, &view.values[0], tree);
    json_decref(tree);
    return true;
}

#endif
