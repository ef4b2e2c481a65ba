//! The words every room shares: [`Error`], [`Position`], [`Dialect`], [`Schema`], [`Value`],
//! [`Reject`], [`Batch`], and what users choose by name ([`Method`], [`Function`], [`Window`],
//! [`Mode`], …), and [`masks`], the instruction sets of the machine that text is scanned with. Nothing
//! here knows files, threads or another room.

mod batch;
mod bucket;
mod choice;
mod comparison;
mod dialect;
mod error;
mod flaws;
mod join;
pub mod masks;
mod measure;
mod method;
mod names;
mod notation;
mod order;
mod position;
mod prefetch;
mod probe;
mod reject;
mod scaling;
mod schema;
mod series;
mod table;
mod value;
mod window;

pub use batch::Batch;
pub use bucket::Bucket;
pub use choice::{
    Compression, InvalidBytes, KeepRow, Mode, Progress, SchemaDrift, TooFew, TooMany,
};
pub use comparison::Comparison;
pub use dialect::{Dialect, Keep, Known, LineEnd, Prefix, Quoting};
pub use error::{Error, ErrorKind, Result};
pub use flaws::Flaws;
pub use join::{Direction, Duplicates, JoinHow};
pub use measure::{Measure, Measured};
pub use method::{Method, Statistic};
pub use names::{nearest, unknown};
pub use notation::{Grouping, Notation, unit_before, unit_behind};
pub use order::Order;
pub use position::Position;
pub(crate) use prefetch::prefetch;
pub(crate) use probe::{Probe, ProbeEntry, ProbeRoom};
pub use reject::{Reason, Reject, Repair, RepairKind, Repaired};
pub use scaling::{Beyond, NullCategory, Outliers, Scaling};
pub use schema::{Column, DataType, Origin, Schema, TimeUnit};
pub use series::{Decay, Ewm, Expanding, Rank, Running, Series, Ties, Weighted};
pub use table::TableFormat;
pub use value::Value;
pub use window::{Function, Window};
