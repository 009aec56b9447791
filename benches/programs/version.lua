-- Not a benchmark: the harness runs it to learn an engine's language version and start-up time.
print(_VERSION)
