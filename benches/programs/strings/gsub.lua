-- Global substitution with string, table and function replacements.
-- Stresses: the pattern matcher driven by gsub, callbacks from the library, captures.

local ROUNDS = 8000

local template = ("Dear ${name}, your order #${id} of ${count} items "
  .. "(total: ${total} EUR) ships on ${date}.  Thank you & goodbye <${mail}>!\n"):rep(6)
local escapes = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }

local mix = 0
for round = 1, ROUNDS do
  local values = {
    name = "Customer" .. round,
    id = round * 17,
    count = round % 9,
    date = "2024-01-0" .. (round % 9 + 1),
    mail = "c" .. round .. "@example.org",
  }
  local filled = template:gsub("%${(%w+)}", values)
  local escaped, hits = filled:gsub("[&<>]", escapes)
  local digits = 0
  local doubled = escaped:gsub("%d+", function(d)
    digits = digits + #d
    return "<" .. d .. ">"
  end)
  local squeezed = doubled:gsub("%s+", " ")
  local swapped = squeezed:gsub("(%a+)(%s)(%a+)", "%3%2%1", 20)
  mix = (mix * 31 + #swapped + hits + digits + swapped:byte(round % #swapped + 1)) % 1000003
end

local got = string.format("%d", mix)
assert(got == "422167", "gsub: checksum is " .. got)
print("gsub " .. got)
