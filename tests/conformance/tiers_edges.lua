-- Operands at the edges of what compiled code does inline: library functions
-- on all kinds of values, loops with odd limits and steps, equality, division
-- and shifts. Functions get hot in between, so each case is met in several
-- tiers. Prints checksums; set FULL to see what they are made of.

local FULL = os.getenv("FULL")
local function emit(line)
  if FULL then print(line) end
  local h = #line
  for i = 1, #line do h = (h * 31 + line:byte(i)) % 4294967291 end
  print(h)
end
local floor,ceil,sqrt,abs,max,min,byte = math.floor,math.ceil,math.sqrt,math.abs,math.max,math.min,string.byte
local vals = {0,-0.0,1,-1,1.5,-1.5,2^53,2^62,2^63,-2^63,-2^63-2048,1e300,-1e300,1/0,-1/0,0/0,math.maxinteger,math.mininteger,"10","0x10","abc","",nil,true,{},3.999999999999}
local function show(ok, v) if ok then return math.type(v) and (math.type(v)..":"..string.format("%.17g", v)) or tostring(v):gsub("0x%x+","PTR") else return "err:"..tostring(v):gsub("0x%x+","PTR") end end
local function f1(x) local r = floor(x) return r end
local function f2(x) local r = ceil(x) return r end
local function f3(x) local r = sqrt(x) return r end
local function f4(x) local r = abs(x) return r end
local function f5(x,y) local r = max(x,y) return r end
local function f6(x,y) local r = min(x,y) return r end
local function f7(s,i) local r = s:byte(i) return r end
local function f8(s,i) local r = byte(s,i) return r end
local function tc(x) return tostring(x) end
local function tc2(...) return select('#', ...) end
local function fl(a,b,c) local n,s = 0,0 for i=a,b,c do n=n+1 s=s+i if n>20 then break end end return n+s end
for round=1,40 do
  for i=1,26 do
    local v=vals[i]
    local out={}
    for j,f in ipairs{f1,f2,f3,f4} do out[#out+1]=show(pcall(f,v)) end
    for k=1,26 do out[#out+1]=show(pcall(f5,v,vals[k])) out[#out+1]=show(pcall(f6,v,vals[k])) 
       out[#out+1]=show(pcall(f7,v,vals[k])) out[#out+1]=show(pcall(f8,v,vals[k]))
       for _, c in ipairs{1,-1,2,0.5,-0.25,0,3,math.mininteger,math.maxinteger} do out[#out+1]=show(pcall(fl,v,vals[k],c)) end
       out[#out+1]=show(pcall(rawequal,v,vals[k])) out[#out+1]= tostring(v==vals[k]) .. tostring(v~=vals[k])
    end
    out[#out+1]=show(pcall(tc,v)) out[#out+1]=show(pcall(tc2,v,v,nil))
    if round%13==1 then emit(i .. " " .. table.concat(out," ")) end
  end
end
-- equality
local mt={__eq=function(a,b) return a.x==b.x end}
local objs={setmetatable({x=1},mt),setmetatable({x=1},mt),{x=1},"abc","ab".."c",("x"):rep(100),("x"):rep(50)..("x"):rep(50),1,1.0,print,coroutine.create(print),f1}
local function eq(a,b) if a==b then return 1 else return 0 end end
local function ne(a,b) if a~=b then return 1 else return 0 end end
for r=1,30 do local s={} for i=1,#objs do for j=1,#objs do s[#s+1]=eq(objs[i],objs[j])..ne(objs[i],objs[j]) end end if r%9==1 then emit(table.concat(s)) end end
-- div mod
local nums={1,-1,7,-7,0,math.mininteger,math.maxinteger,3.5,-3.5,0.0,1/0,2^31,-2^31,2^32+5}
local ops={function(a,b) return a//b end,function(a,b) return a%b end,function(a,b) return a/b end,function(a,b) return a<<b end,function(a,b) return a>>b end,function(a,b) return a^b end, function(a) return a//7 end,function(a) return a%7 end,function(a) return a%-8 end,function(a) return a//8 end,function(a) return -a end,function(a) return ~a end, function(a,b) return a<b end, function(a,b) return a<=b end}
for r=1,30 do local s={} for _,op in ipairs(ops) do for _,a in ipairs(nums) do for _,b in ipairs(nums) do s[#s+1]=show(pcall(op,a,b)) end end end if r%9==1 then emit(table.concat(s," ")) end end
