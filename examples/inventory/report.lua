-- What there is to say about it.

local report = {}
local missing, first = {}, nil

function report.note(day, what)
  first = first or day
  missing[what.name] = (missing[what.name] or 0) + what.n
end

function report.print(shelves, days)
  print(("%d pieces moved in %d days"):format(shelves.moved, days))
  for _, name in ipairs(shelves:names()) do
    print(("%-8s %6d left, never below %d, %d missed"):format(
      name, shelves.amounts[name], shelves.least[name], missing[name] or 0))
  end
  print(first and "first missed on day " .. first or "nothing was missed")
end

return report
