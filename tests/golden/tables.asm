strata 1
.string "@tables.lua" ; $0
.string "_ENV" ; $1
.string "x" ; $2
.string "y z" ; $3
.string "nested" ; $4
.string "deep" ; $5
.string "t" ; $6
.string "flag" ; $7
.string "print" ; $8
.string "missing" ; $9
.string "keys" ; $10
.string "pairs" ; $11
.string "(for state)" ; $12
.string "k" ; $13
.string "tostring" ; $14
.string "table" ; $15
.string "sort" ; $16
.string "concat" ; $17
.string "," ; $18
.string "a" ; $19
.string "b" ; $20
.string "i" ; $21
.string "next" ; $22
.string "rawlen" ; $23
.string "rawget" ; $24
.string "insert" ; $25
.string "first" ; $26
.string "remove" ; $27
.string "pack" ; $28
.string "unpack" ; $29
.string "one" ; $30
.string "big" ; $31
.string "log" ; $32
.string "setmetatable" ; $33
.string "__index" ; $34
.string "_" ; $35
.string "!" ; $36
.string "__newindex" ; $37
.string "v" ; $38
.string "__len" ; $39
.string "proxy" ; $40

.proto 0 ; main
  .source "@tables.lua"
  .params 0
  .vararg
  .regs 15
  .captured r4
  .upval r0 "_ENV" ; u0
  .child 1 ; p0
  .child 2 ; p1
  .child 3 ; p2
  .const "x" ; k0
  .const "y z" ; k1
  .const "nested" ; k2
  .const "deep" ; k3
  .const "flag" ; k4
  .const "print" ; k5
  .const "missing" ; k6
  .const "pairs" ; k7
  .const "tostring" ; k8
  .const "table" ; k9
  .const "sort" ; k10
  .const "concat" ; k11
  .const "," ; k12
  .const 1.5 ; k13
  .const "next" ; k14
  .const "rawlen" ; k15
  .const "rawget" ; k16
  .const "insert" ; k17
  .const "first" ; k18
  .const "remove" ; k19
  .const "pack" ; k20
  .const "unpack" ; k21
  .const 9007199254740992.0 ; k22
  .const "one" ; k23
  .const "big" ; k24
  .const "setmetatable" ; k25
  .const "__index" ; k26
  .const "__newindex" ; k27
  .const "__len" ; k28
  .const "a" ; k29
  .slot site ; s0
  .slot field ; s1
  .slot field ; s2
  .slot site ; s3
  .slot site ; s4
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
  .slot field ; s16
  .slot field ; s17
  .slot field ; s18
  .slot call ; s19
  .slot site ; s20
  .slot field ; s21
  .slot call ; s22
  .slot field ; s23
  .slot call ; s24
  .slot field ; s25
  .slot field ; s26
  .slot call ; s27
  .slot field ; s28
  .slot field ; s29
  .slot field ; s30
  .slot call ; s31
  .slot call ; s32
  .slot field ; s33
  .slot call ; s34
  .slot field ; s35
  .slot field ; s36
  .slot site ; s37
  .slot call ; s38
  .slot field ; s39
  .slot call ; s40
  .slot field ; s41
  .slot call ; s42
  .slot call ; s43
  .slot field ; s44
  .slot field ; s45
  .slot call ; s46
  .slot field ; s47
  .slot field ; s48
  .slot field ; s49
  .slot call ; s50
  .slot field ; s51
  .slot field ; s52
  .slot call ; s53
  .slot field ; s54
  .slot field ; s55
  .slot field ; s56
  .slot field ; s57
  .slot call ; s58
  .slot call ; s59
  .slot call ; s60
  .slot field ; s61
  .slot call ; s62
  .slot site ; s63
  .slot field ; s64
  .slot site ; s65
  .slot site ; s66
  .slot field ; s67
  .slot field ; s68
  .slot field ; s69
  .slot call ; s70
  .slot field ; s71
  .slot field ; s72
  .slot field ; s73
  .slot field ; s74
  .slot field ; s75
  .slot call ; s76
  .slot call ; s77
  .local "t" r0 18 172
  .local "keys" r1 42 172
  .local "(for state)" r2 45 55
  .local "(for state)" r3 45 55
  .local "(for state)" r4 45 55
  .local "(for state)" r5 45 55
  .local "k" r6 46 52
  .local "a" r2 68 172
  .local "b" r3 68 172
  .local "(for state)" r4 84 88
  .local "(for state)" r5 84 88
  .local "(for state)" r6 84 88
  .local "i" r7 85 87
  .local "(for state)" r4 91 95
  .local "(for state)" r5 91 95
  .local "(for state)" r6 91 95
  .local "i" r7 92 94
  .local "log" r4 150 172
  .local "proxy" r5 160 172
.code
;    1 | -- Constructors, array, field and dynamic access, nested assignment, length.
  varargprep  0 @1:1                       ; 0
;    2 | local t = { 1, 2, 3, x = 10, ["y z"] = 20, [1 + 3] = 4, nested = { deep = { 5 } } }
  newtable    r0 4 3 s0 @2:11              ; 1
  loadi       r1 1 @2:13                   ; 2
  loadi       r2 2 @2:16                   ; 3
  loadi       r3 3 @2:19                   ; 4
  loadi       r4 10 @2:26                  ; 5
  setfield    r0 r4 k0 s1 @2:22            ; 6 "x"
  loadi       r4 20 @2:40                  ; 7
  setfield    r0 r4 k1 s2 @2:31            ; 8 "y z"
  loadi       r4 4 @2:54                   ; 9
  setindexi   r0 4 r4 @2:49                ; 10
  newtable    r4 1 0 s3 @2:66              ; 11
  newtable    r5 0 1 s4 @2:75              ; 12
  loadi       r6 5 @2:77                   ; 13
  setlist     r5 1 0 @2:79                 ; 14
  setfield    r4 r5 k3 s5 @2:68            ; 15 "deep"
  setfield    r0 r4 k2 s6 @2:57            ; 16 "nested"
  setlist     r0 3 0 @2:83                 ; 17
;    3 | t[#t + 1] = t.x + t["y z"]
  len         r1 r0 @3:3 {r0 local "t"}    ; 18
  addi        r1 r1 1 @3:6                 ; 19
  getfield    r2 r0 k0 s7 @3:15 {r0 local "t"} ; 20 "x"
  getfield    r3 r0 k1 s8 @3:26 {r0 local "t"} ; 21 "y z"
  add         r2 r2 r3 @3:17 {r2 field "x"} {r3 field "y z"} ; 22
  setindex    r0 r1 r2 @3:9 {r0 local "t"} ; 23
;    4 | t.nested.deep[2], t.nested.flag = 6, true
  getfield    r1 r0 k2 s9 @4:3 {r0 local "t"} ; 24 "nested"
  getfield    r1 r1 k3 s10 @4:10 {r1 field "nested"} ; 25 "deep"
  getfield    r2 r0 k2 s11 @4:21 {r0 local "t"} ; 26 "nested"
  loadi       r3 6 @4:35                   ; 27
  loadtrue    r4 @4:38                     ; 28
  setfield    r2 r4 k4 s12 @4:28 {r2 field "nested"} ; 29 "flag"
  setindexi   r1 2 r3 @4:16 {r1 field "deep"} ; 30
;    5 | print(#t, t[5], t.nested.deep[2], t.nested.flag, t.missing)
  gettabup    r1 u0 k5 s13 @5:1            ; 31 "_ENV" "print"
  len         r3 r0 @5:7 {r0 local "t"}    ; 32
  getindexi   r4 r0 5 @5:14 {r0 local "t"} ; 33
  getfield    r5 r0 k2 s14 @5:19 {r0 local "t"} ; 34 "nested"
  getfield    r5 r5 k3 s15 @5:26 {r5 field "nested"} ; 35 "deep"
  getindexi   r5 r5 2 @5:32 {r5 field "deep"} ; 36
  getfield    r6 r0 k2 s16 @5:37 {r0 local "t"} ; 37 "nested"
  getfield    r6 r6 k4 s17 @5:44 {r6 field "nested"} ; 38 "flag"
  getfield    r7 r0 k6 s18 @5:52 {r0 local "t"} ; 39 "missing"
  call        r1 5 0 s19 @5:6 {r1 global "print"} ; 40
;    6 | local keys = {}
  newtable    r1 0 0 s20 @6:14             ; 41
;    7 | for k in pairs(t) do keys[#keys + 1] = tostring(k) end
  gettabup    r2 u0 k7 s21 @7:10           ; 42 "_ENV" "pairs"
  move        r4 r0 @7:17                  ; 43
  call        r2 1 4 s22 @7:15 {r2 global "pairs"} ; 44
  tforprep    r2 L52 @7:19                 ; 45
L46: loop defined 7 tbc r5
  len         r7 r1 @7:27 {r1 local "keys"} ; 46
  addi        r7 r7 1 @7:33                ; 47
  gettabup    r8 u0 k8 s23 @7:40           ; 48 "_ENV" "tostring"
  move        r10 r6 @7:50                 ; 49
  call        r8 1 1 s24 @7:48 {r8 global "tostring"} ; 50
  setindex    r1 r7 r8 @7:36 {r1 local "keys"} ; 51
L52: defined 6 tbc r5
  tforcall    r2 1 @7:10                   ; 52
  tforloop    r2 L46                       ; 53
  close       r2 @7:52                     ; 54
;    8 | table.sort(keys)
  gettabup    r2 u0 k9 s25 @8:1            ; 55 "_ENV" "table"
  getfield    r2 r2 k10 s26 @8:7 {r2 global "table"} ; 56 "sort"
  move        r4 r1 @8:16                  ; 57
  call        r2 1 0 s27 @8:11 {r2 field "sort"} ; 58
;    9 | print(table.concat(keys, ","))
  gettabup    r2 u0 k5 s28 @9:1            ; 59 "_ENV" "print"
  gettabup    r4 u0 k9 s29 @9:7            ; 60 "_ENV" "table"
  getfield    r4 r4 k11 s30 @9:13 {r4 global "table"} ; 61 "concat"
  move        r6 r1 @9:20                  ; 62
  loadk       r7 k12 @9:29                 ; 63 ","
  call        r4 2 * s31 @9:19 {r4 field "concat"} ; 64
  call        r2 * 0 s32 @9:6 {r2 global "print"} ; 65
;   10 | local a, b = 1, 2
  loadi       r2 1 @10:14                  ; 66
  loadi       r3 2 @10:17                  ; 67
;   11 | a, b = b, a
  move        r4 r3 @11:8                  ; 68
  move        r3 r2 @11:11                 ; 69
  move        r2 r4                        ; 70
;   12 | t[a], t[b] = t[b], t[a]
  getindex    r4 r0 r3 @12:17 {r0 local "t"} ; 71
  getindex    r5 r0 r2 @12:23 {r0 local "t"} ; 72
  setindex    r0 r3 r5 @12:10 {r0 local "t"} ; 73
  setindex    r0 r2 r4 @12:4 {r0 local "t"} ; 74
;   13 | print(a, b, t[1], t[2])
  gettabup    r4 u0 k5 s33 @13:1           ; 75 "_ENV" "print"
  move        r6 r2 @13:7                  ; 76
  move        r7 r3 @13:10                 ; 77
  getindexi   r8 r0 1 @13:16 {r0 local "t"} ; 78
  getindexi   r9 r0 2 @13:22 {r0 local "t"} ; 79
  call        r4 4 0 s34 @13:6 {r4 global "print"} ; 80
;   14 | for i = 1, 60 do t[i] = i * 1.5 end
  loadi       r4 1 @14:9                   ; 81
  loadi       r5 60 @14:12                 ; 82
  loadi       r6 1                         ; 83
  forprep     r4 L88 @14:15                ; 84
L85: loop defined 8
  mulk        r8 r7 k13 @14:27 {r7 local "i"} ; 85 1.5
  setindex    r0 r7 r8 @14:21 {r0 local "t"} ; 86
  forloop     r4 L85 @14:1                 ; 87
;   15 | for i = 60, 31, -1 do t[i] = nil end
L88: defined 4
  loadi       r4 60 @15:9                  ; 88
  loadi       r5 31 @15:13                 ; 89
  loadi       r6 -1 @15:18                 ; 90
  forprep     r4 L95 @15:20                ; 91
L92: loop defined 8
  loadnil     r8 0 @15:30                  ; 92
  setindex    r0 r7 r8 @15:26 {r0 local "t"} ; 93
  forloop     r4 L92 @15:1                 ; 94
;   16 | print(#t, t[30], next({}), rawlen(t), rawget(t, 3))
L95: defined 4
  gettabup    r4 u0 k5 s35 @16:1           ; 95 "_ENV" "print"
  len         r6 r0 @16:7 {r0 local "t"}   ; 96
  getindexi   r7 r0 30 @16:15 {r0 local "t"} ; 97
  gettabup    r8 u0 k14 s36 @16:18         ; 98 "_ENV" "next"
  newtable    r10 0 0 s37 @16:23           ; 99
  call        r8 1 1 s38 @16:22 {r8 global "next"} ; 100
  gettabup    r9 u0 k15 s39 @16:28         ; 101 "_ENV" "rawlen"
  move        r11 r0 @16:36                ; 102
  call        r9 1 1 s40 @16:34 {r9 global "rawlen"} ; 103
  gettabup    r10 u0 k16 s41 @16:39        ; 104 "_ENV" "rawget"
  move        r12 r0 @16:46                ; 105
  loadi       r13 3 @16:50                 ; 106
  call        r10 2 * s42 @16:45 {r10 global "rawget"} ; 107
  call        r4 * 0 s43 @16:6 {r4 global "print"} ; 108
;   17 | table.insert(t, 1, "first")
  gettabup    r4 u0 k9 s44 @17:1           ; 109 "_ENV" "table"
  getfield    r4 r4 k17 s45 @17:7 {r4 global "table"} ; 110 "insert"
  move        r6 r0 @17:14                 ; 111
  loadi       r7 1 @17:17                  ; 112
  loadk       r8 k18 @17:27                ; 113 "first"
  call        r4 3 0 s46 @17:13 {r4 field "insert"} ; 114
;   18 | print(table.remove(t), table.remove(t, 1), #table.pack(table.unpack(t, 1, 4)))
  gettabup    r4 u0 k5 s47 @18:1           ; 115 "_ENV" "print"
  gettabup    r6 u0 k9 s48 @18:7           ; 116 "_ENV" "table"
  getfield    r6 r6 k19 s49 @18:13 {r6 global "table"} ; 117 "remove"
  move        r8 r0 @18:21                 ; 118
  call        r6 1 1 s50 @18:19 {r6 field "remove"} ; 119
  gettabup    r7 u0 k9 s51 @18:24          ; 120 "_ENV" "table"
  getfield    r7 r7 k19 s52 @18:30 {r7 global "table"} ; 121 "remove"
  move        r9 r0 @18:37                 ; 122
  loadi       r10 1 @18:41                 ; 123
  call        r7 2 1 s53 @18:36 {r7 field "remove"} ; 124
  gettabup    r8 u0 k9 s54 @18:45          ; 125 "_ENV" "table"
  getfield    r8 r8 k20 s55 @18:51 {r8 global "table"} ; 126 "pack"
  gettabup    r10 u0 k9 s56 @18:56         ; 127 "_ENV" "table"
  getfield    r10 r10 k21 s57 @18:62 {r10 global "table"} ; 128 "unpack"
  move        r12 r0 @18:69                ; 129
  loadi       r13 1 @18:72                 ; 130
  loadi       r14 4 @18:76                 ; 131
  call        r10 3 * s58 @18:68 {r10 field "unpack"} ; 132
  call        r8 * 1 s59 @18:55 {r8 field "pack"} ; 133
  len         r8 r8 @18:44                 ; 134
  call        r4 3 0 s60 @18:6 {r4 global "print"} ; 135
;   19 | t[1.0], t[2 ^ 53] = "one", "big"
  loadf       r4 1 @19:6                   ; 136
  loadk       r5 k22 @19:17                ; 137 9007199254740992.0
  loadk       r6 k23 @19:21                ; 138 "one"
  loadk       r7 k24 @19:28                ; 139 "big"
  setindex    r0 r5 r7 @19:17 {r0 local "t"} ; 140
  setindex    r0 r4 r6 @19:6 {r0 local "t"} ; 141
;   20 | print(t[1], t[2 ^ 53], t[1.5])
  gettabup    r4 u0 k5 s61 @20:1           ; 142 "_ENV" "print"
  getindexi   r6 r0 1 @20:10 {r0 local "t"} ; 143
  loadk       r7 k22 @20:21                ; 144 9007199254740992.0
  getindex    r7 r0 r7 {r0 local "t"}      ; 145
  loadk       r8 k13 @20:29                ; 146 1.5
  getindex    r8 r0 r8 {r0 local "t"}      ; 147
  call        r4 3 0 s62 @20:6 {r4 global "print"} ; 148
;   21 | local log = {}
  newtable    r4 0 0 s63 @21:13            ; 149
;   22 | local proxy = setmetatable({}, { __index = function(_, k) return k .. "!" end,
  gettabup    r5 u0 k25 s64 @22:15         ; 150 "_ENV" "setmetatable"
  newtable    r7 0 0 s65 @22:28            ; 151
  newtable    r8 3 0 s66 @22:32            ; 152
  closure     r9 p0 @22:75                 ; 153 prototype 1
  setfield    r8 r9 k26 s67 @22:34         ; 154 "__index"
;   23 |   __newindex = function(_, k, v) log[k] = v end, __len = function() return 99 end })
  closure     r9 p1 @23:45                 ; 155 prototype 2
  setfield    r8 r9 k27 s68 @23:3          ; 156 "__newindex"
  closure     r9 p2 @23:79                 ; 157 prototype 3
  setfield    r8 r9 k28 s69 @23:50         ; 158 "__len"
;   22 | local proxy = setmetatable({}, { __index = function(_, k) return k .. "!" end,
  call        r5 2 1 s70 @22:27 {r5 global "setmetatable"} ; 159
;   24 | proxy.a = 1
  loadi       r6 1 @24:11                  ; 160
  setfield    r5 r6 k29 s71 @24:7 {r5 local "proxy"} ; 161 "a"
;   25 | print(proxy.a, #proxy, log.a, rawget(proxy, "a"))
  gettabup    r6 u0 k5 s72 @25:1           ; 162 "_ENV" "print"
  getfield    r8 r5 k29 s73 @25:13 {r5 local "proxy"} ; 163 "a"
  len         r9 r5 @25:16 {r5 local "proxy"} ; 164
  getfield    r10 r4 k29 s74 @25:28 {r4 local "log"} ; 165 "a"
  gettabup    r11 u0 k16 s75 @25:31        ; 166 "_ENV" "rawget"
  move        r13 r5 @25:38                ; 167
  loadk       r14 k29 @25:48               ; 168 "a"
  call        r11 2 * s76 @25:37 {r11 global "rawget"} ; 169
  call        r6 * 0 s77 @25:6 {r6 global "print"} ; 170
  returnclose r0 0 @25:49                  ; 171
.end

.proto 1
  .source "@tables.lua"
  .lines 22 22
  .params 2
  .regs 4
  .const "!" ; k0
  .local "_" r0 0 4
  .local "k" r1 0 4
.code
;   22 | local proxy = setmetatable({}, { __index = function(_, k) return k .. "!" end,
  move        r2 r1 @22:68                 ; 0
  loadk       r3 k0 @22:71                 ; 1 "!"
  concat      r2 r2 r3 @22:68 {r2 local "k"} {r3 constant "!"} ; 2
  return1     r2 @22:71                    ; 3
.end

.proto 2
  .source "@tables.lua"
  .lines 23 23
  .params 3
  .regs 4
  .upval r4 "log" ; u0
  .local "_" r0 0 3
  .local "k" r1 0 3
  .local "v" r2 0 3
.code
;   23 |   __newindex = function(_, k, v) log[k] = v end, __len = function() return 99 end })
  getupval    r3 u0 @23:34                 ; 0 "log"
  setindex    r3 r1 r2 @23:39 {r3 upvalue "log"} ; 1
  return0 @23:45                           ; 2
.end

.proto 3
  .source "@tables.lua"
  .lines 23 23
  .params 0
  .regs 2
.code
;   23 |   __newindex = function(_, k, v) log[k] = v end, __len = function() return 99 end })
  loadi       r0 99 @23:76                 ; 0
  return1     r0                           ; 1
.end
