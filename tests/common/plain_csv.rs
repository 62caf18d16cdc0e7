//! A slow and plain second splitter of delimited text, and the program's splitter told in the same terms.

use clienting::kernel::csv::{
    BLOCK_RECORDS, Block, Dialect, MAX_FIELD_BYTES, MAX_RECORD_BYTES, Reader, RecordFault, Span,
    whole_records,
};

/// Line, raw, fault, and each field unescaped with whether it was quoted.
pub(crate) type Read = (u64, Vec<u8>, Option<RecordFault>, Vec<(Vec<u8>, bool)>);
/// A record's raw end, the start of the next, and its fields.
type SlowRecord = (usize, usize, Vec<(Vec<u8>, bool)>);

/// Reads whole records from `data`, appends them to `out`, and returns the line that follows.
fn read_chunk(data: &[u8], dialect: Dialect, n_fields: Option<usize>, line: u64, out: &mut Vec<Read>) -> u64 {
    let mut reader = Reader::new(data, dialect, n_fields, line);
    let (mut fields, mut scratch) = (Vec::new(), Vec::new());
    loop {
        let expected_line = reader.line();
        let Some(record) = reader.next_record(&mut fields) else { break };
        assert_eq!(record.line, expected_line);
        let mut cells = Vec::new();
        for field in &fields {
            let quote = dialect.quote.unwrap_or(b'"');
            cells.push((field.unescape(quote, &mut scratch).to_vec(), field.quoted));
        }
        out.push((record.line, record.raw.to_vec(), record.fault, cells));
    }
    assert_eq!(reader.consumed_bytes(), data.len());
    reader.line()
}

/// Every record, read from one buffer.
pub(crate) fn read_at_once(data: &[u8], dialect: Dialect, n_fields: Option<usize>) -> Vec<Read> {
    let mut out = Vec::new();
    read_chunk(data, dialect, n_fields, 1, &mut out);
    out
}

/// Reads with buffers that end at `cuts`, keeping back what is not whole.
pub(crate) fn read_in_chunks(
    data: &[u8],
    dialect: Dialect,
    n_fields: Option<usize>,
    cuts: &[usize],
) -> Vec<Read> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (data.len() + 1)).collect();
    cuts.sort_unstable();
    let (mut out, mut start, mut line) = (Vec::new(), 0, 1);
    for (end, at_eof) in cuts.into_iter().map(|cut| (cut, false)).chain([(data.len(), true)]) {
        // A cut may lie before what has been read already.
        let buffer = data.get(start..end).unwrap_or_default();
        let n_bytes = whole_records(buffer, dialect, n_fields, at_eof);
        line = read_chunk(&buffer[..n_bytes], dialect, n_fields, line, &mut out);
        start += n_bytes;
    }
    assert_eq!(start, data.len());
    out
}

/// Line, fault and fields of every record: by turns those of a block of so many records at most, of which so many are
/// taken, and one by itself.
pub(crate) fn read_in_blocks(
    data: &[u8],
    dialect: Dialect,
    n_fields: usize,
    steps: &[(usize, usize)],
) -> Vec<(u64, Option<RecordFault>, Vec<Vec<u8>>)> {
    let mut reader = Reader::new(data, dialect, Some(n_fields), 1);
    let (mut block, mut fields, mut scratch, mut out) =
        (Block::default(), Vec::new(), Vec::new(), Vec::new());
    for &(n_most, n_taken) in steps.iter().cycle() {
        if reader.fill(&mut block, n_most) {
            assert!((1..=n_most.min(BLOCK_RECORDS)).contains(&block.n_records()));
            let n_taken = n_taken.min(block.n_records());
            let columns: Vec<Vec<Span>> = (0..n_fields).map(|field| block.spans(field).collect()).collect();
            assert_eq!(block.spans(n_fields).count(), 0);
            for (row, line) in (block.line()..).enumerate().take(n_taken) {
                let cells = columns.iter().map(|column| data[column[row].0..column[row].1].to_vec());
                out.push((line, None, cells.collect()));
            }
            let is_ascii =
                |row: &usize| columns.iter().all(|column| data[column[*row].0..column[*row].1].is_ascii());
            assert_eq!(block.n_ascii(data), (0..block.n_records()).take_while(is_ascii).count());
            reader.pass(&block, n_taken);
        }
        let Some(record) = reader.next_record(&mut fields) else { break };
        let quote = dialect.quote.unwrap_or(b'"');
        let cells = fields.iter().map(|field| field.unescape(quote, &mut scratch).to_vec()).collect();
        out.push((record.line, record.fault, cells));
    }
    assert_eq!(reader.consumed_bytes(), data.len());
    out
}

/// Splits the record at `start` byte by byte; `None` if it is broken.
fn slow_record(data: &[u8], start: usize, dialect: Dialect, n_fields: Option<usize>) -> Option<SlowRecord> {
    let mut fields = Vec::new();
    let mut at = start;
    let mut any_quoted = false;
    let (end, next) = loop {
        let mut field = Vec::new();
        let quoted = at < data.len() && Some(data[at]) == dialect.quote;
        if quoted {
            any_quoted = true;
            at += 1;
            loop {
                let byte = *data.get(at)?;
                at += 1;
                if Some(byte) == dialect.quote {
                    if data.get(at).copied() != dialect.quote {
                        break;
                    }
                    at += 1;
                }
                field.push(byte);
            }
        } else {
            while at < data.len() && data[at] != dialect.delimiter && data[at] != b'\n' {
                if data[at..].starts_with(b"\r\n") {
                    break;
                }
                field.push(data[at]);
                at += 1;
            }
        }
        fields.push((field, quoted));
        if at == data.len() {
            break (at, at);
        } else if data[at] == dialect.delimiter {
            at += 1;
        } else if data[at] == b'\n' {
            break (at, at + 1);
        } else if data[at..].starts_with(b"\r\n") {
            break (at, at + 2);
        } else {
            return None;
        }
    };
    let spans_lines = data[start..end].contains(&b'\n');
    let wrong_count = n_fields.is_some_and(|right| right != fields.len());
    let too_long = any_quoted && end - start > MAX_RECORD_BYTES;
    if too_long || (spans_lines && wrong_count) { None } else { Some((end, next, fields)) }
}

/// Every record, byte by byte.
pub(crate) fn slow_read(data: &[u8], dialect: Dialect, n_fields: Option<usize>) -> Vec<Read> {
    let (mut out, mut at, mut line) = (Vec::new(), 0, 1);
    while at < data.len() {
        let line_end = data[at..].iter().position(|&byte| byte == b'\n').map_or(data.len(), |n| at + n);
        let next_line = (line_end + 1).min(data.len());
        if line_end == at || data[at..line_end] == *b"\r" {
            (at, line) = (next_line, line + 1);
            continue;
        }
        let start = at;
        if let Some((end, next, fields)) = slow_record(data, start, dialect, n_fields) {
            let right = n_fields.unwrap_or(fields.len());
            let fault = if fields.iter().any(|(field, _)| field.len() > MAX_FIELD_BYTES) {
                Some(RecordFault::TooLong)
            } else if fields.len() < right {
                Some(RecordFault::TooFewFields)
            } else if fields.len() > right {
                Some(RecordFault::TooManyFields)
            } else {
                None
            };
            out.push((line, data[start..end].to_vec(), fault, fields));
            at = next;
        } else {
            let mut end = line_end;
            if line_end < data.len() && data[line_end - 1] == b'\r' {
                end -= 1;
            }
            out.push((line, data[start..end].to_vec(), Some(RecordFault::UnclosedQuote), Vec::new()));
            at = next_line;
        }
        line += data[start..at].iter().map(|&byte| u64::from(byte == b'\n')).sum::<u64>();
    }
    out
}
