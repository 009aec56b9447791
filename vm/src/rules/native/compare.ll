
define internal i64 @NAME(i64 %ta, i64 %a, i64 %tb, i64 %b) alwaysinline {
  %o = or i64 %ta, %tb
  %ints = icmp eq i64 %o, 0
  br i1 %ints, label %int, label %other
int:
  %i = icmp sNAME i64 %a, %b
  %ir = zext i1 %i to i64
  ret i64 %ir
other:
  %fa = icmp eq i64 %ta, 1
  %fb = icmp eq i64 %tb, 1
  %floats = and i1 %fa, %fb
  br i1 %floats, label %float, label %slow
float:
  %x = bitcast i64 %a to double
  %y = bitcast i64 %b to double
  %f = fcmp oNAME double %x, %y
  %fr = zext i1 %f to i64
  ret i64 %fr
slow:
  %s = call i64 @strata_rules_compare(i64 NUMBER, i64 %ta, i64 %a, i64 %tb, i64 %b)
  ret i64 %s
}
