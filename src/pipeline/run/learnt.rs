//! A plan that can only be made once categories are learnt -> that plan, and what was learnt on the
//! way.
//!
//! Invariant: what the steps before the unknown columns have learnt is not learnt again, but for
//! tables by key, whose memory belongs to the budget of the plan they were learnt under.

use super::super::fitting::Known;
use super::super::plan::Request;
use super::super::settle::{Memory, Settled};
use super::{CalledOff, Run, Table};
use crate::base::Result;
use crate::steps::{Categories, Fitted};
use crate::{config, report};

/// What an attempt begins with.
pub(super) struct Start {
    pub(super) settled: Settled,
    /// What each step has learnt already.
    pub(super) fitted: Vec<Option<Fitted>>,
    /// What each step has spilled on the way, in bytes.
    pub(super) spilled: Vec<u64>,
}

impl Run<'_> {
    /// What a run over the columns of `table` is made of, where the categories `learnt` are known.
    pub(super) fn settled(&self, table: &Table, learnt: &[Categories]) -> Result<Settled> {
        let request = Request {
            fit_bytes_max: self.limit_bytes / 4,
            batch_bytes_max: (self.limit_bytes / 16).min(1 << 30),
            expressions: self.expressions,
            outgrown: &self.outgrown,
            sides: &self.sides,
            learnt,
        };
        // What an attempt before this one has freed may still be resident: that is not the program.
        let program_bytes = || report::rss_bytes().map(|bytes| bytes as usize);
        let memory = Memory {
            limit_bytes: self.limit_bytes,
            program_bytes: *self.program_bytes.get_or_init(program_bytes),
        };
        Settled::new(self.config, table, memory, request)
    }

    /// What this attempt is made of.
    pub(super) fn settle(&mut self, table: &Table) -> Result<Start, CalledOff> {
        let mut learnt: Vec<Categories> = Vec::new();
        let mut known: Vec<Option<Fitted>> = Vec::new();
        let mut spilled: Vec<u64> = Vec::new();
        loop {
            let settled = self.settled(table, &learnt)?;
            known.resize_with(settled.plan.steps.len(), || None);
            spilled.resize(settled.plan.steps.len(), 0);
            if settled.plan.asked.steps.is_empty() {
                return Ok(Start {
                    settled,
                    fitted: known,
                    spilled,
                });
            }
            self.learn_asked(&settled, &mut known, &mut spilled)?;
            let asked = settled.plan.asked.steps.iter();
            learnt.extend(asked.map(|&step| match &known[step] {
                Some(Fitted::Categories { categories, .. }) => categories.clone(),
                _ => unreachable!("what is asked for is categories"),
            }));
            // The steps that ask stand last, and those that use what they learnt take their places.
            for fitted in &mut known {
                fitted.take_if(|fitted| matches!(fitted, Fitted::Shards(_)));
            }
            let names: Vec<Vec<String>> = { learnt.iter() }
                .map(|categories| categories.names.clone())
                .collect();
            config::check_learnt(self.config, &self.formats.columns.header, &names)?;
        }
    }

    /// Makes passes until the steps whose categories are asked for have learnt them.
    fn learn_asked(
        &mut self,
        settled: &Settled,
        fitted: &mut [Option<Fitted>],
        spilled: &mut [u64],
    ) -> Result<(), CalledOff> {
        let Settled {
            plan,
            layout,
            budget,
        } = settled;
        let known = Known {
            fitted,
            again: &mut plan.steps.iter().map(|_| None).collect::<Vec<_>>(),
            spilled,
        };
        let are_known = |fitted: &[Option<Fitted>]| {
            let mut asked = plan.asked.steps.iter();
            asked.all(|&step| fitted[step].is_some())
        };
        self.lead_up((plan, *layout, budget), known, None, &are_known)?;
        Ok(())
    }
}
