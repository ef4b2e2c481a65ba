//! What rows are held against before they are written: nothing is changed here, it is only told which
//! rows fail.
//!
//! [`Condition`] fails where a condition is FALSE (and where it is NULL, if that is asked for);
//! [`Newest`] finds the newest time of a column; [`Repeated`] flags rows whose key an earlier row has
//! had, which [`Flagged`] fails. What becomes of rows that fail is decided by whoever asks.

mod condition;
mod newest;
mod repeated;
#[cfg(test)]
mod tests;

pub use condition::Condition;
pub use newest::Newest;
pub use repeated::{Flagged, Repeated};
