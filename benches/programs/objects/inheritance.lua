-- A three-level class hierarchy with overridden methods and calls to the parent's version.
-- Stresses: method lookup through chains of __index tables, constructors, self fields.

local ROUNDS = 1900000

local function class(parent)
  local c = {}
  c.__index = c
  if parent then setmetatable(c, { __index = parent }) end
  return c
end

local Account = class()
function Account.new(cls, owner)
  return setmetatable({ owner = owner, balance = 0, moves = 0 }, cls)
end
function Account:deposit(x)
  self.balance = self.balance + x
  self.moves = self.moves + 1
end
function Account:withdraw(x)
  if x > self:limit() then return false end
  self.balance = self.balance - x
  self.moves = self.moves + 1
  return true
end
function Account:limit() return self.balance end
function Account:fee() return 0 end

local Savings = class(Account)
function Savings:fee() return 1 end
function Savings:accrue()
  self:deposit(self.balance % 7 + self:fee())
end

local Premium = class(Savings)
function Premium:limit() return Savings.limit(self) + 500 end
function Premium:fee() return Savings.fee(self) + 1 end

local accounts = {
  Account.new(Account, "a"), Savings.new(Savings, "b"), Premium.new(Premium, "c"),
}

local refused = 0
for i = 1, ROUNDS do
  local account = accounts[i % 3 + 1]
  account:deposit(i % 50)
  if not account:withdraw(i % 61) then refused = refused + 1 end
  if account.accrue then account:accrue() end
end

local parts = {}
for i = 1, #accounts do
  local a = accounts[i]
  parts[i] = string.format("%s:%d:%d", a.owner, a.balance, a.moves)
end
local got = table.concat(parts, " ") .. string.format(" %d", refused)
assert(got == "a:236:1203124 b:225:1883079 c:-188:1894201 86263", "inheritance: checksum is " .. got)
print("inheritance " .. got)
