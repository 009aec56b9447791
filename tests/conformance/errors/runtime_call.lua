-- A misspelled library function.
string.fromat("%d", 1)
