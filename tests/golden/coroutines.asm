strata 1
.string "@coroutines.lua" ; $0
.string "_ENV" ; $1
.string "gen" ; $2
.string "n" ; $3
.string "coroutine" ; $4
.string "wrap" ; $5
.string "(for state)" ; $6
.string "i" ; $7
.string "yield" ; $8
.string "square" ; $9
.string "print" ; $10
.string "create" ; $11
.string "a" ; $12
.string "start" ; $13
.string "pcall" ; $14
.string "in pcall" ; $15
.string "x" ; $16
.string "error" ; $17
.string "code" ; $18
.string "ok" ; $19
.string "e" ; $20
.string "type" ; $21
.string "table" ; $22
.string "setmetatable" ; $23
.string "__add" ; $24
.string "l" ; $25
.string "r" ; $26
.string "in add" ; $27
.string "meta" ; $28
.string "end" ; $29
.string "isyieldable" ; $30
.string "select" ; $31
.string "running" ; $32
.string "co" ; $33
.string "resume" ; $34
.string "status" ; $35
.string "walk" ; $36
.string "t" ; $37
.string "tree" ; $38
.string "v" ; $39
.string "io" ; $40
.string "write" ; $41
.string " " ; $42
.string "oops" ; $43
.string "dead" ; $44
.string "close" ; $45
.string "f" ; $46
.string "bottom" ; $47
.string "deep" ; $48

.proto 0 ; main
  .source "@coroutines.lua"
  .params 0
  .vararg
  .regs 13
  .captured r2 r3
  .upval r0 "_ENV" ; u0
  .child 1 ; p0
  .child 3 ; p1
  .child 6 ; p2
  .child 7 ; p3
  .child 8 ; p4
  .child 9 ; p5
  .const "print" ; k0
  .const "coroutine" ; k1
  .const "create" ; k2
  .const "print" ; k3
  .const "coroutine" ; k4
  .const "resume" ; k5
  .const "status" ; k6
  .const "coroutine" ; k7
  .const "wrap" ; k8
  .const "io" ; k9
  .const "write" ; k10
  .const " " ; k11
  .const "close" ; k12
  .slot call ; s0
  .slot field ; s1
  .slot call ; s2
  .slot field ; s3
  .slot field ; s4
  .slot call ; s5
  .slot field ; s6
  .slot field ; s7
  .slot field ; s8
  .slot call ; s9
  .slot call ; s10
  .slot field ; s11
  .slot field ; s12
  .slot field ; s13
  .slot call ; s14
  .slot call ; s15
  .slot field ; s16
  .slot field ; s17
  .slot field ; s18
  .slot call ; s19
  .slot field ; s20
  .slot field ; s21
  .slot call ; s22
  .slot call ; s23
  .slot field ; s24
  .slot field ; s25
  .slot field ; s26
  .slot call ; s27
  .slot field ; s28
  .slot field ; s29
  .slot call ; s30
  .slot call ; s31
  .slot site ; s32
  .slot site ; s33
  .slot site ; s34
  .slot site ; s35
  .slot field ; s36
  .slot field ; s37
  .slot call ; s38
  .slot field ; s39
  .slot field ; s40
  .slot call ; s41
  .slot field ; s42
  .slot call ; s43
  .slot field ; s44
  .slot field ; s45
  .slot call ; s46
  .slot field ; s47
  .slot field ; s48
  .slot field ; s49
  .slot call ; s50
  .slot call ; s51
  .slot field ; s52
  .slot field ; s53
  .slot field ; s54
  .slot call ; s55
  .slot field ; s56
  .slot field ; s57
  .slot call ; s58
  .slot call ; s59
  .slot field ; s60
  .slot field ; s61
  .slot call ; s62
  .slot field ; s63
  .slot call ; s64
  .slot call ; s65
  .slot call ; s66
  .local "gen" r0 2 117
  .local "(for state)" r1 5 13
  .local "(for state)" r2 5 13
  .local "(for state)" r3 5 13
  .local "(for state)" r4 5 13
  .local "i" r5 6 10
  .local "square" r6 6 10
  .local "co" r1 17 117
  .local "walk" r2 55 117
  .local "tree" r3 71 117
  .local "(for state)" r4 75 84
  .local "(for state)" r5 75 84
  .local "(for state)" r6 75 84
  .local "(for state)" r7 75 84
  .local "v" r8 76 81
  .local "dead" r4 90 117
  .local "deep" r5 110 117
.code
;    1 | -- Yields across calls, pcall, metamethods and iterators; wrap, close, status.
  varargprep  0 @1:1                       ; 0
;    4 | end
  closure     r0 p0 @4:1                   ; 1 prototype 1
;    5 | for i, square in gen(4) do print(i, square) end
  move        r1 r0 @5:18                  ; 2
  loadi       r3 4 @5:23                   ; 3
  call        r1 1 4 s0 @5:21 {r1 local "gen"} ; 4
  tforprep    r1 L10 @5:25                 ; 5
L6: loop defined 7 tbc r4
  gettabup    r7 u0 k0 s1 @5:28            ; 6 "_ENV" "print"
  move        r9 r5 @5:34                  ; 7
  move        r10 r6 @5:43                 ; 8
  call        r7 2 0 s2 @5:33 {r7 global "print"} ; 9
L10: defined 5 tbc r4
  tforcall    r1 2 @5:18                   ; 10
  tforloop    r1 L6                        ; 11
  close       r1 @5:45                     ; 12
;    6 | local co = coroutine.create(function(a, ...)
  gettabup    r1 u0 k1 s3 @6:12            ; 13 "_ENV" "coroutine"
  getfield    r1 r1 k2 s4 @6:22 {r1 global "coroutine"} ; 14 "create"
;   16 | end)
  closure     r3 p1 @16:1                  ; 15 prototype 3
;    6 | local co = coroutine.create(function(a, ...)
  call        r1 1 1 s5 @6:28 {r1 field "create"} ; 16
;   17 | print(coroutine.resume(co, 1, 2, 3))
  gettabup    r2 u0 k3 s6 @17:1            ; 17 "_ENV" "print"
  gettabup    r4 u0 k4 s7 @17:7            ; 18 "_ENV" "coroutine"
  getfield    r4 r4 k5 s8 @17:17 {r4 global "coroutine"} ; 19 "resume"
  move        r6 r1 @17:24                 ; 20
  loadi       r7 1 @17:28                  ; 21
  loadi       r8 2 @17:31                  ; 22
  loadi       r9 3 @17:35                  ; 23
  call        r4 4 * s9 @17:23 {r4 field "resume"} ; 24
  call        r2 * 0 s10 @17:6 {r2 global "print"} ; 25
;   18 | print(coroutine.resume(co, 77))
  gettabup    r2 u0 k3 s11 @18:1           ; 26 "_ENV" "print"
  gettabup    r4 u0 k4 s12 @18:7           ; 27 "_ENV" "coroutine"
  getfield    r4 r4 k5 s13 @18:17 {r4 global "coroutine"} ; 28 "resume"
  move        r6 r1 @18:24                 ; 29
  loadi       r7 77 @18:30                 ; 30
  call        r4 2 * s14 @18:23 {r4 field "resume"} ; 31
  call        r2 * 0 s15 @18:6 {r2 global "print"} ; 32
;   19 | print(coroutine.status(co), coroutine.resume(co, 10))
  gettabup    r2 u0 k3 s16 @19:1           ; 33 "_ENV" "print"
  gettabup    r4 u0 k4 s17 @19:7           ; 34 "_ENV" "coroutine"
  getfield    r4 r4 k6 s18 @19:17 {r4 global "coroutine"} ; 35 "status"
  move        r6 r1 @19:26                 ; 36
  call        r4 1 1 s19 @19:23 {r4 field "status"} ; 37
  gettabup    r5 u0 k4 s20 @19:29          ; 38 "_ENV" "coroutine"
  getfield    r5 r5 k5 s21 @19:39 {r5 global "coroutine"} ; 39 "resume"
  move        r7 r1 @19:46                 ; 40
  loadi       r8 10 @19:52                 ; 41
  call        r5 2 * s22 @19:45 {r5 field "resume"} ; 42
  call        r2 * 0 s23 @19:6 {r2 global "print"} ; 43
;   20 | print(coroutine.status(co), coroutine.resume(co))
  gettabup    r2 u0 k3 s24 @20:1           ; 44 "_ENV" "print"
  gettabup    r4 u0 k4 s25 @20:7           ; 45 "_ENV" "coroutine"
  getfield    r4 r4 k6 s26 @20:17 {r4 global "coroutine"} ; 46 "status"
  move        r6 r1 @20:26                 ; 47
  call        r4 1 1 s27 @20:23 {r4 field "status"} ; 48
  gettabup    r5 u0 k4 s28 @20:29          ; 49 "_ENV" "coroutine"
  getfield    r5 r5 k5 s29 @20:39 {r5 global "coroutine"} ; 50 "resume"
  move        r7 r1 @20:48                 ; 51
  call        r5 1 * s30 @20:45 {r5 field "resume"} ; 52
  call        r2 * 0 s31 @20:6 {r2 global "print"} ; 53
;   21 | local function walk(t) if t then walk(t[1]) coroutine.yield(t[2]) walk(t[3]) end end
  closure     r2 p2 @21:82                 ; 54 prototype 6
;   22 | local tree = { { nil, 1, nil }, 2, { { nil, 3 }, 4, nil } }
  newtable    r3 0 3 s32 @22:14            ; 55
  newtable    r4 0 3 s33 @22:16            ; 56
  loadnil     r5 0 @22:18                  ; 57
  loadi       r6 1 @22:23                  ; 58
  loadnil     r7 0 @22:26                  ; 59
  setlist     r4 3 0 @22:30                ; 60
  loadi       r5 2 @22:33                  ; 61
  newtable    r6 0 3 s34 @22:36            ; 62
  newtable    r7 0 2 s35 @22:38            ; 63
  loadnil     r8 0 @22:40                  ; 64
  loadi       r9 3 @22:45                  ; 65
  setlist     r7 2 0 @22:47                ; 66
  loadi       r8 4 @22:50                  ; 67
  loadnil     r9 0 @22:53                  ; 68
  setlist     r6 3 0 @22:57                ; 69
  setlist     r3 3 0 @22:59                ; 70
;   23 | for v in coroutine.wrap(function() walk(tree) end) do io.write(v, " ") end
  gettabup    r4 u0 k7 s36 @23:10          ; 71 "_ENV" "coroutine"
  getfield    r4 r4 k8 s37 @23:20 {r4 global "coroutine"} ; 72 "wrap"
  closure     r6 p3 @23:47                 ; 73 prototype 7
  call        r4 1 4 s38 @23:24 {r4 field "wrap"} ; 74
  tforprep    r4 L81 @23:52                ; 75
L76: loop defined 9 tbc r7
  gettabup    r9 u0 k9 s39 @23:55          ; 76 "_ENV" "io"
  getfield    r9 r9 k10 s40 @23:58 {r9 global "io"} ; 77 "write"
  move        r11 r8 @23:64                ; 78
  loadk       r12 k11 @23:70               ; 79 " "
  call        r9 2 0 s41 @23:63 {r9 field "write"} ; 80
L81: defined 8 tbc r7
  tforcall    r4 1 @23:10                  ; 81
  tforloop    r4 L76                       ; 82
  close       r4 @23:72                    ; 83
;   24 | print()
  gettabup    r4 u0 k3 s42 @24:1           ; 84 "_ENV" "print"
  call        r4 0 0 s43 @24:6 {r4 global "print"} ; 85
;   25 | local dead = coroutine.create(function() error("oops", 0) end)
  gettabup    r4 u0 k7 s44 @25:14          ; 86 "_ENV" "coroutine"
  getfield    r4 r4 k2 s45 @25:24 {r4 global "coroutine"} ; 87 "create"
  closure     r6 p4 @25:59                 ; 88 prototype 8
  call        r4 1 1 s46 @25:30 {r4 field "create"} ; 89
;   26 | print(coroutine.resume(dead))
  gettabup    r5 u0 k3 s47 @26:1           ; 90 "_ENV" "print"
  gettabup    r7 u0 k7 s48 @26:7           ; 91 "_ENV" "coroutine"
  getfield    r7 r7 k5 s49 @26:17 {r7 global "coroutine"} ; 92 "resume"
  move        r9 r4 @26:28                 ; 93
  call        r7 1 * s50 @26:23 {r7 field "resume"} ; 94
  call        r5 * 0 s51 @26:6 {r5 global "print"} ; 95
;   27 | print(coroutine.close(dead), coroutine.status(dead))
  gettabup    r5 u0 k3 s52 @27:1           ; 96 "_ENV" "print"
  gettabup    r7 u0 k7 s53 @27:7           ; 97 "_ENV" "coroutine"
  getfield    r7 r7 k12 s54 @27:17 {r7 global "coroutine"} ; 98 "close"
  move        r9 r4 @27:27                 ; 99
  call        r7 1 1 s55 @27:22 {r7 field "close"} ; 100
  gettabup    r8 u0 k7 s56 @27:30          ; 101 "_ENV" "coroutine"
  getfield    r8 r8 k6 s57 @27:40 {r8 global "coroutine"} ; 102 "status"
  move        r10 r4 @27:51                ; 103
  call        r8 1 * s58 @27:46 {r8 field "status"} ; 104
  call        r5 * 0 s59 @27:6 {r5 global "print"} ; 105
;   28 | local deep = coroutine.wrap(function() local function f(n) if n == 0 then coroutine.yield("bottom") return 0 end return 1 + f(n - 1) end return f(300) end)
  gettabup    r5 u0 k7 s60 @28:14          ; 106 "_ENV" "coroutine"
  getfield    r5 r5 k8 s61 @28:24 {r5 global "coroutine"} ; 107 "wrap"
  closure     r7 p5 @28:152                ; 108 prototype 9
  call        r5 1 1 s62 @28:28 {r5 field "wrap"} ; 109
;   29 | print(deep(), deep())
  gettabup    r6 u0 k3 s63 @29:1           ; 110 "_ENV" "print"
  move        r8 r5 @29:7                  ; 111
  call        r8 0 1 s64 @29:11 {r8 local "deep"} ; 112
  move        r9 r5 @29:15                 ; 113
  call        r9 0 * s65 @29:19 {r9 local "deep"} ; 114
  call        r6 * 0 s66 @29:6 {r6 global "print"} ; 115
  returnclose r0 0 @29:21                  ; 116
.end

.proto 1
  .source "@coroutines.lua"
  .lines 2 4
  .params 1
  .regs 4
  .captured r0
  .upval u0 "_ENV" ; u0
  .child 2 ; p0
  .const "coroutine" ; k0
  .const "wrap" ; k1
  .slot field ; s0
  .slot field ; s1
  .slot call ; s2
  .local "n" r0 0 4
.code
;    3 |   return coroutine.wrap(function() for i = 1, n do coroutine.yield(i, i * i) end end)
  gettabup    r1 u0 k0 s0 @3:10            ; 0 "_ENV" "coroutine"
  getfield    r1 r1 k1 s1 @3:20 {r1 global "coroutine"} ; 1 "wrap"
  closure     r3 p0 @3:82                  ; 2 prototype 2
  tailcall    r1 1 s2 @3:24 {r1 field "wrap"} ; 3
.end

.proto 2
  .source "@coroutines.lua"
  .lines 3 3
  .params 0
  .regs 8
  .upval r0 "n" ; u0
  .upval u0 "_ENV" ; u1
  .const "coroutine" ; k0
  .const "yield" ; k1
  .slot field ; s0
  .slot field ; s1
  .slot call ; s2
  .local "(for state)" r0 3 10
  .local "(for state)" r1 3 10
  .local "(for state)" r2 3 10
  .local "i" r3 4 9
.code
;    3 |   return coroutine.wrap(function() for i = 1, n do coroutine.yield(i, i * i) end end)
  loadi       r0 1 @3:44                   ; 0
  getupval    r1 u0 @3:47                  ; 1 "n"
  loadi       r2 1                         ; 2
  forprep     r0 L10 @3:49                 ; 3
L4: loop defined 4
  gettabup    r4 u1 k0 s0 @3:52            ; 4 "_ENV" "coroutine"
  getfield    r4 r4 k1 s1 @3:62 {r4 global "coroutine"} ; 5 "yield"
  move        r6 r3 @3:68                  ; 6
  mul         r7 r3 r3 @3:73 {r3 local "i"} ; 7
  call        r4 2 0 s2 @3:67 {r4 field "yield"} ; 8
  forloop     r0 L4 @3:36                  ; 9
L10: defined 0
  return0 @3:82                            ; 10
.end

.proto 3
  .source "@coroutines.lua"
  .lines 6 16
  .params 1
  .vararg
  .regs 11
  .upval u0 "_ENV" ; u0
  .child 4 ; p0
  .child 5 ; p1
  .const "print" ; k0
  .const "start" ; k1
  .const "pcall" ; k2
  .const "type" ; k3
  .const "table" ; k4
  .const "code" ; k5
  .const "setmetatable" ; k6
  .const "__add" ; k7
  .const "end" ; k8
  .const "coroutine" ; k9
  .const "isyieldable" ; k10
  .const "select" ; k11
  .const "running" ; k12
  .slot field ; s0
  .slot call ; s1
  .slot field ; s2
  .slot call ; s3
  .slot field ; s4
  .slot field ; s5
  .slot call ; s6
  .slot field ; s7
  .slot call ; s8
  .slot field ; s9
  .slot site ; s10
  .slot site ; s11
  .slot field ; s12
  .slot call ; s13
  .slot field ; s14
  .slot call ; s15
  .slot field ; s16
  .slot field ; s17
  .slot call ; s18
  .slot field ; s19
  .slot field ; s20
  .slot field ; s21
  .slot call ; s22
  .slot call ; s23
  .local "a" r0 0 40
  .local "ok" r1 9 40
  .local "e" r2 9 40
  .local "meta" r3 26 40
.code
;    6 | local co = coroutine.create(function(a, ...)
  varargprep  1 @6:1                       ; 0
;    7 |   print("start", a, ...)
  gettabup    r1 u0 k0 s0 @7:3             ; 1 "_ENV" "print"
  loadk       r3 k1 @7:9                   ; 2 "start"
  move        r4 r0 @7:18                  ; 3
  vararg      r5 * @7:21                   ; 4
  call        r1 * 0 s1 @7:8 {r1 global "print"} ; 5
;    8 |   local ok, e = pcall(function()
  gettabup    r1 u0 k2 s2 @8:17            ; 6 "_ENV" "pcall"
;   11 |   end)
  closure     r3 p0 @11:3                  ; 7 prototype 4
;    8 |   local ok, e = pcall(function()
  call        r1 1 2 s3 @8:22 {r1 global "pcall"} ; 8
;   12 |   print(ok, type(e) == "table" and e.code)
  gettabup    r3 u0 k0 s4 @12:3            ; 9 "_ENV" "print"
  loadnil     r4 0 @12:8                   ; 10
  move        r5 r1 @12:9                  ; 11
  gettabup    r6 u0 k3 s5 @12:13           ; 12 "_ENV" "type"
  move        r8 r2 @12:19                 ; 13
  call        r6 1 1 s6 @12:17 {r6 global "type"} ; 14
  jnek        r6 k4 L18 @12:21             ; 15 "table"
  getfield    r6 r2 k5 s7 @12:38 {r2 local "e"} ; 16 "code"
  jmp         L19 @12:42                   ; 17
L18: defined 6
  loadfalse   r6                           ; 18
L19: defined 7
  call        r3 2 0 s8 @12:8 {r3 global "print"} ; 19
;   13 |   local meta = setmetatable({}, { __add = function(l, r) return coroutine.yield("in add") + r end })
  gettabup    r3 u0 k6 s9 @13:16           ; 20 "_ENV" "setmetatable"
  newtable    r5 0 0 s10 @13:29            ; 21
  newtable    r6 1 0 s11 @13:33            ; 22
  closure     r7 p1 @13:95                 ; 23 prototype 5
  setfield    r6 r7 k7 s12 @13:35          ; 24 "__add"
  call        r3 2 1 s13 @13:28 {r3 global "setmetatable"} ; 25
;   14 |   print(meta + 5)
  gettabup    r4 u0 k0 s14 @14:3           ; 26 "_ENV" "print"
  addi        r6 r3 5 @14:14 {r3 local "meta"} ; 27
  call        r4 1 0 s15 @14:8 {r4 global "print"} ; 28
;   15 |   return "end", coroutine.isyieldable(), select(2, coroutine.running())
  loadk       r4 k8 @15:10                 ; 29 "end"
  gettabup    r5 u0 k9 s16 @15:17          ; 30 "_ENV" "coroutine"
  getfield    r5 r5 k10 s17 @15:27 {r5 global "coroutine"} ; 31 "isyieldable"
  call        r5 0 1 s18 @15:38 {r5 field "isyieldable"} ; 32
  gettabup    r6 u0 k11 s19 @15:42         ; 33 "_ENV" "select"
  loadi       r8 2 @15:49                  ; 34
  gettabup    r9 u0 k9 s20 @15:52          ; 35 "_ENV" "coroutine"
  getfield    r9 r9 k12 s21 @15:62 {r9 global "coroutine"} ; 36 "running"
  call        r9 0 * s22 @15:69 {r9 field "running"} ; 37
  call        r6 * * s23 @15:48 {r6 global "select"} ; 38
  return      r4 * @15:71                  ; 39
.end

.proto 4
  .source "@coroutines.lua"
  .lines 8 11
  .params 0
  .regs 4
  .upval u0 "_ENV" ; u0
  .const "coroutine" ; k0
  .const "yield" ; k1
  .const "in pcall" ; k2
  .const "error" ; k3
  .const "code" ; k4
  .slot field ; s0
  .slot field ; s1
  .slot call ; s2
  .slot field ; s3
  .slot site ; s4
  .slot field ; s5
  .slot call ; s6
  .local "x" r0 4 9
.code
;    9 |     local x = coroutine.yield("in pcall")
  gettabup    r0 u0 k0 s0 @9:15            ; 0 "_ENV" "coroutine"
  getfield    r0 r0 k1 s1 @9:25 {r0 global "coroutine"} ; 1 "yield"
  loadk       r2 k2 @9:41                  ; 2 "in pcall"
  call        r0 1 1 s2 @9:30 {r0 field "yield"} ; 3
;   10 |     error({ code = x })
  gettabup    r1 u0 k3 s3 @10:5            ; 4 "_ENV" "error"
  newtable    r3 1 0 s4 @10:11             ; 5
  setfield    r3 r0 k4 s5 @10:13           ; 6 "code"
  call        r1 1 0 s6 @10:10 {r1 global "error"} ; 7
;   11 |   end)
  return0 @11:3                            ; 8
.end

.proto 5
  .source "@coroutines.lua"
  .lines 13 13
  .params 2
  .regs 5
  .upval u0 "_ENV" ; u0
  .const "coroutine" ; k0
  .const "yield" ; k1
  .const "in add" ; k2
  .slot field ; s0
  .slot field ; s1
  .slot call ; s2
  .local "l" r0 0 6
  .local "r" r1 0 6
.code
;   13 |   local meta = setmetatable({}, { __add = function(l, r) return coroutine.yield("in add") + r end })
  gettabup    r2 u0 k0 s0 @13:65           ; 0 "_ENV" "coroutine"
  getfield    r2 r2 k1 s1 @13:75 {r2 global "coroutine"} ; 1 "yield"
  loadk       r4 k2 @13:89                 ; 2 "in add"
  call        r2 1 1 s2 @13:80 {r2 field "yield"} ; 3
  add         r2 r2 r1 @13:91 {r1 local "r"} ; 4
  return1     r2 @13:93                    ; 5
.end

.proto 6
  .source "@coroutines.lua"
  .lines 21 21
  .params 1
  .regs 4
  .upval r2 "walk" ; u0
  .upval u0 "_ENV" ; u1
  .const "coroutine" ; k0
  .const "yield" ; k1
  .slot call ; s0
  .slot field ; s1
  .slot field ; s2
  .slot call ; s3
  .slot call ; s4
  .local "t" r0 0 12
.code
;   21 | local function walk(t) if t then walk(t[1]) coroutine.yield(t[2]) walk(t[3]) end end
  jfalse      r0 L11 @21:29                ; 0
  getupval    r1 u0 @21:34                 ; 1 "walk"
  getindexi   r3 r0 1 @21:42 {r0 local "t"} ; 2
  call        r1 1 0 s0 @21:38 {r1 upvalue "walk"} ; 3
  gettabup    r1 u1 k0 s1 @21:45           ; 4 "_ENV" "coroutine"
  getfield    r1 r1 k1 s2 @21:55 {r1 global "coroutine"} ; 5 "yield"
  getindexi   r3 r0 2 @21:64 {r0 local "t"} ; 6
  call        r1 1 0 s3 @21:60 {r1 field "yield"} ; 7
  getupval    r1 u0 @21:67                 ; 8 "walk"
  getindexi   r3 r0 3 @21:75 {r0 local "t"} ; 9
  call        r1 1 0 s4 @21:71 {r1 upvalue "walk"} ; 10
L11: defined 1
  return0 @21:82                           ; 11
.end

.proto 7
  .source "@coroutines.lua"
  .lines 23 23
  .params 0
  .regs 3
  .upval r2 "walk" ; u0
  .upval r3 "tree" ; u1
  .slot call ; s0
.code
;   23 | for v in coroutine.wrap(function() walk(tree) end) do io.write(v, " ") end
  getupval    r0 u0 @23:36                 ; 0 "walk"
  getupval    r2 u1 @23:41                 ; 1 "tree"
  call        r0 1 0 s0 @23:40 {r0 upvalue "walk"} ; 2
  return0 @23:47                           ; 3
.end

.proto 8
  .source "@coroutines.lua"
  .lines 25 25
  .params 0
  .regs 4
  .upval u0 "_ENV" ; u0
  .const "error" ; k0
  .const "oops" ; k1
  .slot field ; s0
  .slot call ; s1
.code
;   25 | local dead = coroutine.create(function() error("oops", 0) end)
  gettabup    r0 u0 k0 s0 @25:42           ; 0 "_ENV" "error"
  loadk       r2 k1 @25:48                 ; 1 "oops"
  loadi       r3 0 @25:57                  ; 2
  call        r0 2 0 s1 @25:47 {r0 global "error"} ; 3
  return0 @25:59                           ; 4
.end

.proto 9
  .source "@coroutines.lua"
  .lines 28 28
  .params 0
  .regs 4
  .captured r0
  .upval u0 "_ENV" ; u0
  .child 10 ; p0
  .slot call ; s0
  .local "f" r0 1 4
.code
;   28 | local deep = coroutine.wrap(function() local function f(n) if n == 0 then coroutine.yield("bottom") return 0 end return 1 + f(n - 1) end return f(300) end)
  closure     r0 p0 @28:134                ; 0 prototype 10
  move        r1 r0 @28:145                ; 1
  loadi       r3 300 @28:150               ; 2
  tailcall    r1 1 s0 @28:146 {r1 local "f"} ; 3
.end

.proto 10
  .source "@coroutines.lua"
  .lines 28 28
  .params 1
  .regs 4
  .upval u0 "_ENV" ; u0
  .upval r0 "f" ; u1
  .const "coroutine" ; k0
  .const "yield" ; k1
  .const "bottom" ; k2
  .const 1 ; k3
  .slot field ; s0
  .slot field ; s1
  .slot call ; s2
  .slot call ; s3
  .local "n" r0 0 13
.code
;   28 | local deep = coroutine.wrap(function() local function f(n) if n == 0 then coroutine.yield("bottom") return 0 end return 1 + f(n - 1) end return f(300) end)
  jnei        r0 0 L7 @28:65               ; 0
  gettabup    r1 u0 k0 s0 @28:75           ; 1 "_ENV" "coroutine"
  getfield    r1 r1 k1 s1 @28:85 {r1 global "coroutine"} ; 2 "yield"
  loadk       r3 k2 @28:99                 ; 3 "bottom"
  call        r1 1 0 s2 @28:90 {r1 field "yield"} ; 4
  loadi       r1 0 @28:108                 ; 5
  return1     r1                           ; 6
L7: defined 1
  getupval    r1 u1 @28:125                ; 7 "f"
  subk        r3 r0 k3 @28:129 {r0 local "n"} ; 8 1
  call        r1 1 1 s3 @28:126 {r1 upvalue "f"} ; 9
  loadi       r2 1 @28:132                 ; 10
  add         r1 r2 r1 @28:123             ; 11
  return1     r1 @28:132                   ; 12
.end
