//! Search by halving, over whatever is found by place.

/// The first of `n` places that does not come before what is looked for; `n` where all do. Places that come before it come
/// before all others.
#[must_use]
pub fn first_from(n: usize, comes_before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, n);
    while low < high {
        let middle = usize::midpoint(low, high);
        if comes_before(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_place_is_that_of_a_plain_look() {
        for n in 0..9 {
            for wanted in 0..=n {
                assert_eq!(first_from(n, |place| place < wanted), wanted);
            }
        }
    }
}
