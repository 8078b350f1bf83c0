-- Tables, closures, strings with patterns, objects, floating point.
local Account = {}
Account.__index = Account
function Account.new(b) return setmetatable({ balance = b }, Account) end
function Account:add(n) self.balance = self.balance + n; return self.balance end

local function sieve(n)
  local composite, count = {}, 0
  for i = 2, n do
    if not composite[i] then
      count = count + 1
      for k = i * i, n, i do composite[k] = true end
    end
  end
  return count
end

local function words(n)
  local parts, seed = {}, 1
  for i = 1, n do
    seed = (seed * 1103515245 + 12345) & 0x7fffffff
    parts[i] = string.format("w%x", seed % 1000)
  end
  local count, text = {}, table.concat(parts, " ")
  for w in text:gmatch("%w+") do count[w] = (count[w] or 0) + 1 end
  local keys = {}
  for w in pairs(count) do keys[#keys + 1] = w end
  table.sort(keys, function(a, b) return count[a] > count[b] or count[a] == count[b] and a < b end)
  return keys[1], count[keys[1]], #text:gsub("w", "ww")
end

local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end

local a, sum = Account.new(10), 0.0
for i = 1, 2000000 do a:add(i % 7) end
for i = 1, 2000000 do sum = sum + 1.0 / (i * i) end
print(sieve(1000000), a.balance, string.format("%.9f", sum), fib(28))
print(words(150000))
