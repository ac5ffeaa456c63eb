#include "base/io/spool_frame.h"
#include "tests/fuzz/fuzz.h"

/* What is read as a frame is what would be written for its content. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cc_spool_frame frame;
    struct cc_slice rest = fuzz_input(data, size);
    while (cc_spool_frame_read(rest, 1024, &frame)) {
        uint8_t head[CC_SPOOL_FRAME_HEAD];
        cc_spool_frame_head(frame.payload, frame.appended_at_us, head);
        HOLDS(memcmp(head, rest.data, sizeof(head)) == 0);
        rest = cc_slice(rest.data + frame.bytes, rest.length - frame.bytes);
    }
    return 0;
}
