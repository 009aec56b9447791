-- What each program has of its own: classes and functions that are small enough
-- to be inlined. The chunk is called for them, and is interpreted.
local show = P.show
local Class = { name = "Class" }
Class.__index = Class
function Class.new(x, y) return setmetatable({ x = x, y = y }, Class) end
function Class:len() return self.x * 2 end
function Class:tag() return self.y end
function Class:set(x) self.x = x return self end
function Class:add(d) return Class.new(self.x + d, self.y) end
Class.__add = function(c, d) return Class.new(c.x + d.x, c.y) end
local Other = setmetatable({ name = "Other" }, { __index = Class })
Other.__index = Other
function Other.new(x) local o = setmetatable({ y = x }, Other) o.x = 1 return o end
function Other:len() return Class.len(self) + self.y end
Class.__close = function(c, e) c.closed = (c.closed or 0) + 1 end
Other.__close = function(c, e) c.y = type(e) end
local function one(x) return x end
local function two(x, y) return y, x end
local function id2(...) return ... end
local function print2(x, y) if x then return show(x, y) end return y end
local Closer = setmetatable({}, { __close = function(_, e) show("closed", type(e)) end })
return Class, Other, one, two, id2, print2, Closer
