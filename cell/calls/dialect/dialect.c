#include "cell/calls/dialect/dialect.h"

static const struct cell_dialect *const dialects[] = {&cell_dialect_native};

const struct cell_dialect *cell_dialect_find(struct cc_slice name)
{
    for (size_t i = 0; i < sizeof(dialects) / sizeof(dialects[0]); i++) {
        if (cc_slice_is(name, dialects[i]->name))
            return dialects[i];
    }
    return NULL;
}
