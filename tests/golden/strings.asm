strata 1
.string "@strings.lua" ; $0
.string "_ENV" ; $1
.string "tab\tnewline\nquote\"A\xe2\x82\xaccontinued A" ; $2
.string "s" ; $3
.string "print" ; $4
.string "line one\n]] still" ; $5
.string "long" ; $6
.string "x" ; $7
.string "abc" ; $8
.string "upper" ; $9
.string "rep" ; $10
.string "-" ; $11
.string "sub" ; $12
.string "byte" ; $13
.string "find" ; $14
.string "quote" ; $15
.string "key = value" ; $16
.string "match" ; $17
.string "^(%w+)%s*=%s*(%w+)$" ; $18
.string "hello world" ; $19
.string "gsub" ; $20
.string "o" ; $21
.string "0" ; $22
.string "%w" ; $23
.string "%0%0" ; $24
.string "x y" ; $25
.string "%a" ; $26
.string "c" ; $27
.string "one=1 two=2" ; $28
.string "gmatch" ; $29
.string "(%a+)=(%d)" ; $30
.string "(for state)" ; $31
.string "word" ; $32
.string "n" ; $33
.string "io" ; $34
.string "write" ; $35
.string ":" ; $36
.string " " ; $37
.string "string" ; $38
.string "format" ; $39
.string "%5d|%-5s|%05.1f|%q|%x|%g" ; $40
.string "ab" ; $41
.string "q\n" ; $42
.string "pieces" ; $43
.string "i" ; $44
.string "piece" ; $45
.string "table" ; $46
.string "concat" ; $47
.string "joined" ; $48
.string "q" ; $49
.string "" ; $50
.string "built" ; $51
.string "," ; $52
.string "pack" ; $53
.string "<i4" ; $54
.string "utf8" ; $55
.string "char" ; $56
.string "len" ; $57
.string "äö" ; $58
.string "charpattern" ; $59

.proto 0 ; main
  .source "@strings.lua"
  .params 0
  .vararg
  .regs 14
  .upval r0 "_ENV" ; u0
  .child 1 ; p0
  .const "tab\tnewline\nquote\"A\xe2\x82\xaccontinued A" ; k0
  .const "print" ; k1
  .const "line one\n]] still" ; k2
  .const "x" ; k3
  .const "abc" ; k4
  .const "upper" ; k5
  .const "rep" ; k6
  .const "-" ; k7
  .const "sub" ; k8
  .const "byte" ; k9
  .const "find" ; k10
  .const "quote" ; k11
  .const "key = value" ; k12
  .const "match" ; k13
  .const "^(%w+)%s*=%s*(%w+)$" ; k14
  .const "hello world" ; k15
  .const "gsub" ; k16
  .const "o" ; k17
  .const "0" ; k18
  .const "%w" ; k19
  .const "%0%0" ; k20
  .const "x y" ; k21
  .const "%a" ; k22
  .const "one=1 two=2" ; k23
  .const "gmatch" ; k24
  .const "(%a+)=(%d)" ; k25
  .const "io" ; k26
  .const "write" ; k27
  .const ":" ; k28
  .const " " ; k29
  .const "string" ; k30
  .const "format" ; k31
  .const "%5d|%-5s|%05.1f|%q|%x|%g" ; k32
  .const "ab" ; k33
  .const 3.14159 ; k34
  .const "q\n" ; k35
  .const 1e20 ; k36
  .const "piece" ; k37
  .const "table" ; k38
  .const "concat" ; k39
  .const "q" ; k40
  .const "" ; k41
  .const "," ; k42
  .const "pack" ; k43
  .const "<i4" ; k44
  .const "utf8" ; k45
  .const "char" ; k46
  .const "len" ; k47
  .const "äö" ; k48
  .const "charpattern" ; k49
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
  .slot call ; s10
  .slot field ; s11
  .slot call ; s12
  .slot field ; s13
  .slot call ; s14
  .slot call ; s15
  .slot field ; s16
  .slot field ; s17
  .slot call ; s18
  .slot call ; s19
  .slot field ; s20
  .slot field ; s21
  .slot site ; s22
  .slot field ; s23
  .slot call ; s24
  .slot field ; s25
  .slot call ; s26
  .slot field ; s27
  .slot call ; s28
  .slot call ; s29
  .slot field ; s30
  .slot call ; s31
  .slot field ; s32
  .slot field ; s33
  .slot call ; s34
  .slot field ; s35
  .slot call ; s36
  .slot field ; s37
  .slot field ; s38
  .slot field ; s39
  .slot call ; s40
  .slot call ; s41
  .slot site ; s42
  .slot field ; s43
  .slot field ; s44
  .slot call ; s45
  .slot field ; s46
  .slot field ; s47
  .slot call ; s48
  .slot field ; s49
  .slot field ; s50
  .slot call ; s51
  .slot call ; s52
  .slot field ; s53
  .slot field ; s54
  .slot call ; s55
  .slot field ; s56
  .slot field ; s57
  .slot call ; s58
  .slot field ; s59
  .slot call ; s60
  .slot call ; s61
  .slot field ; s62
  .slot field ; s63
  .slot field ; s64
  .slot call ; s65
  .slot field ; s66
  .slot field ; s67
  .slot call ; s68
  .slot field ; s69
  .slot field ; s70
  .slot call ; s71
  .local "s" r0 2 168
  .local "long" r1 7 168
  .local "(for state)" r2 65 76
  .local "(for state)" r3 65 76
  .local "(for state)" r4 65 76
  .local "(for state)" r5 65 76
  .local "word" r6 66 73
  .local "n" r7 66 73
  .local "pieces" r2 91 168
  .local "(for state)" r3 94 100
  .local "(for state)" r4 94 100
  .local "(for state)" r5 94 100
  .local "i" r6 95 99
  .local "joined" r3 105 168
  .local "built" r4 128 168
  .local "(for state)" r5 131 137
  .local "(for state)" r6 131 137
  .local "(for state)" r7 131 137
  .local "i" r8 132 136
.code
;    1 | -- Literals, concatenation, methods, patterns, formats.
  varargprep  0 @1:1                       ; 0
;    3 |            continued \065"
  loadk       r0 k0 @3:1                   ; 1 "tab\tnewline\nquote\"A\xe2\x82\xaccontinued A"
;    4 | print(s, #s)
  gettabup    r1 u0 k1 s0 @4:1             ; 2 "_ENV" "print"
  move        r3 r0 @4:7                   ; 3
  len         r4 r0 @4:10 {r0 local "s"}   ; 4
  call        r1 2 0 s1 @4:6 {r1 global "print"} ; 5
;    7 | ]] still]==]
  loadk       r1 k2 @7:1                   ; 6 "line one\n]] still"
;    8 | print(long .. 1 .. 2.0 .. "x" .. -3)
  gettabup    r2 u0 k1 s2 @8:1             ; 7 "_ENV" "print"
  move        r4 r1 @8:12                  ; 8
  loadi       r5 1 @8:17                   ; 9
  loadf       r6 2 @8:24                   ; 10
  loadk       r7 k3 @8:31                  ; 11 "x"
  loadi       r8 -3 @8:35                  ; 12
  concat      r4 r4 r8 @8:31 {r4 local "long"} {r7 constant "x"} ; 13
  call        r2 1 0 s3 @8:6 {r2 global "print"} ; 14
;    9 | print(("abc"):upper():rep(3, "-"), s:sub(-3), s:byte(1, 3), s:find("quote", 1, true))
  gettabup    r2 u0 k1 s4 @9:1             ; 15 "_ENV" "print"
  loadk       r4 k4 @9:8                   ; 16 "abc"
  self        r4 r4 k5 s5 @9:15 {r4 constant "abc"} ; 17 "upper"
  call        r4 1 1 s6 @9:20 {r4 method "upper"} ; 18
  self        r4 r4 k6 s7 @9:23            ; 19 "rep"
  loadi       r7 3 @9:27                   ; 20
  loadk       r8 k7 @9:33                  ; 21 "-"
  call        r4 3 1 s8 @9:26 {r4 method "rep"} ; 22
  self        r5 r0 k8 s9 @9:38 {r0 local "s"} ; 23 "sub"
  loadi       r8 -3 @9:44                  ; 24
  call        r5 2 1 s10 @9:41 {r5 method "sub"} ; 25
  self        r6 r0 k9 s11 @9:49 {r0 local "s"} ; 26 "byte"
  loadi       r9 1 @9:54                   ; 27
  loadi       r10 3 @9:58                  ; 28
  call        r6 3 1 s12 @9:53 {r6 method "byte"} ; 29
  self        r7 r0 k10 s13 @9:63 {r0 local "s"} ; 30 "find"
  loadk       r10 k11 @9:68                ; 31 "quote"
  loadi       r11 1 @9:77                  ; 32
  loadtrue    r12 @9:84                    ; 33
  call        r7 4 * s14 @9:67 {r7 method "find"} ; 34
  call        r2 * 0 s15 @9:6 {r2 global "print"} ; 35
;   10 | print(("key = value"):match("^(%w+)%s*=%s*(%w+)$"))
  gettabup    r2 u0 k1 s16 @10:1           ; 36 "_ENV" "print"
  loadk       r4 k12 @10:8                 ; 37 "key = value"
  self        r4 r4 k13 s17 @10:23 {r4 constant "key = value"} ; 38 "match"
  loadk       r7 k14 @10:50                ; 39 "^(%w+)%s*=%s*(%w+)$"
  call        r4 2 * s18 @10:28 {r4 method "match"} ; 40
  call        r2 * 0 s19 @10:6 {r2 global "print"} ; 41
;   11 | print(("hello world"):gsub("o", { o = "0" }), ("abc"):gsub("%w", "%0%0"), ("x y"):gsub("%a", function(c) return c:upper() end))
  gettabup    r2 u0 k1 s20 @11:1           ; 42 "_ENV" "print"
  loadk       r4 k15 @11:8                 ; 43 "hello world"
  self        r4 r4 k16 s21 @11:23 {r4 constant "hello world"} ; 44 "gsub"
  loadk       r7 k17 @11:28                ; 45 "o"
  newtable    r8 1 0 s22 @11:33            ; 46
  loadk       r9 k18 @11:39                ; 47 "0"
  setfield    r8 r9 k17 s23 @11:35         ; 48 "o"
  call        r4 3 1 s24 @11:27 {r4 method "gsub"} ; 49
  loadk       r5 k4 @11:48                 ; 50 "abc"
  self        r5 r5 k16 s25 @11:55 {r5 constant "abc"} ; 51 "gsub"
  loadk       r8 k19 @11:60                ; 52 "%w"
  loadk       r9 k20 @11:72                ; 53 "%0%0"
  call        r5 3 1 s26 @11:59 {r5 method "gsub"} ; 54
  loadk       r6 k21 @11:76                ; 55 "x y"
  self        r6 r6 k16 s27 @11:83 {r6 constant "x y"} ; 56 "gsub"
  loadk       r9 k22 @11:88                ; 57 "%a"
  closure     r10 p0 @11:123               ; 58 prototype 1
  call        r6 3 * s28 @11:87 {r6 method "gsub"} ; 59
  call        r2 * 0 s29 @11:6 {r2 global "print"} ; 60
;   12 | for word, n in ("one=1 two=2"):gmatch("(%a+)=(%d)") do io.write(word, ":", n, " ") end
  loadk       r2 k23 @12:17                ; 61 "one=1 two=2"
  self        r2 r2 k24 s30 @12:32 {r2 constant "one=1 two=2"} ; 62 "gmatch"
  loadk       r5 k25 @12:51                ; 63 "(%a+)=(%d)"
  call        r2 2 4 s31 @12:38 {r2 method "gmatch"} ; 64
  tforprep    r2 L73 @12:53                ; 65
L66: loop defined 8 tbc r5
  gettabup    r8 u0 k26 s32 @12:56         ; 66 "_ENV" "io"
  getfield    r8 r8 k27 s33 @12:59 {r8 global "io"} ; 67 "write"
  move        r10 r6 @12:65                ; 68
  loadk       r11 k28 @12:71               ; 69 ":"
  move        r12 r7 @12:76                ; 70
  loadk       r13 k29 @12:82               ; 71 " "
  call        r8 4 0 s34 @12:64 {r8 field "write"} ; 72
L73: defined 6 tbc r5
  tforcall    r2 2 @12:16                  ; 73
  tforloop    r2 L66                       ; 74
  close       r2 @12:84                    ; 75
;   13 | print()
  gettabup    r2 u0 k1 s35 @13:1           ; 76 "_ENV" "print"
  call        r2 0 0 s36 @13:6 {r2 global "print"} ; 77
;   14 | print(string.format("%5d|%-5s|%05.1f|%q|%x|%g", 42, "ab", 3.14159, "q\n", 255, 1e20))
  gettabup    r2 u0 k1 s37 @14:1           ; 78 "_ENV" "print"
  gettabup    r4 u0 k30 s38 @14:7          ; 79 "_ENV" "string"
  getfield    r4 r4 k31 s39 @14:14 {r4 global "string"} ; 80 "format"
  loadk       r6 k32 @14:21                ; 81 "%5d|%-5s|%05.1f|%q|%x|%g"
  loadi       r7 42 @14:49                 ; 82
  loadk       r8 k33 @14:53                ; 83 "ab"
  loadk       r9 k34 @14:59                ; 84 3.14159
  loadk       r10 k35 @14:68               ; 85 "q\n"
  loadi       r11 255 @14:75               ; 86
  loadk       r12 k36 @14:84               ; 87 1e20
  call        r4 7 * s40 @14:20 {r4 field "format"} ; 88
  call        r2 * 0 s41 @14:6 {r2 global "print"} ; 89
;   15 | local pieces = {}
  newtable    r2 0 0 s42 @15:16            ; 90
;   16 | for i = 1, 50 do pieces[i] = "piece" .. i end
  loadi       r3 1 @16:9                   ; 91
  loadi       r4 50 @16:12                 ; 92
  loadi       r5 1                         ; 93
  forprep     r3 L100 @16:15               ; 94
L95: loop defined 7
  loadk       r7 k37 @16:38                ; 95 "piece"
  move        r8 r6 @16:41                 ; 96
  concat      r7 r7 r8 @16:38 {r7 constant "piece"} {r8 local "i"} ; 97
  setindex    r2 r6 r7 @16:26 {r2 local "pieces"} ; 98
  forloop     r3 L95 @16:1                 ; 99
;   17 | local joined = table.concat(pieces, " ")
L100: defined 3
  gettabup    r3 u0 k38 s43 @17:16         ; 100 "_ENV" "table"
  getfield    r3 r3 k39 s44 @17:22 {r3 global "table"} ; 101 "concat"
  move        r5 r2 @17:29                 ; 102
  loadk       r6 k29 @17:40                ; 103 " "
  call        r3 2 1 s45 @17:28 {r3 field "concat"} ; 104
;   18 | print(#joined, joined:sub(1, 20), joined < "q", joined == table.concat(pieces, " "))
  gettabup    r4 u0 k1 s46 @18:1           ; 105 "_ENV" "print"
  loadnil     r5 0 @18:6                   ; 106
  len         r6 r3 @18:7 {r3 local "joined"} ; 107
  self        r7 r3 k8 s47 @18:23 {r3 local "joined"} ; 108 "sub"
  loadi       r10 1 @18:27                 ; 109
  loadi       r11 20 @18:32                ; 110
  call        r7 3 1 s48 @18:26 {r7 method "sub"} ; 111
  loadk       r8 k40 @18:44                ; 112 "q"
  jlt         r3 r8 L116 @18:42            ; 113
  loadfalse   r8 @18:44                    ; 114
  jmp         L117                         ; 115
L116: defined 8
  loadtrue    r8                           ; 116
L117: defined 9
  gettabup    r9 u0 k38 s49 @18:59         ; 117 "_ENV" "table"
  getfield    r9 r9 k39 s50 @18:65 {r9 global "table"} ; 118 "concat"
  move        r11 r2 @18:72                ; 119
  loadk       r12 k29 @18:83               ; 120 " "
  call        r9 2 1 s51 @18:71 {r9 field "concat"} ; 121
  jeq         r3 r9 L125 @18:56            ; 122
  loadfalse   r9 @18:84                    ; 123
  jmp         L126                         ; 124
L125: defined 9
  loadtrue    r9                           ; 125
L126: defined 10
  call        r4 4 0 s52 @18:6 {r4 global "print"} ; 126
;   19 | local built = ""
  loadk       r4 k41 @19:15                ; 127 ""
;   20 | for i = 1, 40 do built = built .. i .. "," end
  loadi       r5 1 @20:9                   ; 128
  loadi       r6 40 @20:12                 ; 129
  loadi       r7 1                         ; 130
  forprep     r5 L137 @20:15               ; 131
L132: loop defined 9
  move        r9 r4 @20:32                 ; 132
  move        r10 r8 @20:37                ; 133
  loadk       r11 k42 @20:40               ; 134 ","
  concat      r4 r9 r11 @20:37 {r9 local "built"} {r10 local "i"} {r11 constant ","} ; 135
  forloop     r5 L132 @20:1                ; 136
;   21 | print(#built, built:sub(-6), string.pack("<i4", 7):byte(1, 4))
L137: defined 5
  gettabup    r5 u0 k1 s53 @21:1           ; 137 "_ENV" "print"
  len         r7 r4 @21:7 {r4 local "built"} ; 138
  self        r8 r4 k8 s54 @21:21 {r4 local "built"} ; 139 "sub"
  loadi       r11 -6 @21:27                ; 140
  call        r8 2 1 s55 @21:24 {r8 method "sub"} ; 141
  gettabup    r9 u0 k30 s56 @21:30         ; 142 "_ENV" "string"
  getfield    r9 r9 k43 s57 @21:37 {r9 global "string"} ; 143 "pack"
  loadk       r11 k44 @21:42               ; 144 "<i4"
  loadi       r12 7 @21:50                 ; 145
  call        r9 2 1 s58 @21:41 {r9 field "pack"} ; 146
  self        r9 r9 k9 s59 @21:52          ; 147 "byte"
  loadi       r12 1 @21:57                 ; 148
  loadi       r13 4 @21:61                 ; 149
  call        r9 3 * s60 @21:56 {r9 method "byte"} ; 150
  call        r5 * 0 s61 @21:6 {r5 global "print"} ; 151
;   22 | print(utf8.char(72, 228, 8364), utf8.len("äö"), #utf8.charpattern)
  gettabup    r5 u0 k1 s62 @22:1           ; 152 "_ENV" "print"
  gettabup    r7 u0 k45 s63 @22:7          ; 153 "_ENV" "utf8"
  getfield    r7 r7 k46 s64 @22:12 {r7 global "utf8"} ; 154 "char"
  loadi       r9 72 @22:17                 ; 155
  loadi       r10 228 @22:21               ; 156
  loadi       r11 8364 @22:30              ; 157
  call        r7 3 1 s65 @22:16 {r7 field "char"} ; 158
  gettabup    r8 u0 k45 s66 @22:33         ; 159 "_ENV" "utf8"
  getfield    r8 r8 k47 s67 @22:38 {r8 global "utf8"} ; 160 "len"
  loadk       r10 k48 @22:48               ; 161 "äö"
  call        r8 1 1 s68 @22:41 {r8 field "len"} ; 162
  gettabup    r9 u0 k45 s69 @22:52         ; 163 "_ENV" "utf8"
  getfield    r9 r9 k49 s70 @22:57 {r9 global "utf8"} ; 164 "charpattern"
  len         r9 r9 @22:51 {r9 field "charpattern"} ; 165
  call        r5 3 0 s71 @22:6 {r5 global "print"} ; 166
  return0 @22:68                           ; 167
.end

.proto 1
  .source "@strings.lua"
  .lines 11 11
  .params 1
  .regs 4
  .const "upper" ; k0
  .slot field ; s0
  .slot call ; s1
  .local "c" r0 0 2
.code
;   11 | print(("hello world"):gsub("o", { o = "0" }), ("abc"):gsub("%w", "%0%0"), ("x y"):gsub("%a", function(c) return c:upper() end))
  self        r1 r0 k0 s0 @11:115 {r0 local "c"} ; 0 "upper"
  tailcall    r1 1 s1 @11:120 {r1 method "upper"} ; 1
.end
