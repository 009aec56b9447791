local t = { 1, 2, {} }
print(table.concat(t, ", "))
