-- An error in a function called from the main chunk.
local function get(t)
  return t.field.inner
end
print(get({ field = {} }))
get({})
