//! The census: who exists, of whom, and in which state, as far as the events say.
//!
//! Owns the shared picture of a run that the checkers judge from. It judges nothing; where events make no
//! sense it keeps what it can, and the checkers complain.

use asupersync_core::trace::Event;

#[derive(Debug, Default)]
pub(crate) struct Census;

impl Census {
    pub(crate) fn update(&mut self, _event: &Event) {}
}
