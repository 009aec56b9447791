; Counts its arguments with the library beside it: how often there is each word,
; in the order in which they first came.

declare ptr @list_new()
declare void @list_push(ptr, i64)
declare i64 @list_get(ptr, i64)
declare i64 @list_len(ptr)
declare void @list_free(ptr)
declare ptr @map_new()
declare i64 @map_add(ptr, ptr, i64)
declare i64 @map_get(ptr, ptr)
declare i64 @map_len(ptr)
declare void @map_free(ptr)
declare i32 @printf(ptr, ...)

@line = private constant [9 x i8] c"%s: %ld\0A\00"
@end = private constant [30 x i8] c"%ld words, %ld of them differ\00"
@newline = private constant [2 x i8] c"\0A\00"

; argv[i + 1]
define private ptr @word(ptr %argv, i64 %i) {
  %n = add i64 %i, 1
  %at = getelementptr ptr, ptr %argv, i64 %n
  %word = load ptr, ptr %at
  ret ptr %word
}

define i32 @main(i32 %argc, ptr %argv) {
entry:
  %args = sub i32 %argc, 1
  %count = sext i32 %args to i64
  %list = call ptr @list_new()
  %map = call ptr @map_new()
  br label %read

; Each word counts; the list has how often it had come by then.
read:
  %i = phi i64 [ 0, %entry ], [ %j, %reading ]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %reading, label %show
reading:
  %word = call ptr @word(ptr %argv, i64 %i)
  %times = call i64 @map_add(ptr %map, ptr %word, i64 1)
  call void @list_push(ptr %list, i64 %times)
  %j = add i64 %i, 1
  br label %read

; Words that came for the first time are shown.
show:
  %k = phi i64 [ 0, %read ], [ %l, %next ]
  %left = icmp slt i64 %k, %count
  br i1 %left, label %showing, label %done
showing:
  %nth = call i64 @list_get(ptr %list, i64 %k)
  %first = icmp eq i64 %nth, 1
  br i1 %first, label %print, label %next
print:
  %shown = call ptr @word(ptr %argv, i64 %k)
  %all = call i64 @map_get(ptr %map, ptr %shown)
  call i32 (ptr, ...) @printf(ptr @line, ptr %shown, i64 %all)
  br label %next
next:
  %l = add i64 %k, 1
  br label %show

done:
  %len = call i64 @list_len(ptr %list)
  %different = call i64 @map_len(ptr %map)
  call i32 (ptr, ...) @printf(ptr @end, i64 %len, i64 %different)
  call i32 (ptr, ...) @printf(ptr @newline)
  call void @list_free(ptr %list)
  call void @map_free(ptr %map)
  ret i32 0
}
