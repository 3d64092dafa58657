//! `platform-browser/bindings/abi.txt`: what the module and its scripts call each other by, read from the built module.
//!
//! Owns the file and its versions. The break policy: **any** change of an import or export, also an added one, is another
//! version, and so is another meaning of a number; nothing speaks to a version but its own. The module and the scripts are
//! of one package and one build, so nobody has to wait for anybody; what mixes two builds, an old file in a cache, is told so
//! when it is loaded (`AbiMismatch`). `cargo xtask packages --new-abi` writes the next version; this check fails without it.

use std::collections::BTreeSet;
use std::fmt::Write;

use anyhow::{Context, Result, bail};
use wasmparser::{CompositeInnerType, ExternalKind, Parser, Payload, TypeRef, ValType};

use crate::workspace;

const FILE: &str = "platform-browser/bindings/abi.txt";
const NEXT: &str = "run `cargo xtask packages --new-abi`, which writes the next version";

/// A version and the fingerprint of its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    number: u32,
    fingerprint: String,
}

/// The file: its versions, newest first, and the lines of the newest.
#[derive(Debug, PartialEq, Eq)]
struct Schema {
    versions: Vec<Version>,
    lines: Vec<String>,
}

/// Fails unless the module is what the file says.
pub fn check(module: &[u8]) -> Result<()> {
    let text = std::fs::read_to_string(workspace::root().join(FILE))?;
    compare(&Schema::parse(&text)?, &lines(module)?)
}

/// Writes the next version, with the lines of this module.
pub fn write_next(module: &[u8]) -> Result<()> {
    let file = workspace::root().join(FILE);
    let mut schema = Schema::parse(&std::fs::read_to_string(&file)?)?;
    schema.succeed(lines(module)?);
    std::fs::write(&file, schema.text())?;
    println!("{FILE}: version {}", schema.versions[0].number);
    Ok(())
}

fn compare(schema: &Schema, built: &[String]) -> Result<()> {
    let newest = &schema.versions[0];
    if newest.fingerprint != fingerprint(&schema.lines) {
        bail!("{FILE} was changed by hand, and its version was not: {NEXT}");
    }
    let [said, found]: [BTreeSet<&String>; 2] =
        [schema.lines.iter().collect(), built.iter().collect()];
    if said != found {
        let mut changes = String::new();
        for line in said.difference(&found) {
            write!(changes, "\n  - {line}")?;
        }
        for line in found.difference(&said) {
            write!(changes, "\n  + {line}")?;
        }
        bail!(
            "the module's ABI is not version {} any more: {NEXT}{changes}",
            newest.number
        );
    }
    Ok(())
}

impl Schema {
    fn parse(text: &str) -> Result<Self> {
        let (mut versions, mut lines) = (Vec::new(), Vec::new());
        for line in text.lines() {
            let Some(words) = line.strip_prefix("version ") else {
                lines.push(line.to_owned());
                continue;
            };
            let (number, fingerprint) = words
                .split_once(' ')
                .with_context(|| format!("{FILE}: `{line}` has no fingerprint"))?;
            versions.push(Version {
                number: number.parse()?,
                fingerprint: fingerprint.to_owned(),
            });
        }
        let falls_by_one = versions
            .windows(2)
            .all(|pair| pair[0].number == pair[1].number + 1);
        if versions.is_empty() || !falls_by_one {
            bail!("{FILE} begins with its versions, newest first, each one more than the next");
        }
        Ok(Self { versions, lines })
    }

    /// The next version has these lines.
    fn succeed(&mut self, lines: Vec<String>) {
        let next = Version {
            number: self.versions[0].number + 1,
            fingerprint: fingerprint(&lines),
        };
        self.versions.insert(0, next);
        self.lines = lines;
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for version in &self.versions {
            text += &format!("version {} {}\n", version.number, version.fingerprint);
        }
        for line in &self.lines {
            text += line;
            text.push('\n');
        }
        text
    }
}

/// FNV-1a with 64 bits: against accidents, not against people.
fn fingerprint(lines: &[String]) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in lines.iter().flat_map(|line| line.bytes().chain([b'\n'])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{hash:016x}")
}

fn listed(types: &[ValType]) -> String {
    let names: Vec<String> = types.iter().map(ValType::to_string).collect();
    names.join(", ")
}

/// A line per import and export, in the order of their names.
fn lines(module: &[u8]) -> Result<Vec<String>> {
    let (mut signatures, mut functions) = (Vec::new(), Vec::new());
    let mut lines = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::TypeSection(types) => {
                for group in types {
                    signatures.extend(group?.types().map(|ty| match &ty.composite_type.inner {
                        CompositeInnerType::Func(call) => {
                            format!(
                                "({}) -> ({})",
                                listed(call.params()),
                                listed(call.results())
                            )
                        }
                        _ => "no function".to_owned(),
                    }));
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports {
                    let import = import?;
                    let TypeRef::Func(ty) = import.ty else {
                        bail!("the module imports {}, which is no function", import.name);
                    };
                    functions.push(ty);
                    let signature = &signatures[ty as usize];
                    lines.push(format!(
                        "import {}.{} {signature}",
                        import.module, import.name
                    ));
                }
            }
            Payload::FunctionSection(types) => {
                for ty in types {
                    functions.push(ty?);
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    match export.kind {
                        ExternalKind::Func => {
                            let ty = functions[export.index as usize];
                            let signature = &signatures[ty as usize];
                            lines.push(format!("export {} {signature}", export.name));
                        }
                        ExternalKind::Memory => {
                            lines.push(format!("export {} memory", export.name))
                        }
                        // The linker's: where its data ends.
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    lines.sort();
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(lines: &[&str]) -> (Schema, Vec<String>) {
        let lines: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
        let versions = vec![Version {
            number: 1,
            fingerprint: fingerprint(&lines),
        }];
        let first = Schema {
            versions,
            lines: lines.clone(),
        };
        (first, lines)
    }

    #[test]
    fn a_changed_module_needs_another_version() {
        let (mut schema, mut lines) = schema(&["export open (f64) -> (f64)"]);
        compare(&schema, &lines).expect("the same");
        lines.push("export race (f64) -> (f64)".to_owned());
        let error = compare(&schema, &lines).expect_err("one more");
        assert!(error.to_string().contains("+ export race"), "{error}");
        schema.succeed(lines.clone());
        compare(&schema, &lines).expect("written anew");
        assert_eq!(schema.versions.len(), 2);
        assert_eq!(Schema::parse(&schema.text()).expect("its own text"), schema);
    }

    #[test]
    fn an_edit_that_keeps_the_version_is_found() {
        let (mut schema, _) = schema(&["export open (f64) -> (f64)"]);
        schema.lines[0] = "export open (i32) -> (f64)".to_owned();
        let error = compare(&schema, &schema.lines).expect_err("another fingerprint");
        assert!(error.to_string().contains("by hand"), "{error}");
    }

    #[test]
    fn a_file_without_its_versions_in_order_is_refused() {
        Schema::parse("export open (f64) -> (f64)\n").expect_err("no version");
        Schema::parse("version 3 a\nversion 1 b\n").expect_err("a gap");
    }
}
