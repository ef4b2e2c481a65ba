//! `sort` of a step -> what rows are sorted by.
//! Keeps: a column whose name begins with a minus can be named in a table.

use super::node::Node;
use crate::base::Result;
use crate::config::sort::SortSpec;
use crate::config::step::StepSpec;

const KEYS: [&str; 3] = ["by", "descending", "nulls"];

/// `["region", "-timestamp"]`, or `{ by = […], descending = […], nulls = "first" }`.
pub(super) fn read(entry: &Node<'_>, steps: &mut Vec<StepSpec>) -> Result<()> {
    let spec = if entry.is_table() {
        let (mut by, mut descending, mut nulls_first) = (None, Vec::new(), false);
        for field in entry.entries()? {
            match field.key() {
                "by" => by = Some(field.strings()?),
                "descending" => descending = field.strings()?,
                "nulls" => {
                    nulls_first = field.parsed(|text| match text {
                        "first" => Ok(true),
                        "last" => Ok(false),
                        other => {
                            let words = ["first", "last"].into_iter();
                            Err(crate::base::unknown("value", other, words))
                        }
                    })?;
                }
                key => {
                    return Err(field.error(crate::base::unknown("key", key, KEYS.into_iter())));
                }
            }
        }
        let by = by.ok_or_else(|| entry.error("lacks its `by`, such as [\"region\"]"))?;
        SortSpec::by(by, &descending, nulls_first)
    } else {
        SortSpec::parse(&entry.strings()?)
    };
    let spec = spec.map_err(|message| entry.error(message))?;
    let place = entry.place();
    steps.push(StepSpec::Sort { spec, place });
    Ok(())
}
