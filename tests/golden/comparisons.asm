strata 1
.string "@comparisons.lua" ; $0
.string "_ENV" ; $1
.string "classify" ; $2
.string "a" ; $3
.string "b" ; $4
.string "equal" ; $5
.string "less" ; $6
.string "far" ; $7
.string "more" ; $8
.string "none" ; $9
.string "print" ; $10
.string "pcall" ; $11
.string "x" ; $12
.string "y" ; $13
.string "field" ; $14
.string "z" ; $15
.string "setmetatable" ; $16
.string "__eq" ; $17
.string "__lt" ; $18
.string "__le" ; $19
.string "t" ; $20
.string "getmetatable" ; $21
.string "u" ; $22
.string "done" ; $23

.proto 0 ; main
  .source "@comparisons.lua"
  .params 0
  .vararg
  .regs 13
  .upval r0 "_ENV" ; u0
  .child 1 ; p0
  .child 2 ; p1
  .child 3 ; p2
  .child 4 ; p3
  .const "print" ; k0
  .const "pcall" ; k1
  .const "a" ; k2
  .const "b" ; k3
  .const 9007199254740992.0 ; k4
  .const "field" ; k5
  .const false ; k6
  .const "setmetatable" ; k7
  .const "__eq" ; k8
  .const "__lt" ; k9
  .const "__le" ; k10
  .const "getmetatable" ; k11
  .const 2 ; k12
  .const 1 ; k13
  .slot field ; s0
  .slot call ; s1
  .slot call ; s2
  .slot call ; s3
  .slot call ; s4
  .slot call ; s5
  .slot call ; s6
  .slot field ; s7
  .slot field ; s8
  .slot call ; s9
  .slot call ; s10
  .slot call ; s11
  .slot call ; s12
  .slot field ; s13
  .slot field ; s14
  .slot call ; s15
  .slot field ; s16
  .slot site ; s17
  .slot site ; s18
  .slot field ; s19
  .slot field ; s20
  .slot field ; s21
  .slot call ; s22
  .slot field ; s23
  .slot site ; s24
  .slot field ; s25
  .slot call ; s26
  .slot call ; s27
  .slot field ; s28
  .slot call ; s29
  .slot field ; s30
  .slot call ; s31
  .local "classify" r0 2 119
  .local "x" r1 40 119
  .local "y" r2 42 119
  .local "z" r3 49 119
  .local "t" r4 75 119
  .local "u" r5 81 119
  .local "done" r6 112 115
.code
;    1 | -- Conditions: comparisons with registers and constants, and, or, not.
  varargprep  0 @1:1                       ; 0
;    7 | end
  closure     r0 p0 @7:1                   ; 1 prototype 1
;    8 | print(classify(1, 1), classify(1, 2), classify(20, 3), classify(5, -20), classify(5, 3))
  gettabup    r1 u0 k0 s0 @8:1             ; 2 "_ENV" "print"
  move        r3 r0 @8:7                   ; 3
  loadi       r5 1 @8:16                   ; 4
  loadi       r6 1 @8:20                   ; 5
  call        r3 2 1 s1 @8:15 {r3 local "classify"} ; 6
  move        r4 r0 @8:23                  ; 7
  loadi       r6 1 @8:32                   ; 8
  loadi       r7 2 @8:36                   ; 9
  call        r4 2 1 s2 @8:31 {r4 local "classify"} ; 10
  move        r5 r0 @8:39                  ; 11
  loadi       r7 20 @8:48                  ; 12
  loadi       r8 3 @8:53                   ; 13
  call        r5 2 1 s3 @8:47 {r5 local "classify"} ; 14
  move        r6 r0 @8:56                  ; 15
  loadi       r8 5 @8:65                   ; 16
  loadi       r9 -20 @8:71                 ; 17
  call        r6 2 1 s4 @8:64 {r6 local "classify"} ; 18
  move        r7 r0 @8:74                  ; 19
  loadi       r9 5 @8:83                   ; 20
  loadi       r10 3 @8:87                  ; 21
  call        r7 2 * s5 @8:82 {r7 local "classify"} ; 22
  call        r1 * 0 s6 @8:6 {r1 global "print"} ; 23
;    9 | print(pcall(classify, "a", "b"), classify(1, 1.0), classify(2 ^ 53, 2 ^ 53 + 1))
  gettabup    r1 u0 k0 s7 @9:1             ; 24 "_ENV" "print"
  gettabup    r3 u0 k1 s8 @9:7             ; 25 "_ENV" "pcall"
  move        r5 r0 @9:13                  ; 26
  loadk       r6 k2 @9:23                  ; 27 "a"
  loadk       r7 k3 @9:31                  ; 28 "b"
  call        r3 3 1 s9 @9:12 {r3 global "pcall"} ; 29
  move        r4 r0 @9:34                  ; 30
  loadi       r6 1 @9:43                   ; 31
  loadf       r7 1 @9:49                   ; 32
  call        r4 2 1 s10 @9:42 {r4 local "classify"} ; 33
  move        r5 r0 @9:52                  ; 34
  loadk       r7 k4 @9:65                  ; 35 9007199254740992.0
  loadk       r8 k4 @9:79                  ; 36 9007199254740992.0
  call        r5 2 * s11 @9:60 {r5 local "classify"} ; 37
  call        r1 * 0 s12 @9:6 {r1 global "print"} ; 38
;   10 | local x = nil
  loadnil     r1 0 @10:11                  ; 39
;   11 | local y = x or 5
  jtrueset    r2 r1 L42 @11:13             ; 40
  loadi       r2 5 @11:16                  ; 41
;   12 | local z = x and x.field or y == 5
L42: defined 3
  jfalse      r1 L45 @12:13                ; 42
  getfield    r3 r1 k5 s13 @12:19 {r1 local "x"} ; 43 "field"
  jtrue       r3 L49 @12:25                ; 44
L45: defined 3
  jeqi        r2 5 L48 @12:30              ; 45
  loadfalse   r3 @12:33                    ; 46
  jmp         L49                          ; 47
L48: defined 3
  loadtrue    r3                           ; 48
;   13 | print(y, z, not x, not not y, x == nil, x == false)
L49: defined 4
  gettabup    r4 u0 k0 s14 @13:1           ; 49 "_ENV" "print"
  loadnil     r5 0 @13:6                   ; 50
  move        r6 r2 @13:7                  ; 51
  move        r7 r3 @13:10                 ; 52
  not         r8 r1 @13:17                 ; 53
  not         r9 r2 @13:28                 ; 54
  not         r9 r9                        ; 55
  jnil        r1 L59 @13:33                ; 56
  loadfalse   r10 @13:36                   ; 57
  jmp         L60                          ; 58
L59: defined 10
  loadtrue    r10                          ; 59
L60: defined 11
  jeqk        r1 k6 L63 @13:43             ; 60 false
  loadfalse   r11 @13:51                   ; 61
  jmp         L64                          ; 62
L63: defined 11
  loadtrue    r11                          ; 63
L64: defined 12
  call        r4 6 0 s15 @13:6 {r4 global "print"} ; 64
;   14 | local t = setmetatable({}, { __eq = function() return true end, __lt = function() return false end,
  gettabup    r4 u0 k7 s16 @14:11          ; 65 "_ENV" "setmetatable"
  newtable    r6 0 0 s17 @14:24            ; 66
  newtable    r7 3 0 s18 @14:28            ; 67
  closure     r8 p1 @14:60                 ; 68 prototype 2
  setfield    r7 r8 k8 s19 @14:30          ; 69 "__eq"
  closure     r8 p2 @14:96                 ; 70 prototype 3
  setfield    r7 r8 k9 s20 @14:65          ; 71 "__lt"
;   15 |   __le = function() return true end })
  closure     r8 p3 @15:33                 ; 72 prototype 4
  setfield    r7 r8 k10 s21 @15:3          ; 73 "__le"
;   14 | local t = setmetatable({}, { __eq = function() return true end, __lt = function() return false end,
  call        r4 2 1 s22 @14:23 {r4 global "setmetatable"} ; 74
;   16 | local u = setmetatable({}, getmetatable(t))
  gettabup    r5 u0 k7 s23 @16:11          ; 75 "_ENV" "setmetatable"
  newtable    r7 0 0 s24 @16:24            ; 76
  gettabup    r8 u0 k11 s25 @16:28         ; 77 "_ENV" "getmetatable"
  move        r10 r4 @16:42                ; 78
  call        r8 1 * s26 @16:40 {r8 global "getmetatable"} ; 79
  call        r5 * 1 s27 @16:23 {r5 global "setmetatable"} ; 80
;   17 | print(t == u, t < u, t <= u, t > u, t ~= u)
  gettabup    r6 u0 k0 s28 @17:1           ; 81 "_ENV" "print"
  loadnil     r7 0 @17:6                   ; 82
  jeq         r4 r5 L86 @17:9              ; 83
  loadfalse   r8 @17:12                    ; 84
  jmp         L87                          ; 85
L86: defined 8
  loadtrue    r8                           ; 86
L87: defined 9
  jlt         r4 r5 L90 @17:17             ; 87
  loadfalse   r9 @17:19                    ; 88
  jmp         L91                          ; 89
L90: defined 9
  loadtrue    r9                           ; 90
L91: defined 10
  jle         r4 r5 L94 @17:24             ; 91
  loadfalse   r10 @17:27                   ; 92
  jmp         L95                          ; 93
L94: defined 10
  loadtrue    r10                          ; 94
L95: defined 11
  jlt         r5 r4 L98 @17:32             ; 95
  loadfalse   r11 @17:34                   ; 96
  jmp         L99                          ; 97
L98: defined 11
  loadtrue    r11                          ; 98
L99: defined 12
  jne         r4 r5 L102 @17:39            ; 99
  loadfalse   r12 @17:43                   ; 100
  jmp         L103                         ; 101
L102: defined 12
  loadtrue    r12                          ; 102
L103: defined 13
  call        r6 5 0 s29 @17:6 {r6 global "print"} ; 103
;   18 | while y > 0 do
L104: loop defined 6
  jnotgti     r2 0 L108 @18:9              ; 104
;   19 |   y = y - 2
  subk        r2 r2 k12 @19:9 {r2 local "y"} ; 105 2
;   20 |   if y < 3 then break end
  jlti        r2 3 L108 @20:8              ; 106
  loop        L104 @20:23                  ; 107
;   22 | repeat local done = y <= -3; y = y - 1 until done
L108: loop defined 6
  jlei        r2 -3 L111 @22:23            ; 108
  loadfalse   r6 @22:27                    ; 109
  jmp         L112                         ; 110
L111: defined 6
  loadtrue    r6                           ; 111
L112: defined 7
  subk        r2 r2 k13 @22:36 {r2 local "y"} ; 112 1
  jtrue       r6 L115 @22:46               ; 113
  loop        L108                         ; 114
;   23 | print(y)
L115: defined 6
  gettabup    r6 u0 k0 s30 @23:1           ; 115 "_ENV" "print"
  move        r8 r2 @23:8                  ; 116
  call        r6 1 0 s31 @23:6 {r6 global "print"} ; 117
  return0 @23:8                            ; 118
.end

.proto 1
  .source "@comparisons.lua"
  .lines 2 7
  .params 2
  .regs 3
  .const "equal" ; k0
  .const "less" ; k1
  .const "far" ; k2
  .const "more" ; k3
  .const "none" ; k4
  .local "a" r0 0 16
  .local "b" r1 0 16
.code
;    3 |   if a == b then return "equal" end
  jne         r0 r1 L3 @3:8                ; 0
  loadk       r2 k0 @3:25                  ; 1 "equal"
  return1     r2                           ; 2
;    4 |   if a < b and not (a > 100) then return "less" end
L3: defined 2
  jnotlt      r0 r1 L7 @4:8                ; 3
  jgti        r0 100 L7 @4:23              ; 4
  loadk       r2 k1 @4:42                  ; 5 "less"
  return1     r2                           ; 6
;    5 |   if a >= 10 or b <= -10 then return "far" end
L7: defined 2
  jgei        r0 10 L9 @5:8                ; 7
  jnotlei     r1 -10 L11 @5:19             ; 8
L9: defined 2
  loadk       r2 k2 @5:38                  ; 9 "far"
  return1     r2                           ; 10
;    6 |   return a ~= nil and "more" or "none"
L11: defined 2
  jnil        r0 L14 @6:12                 ; 11
  loadk       r2 k3 @6:30                  ; 12 "more"
  jtrue       r2 L15                       ; 13
L14: defined 2
  loadk       r2 k4 @6:33                  ; 14 "none"
L15: defined 3
  return1     r2                           ; 15
.end

.proto 2
  .source "@comparisons.lua"
  .lines 14 14
  .params 0
  .regs 2
.code
;   14 | local t = setmetatable({}, { __eq = function() return true end, __lt = function() return false end,
  loadtrue    r0 @14:55                    ; 0
  return1     r0                           ; 1
.end

.proto 3
  .source "@comparisons.lua"
  .lines 14 14
  .params 0
  .regs 2
.code
;   14 | local t = setmetatable({}, { __eq = function() return true end, __lt = function() return false end,
  loadfalse   r0 @14:90                    ; 0
  return1     r0                           ; 1
.end

.proto 4
  .source "@comparisons.lua"
  .lines 15 15
  .params 0
  .regs 2
.code
;   15 |   __le = function() return true end })
  loadtrue    r0 @15:28                    ; 0
  return1     r0                           ; 1
.end
