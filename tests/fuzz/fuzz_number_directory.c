#include "base/number_directory.h"
#include "tests/fuzz/fuzz.h"

/* Each line of an accepted payload is found, and writing the entries again gives the payload. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cc_slice payload = fuzz_input(data, size);
    const struct cc_publication publication = {
        .kind = CC_PUBLICATION_NUMBERS, .epoch = 1, .payload = payload};
    struct cc_number_directory *directory = NULL;
    struct cc_buffer again;
    struct cc_json_reason reason = {""};
    if (cc_number_directory_parse(&publication, &directory, &reason)) {
        HOLDS(reason.text[0] != '\0');
        return 0;
    }
    cc_buffer_init(&again, 0);
    size_t at = 0;
    while (at < size) {
        const char *tab = memchr(payload.data + at, '\t', size - at);
        struct cc_number_entry entry;
        HOLDS(tab);
        struct cc_slice number = cc_slice(payload.data + at, (size_t)(tab - payload.data) - at);
        HOLDS(cc_number_directory_find(directory, number, &entry) == CC_OK);
        cc_number_directory_append(&again, &entry);
        at = again.length;
    }
    HOLDS(cc_slice_equal(cc_buffer_slice(&again), payload));
    cc_buffer_deinit(&again);
    cc_number_directory_free(directory);
    return 0;
}
