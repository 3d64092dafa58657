//! Capabilities: what code under a `Cx` may do to the world. Carried by regions, only ever narrowed.
//!
//! Owns the set and the fail-closed look-up (R-IO-4). A region starts with its parent's set; a
//! capability that was denied is gone for everything below.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::{Any, TypeId};
use core::fmt;

use crate::error::CapabilityDenied;
use crate::mutants::mutant;

/// A named kind of authority. Implement it for the type that carries the authority.
///
/// Who can make a value of the type can grant it, so keep its fields private. Those of the core
/// cannot be made outside it: a region that was denied one cannot give it back to itself.
///
/// ```compile_fail
/// use asupersync_core::{RegionOptions, Timing};
///
/// let options = RegionOptions::new().grant(Timing(()));
/// ```
///
/// ```compile_fail
/// use asupersync_core::{Cx, RegionOptions, Timing};
///
/// fn kept(cx: &Cx) -> RegionOptions {
///     RegionOptions::new().grant(*cx.capability::<Timing>().unwrap())
/// }
/// ```
///
/// ```
/// use asupersync_core::Capability;
///
/// struct Mail { relay: &'static str }
/// impl Capability for Mail { const NAME: &'static str = "mail"; }
/// ```
pub trait Capability: Send + Sync + 'static {
    /// The name in traces and errors.
    const NAME: &'static str;
}

/// Spawning children.
#[derive(Debug)]
pub struct Spawn(());
impl Capability for Spawn {
    const NAME: &'static str = "spawn";
}

/// Reading the clock and setting timers.
#[derive(Debug)]
pub struct Timing(());
impl Capability for Timing {
    const NAME: &'static str = "time";
}

/// Drawing random numbers.
#[derive(Debug)]
pub struct Entropy(());
impl Capability for Entropy {
    const NAME: &'static str = "entropy";
}

/// Reserving host operations.
#[derive(Debug)]
pub struct Io(());
impl Capability for Io {
    const NAME: &'static str = "io";
}

/// Writing user events to the trace.
#[derive(Debug)]
pub struct Tracing(());
impl Capability for Tracing {
    const NAME: &'static str = "trace";
}

#[derive(Clone)]
struct Grant {
    kind: TypeId,
    authority: Arc<dyn Any + Send + Sync>,
}

/// The set that a region holds. Small, searched linearly, never iterated for effect.
#[derive(Clone)]
pub(crate) struct Capabilities {
    /// One bit for each of the core's own; see [`Own`].
    core: u8,
    /// What programs granted.
    grants: Vec<Grant>,
    /// Whether it differs, or was to differ, from the root's: then uses are worth tracing.
    is_edited: bool,
}

/// The core's own capabilities, as the bits of a set: what the core itself looks for needs no search by type.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Own {
    Spawn = 1 << 0,
    Timing = 1 << 1,
    Entropy = 1 << 2,
    Io = 1 << 3,
    Tracing = 1 << 4,
}

impl Own {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Spawn => Spawn::NAME,
            Self::Timing => Timing::NAME,
            Self::Entropy => Entropy::NAME,
            Self::Io => Io::NAME,
            Self::Tracing => Tracing::NAME,
        }
    }
}

/// The bit and the value of `C`, if it is of the core's own.
fn own_kind<C: Capability>() -> Option<(Own, &'static C)> {
    let kinds: [(Own, &'static dyn Any); 5] = [
        (Own::Spawn, &Spawn(())),
        (Own::Timing, &Timing(())),
        (Own::Entropy, &Entropy(())),
        (Own::Io, &Io(())),
        (Own::Tracing, &Tracing(())),
    ];
    kinds
        .into_iter()
        .find_map(|(own, kind)| kind.downcast_ref::<C>().map(|kind| (own, kind)))
}

impl Capabilities {
    /// What a runtime's root holds: everything the core itself offers.
    pub(crate) fn root() -> Self {
        Self {
            core: u8::MAX,
            grants: Vec::new(),
            is_edited: false,
        }
    }

    /// A copy that is about to be changed for a region of its own.
    pub(crate) fn edited(&self) -> Self {
        Self {
            is_edited: true,
            ..self.clone()
        }
    }

    pub(crate) fn is_edited(&self) -> bool {
        self.is_edited
    }

    /// Replaces a grant of the same kind. Of the core's own nobody outside can make a value.
    pub(crate) fn grant<C: Capability>(&mut self, authority: C) {
        self.deny::<C>();
        self.grants.push(Grant {
            kind: TypeId::of::<C>(),
            authority: Arc::new(authority),
        });
    }

    pub(crate) fn deny<C: Capability>(&mut self) {
        if mutant!(CapabilityAmbient) {
            return;
        }
        match own_kind::<C>() {
            Some((own, _)) => self.core &= !(own as u8),
            None => self.grants.retain(|grant| grant.kind != TypeId::of::<C>()),
        }
    }

    /// Whether it holds one of the core's own.
    #[inline]
    pub(crate) fn check(&self, own: Own) -> Result<(), CapabilityDenied> {
        if self.core & own as u8 != 0 {
            Ok(())
        } else {
            Err(CapabilityDenied {
                capability: own.name(),
            })
        }
    }

    pub(crate) fn find<C: Capability>(&self) -> Result<&C, CapabilityDenied> {
        let found = match own_kind::<C>() {
            Some((own, kind)) => (self.core & own as u8 != 0).then_some(kind),
            None => {
                let grant = self.grants.iter().find(|g| g.kind == TypeId::of::<C>());
                grant.and_then(|grant| grant.authority.downcast_ref::<C>())
            }
        };
        found.ok_or(CapabilityDenied {
            capability: C::NAME,
        })
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} grants", self.grants.len())
    }
}

/// The trace name of a capability: the FNV-1a hash of its name.
pub(crate) fn hash_name(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
