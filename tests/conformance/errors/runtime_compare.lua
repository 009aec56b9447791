local sorted = { 3, "2", 1 }
return sorted[1] < sorted[2]
