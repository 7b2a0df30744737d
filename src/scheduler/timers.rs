//! Per-P timers.
