//! Steps that look at one row at a time: which rows stay, and new columns made of those there are.
//!
//! [`Filter`] keeps the rows whose condition is TRUE; [`Derive`] makes a column of an expression;
//! [`Cut`] sorts numbers into labelled bins. A new column has a slot of its own, also where it
//! takes the name of another one, so that no cell that was read is ever changed here.

mod cut;
mod derive;
mod filter;

pub(in crate::steps) use cut::Labels;
pub use cut::{Bins, Cut};
pub use derive::Derive;
pub use filter::Filter;
