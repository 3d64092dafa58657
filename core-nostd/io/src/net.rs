//! `Net`: the authority to reach the network.

use alloc::sync::Arc;
use core::fmt;

use asupersync_core::{Capability, CxBase};

use crate::driver::NetDriver;
use crate::error::IoError;

/// The authority to connect, to listen and to take addresses. A runtime grants it to its root region.
///
/// ```
/// use asupersync_core::RegionOptions;
/// use asupersync_io::Net;
///
/// // What is spawned in such a region reaches no network.
/// let options = RegionOptions::new().deny::<Net>();
/// ```
pub struct Net {
    driver: Arc<dyn NetDriver>,
}

impl Capability for Net {
    const NAME: &'static str = "net";
}

impl Net {
    /// The network that `driver` reaches. There is no way from a `Net` back to its driver.
    pub fn new(driver: Arc<dyn NetDriver>) -> Self {
        Self { driver }
    }

    /// The driver that the surrounding region may use.
    pub(crate) fn driver_of(cx: &CxBase) -> Result<&dyn NetDriver, IoError> {
        Ok(&*cx.capability::<Self>()?.driver)
    }
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Net").field(&self.driver.platform()).finish()
    }
}
