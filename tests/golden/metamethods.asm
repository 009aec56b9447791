strata 1
.string "@metamethods.lua" ; $0
.string "_ENV" ; $1
.string "Vec" ; $2
.string "__index" ; $3
.string "vec" ; $4
.string "x" ; $5
.string "y" ; $6
.string "setmetatable" ; $7
.string "__add" ; $8
.string "a" ; $9
.string "b" ; $10
.string "__mul" ; $11
.string "type" ; $12
.string "number" ; $13
.string "__unm" ; $14
.string "__eq" ; $15
.string "__lt" ; $16
.string "__le" ; $17
.string "__concat" ; $18
.string "tostring" ; $19
.string "__tostring" ; $20
.string "(" ; $21
.string "," ; $22
.string ")" ; $23
.string "__len" ; $24
.string "__call" ; $25
.string "k" ; $26
.string "__idiv" ; $27
.string "idiv" ; $28
.string "__band" ; $29
.string "band" ; $30
.string "__shl" ; $31
.string "shl" ; $32
.string "dot" ; $33
.string "self" ; $34
.string "print" ; $35
.string "s" ; $36
.string "greet" ; $37
.string "hi " ; $38
.string "name" ; $39
.string "Base" ; $40
.string "Derived" ; $41
.string "d" ; $42
.string "missing" ; $43
.string "rawequal" ; $44
.string "(for state)" ; $45
.string "i" ; $46
.string "overridden" ; $47
.string "k30" ; $48
.string "pcall" ; $49

.proto 0 ; main
  .source "@metamethods.lua"
  .params 0
  .vararg
  .regs 15
  .captured r0 r1 r2
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
  .child 14 ; p13
  .child 15 ; p14
  .child 16 ; p15
  .child 17 ; p16
  .child 18 ; p17
  .const "__index" ; k0
  .const "__add" ; k1
  .const "__mul" ; k2
  .const "__unm" ; k3
  .const "__eq" ; k4
  .const "__lt" ; k5
  .const "__le" ; k6
  .const "__concat" ; k7
  .const "__tostring" ; k8
  .const "__len" ; k9
  .const "__call" ; k10
  .const "__idiv" ; k11
  .const "__band" ; k12
  .const "__shl" ; k13
  .const "dot" ; k14
  .const "print" ; k15
  .const "tostring" ; k16
  .const 3 ; k17
  .const "s" ; k18
  .const "y" ; k19
  .const 1 ; k20
  .const "greet" ; k21
  .const "setmetatable" ; k22
  .const "name" ; k23
  .const "d" ; k24
  .const "missing" ; k25
  .const "rawequal" ; k26
  .const "k" ; k27
  .const "k30" ; k28
  .const "pcall" ; k29
  .slot site ; s0
  .slot field ; s1
  .slot field ; s2
  .slot field ; s3
  .slot field ; s4
  .slot field ; s5
  .slot field ; s6
  .slot field ; s7
  .slot field ; s8
  .slot field ; s9
  .slot field ; s10
  .slot field ; s11
  .slot field ; s12
  .slot field ; s13
  .slot field ; s14
  .slot field ; s15
  .slot call ; s16
  .slot call ; s17
  .slot field ; s18
  .slot field ; s19
  .slot call ; s20
  .slot field ; s21
  .slot call ; s22
  .slot field ; s23
  .slot call ; s24
  .slot field ; s25
  .slot call ; s26
  .slot call ; s27
  .slot field ; s28
  .slot call ; s29
  .slot call ; s30
  .slot call ; s31
  .slot field ; s32
  .slot field ; s33
  .slot call ; s34
  .slot call ; s35
  .slot site ; s36
  .slot field ; s37
  .slot field ; s38
  .slot field ; s39
  .slot site ; s40
  .slot call ; s41
  .slot field ; s42
  .slot field ; s43
  .slot site ; s44
  .slot field ; s45
  .slot call ; s46
  .slot field ; s47
  .slot field ; s48
  .slot call ; s49
  .slot field ; s50
  .slot field ; s51
  .slot call ; s52
  .slot call ; s53
  .slot field ; s54
  .slot call ; s55
  .slot field ; s56
  .slot field ; s57
  .slot field ; s58
  .slot call ; s59
  .slot field ; s60
  .slot call ; s61
  .slot field ; s62
  .slot field ; s63
  .slot call ; s64
  .slot call ; s65
  .local "Vec" r0 2 141
  .local "vec" r1 4 141
  .local "a" r2 40 141
  .local "b" r3 40 141
  .local "Base" r4 96 141
  .local "Derived" r5 101 141
  .local "d" r6 108 141
  .local "(for state)" r7 120 128
  .local "(for state)" r8 120 128
  .local "(for state)" r9 120 128
  .local "i" r10 121 127
.code
;    1 | -- A class with arithmetic, comparison, concatenation, call and inheritance.
  varargprep  0 @1:1                       ; 0
;    2 | local Vec = {}
  newtable    r0 0 0 s0 @2:13              ; 1
;    3 | Vec.__index = Vec
  setfield    r0 r0 k0 s1 @3:5 {r0 local "Vec"} ; 2 "__index"
;    4 | local function vec(x, y) return setmetatable({ x = x, y = y }, Vec) end
  closure     r1 p0 @4:69                  ; 3 prototype 1
;    5 | function Vec.__add(a, b) return vec(a.x + b.x, a.y + b.y) end
  closure     r2 p1 @5:59                  ; 4 prototype 2
  setfield    r0 r2 k1 s2 @5:14 {r0 local "Vec"} ; 5 "__add"
;    6 | function Vec.__mul(a, b) return type(a) == "number" and vec(a * b.x, a * b.y) or vec(a.x * b, a.y * b) end
  closure     r2 p2 @6:104                 ; 6 prototype 3
  setfield    r0 r2 k2 s3 @6:14 {r0 local "Vec"} ; 7 "__mul"
;    7 | function Vec.__unm(a) return vec(-a.x, -a.y) end
  closure     r2 p3 @7:46                  ; 8 prototype 4
  setfield    r0 r2 k3 s4 @7:14 {r0 local "Vec"} ; 9 "__unm"
;    8 | function Vec.__eq(a, b) return a.x == b.x and a.y == b.y end
  closure     r2 p4 @8:58                  ; 10 prototype 5
  setfield    r0 r2 k4 s5 @8:14 {r0 local "Vec"} ; 11 "__eq"
;    9 | function Vec.__lt(a, b) return a.x < b.x end
  closure     r2 p5 @9:42                  ; 12 prototype 6
  setfield    r0 r2 k5 s6 @9:14 {r0 local "Vec"} ; 13 "__lt"
;   10 | function Vec.__le(a, b) return a.x <= b.x end
  closure     r2 p6 @10:43                 ; 14 prototype 7
  setfield    r0 r2 k6 s7 @10:14 {r0 local "Vec"} ; 15 "__le"
;   11 | function Vec.__concat(a, b) return tostring(a) .. tostring(b) end
  closure     r2 p7 @11:63                 ; 16 prototype 8
  setfield    r0 r2 k7 s8 @11:14 {r0 local "Vec"} ; 17 "__concat"
;   12 | function Vec.__tostring(a) return "(" .. a.x .. "," .. a.y .. ")" end
  closure     r2 p8 @12:67                 ; 18 prototype 9
  setfield    r0 r2 k8 s9 @12:14 {r0 local "Vec"} ; 19 "__tostring"
;   13 | function Vec.__len(a) return 2 end
  closure     r2 p9 @13:32                 ; 20 prototype 10
  setfield    r0 r2 k9 s10 @13:14 {r0 local "Vec"} ; 21 "__len"
;   14 | function Vec.__call(a, k) return a[k] end
  closure     r2 p10 @14:39                ; 22 prototype 11
  setfield    r0 r2 k10 s11 @14:14 {r0 local "Vec"} ; 23 "__call"
;   15 | function Vec.__idiv(a, b) return "idiv" end
  closure     r2 p11 @15:41                ; 24 prototype 12
  setfield    r0 r2 k11 s12 @15:14 {r0 local "Vec"} ; 25 "__idiv"
;   16 | function Vec.__band(a, b) return "band" end
  closure     r2 p12 @16:41                ; 26 prototype 13
  setfield    r0 r2 k12 s13 @16:14 {r0 local "Vec"} ; 27 "__band"
;   17 | function Vec.__shl(a, b) return "shl" end
  closure     r2 p13 @17:39                ; 28 prototype 14
  setfield    r0 r2 k13 s14 @17:14 {r0 local "Vec"} ; 29 "__shl"
;   18 | function Vec:dot(b) return self.x * b.x + self.y * b.y end
  closure     r2 p14 @18:56                ; 30 prototype 15
  setfield    r0 r2 k14 s15 @18:14 {r0 local "Vec"} ; 31 "dot"
;   19 | local a, b = vec(1, 2), vec(3, 4)
  move        r2 r1 @19:14                 ; 32
  loadi       r4 1 @19:18                  ; 33
  loadi       r5 2 @19:22                  ; 34
  call        r2 2 1 s16 @19:17 {r2 local "vec"} ; 35
  move        r3 r1 @19:25                 ; 36
  loadi       r5 3 @19:29                  ; 37
  loadi       r6 4 @19:33                  ; 38
  call        r3 2 1 s17 @19:28 {r3 local "vec"} ; 39
;   20 | print(tostring(a + b), tostring(2 * a), tostring(a * 3), tostring(-a))
  gettabup    r4 u0 k15 s18 @20:1          ; 40 "_ENV" "print"
  gettabup    r6 u0 k16 s19 @20:7          ; 41 "_ENV" "tostring"
  add         r8 r2 r3 @20:18 {r2 local "a"} {r3 local "b"} ; 42
  call        r6 1 1 s20 @20:15 {r6 global "tostring"} ; 43
  gettabup    r7 u0 k16 s21 @20:24         ; 44 "_ENV" "tostring"
  loadi       r9 2 @20:37                  ; 45
  mul         r9 r9 r2 @20:35 {r2 local "a"} ; 46
  call        r7 1 1 s22 @20:32 {r7 global "tostring"} ; 47
  gettabup    r8 u0 k16 s23 @20:41         ; 48 "_ENV" "tostring"
  mulk        r10 r2 k17 @20:52 {r2 local "a"} ; 49 3
  call        r8 1 1 s24 @20:49 {r8 global "tostring"} ; 50
  gettabup    r9 u0 k16 s25 @20:58         ; 51 "_ENV" "tostring"
  unm         r11 r2 @20:67 {r2 local "a"} ; 52
  call        r9 1 * s26 @20:66 {r9 global "tostring"} ; 53
  call        r4 * 0 s27 @20:6 {r4 global "print"} ; 54
;   21 | print(a == vec(1, 2), a < b, a >= b, a .. b, a .. "s", #a, a("y"))
  gettabup    r4 u0 k15 s28 @21:1          ; 55 "_ENV" "print"
  loadnil     r5 0 @21:6                   ; 56
  move        r6 r1 @21:12                 ; 57
  loadi       r8 1 @21:16                  ; 58
  loadi       r9 2 @21:20                  ; 59
  call        r6 2 1 s29 @21:15 {r6 local "vec"} ; 60
  jeq         r2 r6 L64 @21:9              ; 61
  loadfalse   r6 @21:20                    ; 62
  jmp         L65                          ; 63
L64: defined 6
  loadtrue    r6                           ; 64
L65: defined 7
  jlt         r2 r3 L68 @21:25             ; 65
  loadfalse   r7 @21:27                    ; 66
  jmp         L69                          ; 67
L68: defined 7
  loadtrue    r7                           ; 68
L69: defined 8
  jle         r3 r2 L72 @21:32             ; 69
  loadfalse   r8 @21:35                    ; 70
  jmp         L73                          ; 71
L72: defined 8
  loadtrue    r8                           ; 72
L73: defined 9
  move        r9 r2 @21:40                 ; 73
  move        r10 r3 @21:43                ; 74
  concat      r9 r9 r10 @21:40 {r9 local "a"} {r10 local "b"} ; 75
  move        r10 r2 @21:48                ; 76
  loadk       r11 k18 @21:51               ; 77 "s"
  concat      r10 r10 r11 @21:48 {r10 local "a"} {r11 constant "s"} ; 78
  len         r11 r2 @21:56 {r2 local "a"} ; 79
  move        r12 r2 @21:60                ; 80
  loadk       r14 k19 @21:65               ; 81 "y"
  call        r12 1 * s30 @21:61 {r12 local "a"} ; 82
  call        r4 * 0 s31 @21:6 {r4 global "print"} ; 83
;   22 | print(a:dot(b), a // 1, 1 & a, a << 1)
  gettabup    r4 u0 k15 s32 @22:1          ; 84 "_ENV" "print"
  self        r6 r2 k14 s33 @22:9 {r2 local "a"} ; 85 "dot"
  move        r9 r3 @22:14                 ; 86
  call        r6 2 1 s34 @22:12 {r6 method "dot"} ; 87
  idivk       r7 r2 k20 @22:19 {r2 local "a"} ; 88 1
  loadi       r8 1 @22:29                  ; 89
  band        r8 r8 r2 @22:27 {r2 local "a"} ; 90
  shlk        r9 r2 k20 @22:34 {r2 local "a"} ; 91 1
  call        r4 4 0 s35 @22:6 {r4 global "print"} ; 92
;   23 | local Base = { greet = function(self) return "hi " .. self.name end }
  newtable    r4 1 0 s36 @23:14            ; 93
  closure     r5 p15 @23:65                ; 94 prototype 16
  setfield    r4 r5 k21 s37 @23:16         ; 95 "greet"
;   24 | Base.__index = Base
  setfield    r4 r4 k0 s38 @24:6 {r4 local "Base"} ; 96 "__index"
;   25 | local Derived = setmetatable({}, Base)
  gettabup    r5 u0 k22 s39 @25:17         ; 97 "_ENV" "setmetatable"
  newtable    r7 0 0 s40 @25:30            ; 98
  move        r8 r4 @25:38                 ; 99
  call        r5 2 1 s41 @25:29 {r5 global "setmetatable"} ; 100
;   26 | Derived.__index = Derived
  setfield    r5 r5 k0 s42 @26:9 {r5 local "Derived"} ; 101 "__index"
;   27 | local d = setmetatable({ name = "d" }, Derived)
  gettabup    r6 u0 k22 s43 @27:11         ; 102 "_ENV" "setmetatable"
  newtable    r8 1 0 s44 @27:24            ; 103
  loadk       r9 k24 @27:33                ; 104 "d"
  setfield    r8 r9 k23 s45 @27:26         ; 105 "name"
  move        r9 r5 @27:47                 ; 106
  call        r6 2 1 s46 @27:23 {r6 global "setmetatable"} ; 107
;   28 | print(d:greet(), d.missing, rawequal(a, a))
  gettabup    r7 u0 k15 s47 @28:1          ; 108 "_ENV" "print"
  self        r9 r6 k21 s48 @28:9 {r6 local "d"} ; 109 "greet"
  call        r9 1 1 s49 @28:14 {r9 method "greet"} ; 110
  getfield    r10 r6 k25 s50 @28:20 {r6 local "d"} ; 111 "missing"
  gettabup    r11 u0 k26 s51 @28:29        ; 112 "_ENV" "rawequal"
  move        r13 r2 @28:38                ; 113
  move        r14 r2 @28:42                ; 114
  call        r11 2 * s52 @28:37 {r11 global "rawequal"} ; 115
  call        r7 * 0 s53 @28:6 {r7 global "print"} ; 116
;   29 | for i = 1, 30 do d["k" .. i] = i; d:greet() end
  loadi       r7 1 @29:9                   ; 117
  loadi       r8 30 @29:12                 ; 118
  loadi       r9 1                         ; 119
  forprep     r7 L128 @29:15               ; 120
L121: loop defined 11
  loadk       r11 k27 @29:24               ; 121 "k"
  move        r12 r10 @29:27               ; 122
  concat      r11 r11 r12 @29:24 {r11 constant "k"} {r12 local "i"} ; 123
  setindex    r6 r11 r10 @29:28 {r6 local "d"} ; 124
  self        r11 r6 k21 s54 @29:37 {r6 local "d"} ; 125 "greet"
  call        r11 1 0 s55 @29:42 {r11 method "greet"} ; 126
  forloop     r7 L121 @29:1                ; 127
;   30 | Derived.greet = function() return "overridden" end
L128: defined 7
  closure     r7 p16 @30:48                ; 128 prototype 17
  setfield    r5 r7 k21 s56 @30:9 {r5 local "Derived"} ; 129 "greet"
;   31 | print(d:greet(), d.k30)
  gettabup    r7 u0 k15 s57 @31:1          ; 130 "_ENV" "print"
  self        r9 r6 k21 s58 @31:9 {r6 local "d"} ; 131 "greet"
  call        r9 1 1 s59 @31:14 {r9 method "greet"} ; 132
  getfield    r10 r6 k28 s60 @31:20 {r6 local "d"} ; 133 "k30"
  call        r7 2 0 s61 @31:6 {r7 global "print"} ; 134
;   32 | print(pcall(function() return a + 1 end))
  gettabup    r7 u0 k15 s62 @32:1          ; 135 "_ENV" "print"
  gettabup    r9 u0 k29 s63 @32:7          ; 136 "_ENV" "pcall"
  closure     r11 p17 @32:37               ; 137 prototype 18
  call        r9 1 * s64 @32:12 {r9 global "pcall"} ; 138
  call        r7 * 0 s65 @32:6 {r7 global "print"} ; 139
  returnclose r0 0 @32:41                  ; 140
.end

.proto 1
  .source "@metamethods.lua"
  .lines 4 4
  .params 2
  .regs 6
  .upval u0 "_ENV" ; u0
  .upval r0 "Vec" ; u1
  .const "setmetatable" ; k0
  .const "x" ; k1
  .const "y" ; k2
  .slot field ; s0
  .slot site ; s1
  .slot field ; s2
  .slot field ; s3
  .slot call ; s4
  .local "x" r0 0 6
  .local "y" r1 0 6
.code
;    4 | local function vec(x, y) return setmetatable({ x = x, y = y }, Vec) end
  gettabup    r2 u0 k0 s0 @4:33            ; 0 "_ENV" "setmetatable"
  newtable    r4 2 0 s1 @4:46              ; 1
  setfield    r4 r0 k1 s2 @4:48            ; 2 "x"
  setfield    r4 r1 k2 s3 @4:55            ; 3 "y"
  getupval    r5 u1 @4:64                  ; 4 "Vec"
  tailcall    r2 2 s4 @4:45 {r2 global "setmetatable"} ; 5
.end

.proto 2
  .source "@metamethods.lua"
  .lines 5 5
  .params 2
  .regs 7
  .upval r1 "vec" ; u0
  .const "x" ; k0
  .const "y" ; k1
  .slot field ; s0
  .slot field ; s1
  .slot field ; s2
  .slot field ; s3
  .slot call ; s4
  .local "a" r0 0 8
  .local "b" r1 0 8
.code
;    5 | function Vec.__add(a, b) return vec(a.x + b.x, a.y + b.y) end
  getupval    r2 u0 @5:33                  ; 0 "vec"
  getfield    r4 r0 k0 s0 @5:39 {r0 local "a"} ; 1 "x"
  getfield    r5 r1 k0 s1 @5:45 {r1 local "b"} ; 2 "x"
  add         r4 r4 r5 @5:41 {r4 field "x"} {r5 field "x"} ; 3
  getfield    r5 r0 k1 s2 @5:50 {r0 local "a"} ; 4 "y"
  getfield    r6 r1 k1 s3 @5:56 {r1 local "b"} ; 5 "y"
  add         r5 r5 r6 @5:52 {r5 field "y"} {r6 field "y"} ; 6
  tailcall    r2 2 s4 @5:36 {r2 upvalue "vec"} ; 7
.end

.proto 3
  .source "@metamethods.lua"
  .lines 6 6
  .params 2
  .regs 6
  .upval u0 "_ENV" ; u0
  .upval r1 "vec" ; u1
  .const "type" ; k0
  .const "number" ; k1
  .const "x" ; k2
  .const "y" ; k3
  .slot field ; s0
  .slot call ; s1
  .slot field ; s2
  .slot field ; s3
  .slot call ; s4
  .slot field ; s5
  .slot field ; s6
  .slot call ; s7
  .local "a" r0 0 18
  .local "b" r1 0 18
.code
;    6 | function Vec.__mul(a, b) return type(a) == "number" and vec(a * b.x, a * b.y) or vec(a.x * b, a.y * b) end
  gettabup    r2 u0 k0 s0 @6:33            ; 0 "_ENV" "type"
  move        r4 r0 @6:39                  ; 1
  call        r2 1 1 s1 @6:37 {r2 global "type"} ; 2
  jnek        r2 k1 L11 @6:41              ; 3 "number"
  getupval    r2 u1 @6:57                  ; 4 "vec"
  getfield    r4 r1 k2 s2 @6:67 {r1 local "b"} ; 5 "x"
  mul         r4 r0 r4 @6:63 {r0 local "a"} {r4 field "x"} ; 6
  getfield    r5 r1 k3 s3 @6:76 {r1 local "b"} ; 7 "y"
  mul         r5 r0 r5 @6:72 {r0 local "a"} {r5 field "y"} ; 8
  call        r2 2 1 s4 @6:60 {r2 upvalue "vec"} ; 9
  jtrue       r2 L17 @6:79                 ; 10
L11: defined 2
  getupval    r2 u1 @6:82                  ; 11 "vec"
  getfield    r4 r0 k2 s5 @6:88 {r0 local "a"} ; 12 "x"
  mul         r4 r4 r1 @6:90 {r4 field "x"} {r1 local "b"} ; 13
  getfield    r5 r0 k3 s6 @6:97 {r0 local "a"} ; 14 "y"
  mul         r5 r5 r1 @6:99 {r5 field "y"} {r1 local "b"} ; 15
  call        r2 2 1 s7 @6:85 {r2 upvalue "vec"} ; 16
L17: defined 3
  return1     r2 @6:102                    ; 17
.end

.proto 4
  .source "@metamethods.lua"
  .lines 7 7
  .params 1
  .regs 5
  .upval r1 "vec" ; u0
  .const "x" ; k0
  .const "y" ; k1
  .slot field ; s0
  .slot field ; s1
  .slot call ; s2
  .local "a" r0 0 6
.code
;    7 | function Vec.__unm(a) return vec(-a.x, -a.y) end
  getupval    r1 u0 @7:30                  ; 0 "vec"
  getfield    r3 r0 k0 s0 @7:37 {r0 local "a"} ; 1 "x"
  unm         r3 r3 @7:34 {r3 field "x"}   ; 2
  getfield    r4 r0 k1 s1 @7:43 {r0 local "a"} ; 3 "y"
  unm         r4 r4 @7:40 {r4 field "y"}   ; 4
  tailcall    r1 2 s2 @7:33 {r1 upvalue "vec"} ; 5
.end

.proto 5
  .source "@metamethods.lua"
  .lines 8 8
  .params 2
  .regs 4
  .const "x" ; k0
  .const "y" ; k1
  .slot field ; s0
  .slot field ; s1
  .slot field ; s2
  .slot field ; s3
  .local "a" r0 0 10
  .local "b" r1 0 10
.code
;    8 | function Vec.__eq(a, b) return a.x == b.x and a.y == b.y end
  getfield    r2 r0 k0 s0 @8:34 {r0 local "a"} ; 0 "x"
  getfield    r3 r1 k0 s1 @8:41 {r1 local "b"} ; 1 "x"
  jne         r2 r3 L6 @8:36               ; 2
  getfield    r2 r0 k1 s2 @8:49 {r0 local "a"} ; 3 "y"
  getfield    r3 r1 k1 s3 @8:56 {r1 local "b"} ; 4 "y"
  jeq         r2 r3 L8 @8:51               ; 5
L6: defined 2
  loadfalse   r2 @8:56                     ; 6
  jmp         L9                           ; 7
L8: defined 2
  loadtrue    r2                           ; 8
L9: defined 3
  return1     r2                           ; 9
.end

.proto 6
  .source "@metamethods.lua"
  .lines 9 9
  .params 2
  .regs 4
  .const "x" ; k0
  .slot field ; s0
  .slot field ; s1
  .local "a" r0 0 7
  .local "b" r1 0 7
.code
;    9 | function Vec.__lt(a, b) return a.x < b.x end
  getfield    r2 r0 k0 s0 @9:34 {r0 local "a"} ; 0 "x"
  getfield    r3 r1 k0 s1 @9:40 {r1 local "b"} ; 1 "x"
  jlt         r2 r3 L5 @9:36               ; 2
  loadfalse   r2 @9:40                     ; 3
  jmp         L6                           ; 4
L5: defined 2
  loadtrue    r2                           ; 5
L6: defined 3
  return1     r2                           ; 6
.end

.proto 7
  .source "@metamethods.lua"
  .lines 10 10
  .params 2
  .regs 4
  .const "x" ; k0
  .slot field ; s0
  .slot field ; s1
  .local "a" r0 0 7
  .local "b" r1 0 7
.code
;   10 | function Vec.__le(a, b) return a.x <= b.x end
  getfield    r2 r0 k0 s0 @10:34 {r0 local "a"} ; 0 "x"
  getfield    r3 r1 k0 s1 @10:41 {r1 local "b"} ; 1 "x"
  jle         r2 r3 L5 @10:36              ; 2
  loadfalse   r2 @10:41                    ; 3
  jmp         L6                           ; 4
L5: defined 2
  loadtrue    r2                           ; 5
L6: defined 3
  return1     r2                           ; 6
.end

.proto 8
  .source "@metamethods.lua"
  .lines 11 11
  .params 2
  .regs 6
  .upval u0 "_ENV" ; u0
  .const "tostring" ; k0
  .slot field ; s0
  .slot call ; s1
  .slot field ; s2
  .slot call ; s3
  .local "a" r0 0 8
  .local "b" r1 0 8
.code
;   11 | function Vec.__concat(a, b) return tostring(a) .. tostring(b) end
  gettabup    r2 u0 k0 s0 @11:36           ; 0 "_ENV" "tostring"
  move        r4 r0 @11:46                 ; 1
  call        r2 1 1 s1 @11:44 {r2 global "tostring"} ; 2
  gettabup    r3 u0 k0 s2 @11:51           ; 3 "_ENV" "tostring"
  move        r5 r1 @11:61                 ; 4
  call        r3 1 1 s3 @11:59 {r3 global "tostring"} ; 5
  concat      r2 r2 r3 @11:48              ; 6
  return1     r2 @11:61                    ; 7
.end

.proto 9
  .source "@metamethods.lua"
  .lines 12 12
  .params 1
  .regs 6
  .const "(" ; k0
  .const "x" ; k1
  .const "," ; k2
  .const "y" ; k3
  .const ")" ; k4
  .slot field ; s0
  .slot field ; s1
  .local "a" r0 0 7
.code
;   12 | function Vec.__tostring(a) return "(" .. a.x .. "," .. a.y .. ")" end
  loadk       r1 k0 @12:39                 ; 0 "("
  getfield    r2 r0 k1 s0 @12:44 {r0 local "a"} ; 1 "x"
  loadk       r3 k2 @12:53                 ; 2 ","
  getfield    r4 r0 k3 s1 @12:58 {r0 local "a"} ; 3 "y"
  loadk       r5 k4 @12:63                 ; 4 ")"
  concat      r1 r1 r5 @12:60 {r1 constant "("} {r2 field "x"} {r3 constant ","} {r4 field "y"} {r5 constant ")"} ; 5
  return1     r1 @12:63                    ; 6
.end

.proto 10
  .source "@metamethods.lua"
  .lines 13 13
  .params 1
  .regs 2
  .local "a" r0 0 2
.code
;   13 | function Vec.__len(a) return 2 end
  loadi       r1 2 @13:30                  ; 0
  return1     r1                           ; 1
.end

.proto 11
  .source "@metamethods.lua"
  .lines 14 14
  .params 2
  .regs 3
  .local "a" r0 0 2
  .local "k" r1 0 2
.code
;   14 | function Vec.__call(a, k) return a[k] end
  getindex    r2 r0 r1 @14:37 {r0 local "a"} ; 0
  return1     r2                           ; 1
.end

.proto 12
  .source "@metamethods.lua"
  .lines 15 15
  .params 2
  .regs 3
  .const "idiv" ; k0
  .local "a" r0 0 2
  .local "b" r1 0 2
.code
;   15 | function Vec.__idiv(a, b) return "idiv" end
  loadk       r2 k0 @15:34                 ; 0 "idiv"
  return1     r2                           ; 1
.end

.proto 13
  .source "@metamethods.lua"
  .lines 16 16
  .params 2
  .regs 3
  .const "band" ; k0
  .local "a" r0 0 2
  .local "b" r1 0 2
.code
;   16 | function Vec.__band(a, b) return "band" end
  loadk       r2 k0 @16:34                 ; 0 "band"
  return1     r2                           ; 1
.end

.proto 14
  .source "@metamethods.lua"
  .lines 17 17
  .params 2
  .regs 3
  .const "shl" ; k0
  .local "a" r0 0 2
  .local "b" r1 0 2
.code
;   17 | function Vec.__shl(a, b) return "shl" end
  loadk       r2 k0 @17:33                 ; 0 "shl"
  return1     r2                           ; 1
.end

.proto 15
  .source "@metamethods.lua"
  .lines 18 18
  .params 2
  .regs 5
  .const "x" ; k0
  .const "y" ; k1
  .slot field ; s0
  .slot field ; s1
  .slot field ; s2
  .slot field ; s3
  .local "self" r0 0 8
  .local "b" r1 0 8
.code
;   18 | function Vec:dot(b) return self.x * b.x + self.y * b.y end
  getfield    r2 r0 k0 s0 @18:33 {r0 local "self"} ; 0 "x"
  getfield    r3 r1 k0 s1 @18:39 {r1 local "b"} ; 1 "x"
  mul         r2 r2 r3 @18:35 {r2 field "x"} {r3 field "x"} ; 2
  getfield    r3 r0 k1 s2 @18:48 {r0 local "self"} ; 3 "y"
  getfield    r4 r1 k1 s3 @18:54 {r1 local "b"} ; 4 "y"
  mul         r3 r3 r4 @18:50 {r3 field "y"} {r4 field "y"} ; 5
  add         r2 r2 r3 @18:41              ; 6
  return1     r2 @18:54                    ; 7
.end

.proto 16
  .source "@metamethods.lua"
  .lines 23 23
  .params 1
  .regs 3
  .const "hi " ; k0
  .const "name" ; k1
  .slot field ; s0
  .local "self" r0 0 4
.code
;   23 | local Base = { greet = function(self) return "hi " .. self.name end }
  loadk       r1 k0 @23:52                 ; 0 "hi "
  getfield    r2 r0 k1 s0 @23:60 {r0 local "self"} ; 1 "name"
  concat      r1 r1 r2 @23:52 {r1 constant "hi "} {r2 field "name"} ; 2
  return1     r1 @23:60                    ; 3
.end

.proto 17
  .source "@metamethods.lua"
  .lines 30 30
  .params 0
  .regs 2
  .const "overridden" ; k0
.code
;   30 | Derived.greet = function() return "overridden" end
  loadk       r0 k0 @30:35                 ; 0 "overridden"
  return1     r0                           ; 1
.end

.proto 18
  .source "@metamethods.lua"
  .lines 32 32
  .params 0
  .regs 2
  .upval r2 "a" ; u0
.code
;   32 | print(pcall(function() return a + 1 end))
  getupval    r0 u0 @32:31                 ; 0 "a"
  addi        r0 r0 1 @32:33 {r0 upvalue "a"} ; 1
  return1     r0 @32:35                    ; 2
.end
