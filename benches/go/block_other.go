//go:build !linux

package main

import "time"

// blockThread sleeps; only Linux's package syscall has a sleep that keeps the thread.
func blockThread() { time.Sleep(block) }
