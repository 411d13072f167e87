-- What wrk sends to the gateway, and a line of figures at its end:
--
--     wrk … --script gateway.lua URL -- DEPTH BATCH
--
-- so many requests at once, each one call by its path or, where BATCH is not 0, so many as a batch of JSON-RPC.
local text

local function batch_of(size)
    local calls = {}
    for i = 1, size do
        calls[i] = '{"jsonrpc":"2.0","method":"EchoUtil.CountString","params":["this is test"],"id":' .. i .. '}'
    end
    return "[" .. table.concat(calls, ",") .. "]"
end

function init(arguments)
    local depth, batch = tonumber(arguments[1]), tonumber(arguments[2])
    local path, body = "/call/EchoUtil.CountString", '["this is test"]'
    if batch > 0 then
        path, body = "/rpc", batch_of(batch)
    end
    text = string.rep(wrk.format("POST", path, {["Content-Type"] = "application/json", Host = "localhost"}, body), depth)
end

function request()
    return text
end

function done(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format(
        '{"requests":%d,"seconds":%f,"p50_us":%f,"p99_us":%f,"errors":%d}\n', summary.requests, summary.duration / 1e6,
        latency:percentile(50), latency:percentile(99),
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
