//! Several records at once, as the places of their fields, so that they can be read column by column.

use super::Reader;
use super::marked::Line;

/// Records of a block, at most.
pub const BLOCK_RECORDS: usize = 64;

/// Where a field lies in the data, without its quotes: its first byte, and the one after its last.
pub type Span = (usize, usize);

/// Records of which each is one line with the right number of fields, without doubled quotes, and without empty lines
/// between them. It is room that serves again.
#[derive(Debug, Default)]
pub struct Block {
    n_fields: usize,
    /// Of each record all fields.
    spans: Vec<Span>,
    /// Physical line of the first record.
    line: u64,
    /// First byte of the first record.
    start: usize,
    /// What follows each record.
    lines: Vec<Line>,
}

impl Block {
    /// Number of records, at most [`BLOCK_RECORDS`].
    #[must_use]
    pub const fn n_records(&self) -> usize {
        self.lines.len()
    }

    /// Physical line of the first record; the others follow line by line.
    #[must_use]
    pub const fn line(&self) -> u64 {
        self.line
    }

    /// The spans of one field, record by record; of a field that there is not, none.
    pub fn spans(&self, field: usize) -> impl Iterator<Item = Span> {
        // A record has a field at least, else it is none.
        self.spans.chunks_exact(self.n_fields.max(1)).filter_map(move |spans| spans.get(field).copied())
    }

    /// Records before the first one with a byte that is no ASCII; `data` is what was read.
    #[must_use]
    pub fn n_ascii(&self, data: &[u8]) -> usize {
        let end = self.lines.last().map_or(self.start, |line| line.next);
        let bytes = data.get(self.start..end).unwrap_or_default();
        if bytes.is_ascii() {
            return self.n_records();
        }
        let n_before = bytes.iter().take_while(|byte| byte.is_ascii()).count();
        self.lines.iter().take_while(|line| line.next <= self.start + n_before).count()
    }
}

impl<'a> Reader<'a> {
    /// What is read; spans are places in it.
    #[must_use]
    pub const fn data(&self) -> &'a [u8] {
        self.input.data
    }

    /// Fills a block with the records that follow, `n_most` at most, up to the first that does not fit; tells whether there
    /// are any. They are still to be read: [`Self::pass`] goes behind them.
    pub fn fill(&self, block: &mut Block, n_most: usize) -> bool {
        let Block { n_fields, spans, line, start, lines } = block;
        (*n_fields, *line, *start) = (self.input.n_fields.unwrap_or(0), self.line, self.at);
        spans.clear();
        lines.clear();
        let mut at = Line { next: self.at, next_mark: self.next_mark };
        while lines.len() < n_most.min(BLOCK_RECORDS) {
            let mut has_doubled_quotes = false;
            let next = self.marked_line(at.next, at.next_mark, |span, _, is_doubled| {
                has_doubled_quotes |= is_doubled;
                spans.push(span);
            });
            let Some(next) = next.filter(|_| !has_doubled_quotes) else { break };
            lines.push(next);
            at = next;
        }
        spans.truncate(lines.len() * *n_fields);
        !lines.is_empty()
    }

    /// Goes behind so many records of a block that was filled here.
    pub fn pass(&mut self, block: &Block, n_records: usize) {
        if let Some(line) = n_records.checked_sub(1).and_then(|last| block.lines.get(last)) {
            self.at = line.next;
            self.next_mark = line.next_mark;
            self.line += n_records as u64;
        }
    }
}
