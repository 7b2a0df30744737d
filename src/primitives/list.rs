//! Intrusive doubly linked lists: nodes live in their owners (a pinned future, mostly), the list only
//! links them, so waiting allocates nothing.
//!
//! Protocol. A node is in at most one list, and the list's own lock guards its links. The owner removes
//! the node, under that lock, before the node's memory goes away. The list itself is `!Sync`: it lives
//! inside a `Mutex`.

use std::cell::Cell;
use std::marker::PhantomPinned;
use std::ptr::NonNull;

/// The links of one node. `T` is the node type, which finds its links through [`Linked`].
#[derive(Debug)]
pub(crate) struct Links<T> {
    prev: Cell<Option<NonNull<T>>>,
    next: Cell<Option<NonNull<T>>>,
    linked: Cell<bool>,
    /// Other nodes point here: the owner must stay where it is, and aliasing rules must allow it.
    _pin: PhantomPinned,
}

impl<T> Links<T> {
    pub(crate) const fn new() -> Self {
        Links {
            prev: Cell::new(None),
            next: Cell::new(None),
            linked: Cell::new(false),
            _pin: PhantomPinned,
        }
    }

    /// Is the node in a list? Call under the list's lock.
    pub(crate) fn is_linked(&self) -> bool {
        self.linked.get()
    }
}

/// A type with links for lists of itself.
///
/// # Safety
///
/// `links` must answer the address of the same `Links` for the same node at every call, without making
/// a reference to the whole node.
#[allow(unsafe_code)]
pub(crate) unsafe trait Linked: Sized {
    /// The address of the node's links.
    ///
    /// # Safety
    ///
    /// `node` points to a live node.
    unsafe fn links(node: NonNull<Self>) -> NonNull<Links<Self>>;
}

/// A list in insertion order. Dropping it unlinks nothing: nodes are their owners' business.
#[derive(Debug)]
pub(crate) struct List<T> {
    head: Option<NonNull<T>>,
    tail: Option<NonNull<T>>,
}

#[allow(unsafe_code)]
// SAFETY: a list is two addresses; who may follow them is decided by the lock that the list lives in.
unsafe impl<T> Send for List<T> {}

#[allow(unsafe_code)]
impl<T: Linked> List<T> {
    pub(crate) const fn new() -> Self {
        List { head: None, tail: None }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// The oldest node, left in place.
    pub(crate) fn front(&self) -> Option<NonNull<T>> {
        self.head
    }

    /// The newest node, left in place.
    pub(crate) fn back(&self) -> Option<NonNull<T>> {
        self.tail
    }

    /// Appends a node.
    ///
    /// # Safety
    ///
    /// The node is in no list, and stays at its address until it is removed from this one.
    pub(crate) unsafe fn push_back(&mut self, node: NonNull<T>) {
        // SAFETY: the caller's node is alive; links are reached without a reference to the node.
        let links = unsafe { T::links(node).as_ref() };
        debug_assert!(!links.linked.get(), "List::push_back: node is in a list");
        links.prev.set(self.tail);
        links.next.set(None);
        links.linked.set(true);
        match self.tail {
            // SAFETY: nodes in the list are alive (push_back's contract).
            Some(tail) => unsafe { T::links(tail).as_ref() }.next.set(Some(node)),
            None => self.head = Some(node),
        }
        self.tail = Some(node);
    }

    /// Takes the oldest node out.
    #[cfg(test)]
    pub(crate) fn pop_front(&mut self) -> Option<NonNull<T>> {
        let node = self.head?;
        // SAFETY: the head is in this list.
        unsafe { self.remove(node) };
        Some(node)
    }

    /// Takes the newest node out.
    #[cfg(test)]
    pub(crate) fn pop_back(&mut self) -> Option<NonNull<T>> {
        let node = self.tail?;
        // SAFETY: the tail is in this list.
        unsafe { self.remove(node) };
        Some(node)
    }

    /// Takes a node out; does nothing (false) when it is in no list.
    ///
    /// # Safety
    ///
    /// The node is alive, and is either in no list or in this one.
    pub(crate) unsafe fn remove(&mut self, node: NonNull<T>) -> bool {
        // SAFETY: alive by the contract.
        let links = unsafe { T::links(node).as_ref() };
        if !links.linked.replace(false) {
            return false;
        }
        let (prev, next) = (links.prev.take(), links.next.take());
        match prev {
            // SAFETY: neighbours are in the list, hence alive.
            Some(prev) => unsafe { T::links(prev).as_ref() }.next.set(next),
            None => self.head = next,
        }
        match next {
            // SAFETY: as above.
            Some(next) => unsafe { T::links(next).as_ref() }.prev.set(prev),
            None => self.tail = prev,
        }
        true
    }

    /// The node after `node`.
    ///
    /// # Safety
    ///
    /// The node is in this list.
    pub(crate) unsafe fn next_of(&self, node: NonNull<T>) -> Option<NonNull<T>> {
        // SAFETY: in the list, hence alive.
        unsafe { T::links(node).as_ref() }.next.get()
    }
}

#[cfg(test)]
#[allow(unsafe_code)]
mod tests {
    use super::*;
    use crate::primitives::rand::Rand;

    struct Node {
        links: Links<Node>,
        value: u32,
    }

    // SAFETY: always the field `links`, through a raw place expression.
    unsafe impl Linked for Node {
        unsafe fn links(node: NonNull<Self>) -> NonNull<Links<Self>> {
            // SAFETY: the node is alive, so its field has an address that is not null.
            unsafe { NonNull::new_unchecked(&raw mut (*node.as_ptr()).links) }
        }
    }

    #[test]
    fn matches_a_vector_under_random_operations() {
        let nodes: Vec<NonNull<Node>> = (0..16)
            .map(|value| NonNull::from(Box::leak(Box::new(Node { links: Links::new(), value }))))
            .collect();
        let rand = Rand::new(11);
        let (mut list, mut model) = (List::new(), Vec::new());
        for _ in 0..20_000 {
            let i = rand.below(16);
            let node = nodes[i as usize];
            match rand.below(4) {
                0 if !model.contains(&i) => {
                    // SAFETY: the nodes are leaked boxes, alive to the end of the test.
                    unsafe { list.push_back(node) };
                    model.push(i);
                }
                1 => {
                    // SAFETY: as above, and there is no other list.
                    let removed = unsafe { list.remove(node) };
                    assert_eq!(removed, model.contains(&i));
                    model.retain(|&x| x != i);
                }
                2 => {
                    // SAFETY: as above.
                    let popped = list.pop_front().map(|n| unsafe { n.as_ref() }.value);
                    assert_eq!(popped, (!model.is_empty()).then(|| model.remove(0)));
                }
                _ => {
                    // SAFETY: as above.
                    let popped = list.pop_back().map(|n| unsafe { n.as_ref() }.value);
                    assert_eq!(popped, model.pop());
                }
            }
            assert_eq!(list.is_empty(), model.is_empty());
        }
        for node in nodes {
            // SAFETY: made by Box::leak above, freed once.
            drop(unsafe { Box::from_raw(node.as_ptr()) });
        }
    }
}
