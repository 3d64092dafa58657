//! Where signals come from on Unix: one thread of the process takes them from signal-hook's pipe.
//!
//! Owns the thread, which is started by the first listener and stays, and the list of listeners. It is the
//! one thing in this crate that belongs to the process instead of a runtime, as signals do.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::process::Signal as Raw;
use signal_hook::iterator::{Handle, Signals as Arrivals};
use signal_hook::low_level::emulate_default_handler;

use super::{Ear, Signal, SignalError};

/// What listens in this process.
struct Hub {
    /// Adds signals to those that the thread takes; `None` before the first listener.
    handle: Option<Handle>,
    ears: Vec<Arc<Ear>>,
}

static HUB: Mutex<Hub> = Mutex::new(Hub {
    handle: None,
    ears: Vec::new(),
});

fn hub() -> MutexGuard<'static, Hub> {
    HUB.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hub {
    fn handle(&mut self) -> io::Result<&Handle> {
        if self.handle.is_none() {
            let arrivals = Arrivals::new::<[i32; 0], i32>([])?;
            let handle = arrivals.handle();
            thread::Builder::new()
                .name(String::from("signals"))
                .spawn(move || take(arrivals))?;
            self.handle = Some(handle);
        }
        self.handle
            .as_ref()
            .ok_or_else(|| io::Error::from(io::ErrorKind::Other))
    }

    fn listen(&mut self, ear: &Arc<Ear>, wanted: &[Signal]) -> io::Result<()> {
        let handle = self.handle()?;
        for signal in wanted {
            handle.add_signal(number(*signal))?;
        }
        self.ears.push(Arc::clone(ear));
        Ok(())
    }
}

/// Has `ear` hear what comes from now on.
pub(super) fn listen(ear: &Arc<Ear>, wanted: &[Signal]) -> Result<(), SignalError> {
    let listening = hub().listen(ear, wanted);
    listening.map_err(|error| SignalError::Host(Arc::new(error)))
}

/// Has `ear` hear nothing any more.
pub(super) fn forget(ear: &Arc<Ear>) {
    hub().ears.retain(|other| !Arc::ptr_eq(other, ear));
}

/// The loop of the thread.
fn take(mut arrivals: Arrivals) {
    for number in arrivals.forever() {
        let Some(signal) = of_number(number) else {
            continue;
        };
        let ears = hub().ears.clone();
        let mut heard = false;
        for ear in ears.iter().filter(|ear| ear.wants(signal)) {
            heard = true;
            ear.hear(signal);
        }
        if !heard {
            // As if nobody had ever listened. It fails only for signals that cannot be heard.
            let _ = emulate_default_handler(number);
        }
    }
}

const ALL: [Signal; 12] = [
    Signal::Hangup,
    Signal::Interrupt,
    Signal::Quit,
    Signal::User1,
    Signal::User2,
    Signal::Alarm,
    Signal::Terminate,
    Signal::Child,
    Signal::Continue,
    Signal::WindowChange,
    Signal::Kill,
    Signal::Stop,
];

/// The host's signal.
pub(crate) fn raw(signal: Signal) -> Raw {
    match signal {
        Signal::Hangup => Raw::HUP,
        Signal::Interrupt => Raw::INT,
        Signal::Quit => Raw::QUIT,
        Signal::User1 => Raw::USR1,
        Signal::User2 => Raw::USR2,
        Signal::Alarm => Raw::ALARM,
        Signal::Terminate => Raw::TERM,
        Signal::Child => Raw::CHILD,
        Signal::Continue => Raw::CONT,
        Signal::WindowChange => Raw::WINCH,
        Signal::Kill => Raw::KILL,
        Signal::Stop => Raw::STOP,
    }
}

fn number(signal: Signal) -> i32 {
    raw(signal).as_raw()
}

fn of_number(arrived: i32) -> Option<Signal> {
    ALL.into_iter().find(|signal| number(*signal) == arrived)
}
