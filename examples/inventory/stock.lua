-- What is on the shelves.

local Stock = {}
Stock.__index = Stock

local stock = {}

function stock.new(amounts)
  local self = setmetatable({ amounts = {}, least = {}, moved = 0 }, Stock)
  for name, n in pairs(amounts) do
    self.amounts[name], self.least[name] = n, n
  end
  return self
end

function Stock:names()
  local names = {}
  for name in pairs(self.amounts) do names[#names + 1] = name end
  table.sort(names)
  return names
end

function Stock:put(name, n)
  self.amounts[name] = self.amounts[name] + n
  self.moved = self.moved + n
end

function Stock:take(name, n)
  local left = self.amounts[name] - n
  if left < 0 then error({ name = name, n = -left }) end
  self.amounts[name] = left
  self.moved = self.moved + n
  if left < self.least[name] then self.least[name] = left end
end

return stock
