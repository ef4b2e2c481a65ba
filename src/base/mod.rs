//! The words every room shares: [`Error`], [`Position`], [`Dialect`], [`Schema`], [`Value`],
//! [`Reject`], [`Batch`], and what users choose by name ([`Method`], [`Function`], [`Window`],
//! [`Mode`], …). Nothing here knows files, threads or another room.

mod batch;
mod choice;
mod dialect;
mod error;
mod method;
mod names;
mod position;
mod reject;
mod schema;
mod value;
mod window;

pub use batch::Batch;
pub use choice::{Compression, Mode, Order, Progress};
pub use dialect::Dialect;
pub use error::{Error, ErrorKind, Result};
pub use method::{Method, Statistic};
pub use names::{nearest, unknown};
pub use position::Position;
pub use reject::{Reason, Reject};
pub use schema::{Column, DataType, Origin, Schema, TimeUnit};
pub use value::Value;
pub use window::{Function, Window};
