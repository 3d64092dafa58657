//! Rules about `Cargo.toml`: every foreign dependency says why it is there, and the lints are inherited.

use super::Finding;
use crate::workspace::File;

pub fn check(file: &File, findings: &mut Vec<Finding>) {
    let mut in_dependencies = false;
    let mut has_lints = false;
    let mut commented = false;
    let mut open_brackets = 0usize;
    for (index, line) in file.text.lines().enumerate() {
        let line = line.trim();
        // The rest of a value over several lines.
        if open_brackets > 0 {
            open_brackets = open_brackets
                .saturating_add(opened(line))
                .saturating_sub(closed(line));
            continue;
        }
        if line.starts_with('#') {
            commented = true;
            continue;
        }
        let mut missing = false;
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            has_lints |= section == "lints" || section == "workspace.lints.rust";
            in_dependencies = section.ends_with("dependencies");
            // `[dependencies.name]`: the table is the entry.
            missing = section.contains("dependencies.") && !commented;
        } else if let Some((name, value)) = line.split_once('=') {
            // The dependency's reason stands where its version stands; our own crates need none.
            let elsewhere = name.contains(".workspace")
                || value.contains("workspace = true")
                || name.starts_with("asupersync");
            missing = in_dependencies && !commented && !elsewhere && !line.contains('#');
            open_brackets = opened(value).saturating_sub(closed(value));
        }
        if missing {
            findings.push(Finding::new(
                &file.path,
                index + 1,
                "a dependency without a reason: say above the line what it is for",
            ));
        }
        commented = false;
    }
    if !has_lints {
        findings.push(Finding::new(
            &file.path,
            0,
            "does not inherit the workspace's lints",
        ));
    }
}

fn opened(text: &str) -> usize {
    text.matches(['[', '{']).count()
}

fn closed(text: &str) -> usize {
    text.matches([']', '}']).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        let mut findings = Vec::new();
        let file = File {
            path: "Cargo.toml".into(),
            text: text.into(),
        };
        check(&file, &mut findings);
        findings.iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn each_foreign_dependency_needs_a_reason() {
        let text = "[lints]\nworkspace = true\n[package]\nname = \"x\"\n[dependencies]\n# Why.\na = \"1\"\n\
                    b = \"1\"\nc = \"1\" # why\nasupersync-core.workspace = true\n# Why.\nd = { features = [\n\
                    \"x\",\n] }\n[dev-dependencies.e]\nversion = \"1\"\n";
        assert_eq!(lines(text), [8, 15]);
    }

    #[test]
    fn lints_are_inherited() {
        assert_eq!(lines("[package]\nname = \"x\"\n"), [0]);
    }
}
