#include "base/route_map.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cc_publication publication = {
        .kind = CC_PUBLICATION_MAP, .country = "se", .epoch = 1, .payload = fuzz_input(data, size)};
    struct cc_route_map *map = NULL;
    struct cc_route_map *next = NULL;
    struct cc_json_reason reason = {""};
    enum cc_error error = cc_route_map_parse(&publication, &map, &reason);
    HOLDS((error == CC_OK) == (map != NULL));
    if (error) {
        HOLDS(reason.text[0] != '\0');
        return 0;
    }
    HOLDS(cc_route_map_cell(map, fuzz_input(data, size))->site_count > 0);
    publication.epoch = 3;
    HOLDS(cc_route_map_parse(&publication, &next, NULL) == CC_OK);
    HOLDS(cc_route_map_follows(map, next) == CC_OK);
    HOLDS(cc_route_map_follows(next, map) == CC_STALE);
    cc_route_map_free(next);
    cc_route_map_free(map);
    return 0;
}
