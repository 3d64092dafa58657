//! Rust source as one flat list of tokens with line numbers, so that comments and strings cannot fool a rule.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    Ident(String),
    Punct(char),
    Open(char),
    Close,
    Literal,
}

/// A token and its line, counted from 1.
pub type Placed = (Token, usize);

/// All tokens of a source text. Doc comments come out as attributes.
pub fn of(text: &str) -> Result<Vec<Placed>, String> {
    let stream: TokenStream = text
        .parse()
        .map_err(|error| format!("does not parse: {error}"))?;
    let mut tokens = Vec::new();
    flatten(stream, &mut tokens);
    Ok(tokens)
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Placed>) {
    for tree in stream {
        let line = tree.span().start().line;
        match tree {
            TokenTree::Ident(ident) => tokens.push((Token::Ident(ident.to_string()), line)),
            TokenTree::Punct(punct) => tokens.push((Token::Punct(punct.as_char()), line)),
            TokenTree::Literal(_) => tokens.push((Token::Literal, line)),
            TokenTree::Group(group) => {
                let open = match group.delimiter() {
                    Delimiter::Brace => '{',
                    Delimiter::Bracket => '[',
                    Delimiter::Parenthesis | Delimiter::None => '(',
                };
                tokens.push((Token::Open(open), line));
                flatten(group.stream(), tokens);
                tokens.push((Token::Close, group.span_close().start().line));
            }
        }
    }
}

/// Whether the tokens from `at` on spell these words; a one-character symbol is a word.
pub fn spells(tokens: &[Placed], at: usize, words: &[&str]) -> bool {
    words.iter().enumerate().all(|(offset, word)| {
        match tokens.get(at + offset).map(|(token, _)| token) {
            Some(Token::Ident(ident)) => ident == word,
            Some(Token::Punct(c) | Token::Open(c)) => word.chars().eq([*c]),
            _ => false,
        }
    })
}

/// The index after the group that opens at `at`.
fn after_group(tokens: &[Placed], at: usize) -> usize {
    let mut depth = 0usize;
    for (index, (token, _)) in tokens.iter().enumerate().skip(at) {
        match token {
            Token::Open(_) => depth += 1,
            Token::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return index + 1;
        }
    }
    tokens.len()
}

/// The tokens without those that a `#[cfg(..)]` or `#[test]` switches: the attribute and the item,
/// statement or field after it. A file with an inner `#![cfg(..)]` has none.
pub fn unconditional(tokens: &[Placed]) -> Vec<Placed> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if spells(tokens, at, &["#", "!", "[", "cfg"]) {
            return Vec::new();
        }
        if spells(tokens, at, &["#", "[", "cfg", "("]) || spells(tokens, at, &["#", "[", "test"]) {
            at = after_item(tokens, after_group(tokens, at + 1));
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// The index after the item, statement or field that starts at `at`, further attributes included.
fn after_item(tokens: &[Placed], mut at: usize) -> usize {
    let mut angles = 0i32;
    while at < tokens.len() {
        match &tokens[at].0 {
            Token::Open('{') => return after_group(tokens, at),
            Token::Open(_) => {
                at = after_group(tokens, at);
                continue;
            }
            // The end of what holds the item.
            Token::Close => return at,
            Token::Punct(';') => return at + 1,
            Token::Punct(',') if angles <= 0 => return at + 1,
            Token::Punct('<') => angles += 1,
            // Not the arrow of a return type.
            Token::Punct('>') if !spells(tokens, at - 1, &["-"]) => angles -= 1,
            _ => {}
        }
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idents(text: &str) -> Vec<String> {
        let kept = unconditional(&of(text).unwrap());
        kept.into_iter()
            .filter_map(|(token, _)| match token {
                Token::Ident(ident) => Some(ident),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn conditional_items_are_left_out() {
        assert_eq!(
            idents("#[cfg(test)] mod tests { use x; } struct A;"),
            ["struct", "A"]
        );
        assert_eq!(
            idents("#[cfg(loom)] #[inline] fn f<A, B>() -> u8 { x } use y;"),
            ["use", "y"]
        );
        assert_eq!(
            idents("struct S { #[cfg(x)] a: M<u8, u8>, b: u8 }"),
            ["struct", "S", "b", "u8"]
        );
        assert_eq!(idents("#[cfg(x)] use a::b; use c;"), ["use", "c"]);
        assert!(idents("#![cfg(loom)] use a;").is_empty());
    }

    #[test]
    fn comments_and_strings_hold_no_words() {
        assert_eq!(idents("// std::x\nlet s = \"std::y\";"), ["let", "s"]);
    }

    #[test]
    fn lines_are_counted_from_one() {
        let tokens = of("\nfn f() {\n}\n").unwrap();
        assert_eq!(tokens.first().unwrap().1, 2);
        assert_eq!(tokens.last().unwrap(), &(Token::Close, 3));
    }
}
