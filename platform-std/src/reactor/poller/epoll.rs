//! Linux: epoll, edge-triggered, with one system call per wait.
//!
//! The interrupt is an eventfd and the time a timerfd, both edge-triggered as well, so neither is read or armed
//! again after it was heard; the timer is set only when the deadline is another one. epoll's own timeout would
//! do, but for its milliseconds.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::time::Instant;

use asupersync_io::{Interest, Ready};
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};

use super::Patience;
use crate::clock::time_left;

pub(crate) use std::os::fd::AsFd as Source;

pub(crate) const TELLS_CLOSED: bool = true;

/// Keys that the table does not give out.
const INTERRUPT: usize = usize::MAX - 1;
const TIMER: usize = usize::MAX;

/// How many events one wait takes. They lie on the stack: the host's form of them may not change threads.
const EVENTS_MAX: usize = 256;

const NO_TIME: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

#[derive(Debug)]
pub(crate) struct Poller {
    epoll: OwnedFd,
    interrupt: OwnedFd,
    timer: OwnedFd,
}

#[derive(Debug)]
pub(crate) struct Events {
    list: Vec<(usize, Ready)>,
    /// What the timer is set to, until it is heard.
    alarm: Option<Instant>,
}

/// An edge is told whether or not anybody asked.
#[derive(Debug)]
pub(crate) struct Arming;

impl Arming {
    pub(crate) fn new() -> Self {
        Self
    }

    #[inline]
    pub(crate) fn arm(
        &self,
        _poller: &Poller,
        _source: &impl Source,
        _key: usize,
        _interest: Interest,
    ) -> io::Result<()> {
        Ok(())
    }

    /// The host told something; what the waiters are to be told.
    #[inline]
    pub(crate) fn heard(&self, ready: Ready) -> Ready {
        ready
    }
}

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        let poller = Self {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            interrupt: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            timer: timerfd_create(
                TimerfdClockId::Monotonic,
                TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK,
            )?,
        };
        let edge = EventFlags::IN | EventFlags::ET;
        epoll::add(&poller.epoll, &poller.interrupt, data(INTERRUPT), edge)?;
        epoll::add(&poller.epoll, &poller.timer, data(TIMER), edge)?;
        Ok(poller)
    }

    pub(crate) fn add(&self, source: &impl Source, key: usize) -> io::Result<()> {
        let both = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        Ok(epoll::add(&self.epoll, source, data(key), both)?)
    }

    pub(crate) fn remove(&self, source: &impl Source) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, source)?)
    }

    pub(crate) fn wait(&self, events: &mut Events, patience: Patience) -> io::Result<()> {
        events.list.clear();
        let look = match patience {
            Patience::None => true,
            Patience::Endless => false,
            Patience::Until(deadline) => !self.set_alarm(&mut events.alarm, deadline)?,
        };
        let timeout = look.then_some(&NO_TIME);
        let mut told = [const { MaybeUninit::uninit() }; EVENTS_MAX];
        match epoll::wait(&self.epoll, &mut told, timeout) {
            Ok((told, _)) => {
                for event in told {
                    events.enter(*event);
                }
                Ok(())
            }
            // A signal: whoever waits looks around, which is what signals are for.
            Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Has the timer end the wait at `deadline`. `false`: that has passed.
    fn set_alarm(&self, alarm: &mut Option<Instant>, deadline: Instant) -> io::Result<bool> {
        if *alarm == Some(deadline) {
            return Ok(true);
        }
        let left = time_left(deadline);
        if left.is_zero() {
            return Ok(false);
        }
        let time = Itimerspec {
            it_interval: NO_TIME,
            it_value: Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            },
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &time)?;
        *alarm = Some(deadline);
        Ok(true)
    }

    pub(crate) fn interrupt(&self) -> io::Result<()> {
        let one = 1u64.to_ne_bytes();
        match rustix::io::write(&self.interrupt, &one) {
            Err(Errno::AGAIN) => {
                // The counter is full, after 2^64 interrupts: empty it, and count on.
                let _ = rustix::io::read(&self.interrupt, &mut [0; 8]);
                rustix::io::write(&self.interrupt, &one)?;
                Ok(())
            }
            other => Ok(other.map(drop)?),
        }
    }
}

impl Events {
    pub(crate) fn new() -> Self {
        Self {
            list: Vec::new(),
            alarm: None,
        }
    }

    fn enter(&mut self, event: epoll::Event) {
        let (key, flags) = (event.data.u64() as usize, event.flags);
        match key {
            TIMER => self.alarm = None,
            INTERRUPT => {}
            _ => self.list.push((key, ready(flags))),
        }
    }

    /// Takes out what is about sources: their keys and news.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (usize, Ready)> {
        self.list.drain(..)
    }
}

fn data(key: usize) -> EventData {
    EventData::new_u64(key as u64)
}

fn ready(flags: EventFlags) -> Ready {
    let any = |of: EventFlags| flags.intersects(of);
    Ready {
        readable: any(EventFlags::IN | EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR),
        writable: any(EventFlags::OUT | EventFlags::HUP | EventFlags::ERR),
        read_closed: any(EventFlags::RDHUP | EventFlags::HUP),
        write_closed: any(EventFlags::HUP),
    }
}
