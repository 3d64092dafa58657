//! The console of the emulator, and the exit code that the host sees.

use core::panic::PanicInfo;

use semihosting::{eprintln, process};

/// Ends the run: the host sees success or failure.
pub fn exit(passed: bool) -> ! {
    process::exit(i32::from(!passed))
}

/// Shows a panic and ends the run as failed. For panic handlers.
pub fn panicked(info: &PanicInfo<'_>) -> ! {
    eprintln!("{info}");
    exit(false)
}

/// Prints a line of texts and numbers, without the formatting of `core`: for firmware that has to be small.
pub fn print_plain(parts: &[Part]) {
    let Ok(mut out) = semihosting::io::stdout() else {
        return;
    };
    let mut write = |bytes: &[u8]| {
        // A console that is gone is nothing that a firmware could do something about.
        let _ = semihosting::io::Write::write_all(&mut out, bytes);
    };
    for part in parts {
        match part {
            Part::Text(text) => write(text.as_bytes()),
            Part::Number(number) => {
                let (mut digits, mut at, mut left) = ([0; 10], 10, *number);
                loop {
                    at -= 1;
                    digits[at] = b'0' + (left % 10) as u8;
                    left /= 10;
                    if left == 0 || at == 0 {
                        break;
                    }
                }
                write(&digits[at..]);
            }
        }
    }
    write(b"\n");
}

/// What [`print_plain`] prints.
pub enum Part {
    /// A text as it stands.
    Text(&'static str),
    /// A number in decimal.
    Number(usize),
}
