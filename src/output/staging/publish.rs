//! A staging directory that is complete -> the lake.
//!
//! Invariant: a reader sees the lake as it was or as it will be; what somebody else has put there
//! stays.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::super::contents::{
    AGGREGATES, Contents, DIRECTORIES, RECEIPT, old_receipt_name, staged_files,
};
use super::super::exchange::exchange;
use super::super::journal::{self, Journal, sync_directory};
use super::super::outside::Outside;
use super::super::pending::Pending;
use super::super::place::lake_error;
use super::Staging;
use crate::base::{Error, Mode, Result};

impl Staging {
    /// Publishes the files, and with them the list of those `outside`.
    pub(super) fn publish(&mut self, outside: &[Outside]) -> Result<()> {
        Pending::new(outside)?.write(&self.directory)?;
        self.keep_old_receipt()?;
        self.keep_old_tables()?;
        self.sync_files()?;
        if !self.is_inside {
            if self.publish_beside()? {
                return Ok(());
            }
            self.move_inside()?;
        }
        self.publish_inside()
    }

    fn keep_old_receipt(&self) -> Result<()> {
        let old = self.place.lake.join(RECEIPT);
        if self.mode != Mode::Append || !self.receipt_path().exists() || !old.exists() {
            return Ok(());
        }
        let name = old_receipt_name(self.contents.next_old_receipt_index());
        let copied = fs::copy(&old, self.directory.join(name));
        copied.map_err(|source| Error::io("copy", old, source))?;
        Ok(())
    }

    /// Keeps the tables of earlier runs that this one has made anew.
    fn keep_old_tables(&self) -> Result<()> {
        let staged = staged_files(&self.directory)?.into_iter();
        let is_old = |path: &PathBuf| path.starts_with(AGGREGATES) && self.contents.has(path);
        for path in staged.filter(|path| self.mode == Mode::Append && is_old(path)) {
            let old = self.place.lake.join(&path);
            if let Some(kept) = self.contents.old_table_path(&path) {
                let copied = fs::copy(&old, self.directory.join(kept));
                copied.map_err(|source| Error::io("copy", old, source))?;
            }
        }
        Ok(())
    }

    pub(super) fn sync_files(&self) -> Result<()> {
        for file in staged_files(&self.directory)? {
            let path = self.directory.join(file);
            let synced = File::open(&path).and_then(|file| file.sync_all());
            synced.map_err(|source| Error::io("write", path, source))?;
        }
        for name in DIRECTORIES {
            let directory = self.directory.join(name);
            // Empty: there is nothing of its kind. Otherwise it stays.
            if fs::remove_dir(&directory).is_err() {
                let synced = sync_directory(&directory);
                synced.map_err(|source| Error::io("write", directory, source))?;
            }
        }
        sync_directory(&self.directory)
            .map_err(|source| Error::io("write", &self.directory, source))
    }

    /// What is in the lake now. Something else may have written to it, but not in our name.
    pub(super) fn current_contents(&self) -> Result<Contents> {
        let contents = Contents::read(&self.place.lake)?;
        let ours = |contents: &Contents| contents.ours().map(PathBuf::from).collect::<Vec<_>>();
        if self.place.identity() != self.identity || ours(&contents) != ours(&self.contents) {
            return Err(lake_error(
                &self.place.lake,
                "something else has changed it during the run; nothing was published",
            ));
        }
        Ok(contents)
    }

    /// Puts the staging directory in the lake's place; false, and nothing has changed, where that
    /// cannot be done.
    fn publish_beside(&mut self) -> Result<bool> {
        let contents = self.current_contents()?;
        if self.identity.is_none() {
            fs::rename(&self.directory, &self.place.lake)
                .map_err(|source| Error::io("create", &self.place.lake, source))?;
            return self.settle(None).map(|()| true);
        }
        if contents.has_foreign_directory() || self.exchange(&contents).is_err() {
            return Ok(false);
        }
        self.settle(Some(&contents)).map(|()| true)
    }

    /// Adds to the staging directory what stays of the lake, and swaps the two. Undone on error.
    pub(super) fn exchange(&self, contents: &Contents) -> io::Result<()> {
        let lake = &self.place.lake;
        let kept: Vec<&Path> = contents
            .entries
            .iter()
            .filter(|entry| !entry.is_ours || self.mode == Mode::Append)
            .filter(|entry| !self.retired.contains(&entry.path))
            .map(|entry| entry.path.as_path())
            .filter(|path| *path != Path::new(RECEIPT) || !self.receipt_path().exists())
            .filter(|path| !path.starts_with(AGGREGATES) || !self.directory.join(path).exists())
            .collect();
        let mut linked = Vec::new();
        let exchange_with = || -> io::Result<()> {
            for path in kept {
                let target = self.directory.join(path);
                if let Some(directory) = target.parent() {
                    fs::create_dir_all(directory)?;
                }
                fs::hard_link(lake.join(path), &target)?;
                linked.push(target);
            }
            fs::set_permissions(&self.directory, fs::metadata(lake)?.permissions())?;
            for name in DIRECTORIES {
                let directory = self.directory.join(name);
                if directory.exists() {
                    sync_directory(&directory)?;
                }
            }
            sync_directory(&self.directory)?;
            exchange(&self.directory, lake)
        };
        let done = exchange_with();
        if done.is_err() {
            for path in linked {
                fs::remove_file(path)?;
            }
        }
        done
    }

    /// After publishing beside: puts the new names on disk and removes the old directory, save what
    /// somebody has put there since `known` was read.
    pub(super) fn settle(&mut self, known: Option<&Contents>) -> Result<()> {
        self.is_disposable = false;
        let parent = self.place.parent();
        sync_directory(parent).map_err(|source| Error::io("write", parent, source))?;
        self.place.keep()?;
        if let Some(known) = known {
            let late = Contents::read(&self.directory)?;
            let late = late.entries.iter().filter(|entry| !known.has(&entry.path));
            for entry in late {
                let target = self.place.lake.join(&entry.path);
                if !target.exists() {
                    let rescued = fs::rename(self.directory.join(&entry.path), &target);
                    rescued.map_err(|source| Error::io("move a file to", target, source))?;
                }
            }
            // What cannot be removed now is swept by the next run.
            let _ = fs::remove_dir_all(&self.directory);
        }
        Ok(())
    }

    /// Takes a staging directory that cannot take the lake's place into the lake.
    fn move_inside(&mut self) -> Result<()> {
        let inside = self.place.inside(&self.directory);
        fs::rename(&self.directory, &inside)
            .map_err(|source| Error::io("create", &inside, source))?;
        self.directory = inside;
        self.is_inside = true;
        Ok(())
    }

    /// Moves the files into the lake, as a journal says.
    fn publish_inside(&mut self) -> Result<()> {
        let contents = self.current_contents()?;
        let files = staged_files(&self.directory)?;
        let removes = match self.mode {
            Mode::Overwrite => contents.ours().map(PathBuf::from).collect(),
            Mode::Error | Mode::Append => self.retired.clone(),
        };
        let lake = &self.place.lake;
        let journal = Journal::new(&self.directory, files, removes)?;
        // What a journal names must not go before the journal does.
        self.is_disposable = false;
        if let Err(error) = journal.write(lake) {
            self.is_disposable = journal::withdraw(lake).is_ok();
            return Err(error);
        }
        journal::roll_forward(lake)?;
        self.place.keep()
    }
}
