-- Answers /ready with the readiness of every service's API, and /ready/workers with that of the workers.
--
-- An answer is cached for a second, and only a few requests per second may query the services, so that
-- /ready cannot multiply load. Both limits count in each worker thread.

local CACHE_MS = 1000
local MAX_QUERIES = 10
-- A request that may not query the services gets an answer of at most this age.
local MAX_AGE_MS = 5000
-- All services are queried within the budget; a slow one leaves each of the others at least MIN_TIMEOUT_MS.
local BUDGET_MS = 3000
local MIN_TIMEOUT_MS = 200
local MAX_BODY_BYTES = 4096

local NOT_READY = '{"status":"not_ready"}'

-- By kind: "services" or "workers".
local answers = {}
local queries = { since = 0, count = 0 }

local function now(handle)
  return tonumber(handle:timestamp(EnvoyTimestampResolution.MILLISECOND))
end

local function may_query(at)
  if at - queries.since >= CACHE_MS then
    queries = { since = at, count = 0 }
  end
  queries.count = queries.count + 1
  return queries.count <= MAX_QUERIES
end

-- Returns the document of a process, which becomes part of ours, and whether the process is ready.
local function query(handle, cluster, timeout)
  local request = { [":method"] = "GET", [":path"] = "/ready", [":authority"] = cluster }
  local headers, body = handle:httpCall(cluster, request, nil, timeout)
  local is_document = headers["content-type"] == "application/json" and #body <= MAX_BODY_BYTES
  if not is_document then
    return NOT_READY, false
  end
  return body, headers[":status"] == "200"
end

local function query_all(handle, kind, clusters, started)
  local documents, all_ready = {}, true
  for i, cluster in ipairs(clusters) do
    local left = BUDGET_MS - (now(handle) - started)
    local document, ready = query(handle, cluster, math.max(left, MIN_TIMEOUT_MS))
    documents[i] = string.format('"%s":%s', cluster, document)
    all_ready = all_ready and ready
  end
  local status = all_ready and "ready" or "not_ready"
  local body = string.format('{"status":"%s","%s":{%s}}', status, kind, table.concat(documents, ","))
  return { ready = all_ready, body = body, at = now(handle) }
end

function envoy_on_request(handle)
  local at, context = now(handle), handle:filterContext()
  local kind = context:get("kind")
  local answer = answers[kind] or { ready = false, body = NOT_READY, at = -MAX_AGE_MS }
  if at - answer.at >= CACHE_MS and may_query(at) then
    answer = query_all(handle, kind, context:get("clusters"), at)
    answers[kind] = answer
  elseif at - answer.at >= MAX_AGE_MS then
    answer = { ready = false, body = NOT_READY, at = answer.at }
  end
  -- This mark keeps envoy.yaml from replacing the answer with a problem document.
  handle:streamInfo():dynamicMetadata():set("readiness", "answered", true)
  handle:respond(
    { [":status"] = answer.ready and "200" or "503", ["content-type"] = "application/json", ["cache-control"] = "no-store" },
    answer.body
  )
end
