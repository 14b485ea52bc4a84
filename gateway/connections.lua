-- Decides whether a new connection is accepted: the connections per address are limited. An IPv6 /64 is one address.
--
-- Envoy calls this once for each connection, in each worker thread, and does not report when a connection ends.
-- The kernel's table lists the open ones. It is read when an address has opened as many connections as its limit, but
-- at most once per second. Without the table, as on macOS, only the number of new connections per second is limited.
-- envoy.yaml sets MAX_CONNECTIONS, PORT and TRUSTED_HOPS.

local TABLES = { "/proc/net/tcp", "/proc/net/tcp6" }
local ENTRY = "^%s*%d+: %x+:(%x+) (%x+):%x+ (%x%x) "
-- ESTABLISHED and CLOSE_WAIT: the connections that this process still has.
local OPEN = { ["01"] = true, ["08"] = true }
local MAPPED_IPV4 = "^0000000000000000FFFF0000"
local MAX_ADDRESSES = 100000

local held, opened, addresses, read_at = {}, {}, 0, 0

local function numbers(text, base)
  local found = {}
  for number in text:gmatch("%x+") do
    found[#found + 1] = tonumber(number, base)
  end
  return found
end

local function expand(address)
  local head, tail = address:match("^(.-)::(.*)$")
  if not head then
    return numbers(address, 16)
  end
  local groups, rest = numbers(head, 16), numbers(tail, 16)
  for _ = 1, 8 - #groups - #rest do
    groups[#groups + 1] = 0
  end
  for _, group in ipairs(rest) do
    groups[#groups + 1] = group
  end
  return groups
end

-- The kernel writes every 32 bits as one number, with the first byte last.
local function to_word(a, b, c, d)
  return string.format("%02X%02X%02X%02X", d, c, b, a)
end

local function to_key(address)
  if not address:find(":", 1, true) then
    return to_word(unpack(numbers(address, 10)))
  end
  local g = expand(address)
  local function word(first, second)
    return to_word(math.floor(first / 256), first % 256, math.floor(second / 256), second % 256)
  end
  return word(g[1], g[2]) .. word(g[3], g[4])
end

local function from_kernel(remote)
  if remote:find(MAPPED_IPV4) then
    return remote:sub(25)
  end
  return remote:sub(1, 16)
end

local function count_open(name)
  local file = io.open(name)
  if not file then
    return
  end
  local ours = string.format("%04X", PORT)
  for line in file:lines() do
    local port, remote, state = line:match(ENTRY)
    if port == ours and OPEN[state] then
      local key = from_kernel(remote)
      held[key] = (held[key] or 0) + 1
    end
  end
  file:close()
end

local function read_tables()
  held, opened, addresses, read_at = {}, {}, 0, os.time()
  for _, name in ipairs(TABLES) do
    count_open(name)
  end
end

local function admit(address)
  local key = to_key(address)
  if (held[key] or 0) + (opened[key] or 0) >= MAX_CONNECTIONS then
    if os.time() == read_at then
      return false
    end
    read_tables()
    -- The new connection is in the table already.
    return (held[key] or 0) <= MAX_CONNECTIONS
  end
  if addresses >= MAX_ADDRESSES then
    read_tables()
  end
  addresses = addresses + (opened[key] and 0 or 1)
  opened[key] = (opened[key] or 0) + 1
  return true
end

function envoy_match(address)
  -- Behind a load balancer every connection comes from the balancer's address.
  if TRUSTED_HOPS > 0 then
    return true
  end
  -- A fault here must not close the gateway.
  local decided, admitted = pcall(admit, address)
  return not decided or admitted
end
