//! A second, slow and plain implementation: every pair of records is compared, and expectation–maximisation goes over rows
//! of pairs instead of counted patterns.

use super::chance::Chance;
use super::compare::Levels;
use crate::kernel::calendar::civil_from_day;
use crate::kernel::identity::NO_BIRTH;

/// A person with values in the form in which they are compared.
#[derive(Clone, Debug)]
pub(super) struct Plain {
    first: String,
    last: String,
    birth: Option<(i32, u32, u32)>,
    code: String,
    street: String,
}

impl Plain {
    /// Takes texts that are in their form already.
    pub(super) fn new(first: String, last: String, birth_day: i32, code: String, street: String) -> Self {
        let birth = (birth_day != NO_BIRTH).then(|| civil_from_day(birth_day));
        Self { first, last, birth, code, street }
    }
}

fn names(a: &str, b: &str) -> u8 {
    let similarity = strsim::jaro_winkler(a, b);
    let is_initial = a.chars().next() == b.chars().next() && (a.len() == 1 || b.len() == 1);
    match () {
        () if a.is_empty() || b.is_empty() => 0,
        () if a == b => 1,
        () if similarity >= 0.92 => 2,
        () if similarity >= 0.80 || is_initial => 3,
        () => 4,
    }
}

fn births(a: Option<(i32, u32, u32)>, b: Option<(i32, u32, u32)>) -> u8 {
    let (Some(a), Some(b)) = (a, b) else { return 0 };
    let text = |(y, m, d): (i32, u32, u32)| format!("{y:04}{m:02}{d:02}").into_bytes();
    let (x, y) = (text(a), text(b));
    let exchanged = (0..7).any(|place| {
        let mut other = x.clone();
        other.swap(place, place + 1);
        other == y
    });
    match () {
        () if a == b => 1,
        () if x.iter().zip(&y).filter(|(x, y)| x != y).count() == 1 || exchanged => 2,
        () if a.0 == b.0 && (a.1, a.2) == (b.2, b.1) => 2,
        () if a.0 == b.0 => 3,
        () => 4,
    }
}

fn codes(a: &str, b: &str) -> u8 {
    let (x, y): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let one_off = x.len() == y.len() && x.iter().zip(&y).filter(|(x, y)| x != y).count() == 1;
    let exchanged = (1..x.len()).any(|place| {
        let mut other = x.clone();
        other.swap(place - 1, place);
        other == y
    });
    let begin = |text: &[char]| text[..text.len().saturating_sub(3).max(1)].to_vec();
    match () {
        () if x.is_empty() || y.is_empty() => 0,
        () if x == y => 1,
        () if one_off || exchanged => 2,
        () if begin(&x) == begin(&y) => 3,
        () => 4,
    }
}

fn streets(a: &str, b: &str) -> u8 {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let similarity = strsim::jaro_winkler(a, b);
    match () {
        () if a.is_empty() || b.is_empty() => 0,
        () if a == b => 1,
        () if similarity >= 0.92 && digits(a) == digits(b) => 2,
        () if similarity >= 0.80 => 3,
        () => 4,
    }
}

pub(super) fn levels(a: &Plain, b: &Plain) -> Levels {
    [
        names(&a.first, &b.first),
        names(&a.last, &b.last),
        births(a.birth, b.birth),
        codes(&a.code, &b.code),
        streets(&a.street, &b.street),
    ]
}

/// Whether a pair agrees in a blocking rule.
pub(super) fn agrees(a: &Plain, b: &Plain, sound: impl Fn(&str) -> u16) -> bool {
    let same = |x: &str, y: &str| !x.is_empty() && x == y;
    let birth = a.birth.is_some() && a.birth == b.birth;
    let year = a.birth.is_some() && a.birth.map(|birth| birth.0) == b.birth.map(|birth| birth.0);
    let (first, last, code) = (same(&a.first, &b.first), same(&a.last, &b.last), same(&a.code, &b.code));
    let sounds = |x: &str, y: &str| sound(x) != 0 && sound(x) == sound(y);
    let initial = !a.first.is_empty() && a.first.chars().next() == b.first.chars().next();
    [
        last && birth,
        first && birth,
        code && last,
        code && first,
        birth && code,
        first && last,
        sounds(&a.last, &b.last) && sounds(&a.first, &b.first) && year,
        code && initial && year,
    ]
    .contains(&true)
}

/// u over every pair there is: names and days by level, then the sixteen joint cells of the address.
pub(super) fn chance(people: &[Plain]) -> ([[f64; 4]; 3], [f64; 16]) {
    let (mut plain, mut address) = ([[0.0; 4]; 3], [0.0; 16]);
    for (place, a) in people.iter().enumerate() {
        for b in &people[place + 1..] {
            let levels = levels(a, b);
            for field in 0..3 {
                if levels[field] > 0 {
                    plain[field][usize::from(levels[field]) - 1] += 1.0;
                }
            }
            if levels[3] > 0 && levels[4] > 0 {
                address[usize::from(levels[3] - 1) * 4 + usize::from(levels[4] - 1)] += 1.0;
            }
        }
    }
    for shares in &mut plain {
        let n: f64 = shares.iter().sum();
        shares.iter_mut().for_each(|share| *share /= n);
    }
    let n: f64 = address.iter().sum();
    address.iter_mut().for_each(|share| *share /= n);
    (plain, address)
}

/// Parameters of a class: share, names and days, address.
pub(super) type Parameters = (f64, [[f64; 4]; 3], [[f64; 4]; 4]);

/// Steps of expectation–maximisation over rows; matches and households are estimated, u is given.
pub(super) fn maximise(
    rows: &[Levels],
    n_all: f64,
    start: &[Parameters; 2],
    u: &Chance,
    n_steps: usize,
) -> [Parameters; 2] {
    let address_of = |table: &[[f64; 4]; 4], levels: &Levels| -> f64 {
        let mut sum = 0.0;
        for (code, row) in (1..).zip(table) {
            for (street, share) in (1..).zip(row) {
                if (levels[3] == 0 || levels[3] == code) && (levels[4] == 0 || levels[4] == street) {
                    sum += share;
                }
            }
        }
        sum
    };
    let of = |(share, plain, address): &Parameters, levels: &Levels| -> f64 {
        let fields = (0..3).filter(|field| levels[*field] > 0);
        let names: f64 = fields.map(|field| plain[field][usize::from(levels[field]) - 1]).product();
        share * names * address_of(address, levels)
    };
    let table = |cells: &[f64; 16]| {
        std::array::from_fn(|code| std::array::from_fn(|street| cells[code * 4 + street]))
    };
    let mut now = *start;
    for _ in 0..n_steps {
        let others: Parameters = (1.0 - now[0].0 - now[1].0, u.plain, table(&u.address));
        let next = [0, 1].map(|class| {
            let (mut n, mut plain, mut address) = (0.0, [[0.0; 4]; 3], [[0.0; 4]; 4]);
            for levels in rows {
                let joint = [of(&now[0], levels), of(&now[1], levels), of(&others, levels)];
                let weight = joint[class] / joint.iter().sum::<f64>();
                n += weight;
                for field in 0..3 {
                    if levels[field] > 0 {
                        plain[field][usize::from(levels[field]) - 1] += weight;
                    }
                }
                if levels[3] == 0 && levels[4] == 0 {
                    continue;
                }
                let all = address_of(&now[class].2, levels);
                for code in 1..=4_u8 {
                    for street in 1..=4_u8 {
                        let is_it =
                            (levels[3] == 0 || levels[3] == code) && (levels[4] == 0 || levels[4] == street);
                        let (code, street) = (usize::from(code) - 1, usize::from(street) - 1);
                        if is_it {
                            address[code][street] += weight * now[class].2[code][street] / all;
                        }
                    }
                }
            }
            // The prior: two pairs, spread as at the start.
            for (shares, prior) in plain.iter_mut().zip(start[class].1) {
                let n = shares.iter().sum::<f64>() + 2.0;
                shares.iter_mut().zip(prior).for_each(|(share, prior)| *share = (*share + 2.0 * prior) / n);
            }
            let n_addresses = address.iter().flatten().sum::<f64>() + 2.0;
            for (shares, prior) in address.iter_mut().zip(start[class].2) {
                shares
                    .iter_mut()
                    .zip(prior)
                    .for_each(|(share, prior)| *share = (*share + 2.0 * prior) / n_addresses);
            }
            (n / n_all, plain, address)
        });
        now = next;
        now[1].1[0] = u.plain[0];
    }
    now
}
