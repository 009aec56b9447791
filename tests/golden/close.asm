strata 1
.string "@close.lua" ; $0
.string "_ENV" ; $1
.string "resource" ; $2
.string "name" ; $3
.string "setmetatable" ; $4
.string "__close" ; $5
.string "_" ; $6
.string "e" ; $7
.string "print" ; $8
.string "close " ; $9
.string "tostring" ; $10
.string "gsub" ; $11
.string "^.-:%d+: " ; $12
.string "" ; $13
.string "a" ; $14
.string "b" ; $15
.string "body" ; $16
.string "early" ; $17
.string "n" ; $18
.string "c" ; $19
.string "returned" ; $20
.string "(for state)" ; $21
.string "i" ; $22
.string "d" ; $23
.string "error" ; $24
.string "failed" ; $25
.string "pcall" ; $26
.string "k" ; $27
.string "iterator" ; $28
.string "v" ; $29
.string "step" ; $30
.string "coroutine" ; $31
.string "wrap" ; $32
.string "f" ; $33
.string "yield" ; $34
.string "yielded" ; $35
.string "done" ; $36
.string "co" ; $37
.string "bad" ; $38

.proto 0 ; main
  .source "@close.lua"
  .params 0
  .vararg
  .regs 13
  .captured r0 r1
  .upval r0 "_ENV" ; u0
  .child 1 ; p0
  .child 3 ; p1
  .child 4 ; p2
  .child 5 ; p3
  .child 6 ; p4
  .const "a" ; k0
  .const "b" ; k1
  .const "print" ; k2
  .const "body" ; k3
  .const "pcall" ; k4
  .const "e" ; k5
  .const "iterator" ; k6
  .const "step" ; k7
  .const "coroutine" ; k8
  .const "wrap" ; k9
  .slot call ; s0
  .slot call ; s1
  .slot field ; s2
  .slot call ; s3
  .slot field ; s4
  .slot call ; s5
  .slot call ; s6
  .slot field ; s7
  .slot call ; s8
  .slot call ; s9
  .slot field ; s10
  .slot field ; s11
  .slot call ; s12
  .slot call ; s13
  .slot call ; s14
  .slot call ; s15
  .slot field ; s16
  .slot call ; s17
  .slot field ; s18
  .slot field ; s19
  .slot call ; s20
  .slot field ; s21
  .slot call ; s22
  .slot call ; s23
  .slot call ; s24
  .slot field ; s25
  .slot field ; s26
  .slot call ; s27
  .slot call ; s28
  .local "resource" r0 2 73
  .local "a" r1 5 14
  .local "b" r2 9 14
  .local "early" r1 15 73
  .local "k" r2 32 73
  .local "e" r3 37 43
  .local "(for state)" r3 49 57
  .local "(for state)" r4 49 57
  .local "(for state)" r5 49 57
  .local "(for state)" r6 49 57
  .local "i" r7 50 54
  .local "v" r8 50 54
  .local "co" r3 61 73
.code
;    1 | -- To-be-closed variables on every way out of a block.
  varargprep  0 @1:1                       ; 0
;    4 | end
  closure     r0 p0 @4:1                   ; 1 prototype 1
;    6 |   local a <close> = resource("a")
  move        r1 r0 @6:21                  ; 2
  loadk       r3 k0 @6:33                  ; 3 "a"
  call        r1 1 1 s0 @6:29 {r1 local "resource"} ; 4
  tbc         r1 @6:33                     ; 5
;    7 |   local b <close> = resource("b")
  move        r2 r0 @7:21                  ; 6
  loadk       r4 k1 @7:33                  ; 7 "b"
  call        r2 1 1 s1 @7:29 {r2 local "resource"} ; 8
  tbc         r2 @7:33                     ; 9
;    8 |   print("body")
  gettabup    r3 u0 k2 s2 @8:3             ; 10 "_ENV" "print"
  loadk       r5 k3 @8:15                  ; 11 "body"
  call        r3 1 0 s3 @8:8 {r3 global "print"} ; 12
  close       r1 @8:15                     ; 13
;   19 | end
  closure     r1 p1 @19:1                  ; 14 prototype 3
;   20 | print(early(1))
  gettabup    r2 u0 k2 s4 @20:1            ; 15 "_ENV" "print"
  move        r4 r1 @20:7                  ; 16
  loadi       r6 1 @20:14                  ; 17
  call        r4 1 * s5 @20:12 {r4 local "early"} ; 18
  call        r2 * 0 s6 @20:6 {r2 global "print"} ; 19
;   21 | print(early(2))
  gettabup    r2 u0 k2 s7 @21:1            ; 20 "_ENV" "print"
  move        r4 r1 @21:7                  ; 21
  loadi       r6 2 @21:14                  ; 22
  call        r4 1 * s8 @21:12 {r4 local "early"} ; 23
  call        r2 * 0 s9 @21:6 {r2 global "print"} ; 24
;   22 | print(pcall(early, 3))
  gettabup    r2 u0 k2 s10 @22:1           ; 25 "_ENV" "print"
  gettabup    r4 u0 k4 s11 @22:7           ; 26 "_ENV" "pcall"
  move        r6 r1 @22:13                 ; 27
  loadi       r7 3 @22:21                  ; 28
  call        r4 2 * s12 @22:12 {r4 global "pcall"} ; 29
  call        r2 * 0 s13 @22:6 {r2 global "print"} ; 30
;   23 | local k = 0
  loadi       r2 0 @23:11                  ; 31
;   26 |   local e <close> = resource("e" .. k)
L32: loop defined 3
  move        r3 r0 @26:21                 ; 32
  loadk       r5 k5 @26:34                 ; 33 "e"
  move        r6 r2 @26:37                 ; 34
  concat      r5 r5 r6 @26:34 {r5 constant "e"} {r6 local "k"} ; 35
  call        r3 1 1 s14 @26:29 {r3 local "resource"} ; 36
  tbc         r3 @26:38                    ; 37
;   27 |   k = k + 1
  addi        r2 r2 1 @27:9 {r2 local "k"} ; 38
;   28 |   if k < 3 then goto again end
  jnotlti     r2 3 L42 @28:8               ; 39
  close       r3 @28:22                    ; 40
  loop        L32                          ; 41
L42: defined 4 tbc r3
  close       r3 @28:28                    ; 42
;   30 | for i, v in function(_, i) if i < 2 then return i + 1 end end, nil, 0, resource("iterator") do print("step", i) end
  closure     r3 p2 @30:59                 ; 43 prototype 4
  loadnil     r4 0 @30:64                  ; 44
  loadi       r5 0 @30:69                  ; 45
  move        r6 r0 @30:72                 ; 46
  loadk       r8 k6 @30:91                 ; 47 "iterator"
  call        r6 1 1 s15 @30:80 {r6 local "resource"} ; 48
  tforprep    r3 L54 @30:93                ; 49
L50: loop defined 9 tbc r6
  gettabup    r9 u0 k2 s16 @30:96          ; 50 "_ENV" "print"
  loadk       r11 k7 @30:102               ; 51 "step"
  move        r12 r7 @30:111               ; 52
  call        r9 2 0 s17 @30:101 {r9 global "print"} ; 53
L54: defined 7 tbc r6
  tforcall    r3 2 @30:13                  ; 54
  tforloop    r3 L50                       ; 55
  close       r3 @30:113                   ; 56
;   31 | local co = coroutine.wrap(function()
  gettabup    r3 u0 k8 s18 @31:12          ; 57 "_ENV" "coroutine"
  getfield    r3 r3 k9 s19 @31:22 {r3 global "coroutine"} ; 58 "wrap"
;   35 | end)
  closure     r5 p3 @35:1                  ; 59 prototype 5
;   31 | local co = coroutine.wrap(function()
  call        r3 1 1 s20 @31:26 {r3 field "wrap"} ; 60
;   36 | print(co(), co())
  gettabup    r4 u0 k2 s21 @36:1           ; 61 "_ENV" "print"
  move        r6 r3 @36:7                  ; 62
  call        r6 0 1 s22 @36:9 {r6 local "co"} ; 63
  move        r7 r3 @36:13                 ; 64
  call        r7 0 * s23 @36:15 {r7 local "co"} ; 65
  call        r4 * 0 s24 @36:6 {r4 global "print"} ; 66
;   37 | print(pcall(function() local bad <close> = 42 end))
  gettabup    r4 u0 k2 s25 @37:1           ; 67 "_ENV" "print"
  gettabup    r6 u0 k4 s26 @37:7           ; 68 "_ENV" "pcall"
  closure     r8 p4 @37:47                 ; 69 prototype 6
  call        r6 1 * s27 @37:12 {r6 global "pcall"} ; 70
  call        r4 * 0 s28 @37:6 {r4 global "print"} ; 71
  returnclose r0 0 @37:51                  ; 72
.end

.proto 1
  .source "@close.lua"
  .lines 2 4
  .params 1
  .regs 6
  .captured r0
  .upval u0 "_ENV" ; u0
  .child 2 ; p0
  .const "setmetatable" ; k0
  .const "__close" ; k1
  .slot field ; s0
  .slot site ; s1
  .slot site ; s2
  .slot field ; s3
  .slot call ; s4
  .local "name" r0 0 6
.code
;    3 |   return setmetatable({}, { __close = function(_, e) print("close " .. name, e and tostring(e):gsub("^.-:%d+: ", "")) end })
  gettabup    r1 u0 k0 s0 @3:10            ; 0 "_ENV" "setmetatable"
  newtable    r3 0 0 s1 @3:23              ; 1
  newtable    r4 1 0 s2 @3:27              ; 2
  closure     r5 p0 @3:119                 ; 3 prototype 2
  setfield    r4 r5 k1 s3 @3:29            ; 4 "__close"
  tailcall    r1 2 s4 @3:22 {r1 global "setmetatable"} ; 5
.end

.proto 2
  .source "@close.lua"
  .lines 3 3
  .params 2
  .regs 10
  .upval u0 "_ENV" ; u0
  .upval r0 "name" ; u1
  .const "print" ; k0
  .const "close " ; k1
  .const "tostring" ; k2
  .const "gsub" ; k3
  .const "^.-:%d+: " ; k4
  .const "" ; k5
  .slot field ; s0
  .slot field ; s1
  .slot call ; s2
  .slot field ; s3
  .slot call ; s4
  .slot call ; s5
  .local "_" r0 0 15
  .local "e" r1 0 15
.code
;    3 |   return setmetatable({}, { __close = function(_, e) print("close " .. name, e and tostring(e):gsub("^.-:%d+: ", "")) end })
  gettabup    r2 u0 k0 s0 @3:54            ; 0 "_ENV" "print"
  loadnil     r3 0 @3:59                   ; 1
  loadk       r4 k1 @3:69                  ; 2 "close "
  getupval    r5 u1 @3:72                  ; 3 "name"
  concat      r4 r4 r5 @3:69 {r4 constant "close "} {r5 upvalue "name"} ; 4
  jfalseset   r5 r1 L13 @3:80              ; 5
  gettabup    r5 u0 k2 s1 @3:84            ; 6 "_ENV" "tostring"
  move        r7 r1 @3:94                  ; 7
  call        r5 1 1 s2 @3:92 {r5 global "tostring"} ; 8
  self        r5 r5 k3 s3 @3:96            ; 9 "gsub"
  loadk       r8 k4 @3:101                 ; 10 "^.-:%d+: "
  loadk       r9 k5 @3:116                 ; 11 ""
  call        r5 3 1 s4 @3:100 {r5 method "gsub"} ; 12
L13: defined 6
  call        r2 2 0 s5 @3:59 {r2 global "print"} ; 13
  return0 @3:119                           ; 14
.end

.proto 3
  .source "@close.lua"
  .lines 10 19
  .params 1
  .regs 10
  .upval r0 "resource" ; u0
  .upval u0 "_ENV" ; u1
  .upval r1 "early" ; u2
  .const "c" ; k0
  .const "returned" ; k1
  .const "d" ; k2
  .const "error" ; k3
  .const "failed" ; k4
  .const 1 ; k5
  .slot call ; s0
  .slot call ; s1
  .slot field ; s2
  .slot call ; s3
  .slot call ; s4
  .local "n" r0 0 33
  .local "c" r1 5 33
  .local "(for state)" r2 13 25
  .local "(for state)" r3 13 25
  .local "(for state)" r4 13 25
  .local "i" r5 14 24
  .local "d" r6 19 24
.code
;   11 |   local c <close> = resource("c" .. n)
  getupval    r1 u0 @11:21                 ; 0 "resource"
  loadk       r3 k0 @11:34                 ; 1 "c"
  move        r4 r0 @11:37                 ; 2
  concat      r3 r3 r4 @11:34 {r3 constant "c"} {r4 local "n"} ; 3
  call        r1 1 1 s0 @11:29 {r1 upvalue "resource"} ; 4
  tbc         r1 @11:38                    ; 5
;   12 |   if n == 1 then return "returned", n end
  jnei        r0 1 L10 @12:8               ; 6
  loadk       r2 k1 @12:25                 ; 7 "returned"
  move        r3 r0 @12:37                 ; 8
  returnclose r2 2                         ; 9
;   13 |   for i = 1, 3 do
L10: defined 2 tbc r1
  loadi       r2 1 @13:11                  ; 10
  loadi       r3 3 @13:14                  ; 11
  loadi       r4 1                         ; 12
  forprep     r2 L25 @13:16                ; 13
;   14 |     local d <close> = resource("d" .. i)
L14: loop defined 6 tbc r1
  getupval    r6 u0 @14:23                 ; 14 "resource"
  loadk       r8 k2 @14:36                 ; 15 "d"
  move        r9 r5 @14:39                 ; 16
  concat      r8 r8 r9 @14:36 {r8 constant "d"} {r9 local "i"} ; 17
  call        r6 1 1 s1 @14:31 {r6 upvalue "resource"} ; 18
  tbc         r6 @14:40                    ; 19
;   15 |     if i == 2 then break end
  jnei        r5 2 L23 @15:10              ; 20
  close       r2 @15:20                    ; 21
  jmp         L25                          ; 22
L23: defined 7 tbc r1 r6
  close       r6 @15:26                    ; 23
;   13 |   for i = 1, 3 do
  forloop     r2 L14 @13:3                 ; 24
;   17 |   if n == 3 then error("failed") end
L25: defined 2 tbc r1
  jnei        r0 3 L29 @17:8               ; 25
  gettabup    r2 u1 k3 s2 @17:18           ; 26 "_ENV" "error"
  loadk       r4 k4 @17:32                 ; 27 "failed"
  call        r2 1 0 s3 @17:23 {r2 global "error"} ; 28
;   18 |   return (early(n - 1))
L29: defined 2 tbc r1
  getupval    r2 u2 @18:11                 ; 29 "early"
  subk        r4 r0 k5 @18:19 {r0 local "n"} ; 30 1
  call        r2 1 1 s4 @18:16 {r2 upvalue "early"} ; 31
  returnclose r2 1 @18:23                  ; 32
.end

.proto 4
  .source "@close.lua"
  .lines 30 30
  .params 2
  .regs 3
  .local "_" r0 0 4
  .local "i" r1 0 4
.code
;   30 | for i, v in function(_, i) if i < 2 then return i + 1 end end, nil, 0, resource("iterator") do print("step", i) end
  jnotlti     r1 2 L3 @30:33               ; 0
  addi        r2 r1 1 @30:51 {r1 local "i"} ; 1
  return1     r2 @30:53                    ; 2
L3: defined 2
  return0 @30:59                           ; 3
.end

.proto 5
  .source "@close.lua"
  .lines 31 35
  .params 0
  .regs 4
  .upval r0 "resource" ; u0
  .upval u0 "_ENV" ; u1
  .const "f" ; k0
  .const "coroutine" ; k1
  .const "yield" ; k2
  .const "yielded" ; k3
  .const "done" ; k4
  .slot call ; s0
  .slot field ; s1
  .slot field ; s2
  .slot call ; s3
  .local "f" r0 3 10
.code
;   32 |   local f <close> = resource("f")
  getupval    r0 u0 @32:21                 ; 0 "resource"
  loadk       r2 k0 @32:33                 ; 1 "f"
  call        r0 1 1 s0 @32:29 {r0 upvalue "resource"} ; 2
  tbc         r0 @32:33                    ; 3
;   33 |   coroutine.yield("yielded")
  gettabup    r1 u1 k1 s1 @33:3            ; 4 "_ENV" "coroutine"
  getfield    r1 r1 k2 s2 @33:13 {r1 global "coroutine"} ; 5 "yield"
  loadk       r3 k3 @33:28                 ; 6 "yielded"
  call        r1 1 0 s3 @33:18 {r1 field "yield"} ; 7
;   34 |   return "done"
  loadk       r1 k4 @34:10                 ; 8 "done"
  returnclose r1 1                         ; 9
.end

.proto 6
  .source "@close.lua"
  .lines 37 37
  .params 0
  .regs 2
  .local "bad" r0 1 3
.code
;   37 | print(pcall(function() local bad <close> = 42 end))
  loadi       r0 42 @37:44                 ; 0
  tbc         r0                           ; 1
  returnclose r0 0 @37:47                  ; 2
.end
