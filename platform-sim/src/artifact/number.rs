//! How numbers of 64 bits are written: exact in every JSON tool, plain integers in the binary form.

use alloc::format;
use alloc::string::String;
use core::fmt;

use serde::de::{Deserializer, Visitor};

/// The integers up to here are exact in every JSON tool, also where numbers are 64-bit floats.
const EXACT_MAX: u64 = 1 << 53;

/// As a JSON string with 16 hexadecimal digits.
pub(super) fn id_text(number: u64) -> String {
    format!("\"0x{number:016x}\"")
}

/// As a JSON number where that is exact, else as a string.
pub(super) fn plain_text(number: u64) -> String {
    if number <= EXACT_MAX {
        format!("{number}")
    } else {
        id_text(number)
    }
}

/// For `#[serde(with)]`: counts and seeds.
pub(super) mod plain {
    pub(in super::super) use super::deserialize;
    use serde::Serializer;

    pub(in super::super) fn serialize<S: Serializer>(
        number: &u64,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() && *number > super::EXACT_MAX {
            super::id::serialize(number, serializer)
        } else {
            serializer.serialize_u64(*number)
        }
    }
}

/// For `#[serde(with)]`: hashes and ids.
pub(super) mod id {
    pub(in super::super) use super::deserialize;
    use serde::Serializer;

    pub(in super::super) fn serialize<S: Serializer>(
        number: &u64,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(&format_args!("0x{number:016x}"))
        } else {
            serializer.serialize_u64(*number)
        }
    }
}

/// A number in either spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number(pub(super) u64);

impl<'de> serde::Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer).map(Self)
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    if deserializer.is_human_readable() {
        deserializer.deserialize_any(EitherSpelling)
    } else {
        deserializer.deserialize_u64(EitherSpelling)
    }
}

struct EitherSpelling;

impl Visitor<'_> for EitherSpelling {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number from 0 to 2^64 - 1, or one as a string \"0x...\"")
    }

    fn visit_u64<E>(self, number: u64) -> Result<u64, E> {
        Ok(number)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<u64, E> {
        text.strip_prefix("0x")
            // `from_str_radix` would also take a sign.
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
}
