-- For wrk: what the arguments say, one after the other, over and over.
local requests = {}
local turn = 0

function init(args)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  for i, body in ipairs(args) do requests[i] = wrk.format(nil, nil, nil, body) end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary)
  local e = summary.errors
  local errors = e.connect + e.read + e.write + e.status + e.timeout
  local line = 'report {"requests": %d, "seconds": %f, "errors": %d}\n'
  io.write(string.format(line, summary.requests, summary.duration / 1e6, errors))
end
