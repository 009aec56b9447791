-- way: jit=full,backend=cranelift,threshold=1,hot=1,best=1,exits=16,queue=sync
-- modules
local P = P local old = P.old local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local body = ... P.drive(body, function() return 3, 5, 6, {5, 4, 3, 2, 1}, {0.5}, {x = 1, y = 2}, Class.new(1, 2), 'text', one, 3, 4 end, function() return 1, 2.5, 9, {1.5, 2.5}, {}, {x = 0.5, y = 1}, Other.new(2), 'x', two, 2 end, function() return -1, math.maxinteger, 0, {}, {}, {y = 1, x = 'a'}, Class.new(2, 'b'), '', id2, 5, nil, 7 end, '12121212')
-- code
strata 1
.proto 0
.params 10
.regs 30
.child 1
.child 2
.child 3
.child 4
.const 1
.const 2
.slot field
.slot field
.slot field
.slot field
.slot field
.slot field
.slot call
.slot call
.slot call
.slot site
.code
  loadnil r10 6
  loadi r11 5
  divk r14 r11 k1
  move r17 r14
  loadi r18 5
  loadi r19 1
  forprep r17 O0
  jmp L4
O0: defined 17
  loadnil r17 3
  close r22
  forprep r17 O1
  jmp L7
O1: defined 17
  loadnil r17 3
  mod r14 r2 r11
L4:  defined 21
  jeq r1 r15 L7
L5: loop defined 21
  addi r16 r16 -1
  jlei r16 0 L8
  loop L5
  closure r14 p1
L7:  defined 21
  move r22 r8
  move r24 r12
  move r25 r12
  newtable r21 0 0 s9
  call r22 2 * s8
  setlist r21 * 0
L8: defined 21
  return r1 3
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
.proto 3
.params 2
.regs 5
.code
  addi r2 r1 1
  move r3 r0
L4: defined 4
  return0
.end
.proto 4
.params 1
.regs 2
.code
  return1 r0
.end