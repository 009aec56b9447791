-- An error object without __tostring.
error({ code = 2 })
