-- The block is never closed.
if true then
  print("open")
