strata 1
.string "@collector.lua" ; $0
.string "_ENV" ; $1
.string "setmetatable" ; $2
.string "__mode" ; $3
.string "v" ; $4
.string "k" ; $5
.string "weak" ; $6
.string "ephemeron" ; $7
.string "kept" ; $8
.string "(for state)" ; $9
.string "i" ; $10
.string "o" ; $11
.string "collectgarbage" ; $12
.string "n" ; $13
.string "m" ; $14
.string "pairs" ; $15
.string "_" ; $16
.string "print" ; $17
.string "order" ; $18
.string "dying" ; $19
.string "__gc" ; $20
.string "table" ; $21
.string "concat" ; $22
.string " " ; $23
.string "saved" ; $24
.string "alive" ; $25
.string "self" ; $26
.string "generational" ; $27
.string "list" ; $28
.string "next" ; $29
.string "text" ; $30
.string "t" ; $31
.string "step" ; $32
.string "incremental" ; $33
.string "f" ; $34
.string "count" ; $35

.proto 0 ; main
  .source "@collector.lua"
  .params 0
  .vararg
  .regs 16
  .captured r5 r7 r10 r12
  .upval r0 "_ENV" ; u0
  .child 1 ; p0
  .child 2 ; p1
  .child 3 ; p2
  .const "setmetatable" ; k0
  .const "__mode" ; k1
  .const "v" ; k2
  .const "k" ; k3
  .const 5 ; k4
  .const "collectgarbage" ; k5
  .const "pairs" ; k6
  .const "print" ; k7
  .const "__gc" ; k8
  .const "table" ; k9
  .const "concat" ; k10
  .const " " ; k11
  .const "alive" ; k12
  .const "generational" ; k13
  .const "next" ; k14
  .const 100 ; k15
  .const "text" ; k16
  .const "t" ; k17
  .const "step" ; k18
  .const "incremental" ; k19
  .const "f" ; k20
  .const "count" ; k21
  .slot field ; s0
  .slot site ; s1
  .slot site ; s2
  .slot field ; s3
  .slot call ; s4
  .slot field ; s5
  .slot site ; s6
  .slot site ; s7
  .slot field ; s8
  .slot call ; s9
  .slot site ; s10
  .slot site ; s11
  .slot site ; s12
  .slot field ; s13
  .slot call ; s14
  .slot field ; s15
  .slot call ; s16
  .slot field ; s17
  .slot call ; s18
  .slot field ; s19
  .slot call ; s20
  .slot site ; s21
  .slot site ; s22
  .slot field ; s23
  .slot site ; s24
  .slot site ; s25
  .slot field ; s26
  .slot call ; s27
  .slot field ; s28
  .slot call ; s29
  .slot field ; s30
  .slot field ; s31
  .slot field ; s32
  .slot call ; s33
  .slot call ; s34
  .slot field ; s35
  .slot site ; s36
  .slot site ; s37
  .slot field ; s38
  .slot call ; s39
  .slot field ; s40
  .slot call ; s41
  .slot field ; s42
  .slot call ; s43
  .slot field ; s44
  .slot call ; s45
  .slot site ; s46
  .slot field ; s47
  .slot field ; s48
  .slot field ; s49
  .slot call ; s50
  .slot field ; s51
  .slot call ; s52
  .slot site ; s53
  .slot field ; s54
  .slot field ; s55
  .slot field ; s56
  .slot field ; s57
  .slot call ; s58
  .slot field ; s59
  .slot call ; s60
  .slot call ; s61
  .local "weak" r0 13 153
  .local "ephemeron" r1 13 153
  .local "kept" r2 14 153
  .local "(for state)" r3 17 33
  .local "(for state)" r4 17 33
  .local "(for state)" r5 17 33
  .local "i" r6 18 32
  .local "o" r7 21 32
  .local "n" r3 37 153
  .local "m" r4 37 153
  .local "(for state)" r5 40 45
  .local "(for state)" r6 40 45
  .local "(for state)" r7 40 45
  .local "(for state)" r8 40 45
  .local "_" r9 41 42
  .local "(for state)" r5 48 53
  .local "(for state)" r6 48 53
  .local "(for state)" r7 48 53
  .local "(for state)" r8 48 53
  .local "_" r9 49 50
  .local "order" r5 60 153
  .local "dying" r6 60 153
  .local "(for state)" r7 63 73
  .local "(for state)" r8 63 73
  .local "(for state)" r9 63 73
  .local "i" r10 64 72
  .local "saved" r7 84 153
  .local "list" r8 103 153
  .local "(for state)" r9 106 119
  .local "(for state)" r10 106 119
  .local "(for state)" r11 106 119
  .local "i" r12 107 118
  .local "(for state)" r9 128 140
  .local "(for state)" r10 128 140
  .local "(for state)" r11 128 140
  .local "i" r12 129 139
.code
;    1 | -- Weak tables, finalizers, resurrection, and the modes of the collector.
  varargprep  0 @1:1                       ; 0
;    2 | local weak, ephemeron = setmetatable({}, { __mode = "v" }), setmetatable({}, { __mode = "k" })
  gettabup    r0 u0 k0 s0 @2:25            ; 1 "_ENV" "setmetatable"
  newtable    r2 0 0 s1 @2:38              ; 2
  newtable    r3 1 0 s2 @2:42              ; 3
  loadk       r4 k2 @2:53                  ; 4 "v"
  setfield    r3 r4 k1 s3 @2:44            ; 5 "__mode"
  call        r0 2 1 s4 @2:37 {r0 global "setmetatable"} ; 6
  gettabup    r1 u0 k0 s5 @2:61            ; 7 "_ENV" "setmetatable"
  newtable    r3 0 0 s6 @2:74              ; 8
  newtable    r4 1 0 s7 @2:78              ; 9
  loadk       r5 k3 @2:89                  ; 10 "k"
  setfield    r4 r5 k1 s8 @2:80            ; 11 "__mode"
  call        r1 2 1 s9 @2:73 {r1 global "setmetatable"} ; 12
;    3 | local kept = {}
  newtable    r2 0 0 s10 @3:14             ; 13
;    4 | for i = 1, 20 do
  loadi       r3 1 @4:9                    ; 14
  loadi       r4 20 @4:12                  ; 15
  loadi       r5 1                         ; 16
  forprep     r3 L33 @4:15                 ; 17
;    5 |   local o = { i }
L18: loop defined 7
  newtable    r7 0 1 s11 @5:13             ; 18
  move        r8 r6 @5:15                  ; 19
  setlist     r7 1 0 @5:17                 ; 20
;    6 |   weak[i], ephemeron[o] = o, { o }
  move        r8 r7 @6:27                  ; 21
  newtable    r9 0 1 s12 @6:30             ; 22
  move        r10 r7 @6:32                 ; 23
  setlist     r9 1 0 @6:34                 ; 24
  setindex    r1 r7 r9 @6:23 {r1 local "ephemeron"} ; 25
  setindex    r0 r6 r8 @6:9 {r0 local "weak"} ; 26
;    7 |   if i % 5 == 0 then kept[#kept + 1] = o end
  modk        r8 r6 k4 @7:8 {r6 local "i"} ; 27 5
  jnei        r8 0 L32 @7:12               ; 28
  len         r8 r2 @7:27 {r2 local "kept"} ; 29
  addi        r8 r8 1 @7:33                ; 30
  setindex    r2 r8 r7 @7:36 {r2 local "kept"} ; 31
;    4 | for i = 1, 20 do
L32: defined 8
  forloop     r3 L18 @4:1                  ; 32
;    9 | collectgarbage()
L33: defined 3
  gettabup    r3 u0 k5 s13 @9:1            ; 33 "_ENV" "collectgarbage"
  call        r3 0 0 s14 @9:15 {r3 global "collectgarbage"} ; 34
;   10 | local n, m = 0, 0
  loadi       r3 0 @10:14                  ; 35
  loadi       r4 0 @10:17                  ; 36
;   11 | for _ in pairs(weak) do n = n + 1 end
  gettabup    r5 u0 k6 s15 @11:10          ; 37 "_ENV" "pairs"
  move        r7 r0 @11:20                 ; 38
  call        r5 1 4 s16 @11:15 {r5 global "pairs"} ; 39
  tforprep    r5 L42 @11:22                ; 40
L41: loop defined 10 tbc r8
  addi        r3 r3 1 @11:31 {r3 local "n"} ; 41
L42: defined 9 tbc r8
  tforcall    r5 1 @11:10                  ; 42
  tforloop    r5 L41                       ; 43
  close       r5 @11:35                    ; 44
;   12 | for _ in pairs(ephemeron) do m = m + 1 end
  gettabup    r5 u0 k6 s17 @12:10          ; 45 "_ENV" "pairs"
  move        r7 r1 @12:25                 ; 46
  call        r5 1 4 s18 @12:15 {r5 global "pairs"} ; 47
  tforprep    r5 L50 @12:27                ; 48
L49: loop defined 10 tbc r8
  addi        r4 r4 1 @12:36 {r4 local "m"} ; 49
L50: defined 9 tbc r8
  tforcall    r5 1 @12:10                  ; 50
  tforloop    r5 L49                       ; 51
  close       r5 @12:40                    ; 52
;   13 | print(n, m, #kept)
  gettabup    r5 u0 k7 s19 @13:1           ; 53 "_ENV" "print"
  move        r7 r3 @13:7                  ; 54
  move        r8 r4 @13:10                 ; 55
  len         r9 r2 @13:13 {r2 local "kept"} ; 56
  call        r5 3 0 s20 @13:6 {r5 global "print"} ; 57
;   14 | local order, dying = {}, {}
  newtable    r5 0 0 s21 @14:22            ; 58
  newtable    r6 0 0 s22 @14:26            ; 59
;   15 | for i = 1, 5 do dying[i] = setmetatable({}, { __gc = function() order[#order + 1] = i end }) end
  loadi       r7 1 @15:9                   ; 60
  loadi       r8 5 @15:12                  ; 61
  loadi       r9 1                         ; 62
  forprep     r7 L73 @15:14                ; 63
L64: loop defined 11
  gettabup    r11 u0 k0 s23 @15:28         ; 64 "_ENV" "setmetatable"
  newtable    r13 0 0 s24 @15:41           ; 65
  newtable    r14 1 0 s25 @15:45           ; 66
  closure     r15 p0 @15:87                ; 67 prototype 1
  setfield    r14 r15 k8 s26 @15:47        ; 68 "__gc"
  call        r11 2 1 s27 @15:40 {r11 global "setmetatable"} ; 69
  setindex    r6 r10 r11 @15:24 {r6 local "dying"} ; 70
  close       r10 @15:92                   ; 71
  forloop     r7 L64 @15:1                 ; 72
;   16 | dying = nil
L73: defined 7
  loadnil     r6 0 @16:9                   ; 73
;   17 | collectgarbage()
  gettabup    r7 u0 k5 s28 @17:1           ; 74 "_ENV" "collectgarbage"
  call        r7 0 0 s29 @17:15 {r7 global "collectgarbage"} ; 75
;   18 | print(table.concat(order, " "))
  gettabup    r7 u0 k7 s30 @18:1           ; 76 "_ENV" "print"
  gettabup    r9 u0 k9 s31 @18:7           ; 77 "_ENV" "table"
  getfield    r9 r9 k10 s32 @18:13 {r9 global "table"} ; 78 "concat"
  move        r11 r5 @18:20                ; 79
  loadk       r12 k11 @18:30               ; 80 " "
  call        r9 2 * s33 @18:19 {r9 field "concat"} ; 81
  call        r7 * 0 s34 @18:6 {r7 global "print"} ; 82
;   19 | local saved
  loadnil     r7 0 @19:7                   ; 83
;   21 |   local o = setmetatable({ "alive" }, { __gc = function(self) saved = self end })
  gettabup    r8 u0 k0 s35 @21:13          ; 84 "_ENV" "setmetatable"
  newtable    r10 0 1 s36 @21:26           ; 85
  loadk       r11 k12 @21:28               ; 86 "alive"
  setlist     r10 1 0 @21:36               ; 87
  newtable    r11 1 0 s37 @21:39           ; 88
  closure     r12 p1 @21:76                ; 89 prototype 2
  setfield    r11 r12 k8 s38 @21:41        ; 90 "__gc"
  call        r8 2 1 s39 @21:25 {r8 global "setmetatable"} ; 91
;   23 | collectgarbage()
  gettabup    r8 u0 k5 s40 @23:1           ; 92 "_ENV" "collectgarbage"
  call        r8 0 0 s41 @23:15 {r8 global "collectgarbage"} ; 93
;   24 | print(saved and saved[1])
  gettabup    r8 u0 k7 s42 @24:1           ; 94 "_ENV" "print"
  loadnil     r9 0 @24:6                   ; 95
  jfalseset   r10 r7 L98 @24:13            ; 96
  getindexi   r10 r7 1 @24:24 {r7 local "saved"} ; 97
L98: defined 11
  call        r8 1 0 s43 @24:6 {r8 global "print"} ; 98
;   25 | collectgarbage("generational")
  gettabup    r8 u0 k5 s44 @25:1           ; 99 "_ENV" "collectgarbage"
  loadk       r10 k13 @25:30               ; 100 "generational"
  call        r8 1 0 s45 @25:15 {r8 global "collectgarbage"} ; 101
;   26 | local list
  loadnil     r8 0 @26:7                   ; 102
;   27 | for i = 1, 2000 do list = { next = i % 100 ~= 0 and list or nil, text = "t" .. i } end
  loadi       r9 1 @27:9                   ; 103
  loadi       r10 2000 @27:12              ; 104
  loadi       r11 1                        ; 105
  forprep     r9 L119 @27:17               ; 106
L107: loop defined 13
  newtable    r13 2 0 s46 @27:27           ; 107
  modk        r14 r12 k15 @27:38 {r12 local "i"} ; 108 100
  jeqi        r14 0 L111 @27:44            ; 109
  jtrueset    r14 r8 L112 @27:58           ; 110
L111: defined 14
  loadnil     r14 0 @27:61                 ; 111
L112: defined 15
  setfield    r13 r14 k14 s47 @27:29       ; 112 "next"
  loadk       r14 k17 @27:77               ; 113 "t"
  move        r15 r12 @27:80               ; 114
  concat      r14 r14 r15 @27:77 {r14 constant "t"} {r15 local "i"} ; 115
  setfield    r13 r14 k16 s48 @27:66       ; 116 "text"
  move        r8 r13 @27:82                ; 117
  forloop     r9 L107 @27:1                ; 118
;   28 | collectgarbage("step")
L119: defined 9
  gettabup    r9 u0 k5 s49 @28:1           ; 119 "_ENV" "collectgarbage"
  loadk       r11 k18 @28:22               ; 120 "step"
  call        r9 1 0 s50 @28:15 {r9 global "collectgarbage"} ; 121
;   29 | collectgarbage("incremental")
  gettabup    r9 u0 k5 s51 @29:1           ; 122 "_ENV" "collectgarbage"
  loadk       r11 k19 @29:29               ; 123 "incremental"
  call        r9 1 0 s52 @29:15 {r9 global "collectgarbage"} ; 124
;   30 | for i = 1, 2000 do list = { next = i % 100 ~= 0 and list or nil, f = function() return i end } end
  loadi       r9 1 @30:9                   ; 125
  loadi       r10 2000 @30:12              ; 126
  loadi       r11 1                        ; 127
  forprep     r9 L140 @30:17               ; 128
L129: loop defined 13
  newtable    r13 2 0 s53 @30:27           ; 129
  modk        r14 r12 k15 @30:38 {r12 local "i"} ; 130 100
  jeqi        r14 0 L133 @30:44            ; 131
  jtrueset    r14 r8 L134 @30:58           ; 132
L133: defined 14
  loadnil     r14 0 @30:61                 ; 133
L134: defined 15
  setfield    r13 r14 k14 s54 @30:29       ; 134 "next"
  closure     r14 p2 @30:90                ; 135 prototype 3
  setfield    r13 r14 k20 s55 @30:66       ; 136 "f"
  move        r8 r13 @30:94                ; 137
  close       r12                          ; 138
  forloop     r9 L129 @30:1                ; 139
;   31 | print(list.f(), collectgarbage("count") > 0)
L140: defined 9
  gettabup    r9 u0 k7 s56 @31:1           ; 140 "_ENV" "print"
  loadnil     r10 0 @31:6                  ; 141
  getfield    r11 r8 k20 s57 @31:12 {r8 local "list"} ; 142 "f"
  call        r11 0 1 s58 @31:13 {r11 field "f"} ; 143
  gettabup    r12 u0 k5 s59 @31:17         ; 144 "_ENV" "collectgarbage"
  loadk       r14 k21 @31:39               ; 145 "count"
  call        r12 1 1 s60 @31:31 {r12 global "collectgarbage"} ; 146
  jgti        r12 0 L150 @31:41            ; 147
  loadfalse   r12 @31:44                   ; 148
  jmp         L151                         ; 149
L150: defined 12
  loadtrue    r12                          ; 150
L151: defined 13
  call        r9 2 0 s61 @31:6 {r9 global "print"} ; 151
  returnclose r0 0 @31:44                  ; 152
.end

.proto 1
  .source "@collector.lua"
  .lines 15 15
  .params 0
  .regs 3
  .upval r5 "order" ; u0
  .upval r10 "i" ; u1
.code
;   15 | for i = 1, 5 do dying[i] = setmetatable({}, { __gc = function() order[#order + 1] = i end }) end
  getupval    r0 u0 @15:72                 ; 0 "order"
  len         r0 r0 @15:71 {r0 upvalue "order"} ; 1
  addi        r1 r0 1 @15:78               ; 2
  getupval    r0 u0 @15:65                 ; 3 "order"
  getupval    r2 u1 @15:85                 ; 4 "i"
  setindex    r0 r1 r2 @15:81 {r0 upvalue "order"} ; 5
  return0 @15:87                           ; 6
.end

.proto 2
  .source "@collector.lua"
  .lines 21 21
  .params 1
  .regs 2
  .upval r7 "saved" ; u0
  .local "self" r0 0 2
.code
;   21 |   local o = setmetatable({ "alive" }, { __gc = function(self) saved = self end })
  setupval    r0 u0 @21:63                 ; 0 "saved"
  return0 @21:76                           ; 1
.end

.proto 3
  .source "@collector.lua"
  .lines 30 30
  .params 0
  .regs 2
  .upval r12 "i" ; u0
.code
;   30 | for i = 1, 2000 do list = { next = i % 100 ~= 0 and list or nil, f = function() return i end } end
  getupval    r0 u0 @30:88                 ; 0 "i"
  return1     r0                           ; 1
.end
