-- A failure exit with a message of the program's own.
io.stderr:write("configuration not found\n")
os.exit(false)
