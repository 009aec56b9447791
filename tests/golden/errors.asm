strata 1
.string "@errors.lua" ; $0
.string "_ENV" ; $1
.string "t" ; $2
.string "try" ; $3
.string "f" ; $4
.string "print" ; $5
.string "select" ; $6
.string "pcall" ; $7
.string "x" ; $8
.string "y" ; $9
.string "undefinedfunction" ; $10
.string "method" ; $11
.string "a" ; $12
.string "error" ; $13
.string "level 2" ; $14
.string "setmetatable" ; $15
.string "__tostring" ; $16
.string "custom" ; $17
.string "string" ; $18
.string "rep" ; $19
.string "xpcall" ; $20
.string "deep" ; $21
.string "m" ; $22
.string "handled " ; $23
.string "again" ; $24
.string "#" ; $25
.string "inner" ; $26
.string "ok" ; $27
.string "e" ; $28
.string "outer " ; $29
.string "recurse" ; $30
.string "n" ; $31
.string "bottom" ; $32
.string "load" ; $33
.string "x = = 1" ; $34
.string "return 1 +" ; $35
.string "=chunk" ; $36
.string "return ..." ; $37
.string "=c" ; $38
.string "assert" ; $39
.string "msg" ; $40

.proto 0 ; main
  .source "@errors.lua"
  .params 0
  .vararg
  .regs 13
  .captured r0 r2
  .upval r0 "_ENV" ; u0
  .child 1 ; p0
  .child 2 ; p1
  .child 3 ; p2
  .child 4 ; p3
  .child 5 ; p4
  .child 6 ; p5
  .child 7 ; p6
  .child 8 ; p7
  .child 9 ; p8
  .child 10 ; p9
  .child 11 ; p10
  .child 12 ; p11
  .child 13 ; p12
  .child 15 ; p13
  .child 16 ; p14
  .child 17 ; p15
  .child 18 ; p16
  .child 19 ; p17
  .child 20 ; p18
  .const "string" ; k0
  .const "rep" ; k1
  .const "setmetatable" ; k2
  .const "print" ; k3
  .const "xpcall" ; k4
  .const "pcall" ; k5
  .const "error" ; k6
  .const "select" ; k7
  .const "#" ; k8
  .const "pcall" ; k9
  .const "load" ; k10
  .const "x = = 1" ; k11
  .const "return 1 +" ; k12
  .const "=chunk" ; k13
  .const "return ..." ; k14
  .const "=c" ; k15
  .const "assert" ; k16
  .const "msg" ; k17
  .slot site ; s0
  .slot call ; s1
  .slot call ; s2
  .slot call ; s3
  .slot call ; s4
  .slot call ; s5
  .slot call ; s6
  .slot call ; s7
  .slot call ; s8
  .slot call ; s9
  .slot call ; s10
  .slot call ; s11
  .slot call ; s12
  .slot field ; s13
  .slot field ; s14
  .slot call ; s15
  .slot field ; s16
  .slot call ; s17
  .slot field ; s18
  .slot field ; s19
  .slot call ; s20
  .slot call ; s21
  .slot field ; s22
  .slot field ; s23
  .slot call ; s24
  .slot call ; s25
  .slot field ; s26
  .slot field ; s27
  .slot field ; s28
  .slot call ; s29
  .slot field ; s30
  .slot field ; s31
  .slot call ; s32
  .slot field ; s33
  .slot field ; s34
  .slot field ; s35
  .slot call ; s36
  .slot call ; s37
  .slot call ; s38
  .slot field ; s39
  .slot field ; s40
  .slot call ; s41
  .slot call ; s42
  .slot field ; s43
  .slot field ; s44
  .slot call ; s45
  .slot call ; s46
  .slot field ; s47
  .slot field ; s48
  .slot call ; s49
  .slot field ; s50
  .slot call ; s51
  .slot field ; s52
  .slot field ; s53
  .slot call ; s54
  .slot call ; s55
  .slot call ; s56
  .slot field ; s57
  .slot field ; s58
  .slot call ; s59
  .slot field ; s60
  .slot field ; s61
  .slot call ; s62
  .slot field ; s63
  .slot field ; s64
  .slot call ; s65
  .slot call ; s66
  .local "t" r0 2 119
  .local "try" r1 3 119
  .local "recurse" r2 81 119
.code
;    1 | -- Errors with names and positions, handlers, rethrow, levels.
  varargprep  0 @1:1                       ; 0
;    2 | local t = {}
  newtable    r0 0 0 s0 @2:11              ; 1
;    3 | local function try(f, ...) print(select(2, pcall(f, ...))) end
  closure     r1 p0 @3:60                  ; 2 prototype 1
;    4 | try(function() return t.x.y end)
  move        r2 r1 @4:1                   ; 3
  closure     r4 p1 @4:29                  ; 4 prototype 2
  call        r2 1 0 s1 @4:4 {r2 local "try"} ; 5
;    5 | try(function() return undefinedfunction() end)
  move        r2 r1 @5:1                   ; 6
  closure     r4 p2 @5:43                  ; 7 prototype 3
  call        r2 1 0 s2 @5:4 {r2 local "try"} ; 8
;    6 | try(function() return t:method() end)
  move        r2 r1 @6:1                   ; 9
  closure     r4 p3 @6:34                  ; 10 prototype 4
  call        r2 1 0 s3 @6:4 {r2 local "try"} ; 11
;    7 | try(function() return 1 + {} end)
  move        r2 r1 @7:1                   ; 12
  closure     r4 p4 @7:30                  ; 13 prototype 5
  call        r2 1 0 s4 @7:4 {r2 local "try"} ; 14
;    8 | try(function() return "a" < 1 end)
  move        r2 r1 @8:1                   ; 15
  closure     r4 p5 @8:31                  ; 16 prototype 6
  call        r2 1 0 s5 @8:4 {r2 local "try"} ; 17
;    9 | try(function() return #5 end)
  move        r2 r1 @9:1                   ; 18
  closure     r4 p6 @9:26                  ; 19 prototype 7
  call        r2 1 0 s6 @9:4 {r2 local "try"} ; 20
;   10 | try(function() t[nil] = 1 end)
  move        r2 r1 @10:1                  ; 21
  closure     r4 p7 @10:27                 ; 22 prototype 8
  call        r2 1 0 s7 @10:4 {r2 local "try"} ; 23
;   11 | try(function() return 2 ^ 53 | 1.5 end)
  move        r2 r1 @11:1                  ; 24
  closure     r4 p8 @11:36                 ; 25 prototype 9
  call        r2 1 0 s8 @11:4 {r2 local "try"} ; 26
;   12 | try(function() return 1 // 0 end)
  move        r2 r1 @12:1                  ; 27
  closure     r4 p9 @12:30                 ; 28 prototype 10
  call        r2 1 0 s9 @12:4 {r2 local "try"} ; 29
;   13 | try(function() error() end)
  move        r2 r1 @13:1                  ; 30
  closure     r4 p10 @13:24                ; 31 prototype 11
  call        r2 1 0 s10 @13:4 {r2 local "try"} ; 32
;   14 | try(function() error("level 2", 2) end)
  move        r2 r1 @14:1                  ; 33
  closure     r4 p11 @14:36                ; 34 prototype 12
  call        r2 1 0 s11 @14:4 {r2 local "try"} ; 35
;   15 | try(function() error(setmetatable({}, { __tostring = function() return "custom" end })) end)
  move        r2 r1 @15:1                  ; 36
  closure     r4 p12 @15:89                ; 37 prototype 13
  call        r2 1 0 s12 @15:4 {r2 local "try"} ; 38
;   16 | try(string.rep)
  move        r2 r1 @16:1                  ; 39
  gettabup    r4 u0 k0 s13 @16:5           ; 40 "_ENV" "string"
  getfield    r4 r4 k1 s14 @16:12 {r4 global "string"} ; 41 "rep"
  call        r2 1 0 s15 @16:4 {r2 local "try"} ; 42
;   17 | try(setmetatable, 1, 2)
  move        r2 r1 @17:1                  ; 43
  gettabup    r4 u0 k2 s16 @17:5           ; 44 "_ENV" "setmetatable"
  loadi       r5 1 @17:19                  ; 45
  loadi       r6 2 @17:23                  ; 46
  call        r2 3 0 s17 @17:4 {r2 local "try"} ; 47
;   18 | print(xpcall(function() error("deep", 0) end, function(m) return "handled " .. m end))
  gettabup    r2 u0 k3 s18 @18:1           ; 48 "_ENV" "print"
  gettabup    r4 u0 k4 s19 @18:7           ; 49 "_ENV" "xpcall"
  closure     r6 p13 @18:42                ; 50 prototype 15
  closure     r7 p14 @18:82                ; 51 prototype 16
  call        r4 2 * s20 @18:13 {r4 global "xpcall"} ; 52
  call        r2 * 0 s21 @18:6 {r2 global "print"} ; 53
;   19 | print(xpcall(function() local x = nil; x() end, function(m) error("again") end))
  gettabup    r2 u0 k3 s22 @19:1           ; 54 "_ENV" "print"
  gettabup    r4 u0 k4 s23 @19:7           ; 55 "_ENV" "xpcall"
  closure     r6 p15 @19:44                ; 56 prototype 17
  closure     r7 p16 @19:76                ; 57 prototype 18
  call        r4 2 * s24 @19:13 {r4 global "xpcall"} ; 58
  call        r2 * 0 s25 @19:6 {r2 global "print"} ; 59
;   20 | print(pcall(pcall), pcall(error), select("#", pcall(error, nil)))
  gettabup    r2 u0 k3 s26 @20:1           ; 60 "_ENV" "print"
  gettabup    r4 u0 k5 s27 @20:7           ; 61 "_ENV" "pcall"
  gettabup    r6 u0 k5 s28 @20:13          ; 62 "_ENV" "pcall"
  call        r4 1 1 s29 @20:12 {r4 global "pcall"} ; 63
  gettabup    r5 u0 k5 s30 @20:21          ; 64 "_ENV" "pcall"
  gettabup    r7 u0 k6 s31 @20:27          ; 65 "_ENV" "error"
  call        r5 1 1 s32 @20:26 {r5 global "pcall"} ; 66
  gettabup    r6 u0 k7 s33 @20:35          ; 67 "_ENV" "select"
  loadk       r8 k8 @20:42                 ; 68 "#"
  gettabup    r9 u0 k5 s34 @20:47          ; 69 "_ENV" "pcall"
  gettabup    r11 u0 k6 s35 @20:53         ; 70 "_ENV" "error"
  loadnil     r12 0 @20:63                 ; 71
  call        r9 2 * s36 @20:52 {r9 global "pcall"} ; 72
  call        r6 * * s37 @20:41 {r6 global "select"} ; 73
  call        r2 * 0 s38 @20:6 {r2 global "print"} ; 74
;   21 | print(pcall(function() local ok, e = pcall(error, "inner", 0) error("outer " .. e, 0) end))
  gettabup    r2 u0 k3 s39 @21:1           ; 75 "_ENV" "print"
  gettabup    r4 u0 k5 s40 @21:7           ; 76 "_ENV" "pcall"
  closure     r6 p17 @21:87                ; 77 prototype 19
  call        r4 1 * s41 @21:12 {r4 global "pcall"} ; 78
  call        r2 * 0 s42 @21:6 {r2 global "print"} ; 79
;   22 | local function recurse(n) if n == 0 then error("bottom") end return 1 + recurse(n - 1) end
  closure     r2 p18 @22:88                ; 80 prototype 20
;   23 | print(pcall(recurse, 100))
  gettabup    r3 u0 k3 s43 @23:1           ; 81 "_ENV" "print"
  gettabup    r5 u0 k9 s44 @23:7           ; 82 "_ENV" "pcall"
  move        r7 r2 @23:13                 ; 83
  loadi       r8 100 @23:25                ; 84
  call        r5 2 * s45 @23:12 {r5 global "pcall"} ; 85
  call        r3 * 0 s46 @23:6 {r3 global "print"} ; 86
;   24 | print(load("x = = 1"), load("return 1 +", "=chunk"), pcall(load("return ...", "=c"), 5))
  gettabup    r3 u0 k3 s47 @24:1           ; 87 "_ENV" "print"
  gettabup    r5 u0 k10 s48 @24:7          ; 88 "_ENV" "load"
  loadk       r7 k11 @24:21                ; 89 "x = = 1"
  call        r5 1 1 s49 @24:11 {r5 global "load"} ; 90
  gettabup    r6 u0 k10 s50 @24:24         ; 91 "_ENV" "load"
  loadk       r8 k12 @24:29                ; 92 "return 1 +"
  loadk       r9 k13 @24:51                ; 93 "=chunk"
  call        r6 2 1 s51 @24:28 {r6 global "load"} ; 94
  gettabup    r7 u0 k9 s52 @24:54          ; 95 "_ENV" "pcall"
  gettabup    r9 u0 k10 s53 @24:60         ; 96 "_ENV" "load"
  loadk       r11 k14 @24:65               ; 97 "return ..."
  loadk       r12 k15 @24:83               ; 98 "=c"
  call        r9 2 1 s54 @24:64 {r9 global "load"} ; 99
  loadi       r10 5 @24:87                 ; 100
  call        r7 2 * s55 @24:59 {r7 global "pcall"} ; 101
  call        r3 * 0 s56 @24:6 {r3 global "print"} ; 102
;   25 | print(assert(1, 2), pcall(assert, false, "msg"), pcall(assert, nil))
  gettabup    r3 u0 k3 s57 @25:1           ; 103 "_ENV" "print"
  gettabup    r5 u0 k16 s58 @25:7          ; 104 "_ENV" "assert"
  loadi       r7 1 @25:14                  ; 105
  loadi       r8 2 @25:18                  ; 106
  call        r5 2 1 s59 @25:13 {r5 global "assert"} ; 107
  gettabup    r6 u0 k9 s60 @25:21          ; 108 "_ENV" "pcall"
  gettabup    r8 u0 k16 s61 @25:27         ; 109 "_ENV" "assert"
  loadfalse   r9 @25:35                    ; 110
  loadk       r10 k17 @25:47               ; 111 "msg"
  call        r6 3 1 s62 @25:26 {r6 global "pcall"} ; 112
  gettabup    r7 u0 k9 s63 @25:50          ; 113 "_ENV" "pcall"
  gettabup    r9 u0 k16 s64 @25:56         ; 114 "_ENV" "assert"
  loadnil     r10 0 @25:67                 ; 115
  call        r7 2 * s65 @25:55 {r7 global "pcall"} ; 116
  call        r3 * 0 s66 @25:6 {r3 global "print"} ; 117
  returnclose r0 0 @25:68                  ; 118
.end

.proto 1
  .source "@errors.lua"
  .lines 3 3
  .params 1
  .vararg
  .regs 10
  .upval u0 "_ENV" ; u0
  .const "print" ; k0
  .const "select" ; k1
  .const "pcall" ; k2
  .slot field ; s0
  .slot field ; s1
  .slot field ; s2
  .slot call ; s3
  .slot call ; s4
  .slot call ; s5
  .local "f" r0 0 11
.code
;    3 | local function try(f, ...) print(select(2, pcall(f, ...))) end
  varargprep  1 @3:1                       ; 0
  gettabup    r1 u0 k0 s0 @3:28            ; 1 "_ENV" "print"
  gettabup    r3 u0 k1 s1 @3:34            ; 2 "_ENV" "select"
  loadi       r5 2 @3:41                   ; 3
  gettabup    r6 u0 k2 s2 @3:44            ; 4 "_ENV" "pcall"
  move        r8 r0 @3:50                  ; 5
  vararg      r9 * @3:53                   ; 6
  call        r6 * * s3 @3:49 {r6 global "pcall"} ; 7
  call        r3 * * s4 @3:40 {r3 global "select"} ; 8
  call        r1 * 0 s5 @3:33 {r1 global "print"} ; 9
  return0 @3:60                            ; 10
.end

.proto 2
  .source "@errors.lua"
  .lines 4 4
  .params 0
  .regs 2
  .upval r0 "t" ; u0
  .const "x" ; k0
  .const "y" ; k1
  .slot field ; s0
  .slot field ; s1
.code
;    4 | try(function() return t.x.y end)
  gettabup    r0 u0 k0 s0 @4:25            ; 0 "t" "x"
  getfield    r0 r0 k1 s1 @4:27 {r0 field "x"} ; 1 "y"
  return1     r0                           ; 2
.end

.proto 3
  .source "@errors.lua"
  .lines 5 5
  .params 0
  .regs 2
  .upval u0 "_ENV" ; u0
  .const "undefinedfunction" ; k0
  .slot field ; s0
  .slot call ; s1
.code
;    5 | try(function() return undefinedfunction() end)
  gettabup    r0 u0 k0 s0 @5:23            ; 0 "_ENV" "undefinedfunction"
  tailcall    r0 0 s1 @5:40 {r0 global "undefinedfunction"} ; 1
.end

.proto 4
  .source "@errors.lua"
  .lines 6 6
  .params 0
  .regs 3
  .upval r0 "t" ; u0
  .const "method" ; k0
  .slot field ; s0
  .slot call ; s1
.code
;    6 | try(function() return t:method() end)
  getupval    r0 u0 @6:23                  ; 0 "t"
  self        r0 r0 k0 s0 @6:25 {r0 upvalue "t"} ; 1 "method"
  tailcall    r0 1 s1 @6:31 {r0 method "method"} ; 2
.end

.proto 5
  .source "@errors.lua"
  .lines 7 7
  .params 0
  .regs 2
  .slot site ; s0
.code
;    7 | try(function() return 1 + {} end)
  newtable    r0 0 0 s0 @7:27              ; 0
  loadi       r1 1 @7:28                   ; 1
  add         r0 r1 r0 @7:25               ; 2
  return1     r0 @7:28                     ; 3
.end

.proto 6
  .source "@errors.lua"
  .lines 8 8
  .params 0
  .regs 2
  .const "a" ; k0
.code
;    8 | try(function() return "a" < 1 end)
  loadk       r0 k0 @8:27                  ; 0 "a"
  jlti        r0 1 L4                      ; 1
  loadfalse   r0 @8:29                     ; 2
  jmp         L5                           ; 3
L4: defined 0
  loadtrue    r0                           ; 4
L5: defined 1
  return1     r0                           ; 5
.end

.proto 7
  .source "@errors.lua"
  .lines 9 9
  .params 0
  .regs 2
.code
;    9 | try(function() return #5 end)
  loadi       r0 5 @9:24                   ; 0
  len         r0 r0 @9:23                  ; 1
  return1     r0 @9:24                     ; 2
.end

.proto 8
  .source "@errors.lua"
  .lines 10 10
  .params 0
  .regs 3
  .upval r0 "t" ; u0
.code
;   10 | try(function() t[nil] = 1 end)
  getupval    r0 u0 @10:16                 ; 0 "t"
  loadnil     r1 0 @10:21                  ; 1
  loadi       r2 1 @10:25                  ; 2
  setindex    r0 r1 r2 @10:21 {r0 upvalue "t"} ; 3
  return0 @10:27                           ; 4
.end

.proto 9
  .source "@errors.lua"
  .lines 11 11
  .params 0
  .regs 2
  .const 9007199254740992.0 ; k0
  .const 1.5 ; k1
.code
;   11 | try(function() return 2 ^ 53 | 1.5 end)
  loadk       r0 k0 @11:32                 ; 0 9007199254740992.0
  bork        r0 r0 k1 @11:30              ; 1 1.5
  return1     r0 @11:32                    ; 2
.end

.proto 10
  .source "@errors.lua"
  .lines 12 12
  .params 0
  .regs 2
  .const 0 ; k0
.code
;   12 | try(function() return 1 // 0 end)
  loadi       r0 1 @12:28                  ; 0
  idivk       r0 r0 k0 @12:25              ; 1 0
  return1     r0 @12:28                    ; 2
.end

.proto 11
  .source "@errors.lua"
  .lines 13 13
  .params 0
  .regs 2
  .upval u0 "_ENV" ; u0
  .const "error" ; k0
  .slot field ; s0
  .slot call ; s1
.code
;   13 | try(function() error() end)
  gettabup    r0 u0 k0 s0 @13:16           ; 0 "_ENV" "error"
  call        r0 0 0 s1 @13:21 {r0 global "error"} ; 1
  return0 @13:24                           ; 2
.end

.proto 12
  .source "@errors.lua"
  .lines 14 14
  .params 0
  .regs 4
  .upval u0 "_ENV" ; u0
  .const "error" ; k0
  .const "level 2" ; k1
  .slot field ; s0
  .slot call ; s1
.code
;   14 | try(function() error("level 2", 2) end)
  gettabup    r0 u0 k0 s0 @14:16           ; 0 "_ENV" "error"
  loadk       r2 k1 @14:22                 ; 1 "level 2"
  loadi       r3 2 @14:34                  ; 2
  call        r0 2 0 s1 @14:21 {r0 global "error"} ; 3
  return0 @14:36                           ; 4
.end

.proto 13
  .source "@errors.lua"
  .lines 15 15
  .params 0
  .regs 7
  .upval u0 "_ENV" ; u0
  .child 14 ; p0
  .const "error" ; k0
  .const "setmetatable" ; k1
  .const "__tostring" ; k2
  .slot field ; s0
  .slot field ; s1
  .slot site ; s2
  .slot site ; s3
  .slot field ; s4
  .slot call ; s5
  .slot call ; s6
.code
;   15 | try(function() error(setmetatable({}, { __tostring = function() return "custom" end })) end)
  gettabup    r0 u0 k0 s0 @15:16           ; 0 "_ENV" "error"
  gettabup    r2 u0 k1 s1 @15:22           ; 1 "_ENV" "setmetatable"
  newtable    r4 0 0 s2 @15:35             ; 2
  newtable    r5 1 0 s3 @15:39             ; 3
  closure     r6 p0 @15:81                 ; 4 prototype 14
  setfield    r5 r6 k2 s4 @15:41           ; 5 "__tostring"
  call        r2 2 * s5 @15:34 {r2 global "setmetatable"} ; 6
  call        r0 * 0 s6 @15:21 {r0 global "error"} ; 7
  return0 @15:89                           ; 8
.end

.proto 14
  .source "@errors.lua"
  .lines 15 15
  .params 0
  .regs 2
  .const "custom" ; k0
.code
;   15 | try(function() error(setmetatable({}, { __tostring = function() return "custom" end })) end)
  loadk       r0 k0 @15:72                 ; 0 "custom"
  return1     r0                           ; 1
.end

.proto 15
  .source "@errors.lua"
  .lines 18 18
  .params 0
  .regs 4
  .upval u0 "_ENV" ; u0
  .const "error" ; k0
  .const "deep" ; k1
  .slot field ; s0
  .slot call ; s1
.code
;   18 | print(xpcall(function() error("deep", 0) end, function(m) return "handled " .. m end))
  gettabup    r0 u0 k0 s0 @18:25           ; 0 "_ENV" "error"
  loadk       r2 k1 @18:31                 ; 1 "deep"
  loadi       r3 0 @18:40                  ; 2
  call        r0 2 0 s1 @18:30 {r0 global "error"} ; 3
  return0 @18:42                           ; 4
.end

.proto 16
  .source "@errors.lua"
  .lines 18 18
  .params 1
  .regs 3
  .const "handled " ; k0
  .local "m" r0 0 4
.code
;   18 | print(xpcall(function() error("deep", 0) end, function(m) return "handled " .. m end))
  loadk       r1 k0 @18:77                 ; 0 "handled "
  move        r2 r0 @18:80                 ; 1
  concat      r1 r1 r2 @18:77 {r1 constant "handled "} {r2 local "m"} ; 2
  return1     r1 @18:80                    ; 3
.end

.proto 17
  .source "@errors.lua"
  .lines 19 19
  .params 0
  .regs 3
  .slot call ; s0
  .local "x" r0 1 4
.code
;   19 | print(xpcall(function() local x = nil; x() end, function(m) error("again") end))
  loadnil     r0 0 @19:35                  ; 0
  move        r1 r0 @19:40                 ; 1
  call        r1 0 0 s0 @19:41 {r1 local "x"} ; 2
  return0 @19:44                           ; 3
.end

.proto 18
  .source "@errors.lua"
  .lines 19 19
  .params 1
  .regs 4
  .upval u0 "_ENV" ; u0
  .const "error" ; k0
  .const "again" ; k1
  .slot field ; s0
  .slot call ; s1
  .local "m" r0 0 4
.code
;   19 | print(xpcall(function() local x = nil; x() end, function(m) error("again") end))
  gettabup    r1 u0 k0 s0 @19:61           ; 0 "_ENV" "error"
  loadk       r3 k1 @19:74                 ; 1 "again"
  call        r1 1 0 s1 @19:66 {r1 global "error"} ; 2
  return0 @19:76                           ; 3
.end

.proto 19
  .source "@errors.lua"
  .lines 21 21
  .params 0
  .regs 6
  .upval u0 "_ENV" ; u0
  .const "pcall" ; k0
  .const "error" ; k1
  .const "inner" ; k2
  .const "outer " ; k3
  .slot field ; s0
  .slot field ; s1
  .slot call ; s2
  .slot field ; s3
  .slot call ; s4
  .local "ok" r0 5 12
  .local "e" r1 5 12
.code
;   21 | print(pcall(function() local ok, e = pcall(error, "inner", 0) error("outer " .. e, 0) end))
  gettabup    r0 u0 k0 s0 @21:38           ; 0 "_ENV" "pcall"
  gettabup    r2 u0 k1 s1 @21:44           ; 1 "_ENV" "error"
  loadk       r3 k2 @21:51                 ; 2 "inner"
  loadi       r4 0 @21:61                  ; 3
  call        r0 3 2 s2 @21:43 {r0 global "pcall"} ; 4
  gettabup    r2 u0 k1 s3 @21:63           ; 5 "_ENV" "error"
  loadk       r4 k3 @21:78                 ; 6 "outer "
  move        r5 r1 @21:81                 ; 7
  concat      r4 r4 r5 @21:78 {r4 constant "outer "} {r5 local "e"} ; 8
  loadi       r5 0 @21:85                  ; 9
  call        r2 2 0 s4 @21:68 {r2 global "error"} ; 10
  return0 @21:87                           ; 11
.end

.proto 20
  .source "@errors.lua"
  .lines 22 22
  .params 1
  .regs 4
  .upval u0 "_ENV" ; u0
  .upval r2 "recurse" ; u1
  .const "error" ; k0
  .const "bottom" ; k1
  .const 1 ; k2
  .slot field ; s0
  .slot call ; s1
  .slot call ; s2
  .local "n" r0 0 10
.code
;   22 | local function recurse(n) if n == 0 then error("bottom") end return 1 + recurse(n - 1) end
  jnei        r0 0 L4 @22:32               ; 0
  gettabup    r1 u0 k0 s0 @22:42           ; 1 "_ENV" "error"
  loadk       r3 k1 @22:56                 ; 2 "bottom"
  call        r1 1 0 s1 @22:47 {r1 global "error"} ; 3
L4: defined 1
  getupval    r1 u1 @22:73                 ; 4 "recurse"
  subk        r3 r0 k2 @22:83 {r0 local "n"} ; 5 1
  call        r1 1 1 s2 @22:80 {r1 upvalue "recurse"} ; 6
  loadi       r2 1 @22:86                  ; 7
  add         r1 r2 r1 @22:71              ; 8
  return1     r1 @22:86                    ; 9
.end
