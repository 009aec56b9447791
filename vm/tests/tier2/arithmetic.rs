//! Arithmetic in optimized code, and in the baseline compiler's that comes before it.

use crate::optimized::same;

#[test]
fn divisors_that_are_constants() {
    let divisors = [
        "3",
        "5",
        "6",
        "7",
        "10",
        "641",
        "1000",
        "65521",
        "2147483647",
        "4294967297",
        "6148914691236517205",
        "9223372036854775806",
        "9223372036854775807",
        "-1",
        "-3",
        "-10",
        "1",
        "2",
        "64",
        "4611686018427387904",
    ];
    for some in divisors.chunks(5) {
        let mut source = String::new();
        for (n, divisor) in some.iter().enumerate() {
            source += &format!("local d{n} <const> = {divisor}\n");
        }
        source += "local function f(x) local s = 0\n";
        for n in 0..some.len() {
            source += &format!("s = s * 31 + x // d{n} s = s * 31 + x % d{n}\n");
        }
        source += "return s end
             local all = 0
             for shift = 0, 62 do
               for near = -3, 3 do
                 local x = (1 << shift) + near
                 all = all * 7 + f(x) * 5 + f(-x)
               end
             end
             for near = 0, 40 do
               all = all * 7 + f(math.maxinteger - near) + f(math.mininteger + near)
               all = all * 7 + f(near * 65521 - 1) + f(near * -641)
             end
             return all";
        same(&source);
    }
}
