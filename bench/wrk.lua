-- What wrk has measured, as one line of JSON; times in microseconds.
done = function(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write
  io.write(string.format(
    '{"requests":%d,"us":%d,"p50us":%d,"p99us":%d,"failed":%d,"late":%d,"wrong":%d}\n',
    summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), failed, errors.timeout, errors.status))
end
