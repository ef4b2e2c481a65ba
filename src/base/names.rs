//! A mistyped name -> the known name it most likely stands for.

/// The name in `known` that `name` most likely stands for, by Jaro-Winkler similarity of the
/// lower-cased names; `None` when nothing is near. Of equally near names the first one wins.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    /// Below this, suggestions surprise more often than they help.
    const SIMILARITY_MIN: f64 = 0.8;
    let name = name.to_lowercase();
    let mut best = None;
    let mut best_similarity = SIMILARITY_MIN;
    for candidate in known {
        let similarity = strsim::jaro_winkler(&name, &candidate.to_lowercase());
        if similarity > best_similarity {
            best = Some(candidate);
            best_similarity = similarity;
        }
    }
    best
}

/// Says that `name` is no `kind`, and either the nearest of `known` or all of them.
pub fn unknown<'a>(kind: &str, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    /// More names than this would bury the message.
    const LISTED_MAX: usize = 20;
    if let Some(near) = nearest(name, known.clone()) {
        return format!("unknown {kind} `{name}`; did you mean `{near}`?");
    }
    let listed: Vec<&str> = known.clone().take(LISTED_MAX).collect();
    let more = if known.count() > LISTED_MAX {
        ", …"
    } else {
        ""
    };
    format!(
        "unknown {kind} `{name}`; choose from: {}{more}",
        listed.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_forgives_typos_case_and_endings_only() {
        let known = ["amount", "customer_id", "region", "id"];
        let near = |name| nearest(name, known.into_iter());
        assert_eq!(near("amonut"), Some("amount"));
        assert_eq!(near("Amount"), Some("amount"));
        assert_eq!(near("customer"), Some("customer_id"));
        assert_eq!(near("Region "), Some("region"));
        assert_eq!(near("price"), None);
        assert_eq!(near(""), None);
    }

    #[test]
    fn unknown_suggests_or_lists() {
        let known = ["mean", "median"];
        assert_eq!(
            unknown("method", "meen", known.into_iter()),
            "unknown method `meen`; did you mean `mean`?"
        );
        assert_eq!(
            unknown("method", "x", known.into_iter()),
            "unknown method `x`; choose from: mean, median"
        );
        let many: Vec<String> = (0..30).map(|i| format!("column_{i}")).collect();
        let text = unknown("column", "x", many.iter().map(String::as_str));
        assert!(text.ends_with("column_19, …"), "{text}");
    }
}
