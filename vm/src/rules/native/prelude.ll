; What compiled rules have in common. A value is a tag (0: an integer, 1: a float,
; 2: another term, 3: undefined) and 64 bits. Operators on two integers or two floats
; are here; all else is the host's.

%node = type { i32, i32, i64 }
%view = type { ptr, ptr, ptr, i32 }
%value = type { i64, i64 }

declare i32 @strata_rules_int(ptr, i64)
declare i32 @strata_rules_float(ptr, double)
declare i32 @strata_rules_cons1(ptr, i32, i32)
declare i32 @strata_rules_cons2(ptr, i32, i32, i32)
declare i32 @strata_rules_cons(ptr, i32, ptr, i64)
declare i64 @strata_rules_operate(ptr, i64, i64, i64, i64, i64)
declare i64 @strata_rules_compare(i64, i64, i64, i64, i64)
declare i64 @strata_rules_before(ptr, i32, i32)

define internal i32 @argument(ptr %nodes, i32 %term, i64 %n) alwaysinline {
  %i = zext i32 %term to i64
  %a = getelementptr inbounds %node, ptr %nodes, i64 %i, i32 2
  %b = getelementptr inbounds i32, ptr %a, i64 %n
  %r = load i32, ptr %b
  ret i32 %r
}

define internal i32 @far_argument(ptr %nodes, ptr %kids, i32 %term, i64 %n) alwaysinline {
  %i = zext i32 %term to i64
  %a = getelementptr inbounds %node, ptr %nodes, i64 %i, i32 2
  %start = load i64, ptr %a
  %k = add nuw i64 %start, %n
  %b = getelementptr inbounds i32, ptr %kids, i64 %k
  %r = load i32, ptr %b
  ret i32 %r
}

define internal i32 @head(ptr %nodes, i32 %term) alwaysinline {
  %i = zext i32 %term to i64
  %a = getelementptr inbounds %node, ptr %nodes, i64 %i, i32 0
  %r = load i32, ptr %a
  ret i32 %r
}

define internal i32 @arity(ptr %nodes, i32 %term) alwaysinline {
  %i = zext i32 %term to i64
  %a = getelementptr inbounds %node, ptr %nodes, i64 %i, i32 1
  %r = load i32, ptr %a
  ret i32 %r
}

define internal i64 @payload(ptr %nodes, i32 %term) alwaysinline {
  %i = zext i32 %term to i64
  %a = getelementptr inbounds %node, ptr %nodes, i64 %i, i32 2
  %r = load i64, ptr %a
  ret i64 %r
}

define internal %value @pair(i64 %tag, i64 %bits) alwaysinline {
  %a = insertvalue %value poison, i64 %tag, 0
  %b = insertvalue %value %a, i64 %bits, 1
  ret %value %b
}

define internal %value @value(ptr %nodes, i32 %term) alwaysinline {
  %h = call i32 @head(ptr %nodes, i32 %term)
  %p = call i64 @payload(ptr %nodes, i32 %term)
  %tag32 = call i32 @llvm.umin.i32(i32 %h, i32 2)
  %tag = zext i32 %tag32 to i64
  %id = zext i32 %term to i64
  %number = icmp ult i32 %h, 2
  %bits = select i1 %number, i64 %p, i64 %id
  %r = call %value @pair(i64 %tag, i64 %bits)
  ret %value %r
}

declare i32 @llvm.umin.i32(i32, i32)

define internal i32 @intern(ptr %terms, i64 %tag, i64 %bits) alwaysinline {
  %is = icmp eq i64 %tag, 0
  br i1 %is, label %int, label %other
int:
  %i = call i32 @strata_rules_int(ptr %terms, i64 %bits)
  ret i32 %i
other:
  %isf = icmp eq i64 %tag, 1
  br i1 %isf, label %float, label %term
float:
  %x = bitcast i64 %bits to double
  %f = call i32 @strata_rules_float(ptr %terms, double %x)
  ret i32 %f
term:
  %t = trunc i64 %bits to i32
  ret i32 %t
}

define internal %value @operate(i64 %op, i64 %ta, i64 %a, i64 %tb, i64 %b) noinline {
  %p = alloca i64
  store i64 0, ptr %p
  %t = call i64 @strata_rules_operate(ptr %p, i64 %op, i64 %ta, i64 %a, i64 %tb, i64 %b)
  %v = load i64, ptr %p
  %r = call %value @pair(i64 %t, i64 %v)
  ret %value %r
}

define internal i64 @eq(i64 %ta, i64 %a, i64 %tb, i64 %b) alwaysinline {
  %fa = icmp eq i64 %ta, 1
  %fb = icmp eq i64 %tb, 1
  %any = or i1 %fa, %fb
  br i1 %any, label %slow, label %plain
plain:
  %tags = icmp eq i64 %ta, %tb
  %bits = icmp eq i64 %a, %b
  %same = and i1 %tags, %bits
  %r = zext i1 %same to i64
  ret i64 %r
slow:
  %s = call i64 @strata_rules_compare(i64 2, i64 %ta, i64 %a, i64 %tb, i64 %b)
  ret i64 %s
}

define internal %value @neg(i64 %ta, i64 %a) alwaysinline {
  switch i64 %ta, label %none [ i64 0, label %int
                                i64 1, label %float ]
int:
  %i = sub i64 0, %a
  %ir = call %value @pair(i64 0, i64 %i)
  ret %value %ir
float:
  %x = bitcast i64 %a to double
  %f = fneg double %x
  %fb = bitcast double %f to i64
  %fr = call %value @pair(i64 1, i64 %fb)
  ret %value %fr
none:
  %n = call %value @pair(i64 3, i64 0)
  ret %value %n
}

define internal %value @floordiv(i64 %ta, i64 %a, i64 %tb, i64 %b) alwaysinline {
  %o = or i64 %ta, %tb
  %ints = icmp eq i64 %o, 0
  ; By 0 and by -1 the host divides.
  %b1 = add i64 %b, 1
  %odd = icmp ult i64 %b1, 2
  %even = xor i1 %odd, true
  %here = and i1 %ints, %even
  br i1 %here, label %int, label %slow
int:
  %q = sdiv i64 %a, %b
  %m = mul i64 %q, %b
  %exact = icmp eq i64 %m, %a
  %signs = xor i64 %a, %b
  %minus = icmp slt i64 %signs, 0
  %inexact = xor i1 %exact, true
  %down = and i1 %minus, %inexact
  %less = sext i1 %down to i64
  %r = add i64 %q, %less
  %ir = call %value @pair(i64 0, i64 %r)
  ret %value %ir
slow:
  %s = call %value @operate(i64 4, i64 %ta, i64 %a, i64 %tb, i64 %b)
  ret %value %s
}

define internal %value @mod(i64 %ta, i64 %a, i64 %tb, i64 %b) alwaysinline {
  %o = or i64 %ta, %tb
  %ints = icmp eq i64 %o, 0
  %b1 = add i64 %b, 1
  %odd = icmp ult i64 %b1, 2
  %even = xor i1 %odd, true
  %here = and i1 %ints, %even
  br i1 %here, label %int, label %slow
int:
  %rem = srem i64 %a, %b
  %signs = xor i64 %rem, %b
  %minus = icmp slt i64 %signs, 0
  %some = icmp ne i64 %rem, 0
  %up = and i1 %minus, %some
  %more = select i1 %up, i64 %b, i64 0
  %r = add i64 %rem, %more
  %ir = call %value @pair(i64 0, i64 %r)
  ret %value %ir
slow:
  %s = call %value @operate(i64 5, i64 %ta, i64 %a, i64 %tb, i64 %b)
  ret %value %s
}
