//! Files read one after another, their chunks parsed side by side, the parts handed on in order: while one batch of
//! chunks is parsed and hashed, the one before is taken; while it is completed, the next is read. A batch runs over the
//! ends of files, so that many small files keep all threads as busy as one large one.

use std::sync::Arc;

use rayon::prelude::*;

use super::reader::{CHUNK_BYTES, Chunk, FileReader, Form, Met};
use crate::error::Result;
use crate::store::export::ContentHasher;

/// Chunks of a batch, for each thread.
const CHUNKS_PER_THREAD: usize = 8;
/// Bytes that a chunk takes while it is in flight, with its typed rows and those of the chunk that is taken meanwhile.
const BYTES_IN_FLIGHT: u64 = 6 * CHUNK_BYTES as u64;

/// What is handed on, in the order of files and records.
pub(super) enum Step<P> {
    /// A file begins.
    Start,
    /// The next part of it, and the bytes that it was parsed from.
    Part(P, usize),
    /// It ended.
    End(Ending),
}

/// What is known of a file once it was read.
#[derive(Debug, Default)]
pub struct Ending {
    /// SHA-256 of its content; `None` for a file that was decompressed, decoded or is no text, whose bytes as delivered
    /// are not what was parsed.
    pub hash: Option<String>,
    /// What was met in its records; `None` for a file with a header.
    pub(super) met: Option<Met>,
}

/// Who takes the parts `P` of files `A`.
pub(super) trait Taker<A, P>: Send {
    /// Completes the parts of a batch before the first of them is taken, and after those of the batch before were. Only
    /// reading goes on meanwhile, so that it may use all threads.
    ///
    /// # Errors
    /// Its own.
    fn complete(&mut self, parts: Vec<&mut P>) -> Result<()>;

    /// Takes the next step.
    ///
    /// # Errors
    /// Its own.
    fn take(&mut self, about: &A, step: Step<P>) -> Result<()>;
}

/// Reads every file that `open` gives, until it gives none, within so many bytes of memory, as far as one chunk at a time
/// allows; 0 sets no limit.
///
/// # Errors
/// Those of opening, reading, parsing and taking.
pub(super) fn read_files<A: Send + Sync, P: Send>(
    memory_limit: u64,
    open: impl FnMut() -> Result<Option<(FileReader, A)>> + Send,
    parse: impl Fn(&A, &Chunk) -> Result<P> + Sync,
    taker: &mut impl Taker<A, P>,
) -> Result<()> {
    let (hasher, room) = (ContentHasher::new(), Vec::new());
    let mut files = Files { open, current: None, ended: false, hasher, met: None, room };
    let within = match memory_limit {
        0 => usize::MAX,
        limit => usize::try_from(limit / BYTES_IN_FLIGHT).unwrap_or(usize::MAX).max(1),
    };
    let n_chunks = within.min(rayon::current_num_threads() * CHUNKS_PER_THREAD);
    let mut pieces = files.read_next(n_chunks)?;
    let mut ready: Vec<Ready<A, P>> = Vec::new();
    while !pieces.is_empty() || !ready.is_empty() {
        let (next, done) = (std::mem::take(&mut pieces), std::mem::take(&mut ready));
        let (parsed, taken) = rayon::join(
            || files.parse(next, &parse),
            || done.into_iter().try_for_each(|(about, step)| taker.take(&about, step)),
        );
        taken?;
        ready = parsed?;
        let parts = ready.iter_mut().filter_map(|(_, step)| match step {
            Step::Part(part, _) => Some(part),
            Step::Start | Step::End(_) => None,
        });
        let parts = parts.collect();
        let (read, completed) = rayon::join(|| files.read_next(n_chunks), || taker.complete(parts));
        completed?;
        pieces = read?;
    }
    Ok(())
}

type Ready<A, P> = (Arc<A>, Step<P>);

/// The files on their way.
struct Files<A, O> {
    open: O,
    current: Option<(FileReader, Arc<A>)>,
    ended: bool,
    hasher: ContentHasher,
    met: Option<Met>,
    /// Memory of chunks that were parsed, for the next ones: fresh memory comes from the system page by page.
    room: Vec<Vec<u8>>,
}

/// What is read of the files, in order.
enum Piece {
    /// With the hash of what precedes the first chunk, and nothing met yet.
    Start(ContentHasher, Option<Met>),
    /// With what makes its records.
    Chunk(Chunk, Arc<Form>),
    /// With whether the content hash is that of the file.
    End(bool),
}

impl<A: Send + Sync, O: FnMut() -> Result<Option<(FileReader, A)>> + Send> Files<A, O> {
    fn parse<P: Send>(
        &mut self,
        pieces: Vec<(Arc<A>, Piece)>,
        parse: &(impl Fn(&A, &Chunk) -> Result<P> + Sync),
    ) -> Result<Vec<Ready<A, P>>> {
        let hasher = &mut self.hasher;
        // The hash comes first, since nobody can help with it.
        let (hashes, parsed) = rayon::join(
            || hashes_of(hasher, pieces.iter().map(|(_, piece)| piece)),
            || {
                let parse = |(about, piece): &(Arc<A>, Piece)| match piece {
                    Piece::Chunk(chunk, form) => {
                        form.prepare(chunk);
                        parse(about, chunk).map(|part| Some((part, chunk.n_bytes)))
                    }
                    Piece::Start(..) | Piece::End(_) => Ok(None),
                };
                pieces.par_iter().map(parse).collect::<Vec<Result<Option<(P, usize)>>>>()
            },
        );
        let mut hashes = hashes.into_iter();
        let mut ready = Vec::with_capacity(pieces.len());
        for ((about, piece), part) in pieces.into_iter().zip(parsed) {
            let step = match (part?, piece) {
                (Some((part, n_bytes)), Piece::Chunk(chunk, _)) => {
                    if let (Some(all), Some(met)) = (&mut self.met, chunk.met()) {
                        all.add(met);
                    }
                    // A record of many mebibytes is rare, and its memory not kept.
                    if chunk.bytes.capacity() <= 2 * CHUNK_BYTES {
                        self.room.push(chunk.bytes);
                    }
                    Step::Part(part, n_bytes)
                }
                (_, Piece::Start(_, met)) => {
                    self.met = met;
                    Step::Start
                }
                _ => Step::End(Ending { hash: hashes.next().flatten(), met: self.met.take() }),
            };
            ready.push((about, step));
        }
        Ok(ready)
    }

    /// The next chunks, at most `n_chunks`, with the beginnings and ends of files between them.
    fn read_next(&mut self, n_chunks: usize) -> Result<Vec<(Arc<A>, Piece)>> {
        let mut pieces = Vec::with_capacity(n_chunks + 2);
        let mut n_missing = n_chunks;
        while n_missing > 0 && !self.ended {
            let Some((reader, about)) = &mut self.current else {
                match (self.open)()? {
                    None => self.ended = true,
                    Some((mut reader, about)) => {
                        let about = Arc::new(about);
                        pieces.push((
                            Arc::clone(&about),
                            Piece::Start(reader.take_hasher(), reader.take_met()),
                        ));
                        self.current = Some((reader, about));
                    }
                }
                continue;
            };
            match reader.next_chunk(self.room.pop().unwrap_or_default())? {
                Some(chunk) => {
                    pieces.push((Arc::clone(about), Piece::Chunk(chunk, reader.form())));
                    n_missing -= 1;
                }
                None => {
                    pieces.push((Arc::clone(about), Piece::End(!reader.is_transformed())));
                    self.current = None;
                }
            }
        }
        Ok(pieces)
    }
}

/// Adds pieces to the hash of their file; gives the hash of each file that ends, if it is that of what was delivered.
fn hashes_of<'p>(hasher: &mut ContentHasher, pieces: impl Iterator<Item = &'p Piece>) -> Vec<Option<String>> {
    let mut hashes = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Start(head, _) => *hasher = head.clone(),
            Piece::Chunk(chunk, _) => hasher.update(&chunk.bytes),
            Piece::End(is_of_file) => {
                let hash = std::mem::take(hasher).finish();
                hashes.push(is_of_file.then_some(hash));
            }
        }
    }
    hashes
}
