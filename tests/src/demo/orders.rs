//! Orders: what one line of the input file asks for, and what can be wrong with a line.
//!
//! Owns the reading of `data/flights-airport.csv`. Each line after the header is one order: ship
//! `parcels` from `origin` to `destination`. A line that is not exactly that is an error that names it;
//! nothing is skipped or repaired.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// The first line of the file.
const HEADER: &str = "origin,destination,count";

/// One line of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// The number of its line after the header, from 1.
    pub id: u32,
    /// Where the parcels are.
    pub origin: Airport,
    /// Where they go.
    pub destination: Airport,
    /// How many they are.
    pub parcels: u32,
}

impl fmt::Display for Order {
    /// As in the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{},{}", self.origin, self.destination, self.parcels)
    }
}

/// The code of an airport: three capital letters or digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Airport([u8; 3]);

impl Airport {
    fn read(text: &str) -> Result<Self, Flaw> {
        let is_code = |code: &[u8; 3]| {
            code.iter()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        };
        <[u8; 3]>::try_from(text.as_bytes())
            .ok()
            .filter(is_code)
            .map(Self)
            .ok_or_else(|| Flaw::Airport(text.into()))
    }
}

impl fmt::Display for Airport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|&byte| write!(f, "{}", byte as char))
    }
}

/// A line of the file that cannot be read, by its number in the file, from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {flaw}")]
pub struct BadLine {
    /// Which line.
    pub line: usize,
    /// What is wrong with it.
    #[source]
    pub flaw: Flaw,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// The first line is not the header.
    #[error("expected the header `{HEADER}`, found `{0}`")]
    Header(String),
    /// Not three fields.
    #[error("expected 3 fields, found {0}")]
    Fields(usize),
    /// Not the code of an airport.
    #[error("`{0}` is not an airport: three capital letters or digits")]
    Airport(String),
    /// Not a number of parcels.
    #[error("`{0}` is not a number of parcels: 1 to 4294967295, digits only")]
    Parcels(String),
    /// The same route as an earlier order, so that the two could not be told apart.
    #[error("the route of order {0} again")]
    Repeated(u32),
}

/// All orders of the file, in its order.
///
/// # Errors
/// The first line that is not as documented.
pub fn read(text: &str) -> Result<Vec<Order>, BadLine> {
    let mut lines = text.lines();
    let header = lines.next().unwrap_or_default();
    if header != HEADER {
        let flaw = Flaw::Header(header.into());
        return Err(BadLine { line: 1, flaw });
    }
    let mut routes = BTreeMap::new();
    (1..)
        .zip(lines)
        .map(|(id, line)| {
            let order = read_order(id, line)?;
            match routes.insert((order.origin, order.destination), id) {
                None => Ok(order),
                Some(first) => Err(Flaw::Repeated(first)),
            }
        })
        .zip(2..)
        .map(|(order, line)| order.map_err(|flaw| BadLine { line, flaw }))
        .collect()
}

fn read_order(id: u32, line: &str) -> Result<Order, Flaw> {
    let fields: Vec<&str> = line.split(',').collect();
    let [origin, destination, parcels] = fields[..] else {
        return Err(Flaw::Fields(fields.len()));
    };
    Ok(Order {
        id,
        origin: Airport::read(origin)?,
        destination: Airport::read(destination)?,
        parcels: read_parcels(parcels)?,
    })
}

fn read_parcels(text: &str) -> Result<u32, Flaw> {
    // By hand, since `parse` also takes a plus sign and leading zeros, which would not read back the same.
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    let number = text.parse().ok().filter(|_| is_plain);
    number.ok_or_else(|| Flaw::Parcels(text.into()))
}
