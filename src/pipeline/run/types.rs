//! What the columns of a run's sources hold.

use super::super::infer::{self, Looking};
use super::super::open::pool;
use super::{Run, Table, check_sources};
use crate::base::Result;

impl Run<'_> {
    /// The columns and their types, as far as they are not declared.
    pub(super) fn infer(&self) -> Result<Table> {
        let (names, declared) = infer::declared(self.config, &self.formats.columns.names);
        let pool = pool(self.config.threads)?;
        let Self {
            sources,
            formats,
            nulls,
            ..
        } = self;
        let looking = Looking {
            from: self.config.infer,
            limit_bytes: self.limit_bytes,
            repair: self.config.repair,
            interrupted: &self.interrupted,
        };
        let table =
            pool.install(|| infer::infer(sources, formats, &names, &declared, nulls, looking));
        check_sources(sources)?;
        let mut table = table?;
        table.settle_types(self.exact);
        if self.config.strict {
            table.refuse_ambiguous()?;
        }
        if let Some(name) = &self.config.source_column {
            table.add_origin(name);
        }
        Ok(table)
    }
}
