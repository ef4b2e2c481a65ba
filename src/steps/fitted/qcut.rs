//! Numbers -> the labels of bins that hold equal shares of them, as `pandas.qcut` has it.
//!
//! A bin holds its upper edge, and the first one its lower edge too. Keeps: every number that is not
//! NaN has a bin, unless the quantiles leave out the lowest or the highest.

use std::sync::Arc;

use super::Site;
use crate::base::{Error, Result};
use crate::steps::fit::{Summary, SummaryFit};
use crate::steps::row::{Bins, Labels};
use crate::steps::{Fitted, Prepared, Step};

/// The bins that are wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantiles {
    /// The shares that lie below their edges, ascending, from 0 to 1.
    pub shares: Vec<f64>,
    /// What they are called, one less than edges; their edges if empty.
    pub labels: Vec<String>,
    /// Whether edges that are the same become one, rather than an error.
    pub merge_edges: bool,
}

/// A step that makes a column of labels.
#[derive(Debug, Clone)]
pub struct Qcut {
    site: Site,
    output: usize,
    quantiles: Quantiles,
}

impl Qcut {
    /// Labels the numbers of `site` in the slot `output`.
    ///
    /// # Errors
    /// Says so if they are no numbers.
    pub fn new(
        site: Site,
        output: usize,
        quantiles: Quantiles,
    ) -> std::result::Result<Self, String> {
        site.wants_numbers()?;
        Ok(Self {
            site,
            output,
            quantiles,
        })
    }

    /// The bins between the quantiles that were learnt.
    fn bins(&self, learnt: &[f64]) -> std::result::Result<Bins, String> {
        let Quantiles {
            shares,
            labels,
            merge_edges,
        } = &self.quantiles;
        let mut edges = learnt.to_vec();
        if edges.iter().any(|edge| edge.is_nan()) {
            return Err("a quantile lies between infinite values; filter them first".to_owned());
        }
        if *merge_edges {
            edges.dedup();
        } else if let Some(at) = edges.windows(2).position(|pair| pair[0] == pair[1]) {
            return Err(format!(
                "the quantiles {} and {} are both {}, and a bin needs two edges; ask for fewer \
                 bins, or set duplicates = \"drop\"",
                shares[at],
                shares[at + 1],
                edges[at]
            ));
        }
        let bins = edges.len().saturating_sub(1);
        let labels = match labels.len() {
            0 => labels_of(&edges),
            count if count == bins || edges.is_empty() => labels.clone(),
            count => {
                return Err(format!(
                    "{bins} bins are left of those whose edges are the same, but there are {count} \
                     labels; leave the labels out, or ask for fewer bins"
                ));
            }
        };
        Ok(Bins {
            edges,
            labels,
            right: true,
            include_lowest: true,
        })
    }
}

/// What bins are called by their edges.
fn labels_of(edges: &[f64]) -> Vec<String> {
    let pairs = edges.windows(2).enumerate();
    let labels = pairs.map(|(at, pair)| {
        let open = if at == 0 { '[' } else { '(' };
        format!("{open}{}, {}]", pair[0], pair[1])
    });
    labels.collect()
}

impl Step for Qcut {
    fn label(&self) -> String {
        self.site.label.clone()
    }

    fn reads(&self) -> Vec<usize> {
        vec![self.site.input]
    }

    fn writes(&self) -> Vec<usize> {
        vec![self.output]
    }

    fn prepare(&self, fitted: Option<&Fitted>) -> Result<Prepared> {
        let Some(Fitted::Numbers { values, .. }) = fitted else {
            let summary = Summary::Quantiles(self.quantiles.shares.clone());
            let fit = SummaryFit::new(self.site.fit_column(), &summary);
            return Ok(Prepared::Fit(Box::new(fit)));
        };
        let bins = self.bins(values);
        let bins = bins.map_err(|message| Error::usage(&self.site.place, message))?;
        let labels = Labels::new(self.site.input, self.output, Arc::new(bins));
        Ok(Prepared::Local(Arc::new(labels)))
    }
}
