strata 1
.string "@arithmetic.lua" ; $0
.string "_ENV" ; $1
.string "10" ; $2
.string "i" ; $3
.string "f" ; $4
.string "s" ; $5
.string "sum" ; $6
.string "difference" ; $7
.string "product" ; $8
.string "quotient" ; $9
.string "floor" ; $10
.string "modulo" ; $11
.string "power" ; $12
.string "bits" ; $13
.string "unary" ; $14
.string "complement" ; $15
.string "length" ; $16
.string " " ; $17
.string "2" ; $18
.string "text" ; $19
.string "print" ; $20
.string "math" ; $21
.string "maxinteger" ; $22
.string "mininteger" ; $23
.string "ipairs" ; $24
.string "3" ; $25
.string "(for state)" ; $26
.string "_" ; $27
.string "v" ; $28

.proto 0 ; main
  .source "@arithmetic.lua"
  .params 0
  .vararg
  .regs 28
  .upval r0 "_ENV" ; u0
  .const 2.5 ; k0
  .const "10" ; k1
  .const 3 ; k2
  .const 2 ; k3
  .const 12 ; k4
  .const 1 ; k5
  .const " " ; k6
  .const "2" ; k7
  .const "print" ; k8
  .const 9007199254740992 ; k9
  .const 0.0 ; k10
  .const 0.5 ; k11
  .const "math" ; k12
  .const "maxinteger" ; k13
  .const "mininteger" ; k14
  .const -9223372036854775808 ; k15
  .const "ipairs" ; k16
  .const 1.5 ; k17
  .const "3" ; k18
  .slot field ; s0
  .slot call ; s1
  .slot field ; s2
  .slot call ; s3
  .slot field ; s4
  .slot call ; s5
  .slot field ; s6
  .slot field ; s7
  .slot field ; s8
  .slot field ; s9
  .slot field ; s10
  .slot call ; s11
  .slot field ; s12
  .slot site ; s13
  .slot call ; s14
  .slot field ; s15
  .slot call ; s16
  .local "i" r0 4 87
  .local "f" r1 4 87
  .local "s" r2 4 87
  .local "sum" r3 7 87
  .local "difference" r4 7 87
  .local "product" r5 7 87
  .local "quotient" r6 12 87
  .local "floor" r7 12 87
  .local "modulo" r8 12 87
  .local "power" r9 12 87
  .local "bits" r10 17 87
  .local "unary" r11 20 87
  .local "complement" r12 20 87
  .local "length" r13 20 87
  .local "text" r14 25 87
  .local "(for state)" r15 74 86
  .local "(for state)" r16 74 86
  .local "(for state)" r17 74 86
  .local "(for state)" r18 74 86
  .local "_" r19 75 83
  .local "v" r20 75 83
.code
;    1 | -- Operators on both subtypes, constants folded and not, and coercions.
  varargprep  0 @1:1                       ; 0
;    2 | local i, f, s = 7, 2.5, "10"
  loadi       r0 7 @2:17                   ; 1
  loadk       r1 k0 @2:20                  ; 2 2.5
  loadk       r2 k1 @2:25                  ; 3 "10"
;    3 | local sum, difference, product = i + f, i - 3, f * 2
  add         r3 r0 r1 @3:36 {r0 local "i"} {r1 local "f"} ; 4
  subk        r4 r0 k2 @3:43 {r0 local "i"} ; 5 3
  mulk        r5 r1 k3 @3:50 {r1 local "f"} ; 6 2
;    4 | local quotient, floor, modulo, power = i / 2, i // 2, -i % 3, f ^ 2
  divk        r6 r0 k3 @4:42 {r0 local "i"} ; 7 2
  idivk       r7 r0 k3 @4:49 {r0 local "i"} ; 8 2
  unm         r8 r0 @4:55 {r0 local "i"}   ; 9
  modk        r8 r8 k2 @4:58               ; 10 3
  powk        r9 r1 k3 @4:65 {r1 local "f"} ; 11 2
;    5 | local bits = (i & 3) | (i ~ 12) << 2 >> 1
  bandk       r10 r0 k2 @5:17 {r0 local "i"} ; 12 3
  bxork       r11 r0 k4 @5:27 {r0 local "i"} ; 13 12
  shlk        r11 r11 k3 @5:33             ; 14 2
  shrk        r11 r11 k5 @5:38             ; 15 1
  bor         r10 r10 r11 @5:22            ; 16
;    6 | local unary, complement, length = -f, ~i, #s
  unm         r11 r1 @6:35 {r1 local "f"}  ; 17
  bnot        r12 r0 @6:39 {r0 local "i"}  ; 18
  len         r13 r2 @6:43 {r2 local "s"}  ; 19
;    7 | local text = s + 1 .. " " .. s * "2"
  addi        r14 r2 1 @7:16 {r2 local "s"} ; 20
  loadk       r15 k6 @7:27                 ; 21 " "
  loadk       r16 k7 @7:34                 ; 22 "2"
  mul         r16 r2 r16 @7:32 {r2 local "s"} {r16 constant "2"} ; 23
  concat      r14 r14 r16 @7:27 {r15 constant " "} ; 24
;    8 | print(sum, difference, product, quotient, floor, modulo, power)
  gettabup    r15 u0 k8 s0 @8:1            ; 25 "_ENV" "print"
  move        r17 r3 @8:7                  ; 26
  move        r18 r4 @8:12                 ; 27
  move        r19 r5 @8:24                 ; 28
  move        r20 r6 @8:33                 ; 29
  move        r21 r7 @8:43                 ; 30
  move        r22 r8 @8:50                 ; 31
  move        r23 r9 @8:63                 ; 32
  call        r15 7 0 s1 @8:6 {r15 global "print"} ; 33
;    9 | print(bits, unary, complement, length, text)
  gettabup    r15 u0 k8 s2 @9:1            ; 34 "_ENV" "print"
  move        r17 r10 @9:7                 ; 35
  move        r18 r11 @9:13                ; 36
  move        r19 r12 @9:20                ; 37
  move        r20 r13 @9:32                ; 38
  move        r21 r14 @9:44                ; 39
  call        r15 5 0 s3 @9:6 {r15 global "print"} ; 40
;   10 | print(2 ^ 53 | 0, 1 // 0.0, -1 // 0.0, 7 // -2, 7 % -2, -7.5 % 2)
  gettabup    r15 u0 k8 s4 @10:1           ; 41 "_ENV" "print"
  loadk       r17 k9 @10:16                ; 42 9007199254740992
  loadi       r18 1 @10:24                 ; 43
  idivk       r18 r18 k10 @10:21           ; 44 0.0
  loadi       r19 -1 @10:35                ; 45
  idivk       r19 r19 k10 @10:32           ; 46 0.0
  loadi       r20 -4 @10:46                ; 47
  loadi       r21 -1 @10:54                ; 48
  loadk       r22 k11 @10:65               ; 49 0.5
  call        r15 6 0 s5 @10:6 {r15 global "print"} ; 50
;   11 | print(math.maxinteger + 1 == math.mininteger, 1 << 63, 1 << 64, -1 >> 60)
  gettabup    r15 u0 k8 s6 @11:1           ; 51 "_ENV" "print"
  loadnil     r16 0 @11:6                  ; 52
  gettabup    r17 u0 k12 s7 @11:7          ; 53 "_ENV" "math"
  getfield    r17 r17 k13 s8 @11:12 {r17 global "math"} ; 54 "maxinteger"
  addi        r17 r17 1 @11:23 {r17 field "maxinteger"} ; 55
  gettabup    r18 u0 k12 s9 @11:30         ; 56 "_ENV" "math"
  getfield    r18 r18 k14 s10 @11:35 {r18 global "math"} ; 57 "mininteger"
  jeq         r17 r18 L61 @11:27           ; 58
  loadfalse   r17 @11:35                   ; 59
  jmp         L62                          ; 60
L61: defined 17
  loadtrue    r17                          ; 61
L62: defined 18
  loadk       r18 k15 @11:52               ; 62 -9223372036854775808
  loadi       r19 0 @11:61                 ; 63
  loadi       r20 15 @11:73                ; 64
  call        r15 4 0 s11 @11:6 {r15 global "print"} ; 65
;   12 | for _, v in ipairs { 1, 1.5, "3", -4 } do
  gettabup    r15 u0 k16 s12 @12:13        ; 66 "_ENV" "ipairs"
  newtable    r17 0 4 s13 @12:20           ; 67
  loadi       r18 1 @12:22                 ; 68
  loadk       r19 k17 @12:25               ; 69 1.5
  loadk       r20 k18 @12:30               ; 70 "3"
  loadi       r21 -4 @12:36                ; 71
  setlist     r17 4 0 @12:38               ; 72
  call        r15 1 4 s14 @12:20 {r15 global "ipairs"} ; 73
  tforprep    r15 L83 @12:40               ; 74
;   13 |   print(v + 1, v * v, v - i, 2 ^ v, v // 1)
L75: loop defined 21 tbc r18
  gettabup    r21 u0 k8 s15 @13:3          ; 75 "_ENV" "print"
  addi        r23 r20 1 @13:11 {r20 local "v"} ; 76
  mul         r24 r20 r20 @13:18 {r20 local "v"} ; 77
  sub         r25 r20 r0 @13:25 {r20 local "v"} {r0 local "i"} ; 78
  loadi       r26 2 @13:34                 ; 79
  pow         r26 r26 r20 @13:32 {r20 local "v"} ; 80
  idivk       r27 r20 k5 @13:39 {r20 local "v"} ; 81 1
  call        r21 5 0 s16 @13:8 {r21 global "print"} ; 82
;   12 | for _, v in ipairs { 1, 1.5, "3", -4 } do
L83: defined 19 tbc r18
  tforcall    r15 2 @12:13                 ; 83
  tforloop    r15 L75                      ; 84
;   14 | end
  close       r15 @14:1                    ; 85
  return0                                  ; 86
.end
