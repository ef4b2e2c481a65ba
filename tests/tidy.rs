//! The house's rules as a test: what a room may import, how a file opens, how long files and
//! functions may be, and which words stay in which room.
//! Keeps: a broken rule is named with its file and line, and with what to do about it.

mod source;

use std::path::Path;

use source::Source;

/// What each room may import from the rest of the crate: whole rooms, or single items of one.
/// `pipeline` may import everything, and only it may import the rooms inside `steps`.
const IMPORTS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("spill", &["base"]),
    ("config", &["base"]),
    ("input", &["base", "spill"]),
    (
        "csv",
        &[
            "base",
            "input::RecordSplit",
            "input::Split",
            "input::SplitLimits",
            "input::Stop",
        ],
    ),
    (
        "decode",
        &[
            "base",
            "csv::BadRecord",
            "csv::Bounds",
            "csv::Fields",
            "csv::RepairedRecord",
            "csv::Unquoted",
            "csv::unquote",
        ],
    ),
    ("steps", &["base", "spill", "steps::key::SortedKeys"]),
    (
        "steps::aggregate",
        &[
            "base",
            "spill",
            "steps",
            "steps::fit",
            "steps::key::SortedKeys",
        ],
    ),
    ("steps::check", &["base", "steps", "steps::expr"]),
    ("steps::dedup", &["base", "spill", "steps", "steps::key"]),
    ("steps::expr", &["base", "steps"]),
    ("steps::fit", &["base", "steps"]),
    (
        "steps::fitted",
        &[
            "base",
            "steps",
            "steps::fit",
            "steps::impute::parse_value",
            "steps::row::Bins",
            "steps::row::Labels",
        ],
    ),
    ("steps::impute", &["base", "steps", "steps::fit"]),
    ("steps::join", &["base", "steps", "steps::key"]),
    ("steps::key", &["base", "steps"]),
    ("steps::landing", &["base", "steps", "steps::fit"]),
    ("steps::rolling", &["base", "steps"]),
    ("steps::row", &["base", "steps", "steps::expr"]),
    (
        "steps::series",
        &[
            "base",
            "spill",
            "steps",
            "steps::fit",
            "steps::impute::CellTable",
            "steps::impute::FixedTable",
            "steps::impute::TextTable",
            "steps::key",
            "steps::rolling",
            "steps::sort::PackedRows",
            "steps::sort::RowLayout",
        ],
    ),
    ("steps::sort", &["base", "steps"]),
    ("output", &["base"]),
    ("report", &["base"]),
];

/// Files that may hold `unsafe`; a path that ends in `/` stands for all files below it.
const UNSAFE: &[&str] = &[
    "src/allocator.rs",
    "src/base/masks/",
    "src/decode/strings.rs",
    "src/decode/text.rs",
    "src/input/fault.rs",
    "src/input/map.rs",
    "src/output/exchange.rs",
    "src/output/part_file.rs",
    "src/base/prefetch.rs",
    "src/report/memory.rs",
];

/// Words that stay in a few places of `src/`: the words, where they may stand, what to do instead.
const WORDS: &[(&[&str], &[&str], &str)] = &[
    (
        &["unsafe", "unsafe_code"],
        UNSAFE,
        "write it without `unsafe`, or move it to a file that is listed for it",
    ),
    (
        &["parquet"],
        &["src/output/", "src/input/columnar/"],
        "only src/output writes Parquet and only src/input/columnar reads it; ask them for what you \
         need",
    ),
    (
        &[
            "crossbeam_channel",
            "rayon",
            "mpsc",
            "std::thread",
            "thread::scope",
            "thread::spawn",
        ],
        &["src/pipeline/"],
        "threads and channels live in src/pipeline; hand it a plain function to call",
    ),
    (
        &[
            "println!",
            "eprintln!",
            "print!",
            "eprint!",
            "stdout",
            "stderr",
        ],
        &["src/main.rs", "src/report/"],
        "return the text; only main.rs and src/report print",
    ),
    (
        &["File", "OpenOptions", "fs", "std::fs"],
        &[
            "src/config/file.rs",
            "src/input/",
            "src/output/",
            "src/report/",
            "src/spill/",
        ],
        "only src/input, src/output, src/report and src/spill touch files, and src/config/file.rs the one \
         that --config names",
    ),
];

const BANNED_NAMES: &[&str] = &[
    "common", "helper", "helpers", "manager", "misc", "util", "utils",
];
const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

#[test]
fn the_house_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = source::files(root);
    assert!(files.len() > 20, "the walk over the tree found too little");
    let faults: Vec<String> = files.iter().flat_map(faults).collect();
    assert!(
        faults.is_empty(),
        "{} broken house rules:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

/// Everything that is wrong with one file, as `path:line: what to do`.
fn faults(file: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    let mut report = |line: usize, message: String| {
        faults.push(format!("{}:{line}: {message}", file.path));
    };
    if !file.text.starts_with("//!") {
        report(
            1,
            "open the file with `//!`: what comes in, what goes out, what it keeps".to_owned(),
        );
    }
    for part in file.path.trim_end_matches(".rs").split('/') {
        if BANNED_NAMES.contains(&part) {
            report(
                1,
                format!("`{part}` says nothing; name the module after what it does"),
            );
        }
    }
    if file.code_lines() > FILE_LINES_MAX {
        report(
            FILE_LINES_MAX,
            format!("over {FILE_LINES_MAX} lines before its tests; split it"),
        );
    }
    for (line, name, lines) in file.functions() {
        if lines > FUNCTION_LINES_MAX {
            report(
                line,
                format!("`{name}` has {lines} lines, over {FUNCTION_LINES_MAX}; split it"),
            );
        }
    }
    if file.path.starts_with("src/") {
        misplaced_words(file, &mut report);
        forbidden_imports(file, &mut report);
    }
    faults
}

fn misplaced_words(file: &Source, report: &mut impl FnMut(usize, String)) {
    for (words, places, advice) in WORDS {
        if places.iter().any(|place| is_at(&file.path, place)) {
            continue;
        }
        for word in *words {
            for line in file.lines_with(word) {
                report(line, format!("`{word}` does not belong here: {advice}"));
            }
        }
    }
}

/// Whether `path` is `place`, or below it where `place` ends in `/`.
fn is_at(path: &str, place: &str) -> bool {
    path == place || (place.ends_with('/') && path.starts_with(place))
}

fn forbidden_imports(file: &Source, report: &mut impl FnMut(usize, String)) {
    let module = file.module();
    let nested = module.starts_with("steps::");
    let room: String = match module.split("::").take(1 + usize::from(nested)) {
        parts if nested => parts.collect::<Vec<_>>().join("::"),
        mut parts => parts.next().unwrap_or_default().to_owned(),
    };
    if ["", "main", "allocator", "pipeline"].contains(&room.as_str()) {
        return;
    }
    let Some((_, allowed)) = IMPORTS.iter().find(|(known, _)| *known == room) else {
        report(
            1,
            format!("a new room `{room}`: list what it may import in tests/tidy.rs"),
        );
        return;
    };
    for (line, path) in file.references() {
        let own = is_within(&path, &room) && (nested || !is_inner_room(&path));
        let is_open = |entry: &&str| {
            is_within(&path, entry) && (is_inner_room(entry) || !is_inner_room(&path))
        };
        let open = allowed.iter().any(is_open);
        if !own && !open {
            let allowed = allowed.join(", ");
            report(
                line,
                format!(
                    "`{room}` may not name `crate::{path}`, only: {allowed}; let src/pipeline \
                     connect the two"
                ),
            );
        }
    }
}

/// Whether `path` is `outer` or something inside it.
fn is_within(path: &str, outer: &str) -> bool {
    path == outer
        || path
            .strip_prefix(outer)
            .is_some_and(|rest| rest.starts_with("::"))
}

/// Whether `path` leads into one of the rooms inside `steps`.
fn is_inner_room(path: &str) -> bool {
    let mut rooms = IMPORTS.iter().map(|(room, _)| *room);
    rooms.any(|room| room.starts_with("steps::") && is_within(path, room))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The faults of a file at `path` that opens well and then reads `text`.
    fn faults_of(path: &str, text: &str) -> String {
        let file = Source::new(path.to_owned(), format!("//! Opens well.\n{text}"));
        faults(&file).join("\n")
    }

    #[test]
    fn openings_names_and_sizes() {
        let bare = Source::new("src/base/a.rs".to_owned(), "fn a() {}".to_owned());
        assert!(faults(&bare)[0].contains("open the file with `//!`"));
        assert!(faults_of("src/base/util.rs", "").contains("says nothing"));
        assert!(faults_of("benches/common/a.rs", "").contains("says nothing"));
        assert!(faults_of("src/base/a.rs", &"\n".repeat(500)).contains("over 500 lines"));
        let tests = format!("#[cfg(test)]\nmod tests {{{}}}", "\n".repeat(600));
        assert_eq!(faults_of("src/base/a.rs", &tests), "");
        let long = |lines| format!("fn long(a: [u8; 2]) {{{}}}", "\n".repeat(lines));
        assert_eq!(faults_of("src/base/a.rs", &long(69)), "");
        assert!(faults_of("src/base/a.rs", &long(70)).contains("`long` has 71 lines"));
    }

    #[test]
    fn words_stay_where_they_belong() {
        for (path, text, expected) in [
            ("src/csv/a.rs", "unsafe {}", "`unsafe` does not belong"),
            ("src/base/masks/a.rs", "unsafe {}", ""),
            ("src/csv/a.rs", "// unsafe\nlet unsafely = \"unsafe\";", ""),
            ("src/csv/a.rs", "use parquet::file;", "`parquet`"),
            ("src/output/a.rs", "use parquet::file;", ""),
            ("src/input/columnar/a.rs", "use parquet::file;", ""),
            ("src/input/a.rs", "use parquet::file;", "`parquet`"),
            ("src/csv/a.rs", "use rayon::join;", "`rayon`"),
            ("src/csv/a.rs", "std::thread::available_parallelism()", ""),
            ("src/csv/a.rs", "std::thread::sleep(x)", "`std::thread`"),
            ("src/pipeline/a.rs", "std::thread::spawn(x)", ""),
            ("src/csv/a.rs", "println!(\"{x}\");", "`println!`"),
            ("src/csv/a.rs", "writeln!(out, \"println!\");", ""),
            ("src/csv/a.rs", "let f = File::open(x);", "`File`"),
            ("src/csv/a.rs", "let f = SerializedFileWriter::new();", ""),
            ("tests/a.rs", "let f = File::open(x);", ""),
        ] {
            let faults = faults_of(path, text);
            assert_eq!(faults.is_empty(), expected.is_empty(), "{text}: {faults}");
            assert!(faults.contains(expected), "{text}: {faults}");
        }
    }

    #[test]
    fn imports_never_point_back() {
        for (path, text, allowed) in [
            ("src/csv/a.rs", "use crate::base::Error;", true),
            ("src/csv/a.rs", "use crate::csv::b::C;", true),
            ("src/csv/a.rs", "use crate::input::{Split, Stop};", true),
            ("src/csv/a.rs", "use crate::input::Chunk;", false),
            ("src/csv/a.rs", "use crate::{base::Error, output};", false),
            ("src/csv/a/b.rs", "use super::super::super::report;", false),
            ("src/csv/a/b.rs", "use super::super::report;", true),
            ("src/csv/mod.rs", "mod tests { use super::*; }", true),
            ("src/csv/a.rs", "//! [`crate::output`]", true),
            (
                "src/decode/a.rs",
                "fn f(x: &crate::csv::Fields<'_>) {}",
                true,
            ),
            ("src/decode/a.rs", "use crate::csv::Splitter;", false),
            ("src/base/a.rs", "use crate::csv::Fields;", false),
            ("src/steps/mod.rs", "use crate::steps::key::KeySpec;", false),
            (
                "src/steps/impute/a.rs",
                "use crate::steps::{Fit, Step};",
                true,
            ),
            (
                "src/steps/impute/a.rs",
                "use crate::steps::impute::b;",
                true,
            ),
            (
                "src/steps/impute/a.rs",
                "use crate::steps::key::KeySpec;",
                false,
            ),
            ("src/pipeline/a.rs", "use crate::steps::key::KeySpec;", true),
            ("src/attic/a.rs", "", false),
        ] {
            let faults = faults_of(path, text);
            assert_eq!(faults.is_empty(), allowed, "{path}: {text}: {faults}");
        }
    }
}
