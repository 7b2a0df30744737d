// Timers, and what a waiting goroutine holds.
package main

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"
)

func init() {
	timed("sleep-drop", 1000, func(ops int) time.Duration {
		return inTask(func() time.Duration {
			start := time.Now()
			for i := 0; i < ops; i++ {
				timer := time.NewTimer(time.Second)
				check(timer.Stop(), "a second has not passed")
			}
			return time.Since(start)
		})
	})
	timed("timeout-yield", 1000, func(ops int) time.Duration {
		return inTask(func() time.Duration {
			start := time.Now()
			for i := 0; i < ops; i++ {
				limited, cancel := context.WithTimeout(context.Background(), time.Second)
				runtime.Gosched()
				check(limited.Err() == nil, "a second has not passed")
				cancel()
			}
			return time.Since(start)
		})
	})
	figures(func(s scale) []float64 {
		sleeps := s.ops(100_000, 100_000)
		manySleeps(sleeps / 10)
		return []float64{nanosPerOp(manySleeps(sleeps), sleeps)}
	}, "sleeps-cpu")
	figures(lateness, "sleep-late-p50", "sleep-late-p99")
	figures(bytesPerTask, "task-bytes")
}

// processCPU is the CPU time of all threads so far.
func processCPU() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// spread is the sleep of task n: 100 to 500 ms in an order that no structure is made for.
func spread(n uint64) time.Duration {
	mixed := n * 0x9E37_79B9_7F4A_7C15 >> 40
	return time.Duration(100_000+mixed%400_000) * time.Microsecond
}

func manySleeps(sleeps int) time.Duration {
	before := processCPU()
	var group sync.WaitGroup
	group.Add(sleeps)
	for n := 0; n < sleeps; n++ {
		go func() {
			time.Sleep(spread(uint64(n)))
			group.Done()
		}()
	}
	group.Wait()
	return processCPU() - before
}

func lateness(s scale) []float64 {
	times := s.ops(500, 100)
	late := inTask(func() []time.Duration {
		var late []time.Duration
		// The first few find cold caches and threads that do not exist yet.
		for n := 0; n < times+5; n++ {
			start := time.Now()
			time.Sleep(time.Millisecond)
			if n >= 5 {
				late = append(late, time.Since(start)-time.Millisecond)
			}
		}
		return late
	})
	return []float64{micros(quantile(late, 0.5)), micros(quantile(late, 0.99))}
}

func micros(time time.Duration) float64 { return float64(time.Nanoseconds()) / 1e3 }

// quantile is the value below which the share q of the samples lies.
func quantile(samples []time.Duration, q float64) time.Duration {
	slices.Sort(samples)
	return samples[int(float64(len(samples)-1)*q+0.5)]
}

// bytesPerTask is what stacks and heap grow by for each goroutine that waits.
func bytesPerTask(s scale) []float64 {
	tasks := s.ops(100_000, 100_000)
	used := func() float64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return float64(stats.StackInuse + stats.HeapAlloc)
	}
	var started sync.WaitGroup
	started.Add(tasks)
	stop := make(chan struct{})
	before := used()
	for i := 0; i < tasks; i++ {
		go func() {
			started.Done()
			<-stop
		}()
	}
	started.Wait()
	after := used()
	close(stop)
	return []float64{(after - before) / float64(tasks)}
}
