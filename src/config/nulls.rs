//! `--null-values` text -> which spellings mean that a cell is missing.
//! Keeps: later lists replace earlier ones for the same columns; they never add up by accident.

use super::names;

/// One list of null tokens as given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NullList {
    /// The column it is for; `None` for every column that is not text.
    pub(super) column: Option<String>,
    /// The tokens.
    pub(super) tokens: Vec<String>,
}

/// Which spellings mean that a cell is missing. An empty unquoted field always does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NullValues {
    /// Tokens of every column that is not text; `None` for the default list.
    pub default: Option<Vec<String>>,
    /// Tokens of single columns, text or not, in place of any others.
    pub columns: Vec<(String, Vec<String>)>,
}

/// `LIST` or `COL=LIST`. A token that holds `=` can be given in the file only.
pub(super) fn parse_null_list(text: &str) -> Result<NullList, String> {
    let (column, list) = match text.rsplit_once('=') {
        Some(("", _)) => return Err("name a column before the `=`".to_owned()),
        Some((column, list)) => (Some(column.to_owned()), list),
        None => (None, text),
    };
    let tokens = names::parse_list(list)?;
    Ok(NullList { column, tokens })
}

impl NullValues {
    /// Takes the lists in order.
    pub(super) fn from_lists(lists: Vec<NullList>) -> Self {
        let mut values = Self::default();
        for NullList { column, tokens } in lists {
            let Some(column) = column else {
                values.default = Some(tokens);
                continue;
            };
            values.columns.retain(|(known, _)| *known != column);
            values.columns.push((column, tokens));
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_for_all_and_for_single_columns() {
        let texts = ["NA,N/A", "region=NA,-", "a=b=\"x,y\",", "-", "region=none"];
        let lists = texts.map(|text| parse_null_list(text).unwrap()).to_vec();
        let values = NullValues::from_lists(lists);
        assert_eq!(values.default, Some(vec!["-".to_owned()]));
        let columns: Vec<_> = values
            .columns
            .iter()
            .map(|(column, tokens)| (column.as_str(), tokens.join("|")))
            .collect();
        assert_eq!(
            columns,
            [("a=b", "x,y|".to_owned()), ("region", "none".to_owned())]
        );
        assert!(parse_null_list("=NA").is_err());
        assert!(parse_null_list("").unwrap().tokens.is_empty());
    }
}
