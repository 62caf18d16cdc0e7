//! Records and fields equal those of the second splitter, read at once and in chunks cut anywhere.
//!
//! The first bytes say how to read: delimiter, quote, number of fields, number of cuts and the cuts; the rest is the file.

#![no_main]

#[path = "../../tests/common/plain_csv.rs"]
mod plain_csv;

use clienting::kernel::csv::Dialect;
use libfuzzer_sys::fuzz_target;
use plain_csv::{read_at_once, read_in_chunks, slow_read};

fuzz_target!(|input: &[u8]| {
    let Some((&[how, n_fields, n_cuts], rest)) = input.split_first_chunk() else { return };
    let delimiter = b",;\t|"[usize::from(how % 4)];
    let quote = [Some(b'"'), Some(b'\''), None][usize::from(how / 4 % 3)];
    let dialect = Dialect { delimiter, quote };
    let n_fields = Some(usize::from(n_fields % 6)).filter(|&n| n > 0);
    let Some((cuts, data)) = rest.split_at_checked(2 * usize::from(n_cuts % 8)) else { return };
    let cuts: Vec<usize> =
        cuts.chunks_exact(2).map(|cut| usize::from(cut[0]) << 8 | usize::from(cut[1])).collect();
    let slow = slow_read(data, dialect, n_fields);
    assert_eq!(read_at_once(data, dialect, n_fields), slow);
    assert_eq!(read_in_chunks(data, dialect, n_fields, &cuts), slow);
    if data.len() < 64 {
        let everywhere: Vec<usize> = (0..data.len()).collect();
        assert_eq!(read_in_chunks(data, dialect, n_fields, &everywhere), slow);
    }
});
