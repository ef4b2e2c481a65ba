//! Encoded row groups, in order -> part files in a staging directory.
//!
//! Invariant: a part that [`Parts`] has reported is complete and on disk. When to begin the next
//! part is decided from encoded sizes, so the same row groups always make the same parts.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::errors::ParquetError;
use parquet::file::writer::SerializedFileWriter;

use super::contents::{FILTERED, part_name};
use super::encode::{EncodedColumn, Encoder, encode_error};
use super::part_file::PartFile;
use super::staging::{FilteredPlace, Staging};
use crate::base::{Error, Result};

/// A finished part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartInfo {
    /// Its file, within the lake.
    pub file: String,
    /// Rows in it.
    pub rows: u64,
    /// Its size, in bytes.
    pub bytes: u64,
}

/// Writes row groups to parts, one part at a time.
pub struct Parts {
    encoder: Arc<Encoder>,
    directory: PathBuf,
    /// Where that is within the lake.
    within: &'static str,
    next_index: usize,
    /// Which of several stretches these are, from 0.
    stretch: usize,
    current: Option<Part>,
    finished: Vec<PartInfo>,
}

/// A file of row groups.
pub(super) struct Part {
    path: PathBuf,
    info: PartInfo,
    writer: SerializedFileWriter<PartFile>,
}

impl Parts {
    /// Parts for what `encoder` encodes, numbered as `staging` says.
    pub fn new(encoder: Arc<Encoder>, staging: &Staging) -> Self {
        Self {
            encoder,
            directory: staging.directory().to_path_buf(),
            within: "",
            next_index: staging.first_part_index(),
            stretch: 0,
            current: None,
            finished: Vec::new(),
        }
    }

    /// Parts for what filters have dropped, at `place`. There may be several stretches of them, written
    /// side by side, that follow each other: parts of those after the first are numbered when they are
    /// finished.
    pub fn filtered(encoder: Arc<Encoder>, place: &FilteredPlace, stretch: usize) -> Self {
        Self {
            encoder,
            directory: place.directory.clone(),
            within: FILTERED,
            next_index: place.first_index,
            stretch,
            current: None,
            finished: Vec::new(),
        }
    }

    /// Writes one row group of `rows` rows, which has all columns in order.
    ///
    /// # Errors
    /// Any failure to write; the staging directory is then of no further use.
    ///
    /// # Panics
    /// If a column is missing or has another number of rows, which is a bug.
    pub fn append(&mut self, rows: usize, columns: Vec<EncodedColumn>) -> Result<()> {
        assert_eq!(
            columns.len(),
            self.encoder.columns(),
            "every column is there"
        );
        assert!(
            columns.iter().all(|column| column.rows() == rows),
            "every column of a row group has its rows"
        );
        if rows == 0 {
            return Ok(());
        }
        let bytes: u64 = columns.iter().map(EncodedColumn::bytes).sum();
        if let Some(part) = &self.current
            && part.writer.bytes_written() as u64 + bytes > self.encoder.part_bytes_max()
        {
            self.end_part()?;
        }
        let mut part = match self.current.take() {
            Some(part) => part,
            None => self.begin_part()?,
        };
        part.append(rows, columns)?;
        self.current = Some(part);
        if self.memory_bytes() >= self.encoder.footer_bytes_max() {
            self.end_part()?;
        }
        Ok(())
    }

    /// Ends the last part. There is always one, so that the lake has its schema.
    ///
    /// # Errors
    /// Any failure to write.
    pub fn finish(mut self) -> Result<Vec<PartInfo>> {
        if self.current.is_none() && self.finished.is_empty() {
            self.current = Some(self.begin_part()?);
        }
        self.end_part()?;
        Ok(self.finished)
    }

    /// Likewise, of parts that so many others of earlier stretches come before.
    ///
    /// # Errors
    /// Any failure to write.
    pub fn finish_behind(self, parts: usize) -> Result<Vec<PartInfo>> {
        let (directory, within, stretch) = (self.directory.clone(), self.within, self.stretch);
        let first = self.next_index - self.finished.len() - usize::from(self.current.is_some());
        let mut finished = self.finish()?;
        if stretch > 0 {
            for (index, part) in finished.iter_mut().enumerate() {
                let written = directory.join(stretch_name(stretch, first + index));
                let name = part_name(first + parts + index);
                let renamed = fs::rename(&written, directory.join(&name));
                renamed.map_err(|source| Error::io("rename", &written, source))?;
                part.file = format!("{within}/{name}");
            }
        }
        Ok(finished)
    }

    /// Bytes handed to the file system so far.
    pub fn bytes_written(&self) -> u64 {
        let finished: u64 = self.finished.iter().map(|part| part.bytes).sum();
        let current = self.current.as_ref();
        finished + current.map_or(0, |part| part.writer.bytes_written() as u64)
    }

    /// Memory held, in bytes: what the footer of the current part will say.
    pub fn memory_bytes(&self) -> usize {
        const CHUNK_BYTES: usize = 1024;
        let current = self.current.as_ref();
        current.map_or(0, |part| {
            part.writer.flushed_row_groups().len() * self.encoder.columns() * CHUNK_BYTES
        })
    }

    fn begin_part(&mut self) -> Result<Part> {
        let file = stretch_name(self.stretch, self.next_index);
        let path = self.directory.join(&file);
        let file = match self.within {
            "" => file,
            within => format!("{within}/{file}"),
        };
        self.next_index += 1;
        Part::begin(&self.encoder, path, file)
    }

    fn end_part(&mut self) -> Result<()> {
        if let Some(part) = self.current.take() {
            self.finished.push(part.finish()?);
        }
        Ok(())
    }
}

/// What part `index` is called until it is finished.
fn stretch_name(stretch: usize, index: usize) -> String {
    match stretch {
        0 => part_name(index),
        _ => format!("{stretch}-{}", part_name(index)),
    }
}

impl Part {
    /// A new file at `path`, called `file`, for what `encoder` encodes.
    pub(super) fn begin(encoder: &Encoder, path: PathBuf, file: String) -> Result<Self> {
        let sink = PartFile::create(&path).map_err(|source| Error::io("create", &path, source))?;
        let writer = encoder.file_writer(sink);
        let writer = writer.map_err(|source| write_error(&path, source))?;
        let (rows, bytes) = (0, 0);
        let info = PartInfo { file, rows, bytes };
        Ok(Self { path, info, writer })
    }

    /// Appends a row group.
    pub(super) fn append(&mut self, rows: usize, columns: Vec<EncodedColumn>) -> Result<()> {
        let appended = (|| {
            let mut row_group = self.writer.next_row_group()?;
            for column in columns {
                column.append_to(&mut row_group)?;
            }
            row_group.close()?;
            Ok(())
        })();
        appended.map_err(|source| write_error(&self.path, source))?;
        self.info.rows += rows as u64;
        Ok(())
    }

    /// Ends the file and waits until it is on disk.
    pub(super) fn finish(mut self) -> Result<PartInfo> {
        let finished = self.writer.finish();
        finished.map_err(|source| write_error(&self.path, source))?;
        let synced = self.writer.inner_mut().sync();
        synced.map_err(|source| Error::io("write", &self.path, source))?;
        self.info.bytes = self.writer.bytes_written() as u64;
        Ok(self.info)
    }
}

/// A failed write of `path`: the system's own error where there is one.
fn write_error(path: &Path, source: ParquetError) -> Error {
    match source {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(source) => Error::io("write", path, *source),
            Err(source) => encode_error("write a part", source),
        },
        source => encode_error("write a part", source),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use arrow::array::{ArrayRef, AsArray, Int64Array};
    use arrow::datatypes::Int64Type;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::super::encode::EncodeOptions;
    use super::*;
    use crate::base::Mode;
    use crate::base::{Column, DataType, ErrorKind, Origin, Schema};

    fn schema(data_type: DataType) -> Schema {
        let column = Column {
            name: "id".into(),
            data_type,
            format: None,
            origin: Origin::Inferred,
        };
        let columns = vec![column];
        Schema { columns }
    }

    fn encoder(options: &EncodeOptions) -> Arc<Encoder> {
        Arc::new(Encoder::new(&schema(DataType::Int64), options).unwrap())
    }

    fn cells(first: i64) -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(
            (first..first + 10).map(|id| id * id * id),
        ))
    }

    /// Writes `row_groups` of ten rows each and publishes them.
    fn write(lake: &Path, mode: Mode, part_bytes_max: u64, row_groups: i64) -> Vec<PartInfo> {
        let options = EncodeOptions {
            part_bytes_max,
            ..EncodeOptions::default()
        };
        write_with(lake, mode, &options, row_groups)
    }

    fn write_with(
        lake: &Path,
        mode: Mode,
        options: &EncodeOptions,
        row_groups: i64,
    ) -> Vec<PartInfo> {
        let staging = Staging::begin(lake, mode, &[]).unwrap();
        let encoder = encoder(options);
        let mut parts = Parts::new(Arc::clone(&encoder), &staging);
        for row_group in 0..row_groups {
            let column = encoder.encode(0, &[cells(row_group * 10)]).unwrap();
            parts.append(10, vec![column]).unwrap();
            assert!(parts.memory_bytes() < options.footer_bytes_max);
            assert!(parts.bytes_written() > 0);
        }
        parts
            .append(0, vec![encoder.encode(0, &[]).unwrap()])
            .unwrap();
        let infos = parts.finish().unwrap();
        staging
            .check_append_schema(&schema(DataType::Int64))
            .unwrap();
        staging.commit().unwrap();
        infos
    }

    /// The rows of all parts, in order, and the row groups of each part.
    fn read(lake: &Path, infos: &[PartInfo]) -> (Vec<i64>, Vec<usize>) {
        let (mut rows, mut row_groups) = (Vec::new(), Vec::new());
        for info in infos {
            let path = lake.join(&info.file);
            assert_eq!(fs::metadata(&path).unwrap().len(), info.bytes);
            let reader =
                ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
            assert_eq!(
                reader.metadata().file_metadata().num_rows() as u64,
                info.rows
            );
            row_groups.push(reader.metadata().num_row_groups());
            assert_eq!(reader.schema().field(0).name(), "id");
            for batch in reader.build().unwrap() {
                rows.extend(
                    batch
                        .unwrap()
                        .column(0)
                        .as_primitive::<Int64Type>()
                        .values(),
                );
            }
        }
        (rows, row_groups)
    }

    #[test]
    fn row_groups_keep_their_order_across_parts() {
        let home = tempfile::tempdir().unwrap();
        let expected: Vec<i64> = (0..100).map(|id| id * id * id).collect();
        for (part_bytes_max, parts) in [(u64::MAX, 1), (1, 10)] {
            let lake = home.path().join(format!("lake-{parts}"));
            let infos = write(&lake, Mode::Error, part_bytes_max, 10);
            assert_eq!(infos.len(), parts);
            let (rows, row_groups) = read(&lake, &infos);
            assert_eq!(rows, expected);
            assert_eq!(row_groups.iter().sum::<usize>(), 10);
        }
        let lake = home.path().join("lake");
        let infos = write(&lake, Mode::Error, 350, 10);
        assert!((2..10).contains(&infos.len()));
        assert_eq!(read(&lake, &infos).0, expected);
    }

    #[test]
    fn a_part_ends_before_its_footer_is_too_large() {
        let home = tempfile::tempdir().unwrap();
        let lake = home.path().join("lake");
        let options = EncodeOptions {
            footer_bytes_max: 4096,
            ..EncodeOptions::default()
        };
        let infos = write_with(&lake, Mode::Error, &options, 10);
        let (rows, row_groups) = read(&lake, &infos);
        assert_eq!(row_groups, [4, 4, 2]);
        assert_eq!(rows.len(), 100);
    }

    #[test]
    fn the_same_rows_make_the_same_parts() {
        let home = tempfile::tempdir().unwrap();
        let lakes = ["one", "other"].map(|name| home.path().join(name));
        let [one, other] = lakes
            .each_ref()
            .map(|lake| write(lake, Mode::Error, 350, 10));
        assert_eq!(one, other);
        for info in one {
            let [one, other] = lakes
                .each_ref()
                .map(|lake| fs::read(lake.join(&info.file)).unwrap());
            assert!(one == other);
        }
    }

    #[test]
    fn no_rows_make_one_empty_part() {
        let home = tempfile::tempdir().unwrap();
        let lake = home.path().join("lake");
        let infos = write(&lake, Mode::Error, 1, 0);
        assert_eq!(infos.len(), 1);
        assert_eq!(infos[0].rows, 0);
        assert_eq!(read(&lake, &infos), (vec![], vec![0]));
    }

    #[test]
    fn appended_parts_go_on_counting_and_must_have_the_same_columns() {
        let home = tempfile::tempdir().unwrap();
        let lake = home.path().join("lake");
        let first = write(&lake, Mode::Error, u64::MAX, 1);
        let second = write(&lake, Mode::Append, u64::MAX, 2);
        assert_eq!(first[0].file, "part-00000.parquet");
        assert_eq!(second[0].file, "part-00001.parquet");
        assert_eq!(read(&lake, &first).0.len(), 10);
        assert_eq!(read(&lake, &second).0.len(), 20);

        let staging = Staging::begin(&lake, Mode::Append, &[]).unwrap();
        let refused = staging
            .check_append_schema(&schema(DataType::Utf8))
            .unwrap_err();
        assert!(matches!(refused.kind(), ErrorKind::Lake { .. }));
        assert!(
            refused
                .to_string()
                .contains("\"id\" is int64 and this run's is utf8"),
            "{refused}"
        );
        drop(staging);
        fs::write(lake.join("part-00001.parquet"), "no parquet").unwrap();
        let staging = Staging::begin(&lake, Mode::Append, &[]).unwrap();
        assert!(
            staging
                .check_append_schema(&schema(DataType::Int64))
                .is_err()
        );
    }

    #[test]
    fn a_full_disk_is_told_as_such() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let error = write_error(Path::new("part"), full.into());
        assert_eq!(error.exit_code(), 4);
        let other = write_error(Path::new("part"), ParquetError::General("no".to_owned()));
        assert!(matches!(other.kind(), ErrorKind::Encode { .. }));
    }
}
