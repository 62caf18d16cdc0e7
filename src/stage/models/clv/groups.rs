//! What each customer's value of `clv.segment_by` is.

use std::borrow::Cow;

use crate::contract::column as c;
use crate::stage::features::Features;
use crate::stage::models::rfm::{Scored, Scores};
use crate::stage::register::Register;
use crate::stage::summarise;

/// The value of a column of the customers table for each customer, as text; null has none.
pub(super) fn labels<'a>(
    column: &str,
    features: &'a Features,
    scored: &'a Scored,
    register: &'a Register,
) -> Vec<Option<Cow<'a, str>>> {
    let main = |dimension: usize| -> Vec<Option<Cow<'a, str>>> {
        let text = |row: usize| {
            let value = *features.mains.get(row)?.values.get(dimension)?;
            features.values.get(value as usize).map(|text| Cow::Borrowed(text.as_str()))
        };
        (0..features.customer_id.len()).map(text).collect()
    };
    let score = |of: fn(&Scores) -> Option<u8>| -> Vec<Option<Cow<'a, str>>> {
        let scores = scored.scores.iter().map(|scores| scores.as_ref().and_then(of));
        scores.map(|score| score.map(|score| Cow::Owned(score.to_string()))).collect()
    };
    match column {
        c::COUNTRY => {
            let who = register.contacts.who(features.customer_id.iter());
            who.into_iter().map(|who| who?.country.map(Cow::Borrowed)).collect()
        }
        c::MAIN_LINE => main(summarise::LINE),
        c::MAIN_UNIT => main(summarise::UNIT),
        c::MAIN_CHANNEL => main(summarise::CHANNEL),
        c::RFM_R => score(|scores| Some(scores.r)),
        c::RFM_F => score(|scores| Some(scores.f)),
        c::RFM_M => score(|scores| scores.m),
        c::RFM_SCORE => {
            scored.cells().map(|cell| cell.map(|cell| Cow::Borrowed(cell.text.as_str()))).collect()
        }
        c::RFM_SEGMENT => {
            scored.cells().map(|cell| cell.map(|cell| Cow::Borrowed(cell.segment.as_str()))).collect()
        }
        _ => vec![None; features.customer_id.len()],
    }
}
