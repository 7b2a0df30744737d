//! `select!`, `join!`, `try_join!`, `pin!`.
