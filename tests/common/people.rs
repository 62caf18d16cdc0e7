//! A made-up register of which it is known who is who: people in households, rows of them in several systems, with what
//! goes wrong in such rows.
//!
//! Traps: names of all frequencies, families and twins at one address, fathers and sons of one name, people who moved or
//! took another name, nicknames, slips of the pen in every field, fields that are not there.

/// A row of a system.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    /// Who it is.
    pub(crate) person: u32,
    /// Place of its system.
    pub(crate) system: u8,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    /// Year, month, day; `None`: not known.
    pub(crate) birth: Option<(u32, u32, u32)>,
    pub(crate) postal_code: String,
    pub(crate) street: String,
}

impl Row {
    /// Day of birth as `YYYY-MM-DD`, empty where not known.
    pub(crate) fn birth_date(&self) -> String {
        self.birth.map_or_else(String::new, |(year, month, day)| format!("{year:04}-{month:02}-{day:02}"))
    }
}

/// Random numbers: splitmix64.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0xD134_2543_DE82_EF95))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from((u128::from(self.next()) * n as u128) >> 64).unwrap_or_default()
    }

    fn number(&mut self, low: u32, high: u32) -> u32 {
        low + u32::try_from(self.below((high - low + 1) as usize)).unwrap_or_default()
    }

    pub(crate) fn chance(&mut self, per_mille: usize) -> bool {
        self.below(1000) < per_mille
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// Common first names with what those are called who bear them.
const NICKNAMES: [(&str, &[&str]); 24] = [
    ("Robert", &["Bob", "Rob"]),
    ("William", &["Bill", "Will"]),
    ("Elizabeth", &["Liz", "Beth"]),
    ("James", &["Jim"]),
    ("Margaret", &["Peggy", "Maggie"]),
    ("John", &["Jack"]),
    ("Katherine", &["Kate", "Kathy"]),
    ("Richard", &["Dick", "Rick"]),
    ("Anna", &[]),
    ("Michael", &["Mike"]),
    ("Maria", &[]),
    ("Thomas", &["Tom"]),
    ("Susan", &["Sue"]),
    ("Peter", &[]),
    ("Christina", &["Tina", "Chris"]),
    ("Charles", &["Charlie", "Chuck"]),
    ("Laura", &[]),
    ("Joseph", &["Joe"]),
    ("Emma", &[]),
    ("Daniel", &["Dan"]),
    ("Patricia", &["Pat", "Trish"]),
    ("Andrew", &["Andy", "Drew"]),
    ("Jennifer", &["Jenny"]),
    ("Matthew", &["Matt"]),
];

/// Words out of syllables, each once.
fn words(dice: &mut Dice, n: usize, ends: &[&str]) -> Vec<String> {
    const HEADS: [&str; 30] = [
        "ba", "be", "bra", "ca", "cor", "da", "den", "dor", "fa", "fel", "ga", "gre", "ha", "hol", "jo",
        "ka", "kel", "la", "lin", "ma", "mor", "na", "pa", "per", "ra", "sa", "schu", "ta", "va", "wil",
    ];
    const MIDDLES: [&str; 20] = [
        "", "", "n", "r", "l", "ri", "li", "na", "mi", "ber", "der", "lan", "man", "nor", "ser", "ten", "to",
        "vi", "wen", "zo",
    ];
    let mut found = std::collections::BTreeSet::new();
    let mut words = Vec::new();
    while words.len() < n {
        let word =
            format!("{}{}{}{}", dice.pick(&HEADS), dice.pick(&MIDDLES), dice.pick(&MIDDLES), dice.pick(ends));
        let mut letters = word.chars();
        let word: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
        if found.insert(word.clone()) {
            words.push(word);
        }
    }
    words
}

/// A number of below 2^53 as a fraction.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit a double")]
fn real(n: usize) -> f64 {
    n as f64
}

/// Places drawn with a chance of 1/(place + offset), as names are.
struct Zipf(Vec<f64>);

impl Zipf {
    fn new(n: usize, offset: f64) -> Self {
        let mut sum = 0.0;
        Self(
            (0..n)
                .map(|place| {
                    sum += 1.0 / (real(place) + offset);
                    sum
                })
                .collect(),
        )
    }

    fn draw(&self, dice: &mut Dice) -> usize {
        let at = real(dice.below(1 << 53)) / real(1 << 53) * self.0[self.0.len() - 1];
        self.0.partition_point(|sum| *sum < at).min(self.0.len() - 1)
    }
}

struct World {
    firsts: Vec<String>,
    lasts: Vec<String>,
    streets: Vec<String>,
    codes: Vec<String>,
    first_ranks: Zipf,
    last_ranks: Zipf,
}

#[derive(Clone)]
struct Address {
    code: usize,
    street: String,
}

#[derive(Clone)]
struct Person {
    first: usize,
    last: usize,
    birth: (u32, u32, u32),
    address: Address,
}

impl World {
    fn new(dice: &mut Dice, n_people: usize) -> Self {
        let mut firsts: Vec<String> = NICKNAMES.iter().map(|(name, _)| (*name).to_owned()).collect();
        firsts.extend(words(dice, 1_200, &["a", "e", "o", "us", "ine", "ick", "ela", "an"]));
        let lasts =
            words(dice, 20_000, &["er", "mann", "son", "ski", "ton", "s", "ez", "eau", "berg", "ley"]);
        let kinds = ["Street", "Road", "Lane", "Avenue", "Way", "Hill"];
        let streets = words(dice, 800, &["ford", "wood", "field", "ton", "well", "brook"])
            .into_iter()
            .map(|name| format!("{name} {}", dice.pick(&kinds)))
            .collect();
        let n_codes = (n_people / 75).clamp(20, 5_000);
        let codes = (0..n_codes).map(|place| format!("{:05}", 10_000 + place * 89_000 / n_codes)).collect();
        Self {
            first_ranks: Zipf::new(firsts.len(), 5.0),
            last_ranks: Zipf::new(lasts.len(), 20.0),
            firsts,
            lasts,
            streets,
            codes,
        }
    }

    fn address(&self, dice: &mut Dice) -> Address {
        let code = dice.below(self.codes.len());
        // A postal code has a dozen streets.
        let street = (code * 37 + dice.below(12) * 61) % self.streets.len();
        Address { code, street: format!("{} {}", self.streets[street], dice.number(1, 120)) }
    }

    fn household(&self, dice: &mut Dice, people: &mut Vec<Person>) {
        let birth = |dice: &mut Dice, low: u32, high: u32| {
            (dice.number(low, high), dice.number(1, 12), dice.number(1, 28))
        };
        let address = self.address(dice);
        let first = |dice: &mut Dice| self.first_ranks.draw(dice);
        let year = dice.number(1935, 1995);
        let head = Person {
            first: first(dice),
            last: self.last_ranks.draw(dice),
            birth: birth(dice, year, year),
            address: address.clone(),
        };
        let last = head.last;
        people.push(head);
        if dice.chance(450) {
            return;
        }
        let last_of_other = if dice.chance(800) { last } else { self.last_ranks.draw(dice) };
        let (low, high) = (year.saturating_sub(6), (year + 6).min(2000));
        people.push(Person {
            first: first(dice),
            last: last_of_other,
            birth: birth(dice, low, high),
            address: address.clone(),
        });
        let mut of_before = None;
        for _ in 0..[0, 0, 1, 1, 2, 2, 3][dice.below(7)] {
            let born = match of_before {
                Some(born) if dice.chance(25) => born,
                _ => birth(dice, year + 22, year + 34),
            };
            of_before = Some(born);
            let parent = people[people.len() - 2].first;
            let first = if dice.chance(15) { parent } else { first(dice) };
            people.push(Person { first, last, birth: born, address: address.clone() });
        }
    }
}

/// One slip of the pen: a letter left out, doubled, exchanged with its neighbour or another.
fn slip(dice: &mut Dice, text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    if letters.len() < 3 {
        return text.to_owned();
    }
    let place = 1 + dice.below(letters.len() - 1);
    match dice.below(4) {
        0 => {
            letters.remove(place);
        }
        1 => letters.insert(place, letters[place]),
        2 => letters.swap(place, place - 1),
        _ => letters[place] = char::from(b"abcdefghijklmnopqrstuvwxyz"[dice.below(26)]),
    }
    letters.into_iter().collect()
}

fn slip_of_digits(dice: &mut Dice, text: &str) -> String {
    let mut digits: Vec<char> = text.chars().collect();
    let place = dice.below(digits.len());
    if dice.chance(500) && place > 0 {
        digits.swap(place, place - 1);
    } else {
        digits[place] = char::from(b"0123456789"[dice.below(10)]);
    }
    digits.into_iter().collect()
}

fn slip_of_birth(dice: &mut Dice, (year, month, day): (u32, u32, u32)) -> (u32, u32, u32) {
    match dice.below(4) {
        0 if day <= 12 => (year, day, month),
        1 => (year - year % 100 + (year % 10) * 10 + year / 10 % 10, month, day),
        2 => (year + dice.number(1, 2), month, day),
        _ => (year, month, (day + dice.number(1, 9) - 1) % 28 + 1),
    }
}

/// The row of a person in a system; `later`: not the first of the person.
fn row(world: &World, dice: &mut Dice, (number, person): (u32, &Person), system: u8, later: bool) -> Row {
    let mut first = world.firsts[person.first].clone();
    let nicknames = NICKNAMES.get(person.first).map_or(&[][..], |(_, nicknames)| nicknames);
    if !nicknames.is_empty() && dice.chance(120) {
        first = (*dice.pick(nicknames)).to_owned();
    } else if dice.chance(40) {
        first = slip(dice, &first);
    } else if dice.chance(15) {
        first.truncate(1);
    }
    let renamed = later && dice.chance(20);
    let last = if renamed { world.last_ranks.draw(dice) } else { person.last };
    let mut last = world.lasts[last].clone();
    if dice.chance(45) {
        last = slip(dice, &last);
    }
    let address = if later && dice.chance(120) { world.address(dice) } else { person.address.clone() };
    let mut code = world.codes[address.code].clone();
    if dice.chance(20) {
        code = slip_of_digits(dice, &code);
    }
    let mut street = address.street;
    if dice.chance(60) {
        street = slip(dice, &street);
    }
    let mut birth = Some(person.birth);
    if dice.chance(35) {
        birth = birth.map(|birth| slip_of_birth(dice, birth));
    }
    let mut row =
        Row { person: number, system, first_name: first, last_name: last, birth, postal_code: code, street };
    if dice.chance(150) {
        row.birth = None;
    }
    if dice.chance(60) {
        row.postal_code.clear();
    }
    if dice.chance(80) {
        row.street.clear();
    }
    if dice.chance(15) {
        row.first_name.clear();
    }
    row
}

/// Rows of `n_people` people in three systems, a third more than there are people, in no order. `alone`: nobody has a
/// family.
pub(crate) fn register(n_people: usize, seed: u64, alone: bool) -> Vec<Row> {
    let dice = &mut Dice::new(seed);
    let world = World::new(dice, n_people);
    let mut people = Vec::new();
    while people.len() < n_people {
        let n_before = people.len();
        world.household(dice, &mut people);
        if alone {
            people.truncate(n_before + 1);
        }
    }
    people.truncate(n_people);
    let mut rows = Vec::new();
    for (number, person) in (0..).zip(&people) {
        let n = match dice.below(1000) {
            0..720 => 1,
            720..947 => 2,
            _ => 3,
        };
        let from = dice.below(3);
        for k in 0..n {
            let system = u8::try_from((from + k) % 3).unwrap_or_default();
            rows.push(row(&world, dice, (number, person), system, k > 0));
        }
    }
    for place in (1..rows.len()).rev() {
        let other = dice.below(place + 1);
        rows.swap(place, other);
    }
    rows
}

/// Pairs of rows of one person.
pub(crate) fn n_true_pairs(rows: &[Row]) -> u64 {
    let mut people: Vec<u32> = rows.iter().map(|row| row.person).collect();
    people.sort_unstable();
    people.chunk_by(|a, b| a == b).map(|same| (same.len() * (same.len() - 1) / 2) as u64).sum()
}
