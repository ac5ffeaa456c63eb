-- nginx-lua's decision about a mobile call: what bench/peers/README.md says all of them do.
local cjson = require "cjson.safe"
local redis = require "nginx.redis"

local decide = {}

local function fail(status)
    ngx.status = status
    ngx.say('{"status":' .. status .. '}')
end

local function plan_of(number, port)
    local client = redis:new()
    client:set_timeouts(30, 30, 30)
    if not client:connect("127.0.0.1", port) then return nil end
    local text = client:get("bench:" .. number)
    client:set_keepalive(60000, 64)
    if not text or text == ngx.null then return nil end
    return cjson.decode(text)
end

function decide.answer(port)
    ngx.req.read_body()
    local event = cjson.decode(ngx.req.get_body_data() or "")
    if not event or type(event.call) ~= "table" or type(event.call.to) ~= "table" then return fail(400) end
    local number = event.call.to.e164
    local plan = plan_of(number, port)
    if not plan then return fail(503) end
    local action
    if plan.barring == "all" or plan.barring == "incoming" then
        action = {reject = {sip_code = 603, q850 = 21, reason = "barred"}}
    else
        action = {connect = {targets = {{e164 = plan.forward_always or number}}, strategy = "simultaneous",
                             timeout_s = 30}}
    end
    ngx.print(cjson.encode({decision_id = ngx.md5(event.event_id), flow = cjson.null, state = cjson.null,
                            actions = {action}, on_timeout = cjson.empty_array}))
end

return decide
