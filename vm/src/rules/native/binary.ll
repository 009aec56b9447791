
define internal %value @NAME(i64 %ta, i64 %a, i64 %tb, i64 %b) alwaysinline {
  %o = or i64 %ta, %tb
  %ints = icmp eq i64 %o, 0
  br i1 %ints, label %int, label %other
int:
  %i = NAME i64 %a, %b
  %ir = call %value @pair(i64 0, i64 %i)
  ret %value %ir
other:
  %fa = icmp eq i64 %ta, 1
  %fb = icmp eq i64 %tb, 1
  %floats = and i1 %fa, %fb
  br i1 %floats, label %float, label %slow
float:
  %x = bitcast i64 %a to double
  %y = bitcast i64 %b to double
  %f = fNAME double %x, %y
  %fbits = bitcast double %f to i64
  %fr = call %value @pair(i64 1, i64 %fbits)
  ret %value %fr
slow:
  %s = call %value @operate(i64 NUMBER, i64 %ta, i64 %a, i64 %tb, i64 %b)
  ret %value %s
}
