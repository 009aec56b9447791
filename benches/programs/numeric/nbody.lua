-- Planets under mutual gravity, leapfrog integration of records with float fields.
-- Stresses: float fields read and written in nested loops.

local STEPS = 420000
local sqrt, pi = math.sqrt, math.pi
local SOLAR_MASS, DAYS = 4 * pi * pi, 365.24

local function planet(x, y, z, vx, vy, vz, mass)
  return {
    x = x, y = y, z = z,
    vx = vx * DAYS, vy = vy * DAYS, vz = vz * DAYS,
    mass = mass * SOLAR_MASS,
  }
end

local bodies = {
  planet(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0),
  planet(4.84143144246472090, -1.16032004402742839, -0.103622044471123109,
    0.00166007664274403694, 0.00769901118419740425, -0.0000690460016972063023, 0.000954791938424326609),
  planet(8.34336671824457987, 4.12479856412430479, -0.403523417114321381,
    -0.00276742510726411046, 0.00499852801234917238, 0.0000230417297573763929, 0.000285885980666130812),
  planet(12.8943695621391310, -15.1111514016986312, -0.223307578892655734,
    0.00296460137564761618, 0.00237847173959480950, -0.0000296589568540237556, 0.0000436624404335156298),
  planet(15.3796971148509165, -25.9193146099879641, 0.179258772950371181,
    0.00268067772490389322, 0.00162824170038242295, -0.0000951592254519715870, 0.0000515138902046611451),
}

local function drop_momentum()
  local px, py, pz = 0.0, 0.0, 0.0
  for i = 1, #bodies do
    local b = bodies[i]
    px = px + b.vx * b.mass
    py = py + b.vy * b.mass
    pz = pz + b.vz * b.mass
  end
  local sun = bodies[1]
  sun.vx, sun.vy, sun.vz = -px / SOLAR_MASS, -py / SOLAR_MASS, -pz / SOLAR_MASS
end

local function energy()
  local sum = 0.0
  for i = 1, #bodies do
    local b = bodies[i]
    sum = sum + 0.5 * b.mass * (b.vx * b.vx + b.vy * b.vy + b.vz * b.vz)
    for j = i + 1, #bodies do
      local c = bodies[j]
      local dx, dy, dz = b.x - c.x, b.y - c.y, b.z - c.z
      sum = sum - b.mass * c.mass / sqrt(dx * dx + dy * dy + dz * dz)
    end
  end
  return sum
end

local function advance(dt)
  local n = #bodies
  for i = 1, n do
    local b = bodies[i]
    local bx, by, bz, bm = b.x, b.y, b.z, b.mass
    local bvx, bvy, bvz = b.vx, b.vy, b.vz
    for j = i + 1, n do
      local c = bodies[j]
      local dx, dy, dz = bx - c.x, by - c.y, bz - c.z
      local d2 = dx * dx + dy * dy + dz * dz
      local mag = dt / (d2 * sqrt(d2))
      local cm = c.mass * mag
      bvx = bvx - dx * cm
      bvy = bvy - dy * cm
      bvz = bvz - dz * cm
      local m = bm * mag
      c.vx = c.vx + dx * m
      c.vy = c.vy + dy * m
      c.vz = c.vz + dz * m
    end
    b.vx, b.vy, b.vz = bvx, bvy, bvz
    b.x = bx + dt * bvx
    b.y = by + dt * bvy
    b.z = bz + dt * bvz
  end
end

drop_momentum()
local before = energy()
for _ = 1, STEPS do advance(0.01) end

local got = string.format("%.9g %.9g", before, energy())
assert(got == "-0.169075164 -0.169077097", "nbody: checksum is " .. got)
print("nbody " .. got)
