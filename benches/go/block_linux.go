package main

import "syscall"

// blockThread sleeps with its thread, behind the back of the scheduler's timers: a system call, as a
// library that blocks would make.
func blockThread() {
	left := syscall.NsecToTimespec(block.Nanoseconds())
	for syscall.Nanosleep(&left, &left) == syscall.EINTR {
	}
}
