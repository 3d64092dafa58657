//! A clock that is wrong: it stands still, jumps ahead, jumps to the end of its range, jumps back.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::time::Duration;

use asupersync_core::{Error, LocalRegion, MissedTicks, Platform, Time};
use asupersync_local::{LocalDriver, Turn};
use critical_section::Mutex;

use super::expect;

const HOUR: Duration = Duration::from_secs(3_600);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);

/// A platform whose clock shows what it is told to.
struct Rigged(Mutex<Cell<Time>>);

impl Rigged {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Cell::new(Time::ZERO))))
    }

    fn show(&self, now: Time) {
        critical_section::with(|cs| self.0.borrow(cs).set(now));
    }
}

impl Platform for Rigged {
    fn now(&self) -> Time {
        critical_section::with(|cs| self.0.borrow(cs).get())
    }

    fn arm(&self, _deadline: Option<Time>) {}

    fn pend(&self) {}

    fn entropy(&self) -> u64 {
        7
    }
}

/// What tasks write down, in order. Clones write to the same page.
#[derive(Clone)]
struct Marks(Arc<Mutex<RefCell<Vec<u32>>>>);

impl Marks {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(RefCell::new(Vec::new()))))
    }

    fn add(&self, mark: u32) {
        critical_section::with(|cs| self.0.borrow_ref_mut(cs).push(mark));
    }

    fn all(&self) -> Vec<u32> {
        critical_section::with(|cs| self.0.borrow_ref(cs).clone())
    }
}

/// Spawns one sleeper for each number of hours; each writes its number down when it wakes.
fn sleepers(driver: &LocalDriver, marks: &Marks, hours: &[u32]) -> Result<(), String> {
    for &hours in hours {
        let marks = marks.clone();
        driver
            .spawner()
            .spawn(async move |cx| {
                cx.sleep(HOUR * hours).await?;
                marks.add(hours);
                Ok(())
            })
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Turns until nothing is runnable; then the time of the next timer.
fn settle(driver: &mut LocalDriver) -> Result<Option<Time>, String> {
    for _ in 0..1_000 {
        if let Turn::Idle(until) = driver.turn(16) {
            return Ok(until);
        }
    }
    Err(String::from("the driver never comes to rest"))
}

pub fn stands_still() -> Result<(), String> {
    let world = Rigged::new();
    let mut driver = LocalDriver::new(Arc::<Rigged>::clone(&world), 16);
    let marks = Marks::new();
    sleepers(&driver, &marks, &[1])?;
    // Work that needs no time is done, and the runtime rests instead of spinning.
    let mut rests = 0;
    let done: Result<u32, Error> = driver.block_on(
        async |region: &LocalRegion| {
            let worker = region.spawn(async |cx| {
                for _ in 0..500 {
                    cx.yield_now().await?;
                }
                Ok(5)
            })?;
            Ok(worker.join(region).await?)
        },
        |_| rests += 1,
    );
    expect(done.is_ok_and(|done| done == 5), "work stood still, too")?;
    for _ in 0..100 {
        let until = settle(&mut driver)?;
        expect(
            until == Some(Time::ZERO.saturating_add(HOUR)),
            "it sleeps for another time",
        )?;
    }
    expect(marks.all().is_empty(), "a sleeper woke in no time")?;
    // Cancelling needs no time either.
    driver.shut_down(|_| rests += 1);
    expect(
        driver.stats().live == 0 && driver.stats().forced == 0,
        "somebody was forced",
    )?;
    expect(marks.all().is_empty(), "a cancelled sleeper went on")
}

pub fn jumps_ahead() -> Result<(), String> {
    let world = Rigged::new();
    let mut driver = LocalDriver::new(Arc::<Rigged>::clone(&world), 16);
    let marks = Marks::new();
    sleepers(&driver, &marks, &[5, 1, 4, 2, 3])?;
    let ticks = Marks::new();
    let notes = ticks.clone();
    driver
        .spawner()
        .spawn(async move |cx| {
            let mut hourly = cx.interval(HOUR, MissedTicks::Skip)?;
            for _ in 0..1_000 {
                hourly.tick(&cx).await?;
                notes.add(0);
            }
            Ok(())
        })
        .map_err(|error| error.to_string())?;
    settle(&mut driver)?;
    world.show(Time::ZERO.saturating_add(YEAR));
    settle(&mut driver)?;
    let woken = marks.all();
    if woken != [1, 2, 3, 4, 5] {
        return Err(format!("the sleepers woke in the order {woken:?}"));
    }
    let ticked = ticks.all().len();
    if ticked > 3 {
        return Err(format!(
            "an interval that skips ticked {ticked} times in one jump"
        ));
    }
    driver.shut_down(|_| {});
    expect(driver.stats().live == 0, "something is left")
}

pub fn jumps_to_the_end() -> Result<(), String> {
    let world = Rigged::new();
    let mut driver = LocalDriver::new(Arc::<Rigged>::clone(&world), 16);
    let marks = Marks::new();
    sleepers(&driver, &marks, &[2, 1])?;
    settle(&mut driver)?;
    world.show(Time::MAX);
    settle(&mut driver)?;
    expect(marks.all() == [1, 2], "the sleepers did not wake in order")?;
    // Time is over: what sleeps now sleeps for ever, and can still be stopped.
    sleepers(&driver, &marks, &[1])?;
    settle(&mut driver)?;
    driver.shut_down(|_| {});
    expect(driver.stats().live == 0, "something is left")
}

/// Against the contract; the kernel has to survive it all the same.
pub fn jumps_back() -> Result<(), String> {
    let world = Rigged::new();
    let mut driver = LocalDriver::new(Arc::<Rigged>::clone(&world), 16);
    let marks = Marks::new();
    world.show(Time::ZERO.saturating_add(HOUR * 10));
    sleepers(&driver, &marks, &[1, 2])?;
    settle(&mut driver)?;
    world.show(Time::ZERO);
    settle(&mut driver)?;
    sleepers(&driver, &marks, &[12])?;
    settle(&mut driver)?;
    expect(marks.all().is_empty(), "a sleeper woke early")?;
    world.show(Time::ZERO.saturating_add(HOUR * 13));
    settle(&mut driver)?;
    let woken = marks.all();
    if woken != [1, 2, 12] {
        return Err(format!("the sleepers woke in the order {woken:?}"));
    }
    driver.shut_down(|_| {});
    expect(driver.stats().live == 0, "something is left")
}
