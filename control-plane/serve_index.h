/*
 * What serve knows of the registry: the newest publication of each country and kind, and whose
 * token reads what. Pure; replaced as a whole.
 */
#ifndef CP_SERVE_INDEX_H
#define CP_SERVE_INDEX_H

#include "base/buffer.h"
#include "base/names.h"
#include "base/publication.h"

enum { CP_HOLDER_MAX = 63, CP_INDEX_FILES_MAX = 1024, CP_INDEX_TOKENS_MAX = 4096 };

struct cp_index_file {
    char country[CC_COUNTRY_LENGTH + 1];
    enum cc_publication_kind kind;
    int64_t epoch, version;
    char sha256[CC_SHA256_TEXT + 1];
};

struct cp_index_token {
    char holder[CP_HOLDER_MAX + 1];      /* "edges" or a cell */
    char country[CC_COUNTRY_LENGTH + 1]; /* empty: edges, every country */
    char sha256[CC_SHA256_TEXT + 1];
};

struct cp_index {
    int64_t version;
    struct cp_index_file *files;
    size_t file_count;
    struct cp_index_token *tokens;
    size_t token_count;
};

void cp_index_free(struct cp_index *index);

/* The holder of a bearer token (the whole authorization header), or NULL. Constant time in the
 * token. */
const struct cp_index_token *cp_index_authorise(const struct cp_index *index,
                                                struct cc_slice authorization);

/* Edges: map, numbers, carriers of every country. A cell: map and sealing of its own. */
bool cp_index_may_read(const struct cp_index_token *token, struct cc_slice country,
                       enum cc_publication_kind kind);

/* Whether this holder may report under this name: "edge-1" for edges, "se-1/worker-1" for cell
 * se-1. */
bool cp_index_may_report(const struct cp_index_token *token, struct cc_slice reporter);

/* Appends {"version":N,"publications":[...]} of what is newer than after; returns how many. after
 * above the index's version (the registry was restored) counts as 0. country empty: all. */
size_t cp_index_list(const struct cp_index *index, const struct cp_index_token *token,
                     int64_t after, struct cc_slice country, struct cc_buffer *out);

#endif
