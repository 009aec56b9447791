strata 1
.string "@closures.lua" ; $0
.string "_ENV" ; $1
.string "counter" ; $2
.string "n" ; $3
.string "v" ; $4
.string "next" ; $5
.string "set" ; $6
.string "print" ; $7
.string "list" ; $8
.string "(for state)" ; $9
.string "i" ; $10
.string "j" ; $11
.string "d" ; $12
.string "ipairs" ; $13
.string "_" ; $14
.string "f" ; $15
.string "integer index" ; $16
.string "nest" ; $17
.string "a" ; $18
.string "b" ; $19
.string "c" ; $20
.string "inner" ; $21
.string "k" ; $22
.string "captured" ; $23
.string "_G" ; $24

.proto 0 ; main
  .source "@closures.lua"
  .params 0
  .vararg
  .regs 15
  .captured r7 r8
  .upval r0 "_ENV" ; u0
  .child 1 ; p0
  .child 4 ; p1
  .child 5 ; p2
  .child 8 ; p3
  .child 9 ; p4
  .const "print" ; k0
  .const 10 ; k1
  .const "ipairs" ; k2
  .slot call ; s0
  .slot field ; s1
  .slot call ; s2
  .slot call ; s3
  .slot call ; s4
  .slot call ; s5
  .slot call ; s6
  .slot site ; s7
  .slot field ; s8
  .slot call ; s9
  .slot field ; s10
  .slot call ; s11
  .slot call ; s12
  .slot field ; s13
  .slot call ; s14
  .slot call ; s15
  .slot call ; s16
  .slot call ; s17
  .slot field ; s18
  .slot call ; s19
  .slot call ; s20
  .slot call ; s21
  .slot field ; s22
  .slot call ; s23
  .slot call ; s24
  .slot call ; s25
  .slot call ; s26
  .slot field ; s27
  .slot call ; s28
  .slot call ; s29
  .local "counter" r0 2 81
  .local "next" r1 4 81
  .local "set" r2 4 81
  .local "list" r3 16 81
  .local "(for state)" r4 19 26
  .local "(for state)" r5 19 26
  .local "(for state)" r6 19 26
  .local "i" r7 20 25
  .local "j" r8 21 24
  .local "(for state)" r4 29 38
  .local "(for state)" r5 29 38
  .local "(for state)" r6 29 38
  .local "(for state)" r7 29 38
  .local "_" r8 30 35
  .local "f" r9 30 35
  .local "nest" r4 44 81
  .local "inner" r5 49 81
  .local "k" r6 58 68
  .local "captured" r7 59 68
.code
;    1 | -- Captured locals: shared, per iteration, nested, assigned after creation.
  varargprep  0 @1:1                       ; 0
;    5 | end
  closure     r0 p0 @5:1                   ; 1 prototype 1
;    6 | local next, set = counter()
  move        r1 r0 @6:19                  ; 2
  call        r1 0 2 s0 @6:26 {r1 local "counter"} ; 3
;    7 | print(next(), next(), set(10), next())
  gettabup    r3 u0 k0 s1 @7:1             ; 4 "_ENV" "print"
  move        r5 r1 @7:7                   ; 5
  call        r5 0 1 s2 @7:11 {r5 local "next"} ; 6
  move        r6 r1 @7:15                  ; 7
  call        r6 0 1 s3 @7:19 {r6 local "next"} ; 8
  move        r7 r2 @7:23                  ; 9
  loadi       r9 10 @7:29                  ; 10
  call        r7 1 1 s4 @7:26 {r7 local "set"} ; 11
  move        r8 r1 @7:32                  ; 12
  call        r8 0 * s5 @7:36 {r8 local "next"} ; 13
  call        r3 * 0 s6 @7:6 {r3 global "print"} ; 14
;    8 | local list = {}
  newtable    r3 0 0 s7 @8:14              ; 15
;    9 | for i = 1, 3 do
  loadi       r4 1 @9:9                    ; 16
  loadi       r5 3 @9:12                   ; 17
  loadi       r6 1                         ; 18
  forprep     r4 L26 @9:14                 ; 19
;   10 |   local j = i * 10
L20: loop defined 8
  mulk        r8 r7 k1 @10:15 {r7 local "i"} ; 20 10
;   11 |   list[i] = function(d) j = j + d return i, j end
  closure     r9 p1 @11:47                 ; 21 prototype 4
  setindex    r3 r7 r9 @11:9 {r3 local "list"} ; 22
  close       r8 @11:47                    ; 23
  close       r7                           ; 24
;    9 | for i = 1, 3 do
  forloop     r4 L20 @9:1                  ; 25
;   13 | for _, f in ipairs(list) do print(f(1)) end
L26: defined 4
  gettabup    r4 u0 k2 s8 @13:13           ; 26 "_ENV" "ipairs"
  move        r6 r3 @13:24                 ; 27
  call        r4 1 4 s9 @13:19 {r4 global "ipairs"} ; 28
  tforprep    r4 L35 @13:26                ; 29
L30: loop defined 10 tbc r7
  gettabup    r10 u0 k0 s10 @13:29         ; 30 "_ENV" "print"
  move        r12 r9 @13:35                ; 31
  loadi       r14 1 @13:38                 ; 32
  call        r12 1 * s11 @13:36 {r12 local "f"} ; 33
  call        r10 * 0 s12 @13:34 {r10 global "print"} ; 34
L35: defined 8 tbc r7
  tforcall    r4 2 @13:13                  ; 35
  tforloop    r4 L30                       ; 36
  close       r4 @13:41                    ; 37
;   14 | print(list[2](5))
  gettabup    r4 u0 k0 s13 @14:1           ; 38 "_ENV" "print"
  getindexi   r6 r3 2 @14:13 {r3 local "list"} ; 39
  loadi       r8 5 @14:16                  ; 40
  call        r6 1 * s14 @14:14 {r6 field "integer index"} ; 41
  call        r4 * 0 s15 @14:6 {r4 global "print"} ; 42
;   19 | end
  closure     r4 p2 @19:1                  ; 43 prototype 5
;   20 | local inner = nest(1)(2)
  move        r5 r4 @20:15                 ; 44
  loadi       r7 1 @20:21                  ; 45
  call        r5 1 1 s16 @20:19 {r5 local "nest"} ; 46
  loadi       r7 2 @20:24                  ; 47
  call        r5 1 1 s17 @20:22            ; 48
;   21 | print(inner(3), inner(3))
  gettabup    r6 u0 k0 s18 @21:1           ; 49 "_ENV" "print"
  move        r8 r5 @21:7                  ; 50
  loadi       r10 3 @21:14                 ; 51
  call        r8 1 1 s19 @21:12 {r8 local "inner"} ; 52
  move        r9 r5 @21:17                 ; 53
  loadi       r11 3 @21:24                 ; 54
  call        r9 1 * s20 @21:22 {r9 local "inner"} ; 55
  call        r6 * 0 s21 @21:6 {r6 global "print"} ; 56
;   23 |   local k = 0
  loadi       r6 0 @23:13                  ; 57
;   25 |   local captured = k
L58: loop defined 7
  move        r7 r6 @25:20                 ; 58
;   26 |   list[#list + 1] = function() return captured end
  len         r8 r3 @26:8 {r3 local "list"} ; 59
  addi        r8 r8 1 @26:14               ; 60
  closure     r9 p3 @26:48                 ; 61 prototype 8
  setindex    r3 r8 r9 @26:17 {r3 local "list"} ; 62
;   27 |   k = k + 1
  addi        r6 r6 1 @27:9 {r6 local "k"} ; 63
;   28 |   if k < 3 then goto top end
  jnotlti     r6 3 L67 @28:8               ; 64
  close       r7 @28:22                    ; 65
  loop        L58                          ; 66
L67: defined 8
  close       r6 @28:26                    ; 67
;   30 | print(list[4](), list[5](), list[6]())
  gettabup    r6 u0 k0 s22 @30:1           ; 68 "_ENV" "print"
  getindexi   r8 r3 4 @30:13 {r3 local "list"} ; 69
  call        r8 0 1 s23 @30:14 {r8 field "integer index"} ; 70
  getindexi   r9 r3 5 @30:24 {r3 local "list"} ; 71
  call        r9 0 1 s24 @30:25 {r9 field "integer index"} ; 72
  getindexi   r10 r3 6 @30:35 {r3 local "list"} ; 73
  call        r10 0 * s25 @30:36 {r10 field "integer index"} ; 74
  call        r6 * 0 s26 @30:6 {r6 global "print"} ; 75
;   32 | print((function() return x, _ENV == _G end)())
  gettabup    r6 u0 k0 s27 @32:1           ; 76 "_ENV" "print"
  closure     r8 p4 @32:40                 ; 77 prototype 9
  call        r8 0 * s28 @32:44            ; 78
  call        r6 * 0 s29 @32:6 {r6 global "print"} ; 79
  returnclose r0 0 @32:46                  ; 80
.end

.proto 1
  .source "@closures.lua"
  .lines 2 5
  .params 0
  .regs 3
  .captured r0
  .child 2 ; p0
  .child 3 ; p1
  .local "n" r0 1 4
.code
;    3 |   local n = 0
  loadi       r0 0 @3:13                   ; 0
;    4 |   return function() n = n + 1 return n end, function(v) n = v end
  closure     r1 p0 @4:40                  ; 1 prototype 2
  closure     r2 p1 @4:63                  ; 2 prototype 3
  returnclose r1 2                         ; 3
.end

.proto 2
  .source "@closures.lua"
  .lines 4 4
  .params 0
  .regs 2
  .upval r0 "n" ; u0
.code
;    4 |   return function() n = n + 1 return n end, function(v) n = v end
  getupval    r0 u0 @4:25                  ; 0 "n"
  addi        r0 r0 1 @4:27 {r0 upvalue "n"} ; 1
  setupval    r0 u0 @4:21                  ; 2 "n"
  getupval    r0 u0 @4:38                  ; 3 "n"
  return1     r0                           ; 4
.end

.proto 3
  .source "@closures.lua"
  .lines 4 4
  .params 1
  .regs 2
  .upval r0 "n" ; u0
  .local "v" r0 0 2
.code
;    4 |   return function() n = n + 1 return n end, function(v) n = v end
  setupval    r0 u0 @4:57                  ; 0 "n"
  return0 @4:63                            ; 1
.end

.proto 4
  .source "@closures.lua"
  .lines 11 11
  .params 1
  .regs 3
  .upval r8 "j" ; u0
  .upval r7 "i" ; u1
  .local "d" r0 0 6
.code
;   11 |   list[i] = function(d) j = j + d return i, j end
  getupval    r1 u0 @11:29                 ; 0 "j"
  add         r1 r1 r0 @11:31 {r1 upvalue "j"} {r0 local "d"} ; 1
  setupval    r1 u0 @11:25                 ; 2 "j"
  getupval    r1 u1 @11:42                 ; 3 "i"
  getupval    r2 u0 @11:45                 ; 4 "j"
  return      r1 2                         ; 5
.end

.proto 5
  .source "@closures.lua"
  .lines 15 19
  .params 1
  .regs 2
  .captured r0
  .child 6 ; p0
  .local "a" r0 0 2
.code
;   18 |   end
  closure     r1 p0 @18:3                  ; 0 prototype 6
  returnclose r1 1                         ; 1
.end

.proto 6
  .source "@closures.lua"
  .lines 16 18
  .params 1
  .regs 2
  .captured r0
  .upval r0 "a" ; u0
  .child 7 ; p0
  .local "b" r0 0 2
.code
;   17 |     return function(c) a = a + 1 return a + b + c end
  closure     r1 p0 @17:51                 ; 0 prototype 7
  returnclose r1 1                         ; 1
.end

.proto 7
  .source "@closures.lua"
  .lines 17 17
  .params 1
  .regs 3
  .upval u0 "a" ; u0
  .upval r0 "b" ; u1
  .local "c" r0 0 8
.code
;   17 |     return function(c) a = a + 1 return a + b + c end
  getupval    r1 u0 @17:28                 ; 0 "a"
  addi        r1 r1 1 @17:30 {r1 upvalue "a"} ; 1
  setupval    r1 u0 @17:24                 ; 2 "a"
  getupval    r1 u0 @17:41                 ; 3 "a"
  getupval    r2 u1 @17:45                 ; 4 "b"
  add         r1 r1 r2 @17:43 {r1 upvalue "a"} {r2 upvalue "b"} ; 5
  add         r1 r1 r0 @17:47 {r0 local "c"} ; 6
  return1     r1 @17:49                    ; 7
.end

.proto 8
  .source "@closures.lua"
  .lines 26 26
  .params 0
  .regs 2
  .upval r7 "captured" ; u0
.code
;   26 |   list[#list + 1] = function() return captured end
  getupval    r0 u0 @26:39                 ; 0 "captured"
  return1     r0                           ; 1
.end

.proto 9
  .source "@closures.lua"
  .lines 32 32
  .params 0
  .regs 3
  .upval u0 "_ENV" ; u0
  .const "_G" ; k0
  .slot field ; s0
.code
;   32 | print((function() return x, _ENV == _G end)())
  loadi       r0 42 @32:26                 ; 0
  getupval    r1 u0 @32:29                 ; 1 "_ENV"
  gettabup    r2 u0 k0 s0 @32:37           ; 2 "_ENV" "_G"
  jeq         r1 r2 L6 @32:34              ; 3
  loadfalse   r1 @32:37                    ; 4
  jmp         L7                           ; 5
L6: defined 1
  loadtrue    r1                           ; 6
L7: defined 2
  return      r0 2                         ; 7
.end
