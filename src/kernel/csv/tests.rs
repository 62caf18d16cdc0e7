use super::*;

const COMMA: Dialect = Dialect { delimiter: b',', quote: Some(b'"') };

/// Every record as its line, fault if any, and raw text, then its fields.
fn read(data: &str, n_fields: Option<usize>) -> String {
    let mut reader = Reader::new(data.as_bytes(), COMMA, n_fields, 1);
    let (mut fields, mut scratch, mut out) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(record) = reader.next_record(&mut fields) {
        let fault = record.fault.map_or_else(String::new, |fault| format!("{fault:?} "));
        out.push(format!("{} {fault}{} =", record.line, String::from_utf8_lossy(record.raw)));
        let cell = |f: &Field| format!("[{}]", String::from_utf8_lossy(f.unescape(b'"', &mut scratch)));
        out.extend(fields.iter().map(cell));
    }
    assert_eq!(reader.consumed_bytes(), data.len());
    out.join(" ")
}

#[test]
fn records_and_faults() {
    let cases = [
        ("", ""),
        ("\n\r\n\r", ""),
        ("a,b\r\n\n\r\nc,d", "1 a,b = [a] [b] 4 c,d = [c] [d]"),
        ("a,\n,\r\n", "1 a, = [a] [] 2 , = [] []"),
        ("a\rb,c\r", "1 a\rb,c\r = [a\rb] [c\r]"),
        ("a\"b,\"\"\n", "1 a\"b,\"\" = [a\"b] []"),
        ("\"a\r\n\"\"b\",c\nd,e", "1 \"a\r\n\"\"b\",c = [a\r\n\"b] [c] 3 d,e = [d] [e]"),
        ("a\na,b,c\n", "1 TooFewFields a = [a] 2 TooManyFields a,b,c = [a] [b] [c]"),
        ("\"a\"b,c\r\nd,e\n", "1 UnclosedQuote \"a\"b,c = 2 d,e = [d] [e]"),
        ("\"a,b\nd,e\n", "1 UnclosedQuote \"a,b = 2 d,e = [d] [e]"),
        ("\"\nb\"\nc,d", "1 UnclosedQuote \" = 2 TooFewFields b\" = [b\"] 3 c,d = [c] [d]"),
    ];
    for (data, expected) in cases {
        assert_eq!(read(data, Some(2)), expected, "{data:?}");
    }
}

#[test]
fn a_header_may_span_lines() {
    assert_eq!(read("\"a\nb\",c,d\n", None), "1 \"a\nb\",c,d = [a\nb] [c] [d]");
}

#[test]
fn what_may_still_change_is_held_back() {
    let whole = |data: &str| whole_records(data.as_bytes(), COMMA, Some(2), false);
    assert_eq!(whole("a,b\n\"c\",\"d\""), 4);
    assert_eq!(whole("a,b\n\"c\",\"d\"\r"), 4);
    assert_eq!(whole("a,b\n\"c\",\"d\"\r\n\r"), 13);
    assert_eq!(whole("\"a\nb,c\n"), 0);
    assert_eq!(whole("\"a\nb,c\n\"d"), 7);
    assert_eq!(whole_records(b"\"a", COMMA, Some(2), true), 2);
}
