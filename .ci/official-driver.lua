-- Runs one file of the official Lua test suite in the configuration that
-- .ci/official-suite.sh documents: portable and soft tests only.
--
--   vm run --allow-bytecode official-driver.lua FILE [dump|strip]
--
-- With `dump` the file is first dumped to bytecode and loaded back, with
-- `strip` without its debug information, as the suite's own all.lua does.
_port = true
_soft = true

local file, mode = arg[1], arg[2]
local main = assert(loadfile(file))
if mode then
  main = assert(load(string.dump(main, mode == "strip"), "=?", "b"))
end
arg = nil
main()
