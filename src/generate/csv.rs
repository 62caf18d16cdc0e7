//! Rows of CSV as RFC 4180 has them, with line feeds alone, as most tills write them.

/// Appends one row; a field is quoted only where its text needs it.
pub(super) fn push_row<T: AsRef<[u8]>>(out: &mut Vec<u8>, fields: &[T]) {
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_field(out, field.as_ref());
    }
    out.push(b'\n');
}

/// An amount of minor units with two decimals: -5 is `-0.05`.
pub(super) fn money_text(amount_minor: i64) -> String {
    let sign = if amount_minor < 0 { "-" } else { "" };
    let absolute = amount_minor.unsigned_abs();
    format!("{sign}{}.{:02}", absolute / 100, absolute % 100)
}

/// Appends one field, quoted only where its text needs it.
pub(super) fn push_field(out: &mut Vec<u8>, field: &[u8]) {
    if !field.iter().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
        out.extend_from_slice(field);
        return;
    }
    out.push(b'"');
    for &byte in field {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_needs_quotes_is_quoted() {
        let mut out = Vec::new();
        push_row(&mut out, &["plain", "", "a, b", "say \"so\""]);
        assert_eq!(out, b"plain,,\"a, b\",\"say \"\"so\"\"\"\n");
    }

    #[test]
    fn money_keeps_its_sign_below_one_unit() {
        assert_eq!(money_text(-5), "-0.05");
        assert_eq!(money_text(123_456), "1234.56");
    }
}
