-- way: jit=off,backend=cranelift,threshold=1,hot=1,best=1,exits=16
-- portable
print(math.maxinteger < 2^63, (1 << 53) + 3 < 2^53 + 4)
