//! What the slots of the wheel hold: rings of blocks, each with room for the addresses and the keys of a few nodes.
//!
//! Not a list through the nodes, because nodes lie all over the memory: of a list, each one has to be fetched
//! before the next can be asked for, and a node that goes drags two neighbours along. Here the addresses of all
//! that a slot holds stand side by side, so the memory can be asked for many at once ([`Blocks::fetch`]), and who
//! leaves touches its block and mostly no other.
//!
//! A ring is named by its oldest block. A node enters behind the newest entry, and leaves a hole when it goes; a
//! block of nothing but holes goes at once, so there is at least one node for each block, and a ring stays in
//! the order of insertion.
//!
//! Blocks are numbered and lie in chunks that do not move; a number is the whole of a link, and nothing here is
//! unsafe. A chunk none of whose blocks is in use goes back to the allocator, unless it is one of [`KEPT`] spare ones:
//! so a burst leaves little behind, whoever stays, and numbers that go up and down a little cost no calls of the
//! allocator.

use std::mem;
use std::ptr::NonNull;

use super::entry::Node;
use crate::primitives::prefetch;

/// Nodes in a block: as many as fit into two lines of 64 bytes.
const ROOM: usize = (128 - 16) / size_of::<Entry>();

/// Blocks in a chunk: 4 KiB, and a word of bits.
const CHUNK: usize = u32::BITS as usize;

/// Chunks that a wheel keeps although nothing is in them: 64 KiB. A guess.
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
#[derive(Clone, Copy)]
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
#[derive(Default)]
pub(super) struct Blocks {
    chunks: Vec<Chunk>,
    /// Numbers of chunks with a free block; the last one is taken from.
    roomy: Vec<u32>,
    /// How many chunks have no block in use.
    spare: usize,
    /// Numbers of chunks that were given back.
    vacant: Vec<u32>,
}

struct Chunk {
    /// `None`: given back.
    blocks: Option<Box<[Block; CHUNK]>>,
    /// One bit for each block that is not in use.
    free: u32,
    /// Where it stands in `roomy`, if it does.
    place: u32,
}

impl Blocks {
    pub(super) fn new() -> Blocks {
        Blocks::default()
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
        debug_assert!(!ring.is_empty(), "Blocks::remove: of another ring");
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
        if !prefetch::WORKS || ring.is_empty() {
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
        if prefetch::WORKS && !ring.is_empty() {
            prefetch::read(self.block(ring.0));
        }
    }

    /// Chunks that it has from the allocator.
    #[cfg(all(test, not(gmp_loom)))]
    pub(super) fn held(&self) -> usize {
        self.chunks.iter().filter(|chunk| chunk.blocks.is_some()).count()
    }

    /// An empty block at the end of a ring.
    fn append(&mut self, ring: &mut Ring) -> u32 {
        let number = self.take();
        if ring.is_empty() {
            *ring = Ring(number);
            let block = self.block_mut(number);
            (block.prev, block.next) = (number, number);
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
        self.give_back(number);
    }

    /// A free block, empty.
    fn take(&mut self) -> u32 {
        let number = match self.roomy.last() {
            Some(&number) => number,
            None => self.add_chunk(),
        };
        let chunk = &mut self.chunks[number as usize];
        if chunk.free == u32::MAX {
            self.spare -= 1;
        }
        let index = chunk.free.trailing_zeros();
        chunk.free &= chunk.free - 1;
        if chunk.free == 0 {
            self.roomy.pop();
        }
        let number = number * CHUNK as u32 + index;
        let block = self.block_mut(number);
        (block.used, block.live) = (0, 0);
        number
    }

    /// A block of no ring, without entries.
    fn give_back(&mut self, number: u32) {
        let (chunk, index) = (number / CHUNK as u32, number % CHUNK as u32);
        let number = chunk;
        let chunk = &mut self.chunks[number as usize];
        if chunk.free == 0 {
            chunk.place = self.roomy.len() as u32;
            self.roomy.push(number);
        }
        chunk.free |= 1 << index;
        if chunk.free == u32::MAX {
            self.spare += 1;
            if self.spare > KEPT {
                self.drop_chunk(number);
            }
        }
    }

    #[cold]
    fn add_chunk(&mut self) -> u32 {
        let place = self.roomy.len() as u32;
        let blocks = Some(Box::new([Block::EMPTY; CHUNK]));
        let chunk = Chunk { blocks, free: u32::MAX, place };
        let number = self.vacant.pop().unwrap_or(self.chunks.len() as u32);
        if number as usize == self.chunks.len() {
            assert!(self.chunks.len() < NIL as usize / CHUNK, "more than 2^32 blocks of timers");
            self.chunks.push(chunk);
        } else {
            self.chunks[number as usize] = chunk;
        }
        self.roomy.push(number);
        self.spare += 1;
        number
    }

    /// A spare chunk goes back to the allocator.
    #[cold]
    fn drop_chunk(&mut self, number: u32) {
        let place = self.chunks[number as usize].place;
        self.roomy.swap_remove(place as usize);
        if let Some(&moved) = self.roomy.get(place as usize) {
            self.chunks[moved as usize].place = place;
        }
        self.chunks[number as usize].blocks = None;
        self.vacant.push(number);
        self.spare -= 1;
    }

    #[inline]
    fn block(&self, number: u32) -> &Block {
        let chunk = &self.chunks[number as usize / CHUNK].blocks;
        &chunk.as_ref().expect("a chunk in use")[number as usize % CHUNK]
    }

    #[inline]
    fn block_mut(&mut self, number: u32) -> &mut Block {
        let chunk = &mut self.chunks[number as usize / CHUNK].blocks;
        &mut chunk.as_mut().expect("a chunk in use")[number as usize % CHUNK]
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

    fn in_use(blocks: &Blocks) -> usize {
        let used = |chunk: &Chunk| chunk.free.count_zeros() as usize;
        for (place, &number) in blocks.roomy.iter().enumerate() {
            let chunk = &blocks.chunks[number as usize];
            assert_eq!((chunk.place as usize, chunk.free == 0), (place, false));
        }
        let roomy = |chunk: &&Chunk| chunk.blocks.is_some() && chunk.free != 0;
        assert_eq!(blocks.chunks.iter().filter(roomy).count(), blocks.roomy.len());
        let spare = |chunk: &&Chunk| chunk.blocks.is_some() && chunk.free == u32::MAX;
        assert_eq!(blocks.chunks.iter().filter(spare).count(), blocks.spare);
        blocks.chunks.iter().map(used).sum()
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
                let used = in_use(&blocks);
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
        assert_eq!((in_use(&blocks), blocks.held()), (1, 1));
    }

    #[test]
    fn a_burst_leaves_little_behind_whoever_stays() {
        let (mut blocks, mut ring, mut burst) = (Blocks::new(), Ring::EMPTY, Ring::EMPTY);
        for round in 0..3 {
            let before = blocks.push(&mut burst, node(0), 0);
            for number in 0..10_000 {
                blocks.push(&mut burst, node(number), 0);
                if number == 5_000 {
                    blocks.push(&mut ring, node(number), 0);
                }
            }
            assert!(blocks.held() >= 10_000 / ROOM / CHUNK);
            blocks.remove(&mut burst, before);
            while blocks.pop_block(&mut burst).is_some() {}
            assert_eq!(in_use(&blocks), 1);
            assert!((KEPT..KEPT + 2).contains(&blocks.held()), "round {round}: {}", blocks.held());
        }
        assert_eq!(listed(&blocks, ring).len(), 3);
        assert!(blocks.chunks.len() < 2 * 10_000 / ROOM / CHUNK, "numbers are used again");
    }

    #[test]
    fn spare_blocks_are_used_before_new_ones() {
        let (mut blocks, mut ring) = (Blocks::new(), Ring::EMPTY);
        for _ in 0..100 {
            for number in 0..KEPT * CHUNK * ROOM {
                blocks.push(&mut ring, node(number), 0);
            }
            assert_eq!(blocks.held(), KEPT);
            while blocks.pop_block(&mut ring).is_some() {}
            assert_eq!(blocks.held(), KEPT);
        }
    }
}
