//! A file's text -> what the house's rules ask about: its code without comments, strings and
//! tests, its functions, and what it names from the rest of the crate.
//! Keeps: every byte stands on the line it stood on, so that faults carry the right line number.

use std::fs;
use std::path::Path;

/// A source file.
pub(super) struct Source {
    /// Its path from the root of the repository, with `/` between the parts.
    pub(super) path: String,
    /// Its text.
    pub(super) text: String,
    /// Its text before its tests, comments and literals blanked out.
    code: String,
}

/// Every Rust file of the repository.
pub(super) fn files(root: &Path) -> Vec<Source> {
    let mut files = Vec::new();
    for top in ["src", "tests", "benches", "examples", "generator", "fuzz"] {
        walk(root, &root.join(top), &mut files);
    }
    files
}

fn walk(root: &Path, directory: &Path, files: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries {
        let path = entry.expect("the directory can be read").path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            walk(root, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source file is text");
            let path = path
                .strip_prefix(root)
                .expect("it was found below the root");
            let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
            files.push(Source::new(parts.join("/"), text));
        }
    }
}

impl Source {
    pub(super) fn new(path: String, text: String) -> Self {
        let code = blank_literals(&text);
        let is_test =
            path.starts_with("tests/") || path.ends_with("/tests.rs") || path.contains("/tests/");
        let openings = ["mod tests {", "pub(super) mod tests {"];
        let openings = openings.map(|opening| format!("#[cfg(test)]\n{opening}"));
        let tests_at = match openings.iter().find_map(|opening| code.find(opening)) {
            _ if is_test => 0,
            Some(at) => at,
            None => code.len(),
        };
        let code = code[..tests_at].to_owned();
        Self { path, text, code }
    }

    /// Lines before the tests.
    pub(super) fn code_lines(&self) -> usize {
        self.code.lines().count()
    }

    /// The module's path within the crate: `base::masks::avx2`; empty for `lib.rs`.
    pub(super) fn module(&self) -> String {
        let path = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        let path = path.trim_end_matches("mod").trim_end_matches('/');
        if path == "lib" {
            String::new()
        } else {
            path.replace('/', "::")
        }
    }

    /// Numbers of the lines on which `word` stands as a whole word.
    pub(super) fn lines_with(&self, word: &str) -> Vec<usize> {
        // Asking how many cores there are starts no thread.
        let code = self.code.replace("std::thread::available_parallelism", "");
        let lines = code.lines().enumerate();
        let found = lines.filter(|(_, line)| words(line, word).next().is_some());
        found.map(|(index, _)| index + 1).collect()
    }

    /// Each function's line number, name and length in lines.
    pub(super) fn functions(&self) -> Vec<(usize, String, usize)> {
        let functions = words(&self.code, "fn").filter_map(|at| {
            let name = identifier(self.code[at + 2..].trim_start());
            let end = body_end(&self.code[at..])?;
            let lines = self.code[at..at + end].matches('\n').count() + 1;
            (!name.is_empty()).then(|| (self.line(at), name.to_owned(), lines))
        });
        functions.collect()
    }

    /// What is named from the crate's root, by `crate::` or by climbing there with `super::`: line
    /// number and path without `crate::`.
    pub(super) fn references(&self) -> Vec<(usize, String)> {
        const SUPER: &str = "super::";
        let mut references = Vec::new();
        let mut add = |at: usize, path: &str| {
            for path in expand(path) {
                references.push((self.line(at), path));
            }
        };
        for at in words(&self.code, "crate::") {
            add(at, &self.code[at + "crate::".len()..]);
        }
        let depth = self.module().split("::").count();
        let climb = SUPER.repeat(depth);
        for at in words(&self.code, &climb) {
            let inside = self.code[..at].ends_with(SUPER);
            let path = &self.code[at + climb.len()..];
            // In a module written within the file the climb ends lower, and names no room.
            let top = identifier(path);
            if !inside && super::IMPORTS.iter().any(|(room, _)| *room == top) {
                add(at, path);
            }
        }
        references
    }

    fn line(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }
}

/// Offsets at which `word` stands in `text` with no identifier running on at either end.
fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let runs_on = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |&at| {
            let ends = word.ends_with(runs_on) && text[at + word.len()..].starts_with(runs_on);
            !ends && !text[..at].ends_with(runs_on)
        })
}

fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

/// The paths that `text` begins with: `a::{b, c::d}, …` begins with `a::b` and `a::c::d`.
fn expand(text: &str) -> Vec<String> {
    let name = identifier(text);
    let rest = &text[name.len()..];
    if let Some(inner) = rest.strip_prefix("::") {
        let join = |tail| format!("{name}::{tail}").trim_end_matches(':').to_owned();
        return expand(inner).into_iter().map(join).collect();
    }
    let Some(group) = text.strip_prefix('{') else {
        return vec![name.to_owned()];
    };
    let mut paths = Vec::new();
    let mut depth = 0;
    let mut item_follows = true;
    for (at, c) in group.char_indices() {
        match c {
            '}' if depth == 0 => break,
            '{' if !item_follows => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => item_follows = true,
            _ if item_follows && !c.is_whitespace() => {
                paths.extend(expand(&group[at..]));
                item_follows = false;
            }
            _ => {}
        }
    }
    paths
}

/// The offset just past the body of the function that `code` begins with; `None` without a body.
fn body_end(code: &str) -> Option<usize> {
    let (mut brackets, mut braces) = (0, 0);
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            ';' if brackets == 0 && braces == 0 => return None,
            '{' => braces += 1,
            '}' if braces == 1 => return Some(at + 1),
            '}' => braces -= 1,
            _ => {}
        }
    }
    None
}

/// `text` with the content of comments, strings and character literals replaced by spaces.
fn blank_literals(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = literal_length(rest, code.chars().next_back());
        if length == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let blank = |c| if c == '\n' { '\n' } else { ' ' };
        code.extend(rest[..length].chars().map(blank));
        rest = &rest[length..];
    }
    code
}

/// The length of the comment or literal that `text` begins with, else 0; `before` is the character
/// in front of it.
fn literal_length(text: &str, before: Option<char>) -> usize {
    let until = |end: Option<usize>| end.unwrap_or(text.len());
    if text.starts_with("//") {
        return until(text.find('\n'));
    }
    if text.starts_with("/*") {
        return until(text.find("*/").map(|at| at + 2));
    }
    let in_identifier = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let raw = text.trim_start_matches(['b', 'c']);
    if let Some(raw) = raw.strip_prefix('r').filter(|_| !in_identifier) {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if let Some(body) = raw[hashes..].strip_prefix('"') {
            let close = format!("\"{}", &raw[..hashes]);
            let end = body.find(&close).map(|at| at + close.len());
            return end.map_or(text.len(), |end| text.len() - body.len() + end);
        }
    }
    if let Some(body) = text.strip_prefix('"') {
        return until(closing(body, '"').map(|at| at + 2));
    }
    // 'a' and '\n' are characters, 'a is a lifetime.
    match text.strip_prefix('\'') {
        Some(body) if body.starts_with('\\') => until(closing(body, '\'').map(|at| at + 2)),
        Some(body) => {
            let width = body.chars().next().map_or(0, char::len_utf8);
            if body[width..].starts_with('\'') {
                width + 2
            } else {
                0
            }
        }
        None => 0,
    }
}

/// The offset of the first `quote` in `body` that no backslash escapes.
fn closing(body: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    body.char_indices().find_map(|(at, c)| {
        let closes = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        closes.then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_blanked_and_lines_kept() {
        for (text, code) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b\n */ c", "a     \n    c"),
            ("f(\"}\\\"{\") }", "f(      ) }"),
            ("r#\"{\"{\"# }", "          }"),
            ("br\"{\" }", "      }"),
            ("'{' 'a '\\'' x", "    'a      x"),
            ("for \"x\" y", "for     y"),
        ] {
            assert_eq!(
                blank_literals(text).trim_start(),
                code.trim_start(),
                "{text}"
            );
            assert_eq!(blank_literals(text).len(), text.len(), "{text}");
        }
    }

    #[test]
    fn groups_expand() {
        assert_eq!(
            expand("a::{b, c::{d, e::f}, g};"),
            ["a::b", "a::c::d", "a::c::e::f", "a::g"]
        );
        assert_eq!(expand("{a::b, c}"), ["a::b", "c"]);
        assert_eq!(expand("a::*;"), ["a"]);
        assert_eq!(expand("a::B<T>"), ["a::B"]);
    }

    #[test]
    fn functions_are_measured_whole() {
        let text = "trait T { fn a(&self); }\nfn b(\n  x: [u8; 2],\n) -> u8 {\n  { 1 }\n}\n";
        let source = Source::new("src/base/a.rs".to_owned(), text.to_owned());
        assert_eq!(source.functions(), [(2, "b".to_owned(), 5)]);
    }
}
