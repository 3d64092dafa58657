//! Rules about `unsafe`: only in the listed files, and each use says why it is sound.

use super::tokens::{self, Placed, Token};
use super::{Exception, Finding, exception};
use crate::workspace::File;

/// Where `unsafe` may stand.
pub const ALLOWED: &[Exception] = &[
    (
        "core-nostd/src/task/",
        "the task cell: manual layout and reference counts",
    ),
    ("core-nostd/src/queue/", "intrusive queues of task cells"),
    (
        "core-nostd/src/slot.rs",
        "the slot of a oneshot: freed by the end that leaves last",
    ),
    (
        "core-nostd/src/sync.rs",
        "the raw lock of bare metal: lock_api asks for an unsafe impl",
    ),
    (
        "platform-std/src/reactor/poller/portable.rs",
        "the poller of hosts without epoll: polling asks for a promise to remove what was added",
    ),
    (
        "benches/src/heap.rs",
        "the counting allocator: GlobalAlloc asks for an unsafe impl",
    ),
    (
        "platform-cortex-m/firmware/",
        "a board: its heap, the paint of its stack, its peripherals",
    ),
    (
        "platform-browser/src/host/wasm.rs",
        "imports and exports of a module, its static of one thread, and its lock",
    ),
    (
        "platform-browser/src/io/host.rs",
        "imports and the export of a module's operations of the host",
    ),
    (
        "platform-browser/bindings/src/host.rs",
        "imports of a module and its statics of one thread",
    ),
    (
        "platform-browser/bindings/src/abi.rs",
        "the custom section of a module, which only unsafe syntax can name",
    ),
    ("platform-browser/apps/", "imports and exports of a module"),
    ("benches/browser/ours/", "imports and exports of a module"),
    ("examples/min-platform/", "a board: its heap"),
    (
        "tests/wasm/",
        "imports, exports and the lock of a module, which only unsafe syntax can name",
    ),
    (
        "executors/local/tests/no_alloc_on_wake.rs",
        "a counting allocator, for the same reason",
    ),
    (
        "executors/local/tests/no_memory.rs",
        "an allocator that can be exhausted, for the same reason",
    ),
];

/// A `SAFETY:` comment stands at most this many lines above the use: a statement may span a few.
const REACH_LINES: usize = 10;

/// How far into a body its first `SAFETY:` comment is looked for.
const BODY_LINES: usize = 3;

pub fn check(file: &File, findings: &mut Vec<Finding>) {
    // A file that does not parse is reported by the source rules.
    let Ok(tokens) = tokens::of(&file.text) else {
        return;
    };
    let lines: Vec<&str> = file.text.lines().collect();
    let allowed = exception(ALLOWED, &file.path).is_some();
    for (at, (token, line)) in tokens.iter().enumerate() {
        if !matches!(token, Token::Ident(ident) if ident == "unsafe") || is_type(&tokens, at) {
            continue;
        }
        let mut find = |message: &str| findings.push(Finding::new(&file.path, *line, message));
        if !allowed {
            find("unsafe is not allowed here: see ALLOWED in xtask/src/tidy/unsafe_code.rs");
        }
        if is_declaration(&tokens, at) {
            let documented = doc_above(&lines, *line).any(|text| text.contains("# Safety"));
            if !documented && !lines_below(&lines, *line).any(|text| text.contains("SAFETY:")) {
                find("an unsafe fn or trait without `# Safety`: say what its user owes");
            }
        } else if !lines_above(&lines, *line).any(|text| text.contains("SAFETY:")) {
            find("unsafe without a `SAFETY:` comment: say which invariant holds and who keeps it");
        }
    }
}

/// `unsafe fn(..)` or `unsafe extern "C" fn(..)`: the type of a function pointer, nothing is promised here.
fn is_type(tokens: &[Placed], at: usize) -> bool {
    tokens::spells(tokens, at + 1, &["fn", "("])
        || tokens::spells(tokens, at + 1, &["extern", "fn", "("])
        || (tokens::spells(tokens, at + 1, &["extern"])
            && tokens::spells(tokens, at + 3, &["fn", "("]))
}

/// `unsafe fn f` or `unsafe trait T`: what follows is owed by the user.
fn is_declaration(tokens: &[Placed], at: usize) -> bool {
    tokens::spells(tokens, at + 1, &["fn"])
        || tokens::spells(tokens, at + 1, &["trait"])
        || (tokens::spells(tokens, at + 1, &["extern"]) && tokens::spells(tokens, at + 3, &["fn"]))
}

/// The line itself and those in reach above it.
fn lines_above<'a>(lines: &'a [&str], line: usize) -> impl Iterator<Item = &'a str> {
    let end = line.min(lines.len());
    lines[end.saturating_sub(REACH_LINES + 1)..end]
        .iter()
        .copied()
}

/// The first lines of a body. A method of an unsafe trait and an entry of a waker table have their contract
/// elsewhere; their body names it at its first use.
fn lines_below<'a>(lines: &'a [&'a str], line: usize) -> impl Iterator<Item = &'a str> {
    lines.iter().copied().skip(line).take(BODY_LINES)
}

/// The comments and attributes directly above a declaration, however long.
fn doc_above<'a>(lines: &'a [&str], line: usize) -> impl Iterator<Item = &'a str> {
    let above = &lines[..line.saturating_sub(1).min(lines.len())];
    above.iter().rev().copied().take_while(|text| {
        let text = text.trim_start();
        text.starts_with("//") || text.starts_with('#')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(path: &str, text: &str) -> Vec<String> {
        let mut findings = Vec::new();
        let file = File {
            path: path.into(),
            text: text.into(),
        };
        check(&file, &mut findings);
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn argued_uses_in_the_listed_files_pass() {
        let text = "//! A.\n/// # Safety\n/// Yours.\n#[inline]\nunsafe fn f(g: unsafe fn(u8)) {\n\
                    // SAFETY: ours.\nunsafe { g(1) }\n}\n\n\
                    unsafe fn entry() {\n// SAFETY: the table's contract.\nunsafe { g(1) }\n}\n";
        assert!(messages("core-nostd/src/task/a.rs", text).is_empty());
    }

    #[test]
    fn silent_and_misplaced_uses_are_found() {
        let found = messages(
            "core-nostd/src/task/a.rs",
            "//! A.\nfn f() { unsafe { g() } }",
        );
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("SAFETY:"));
        let found = messages("core-nostd/src/task/a.rs", "//! A.\nunsafe fn f() {}");
        assert!(found[0].contains("# Safety"));
        let found = messages(
            "src/a.rs",
            "//! A.\n// SAFETY: no.\nunsafe impl Send for A {}",
        );
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("not allowed"));
    }
}
