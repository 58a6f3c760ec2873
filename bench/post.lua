-- wrk script: a 1 KB MCP tools/call. TOKENS = file with one access token a line, absent for none; MODE = same | distinct;
-- URLPATH = path of the MCP endpoint; HOST = Host header. Prints one RESULT line of JSON.
local mode = os.getenv("MODE") or "same"
local path = os.getenv("URLPATH") or "/mcp"
local host = os.getenv("HOST")
local file = os.getenv("TOKENS")
local text = string.rep("a", 880)
local body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"' .. text .. '"}}}'
local requests, count, at = {}, 0, 0

local function format_request(token)
  local headers = {
    ["Host"] = host,
    ["Content-Type"] = "application/json",
    ["Accept"] = "application/json, text/event-stream",
    ["MCP-Protocol-Version"] = "2025-11-25",
  }
  if token then headers["Authorization"] = "Bearer " .. token end
  return wrk.format("POST", path, headers, body)
end

function init(args)
  if not file then
    requests[1], count = format_request(nil), 1
    return
  end
  for line in io.lines(file) do
    count = count + 1
    requests[count] = format_request(line)
    if mode == "same" and count == 16 then break end
  end
end

function request()
  at = at % count + 1
  return requests[at]
end

function done(summary, latency, _)
  local e = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"micros":%d,"p50":%d,"p99":%d,"not_2xx":%d,"broken":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), e.status,
    e.connect + e.read + e.write + e.timeout))
end
