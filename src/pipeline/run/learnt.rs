//! A plan that can only be made once categories are learnt -> that plan, and what was learnt on the
//! way.
//!
//! Invariant: what the steps before the unknown columns have learnt is not learnt again, but for
//! tables by key, whose memory belongs to the budget of the plan they were learnt under.

use std::sync::Arc;

use super::super::fitting::{Known, learn};
use super::super::open::{check, pool};
use super::super::settle::Settled;
use super::super::stages;
use super::{CalledOff, Run, Table};
use crate::base::Result;
use crate::config;
use crate::steps::{Categories, Fit, Fitted};

impl Run<'_> {
    /// What a run over the columns of `table` is made of, as far as it can be planned with what is
    /// `learnt`.
    pub(super) fn settle(&self, table: &Table, learnt: &[Categories]) -> Result<Settled> {
        let (limit_bytes, expressions) = (self.limit_bytes, self.expressions);
        let outgrown = &self.outgrown;
        Settled::new(
            self.config,
            table,
            limit_bytes,
            expressions,
            learnt,
            outgrown,
        )
    }

    /// What this attempt is made of, and what its steps have learnt already.
    pub(super) fn prepare(
        &mut self,
        table: &Table,
    ) -> Result<(Settled, Vec<Option<Fitted>>), CalledOff> {
        let mut learnt: Vec<Categories> = Vec::new();
        let mut known: Vec<Option<Fitted>> = Vec::new();
        loop {
            let settled = self.settle(table, &learnt)?;
            known.resize_with(settled.plan.steps.len(), || None);
            if settled.plan.asked.steps.is_empty() {
                return Ok((settled, known));
            }
            self.learn_asked(&settled, &mut known)?;
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
    ) -> Result<(), CalledOff> {
        let Settled {
            plan,
            layout,
            budget,
        } = settled;
        let mut again: Vec<Option<Box<dyn Fit>>> = plan.steps.iter().map(|_| None).collect();
        let mut spilled = vec![0; plan.steps.len()];
        let interrupted = Arc::clone(&self.interrupted);
        let go_on = || check(&interrupted);
        let pool = pool(self.config.threads)?;
        while { plan.asked.steps.iter() }.any(|&step| fitted[step].is_none()) {
            let pass = stages::next_pass(plan.steps(), fitted, &mut again)?;
            let parts = self.belt_parts(plan, pass, *layout, budget, None);
            let parts = self.pass(self.chunks(*layout), parts)?;
            pool.install(|| {
                let known = Known {
                    fitted,
                    again: &mut again,
                    spilled: &mut spilled,
                };
                learn(parts.stages, budget, known, &go_on)
            })?;
        }
        Ok(())
    }
}
