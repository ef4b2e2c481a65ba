//! LIKE patterns: `%` stands for any text, `_` for any one character; there is no escape unless
//! one is given.

use memchr::memmem::Finder;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    tokens: Vec<Token>,
    /// What the pattern asks for where that is simple.
    simple: Option<Simple>,
    ignores_case: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    One(char),
    Any,
    Many,
}

/// Patterns that are a plain search.
#[derive(Debug, Clone)]
enum Simple {
    Equal(String),
    Start(String),
    End(String),
    Inside(Box<Finder<'static>>),
}

impl Pattern {
    /// Reads a pattern; a character behind `escape` stands for itself.
    pub(super) fn new(
        text: &str,
        escape: Option<char>,
        ignores_case: bool,
    ) -> Result<Self, String> {
        let text = fold(text, ignores_case);
        let mut tokens = Vec::new();
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            tokens.push(match c {
                c if Some(c) == escape => match rest.next() {
                    Some(c) => Token::One(c),
                    None => return Err("the pattern ends in its escape character".to_owned()),
                },
                '%' if tokens.last() == Some(&Token::Many) => continue,
                '%' => Token::Many,
                '_' => Token::Any,
                c => Token::One(c),
            });
        }
        Ok(Self {
            simple: simple(&tokens),
            tokens,
            ignores_case,
        })
    }

    /// Whether all of `text` is as the pattern says.
    pub(super) fn matches(&self, text: &str) -> bool {
        if self.ignores_case {
            return self.matches_folded(&fold(text, true));
        }
        self.matches_folded(text)
    }

    fn matches_folded(&self, text: &str) -> bool {
        match &self.simple {
            Some(Simple::Equal(wanted)) => text == wanted,
            Some(Simple::Start(wanted)) => text.starts_with(wanted.as_str()),
            Some(Simple::End(wanted)) => text.ends_with(wanted.as_str()),
            Some(Simple::Inside(wanted)) => wanted.find(text.as_bytes()).is_some(),
            None => self.matches_by_tokens(text),
        }
    }

    /// The general way: goes back to the last `%` where the text does not go on as it must.
    pub(super) fn matches_by_tokens(&self, text: &str) -> bool {
        let (mut at, mut rest) = (0, text);
        let mut retry: Option<(usize, &str)> = None;
        loop {
            let next = rest.chars().next();
            match (self.tokens.get(at), next) {
                (Some(Token::Many), _) => {
                    at += 1;
                    retry = Some((at, rest));
                    continue;
                }
                (None, None) => return true,
                (Some(Token::Any), Some(c)) => {
                    at += 1;
                    rest = &rest[c.len_utf8()..];
                    continue;
                }
                (Some(Token::One(wanted)), Some(c)) if *wanted == c => {
                    at += 1;
                    rest = &rest[c.len_utf8()..];
                    continue;
                }
                _ => {}
            }
            let Some((token, from)) = retry else {
                return false;
            };
            let Some(c) = from.chars().next() else {
                return false;
            };
            let from = &from[c.len_utf8()..];
            retry = Some((token, from));
            (at, rest) = (token, from);
        }
    }
}

fn fold(text: &str, ignores_case: bool) -> String {
    match ignores_case {
        true => text.to_lowercase(),
        false => text.to_owned(),
    }
}

fn simple(tokens: &[Token]) -> Option<Simple> {
    let starts = tokens.first() == Some(&Token::Many);
    let ends = tokens.len() > 1 && tokens.last() == Some(&Token::Many);
    let inner = &tokens[usize::from(starts)..tokens.len() - usize::from(ends)];
    let text = inner.iter().map(|token| match token {
        Token::One(c) => Some(*c),
        Token::Any | Token::Many => None,
    });
    let text: String = text.collect::<Option<_>>()?;
    Some(match (starts, ends) {
        (false, false) => Simple::Equal(text),
        (false, true) => Simple::Start(text),
        (true, false) => Simple::End(text),
        (true, true) => Simple::Inside(Box::new(Finder::new(&text).into_owned())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("%", "", true),
            ("%%", "abc", true),
            ("a%", "abc", true),
            ("%c", "abc", true),
            ("%b%", "abc", true),
            ("a_c", "abc", true),
            ("a_c", "aéc", true),
            ("_", "", false),
            ("a%b%c", "aXbXbXc", true),
            ("a%b%c", "aXbXbX", false),
            ("%aab", "aaaab", true),
            ("_%_", "a", false),
            ("_%_", "ab", true),
            ("100\\%", "100%", false),
        ] {
            let compiled = Pattern::new(pattern, None, false).unwrap();
            assert_eq!(compiled.matches(text), expected, "{pattern} {text}");
            assert_eq!(
                compiled.matches_by_tokens(text),
                expected,
                "{pattern} {text}"
            );
        }
        let escaped = Pattern::new("100!%", Some('!'), false).unwrap();
        assert!(escaped.matches("100%") && !escaped.matches("1000"));
        assert!(Pattern::new("a!", Some('!'), false).is_err());
        let folded = Pattern::new("ÄB%", None, true).unwrap();
        assert!(folded.matches("äbc") && !folded.matches("abc"));
    }
}
