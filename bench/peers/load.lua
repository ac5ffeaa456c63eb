-- wrk's part: sends the requests of a file in turn, counts what is not 2xx, prints one line of JSON.
-- File: per request its length in ten decimal digits, then its bytes as they go over the wire.
local requests, at = {}, 0

function init(arguments)
    local file = assert(io.open(arguments[1], "rb"))
    while true do
        local length = file:read(10)
        if not length then break end
        requests[#requests + 1] = file:read(tonumber(length))
    end
    file:close()
end

function request()
    at = at % #requests + 1
    return requests[at]
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format('\n{"requests":%d,"duration_us":%d,"not_2xx":%d,"lost":%d,"p50_us":%d,"p99_us":%d}\n',
                           summary.requests, summary.duration, errors.status,
                           errors.connect + errors.read + errors.write + errors.timeout,
                           latency:percentile(50), latency:percentile(99)))
end
