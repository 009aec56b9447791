-- Validation code that signals failures by error and recovers with pcall.
-- Stresses: pcall on success and on failure, error values that are tables, nested protection.

local ROUNDS = 2500000

local function check(value)
  if value % 7 == 0 then error({ code = value % 5 }) end
  if value % 11 == 0 then error("odd value", 0) end
  return value * 2, value + 1
end

local function guarded(value)
  local ok, doubled, following = pcall(check, value)
  if ok then return doubled + following end
  if type(doubled) == "table" then return -doubled.code end
  return -#doubled
end

local function nested(value)
  return pcall(function()
    local ok, err = pcall(check, value)
    if not ok then error(err, 0) end
    return "fine"
  end)
end

local mix, failures = 0, 0
for i = 1, ROUNDS do
  local r = guarded(i)
  if r < 0 then failures = failures + 1 end
  mix = (mix * 3 + r) % 1000003
  if i % 4 == 0 then
    local ok, value = nested(i)
    mix = mix + (ok and #value or 1)
  end
end

local got = string.format("%d %d", mix, failures)
assert(got == "776493 480519", "protected: checksum is " .. got)
print("protected " .. got)
