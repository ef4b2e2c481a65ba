//! The bytes of a text -> the encoding it is in, and how one can tell.
//!
//! In this order: a byte order mark; the NUL bytes that every second byte of UTF-16 is in tables;
//! UTF-8, if that is what samples over the whole text are, or are but for a few bytes; and last a
//! guess by the frequencies of letters, which must make sense as words.
//! Invariant: text in UTF-8 is never taken for another encoding on account of a damaged byte.

use std::ops::Range;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE};

use super::sample::sample_ranges;

/// The longest text that is looked at as a whole; to look at 64 MiB took 5 % of a whole run.
const WHOLE_BYTES_MAX: usize = 16 << 20;
/// Samples of a longer one, which come to the same.
const SAMPLES: usize = 64;
/// Length of one sample.
const SAMPLE_BYTES: usize = 256 << 10;
/// What is validated at a time, before its memory is let go of.
const STEP_BYTES: usize = 1 << 20;
/// First bytes in which the pattern of UTF-16 is looked for.
const PATTERN_BYTES: usize = 4096;
/// Lines with letters beyond ASCII that are kept of one sample for a guess, in bytes.
const LINES_BYTES_MAX: usize = 1 << 10;
/// So many valid sequences for each damaged one make a text UTF-8.
const VALID_PER_INVALID: u64 = 2;

/// The encoding of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) encoding: &'static Encoding,
    /// How one can tell, in words.
    pub(super) why: String,
}

impl Verdict {
    pub(super) fn new(encoding: &'static Encoding, why: impl Into<String>) -> Self {
        let why = why.into();
        Self { encoding, why }
    }
}

/// The encoding that the user has named, save that a byte order mark decides which UTF-16 it is.
pub(super) fn named(encoding: &'static Encoding, head: &[u8]) -> Verdict {
    const SIXTEEN: [&Encoding; 2] = [UTF_16LE, UTF_16BE];
    match Encoding::for_bom(head) {
        Some((marked, _)) if SIXTEEN.contains(&marked) && SIXTEEN.contains(&encoding) => {
            Verdict::new(marked, "--encoding, and the byte order mark")
        }
        _ => Verdict::new(encoding, "--encoding"),
    }
}

/// The encoding of a text that starts with `head`, if its first bytes are proof enough.
pub(super) fn marked(head: &[u8]) -> Option<Verdict> {
    if let Some((encoding, _)) = Encoding::for_bom(head) {
        return Some(Verdict::new(encoding, "byte order mark"));
    }
    let head = &head[..head.len().min(PATTERN_BYTES)];
    if let Some(encoding) = utf_16(head) {
        let why = "no byte order mark, but NUL in every second byte";
        return Some(Verdict::new(encoding, why));
    }
    let is_escaped = head.is_ascii() && memchr::memmem::find(head, b"\x1B$").is_some();
    if is_escaped && guess(head) == ISO_2022_JP {
        return Some(Verdict::new(ISO_2022_JP, "escape sequences"));
    }
    None
}

/// UTF-16 of either byte order, if the NUL bytes in `head` stand as they do in it.
fn utf_16(head: &[u8]) -> Option<&'static Encoding> {
    let head = &head[..head.len() / 2 * 2];
    let nuls = |at: usize| {
        let bytes = head.iter().skip(at).step_by(2);
        bytes.filter(|&&byte| byte == 0).count()
    };
    let (even, odd) = (nuls(0), nuls(1));
    // Delimiters, digits and line ends are ASCII in every table; the other half has no NUL.
    let (many, few, encoding) = match even > odd {
        true => (even, odd, UTF_16BE),
        false => (odd, even, UTF_16LE),
    };
    let units = head.len() / 2;
    (many >= 2 && few == 0 && many * 8 >= units).then_some(encoding)
}

/// The encoding of the text that `bytes` are a part of, or all of where `is_whole`. `release` lets
/// go of the memory that reading a range took.
pub(super) fn judge(bytes: &[u8], is_whole: bool, release: &dyn Fn(Range<usize>)) -> Verdict {
    let samples = samples(bytes.len());
    let whole_text = is_whole && samples.len() == 1;
    let valid = samples.iter().all(|sample| {
        let ends = is_whole && sample.end == bytes.len();
        is_utf_8(bytes, sample.clone(), ends, release)
    });
    let extent = match whole_text {
        true => "throughout".to_owned(),
        false => format!("in samples over all of it ({})", samples.len()),
    };
    if valid {
        return Verdict::new(UTF_8, format!("valid UTF-8 {extent}"));
    }
    let mut survey = Survey::default();
    for sample in pieces(samples) {
        survey.add(bytes, sample.clone());
        release(sample);
    }
    survey.verdict(&extent)
}

/// What of a text of `length` bytes is looked at.
fn samples(length: usize) -> Vec<Range<usize>> {
    let whole = 0..length;
    match length <= WHOLE_BYTES_MAX {
        true => vec![whole],
        false => sample_ranges(whole, SAMPLES, SAMPLE_BYTES),
    }
}

/// The same in pieces, so that a guess hears of every part of a long text.
fn pieces(samples: Vec<Range<usize>>) -> Vec<Range<usize>> {
    match samples.as_slice() {
        [whole] if whole.len() > SAMPLES * LINES_BYTES_MAX => {
            let edge = |index| whole.start + whole.len() / SAMPLES * index;
            let ends = (1..SAMPLES).map(edge).chain([whole.end]);
            let starts = (0..SAMPLES).map(edge);
            starts.zip(ends).map(|(start, end)| start..end).collect()
        }
        _ => samples,
    }
}

/// Whether `range` of `bytes` is UTF-8, but for sequences cut at its edges; `is_end` where the
/// text ends there, so that nothing is cut.
pub(super) fn is_utf_8(
    bytes: &[u8],
    range: Range<usize>,
    is_end: bool,
    release: &dyn Fn(Range<usize>),
) -> bool {
    let mut at = range.start + cut_bytes(bytes, &range);
    while at < range.end {
        let end = range.end.min(at + STEP_BYTES);
        let step = simdutf8::compat::from_utf8(&bytes[at..end]);
        release(at..end);
        match step {
            Ok(_) => at = end,
            Err(error) if error.error_len().is_some() => return false,
            Err(_) if end == range.end => return !is_end,
            Err(error) => at += error.valid_up_to(),
        }
    }
    true
}

/// How many bytes at the start of `range` end a sequence that starts before it.
fn cut_bytes(bytes: &[u8], range: &Range<usize>) -> usize {
    let first = bytes[range.clone()].iter().take(3);
    let continued = first.take_while(|&&byte| byte & 0xC0 == 0x80).count();
    if range.start == 0 { 0 } else { continued }
}

/// What the samples of a text that is not all UTF-8 hold.
#[derive(Default)]
struct Survey {
    /// Sequences of several bytes that are valid UTF-8.
    valid: u64,
    /// Sequences that are not.
    invalid: u64,
    /// Lines that are not ASCII.
    lines: Vec<u8>,
}

impl Survey {
    fn add(&mut self, bytes: &[u8], range: Range<usize>) {
        let mut rest = &bytes[range.start + cut_bytes(bytes, &range)..range.end];
        self.add_lines(rest, range.start == 0, range.end == bytes.len());
        loop {
            let (valid, skip) = match simdutf8::compat::from_utf8(rest) {
                Ok(_) => (rest.len(), 0),
                Err(error) => (error.valid_up_to(), error.error_len().unwrap_or(0)),
            };
            let starts = rest[..valid].iter().filter(|&&byte| byte >= 0xC0);
            self.valid += starts.count() as u64;
            if skip == 0 {
                return;
            }
            self.invalid += 1;
            rest = &rest[valid + skip..];
        }
    }

    /// Keeps the first lines of `sample` that are not ASCII. Where the sample does not start or end
    /// the text its outer lines may be half a line, and half a character, which would speak
    /// against the right encoding.
    fn add_lines(&mut self, sample: &[u8], is_start: bool, is_end: bool) {
        let end = self.lines.len() + LINES_BYTES_MAX;
        let is_all = sample.len() <= LINES_BYTES_MAX * SAMPLES && is_start;
        for line in sample
            .split_inclusive(|&byte| byte == b'\n')
            .skip(usize::from(!is_start))
        {
            if line.is_ascii() {
                continue;
            }
            let is_long = line.len() > LINES_BYTES_MAX;
            let mut line = &line[..line.len().min(LINES_BYTES_MAX)];
            if is_long || !(is_end || line.ends_with(b"\n")) {
                // Spaces, commas and the like are no part of a character in any encoding.
                let whole = line.iter().rposition(|&byte| byte < b'0');
                line = &line[..whole.map_or(0, |last| last + 1)];
            }
            self.lines.extend_from_slice(line);
            if self.lines.len() > end && !is_all {
                return;
            }
        }
    }

    fn verdict(&self, extent: &str) -> Verdict {
        let Self { valid, invalid, .. } = self;
        if *valid >= invalid * VALID_PER_INVALID {
            let why = format!(
                "UTF-8 but for {invalid} damaged sequences beside {valid} valid ones, {extent}"
            );
            return Verdict::new(UTF_8, why);
        }
        let encoding = guess(&self.lines);
        let (letters, others) = words(encoding, &self.lines);
        if letters < others * 3 {
            let why = format!(
                "{invalid} sequences are no UTF-8, {extent}, but make no words in another \
                 encoding either"
            );
            return Verdict::new(UTF_8, why);
        }
        let why = format!(
            "guessed by its letters: {invalid} sequences are no UTF-8, {extent}; --encoding NAME \
             if that is wrong"
        );
        Verdict::new(encoding, why)
    }
}

fn guess(text: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(text, true);
    detector.guess(None, Utf8Detection::Deny)
}

/// How many characters beyond ASCII look as they would in words and prices if `text` is in
/// `encoding`, and how many do not.
fn words(encoding: &'static Encoding, text: &[u8]) -> (u64, u64) {
    const SIGNS: &str = "€£¥§°²³µ·«»‘’“”–—…™®©¼½¾ºª×±¿¡№₽\u{A0}";
    let (text, _) = encoding.decode_without_bom_handling(text);
    let chars: Vec<char> = text.chars().collect();
    let is_letter = |index: usize| {
        // The last two of Latin-1 are rare letters and the most usual garbage.
        let letter = |c: &&char| c.is_alphabetic() && !matches!(c, 'ÿ' | 'þ');
        chars.get(index).filter(letter).is_some()
    };
    let (mut letters, mut others) = (0, 0);
    for (index, c) in chars.iter().enumerate().filter(|(_, c)| !c.is_ascii()) {
        let looks_right = match c {
            '\u{FFFD}' | '\u{80}'..='\u{9F}' | '\u{E000}'..='\u{F8FF}' => false,
            _ if encoding.is_single_byte() => {
                let in_word = is_letter(index + 1) || (index > 0 && is_letter(index - 1));
                SIGNS.contains(*c) || (is_letter(index) && in_word)
            }
            _ => true,
        };
        match looks_right {
            true => letters += 1,
            false => others += 1,
        }
    }
    (letters, others)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(bytes: &[u8]) -> &'static str {
        let verdict = marked(bytes).unwrap_or_else(|| judge(bytes, true, &|_| ()));
        assert!(!verdict.why.is_empty());
        verdict.encoding.name()
    }

    fn encoded(text: &str, label: &str) -> Vec<u8> {
        let encoding = Encoding::for_label(label.as_bytes()).expect("a known label");
        let (bytes, _, is_lossy) = encoding.encode(text);
        assert!(!is_lossy, "{label}");
        bytes.into_owned()
    }

    #[test]
    fn letters_tell_their_encoding() {
        for (text, label) in [
            (
                "name;ort\nMüller;Köln\nJürgen Weiß;Lübeck\n",
                "windows-1252",
            ),
            ("nom,ville\nHélène,Besançon\nRené,Orléans\n", "windows-1252"),
            (
                "имя,город\nИван,Москва\nОльга,Саратов\nПётр,Тверь\n",
                "windows-1251",
            ),
            (
                "имя,город\nИван,Москва\nОльга,Саратов\nПётр,Тверь\n",
                "koi8-r",
            ),
            (
                "jméno,město\nJiří,Děčín\nŽofie,Kroměříž\nŠtěpán,Plzeň\n",
                "windows-1250",
            ),
            (
                "名前,都市\n山田太郎,東京\nすずき,おおさか\nカタカナ,名古屋\n",
                "shift_jis",
            ),
            (
                "名前,都市\n山田太郎,東京\nすずき,おおさか\nカタカナ,名古屋\n",
                "euc-jp",
            ),
            ("名前,都市\n山田太郎,東京\nすずき,おおさか\n", "iso-2022-jp"),
            (
                "姓名,城市\n张伟,北京\n王芳,上海浦东新区\n李娜,广州\n",
                "gbk",
            ),
            (
                "姓名,城市\n陳大文,臺北\n林美玲,高雄市\n王小明,臺中\n",
                "big5",
            ),
            (
                "이름,도시\n김철수,서울\n이영희,부산광역시\n박민수,대구\n",
                "euc-kr",
            ),
            (
                "όνομα,πόλη\nΓιώργος,Αθήνα\nΜαρία,Θεσσαλονίκη\n",
                "windows-1253",
            ),
        ] {
            let bytes = encoded(text, label);
            assert_eq!(judged(text.as_bytes()), "UTF-8", "{text}");
            // Some encodings differ in no letter of the text.
            for bytes in [bytes, encoded(&text.repeat(2_000), label)] {
                let name = judged(&bytes);
                let found = Encoding::for_label(name.as_bytes()).expect("a known name");
                let (back, _) = found.decode_without_bom_handling(&bytes);
                assert!(back.starts_with(text), "{label} is {name}: {text}");
            }
        }
    }

    #[test]
    fn utf_16_needs_no_mark() {
        let text = "id,名前\n1,日本\n2,größe\n";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(judged(&little), "UTF-16LE");
        assert_eq!(judged(&big), "UTF-16BE");
        assert_eq!(
            judged(&[b"\xFF\xFE".as_slice(), &little].concat()),
            "UTF-16LE"
        );
        assert_eq!(judged(&[b"\xFE\xFF".as_slice(), &big].concat()), "UTF-16BE");
        assert_eq!(judged(b"a\0b\0\n\0"), "UTF-16LE");
        for nuls in [
            b"a,\0\n".as_slice(),
            b"a,b\n\0\0,1\n",
            b"a,b\n1,\0\0\0\n",
            b"\0",
        ] {
            assert_eq!(judged(nuls), "UTF-8", "{nuls:?}");
        }
    }

    #[test]
    fn damaged_utf_8_stays_utf_8() {
        assert_eq!(judged(b""), "UTF-8");
        assert_eq!(judged(b"a,b\n1,\xFF\n"), "UTF-8");
        assert_eq!(judged(b"a,b\n1,\xFF\xFE\xFD\n2,\x80\x81\n"), "UTF-8");
        let mixed = [("Zoë Müller, Köln\n").as_bytes(), b"caf\xE9\n"].concat();
        assert_eq!(judged(&mixed), "UTF-8");
        assert_eq!(
            judged("cut short: €".as_bytes().split_last().expect("bytes").1),
            "UTF-8"
        );
        assert_eq!(judged(b"a,b\n1,caf\xE9\n2,ASCII\n"), "windows-1252");
    }

    #[test]
    fn a_late_letter_is_seen_and_a_cut_one_is_none() {
        let mut text = b"a,b\n".repeat(1_000_000);
        text.extend_from_slice(b"1,caf\xE9 noir\n");
        text.extend_from_slice(&b"a,b\n".repeat(1000));
        assert_eq!(judged(&text), "windows-1252");
        let long = "é".repeat(STEP_BYTES);
        for start in 0..2 {
            assert!(is_utf_8(
                long.as_bytes(),
                start..STEP_BYTES + 1,
                false,
                &|_| ()
            ));
        }
        assert!(!is_utf_8(long.as_bytes(), 0..STEP_BYTES + 1, true, &|_| ()));
    }
}
