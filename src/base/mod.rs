//! The words every room shares: [`Error`], [`Position`], [`Dialect`], [`Schema`], [`Value`],
//! [`Reject`] and [`Batch`]. Nothing here knows files, threads or another room.

mod batch;
mod dialect;
mod error;
mod position;
mod reject;
mod schema;
mod value;

pub use batch::Batch;
pub use dialect::Dialect;
pub use error::{Error, ErrorKind, Result};
pub use position::Position;
pub use reject::{Reason, Reject};
pub use schema::{Column, DataType, Origin, Schema, TimeUnit};
pub use value::Value;
