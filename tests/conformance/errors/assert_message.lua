local f, message = io.open("/nonexistent/input.txt")
assert(f, message)
