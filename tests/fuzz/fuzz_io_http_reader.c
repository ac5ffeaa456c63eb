/* A response is read the same whether it comes at once or byte by byte. */
#include "base/io/http_reader.h"
#include "tests/fuzz/fuzz.h"

enum { LIMIT = 64 * 1024 };

struct reading {
    enum cc_error error;
    bool complete;
    int status;
    size_t body_length;
    unsigned sum;
};

static struct reading read_in_steps(const uint8_t *data, size_t size, size_t step)
{
    struct http_reader reader = {0};
    struct reading reading = {CC_OK, false, 0, 0, 0};
    http_reader_start(&reader, false, LIMIT);
    for (size_t at = 0; at < size && reading.error == CC_OK && !reading.complete;) {
        char *room;
        size_t capacity;
        if (!http_reader_room(&reader, &room, &capacity))
            break;
        size_t count = size - at < step ? size - at : step;
        count = count < capacity ? count : capacity;
        memcpy(room, data + at, count);
        at += count;
        reading.error = http_reader_take(&reader, count, &reading.complete);
    }
    if (reading.complete) {
        const struct cc_http_response *response = http_reader_response(&reader);
        reading.status = response->status;
        reading.body_length = response->body.length;
        for (size_t i = 0; i < response->body.length; i++)
            reading.sum = reading.sum * 31 + (unsigned char)response->body.data[i];
    }
    http_reader_deinit(&reader);
    return reading;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > LIMIT / 2)
        return 0;
    struct reading whole = read_in_steps(data, size, size);
    struct reading split = read_in_steps(data, size, 1);
    HOLDS(whole.complete == split.complete);
    HOLDS(whole.status == split.status && whole.body_length == split.body_length);
    HOLDS(whole.sum == split.sum);
    return 0;
}
