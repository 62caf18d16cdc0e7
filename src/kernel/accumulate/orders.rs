//! Distinct orders among the sales of one key on one day.

/// Bytes of a transaction that are compared first.
const HEAD_BYTES: usize = 8;

/// A sale as orders are told apart by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sale<'a> {
    /// First bytes of the transaction, as a number.
    head: u64,
    source: u64,
    transaction: Option<&'a str>,
    /// Its place among the rows that are looked at.
    pub(super) place: u32,
}

impl<'a> Sale<'a> {
    /// A sale of an order, whose transaction is not yet looked at.
    #[inline]
    pub(super) const fn new(place: u32, (source, transaction): (u64, Option<&'a str>)) -> Self {
        Self { head: 0, source, transaction, place }
    }

    /// Looks at the transaction: of many sales one after another, so that memory is asked for several at a time.
    #[inline]
    pub(super) fn look(&mut self) {
        let bytes = self.transaction.unwrap_or_default().as_bytes();
        self.head = match bytes.first_chunk::<HEAD_BYTES>() {
            Some(head) => u64::from_le_bytes(*head),
            None => bytes.iter().fold(0, |head, byte| head << 8 | u64::from(*byte)),
        };
    }

    /// Whether both are of one order: a sale without transaction is one alone.
    #[inline]
    fn is_of(&self, other: &Self) -> bool {
        self.head == other.head
            && self.source == other.source
            && self.transaction.is_some()
            && self.transaction == other.transaction
    }
}

/// Number of orders of sales that were looked at. `number` is told for each sale, by its place, the place of a sale of the
/// same order, the same one for all of it.
#[inline]
pub(super) fn count_orders(sales: &mut [Sale<'_>], mut number: impl FnMut(u32, u32)) -> u32 {
    if let [a, b] = sales {
        let is_one = a.is_of(b);
        number(a.place, a.place);
        number(b.place, if is_one { a.place } else { b.place });
        return 2 - u32::from(is_one);
    }
    sales.sort_unstable();
    let mut n_orders = 0;
    for order in sales.chunk_by(Sale::is_of) {
        n_orders += 1;
        for sale in order {
            number(sale.place, order.first().map_or(sale.place, |first| first.place));
        }
    }
    n_orders
}
