show(i, j, k, n, s)
show(t, u, w, a, b, c)
show(o, q)
