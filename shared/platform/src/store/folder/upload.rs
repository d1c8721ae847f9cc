//! A stream on its way into the store.

use std::mem;

use tokio::task::JoinHandle;

use super::{Folder, blocking, put::Draft};
use crate::store::{StoreError, Stored};

/// Bytes gathered before the disk and the hash see them. Two such blocks are all the memory of an upload: while one is
/// written the other fills, and a sender that is faster than the disk waits.
const BLOCK: usize = 1 << 20;

type Written = Result<(Draft, Vec<u8>), StoreError>;

/// An upload to the folder.
#[derive(Debug)]
pub(in crate::store) struct Upload {
    store: Folder,
    limit: u64,
    taken: u64,
    filling: Vec<u8>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nothing has reached the disk.
    New,
    /// A block is being hashed and written.
    Busy(JoinHandle<Written>),
    /// A write failed, or was given up.
    Broken,
}

impl Folder {
    pub(in crate::store) fn upload(&self, limit: u64) -> Upload {
        Upload {
            store: self.clone(),
            limit,
            taken: 0,
            filling: Vec::new(),
            state: State::New,
        }
    }
}

impl Upload {
    pub(in crate::store) async fn write(&mut self, mut chunk: &[u8]) -> Result<(), StoreError> {
        self.taken = self.taken.saturating_add(chunk.len() as u64);
        if self.taken > self.limit {
            return Err(StoreError::TooLarge { limit: self.limit });
        }
        while !chunk.is_empty() {
            let room = BLOCK.saturating_sub(self.filling.len()).min(chunk.len());
            let (now, later) = chunk.split_at(room);
            self.filling.extend_from_slice(now);
            chunk = later;
            if self.filling.len() >= BLOCK {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// Hands the full block over, once the one before is written, and goes on with that one's memory.
    async fn flush(&mut self) -> Result<(), StoreError> {
        let (draft, spare) = self.idle().await?;
        let block = mem::replace(&mut self.filling, spare);
        let store = self.store.clone();
        let work = move || -> Written {
            let mut draft = draft.map_or_else(|| Draft::create(&store), Ok)?;
            draft.write(&block)?;
            let mut block = block;
            block.clear();
            Ok((draft, block))
        };
        self.state = State::Busy(tokio::task::spawn_blocking(work));
        Ok(())
    }

    /// Waits for the block that is being written.
    async fn idle(&mut self) -> Result<(Option<Draft>, Vec<u8>), StoreError> {
        match mem::replace(&mut self.state, State::Broken) {
            State::New => Ok((None, Vec::new())),
            State::Busy(task) => {
                let (draft, spare) = task.await.map_err(|_| StoreError::Stopped)??;
                Ok((Some(draft), spare))
            }
            State::Broken => Err(StoreError::Stopped),
        }
    }

    pub(in crate::store) async fn finish(mut self) -> Result<Stored, StoreError> {
        if self.taken > self.limit {
            return Err(StoreError::TooLarge { limit: self.limit });
        }
        let (draft, _) = self.idle().await?;
        let (store, rest) = (self.store.clone(), mem::take(&mut self.filling));
        blocking(move || {
            let mut draft = draft.map_or_else(|| Draft::create(&store), Ok)?;
            draft.write(&rest)?;
            draft.commit(&store)
        })
        .await
    }
}
