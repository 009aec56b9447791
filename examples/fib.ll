; vm run examples/fib.ll 29
; vm run examples/fib.ll --entry fib 29

declare i32 @atoi(ptr)
declare i32 @printf(ptr, ...)

@line = private constant [14 x i8] c"fib(%d) = %d\0A\00"

define i32 @fib(i32 %n) {
  %small = icmp slt i32 %n, 2
  br i1 %small, label %done, label %more
more:
  %a = sub i32 %n, 1
  %x = call i32 @fib(i32 %a)
  %b = sub i32 %n, 2
  %y = call i32 @fib(i32 %b)
  %r = add i32 %x, %y
  ret i32 %r
done:
  ret i32 %n
}

define i32 @main(i32 %argc, ptr %argv) {
  %given = icmp sgt i32 %argc, 1
  br i1 %given, label %read, label %show
read:
  %at = getelementptr ptr, ptr %argv, i64 1
  %word = load ptr, ptr %at
  %number = call i32 @atoi(ptr %word)
  br label %show
show:
  %n = phi i32 [ 29, %0 ], [ %number, %read ]
  %r = call i32 @fib(i32 %n)
  call i32 (ptr, ...) @printf(ptr @line, i32 %n, i32 %r)
  ret i32 0
}
