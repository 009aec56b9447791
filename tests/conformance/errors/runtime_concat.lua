local t = { name = "x" }
print("value: " .. t.name .. t.missing)
