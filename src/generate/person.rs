//! One fictional person of the register: name, e-mail, phone and address.

use super::calendar;
use super::draw::Draw;
use super::names::{BRITISH_PHONES, COUNTRIES, COUNTRY_WEIGHTS, Country, DOMAINS, ELSEWHERE};

/// What the register knows of a person at one time.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) email: String,
    pub(super) phone: String,
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) birth_date: String,
    pub(super) language: &'static str,
    pub(super) country: &'static str,
    pub(super) postal_code: String,
    pub(super) city: &'static str,
    pub(super) street: String,
    country_index: usize,
}

impl Person {
    /// The person with a number; the number keeps e-mails and phones of different people apart.
    pub(super) fn new(number: u32, draw: &mut Draw) -> Self {
        let country_index = draw.weighted(&COUNTRY_WEIGHTS);
        let country = &COUNTRIES[country_index];
        let names = if draw.chance(60) { &ELSEWHERE[draw.index(ELSEWHERE.len())] } else { &country.names };
        let mut person = Self {
            email: String::new(),
            phone: if draw.chance(550) { phone(country.code, number, draw) } else { String::new() },
            first_name: draw.pick(names.first).to_owned(),
            last_name: draw.pick(names.last).to_owned(),
            birth_date: if draw.chance(740) { birth_date(draw) } else { String::new() },
            language: country.language,
            country: country.code,
            postal_code: String::new(),
            city: "",
            street: String::new(),
            country_index,
        };
        person.email = person.email_of(number, draw);
        person.move_house(draw);
        person
    }

    /// Another address in the same country.
    pub(super) fn move_house(&mut self, draw: &mut Draw) {
        let country = &COUNTRIES[self.country_index];
        let place = draw.index(country.cities.len());
        self.city = country.cities[place];
        self.postal_code = postal_code(country.code, place, draw);
        self.street = street(country, draw);
    }

    /// Another e-mail, by a provider that the person's number alone would not have given.
    pub(super) fn change_email(&mut self, number: u32, draw: &mut Draw) {
        let before = std::mem::take(&mut self.email);
        while self.email.is_empty() || self.email == before {
            self.email = format!("{}@{}", self.local_part(number, draw), draw.pick(&DOMAINS));
        }
    }

    /// Eight of a hundred have no e-mail and three have one that cannot be right.
    fn email_of(&self, number: u32, draw: &mut Draw) -> String {
        if draw.chance(80) {
            return String::new();
        }
        let mut local = self.local_part(number, draw);
        let domain = draw.pick(&DOMAINS);
        if !draw.chance(30) {
            let email = format!("{local}@{domain}");
            return if draw.chance(40) { email.to_uppercase() } else { email };
        }
        match draw.index(5) {
            0 => format!("{local}@@{domain}"),
            1 => format!("{local}.{domain}"),
            2 => format!("{local}@{}", domain.replace('.', "")),
            3 => format!("{local}..home@{domain}"),
            _ => {
                local.insert(1, ' ');
                format!("{local}@{domain}")
            }
        }
    }

    /// Letters, then the number of the person: nobody else has the same.
    fn local_part(&self, number: u32, draw: &mut Draw) -> String {
        let (first, last) = (plain(&self.first_name), plain(&self.last_name));
        match draw.index(3) {
            0 => format!("{first}.{last}{number}"),
            1 => format!("{}.{last}{number}", first.chars().next().unwrap_or('x')),
            _ => format!("{first}{number}"),
        }
    }
}

/// A name in small ASCII letters; `friend` where nothing is left of it.
fn plain(name: &str) -> String {
    let letters: String = name.chars().flat_map(char::to_lowercase).filter_map(plain_letter).collect();
    if letters.is_empty() { "friend".to_owned() } else { letters }
}

fn plain_letter(letter: char) -> Option<char> {
    Some(match letter {
        'a'..='z' => letter,
        'á' | 'ä' | 'å' | 'ą' => 'a',
        'é' | 'è' | 'ê' | 'ë' | 'ě' => 'e',
        'í' | 'ï' => 'i',
        'ó' | 'ö' | 'ø' => 'o',
        'ú' | 'ü' | 'ů' => 'u',
        'ł' => 'l',
        'ñ' => 'n',
        'ř' => 'r',
        'ś' | 'š' | 'ß' => 's',
        'ž' | 'ż' => 'z',
        'ç' => 'c',
        _ => return None,
    })
}

fn birth_date(draw: &mut Draw) -> String {
    calendar::date_text(draw.between(calendar::day_of(1941, 1, 1), calendar::day_of(2007, 12, 31)))
}

fn street(country: &Country, draw: &mut Draw) -> String {
    let (street, house) = (draw.pick(country.streets), draw.between(1, 140));
    match country.code {
        "DE" | "NL" => format!("{street} {house}"),
        // A comma in the text: such an address needs quotes.
        _ if draw.chance(150) => format!("Flat {}, {house} {street}", draw.between(1, 9)),
        _ => format!("{house} {street}"),
    }
}

/// The areas and routes stand in the sequence of the cities of their country.
fn postal_code(country: &str, place: usize, draw: &mut Draw) -> String {
    const AREAS: [&str; 8] = ["LS", "S", "BS", "NR", "YO", "EX", "ST", "IV"];
    const ROUTES: [&str; 4] = ["D04", "T12", "H91", "A96"];
    match country {
        "GB" => {
            let (area, district, sector) =
                (AREAS[place % AREAS.len()], draw.between(1, 12), draw.between(1, 9));
            format!("{area}{district} {sector}{}{}", letter(draw), letter(draw))
        }
        "IE" => format!("{} {}{:03}", ROUTES[place % ROUTES.len()], letter(draw), draw.between(0, 999)),
        "NL" => format!("{} {}{}", draw.between(1_011, 9_999), letter(draw), letter(draw)),
        // Leading zeros, which a reader that takes codes for numbers would lose.
        _ => format!("{:05}", draw.between(1_067, 98_000)),
    }
}

fn letter(draw: &mut Draw) -> char {
    char::from(b"ABDEFGHJLNPQRSTUWXYZ"[draw.index(20)])
}

/// A phone of a range that is kept for fiction: Ofcom's drama numbers, Arcep's 06 39 98, the drama numbers of
/// the Bundesnetzagentur, `ComReg`'s 020 91. The Netherlands keep none. Empty once the range is used up.
fn phone(country: &str, number: u32, draw: &mut Draw) -> String {
    match country {
        "GB" => british_phone(number, draw),
        "FR" if number < 10_000 => {
            let (high, low) = (number / 100, number % 100);
            if draw.chance(500) {
                format!("06 39 98 {high:02} {low:02}")
            } else {
                format!("+33639 98{high:02}{low:02}")
            }
        }
        "DE" if number < 2_000 => {
            let (area, part) = [("30", "23125"), ("69", "90009")][usize::from(number >= 1_000)];
            let rest = number % 1_000;
            if draw.chance(500) {
                format!("0{area} {part}{rest:03}")
            } else {
                format!("+49 {area} {part} {rest:03}")
            }
        }
        "IE" if number < 10_000 => {
            if draw.chance(500) {
                format!("020 910 {number:04}")
            } else {
                format!("+353 20 910 {number:04}")
            }
        }
        _ => String::new(),
    }
}

/// Each third person has a mobile phone while the range lasts, the others are reached at home.
fn british_phone(number: u32, draw: &mut Draw) -> String {
    let n_homes = u32::try_from(BRITISH_PHONES.len() - 1).unwrap_or(1);
    let (range, rest) = if number.is_multiple_of(3) && number / 3 < 1_000 {
        (0, number / 3)
    } else {
        (1 + number % n_homes, number / n_homes)
    };
    let (area, part) = BRITISH_PHONES[usize::try_from(range).unwrap_or(0)];
    if rest >= 1_000 {
        return String::new();
    }
    match draw.index(5) {
        0 => format!("+44 {area} {part}{rest:03}"),
        1 => format!("0{area} {part}{rest:03}"),
        2 => format!("0{area}{part}{rest:03}").replace(' ', ""),
        3 => format!("+44 (0){area} {part}{rest:03}"),
        _ => format!("0044{area}-{part}{rest:03}").replace(' ', "-"),
    }
}
