strata 1
.string "@functions.lua" ; $0
.string "_ENV" ; $1
.string "pack2" ; $2
.string "a" ; $3
.string "b" ; $4
.string "select" ; $5
.string "#" ; $6
.string "print" ; $7
.string "fact" ; $8
.string "n" ; $9
.string "count" ; $10
.string "acc" ; $11
.string "value" ; $12
.string "object" ; $13
.string "get" ; $14
.string "self" ; $15
.string "scale" ; $16
.string "make" ; $17
.string "v" ; $18
.string "setmetatable" ; $19
.string "__index" ; $20
.string "__call" ; $21
.string "x" ; $22
.string "string" ; $23
.string "format" ; $24
.string "%s %s" ; $25
.string "pcall" ; $26
.string "t" ; $27
.string "table" ; $28
.string "unpack" ; $29

.proto 0 ; main
  .source "@functions.lua"
  .params 0
  .vararg
  .regs 16
  .captured r1 r2 r3
  .upval r0 "_ENV" ; u0
  .child 1 ; p0
  .child 2 ; p1
  .child 3 ; p2
  .child 4 ; p3
  .child 5 ; p4
  .const "print" ; k0
  .const "value" ; k1
  .const "get" ; k2
  .const "make" ; k3
  .const "string" ; k4
  .const "format" ; k5
  .const "%s %s" ; k6
  .const "pcall" ; k7
  .const "x" ; k8
  .const "table" ; k9
  .const "unpack" ; k10
  .const "select" ; k11
  .slot field ; s0
  .slot call ; s1
  .slot call ; s2
  .slot field ; s3
  .slot call ; s4
  .slot call ; s5
  .slot field ; s6
  .slot call ; s7
  .slot call ; s8
  .slot call ; s9
  .slot field ; s10
  .slot call ; s11
  .slot call ; s12
  .slot call ; s13
  .slot site ; s14
  .slot field ; s15
  .slot field ; s16
  .slot field ; s17
  .slot field ; s18
  .slot field ; s19
  .slot call ; s20
  .slot field ; s21
  .slot call ; s22
  .slot field ; s23
  .slot call ; s24
  .slot field ; s25
  .slot call ; s26
  .slot field ; s27
  .slot call ; s28
  .slot call ; s29
  .slot call ; s30
  .slot field ; s31
  .slot field ; s32
  .slot field ; s33
  .slot field ; s34
  .slot call ; s35
  .slot call ; s36
  .slot call ; s37
  .slot site ; s38
  .slot call ; s39
  .slot call ; s40
  .slot field ; s41
  .slot field ; s42
  .slot field ; s43
  .slot call ; s44
  .slot call ; s45
  .slot field ; s46
  .slot field ; s47
  .slot field ; s48
  .slot field ; s49
  .slot site ; s50
  .slot call ; s51
  .slot call ; s52
  .slot call ; s53
  .local "pack2" r0 2 101
  .local "fact" r1 23 101
  .local "count" r2 24 101
  .local "object" r3 36 101
  .local "t" r4 78 101
.code
;    1 | -- Parameters, varargs, multiple results, recursion, tail calls, methods.
  varargprep  0 @1:1                       ; 0
;    5 | end
  closure     r0 p0 @5:1                   ; 1 prototype 1
;    6 | print(pack2())
  gettabup    r1 u0 k0 s0 @6:1             ; 2 "_ENV" "print"
  move        r3 r0 @6:7                   ; 3
  call        r3 0 * s1 @6:12 {r3 local "pack2"} ; 4
  call        r1 * 0 s2 @6:6 {r1 global "print"} ; 5
;    7 | print((pack2(1, nil, 3)))
  gettabup    r1 u0 k0 s3 @7:1             ; 6 "_ENV" "print"
  move        r3 r0 @7:8                   ; 7
  loadi       r5 1 @7:14                   ; 8
  loadnil     r6 0 @7:17                   ; 9
  loadi       r7 3 @7:23                   ; 10
  call        r3 3 1 s4 @7:13 {r3 local "pack2"} ; 11
  call        r1 1 0 s5 @7:6 {r1 global "print"} ; 12
;    8 | print(pack2(1, 2), pack2(3))
  gettabup    r1 u0 k0 s6 @8:1             ; 13 "_ENV" "print"
  move        r3 r0 @8:7                   ; 14
  loadi       r5 1 @8:13                   ; 15
  loadi       r6 2 @8:17                   ; 16
  call        r3 2 1 s7 @8:12 {r3 local "pack2"} ; 17
  move        r4 r0 @8:20                  ; 18
  loadi       r6 3 @8:27                   ; 19
  call        r4 1 * s8 @8:25 {r4 local "pack2"} ; 20
  call        r1 * 0 s9 @8:6 {r1 global "print"} ; 21
;    9 | local function fact(n) if n < 2 then return 1 end return n * fact(n - 1) end
  closure     r1 p1 @9:74                  ; 22 prototype 2
;   10 | local function count(n, acc) if n == 0 then return acc end return count(n - 1, acc + 1) end
  closure     r2 p2 @10:89                 ; 23 prototype 3
;   11 | print(fact(12), count(200, 0))
  gettabup    r3 u0 k0 s10 @11:1           ; 24 "_ENV" "print"
  move        r5 r1 @11:7                  ; 25
  loadi       r7 12 @11:14                 ; 26
  call        r5 1 1 s11 @11:11 {r5 local "fact"} ; 27
  move        r6 r2 @11:17                 ; 28
  loadi       r8 200 @11:23                ; 29
  loadi       r9 0 @11:29                  ; 30
  call        r6 2 * s12 @11:22 {r6 local "count"} ; 31
  call        r3 * 0 s13 @11:6 {r3 global "print"} ; 32
;   12 | local object = { value = 3 }
  newtable    r3 1 0 s14 @12:16            ; 33
  loadi       r4 3 @12:26                  ; 34
  setfield    r3 r4 k1 s15 @12:18          ; 35 "value"
;   13 | function object:get(scale) return self.value * (scale or 1) end
  closure     r4 p3 @13:61                 ; 36 prototype 4
  setfield    r3 r4 k2 s16 @13:17 {r3 local "object"} ; 37 "get"
;   14 | function object.make(v) return setmetatable({ value = v }, { __index = object, __call = function(self, x) return self.value + x end }) end
  closure     r4 p4 @14:136                ; 38 prototype 5
  setfield    r3 r4 k3 s17 @14:17 {r3 local "object"} ; 39 "make"
;   15 | print(object:get(), object:get(4), object.make(5):get(2), object.make(6)(7))
  gettabup    r4 u0 k0 s18 @15:1           ; 40 "_ENV" "print"
  self        r6 r3 k2 s19 @15:14 {r3 local "object"} ; 41 "get"
  call        r6 1 1 s20 @15:17 {r6 method "get"} ; 42
  self        r7 r3 k2 s21 @15:28 {r3 local "object"} ; 43 "get"
  loadi       r10 4 @15:33                 ; 44
  call        r7 2 1 s22 @15:31 {r7 method "get"} ; 45
  getfield    r8 r3 k3 s23 @15:43 {r3 local "object"} ; 46 "make"
  loadi       r10 5 @15:49                 ; 47
  call        r8 1 1 s24 @15:47 {r8 field "make"} ; 48
  self        r8 r8 k2 s25 @15:51          ; 49 "get"
  loadi       r11 2 @15:56                 ; 50
  call        r8 2 1 s26 @15:54 {r8 method "get"} ; 51
  getfield    r9 r3 k3 s27 @15:66 {r3 local "object"} ; 52 "make"
  loadi       r11 6 @15:72                 ; 53
  call        r9 1 1 s28 @15:70 {r9 field "make"} ; 54
  loadi       r11 7 @15:75                 ; 55
  call        r9 1 * s29 @15:73            ; 56
  call        r4 * 0 s30 @15:6 {r4 global "print"} ; 57
;   16 | print(string.format("%s %s", pcall(pack2, "x")))
  gettabup    r4 u0 k0 s31 @16:1           ; 58 "_ENV" "print"
  gettabup    r6 u0 k4 s32 @16:7           ; 59 "_ENV" "string"
  getfield    r6 r6 k5 s33 @16:14 {r6 global "string"} ; 60 "format"
  loadk       r8 k6 @16:21                 ; 61 "%s %s"
  gettabup    r9 u0 k7 s34 @16:30          ; 62 "_ENV" "pcall"
  move        r11 r0 @16:36                ; 63
  loadk       r12 k8 @16:46                ; 64 "x"
  call        r9 2 * s35 @16:35 {r9 global "pcall"} ; 65
  call        r6 * * s36 @16:20 {r6 field "format"} ; 66
  call        r4 * 0 s37 @16:6 {r4 global "print"} ; 67
;   17 | local t = { pack2(1, 2), pack2(3, 4) }
  newtable    r4 0 1 s38 @17:11            ; 68
  move        r5 r0 @17:13                 ; 69
  loadi       r7 1 @17:19                  ; 70
  loadi       r8 2 @17:23                  ; 71
  call        r5 2 1 s39 @17:18 {r5 local "pack2"} ; 72
  move        r6 r0 @17:26                 ; 73
  loadi       r8 3 @17:32                  ; 74
  loadi       r9 4 @17:36                  ; 75
  call        r6 2 * s40 @17:31 {r6 local "pack2"} ; 76
  setlist     r4 * 0 @17:38                ; 77
;   18 | print(#t, table.unpack(t, 2, 5))
  gettabup    r5 u0 k0 s41 @18:1           ; 78 "_ENV" "print"
  len         r7 r4 @18:7 {r4 local "t"}   ; 79
  gettabup    r8 u0 k9 s42 @18:11          ; 80 "_ENV" "table"
  getfield    r8 r8 k10 s43 @18:17 {r8 global "table"} ; 81 "unpack"
  move        r10 r4 @18:24                ; 82
  loadi       r11 2 @18:27                 ; 83
  loadi       r12 5 @18:31                 ; 84
  call        r8 3 * s44 @18:23 {r8 field "unpack"} ; 85
  call        r5 * 0 s45 @18:6 {r5 global "print"} ; 86
;   19 | print(select(-1, table.unpack({ 1, 2, 3 })))
  gettabup    r5 u0 k0 s46 @19:1           ; 87 "_ENV" "print"
  gettabup    r7 u0 k11 s47 @19:7          ; 88 "_ENV" "select"
  loadi       r9 -1 @19:15                 ; 89
  gettabup    r10 u0 k9 s48 @19:18         ; 90 "_ENV" "table"
  getfield    r10 r10 k10 s49 @19:24 {r10 global "table"} ; 91 "unpack"
  newtable    r12 0 3 s50 @19:31           ; 92
  loadi       r13 1 @19:33                 ; 93
  loadi       r14 2 @19:36                 ; 94
  loadi       r15 3 @19:39                 ; 95
  setlist     r12 3 0 @19:41               ; 96
  call        r10 1 * s51 @19:30 {r10 field "unpack"} ; 97
  call        r7 * * s52 @19:13 {r7 global "select"} ; 98
  call        r5 * 0 s53 @19:6 {r5 global "print"} ; 99
  returnclose r0 0 @19:44                  ; 100
.end

.proto 1
  .source "@functions.lua"
  .lines 2 5
  .params 0
  .vararg
  .regs 6
  .upval u0 "_ENV" ; u0
  .const "select" ; k0
  .const "#" ; k1
  .slot field ; s0
  .slot call ; s1
  .local "a" r0 2 10
  .local "b" r1 2 10
.code
;    2 | local function pack2(...)
  varargprep  0 @2:1                       ; 0
;    3 |   local a, b = ...
  vararg      r0 2 @3:16                   ; 1
;    4 |   return select("#", ...), a, b, ...
  gettabup    r2 u0 k0 s0 @4:10            ; 2 "_ENV" "select"
  loadk       r4 k1 @4:17                  ; 3 "#"
  vararg      r5 * @4:22                   ; 4
  call        r2 * 1 s1 @4:16 {r2 global "select"} ; 5
  move        r3 r0 @4:28                  ; 6
  move        r4 r1 @4:31                  ; 7
  vararg      r5 * @4:34                   ; 8
  return      r2 *                         ; 9
.end

.proto 2
  .source "@functions.lua"
  .lines 9 9
  .params 1
  .regs 4
  .upval r1 "fact" ; u0
  .const 1 ; k0
  .slot call ; s0
  .local "n" r0 0 8
.code
;    9 | local function fact(n) if n < 2 then return 1 end return n * fact(n - 1) end
  jnotlti     r0 2 L3 @9:29                ; 0
  loadi       r1 1 @9:45                   ; 1
  return1     r1                           ; 2
L3: defined 1
  getupval    r1 u0 @9:62                  ; 3 "fact"
  subk        r3 r0 k0 @9:69 {r0 local "n"} ; 4 1
  call        r1 1 1 s0 @9:66 {r1 upvalue "fact"} ; 5
  mul         r1 r0 r1 @9:60 {r0 local "n"} ; 6
  return1     r1 @9:72                     ; 7
.end

.proto 3
  .source "@functions.lua"
  .lines 10 10
  .params 2
  .regs 6
  .upval r2 "count" ; u0
  .const 1 ; k0
  .slot call ; s0
  .local "n" r0 0 6
  .local "acc" r1 0 6
.code
;   10 | local function count(n, acc) if n == 0 then return acc end return count(n - 1, acc + 1) end
  jnei        r0 0 L2 @10:35               ; 0
  return1     r1 @10:52                    ; 1
L2: defined 2
  getupval    r2 u0 @10:67                 ; 2 "count"
  subk        r4 r0 k0 @10:75 {r0 local "n"} ; 3 1
  addi        r5 r1 1 @10:84 {r1 local "acc"} ; 4
  tailcall    r2 2 s0 @10:72 {r2 upvalue "count"} ; 5
.end

.proto 4
  .source "@functions.lua"
  .lines 13 13
  .params 2
  .regs 4
  .const "value" ; k0
  .slot field ; s0
  .local "self" r0 0 5
  .local "scale" r1 0 5
.code
;   13 | function object:get(scale) return self.value * (scale or 1) end
  getfield    r2 r0 k0 s0 @13:40 {r0 local "self"} ; 0 "value"
  jtrueset    r3 r1 L3 @13:55              ; 1
  loadi       r3 1 @13:58                  ; 2
L3: defined 4
  mul         r2 r2 r3 @13:46 {r2 field "value"} ; 3
  return1     r2 @13:59                    ; 4
.end

.proto 5
  .source "@functions.lua"
  .lines 14 14
  .params 1
  .regs 6
  .upval u0 "_ENV" ; u0
  .upval r3 "object" ; u1
  .child 6 ; p0
  .const "setmetatable" ; k0
  .const "value" ; k1
  .const "__index" ; k2
  .const "__call" ; k3
  .slot field ; s0
  .slot site ; s1
  .slot field ; s2
  .slot site ; s3
  .slot field ; s4
  .slot field ; s5
  .slot call ; s6
  .local "v" r0 0 9
.code
;   14 | function object.make(v) return setmetatable({ value = v }, { __index = object, __call = function(self, x) return self.value + x end }) end
  gettabup    r1 u0 k0 s0 @14:32           ; 0 "_ENV" "setmetatable"
  newtable    r3 1 0 s1 @14:45             ; 1
  setfield    r3 r0 k1 s2 @14:47           ; 2 "value"
  newtable    r4 2 0 s3 @14:60             ; 3
  getupval    r5 u1 @14:72                 ; 4 "object"
  setfield    r4 r5 k2 s4 @14:62           ; 5 "__index"
  closure     r5 p0 @14:129                ; 6 prototype 6
  setfield    r4 r5 k3 s5 @14:80           ; 7 "__call"
  tailcall    r1 2 s6 @14:44 {r1 global "setmetatable"} ; 8
.end

.proto 6
  .source "@functions.lua"
  .lines 14 14
  .params 2
  .regs 3
  .const "value" ; k0
  .slot field ; s0
  .local "self" r0 0 3
  .local "x" r1 0 3
.code
;   14 | function object.make(v) return setmetatable({ value = v }, { __index = object, __call = function(self, x) return self.value + x end }) end
  getfield    r2 r0 k0 s0 @14:119 {r0 local "self"} ; 0 "value"
  add         r2 r2 r1 @14:125 {r2 field "value"} {r1 local "x"} ; 1
  return1     r2 @14:127                   ; 2
.end
