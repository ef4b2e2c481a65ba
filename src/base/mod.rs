//! The words every room shares: [`Error`], [`Position`], [`Dialect`], [`Schema`], [`Value`],
//! [`Reject`], [`Batch`], and what users choose by name ([`Method`], [`Function`], [`Window`],
//! [`Mode`], …), and [`masks`], the instruction sets of the machine that text is scanned with. Nothing
//! here knows files, threads or another room.

mod batch;
mod choice;
mod comparison;
mod dialect;
mod error;
mod flaws;
pub mod masks;
mod method;
mod names;
mod notation;
mod order;
mod position;
mod prefetch;
mod reject;
mod schema;
mod value;
mod window;

pub use batch::Batch;
pub use choice::{Compression, InvalidBytes, Mode, Progress, SchemaDrift, TooFew, TooMany};
pub use comparison::Comparison;
pub use dialect::{Dialect, Keep, Known, LineEnd, Prefix, Quoting};
pub use error::{Error, ErrorKind, Result};
pub use flaws::Flaws;
pub use method::{Method, Statistic};
pub use names::{nearest, unknown};
pub use notation::{Grouping, Notation, unit_before, unit_behind};
pub use order::Order;
pub use position::Position;
pub(crate) use prefetch::prefetch;
pub use reject::{Reason, Reject, Repair, RepairKind, Repaired};
pub use schema::{Column, DataType, Origin, Schema, TimeUnit};
pub use value::Value;
pub use window::{Function, Window};
