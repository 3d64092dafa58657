//! Diagnostics and trace events through defmt: the board sends numbers, the host makes text of them.
//!
//! Owns the mapping. The logger itself (RTT, semihosting, a serial port) is the firmware's.

use asupersync_core::Diagnostic;
use asupersync_core::trace::{Event, TraceSink};

/// For [`Board::report`](crate::Board): logs a diagnostic as a warning.
pub fn report_with_defmt(diagnostic: &Diagnostic) {
    defmt::warn!("asupersync: {}", defmt::Display2Format(diagnostic));
}

/// Logs every trace event, as numbers: the time, the number of the [`EventKind`](asupersync_core::trace::EventKind),
/// who acted, on what, and the argument. One frame per event and no formatting on the board.
#[derive(Debug, Clone, Copy, Default)]
pub struct DefmtSink;

impl TraceSink for DefmtSink {
    fn record(&self, event: &Event) {
        defmt::trace!(
            "{=u64} kind {=u8} actor {=u64:x} object {=u64:x} arg {=u64}",
            event.at.as_nanos(),
            event.kind as u8,
            event.actor.as_u64(),
            event.object,
            event.arg,
        );
    }
}
