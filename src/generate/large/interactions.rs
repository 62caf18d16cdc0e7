//! Rows of the interaction exports: a newsletter a month to those who agreed to it, with what they did about it;
//! complaints; answers to a survey.

use super::cells::{Cells, CustomerId};
use super::process::{Mail, Process, Shopper};
use super::transactions::column;
use super::{Sheet, Trade};
use crate::contract::{ColumnType, Table, column as c};
use crate::generate::catalogue::LINES;
use crate::generate::draw::{Draw, Purpose};

const SECONDS_PER_DAY: u32 = 86_400;

/// What happened between the retailer and customers.
#[derive(Clone, Debug)]
pub struct InteractionSheet {
    trade: Trade,
    month: Month,
}

/// A month with its newsletter.
#[derive(Clone, Debug)]
pub struct Month {
    index: u32,
    first_day: i32,
    /// Seconds of the month.
    n_seconds: u32,
    /// When the sending begins, in seconds of the month.
    sent_from: u32,
    /// The name of the newsletter.
    campaign: String,
    /// The product line that it speaks of.
    line: u8,
}

/// What happened once between the retailer and a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interaction {
    /// When, in seconds of the month.
    second: u32,
    customer: u32,
    kind: Kind,
    /// The answer to a survey.
    score: u8,
}

/// Kinds of interaction, in the order in which one can lead to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Sent,
    Bounce,
    Open,
    Click,
    Unsubscribe,
    SpamComplaint,
    Complaint,
    Survey,
}

impl Month {
    /// The month that lies `index` months after that of the first day of trade.
    #[must_use]
    pub fn new(trade: &Trade, index: u32) -> Self {
        let mut draw = Draw::new(trade.seed, Purpose::LargeCampaign, u64::from(index));
        let first_day = trade.month_start(index);
        let n_days = u32::try_from(trade.month_start(index + 1) - first_day).unwrap_or(1).max(1);
        // In the first two thirds, so that most of what follows falls into the month.
        let day = u32::try_from(draw.below(u64::from(n_days) * 2 / 3 + 1)).unwrap_or(0);
        Self {
            index,
            first_day,
            n_seconds: n_days * SECONDS_PER_DAY,
            sent_from: day * SECONDS_PER_DAY + 9 * 3_600,
            campaign: format!("newsletter-{}", trade.month_label(index)),
            line: u8::try_from(draw.index(LINES.len())).unwrap_or(0),
        }
    }
}

impl Process {
    /// What happens in a month with shoppers as they are at its beginning: who has not bought yet is not known yet.
    /// Whoever unsubscribes is not written to again. The first of the shoppers is customer `first_number`.
    pub fn interactions(
        &self,
        shoppers: &mut [Shopper],
        first_number: u32,
        month: &Month,
        mut take: impl FnMut(Interaction),
    ) {
        for (customer, shopper) in (first_number..).zip(shoppers) {
            if shopper.has_bought() {
                let number = u64::from(customer) << 12 | u64::from(month.index);
                let mut draw = Draw::new(self.trade.seed, Purpose::LargeInteraction, number);
                if shopper.mail == Mail::Granted {
                    newsletter(shopper, customer, month, &mut draw, &mut take);
                }
                feedback(shopper, customer, month, &mut draw, &mut take);
            }
        }
    }
}

/// A newsletter and what comes of it.
fn newsletter(
    shopper: &mut Shopper,
    customer: u32,
    month: &Month,
    draw: &mut Draw,
    take: &mut impl FnMut(Interaction),
) {
    let mut second = month.sent_from + u32::try_from(draw.below(4 * 3_600)).unwrap_or(0);
    let mut happens = |kind: Kind, second: u32| {
        take(Interaction { second: second.min(month.n_seconds - 1), customer, kind, score: 0 });
    };
    happens(Kind::Sent, second);
    if draw.chance(4) {
        shopper.mail = Mail::Bounced;
        return happens(Kind::Bounce, second + 30);
    }
    // Who has gone still gets the newsletter, but reads it seldom and leaves sooner.
    let (open, leave) = if shopper.is_gone() { (110, 14) } else { (340, 3) };
    let mut later = |draw: &mut Draw, mean: i64| {
        second = second.saturating_add(u32::try_from(draw.waiting(mean)).unwrap_or(0));
        second
    };
    if draw.chance(open) {
        happens(Kind::Open, later(draw, 40_000));
        if draw.chance(180) {
            happens(Kind::Click, later(draw, 90));
        }
        if draw.chance(leave * 2) {
            shopper.mail = Mail::Withdrawn;
            happens(Kind::Unsubscribe, later(draw, 60));
        }
    } else if draw.below(10_000) < leave {
        shopper.mail = Mail::Withdrawn;
        happens(Kind::SpamComplaint, later(draw, 20_000));
    }
}

/// What customers say of their own accord, or when asked.
fn feedback(
    shopper: &Shopper,
    customer: u32,
    month: &Month,
    draw: &mut Draw,
    take: &mut impl FnMut(Interaction),
) {
    if shopper.is_gone() {
        return;
    }
    let (complains, answers) = (draw.chance(3), draw.chance(8));
    let mut at = |draw: &mut Draw, kind: Kind, score: u8| {
        let second = u32::try_from(draw.below(u64::from(month.n_seconds))).unwrap_or(0);
        take(Interaction { second, customer, kind, score });
    };
    if complains {
        at(draw, Kind::Complaint, 0);
    }
    if answers {
        let score = draw.weighted(&[20, 10, 15, 20, 25, 60, 60, 140, 240, 210, 200]);
        at(draw, Kind::Survey, u8::try_from(score).unwrap_or(0));
    }
}

impl Interaction {
    /// What interactions of a month are sorted by; no two have the same.
    #[must_use]
    pub const fn order(&self) -> (u32, u32, u8) {
        (self.second, self.customer, self.kind as u8)
    }
}

static TABLE: Table = Table {
    name: "synthetic/interactions",
    version: 1,
    columns: &[
        column(c::CUSTOMER_ID, ColumnType::Text, false, "customer"),
        column(c::OCCURRED_AT, ColumnType::TimestampMs, false, "local time"),
        column(c::KIND, ColumnType::Text, false, "kind of interaction"),
        column(c::CHANNEL, ColumnType::Text, false, "channel"),
        column(c::CAMPAIGN, ColumnType::Text, true, "campaign that it belongs to"),
        column(c::PRODUCT_LINE, ColumnType::Text, true, "product line that the campaign speaks of"),
        column("score", ColumnType::Int, true, "answer to a survey"),
        column("scale", ColumnType::Text, true, "scale of the score"),
    ],
    sorted_by: &[c::OCCURRED_AT, c::CUSTOMER_ID],
    unique: false,
    doc: "One interaction.",
};

impl InteractionSheet {
    /// The sheet of a month.
    #[must_use]
    pub const fn new(trade: Trade, month: Month) -> Self {
        Self { trade, month }
    }

    /// The name of its file, as in `2026-10`.
    #[must_use]
    pub fn label(&self) -> String {
        self.trade.month_label(self.month.index)
    }

    /// Its month.
    #[must_use]
    pub const fn month(&self) -> &Month {
        &self.month
    }
}

impl Sheet for InteractionSheet {
    type Item = Interaction;

    fn table(&self) -> &'static Table {
        &TABLE
    }

    fn write<C: Cells>(&self, interaction: &Interaction, cells: &mut C) {
        let (kind, is_mailing) = match interaction.kind {
            Kind::Sent => ("sent", true),
            Kind::Bounce => ("bounce", true),
            Kind::Open => ("open", true),
            Kind::Click => ("click", true),
            Kind::Unsubscribe => ("unsubscribe", true),
            Kind::SpamComplaint => ("spam_complaint", true),
            Kind::Complaint => ("complaint", false),
            Kind::Survey => ("survey", false),
        };
        let is_survey = interaction.kind == Kind::Survey;
        let day = i32::try_from(interaction.second / SECONDS_PER_DAY).unwrap_or(0);
        cells.text(CustomerId::new(interaction.customer).text());
        cells.moment(self.month.first_day + day, interaction.second % SECONDS_PER_DAY);
        cells.text(kind);
        cells.text(if interaction.kind == Kind::Complaint { "phone" } else { "email" });
        cells.text(if is_mailing { &self.month.campaign } else { "" });
        cells.text(if is_mailing { LINES[usize::from(self.month.line) % LINES.len()].name } else { "" });
        cells.whole(is_survey.then_some(i64::from(interaction.score)));
        cells.text(if is_survey { "nps" } else { "" });
        cells.end_row();
    }
}
