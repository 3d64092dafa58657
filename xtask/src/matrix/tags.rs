//! Reads what tests and mutants say about themselves: `proves:`, `replays:` and `breaks:` lines.
//!
//! A `proves:` line is a comment or doc line with ids, directly above a test (or, in the conformance kit's
//! library, above a scenario). A `replays:` line names a folder or file; its test replays everything that
//! is tagged there. A `breaks:` line is the doc line of a mutant.

use super::ids;
use crate::workspace::File;

/// Where a tag stands in the test pyramid; the path of the file decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    Unit,
    Loom,
    Integration,
    EndToEnd,
    Replay,
}

/// One tagged test, scenario or mutant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    pub item: String,
    pub path: String,
    pub layer: Layer,
    pub ids: Vec<String>,
    /// Path starts from `replays:` lines.
    pub replays: Vec<String>,
}

/// The file that lists the seeded bugs of the kernel.
const MUTANTS: &str = "core-nostd/src/mutants.rs";
/// The conformance kit: its scenarios are plain functions that every platform's tests call.
const KIT: &str = "tests/src/";

/// All tests with tags in this file; what is wrong with a tag goes to `faults`.
pub fn tests(file: &File, faults: &mut Vec<String>) -> Vec<Tag> {
    let mut tags: Vec<Tag> = Vec::new();
    let Some(layer) = layer(&file.path) else {
        return tags;
    };
    let lines: Vec<&str> = file.text.lines().map(str::trim).collect();
    let mut at = 0;
    while at < lines.len() {
        let Some(head) = head(&lines, &mut at) else {
            at += 1;
            continue;
        };
        let names = head.listed("proves:");
        let replays = head.listed("replays:");
        if names.is_empty() && replays.is_empty() {
            continue;
        }
        let place = format!("{}:{at}", file.path);
        let Some(item) = lines.get(at).and_then(|line| item_name(line)) else {
            faults.push(format!("{place}: a tag that stands above nothing"));
            continue;
        };
        for name in &names {
            if ids::find(name).is_none() {
                faults.push(format!("{place}: {item} proves {name}, which is no id"));
            }
        }
        let is_kit = file.path.starts_with(KIT) || lines[at].contains('!');
        if !is_kit && !head.is_test() {
            faults.push(format!("{place}: {item} has a tag but is no test"));
            continue;
        }
        tags.push(Tag {
            item,
            path: file.path.clone(),
            layer,
            ids: names,
            replays,
        });
    }
    tags
}

/// All mutants, with the rules that they break.
pub fn mutants(files: &[File], faults: &mut Vec<String>) -> Vec<Tag> {
    let mut tags = Vec::new();
    for file in files.iter().filter(|file| file.path == MUTANTS) {
        let lines: Vec<&str> = file.text.lines().map(str::trim).collect();
        let mut at = 0;
        while at < lines.len() {
            let Some(head) = head(&lines, &mut at) else {
                at += 1;
                continue;
            };
            let names = head.listed("breaks:");
            let Some(item) = lines.get(at).and_then(|line| item_name(line)) else {
                continue;
            };
            for name in &names {
                if ids::find(name).is_none() {
                    faults.push(format!("{MUTANTS}: {item} breaks {name}, which is no id"));
                }
            }
            if !names.is_empty() {
                tags.push(Tag {
                    item,
                    path: file.path.clone(),
                    layer: Layer::Unit,
                    ids: names,
                    replays: Vec::new(),
                });
            }
        }
    }
    tags
}

fn layer(path: &str) -> Option<Layer> {
    let starts = |folder: &str| path.starts_with(folder);
    if starts("xtask/") || starts("benches/") {
        return None;
    }
    let layer = if starts("core-nostd/") {
        Layer::Unit
    } else if starts("loom-tests/") {
        Layer::Loom
    } else if (starts("platform-sim/") || starts("tests/"))
        && (path.contains("replay") || path.contains("golden"))
    {
        Layer::Replay
    } else if path.contains("demo") {
        Layer::EndToEnd
    } else {
        Layer::Integration
    };
    Some(layer)
}

/// The comments and attributes above one item.
struct Head<'a> {
    lines: &'a [&'a str],
}

/// The run of comment and attribute lines at `at`, if there is one; `at` moves behind it.
fn head<'a>(lines: &'a [&'a str], at: &mut usize) -> Option<Head<'a>> {
    let start = *at;
    let mut open_brackets = 0usize;
    while let Some(line) = lines.get(*at) {
        let is_comment = line.starts_with("//") && !line.starts_with("//!");
        let is_attribute = line.starts_with("#[");
        if !is_comment && !is_attribute && open_brackets == 0 {
            break;
        }
        if !is_comment {
            open_brackets = (open_brackets + line.matches('[').count())
                .saturating_sub(line.matches(']').count());
        }
        *at += 1;
    }
    (*at > start).then(|| Head {
        lines: &lines[start..*at],
    })
}

impl Head<'_> {
    /// The words behind `key` in the comment lines, up to an opening parenthesis.
    fn listed(&self, key: &str) -> Vec<String> {
        let comments = self.lines.iter().filter(|line| line.starts_with("//"));
        let lists =
            comments.filter_map(|line| line.trim_start_matches('/').trim().strip_prefix(key));
        lists
            .flat_map(|list| {
                let list = list.split('(').next().unwrap_or_default();
                list.split([' ', ',']).filter(|word| !word.is_empty())
            })
            .map(|word| word.trim_end_matches('.').to_owned())
            .collect()
    }

    /// Whether an attribute such as `#[test]` makes the item a test.
    fn is_test(&self) -> bool {
        self.lines
            .iter()
            .any(|line| line.starts_with("#[") && line.contains("test]"))
    }
}

/// The name that an item line declares: `pub fn name(..`, `const NAME: ..`, `Variant,`, `macro!(name, ..`.
fn item_name(line: &str) -> Option<String> {
    let words: Vec<&str> = line
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .collect();
    let keyword = |word: &&str| ["fn", "const", "static", "struct"].contains(word);
    let name = match words.iter().position(keyword) {
        Some(at) if words[at] == "const" && words.get(at + 1) == Some(&"fn") => words.get(at + 2),
        Some(at) => words.get(at + 1),
        None if line.contains('!') => words.get(1),
        None => words.first(),
    };
    name.map(|name| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File {
            path: path.into(),
            text: text.into(),
        }
    }

    #[test]
    fn a_tag_belongs_to_the_test_below_it() {
        let text = "//! A.\n\n// proves: R-CAN-1 R-CAN-3\n#[test]\n#[should_panic(\nexpected = \"x\"\n)]\nfn one() {}\n\
                    /// Two.\n/// proves: PO-CAN, WVT-003 (also)\n#[test]\nfn two() {}\n";
        let mut faults = Vec::new();
        let tags = tests(&file("core-nostd/src/a.rs", text), &mut faults);
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(tags.len(), 2);
        assert_eq!(tags[0].item, "one");
        assert_eq!(tags[0].ids, ["R-CAN-1", "R-CAN-3"]);
        assert_eq!(tags[1].ids, ["PO-CAN", "WVT-003"]);
        assert_eq!(tags[1].layer, Layer::Unit);
    }

    #[test]
    fn scenarios_and_macro_entries_need_no_test_attribute() {
        let mut faults = Vec::new();
        let text = "// proves: R-CAN-1\npub async fn scenario<P>() {}\n";
        let tags = tests(&file("tests/src/cancel.rs", text), &mut faults);
        assert_eq!(tags[0].item, "scenario");
        let text = "// replays: tests/src/\nkit!(every_scenario, 7);\n";
        let tags = tests(&file("platform-sim/tests/replay.rs", text), &mut faults);
        assert_eq!(tags[0].item, "every_scenario");
        assert_eq!(tags[0].layer, Layer::Replay);
        assert_eq!(tags[0].replays, ["tests/src/"]);
        assert!(faults.is_empty(), "{faults:?}");
    }

    #[test]
    fn bad_tags_are_faults() {
        for text in [
            "// proves: R-CAN-99\n#[test]\nfn f() {}\n",
            "// proves: R-CAN-1\nfn no_test() {}\n",
            "// proves: R-CAN-1\n\n#[test]\nfn f() {}\n",
        ] {
            let mut faults = Vec::new();
            tests(&file("core-nostd/src/a.rs", text), &mut faults);
            assert_eq!(faults.len(), 1, "{text}");
        }
    }

    #[test]
    fn mutants_say_what_they_break() {
        let text =
            "//! M.\nmutants! {\n/// breaks: R-OWN-2 R-REG-1 (it admits)\nSpawnAfterClose,\n}\n";
        let mut faults = Vec::new();
        let tags = mutants(&[file(MUTANTS, text)], &mut faults);
        assert_eq!(tags[0].item, "SpawnAfterClose");
        assert_eq!(tags[0].ids, ["R-OWN-2", "R-REG-1"]);
        assert!(faults.is_empty());
    }
}
