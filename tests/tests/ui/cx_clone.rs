//! A `Cx` belongs to one task and is not `Clone` (R-OWN-5).
use asupersync_core::{Cx, Error};

fn body(cx: &Cx<Error>) -> Cx<Error> {
    Cx::<Error>::clone(cx)
}

fn main() {}
