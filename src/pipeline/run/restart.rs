//! Why an attempt was called off -> how the next one gets further.

use super::Run;
use crate::base::Result;
use crate::config;
use crate::decode::Widen;
use crate::pipeline::cancel::CalledOff;
use crate::pipeline::infer::Table;
use crate::pipeline::plan;
use crate::pipeline::travel::Place;

impl Run<'_> {
    /// Changes `table`, and how sources are read, so that the next attempt gets further; returns
    /// what happened, in words.
    pub(super) fn learn_from(
        &mut self,
        called_off: CalledOff,
        table: &mut Table,
    ) -> Result<String> {
        match called_off {
            CalledOff::Failed(error) => Err(error),
            CalledOff::Widen(widen, place) => Ok(widen_column(table, &widen, &place)),
            CalledOff::Behind(chunk_offset, place) => {
                self.formats.keep_last_fields(&self.sources, self.config)?;
                config::check_columns(self.config, &self.formats.columns.header)?;
                self.nulls = plan::null_tokens(self.config, &self.formats.columns.names);
                *table = self.infer()?;
                let place = place.position_at(chunk_offset);
                Ok(format!(
                    "the last column is kept for the value at {place}; starting over"
                ))
            }
        }
    }
}

/// Makes the column wider; returns what happened, in words.
fn widen_column(table: &mut Table, widen: &Widen, place: &Place) -> String {
    let column = &mut table.columns[widen.slot];
    let text = format!(
        "column `{}` widened from {} to {} by `{}` at {}",
        column.name.escape_debug(),
        column.data_type,
        widen.to,
        String::from_utf8_lossy(&widen.raw).escape_debug(),
        place.position_at(widen.chunk_offset)
    );
    column.data_type = widen.to.clone();
    table.why[widen.slot] = text.clone();
    format!("{text}; starting over")
}
