-- way: jit=full,backend=cranelift,threshold=1,hot=1,best=1,exits=16,queue=sync
-- modules
local P = P local old = P.old local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local body = ... P.drive(body, function() return 3, 5, 6, {5, 4, 3, 2, 1}, {0.5}, {x = 1, y = 2}, Class.new(1, 2), 'text', one, 3, 4 end, function() return 0/0, -0.0, 2^53, {1, nil, 'x'}, {}, {}, {x = 1, len = one}, 'x', math.max, 1 end, function() return 3, 5, 6, {5, 4, 3, 2, 1}, {0.5}, {x = 1, y = 2}, Class.new(1, 2), 'text', one, 3, 4 end, '12121212')
-- code
strata 1
.proto 0
.params 10
.vararg
.regs 32
.child 1
.child 2
.const 1
.const 2
.const 7
.const -1
.const 63
.const 64
.code
  varargprep 10
  loadnil r10 9
  loadnil r20 3
  setindex r3 r0 r23
O0: defined 20
  loadnil r20 3
  getindexi r11 r3 2
L3: loop defined 24
  loadnil r20 3
L6:  defined 24
  subk r1 r10 k5
O1: defined 20
  loadnil r20 3
L7: defined 24
  return r14 3
.end
.proto 1
.params 1
.regs 3
.code
  addi r1 r0 1
  return1 r1
.end
.proto 2
.params 2
.regs 4
.code
  return r0 2
.end