//! The order of terms that `before` in conditions asks for. It doesn't depend on
//! when terms were made, so that a rule may bring arguments into an order.
//!
//! Integers stand before floats, these before strings, these before names; integers
//! and floats by what they are worth (`-0.0` before `0.0`, NaN last), strings by their
//! characters, names by how many arguments they have, then by their characters, then
//! by the first arguments that differ.

use super::terms::{Term, Terms, View};
use std::cmp::Ordering;

fn kind(view: &View<'_>) -> u8 {
    match view {
        View::Int(_) => 0,
        View::Float(_) => 1,
        View::Str(_) => 2,
        View::Apply(..) => 3,
    }
}

/// Whether a term stands before another.
pub(super) fn before(terms: &Terms, a: Term, b: Term) -> bool {
    let (mut a, mut b) = (a, b);
    // What is equal is the same, so that one pair of arguments decides.
    while a != b {
        let (x, y) = (terms.view(a), terms.view(b));
        let order = match (&x, &y) {
            (View::Int(x), View::Int(y)) => x.cmp(y),
            (View::Float(x), View::Float(y)) => x.total_cmp(y),
            (View::Str(x), View::Str(y)) => x.cmp(y),
            (View::Apply(x, xs), View::Apply(y, ys)) => {
                let order = if terms.node(a).head == terms.node(b).head {
                    Ordering::Equal
                } else {
                    xs.len().cmp(&ys.len()).then_with(|| x.cmp(y))
                };
                if order == Ordering::Equal
                    && let Some((&x, &y)) = xs.iter().zip(*ys).find(|(x, y)| x != y)
                {
                    (a, b) = (x, y);
                    continue;
                }
                order
            }
            _ => kind(&x).cmp(&kind(&y)),
        };
        return order == Ordering::Less;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_total() {
        let mut terms = Terms::new();
        // Read backwards, so that their numbers say nothing.
        let texts = [
            "-3", "2", "-inf", "-0.0", "0.0", "2.5", "nan", "\"\"", "\"a\"", "\"b\"", "a", "b",
            "z", "a(1)", "f(1)", "f(2)", "f(f(0))", "a(1, 2)", "a(1, 3)", "a(2, 1)",
        ];
        let mut sorted: Vec<Term> = texts
            .iter()
            .rev()
            .map(|text| terms.read_one(text).unwrap())
            .collect();
        sorted.reverse();
        for (i, &a) in sorted.iter().enumerate() {
            for (j, &b) in sorted.iter().enumerate() {
                assert_eq!(before(&terms, a, b), i < j, "{} {}", texts[i], texts[j]);
            }
        }
    }
}
