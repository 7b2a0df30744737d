// Channels, locks, and work from a thread of its own.
package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	ringSize = 503
	sharers  = 8
)

func init() {
	timed("pingpong-mpsc", 1000, pingPong)
	timed("pingpong-oneshot", 1000, oneshots)
	timed("ring", ringSize*4, ring)
	timed("fan-in", 8000, fanIn)
	timed("mutex-handoff", 1000, func(ops int) time.Duration { return mutexes(sharers, ops, true) })
	timed("mutex-contended", 8000, func(ops int) time.Duration { return mutexes(sharers, ops, false) })
	timed("mutex-free", 1000, func(ops int) time.Duration { return mutexes(1, ops, false) })
	timed("rwlock-free", 1000, func(ops int) time.Duration { return rwlocks(1, ops) })
	timed("rwlock-contended", 8000, func(ops int) time.Duration { return rwlocks(sharers, ops) })
	timed("spawn-foreign", 1000, onThread(foreignSpawns))
	timed("wake-foreign", 1000, onThread(func(ops int) time.Duration { return foreignWakes(100, ops/100) }))
	timed("call-foreign", 100, onThread(func(ops int) time.Duration { return foreignWakes(1, ops) }))
}

func pingPong(ops int) time.Duration {
	there, back := make(chan int, 1), make(chan int, 1)
	go func() {
		for n := range there {
			back <- n + 1
		}
	}()
	return inTask(func() time.Duration {
		start := time.Now()
		for n := 0; n < ops; n++ {
			there <- n
			check(<-back == n+1, "the answer")
		}
		elapsed := time.Since(start)
		close(there)
		return elapsed
	})
}

// A question carries the channel for its one answer.
type question struct {
	n     int
	reply chan int
}

func oneshots(ops int) time.Duration {
	questions := make(chan question, 1)
	go func() {
		for asked := range questions {
			asked.reply <- asked.n + 1
		}
	}()
	return inTask(func() time.Duration {
		start := time.Now()
		for n := 0; n < ops; n++ {
			reply := make(chan int, 1)
			questions <- question{n, reply}
			check(<-reply == n+1, "the answer")
		}
		elapsed := time.Since(start)
		close(questions)
		return elapsed
	})
}

func ring(ops int) time.Duration {
	first := make(chan int, 1)
	last := first
	for i := 1; i < ringSize; i++ {
		here, next := last, make(chan int, 1)
		go func() {
			for n := range here {
				next <- n + 1
			}
			close(next)
		}()
		last = next
	}
	return inTask(func() time.Duration {
		start := time.Now()
		hops := 0
		for i := 0; i < ops/ringSize; i++ {
			first <- hops + 1
			hops = <-last
		}
		elapsed := time.Since(start)
		check(hops == ops/ringSize*ringSize, "hops round the ring")
		close(first)
		return elapsed
	})
}

func fanIn(ops int) time.Duration {
	return inTask(func() time.Duration {
		messages := make(chan int, 128)
		var senders sync.WaitGroup
		senders.Add(sharers)
		start := time.Now()
		for i := 0; i < sharers; i++ {
			go func() {
				for n := 0; n < ops/sharers; n++ {
					messages <- n
				}
				senders.Done()
			}()
		}
		go func() {
			senders.Wait()
			close(messages)
		}()
		received := 0
		for range messages {
			received++
		}
		elapsed := time.Since(start)
		check(received == ops, "messages received")
		return elapsed
	})
}

// share has tasks do part in turn, ops times between them.
func share(tasks, ops int, part func(n int)) time.Duration {
	return inTask(func() time.Duration {
		var group sync.WaitGroup
		group.Add(tasks)
		start := time.Now()
		for i := 0; i < tasks; i++ {
			go func() {
				for n := 0; n < ops/tasks; n++ {
					part(n)
				}
				group.Done()
			}()
		}
		group.Wait()
		return time.Since(start)
	})
}

func mutexes(tasks, ops int, hold bool) time.Duration {
	var mutex sync.Mutex
	count := 0
	elapsed := share(tasks, ops, func(int) {
		mutex.Lock()
		count++
		if hold {
			runtime.Gosched()
		}
		mutex.Unlock()
	})
	check(count == ops, "the count under the mutex")
	return elapsed
}

var seen atomic.Int64

func rwlocks(tasks, ops int) time.Duration {
	var lock sync.RWMutex
	count := int64(0)
	return share(tasks, ops, func(n int) {
		if n%8 == 0 {
			lock.Lock()
			count++
			lock.Unlock()
			return
		}
		lock.RLock()
		value := count
		lock.RUnlock()
		if value < 0 {
			seen.Store(value)
		}
	})
}

// onThread runs a workload in a goroutine that keeps a thread to itself: what Go has instead of a thread
// that its runtime does not know.
func onThread(run func(ops int) time.Duration) func(ops int) time.Duration {
	return func(ops int) time.Duration {
		return inTask(func() time.Duration {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			return run(ops)
		})
	}
}

func foreignSpawns(ops int) time.Duration {
	done := make(chan struct{})
	var left atomic.Int64
	left.Store(int64(ops))
	start := time.Now()
	for i := 0; i < ops; i++ {
		go func() {
			if left.Add(-1) == 0 {
				done <- struct{}{}
			}
		}()
	}
	<-done
	return time.Since(start)
}

func foreignWakes(tasks, rounds int) time.Duration {
	done := make(chan struct{})
	var left atomic.Int64
	slots := make([]chan struct{}, tasks)
	for i := range slots {
		slot := make(chan struct{}, 1)
		slots[i] = slot
		go func() {
			for range slot {
				if left.Add(-1) == 0 {
					done <- struct{}{}
				}
			}
		}()
	}
	round := func() {
		left.Store(int64(tasks))
		for _, slot := range slots {
			slot <- struct{}{}
		}
		<-done
	}
	round()
	start := time.Now()
	for i := 0; i < rounds; i++ {
		round()
	}
	elapsed := time.Since(start)
	for _, slot := range slots {
		close(slot)
	}
	return elapsed
}
