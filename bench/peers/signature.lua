-- Standard Webhooks in HAProxy: v1,base64(HMAC-SHA256(secret, id.timestamp.body)), tolerance 300 s. The HMAC
-- is HAProxy's own converter (OpenSSL), not one written in Lua.
local TOLERANCE_S = 300

-- Without an early end: how long it takes tells nothing about where they differ.
local function equal(a, b)
    if #a ~= #b then return false end
    local difference = 0
    for i = 1, #a do difference = difference | (a:byte(i) ~ b:byte(i)) end
    return difference == 0
end

-- req_fhdr: the signature has a comma in it, at which req_hdr cuts.
core.register_action("check_signature", {"http-req"}, function(txn)
    local id = txn.sf:req_fhdr("webhook-id")
    local timestamp = txn.sf:req_fhdr("webhook-timestamp")
    local given = txn.sf:req_fhdr("webhook-signature")
    local sent = tonumber(timestamp)
    if id == "" or not sent or math.abs(os.time() - sent) > TOLERANCE_S then return end
    local text = id .. "." .. timestamp .. "." .. txn.sf:req_body()
    local signature = "v1," .. txn.c:base64(txn.c:hmac(text, "sha256", txn:get_var("txn.secret")))
    if equal(signature, given) then txn:set_var("txn.signed", true) end
end)
