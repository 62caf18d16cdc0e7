//! The lists that fictional people and addresses are put together from.

/// First and last names of one part of the world; any first name goes with any last name.
pub(super) struct Names {
    pub(super) first: &'static [&'static str],
    pub(super) last: &'static [&'static str],
}

/// A country of the contacts, with what its people and addresses look like.
pub(super) struct Country {
    pub(super) code: &'static str,
    pub(super) language: &'static str,
    pub(super) names: Names,
    pub(super) cities: &'static [&'static str],
    pub(super) streets: &'static [&'static str],
}

/// The countries, by the index that [`COUNTRY_WEIGHTS`] weighs.
pub(super) const COUNTRIES: [Country; 5] = [
    Country {
        code: "GB",
        language: "en",
        names: BRITISH,
        cities: &[
            "Leeds",
            "Sheffield",
            "Bristol",
            "Norwich",
            "York",
            "Exeter",
            "Stoke-on-Trent",
            "Inverness",
        ],
        streets: &["Mill Lane", "High Street", "Station Road", "Church View", "Orchard Way", "The Crescent"],
    },
    Country {
        code: "IE",
        language: "en",
        names: IRISH,
        cities: &["Dublin", "Cork", "Galway", "Dún Laoghaire"],
        streets: &["Strand Road", "Main Street", "Castle Avenue", "Abbey Court"],
    },
    Country {
        code: "DE",
        language: "de",
        names: GERMAN,
        cities: &["Köln", "Hamburg", "München", "Freiburg im Breisgau"],
        streets: &["Gartenstraße", "Lindenweg", "Am Markt", "Goethestraße"],
    },
    Country {
        code: "FR",
        language: "fr",
        names: FRENCH,
        cities: &["Lyon", "Nîmes", "Saint-Étienne", "Brest"],
        streets: &["rue de l'Église", "avenue des Alpes", "rue du Moulin", "place de la Forêt"],
    },
    Country {
        code: "NL",
        language: "nl",
        names: DUTCH,
        cities: &["Utrecht", "'s-Hertogenbosch", "Groningen", "Haarlem"],
        streets: &["Dorpsstraat", "Molenweg", "Kerklaan", "Prinsengracht"],
    },
];

/// How many contacts live where, in thousandths.
pub(super) const COUNTRY_WEIGHTS: [u64; 5] = [820, 60, 50, 40, 30];

/// People whose names come from elsewhere than their country; other alphabets among them.
pub(super) const ELSEWHERE: [Names; 5] = [
    Names {
        first: &["Ελένη", "Γιώργος", "Κατερίνα"], last: &["Παπαδοπούλου", "Νικολάου", "Αθανασίου"]
    },
    Names {
        first: &["Олена", "Андрій", "Ірина"], last: &["Коваленко", "Шевчук", "Бондаренко"]
    },
    Names { first: &["Zofia", "Łukasz", "Małgorzata"], last: &["Wiśniewska", "Dąbrowski", "Żuraw"] },
    Names { first: &["Jiří", "Šárka", "Ondřej"], last: &["Dvořák", "Němcová", "Růžička"] },
    Names { first: &["Åsa", "Søren", "José"], last: &["Bjørnstad", "Öberg", "Muñoz"] },
];

/// The domains that RFC 2606 keeps for examples.
pub(super) const DOMAINS: [&str; 3] = ["example.com", "example.org", "example.net"];

/// Area code and first part of drama numbers of Ofcom, a thousand numbers each; the first is the
/// range of mobile phones.
pub(super) const BRITISH_PHONES: [(&str, &str); 12] = [
    ("7700", "900"),
    ("113", "496 0"),
    ("114", "496 0"),
    ("115", "496 0"),
    ("116", "496 0"),
    ("117", "496 0"),
    ("118", "496 0"),
    ("121", "496 0"),
    ("131", "496 0"),
    ("141", "496 0"),
    ("151", "496 0"),
    ("161", "496 0"),
];

const BRITISH: Names = Names {
    first: &[
        "Alice",
        "Amelia",
        "Arthur",
        "Beatrice",
        "Benedict",
        "Callum",
        "Charlotte",
        "Chloë",
        "Daisy",
        "Edward",
        "Eleanor",
        "Emily",
        "Fiona",
        "Florence",
        "George",
        "Grace",
        "Harriet",
        "Henry",
        "Imogen",
        "Isla",
        "Jack",
        "James",
        "Joan",
        "Katharine",
        "Lewis",
        "Margaret",
        "Maya",
        "Nathan",
        "Oliver",
        "Poppy",
        "Robert \"Bob\"",
        "Rosie",
        "Siân",
        "Tamsin",
        "Thomas",
        "Walter",
        "William",
        "Zoë",
    ],
    last: &[
        "Abbott",
        "Ainsworth",
        "Barker",
        "Bell",
        "Bennett",
        "Birchall",
        "Brontë",
        "Carr",
        "Clarke",
        "Cooper",
        "Dawson",
        "Ellis",
        "Fairbairn",
        "Fletcher",
        "Grant",
        "Hartley",
        "Hughes",
        "Jones",
        "Kendrick",
        "Lloyd-Davies",
        "MacLeod",
        "Marsh",
        "Naylor",
        "Okafor",
        "Parkin",
        "Patel",
        "Quayle",
        "Rhys",
        "Shaw",
        "Smith",
        "Thornton",
        "Underhill",
        "Ward",
        "Whitaker",
        "Wright",
        "Yates",
    ],
};

const IRISH: Names = Names {
    first: &["Aoife", "Ciarán", "Déaglán", "Fionnuala", "Niamh", "Oisín", "Róisín", "Seán"],
    last: &[
        "Brennan",
        "Byrne",
        "Doyle",
        "McCarthy",
        "Ní Dhomhnaill",
        "O'Brien",
        "O'Connor",
        "Ó Súilleabháin",
    ],
};

/// One last name is written with a combining diaeresis, as some systems store it.
const GERMAN: Names = Names {
    first: &["Anja", "Björn", "Friederike", "Jörg", "Lukas", "Sabine", "Käthe", "Uwe"],
    last: &["Becker", "Groß", "Hoffmann", "Krüger", "Mu\u{308}ller", "Schäfer", "Vogel", "von der Heide"],
};

const FRENCH: Names = Names {
    first: &["Amélie", "Baptiste", "Chloé", "François", "Hélène", "Jean-Luc", "Maëlle", "Noël"],
    last: &["Bernard", "Chevalier", "D'Amboise", "Lefèvre", "Moreau", "Périer", "Roussel", "Tremblay"],
};

const DUTCH: Names = Names {
    first: &["Anouk", "Daan", "Femke", "Joris", "Loïs", "Pieter", "Sanne", "Zoë"],
    last: &["Bakker", "de Vries", "Jansen", "Koëter", "van den Berg", "van 't Hoff", "Visser", "Zijlstra"],
};
