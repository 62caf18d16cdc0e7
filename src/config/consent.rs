//! `[consent]`: how decisions about addressing are made.

use crate::kernel::consent::Channel;

/// `[consent]`.
#[derive(Clone, Debug)]
pub struct Consent {
    /// Whether a yes without a date counts, as older than everything.
    pub trust_undated: bool,
    /// Channels that are used where no source tells consent for them.
    pub unchecked_channels: Vec<Channel>,
    /// Channels with a legitimate interest, each with the country; `None`: every country.
    pub legitimate_interest: Vec<(Channel, Option<String>)>,
    /// Months after the last contact for which a yes without an end lasts; 0 = until withdrawn.
    pub lifetime_months: i32,
    /// Days before its end from which it is warned of.
    pub warn_days: u32,
    /// Days for which a bad answer keeps marketing away; 0 = neither it nor a complaint does.
    pub care_days: i32,
}

/// A channel, or a channel and a country, `post:DE`; `None`: it is neither.
#[must_use]
pub fn interest(text: &str) -> Option<(Channel, Option<String>)> {
    let (channel, country) =
        text.split_once(':').map_or((text, None), |(channel, country)| (channel, Some(country)));
    let channel = Channel::of(channel).filter(|channel| channel.takes_legitimate_interest())?;
    let is_code = |country: &str| country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase());
    country.is_none_or(is_code).then(|| (channel, country.map(str::to_owned)))
}
