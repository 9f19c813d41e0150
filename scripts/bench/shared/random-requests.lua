-- For wrk: the same random walk over files or ranges for every server, made before the clock runs.
local WALK = 8192
local requests = {}
local at = 0

function init(args)
  local kind, count, bytes = args[1], tonumber(args[2]), tonumber(args[3])
  math.randomseed(1)
  for i = 1, WALK do
    local pick = math.random(0, count - 1)
    if kind == "files" then
      requests[i] = wrk.format("GET", wrk.path .. pick)
    else
      local first = pick * bytes
      local range = string.format("bytes=%d-%d", first, first + bytes - 1)
      requests[i] = wrk.format("GET", wrk.path, { ["Range"] = range, ["Host"] = wrk.headers["Host"] })
    end
  end
end

function request()
  at = at % WALK + 1
  return requests[at]
end

function done(summary)
  local e = summary.errors
  local errors = e.connect + e.read + e.write + e.status + e.timeout
  local line = 'report {"requests": %d, "seconds": %f, "errors": %d, "bytes": %.0f}\n'
  io.write(string.format(line, summary.requests, summary.duration / 1e6, errors, summary.bytes))
end
