//! Reads one line of JSON Lines strictly (RFC 8259): of one object, the values of the wanted paths.
//!
//! A path is dotted: `customer.id` is the value of `id` inside the object `customer`. A key that holds the whole rest
//! of a path, dots included, is found too (`{"customer.id": 1}`); where both stand in one record the more deeply
//! nested one counts. Lists are not looked into. Beside the values, the paths of all values are gathered, in the order
//! in which they were met first, as what stands in for a header.

mod number;
mod scan;
mod tree;

use self::scan::{Broken, Scalar, Scanner};
use self::tree::{NONE, Tree};

pub use self::tree::MAX_PATHS;

/// Longest line in bytes; a longer one is [`JsonFault::TooLong`].
pub const MAX_LINE_BYTES: usize = 1 << 20;
/// Objects and lists inside one another; deeper ones are [`JsonFault::Broken`].
const MAX_DEPTH: u32 = 127;

/// Why a line is no record. If several apply, the first in this order is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonFault {
    /// Longer than [`MAX_LINE_BYTES`].
    TooLong,
    /// Not UTF-8.
    NotUtf8,
    /// No JSON, no object, half a surrogate pair, a wanted path with an object or a list or that stands twice, a
    /// wanted number with so great an exponent that it is none of a table, or over 127 levels.
    Broken,
}

/// What stood at a wanted path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Nothing, or null.
    #[default]
    Empty,
    /// A string, unescaped.
    Text,
    /// A number in decimal form: no exponent, no zeros at the end of its decimals, no minus before zero.
    Number,
    /// `true` or `false`.
    Truth,
}

/// A value at a wanted path; its text is that range of the buffer it was written to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// First byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
    /// What it is.
    pub kind: Kind,
    /// How deeply it was nested, from 1; 0: no value stood there.
    depth: u32,
}

/// Takes wanted values out of lines, and remembers which paths it met.
#[derive(Clone, Debug)]
pub struct Flattener {
    tree: Tree,
    cells: Vec<Cell>,
    met: Vec<bool>,
    scratch: Vec<u8>,
}

impl Flattener {
    /// Takes the values of these paths, each named once.
    #[must_use]
    pub fn new(wanted: &[String]) -> Self {
        Self {
            tree: Tree::new(wanted),
            cells: vec![Cell::default(); wanted.len()],
            met: vec![false; wanted.len()],
            scratch: Vec::new(),
        }
    }

    /// Reads a line, with or without its line end, and appends the text of wanted values to `out`. Gives one cell for
    /// each wanted path, in the order in which they were named.
    ///
    /// # Errors
    /// [`JsonFault`]; `out` is as it was, and the paths of the line do not count as met.
    pub fn flatten(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<&[Cell], JsonFault> {
        if line.len() > MAX_LINE_BYTES {
            return Err(JsonFault::TooLong);
        }
        if std::str::from_utf8(line).is_err() {
            return Err(JsonFault::NotUtf8);
        }
        let (n_out, n_leaves) = (out.len(), self.tree.begin_record());
        self.cells.fill(Cell::default());
        let mut record = Record { scanner: Scanner::new(line), flattener: self, out };
        if record.read().is_err() {
            out.truncate(n_out);
            self.tree.forget_leaves(n_leaves);
            return Err(JsonFault::Broken);
        }
        self.met.iter_mut().zip(&self.cells).for_each(|(met, cell)| *met |= cell.depth > 0);
        Ok(&self.cells)
    }

    /// Whether a record had a value, null too, at each wanted path.
    #[must_use]
    pub fn met(&self) -> &[bool] {
        &self.met
    }

    /// The paths of all values met, in the order in which they were met first: the first [`MAX_PATHS`]. A list is a
    /// value, and so is an empty object. Left out are paths of more than 16 keys, and those with a key over 256 bytes or
    /// with control characters.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        self.tree.leaves()
    }
}

/// A record under reading.
struct Record<'a, 'f> {
    scanner: Scanner<'a>,
    flattener: &'f mut Flattener,
    out: &'f mut Vec<u8>,
}

impl Record<'_, '_> {
    fn read(&mut self) -> Result<(), Broken> {
        self.scanner.skip_space();
        if !self.scanner.take(b'{') {
            return Err(Broken);
        }
        self.object(Tree::ROOT, 1)?;
        self.scanner.skip_space();
        self.scanner.is_at_end().then_some(()).ok_or(Broken)
    }

    /// The rest of an object, from behind its brace; `node` is [`NONE`] where nothing inside is looked for.
    fn object(&mut self, node: u32, depth: u32) -> Result<(), Broken> {
        if depth > MAX_DEPTH {
            return Err(Broken);
        }
        self.scanner.skip_space();
        if self.scanner.take(b'}') {
            self.flattener.tree.leaf(node);
            return Ok(());
        }
        let mut before = NONE;
        loop {
            self.scanner.skip_space();
            let key = self.scanner.string()?;
            let mut child = NONE;
            if node != NONE {
                let Flattener { tree, scratch, .. } = &mut *self.flattener;
                let key = self.scanner.unescaped(key, scratch);
                child = tree.child(node, before, key, depth)?;
                before = if child == NONE { before } else { child };
            }
            self.scanner.skip_space();
            if !self.scanner.take(b':') {
                return Err(Broken);
            }
            self.scanner.skip_space();
            self.value(child, depth)?;
            self.scanner.skip_space();
            if self.scanner.take(b'}') {
                return Ok(());
            }
            if !self.scanner.take(b',') {
                return Err(Broken);
            }
        }
    }

    fn list(&mut self, depth: u32) -> Result<(), Broken> {
        if depth > MAX_DEPTH {
            return Err(Broken);
        }
        self.scanner.skip_space();
        if self.scanner.take(b']') {
            return Ok(());
        }
        loop {
            self.scanner.skip_space();
            self.value(NONE, depth)?;
            self.scanner.skip_space();
            if self.scanner.take(b']') {
                return Ok(());
            }
            if !self.scanner.take(b',') {
                return Err(Broken);
            }
        }
    }

    fn value(&mut self, node: u32, depth: u32) -> Result<(), Broken> {
        let wanted = self.flattener.tree.wanted(node);
        let is_object = self.scanner.take(b'{');
        if is_object || self.scanner.take(b'[') {
            return match (wanted, is_object) {
                (Some(_), _) => Err(Broken),
                (None, true) => self.object(node, depth + 1),
                (None, false) => {
                    self.flattener.tree.leaf(node);
                    self.list(depth + 1)
                }
            };
        }
        let scalar = self.scanner.scalar()?;
        self.flattener.tree.leaf_unless_above(node, scalar == Scalar::Null);
        let Some((wanted, node_depth)) = wanted else { return Ok(()) };
        let start = self.out.len();
        let kind = match scalar {
            Scalar::Text(text) => {
                self.scanner.unescape(text, self.out);
                Kind::Text
            }
            Scalar::Number(parts) => {
                number::plain(self.scanner.bytes(parts.whole), self.out)?;
                Kind::Number
            }
            Scalar::Truth(value) => {
                self.out.extend_from_slice(if value { b"true" } else { b"false" });
                Kind::Truth
            }
            Scalar::Null => Kind::Empty,
        };
        let cell = self.flattener.cells.get_mut(wanted).filter(|cell| cell.depth < node_depth);
        if let Some(cell) = cell {
            *cell = Cell { start, end: self.out.len(), kind, depth: node_depth };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cells of a line as one text: `-` for an empty one, else its first letter of kind and its text.
    fn read(wanted: &[&str], line: &str) -> Result<String, JsonFault> {
        let wanted: Vec<String> = wanted.iter().map(|path| (*path).to_owned()).collect();
        let (mut flattener, mut out) = (Flattener::new(&wanted), b"before".to_vec());
        let cells = flattener.flatten(line.as_bytes(), &mut out)?;
        let text = |cell: &Cell| String::from_utf8_lossy(out.get(cell.start..cell.end).unwrap()).into_owned();
        let shown = |cell: &Cell| match cell.kind {
            Kind::Empty => "-".to_owned(),
            Kind::Text => format!("t{}", text(cell)),
            Kind::Number => format!("n{}", text(cell)),
            Kind::Truth => format!("b{}", text(cell)),
        };
        Ok(cells.iter().map(shown).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn values_of_wanted_paths() {
        let wanted = ["a", "c.id", "c.x.y"];
        let cases = [
            ("{}", "- - -"),
            (r#" {"a" : 1 , "b":[1,{"a":2}] }"#, "n1 - -"),
            (r#"{"a":null,"c":null}"#, "- - -"),
            (r#"{"c":{"x":{"y":true},"id":" 7 "},"a":false}"#, "bfalse t 7  btrue"),
            (r#"{"c":5,"a":-1.50e1}"#, "n-15 - -"),
            (r#"{"c.id":1,"c":{"x.y":2}}"#, "- n1 n2"),
            (r#"{"c.id":1,"c":{"id":2},"c.x.y":3}"#, "- n2 n3"),
            (r#"{"c":{"x.y":1,"x":{"y":2}},"c.x.y":3}"#, "- - n2"),
            (r#"{"a":"\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00"}"#, "t\"\\/\u{8}\u{c}\n\r\té😀 - -"),
            (r#"{"\u0061":"b"}"#, "tb - -"),
            ("{\"a\":\"\"}\r", "t - -"),
        ];
        for (line, expected) in cases {
            assert_eq!(read(&wanted, line).as_deref(), Ok(expected), "{line}");
        }
    }

    #[test]
    fn broken_lines() {
        let lines = [
            "",
            "1",
            "[]",
            "{",
            "}",
            "{} {}",
            "{,}",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r#"{"a":01}"#,
            r#"{"a":+1}"#,
            r#"{"a":.5}"#,
            r#"{"a":5.}"#,
            r#"{"a":1e}"#,
            r#"{"a":-}"#,
            r#"{"a":nul}"#,
            r#"{"a":NaN}"#,
            "{'a':1}",
            r#"{"z":"\x"}"#,
            r#"{"z":"\u12g4"}"#,
            r#"{"z":"\uD800"}"#,
            r#"{"z":"\uD800\u0041"}"#,
            r#"{"z":"\uDC00"}"#,
            "{\"z\":\"\t\"}",
            r#"{"z":[1,]}"#,
            r#"{"z":"}"#,
            r#"{"a":{}}"#,
            r#"{"a":[]}"#,
            r#"{"a":1,"a":1}"#,
            r#"{"a":null,"\u0061":1}"#,
            r#"{"a":1e99}"#,
            r#"{"c":{"id":1},"c":{}}"#,
            "\u{feff}{}",
        ];
        for line in lines {
            assert_eq!(read(&["a", "c.id"], line), Err(JsonFault::Broken), "{line}");
        }
        // Nobody asks for these.
        assert_eq!(read(&["a"], r#"{"b":1e999,"b":2,"a":1}"#).as_deref(), Ok("n1"));
        let nested = |n: usize| format!("{{\"z\":{}{}}}", "[".repeat(n), "]".repeat(n));
        assert_eq!(read(&["a"], &nested(126)).as_deref(), Ok("-"));
        assert_eq!(read(&["a"], &nested(127)), Err(JsonFault::Broken));
        assert_eq!(read(&["a"], &nested(100_000)), Err(JsonFault::Broken));
        assert_eq!(read(&["a"], &" ".repeat(MAX_LINE_BYTES + 1)), Err(JsonFault::TooLong));
        let not_utf_8 = Flattener::new(&[]).flatten(b"{\"a\":\"\xff\"}", &mut Vec::new()).map(|_| ());
        assert_eq!(not_utf_8, Err(JsonFault::NotUtf8));
    }

    #[test]
    fn paths_are_told_in_the_order_in_which_they_were_met() {
        let wanted = ["c.id".to_owned(), "d".to_owned()];
        let (mut flattener, mut out) = (Flattener::new(&wanted), Vec::new());
        let lines = [
            r#"{"b":1,"a":{"y":null,"x":[{"q":1}]},"c":null}"#,
            r#"{"broken":1,"d":1,"d":2}"#,
            r#"{"a":{"x":1,"z":{}},"b":2,"c":{"id":1}}"#,
            r#"{"broken\n":1,"c.id":1}"#,
        ];
        let faults = lines.map(|line| flattener.flatten(line.as_bytes(), &mut out).is_err());
        assert_eq!(faults, [false, true, false, false]);
        assert_eq!(flattener.paths(), ["b", "a.y", "a.x", "a.z", "c.id"]);
        assert_eq!(flattener.met(), [true, false]);
        let many: Vec<String> = (0..=MAX_PATHS).map(|n| format!("\"{n}\":0")).collect();
        let mut flattener = Flattener::new(&wanted);
        assert!(flattener.flatten(format!("{{{}}}", many.join(",")).as_bytes(), &mut out).is_ok());
        assert!(flattener.flatten(br#"{"d":1,"new":1}"#, &mut out).is_ok());
        assert_eq!((flattener.paths().len(), flattener.met()), (MAX_PATHS, &[false, true][..]));
    }
}
