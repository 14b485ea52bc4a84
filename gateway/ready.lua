-- Answers /ready with what every service says of itself.
--
-- An answer is kept for a second, and only so many requests a second may ask the services, so that
-- /ready cannot be used to multiply load. Both are counted in each worker thread.

local KEPT_MS = 1000
local MOST_ASKING = 10
-- What those answer that may not ask must not be older than this.
local STALE_MS = 5000
-- All services are asked within the budget; one that answers late leaves the others at least this long.
local BUDGET_MS = 2000
local LEAST_MS = 200
local LONGEST_BODY = 4096

local NOT_READY = '{"status":"not_ready"}'

local answer = { ready = false, body = NOT_READY, at = -STALE_MS }
local asking = { since = 0, count = 0 }

local function now(handle)
  return tonumber(handle:timestamp(EnvoyTimestampResolution.MILLISECOND))
end

local function may_ask(at)
  if at - asking.since >= KEPT_MS then
    asking = { since = at, count = 0 }
  end
  asking.count = asking.count + 1
  return asking.count <= MOST_ASKING
end

-- The service's own document, which is put into ours as it is, and whether it is ready.
local function ask(handle, service, timeout)
  local request = { [":method"] = "GET", [":path"] = "/ready", [":authority"] = service }
  local headers, body = handle:httpCall(service, request, nil, timeout)
  local is_document = headers["content-type"] == "application/json" and #body <= LONGEST_BODY
  if not is_document then
    return NOT_READY, false
  end
  return body, headers[":status"] == "200"
end

local function ask_all(handle, services, started)
  local documents, all_ready = {}, true
  for i, service in ipairs(services) do
    local left = BUDGET_MS - (now(handle) - started)
    local document, ready = ask(handle, service, math.max(left, LEAST_MS))
    documents[i] = string.format('"%s":%s', service, document)
    all_ready = all_ready and ready
  end
  local status = all_ready and "ready" or "not_ready"
  local body = string.format('{"status":"%s","services":{%s}}', status, table.concat(documents, ","))
  return { ready = all_ready, body = body, at = now(handle) }
end

function envoy_on_request(handle)
  local at = now(handle)
  if at - answer.at >= KEPT_MS and may_ask(at) then
    answer = ask_all(handle, handle:filterContext():get("services"), at)
  elseif at - answer.at >= STALE_MS then
    answer = { ready = false, body = NOT_READY, at = answer.at }
  end
  -- The mark keeps the gateway's own error documents from taking the place of this one.
  handle:streamInfo():dynamicMetadata():set("readiness", "answered", true)
  handle:respond(
    { [":status"] = answer.ready and "200" or "503", ["content-type"] = "application/json", ["cache-control"] = "no-store" },
    answer.body
  )
end
