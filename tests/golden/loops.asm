strata 1
.string "@loops.lua" ; $0
.string "_ENV" ; $1
.string "total" ; $2
.string "(for state)" ; $3
.string "i" ; $4
.string "x" ; $5
.string "math" ; $6
.string "maxinteger" ; $7
.string "print" ; $8
.string "pairs" ; $9
.string "a" ; $10
.string "k" ; $11
.string "v" ; $12
.string "ipairs" ; $13
.string "y" ; $14
.string "z" ; $15
.string "j" ; $16
.string "n" ; $17
.string "range" ; $18
.string "state" ; $19
.string "pcall" ; $20

.proto 0 ; main
  .source "@loops.lua"
  .params 0
  .vararg
  .regs 16
  .upval r0 "_ENV" ; u0
  .child 1 ; p0
  .child 3 ; p1
  .const 0.25 ; k0
  .const "math" ; k1
  .const "maxinteger" ; k2
  .const 1 ; k3
  .const 7 ; k4
  .const "print" ; k5
  .const "pairs" ; k6
  .const "a" ; k7
  .const "ipairs" ; k8
  .const "x" ; k9
  .const "y" ; k10
  .const "z" ; k11
  .const 2 ; k12
  .const "pcall" ; k13
  .slot field ; s0
  .slot field ; s1
  .slot field ; s2
  .slot field ; s3
  .slot field ; s4
  .slot call ; s5
  .slot field ; s6
  .slot site ; s7
  .slot field ; s8
  .slot call ; s9
  .slot field ; s10
  .slot call ; s11
  .slot field ; s12
  .slot site ; s13
  .slot call ; s14
  .slot field ; s15
  .slot call ; s16
  .slot call ; s17
  .slot field ; s18
  .slot call ; s19
  .slot field ; s20
  .slot field ; s21
  .slot call ; s22
  .slot call ; s23
  .local "total" r0 2 92
  .local "(for state)" r1 5 8
  .local "(for state)" r2 5 8
  .local "(for state)" r3 5 8
  .local "i" r4 6 7
  .local "(for state)" r1 11 14
  .local "(for state)" r2 11 14
  .local "(for state)" r3 11 14
  .local "i" r4 12 13
  .local "(for state)" r1 17 20
  .local "(for state)" r2 17 20
  .local "(for state)" r3 17 20
  .local "x" r4 18 19
  .local "(for state)" r1 26 30
  .local "(for state)" r2 26 30
  .local "(for state)" r3 26 30
  .local "i" r4 27 29
  .local "(for state)" r1 38 46
  .local "(for state)" r2 38 46
  .local "(for state)" r3 38 46
  .local "(for state)" r4 38 46
  .local "k" r5 39 43
  .local "v" r6 39 43
  .local "(for state)" r1 53 69
  .local "(for state)" r2 53 69
  .local "(for state)" r3 53 69
  .local "(for state)" r4 53 69
  .local "i" r5 54 66
  .local "v" r6 54 66
  .local "(for state)" r7 58 66
  .local "(for state)" r8 58 66
  .local "(for state)" r9 58 66
  .local "j" r10 59 65
  .local "n" r1 70 92
  .local "range" r2 74 92
  .local "(for state)" r3 77 83
  .local "(for state)" r4 77 83
  .local "(for state)" r5 77 83
  .local "(for state)" r6 77 83
  .local "i" r7 78 80
.code
;    1 | -- Numeric and generic for, while, repeat, break, goto.
  varargprep  0 @1:1                       ; 0
;    2 | local total = 0
  loadi       r0 0 @2:15                   ; 1
;    3 | for i = 1, 10 do total = total + i end
  loadi       r1 1 @3:9                    ; 2
  loadi       r2 10 @3:12                  ; 3
  loadi       r3 1                         ; 4
  forprep     r1 L8 @3:15                  ; 5
L6: loop defined 5
  add         r0 r0 r4 @3:32 {r0 local "total"} {r4 local "i"} ; 6
  forloop     r1 L6 @3:1                   ; 7
;    4 | for i = 10, 1, -3 do total = total + i end
L8: defined 1
  loadi       r1 10 @4:9                   ; 8
  loadi       r2 1 @4:13                   ; 9
  loadi       r3 -3 @4:17                  ; 10
  forprep     r1 L14 @4:19                 ; 11
L12: loop defined 5
  add         r0 r0 r4 @4:36 {r0 local "total"} {r4 local "i"} ; 12
  forloop     r1 L12 @4:1                  ; 13
;    5 | for x = 0.0, 1.0, 0.25 do total = total + x end
L14: defined 1
  loadf       r1 0 @5:9                    ; 14
  loadf       r2 1 @5:14                   ; 15
  loadk       r3 k0 @5:19                  ; 16 0.25
  forprep     r1 L20 @5:24                 ; 17
L18: loop defined 5
  add         r0 r0 r4 @5:41 {r0 local "total"} {r4 local "x"} ; 18
  forloop     r1 L18 @5:1                  ; 19
;    6 | for i = math.maxinteger - 1, math.maxinteger do total = total + (i % 7) end
L20: defined 1
  gettabup    r1 u0 k1 s0 @6:9             ; 20 "_ENV" "math"
  getfield    r1 r1 k2 s1 @6:14 {r1 global "math"} ; 21 "maxinteger"
  subk        r1 r1 k3 @6:25 {r1 field "maxinteger"} ; 22 1
  gettabup    r2 u0 k1 s2 @6:30            ; 23 "_ENV" "math"
  getfield    r2 r2 k2 s3 @6:35 {r2 global "math"} ; 24 "maxinteger"
  loadi       r3 1                         ; 25
  forprep     r1 L30 @6:46                 ; 26
L27: loop defined 5
  modk        r5 r4 k4 @6:68 {r4 local "i"} ; 27 7
  add         r0 r0 r5 @6:63 {r0 local "total"} ; 28
  forloop     r1 L27 @6:1                  ; 29
;    7 | print(total)
L30: defined 1
  gettabup    r1 u0 k5 s4 @7:1             ; 30 "_ENV" "print"
  move        r3 r0 @7:12                  ; 31
  call        r1 1 0 s5 @7:6 {r1 global "print"} ; 32
;    8 | for k, v in pairs { a = 1 } do print(k, v) end
  gettabup    r1 u0 k6 s6 @8:13            ; 33 "_ENV" "pairs"
  newtable    r3 1 0 s7 @8:19              ; 34
  loadi       r4 1 @8:25                   ; 35
  setfield    r3 r4 k7 s8 @8:21            ; 36 "a"
  call        r1 1 4 s9 @8:19 {r1 global "pairs"} ; 37
  tforprep    r1 L43 @8:29                 ; 38
L39: loop defined 7 tbc r4
  gettabup    r7 u0 k5 s10 @8:32           ; 39 "_ENV" "print"
  move        r9 r5 @8:38                  ; 40
  move        r10 r6 @8:42                 ; 41
  call        r7 2 0 s11 @8:37 {r7 global "print"} ; 42
L43: defined 5 tbc r4
  tforcall    r1 2 @8:13                   ; 43
  tforloop    r1 L39                       ; 44
  close       r1 @8:44                     ; 45
;    9 | for i, v in ipairs { "x", "y", "z" } do
  gettabup    r1 u0 k8 s12 @9:13           ; 46 "_ENV" "ipairs"
  newtable    r3 0 3 s13 @9:20             ; 47
  loadk       r4 k9 @9:22                  ; 48 "x"
  loadk       r5 k10 @9:27                 ; 49 "y"
  loadk       r6 k11 @9:32                 ; 50 "z"
  setlist     r3 3 0 @9:36                 ; 51
  call        r1 1 4 s14 @9:20 {r1 global "ipairs"} ; 52
  tforprep    r1 L66 @9:38                 ; 53
;   10 |   if v == "z" then break end
L54: loop defined 7 tbc r4
  jeqk        r6 k11 L68 @10:8             ; 54 "z"
;   11 |   for j = i, 3 do
  move        r7 r5 @11:11                 ; 55
  loadi       r8 3 @11:14                  ; 56
  loadi       r9 1                         ; 57
  forprep     r7 L66 @11:16                ; 58
;   12 |     if j == 2 then goto continue end
L59: loop defined 11 tbc r4
  jeqi        r10 2 L65 @12:10             ; 59
;   13 |     print(i, j, v)
  gettabup    r11 u0 k5 s15 @13:5          ; 60 "_ENV" "print"
  move        r13 r5 @13:11                ; 61
  move        r14 r10 @13:14               ; 62
  move        r15 r6 @13:18                ; 63
  call        r11 3 0 s16 @13:10 {r11 global "print"} ; 64
;   11 |   for j = i, 3 do
L65: defined 11 tbc r4
  forloop     r7 L59 @11:3                 ; 65
;    9 | for i, v in ipairs { "x", "y", "z" } do
L66: defined 5 tbc r4
  tforcall    r1 2 @9:13                   ; 66
  tforloop    r1 L54                       ; 67
;   16 | end
L68: defined 5 tbc r4
  close       r1 @16:1                     ; 68
;   17 | local n = 0
  loadi       r1 0 @17:11                  ; 69
;   19 | n = n + 1
L70: loop defined 2
  addi        r1 r1 1 @19:7 {r1 local "n"} ; 70
;   20 | if n < 4 then goto again end
  jnotlti     r1 4 L73 @20:6               ; 71
  loop        L70 @20:20                   ; 72
;   23 | end
L73: defined 2
  closure     r2 p0 @23:1                  ; 73 prototype 1
;   24 | for i in range(3) do n = n * 2 + i end
  move        r3 r2 @24:10                 ; 74
  loadi       r5 3 @24:17                  ; 75
  call        r3 1 4 s17 @24:15 {r3 local "range"} ; 76
  tforprep    r3 L80 @24:19                ; 77
L78: loop defined 8 tbc r6
  mulk        r8 r1 k12 @24:28 {r1 local "n"} ; 78 2
  add         r1 r8 r7 @24:32 {r7 local "i"} ; 79
L80: defined 7 tbc r6
  tforcall    r3 1 @24:10                  ; 80
  tforloop    r3 L78                       ; 81
  close       r3 @24:36                    ; 82
;   25 | print(n)
  gettabup    r3 u0 k5 s18 @25:1           ; 83 "_ENV" "print"
  move        r5 r1 @25:8                  ; 84
  call        r3 1 0 s19 @25:6 {r3 global "print"} ; 85
;   26 | print(pcall(function() for i = 1, 2, 0 do end end))
  gettabup    r3 u0 k5 s20 @26:1           ; 86 "_ENV" "print"
  gettabup    r5 u0 k13 s21 @26:7          ; 87 "_ENV" "pcall"
  closure     r7 p1 @26:47                 ; 88 prototype 3
  call        r5 1 * s22 @26:12 {r5 global "pcall"} ; 89
  call        r3 * 0 s23 @26:6 {r3 global "print"} ; 90
  return0 @26:51                           ; 91
.end

.proto 1
  .source "@loops.lua"
  .lines 21 23
  .params 1
  .regs 4
  .child 2 ; p0
  .local "n" r0 0 4
.code
;   22 |   return function(state, i) if i < state then return i + 1 end end, n, 0
  closure     r1 p0 @22:64                 ; 0 prototype 2
  move        r2 r0 @22:69                 ; 1
  loadi       r3 0 @22:72                  ; 2
  return      r1 3                         ; 3
.end

.proto 2
  .source "@loops.lua"
  .lines 22 22
  .params 2
  .regs 3
  .local "state" r0 0 4
  .local "i" r1 0 4
.code
;   22 |   return function(state, i) if i < state then return i + 1 end end, n, 0
  jnotlt      r1 r0 L3 @22:34              ; 0
  addi        r2 r1 1 @22:56 {r1 local "i"} ; 1
  return1     r2 @22:58                    ; 2
L3: defined 2
  return0 @22:64                           ; 3
.end

.proto 3
  .source "@loops.lua"
  .lines 26 26
  .params 0
  .regs 4
  .local "(for state)" r0 3 5
  .local "(for state)" r1 3 5
  .local "(for state)" r2 3 5
.code
;   26 | print(pcall(function() for i = 1, 2, 0 do end end))
  loadi       r0 1 @26:32                  ; 0
  loadi       r1 2 @26:35                  ; 1
  loadi       r2 0 @26:38                  ; 2
  forprep     r0 L5 @26:40                 ; 3
L4: loop defined 4
  forloop     r0 L4 @26:24                 ; 4
L5: defined 0
  return0 @26:47                           ; 5
.end
