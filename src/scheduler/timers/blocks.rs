//! What the slots of the wheel hold: rings of blocks, each with room for the addresses and the keys of a few nodes.
//!
//! Not a list through the nodes, because nodes lie all over the memory: of a list, each one has to be fetched
//! before the next can be asked for, and a node that goes drags two neighbours along. Here the addresses of all
//! that a slot holds stand side by side, so the memory can be asked for many at once ([`Blocks::fetch`]), and who
//! leaves touches one block.
//!
//! A ring is named by its oldest block. A node enters behind the newest entry, and leaves a hole when it goes; a
//! block of nothing but holes goes at once, so there is at least one node for each block, and a ring stays in
//! the order of insertion. Blocks are numbered and lie in chunks that do not move; a number is the whole of a
//! link, and nothing here is unsafe.

use std::mem;
use std::ptr::NonNull;

use super::entry::Node;
use crate::primitives::prefetch;

/// Nodes in a block: as many as fit into two lines of 64 bytes.
const ROOM: usize = 6;

/// Blocks in a chunk: 4 KiB.
const CHUNK: usize = 32;

/// Chunks that a wheel keeps when it is empty: 64 KiB.
const KEPT: usize = 16;

/// No block.
const NIL: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Entry {
    /// `None`: a hole, or not used.
    node: Option<NonNull<Node>>,
    key: u64,
}

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Block {
    prev: u32,
    /// Also of the free list.
    next: u32,
    /// Entries up to the newest one, holes included.
    used: u32,
    live: u32,
    entries: [Entry; ROOM],
}

const _: () = assert!(size_of::<Block>() == 128);

impl Block {
    const EMPTY: Block = Block {
        prev: NIL,
        next: NIL,
        used: 0,
        live: 0,
        entries: [Entry { node: None, key: 0 }; ROOM],
    };
}

/// The ring of a slot.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Ring(u32);

impl Ring {
    pub(super) const EMPTY: Ring = Ring(NIL);

    pub(super) fn is_empty(self) -> bool {
        self.0 == NIL
    }
}

/// Where an entry is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    block: u32,
    index: u32,
}

/// What [`Blocks::pop_block`] took off a ring.
pub(super) type Popped = [(Option<NonNull<Node>>, u64); ROOM];

/// All blocks of a wheel.
pub(super) struct Blocks {
    chunks: Vec<Box<[Block; CHUNK]>>,
    free: u32,
}

impl Blocks {
    pub(super) fn new() -> Blocks {
        Blocks { chunks: Vec::new(), free: NIL }
    }

    /// The key of an entry.
    pub(super) fn key(&self, spot: Spot) -> u64 {
        self.block(spot.block).entries[spot.index as usize].key
    }

    /// Adds an entry as the newest one.
    pub(super) fn push(&mut self, ring: &mut Ring, node: NonNull<Node>, key: u64) -> Spot {
        let mut last = NIL;
        if !ring.is_empty() {
            last = self.block(ring.0).prev;
        }
        if last == NIL || self.block(last).used as usize == ROOM {
            last = self.append(ring);
        }
        let block = self.block_mut(last);
        let index = block.used;
        block.entries[index as usize] = Entry { node: Some(node), key };
        block.used += 1;
        block.live += 1;
        Spot { block: last, index }
    }

    /// Takes an entry out of its ring.
    pub(super) fn remove(&mut self, ring: &mut Ring, spot: Spot) {
        let block = self.block_mut(spot.block);
        let node = block.entries[spot.index as usize].node.take();
        debug_assert!(node.is_some(), "Blocks::remove: a hole");
        block.live -= 1;
        if block.live == 0 {
            return self.unlink(ring, spot.block);
        }
        while block.entries[block.used as usize - 1].node.is_none() {
            block.used -= 1;
        }
    }

    /// Takes the oldest block off: its entries, in their order.
    pub(super) fn pop_block(&mut self, ring: &mut Ring) -> Option<Popped> {
        if ring.is_empty() {
            return None;
        }
        let number = ring.0;
        let entries = mem::replace(&mut self.block_mut(number).entries, Block::EMPTY.entries);
        self.unlink(ring, number);
        Some(entries.map(|entry| (entry.node, entry.key)))
    }

    /// The entries of a ring, the oldest first.
    pub(super) fn iter(&self, ring: Ring) -> impl Iterator<Item = (NonNull<Node>, u64)> + '_ {
        let mut at = ring.0;
        let blocks = std::iter::from_fn(move || {
            let block = (at != NIL).then(|| self.block(at))?;
            at = if block.next == ring.0 { NIL } else { block.next };
            Some(block)
        });
        blocks.flat_map(|block| {
            block.entries.iter().filter_map(|entry| entry.node.map(|node| (node, entry.key)))
        })
    }

    /// Asks for the memory of the nodes in the oldest block, and of the next block. Who calls it before each
    /// [`pop_block`](Self::pop_block) has what it needs underway while it is busy with the block before.
    #[inline]
    pub(super) fn fetch(&self, ring: Ring) {
        if ring.is_empty() {
            return;
        }
        let block = self.block(ring.0);
        prefetch::read(self.block(block.next));
        for entry in &block.entries {
            if let Some(node) = entry.node {
                prefetch::read(node.as_ptr());
            }
        }
    }

    /// Asks for the memory of the oldest block.
    #[inline]
    pub(super) fn fetch_block(&self, ring: Ring) {
        if !ring.is_empty() {
            prefetch::read(self.block(ring.0));
        }
    }

    /// Nothing is in any ring: memory beyond [`KEPT`] goes.
    pub(super) fn trim(&mut self) {
        if self.chunks.len() > KEPT {
            self.chunks.truncate(KEPT);
            self.chunks.shrink_to_fit();
            self.free = NIL;
            (0..KEPT).for_each(|chunk| self.free_chunk(chunk));
        }
    }

    /// An empty block at the end of a ring.
    fn append(&mut self, ring: &mut Ring) -> u32 {
        if self.free == NIL {
            assert!(self.chunks.len() < NIL as usize / CHUNK, "more than 2^34 timers in a wheel");
            self.chunks.push(Box::new([Block::EMPTY; CHUNK]));
            self.free_chunk(self.chunks.len() - 1);
        }
        let number = self.free;
        let block = self.block_mut(number);
        let free = mem::replace(&mut block.next, number);
        (block.prev, block.used) = (number, 0);
        self.free = free;
        if ring.is_empty() {
            *ring = Ring(number);
        } else {
            let (first, last) = (ring.0, self.block(ring.0).prev);
            let block = self.block_mut(number);
            (block.prev, block.next) = (last, first);
            self.block_mut(last).next = number;
            self.block_mut(first).prev = number;
        }
        number
    }

    /// A block leaves its ring and is free.
    fn unlink(&mut self, ring: &mut Ring, number: u32) {
        let Block { prev, next, .. } = *self.block(number);
        if next == number {
            *ring = Ring::EMPTY;
        } else {
            self.block_mut(prev).next = next;
            self.block_mut(next).prev = prev;
            if ring.0 == number {
                *ring = Ring(next);
            }
        }
        let free = self.free;
        let block = self.block_mut(number);
        (block.live, block.next) = (0, free);
        self.free = number;
    }

    fn free_chunk(&mut self, chunk: usize) {
        for number in (chunk * CHUNK..(chunk + 1) * CHUNK).rev() {
            self.block_mut(number as u32).next = self.free;
            self.free = number as u32;
        }
    }

    #[inline]
    fn block(&self, number: u32) -> &Block {
        &self.chunks[number as usize / CHUNK][number as usize % CHUNK]
    }

    #[inline]
    fn block_mut(&mut self, number: u32) -> &mut Block {
        &mut self.chunks[number as usize / CHUNK][number as usize % CHUNK]
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;
    use crate::primitives::rand::Rand;
    use std::collections::VecDeque;

    /// An address that names a number; it is compared, not followed.
    fn node(number: usize) -> NonNull<Node> {
        NonNull::new(std::ptr::without_provenance_mut(8 * (number + 1))).unwrap()
    }

    fn listed(blocks: &Blocks, ring: Ring) -> Vec<NonNull<Node>> {
        blocks.iter(ring).map(|(node, _key)| node).collect()
    }

    fn free_blocks(blocks: &Blocks) -> usize {
        let mut free = (0, blocks.free);
        while free.1 != NIL {
            free = (free.0 + 1, blocks.block(free.1).next);
        }
        free.0
    }

    #[test]
    fn rings_keep_the_order_of_insertion_whoever_leaves() {
        let (mut blocks, rand) = (Blocks::new(), Rand::new(11));
        let mut rings = [Ring::EMPTY; 3];
        let mut model: [VecDeque<(usize, u64, Spot)>; 3] = Default::default();
        for step in 0..20_000usize {
            let at = rand.below(3) as usize;
            let (ring, model) = (&mut rings[at], &mut model[at]);
            match rand.below(16) {
                // More go in than out, for a while, then fewer.
                n if n < if step % 4_000 < 2_000 { 9 } else { 6 } => {
                    let spot = blocks.push(ring, node(step), step as u64);
                    model.push_back((step, step as u64, spot));
                }
                15 if rand.below(8) == 0 => {
                    let popped = blocks.pop_block(ring);
                    assert_eq!(popped.is_none(), model.is_empty());
                    for (found, key) in popped.into_iter().flatten() {
                        let Some(found) = found else { continue };
                        let (number, at, _) = model.pop_front().expect("more than were put in");
                        assert_eq!((found, key), (node(number), at));
                    }
                }
                _ if !model.is_empty() => {
                    let gone = rand.below(model.len() as u32) as usize;
                    let (_, key, spot) = model.remove(gone).expect("below the length");
                    assert_eq!(blocks.key(spot), key);
                    blocks.remove(ring, spot);
                }
                _ => {}
            }
            blocks.fetch(*ring);
            assert_eq!(ring.is_empty(), model.is_empty());
            if step % 64 == 0 {
                let expected: Vec<_> = model.iter().map(|&(number, ..)| node(number)).collect();
                assert_eq!(listed(&blocks, *ring), expected, "step {step}");
                let live: usize = rings.iter().map(|&ring| listed(&blocks, ring).len()).sum();
                let used = blocks.chunks.len() * CHUNK - free_blocks(&blocks);
                assert!(used <= live, "{used} blocks for {live} nodes");
            }
        }
    }

    #[test]
    fn a_place_at_the_end_is_used_again() {
        let (mut blocks, mut ring) = (Blocks::new(), Ring::EMPTY);
        let _first = blocks.push(&mut ring, node(0), 0);
        for number in 1..1_000 {
            let spot = blocks.push(&mut ring, node(number), 0);
            blocks.remove(&mut ring, spot);
        }
        assert_eq!(listed(&blocks, ring), [node(0)]);
        assert_eq!(free_blocks(&blocks), CHUNK - 1);
    }

    #[test]
    fn memory_beyond_a_little_goes_when_all_have_gone() {
        let (mut blocks, mut ring) = (Blocks::new(), Ring::EMPTY);
        for round in 0..2 {
            for number in 0..10_000 {
                blocks.push(&mut ring, node(number), 0);
            }
            assert!(blocks.chunks.len() >= 10_000 / ROOM / CHUNK);
            while blocks.pop_block(&mut ring).is_some() {}
            blocks.trim();
            assert_eq!(blocks.chunks.len(), KEPT, "round {round}");
            assert_eq!(free_blocks(&blocks), KEPT * CHUNK);
        }
    }
}
