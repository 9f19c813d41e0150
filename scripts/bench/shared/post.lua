-- For wrk: the same request over and over.
function init(args)
  wrk.method = "POST"
  wrk.body = args[1]
  wrk.headers["Content-Type"] = "application/json"
end

function done(summary)
  local e = summary.errors
  local errors = e.connect + e.read + e.write + e.status + e.timeout
  local line = 'report {"requests": %d, "seconds": %f, "errors": %d}\n'
  io.write(string.format(line, summary.requests, summary.duration / 1e6, errors))
end
